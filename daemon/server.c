#include "daemon/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/server_socket.h"

#define READ_BYTES 65536
#define BACKLOG 128

struct server {
    struct server_settings settings;
    char *path;
    uv_pipe_t listener;
    bool closing;
    unsigned open; /* connections whose memory is not freed yet */
    struct connection *first;
    char room[READ_BYTES]; /* one read's bytes; used up within the callback */
};

struct connection {
    uv_pipe_t pipe;
    struct server *server;
    struct connection *previous, *next;
    struct protocol_lines lines;
    struct ucred peer;
    struct upload *upload;
    bool busy;     /* a request is in the works or its reply is being sent */
    bool eof;      /* the client sends no more */
    bool last;     /* end when the present reply is sent */
    bool dropping; /* answered before its upload ended: drop what comes */
    bool dead;     /* uv_close was called */
    uv_write_t write;
    char *text; /* reply or chunk being sent */
    int spool;
    uint64_t spool_left, spool_offset;
};

static void next_request(struct connection *connection);
static void send_chunk(struct connection *connection);

const struct ucred *connection_peer(const struct connection *connection)
{
    return &connection->peer;
}

static void free_connection(struct connection *connection)
{
    protocol_lines_free(&connection->lines);
    if (connection->spool >= 0)
        (void)close(connection->spool);
    free(connection->text);
    free(connection);
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    struct server *server = connection->server;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        server->first = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    server->open--;
    free_connection(connection);
}

static void end_connection(struct connection *connection)
{
    if (connection->dead)
        return;
    connection->dead = true;
    struct upload *upload = connection->upload;
    connection->upload = NULL;
    if (upload != NULL)
        upload->gone(upload);
    uv_close((uv_handle_t *)&connection->pipe, on_closed);
}

static void on_allocate(uv_handle_t *handle, size_t wanted, uv_buf_t *room)
{
    struct connection *connection = handle->data;
    (void)wanted;
    *room = uv_buf_init(connection->server->room, READ_BYTES);
}

static void on_eof(struct connection *connection)
{
    connection->eof = true;
    (void)uv_read_stop((uv_stream_t *)&connection->pipe);
    if (connection->upload != NULL || connection->dropping || !connection->busy)
        end_connection(connection);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *room)
{
    struct connection *connection = stream->data;
    if (got < 0) {
        on_eof(connection);
        return;
    }
    if (got == 0 || connection->dropping)
        return;
    if (connection->upload != NULL) {
        connection->upload->bytes(connection->upload, (const unsigned char *)room->base,
                                  (size_t)got);
        return;
    }
    struct error err;
    if (protocol_lines_add(&connection->lines, room->base, (size_t)got, &err) != 0) {
        log_failure(LOG_LEVEL_WARNING, "connection_dropped", &err);
        end_connection(connection);
        return;
    }
    next_request(connection);
}

/* Take up the next request, or wait for it. */
static void next_request(struct connection *connection)
{
    struct server *server = connection->server;
    while (!connection->busy && !connection->dead) {
        char *line;
        size_t length;
        struct error err;
        int got = protocol_lines_next(&connection->lines, &line, &length, &err);
        if (got < 0) {
            connection->busy = true;
            connection->last = true;
            (void)uv_read_stop((uv_stream_t *)&connection->pipe);
            connection_fail(connection, &err);
        } else if (got > 0 && length > 0) {
            connection->busy = true;
            (void)uv_read_stop((uv_stream_t *)&connection->pipe);
            server->settings.request(server->settings.context, connection, line, length);
        } else if (got == 0 && (connection->eof || server->closing)) {
            end_connection(connection);
        } else if (got == 0) {
            (void)uv_read_start((uv_stream_t *)&connection->pipe, on_allocate, on_read);
            return;
        }
    }
}

static void reply_sent(struct connection *connection)
{
    if (connection->dropping) {
        if (connection->eof)
            end_connection(connection);
        return;
    }
    if (connection->last || connection->server->closing) {
        end_connection(connection);
        return;
    }
    connection->busy = connection->upload != NULL;
    if (connection->busy)
        (void)uv_read_start((uv_stream_t *)&connection->pipe, on_allocate, on_read);
    else
        next_request(connection);
}

static void on_written(uv_write_t *write, int status)
{
    struct connection *connection = write->data;
    free(connection->text);
    connection->text = NULL;
    if (connection->dead)
        return;
    if (status < 0)
        end_connection(connection);
    else if (connection->spool_left > 0)
        send_chunk(connection);
    else
        reply_sent(connection);
}

/* Send text, which the connection owns from here on. */
static void send_text(struct connection *connection, char *text, size_t length)
{
    uv_buf_t bytes = uv_buf_init(text, (unsigned)length);
    connection->text = text;
    connection->write.data = connection;
    if (uv_write(&connection->write, (uv_stream_t *)&connection->pipe, &bytes, 1, on_written) != 0)
        end_connection(connection);
}

/* The spool is a file of ours that was just written: reading it does not wait. */
static void send_chunk(struct connection *connection)
{
    size_t want = connection->spool_left < READ_BYTES ? (size_t)connection->spool_left : READ_BYTES;
    char *chunk = malloc(READ_BYTES);
    ssize_t got = -1;
    if (chunk != NULL)
        got = pread(connection->spool, chunk, want, (off_t)connection->spool_offset);
    if (got <= 0) {
        free(chunk);
        end_connection(connection);
        return;
    }
    connection->spool_offset += (uint64_t)got;
    connection->spool_left -= (uint64_t)got;
    send_text(connection, chunk, (size_t)got);
}

