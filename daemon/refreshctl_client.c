#include "daemon/refreshctl_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PIECE_BYTES 65536

struct client {
    int fd;
    char *socket;
    struct protocol_lines lines;
    char piece[PROTOCOL_FRAME_HEAD + PIECE_BYTES];
};

static int unreachable(const char *path, int os_errno, struct error *err)
{
    const char *help = os_errno == EACCES
                           ? "join the group of the socket ([control] group), or use sudo"
                           : "start it (systemctl start refreshd, or refreshd --config FILE), or "
                             "name its socket with --socket";
    return error_set(err, ERROR_UNREACHABLE, "refreshd is not reachable at %s: %s; %s", path,
                     strerror(os_errno), help);
}

int client_again(struct client *client, struct error *err)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strlen(client->socket) >= sizeof name.sun_path)
        return unreachable(client->socket, ENAMETOOLONG, err);
    memcpy(name.sun_path, client->socket, strlen(client->socket));
    if (client->fd >= 0)
        (void)close(client->fd);
    protocol_lines_free(&client->lines);
    client->lines = (struct protocol_lines){.limit = PROTOCOL_REPLY_LIMIT};
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || connect(client->fd, (const struct sockaddr *)&name, sizeof name) != 0)
        return unreachable(client->socket, errno, err);
    return 0;
}

int client_open(struct client **out, const char *path, struct error *err)
{
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL || (client->socket = strdup(path)) == NULL) {
        free(client);
        return error_memory(err, "a connection");
    }
    client->fd = -1;
    if (client_again(client, err) != 0) {
        client_close(client);
        return -1;
    }
    *out = client;
    return 0;
}

void client_close(struct client *client)
{
    if (client == NULL)
        return;
    if (client->fd >= 0)
        (void)close(client->fd);
    protocol_lines_free(&client->lines);
    free(client->socket);
    free(client);
}

static int lost(const struct client *client, struct error *err)
{
    return error_set(err, ERROR_UNREACHABLE, "refreshd ended the connection at %s", client->socket);
}

/* 0, or -1 with errno. */
static int send_all(const struct client *client, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t sent = send(client->fd, data, bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return -1;
        if (sent > 0) {
            data += sent;
            bytes -= (size_t)sent;
        }
    }
    return 0;
}

static int receive(struct client *client, struct error *err)
{
    ssize_t got;
    do {
        got = recv(client->fd, client->piece, PIECE_BYTES, 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0)
        return lost(client, err);
    return protocol_lines_add(&client->lines, client->piece, (size_t)got, err);
}

static int read_reply(struct client *client, cJSON **reply, struct error *err)
{
    char *line;
    size_t length;
    int got;
    while ((got = protocol_lines_next(&client->lines, &line, &length, err)) == 0)
        if (receive(client, err) != 0)
            return -1;
    if (got < 0)
        return -1;
    cJSON *json = cJSON_ParseWithLength(line, length);
    if (!cJSON_IsObject(json)) {
        cJSON_Delete(json);
        return error_set(err, ERROR_VALUE, "what answers at %s is not refreshd", client->socket);
    }
    if (protocol_reply_check(json, err) != 0) {
        cJSON_Delete(json);
        return -1;
    }
    *reply = json;
    return 0;
}

int client_call(struct client *client, const char *command, cJSON *arguments, cJSON **reply,
                struct error *err)
{
    cJSON *request = cJSON_CreateObject();
    char *text = NULL;
    bool made = cJSON_AddStringToObject(request, "command", command) != NULL;
    if (arguments != NULL && (!made || !cJSON_AddItemToObject(request, "arguments", arguments))) {
        cJSON_Delete(arguments);
        made = false;
    }
    if (made)
        text = cJSON_PrintUnformatted(request);
    cJSON_Delete(request);
    if (text == NULL)
        return error_memory(err, "a request");
    size_t length = strlen(text);
    text[length] = '\n'; /* the NUL's place */
    int sent = send_all(client, text, length + 1);
    free(text);
    /* A daemon that refused us has said why before it closed. */
    if (sent != 0 && errno != EPIPE && errno != ECONNRESET)
        return lost(client, err);
    return read_reply(client, reply, err);
}

int client_attached(struct client *client, uint64_t bytes, client_piece *piece, void *context,
                    struct error *err)
{
    while (bytes > 0) {
        const unsigned char *data;
        size_t have = protocol_lines_rest(&client->lines, &data);
        if (have == 0) {
            if (receive(client, err) != 0)
                return -1;
            continue;
        }
        if (have > bytes)
            have = (size_t)bytes;
        int result = piece(context, data, have);
        if (result != 0)
            return result;
        protocol_lines_skip(&client->lines, have);
        bytes -= have;
    }
    return 0;
}

/* 1 = fd has something for us, 0 = refreshd answered already. */
static int wait_for_input(const struct client *client, int fd)
{
    struct pollfd both[] = {{.fd = client->fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    int ready;
    do {
        ready = poll(both, 2, -1);
    } while (ready < 0 && errno == EINTR);
    return ready < 0 || both[0].revents == 0;
}

int client_upload(struct client *client, int fd, const char *name, cJSON **reply, struct error *err)
{
    ssize_t got = 1;
    while (got > 0 && wait_for_input(client, fd)) {
        do {
            got = read(fd, client->piece + PROTOCOL_FRAME_HEAD, PIECE_BYTES);
        } while (got < 0 && errno == EINTR);
        if (got < 0)
            return error_io(err, errno, "read", name);
        /* Nothing read is the frame of length 0, the end. */
        protocol_frame_head((uint32_t)got, (unsigned char *)client->piece);
        if (send_all(client, client->piece, PROTOCOL_FRAME_HEAD + (size_t)got) != 0)
            break;
    }
    return read_reply(client, reply, err);
}
