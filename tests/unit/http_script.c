#include "tests/unit/http_script.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_ROOM (1 << 16)

struct connection {
    struct http_script *script;
    unsigned number;
    int socket;
};

static bool send_all(int socket, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t sent = send(socket, data, bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        bytes -= (size_t)sent;
    }
    return true;
}

/* One request, head and body, into text (NUL-terminated); false when the client went. */
static bool read_request(int socket, char *text, char **body)
{
    size_t used = 0;
    for (;;) {
        ssize_t got = recv(socket, text + used, REQUEST_ROOM - used - 1, 0);
        if (got <= 0)
            return false;
        used += (size_t)got;
        text[used] = '\0';
        char *end = strstr(text, "\r\n\r\n");
        if (end == NULL)
            continue;
        const char *length = strcasestr(text, "\r\nContent-Length: ");
        size_t wanted = length == NULL ? 0 : strtoul(length + 18, NULL, 10);
        *body = end + 4;
        if (used - (size_t)(*body - text) >= wanted)
            return true;
    }
}

static bool send_echo(int socket, const char *request, const char *body)
{
    char text[REQUEST_ROOM];
    int line = (int)strcspn(request, "\r");
    int length = line + 1 + (int)strlen(body);
    int bytes = snprintf(text, sizeof text,
                         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                         "Content-Length: %d\r\n\r\n%.*s\n%s",
                         length, line, request, body);
    return send_all(socket, text, (size_t)bytes);
}

static bool send_reply(int socket, const struct step *step, const char *request, const char *body)
{
    static const char filler[4096] = "";
    if (step->reply == NULL)
        return send_echo(socket, request, body);
    if (!send_all(socket, step->reply, strlen(step->reply)))
        return false;
    for (size_t left = step->filler; left > 0;) {
        size_t part = left < sizeof filler ? left : sizeof filler;
        if (!send_all(socket, filler, part))
            return false;
        left -= part;
    }
    return true;
}

static void end_connection(int socket, enum after after)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    char byte;
    if (after == AFTER_HANG) {
        while (recv(socket, &byte, 1, 0) > 0) {
        }
    } else if (after == AFTER_RESET) {
        (void)setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
}

static void keep_agent(struct http_script *script, const char *request)
{
    const char *agent = strcasestr(request, "\r\nUser-Agent: ");
    if (agent != NULL)
        (void)snprintf(script->last_agent, sizeof script->last_agent, "%.*s",
                       (int)strcspn(agent + 14, "\r"), agent + 14);
}

static void *serve(void *argument)
{
    struct connection *connection = argument;
    struct http_script *script = connection->script;
    char request[REQUEST_ROOM];
    char *body;
    enum after after = AFTER_KEEP;
    while (after == AFTER_KEEP && read_request(connection->socket, request, &body)) {
        unsigned number = atomic_fetch_add(&script->requests, 1);
        if (number == 0)
            keep_agent(script, request);
        if (strcasestr(request, "\r\nExpect:") != NULL)
            atomic_store(&script->expect_seen, true);
        const struct step *step =
            &script->steps[number < script->count ? number : script->count - 1];
        after = send_reply(connection->socket, step, request, body) ? step->after : AFTER_CLOSE;
    }
    end_connection(connection->socket, after);
    /* The number of the socket stays taken until the script stops, its connection does not. */
    if (after == AFTER_RESET) {
        struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
        (void)connect(connection->socket, &nowhere, sizeof nowhere);
    } else {
        (void)shutdown(connection->socket, SHUT_RDWR);
    }
    free(connection);
    return NULL;
}

static void *accept_all(void *argument)
{
    struct http_script *script = argument;
    for (;;) {
        int made = accept(script->listener, NULL, NULL);
        if (made < 0)
            return NULL;
        unsigned number = atomic_load(&script->connections);
        struct connection *connection = malloc(sizeof *connection);
        if (connection == NULL || number == SCRIPT_CONNECTIONS)
            abort();
        *connection = (struct connection){script, number, made};
        script->sockets[number] = made;
        atomic_store(&script->connections, number + 1); /* before anything is served on it */
        if (pthread_create(&script->threads[number], NULL, serve, connection) != 0)
            abort();
    }
}

void http_script_start(struct http_script *script)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    script->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (script->listener < 0 ||
        bind(script->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(script->listener, 512) != 0 ||
        getsockname(script->listener, (struct sockaddr *)&address, &length) != 0 ||
        pthread_create(&script->acceptor, NULL, accept_all, script) != 0)
        abort();
    script->port = ntohs(address.sin_port);
}

void http_script_stop(struct http_script *script)
{
    (void)shutdown(script->listener, SHUT_RDWR);
    (void)pthread_join(script->acceptor, NULL);
    (void)close(script->listener);
    for (unsigned i = 0; i < atomic_load(&script->connections); i++) {
        (void)shutdown(script->sockets[i], SHUT_RDWR);
        (void)pthread_join(script->threads[i], NULL);
        (void)close(script->sockets[i]);
    }
}