/* The reply as a line; NULL when out of memory. Frees the reply. */
static char *reply_text(cJSON *reply, size_t *length)
{
    char *text = reply != NULL ? cJSON_PrintUnformatted(reply) : NULL;
    cJSON_Delete(reply);
    if (text == NULL)
        return NULL;
    *length = strlen(text);
    text[(*length)++] = '\n'; /* takes the NUL's place */
    return text;
}

/* While stopping there is no time to wait for a client that does not read. */
static void reply_and_end(struct connection *connection, char *text, size_t length)
{
    uv_buf_t bytes = uv_buf_init(text, (unsigned)length);
    (void)uv_try_write((uv_stream_t *)&connection->pipe, &bytes, 1);
    free(text);
    end_connection(connection);
}

void connection_reply(struct connection *connection, cJSON *reply, int spool, uint64_t attached)
{
    if (connection->spool >= 0)
        (void)close(connection->spool);
    connection->spool = spool;
    connection->spool_offset = 0;
    connection->spool_left = attached;
    size_t length = 0;
    char *text = reply_text(reply, &length);
    if (text == NULL) {
        end_connection(connection);
        return;
    }
    if (connection->upload != NULL) {
        connection->upload = NULL;
        connection->dropping = true;
        if (!connection->eof)
            (void)uv_read_start((uv_stream_t *)&connection->pipe, on_allocate, on_read);
    }
    if (connection->server->closing)
        reply_and_end(connection, text, length);
    else
        send_text(connection, text, length);
}

void connection_fail(struct connection *connection, const struct error *err)
{
    connection_reply(connection, protocol_reply_error(err), -1, 0);
}

void connection_upload(struct connection *connection, struct upload *upload, cJSON *ready)
{
    connection_reply(connection, ready, -1, 0);
    const unsigned char *early;
    if (protocol_lines_rest(&connection->lines, &early) > 0 || connection->dead) {
        upload->gone(upload);
        end_connection(connection);
        return;
    }
    connection->upload = upload;
}

void connection_hold(struct connection *connection, bool hold)
{
    if (hold)
        (void)uv_read_stop((uv_stream_t *)&connection->pipe);
    else if (!connection->dead && !connection->eof)
        (void)uv_read_start((uv_stream_t *)&connection->pipe, on_allocate, on_read);
}

static void on_listener_closed(uv_handle_t *handle)
{
    server_free(handle->data);
}

static void refuse(struct connection *connection)
{
    struct error err;
    error_set(&err, ERROR_BUSY, "%u connections are open; close some", SERVER_CONNECTIONS);
    size_t length = 0;
    char *text = reply_text(protocol_reply_error(&err), &length);
    if (text != NULL)
        reply_and_end(connection, text, length);
    else
        end_connection(connection);
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct server *server = stream->data;
    struct connection *connection = status < 0 ? NULL : calloc(1, sizeof *connection);
    if (connection == NULL)
        return;
    connection->server = server;
    connection->spool = -1;
    connection->lines.limit = PROTOCOL_REQUEST_LIMIT;
    (void)uv_pipe_init(stream->loop, &connection->pipe, 0);
    connection->pipe.data = connection;
    connection->next = server->first;
    if (server->first != NULL)
        server->first->previous = connection;
    server->first = connection;
    server->open++;
    uv_os_fd_t fd;
    socklen_t size = sizeof connection->peer;
    if (uv_accept(stream, (uv_stream_t *)&connection->pipe) != 0 ||
        uv_fileno((uv_handle_t *)&connection->pipe, &fd) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &connection->peer, &size) != 0)
        end_connection(connection);
    else if (server->open > SERVER_CONNECTIONS)
        refuse(connection);
    else
        next_request(connection);
}

int server_open(struct server **out, uv_loop_t *loop, const struct server_settings *settings,
                struct error *err)
{
    int fd = -1;
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL || (server->path = strdup(settings->path)) == NULL) {
        free(server);
        return error_memory(err, "the control socket");
    }
    server->settings = *settings;
    if (server_socket_bind(server->path, settings->group, &fd, err) != 0) {
        server_free(server);
        return -1;
    }
    (void)uv_pipe_init(loop, &server->listener, 0);
    server->listener.data = server;
    int status = uv_pipe_open(&server->listener, fd);
    if (status != 0)
        (void)close(fd);
    else if (listen(fd, BACKLOG) != 0)
        status = uv_translate_sys_error(errno);
    if (status != 0) {
        error_set(err, ERROR_IO, "cannot listen on %s: %s", server->path, uv_strerror(status));
        (void)unlink(server->path);
        uv_close((uv_handle_t *)&server->listener, on_listener_closed);
        return -1;
    }
    *out = server;
    return 0;
}

int server_begin(struct server *server, struct error *err)
{
    int status = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
    if (status == 0)
        return 0;
    return error_set(err, ERROR_IO, "cannot listen on %s: %s", server->path, uv_strerror(status));
}

void server_close(struct server *server)
{
    if (server == NULL || server->closing)
        return;
    server->closing = true;
    (void)unlink(server->path);
    uv_close((uv_handle_t *)&server->listener, NULL);
    for (struct connection *connection = server->first; connection != NULL;
         connection = connection->next)
        if (!connection->busy || connection->dropping || connection->text != NULL)
            end_connection(connection);
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    free(server->path);
    free(server);
}
