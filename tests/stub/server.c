#include "tests/stub/server.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "tests/stub/emit.h"
#include "tests/stub/stub_http2.h"

#define READ_BYTES 65536
#define BACKLOG 1024

struct connection {
    struct connection *next, *before;
    struct server *server;
    unsigned long long number;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    struct buffer in;      /* plain, not parsed yet */
    struct buffer out;     /* to be sent */
    struct buffer writing; /* what libuv is sending */
    struct secure *secure; /* NULL = plain */
    struct http2 *http2;   /* NULL = HTTP/1 */
    struct reply reply;
    bool busy; /* the reply is not sent in full, or never will be */
    bool keep_alive;
    bool continued; /* 100 was sent for the request at hand */
    bool is_writing;
    bool closing;
    unsigned open_handles;
};

static void process(struct connection *connection);

/* --- the end ------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    if (--connection->open_handles > 0)
        return;
    secure_close(connection->secure);
    buffer_free(&connection->in);
    buffer_free(&connection->out);
    buffer_free(&connection->writing);
    reply_free(&connection->reply);
    free(connection);
}

static void close_connection(struct connection *connection, bool reset)
{
    struct server *server = connection->server;
    if (connection->closing)
        return;
    connection->closing = true;
    server->stub->journal.open_connections--;
    *(connection->before == NULL ? &server->connections : &connection->before->next) =
        connection->next;
    if (connection->next != NULL)
        connection->next->before = connection->before;
    http2_close(connection->http2);
    connection->http2 = NULL;
    uv_close((uv_handle_t *)&connection->timer, on_closed);
    if (!reset || uv_tcp_close_reset(&connection->tcp, on_closed) != 0)
        uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

/* --- sending ------------------------------------------------------------------------ */

/* Everything of the reply is with the kernel. */
static void finish_reply(struct connection *connection)
{
    enum ending ending = connection->reply.ending;
    if (ending == ENDING_HANG)
        return;
    if (ending != ENDING_KEEP || !connection->keep_alive) {
        close_connection(connection, ending == ENDING_RESET);
        return;
    }
    connection->busy = false;
}

static void on_written(uv_write_t *write, int status);

/* Send what is in out; true when all of it is with the kernel. */
static bool flush(struct connection *connection)
{
    if (connection->is_writing)
        return false;
    uv_buf_t bytes = uv_buf_init((char *)connection->out.data, (unsigned)connection->out.used);
    int sent = bytes.len == 0 ? 0 : uv_try_write((uv_stream_t *)&connection->tcp, &bytes, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        close_connection(connection, false);
        return false;
    }
    size_t done = sent < 0 ? 0 : (size_t)sent;
    if (done == connection->out.used) {
        buffer_clear(&connection->out);
        return true;
    }
    struct buffer spare = connection->writing;
    connection->writing = connection->out;
    buffer_clear(&spare);
    connection->out = spare;
    bytes = uv_buf_init((char *)connection->writing.data + done,
                        (unsigned)(connection->writing.used - done));
    if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &bytes, 1, on_written) != 0)
        abort();
    connection->is_writing = true;
    return false;
}

static void on_written(uv_write_t *write, int status)
{
    struct connection *connection = write->data;
    connection->is_writing = false;
    if (status != 0 || connection->closing) {
        close_connection(connection, false);
        return;
    }
    if (!flush(connection) || connection->http2 != NULL || !connection->busy)
        return;
    finish_reply(connection);
    process(connection);
}

static void send_http2(void *context, const struct buffer *bytes)
{
    struct connection *connection = context;
    secure_send(connection->secure, bytes, &connection->out);
    (void)flush(connection);
}

static void send_plain(struct connection *connection, const char *text)
{
    emit_bytes(&connection->out, text, strlen(text));
    (void)flush(connection);
}

static void deliver(struct connection *connection)
{
    const struct reply *reply = &connection->reply;
    if (!reply->silent && connection->secure != NULL) {
        struct buffer plain = {0};
        reply_write(reply, connection->keep_alive, &plain);
        secure_send(connection->secure, &plain, &connection->out);
        buffer_free(&plain);
    } else if (!reply->silent) {
        reply_write(reply, connection->keep_alive, &connection->out);
    }
    if (flush(connection))
        finish_reply(connection);
}

static void on_delay(uv_timer_t *timer)
{
    deliver(timer->data);
    process(timer->data);
}

/* --- receiving ---------------------------------------------------------------------- */

static void answer(struct connection *connection, const struct request *request)
{
    connection->busy = true;
    connection->continued = false;
    connection->keep_alive = request->keep_alive;
    stub_answer(connection->server->stub, connection->number, request, &connection->reply);
    if (connection->reply.delay_ms > 0) {
        uv_update_time(connection->server->loop); /* it begins now, not when the loop last woke */
        (void)uv_timer_start(&connection->timer, on_delay, connection->reply.delay_ms, 0);
    } else {
        deliver(connection);
    }
}

/* Take requests out of what came, one at a time: the next one waits for the reply. */
static void process(struct connection *connection)
{
    size_t taken = 0;
    while (!connection->busy && !connection->closing && taken < connection->in.used) {
        struct request request;
        long length = request_parse((const char *)connection->in.data + taken,
                                    connection->in.used - taken, &request);
        if (length == REQUEST_WRONG) {
            close_connection(connection, false);
            return;
        }
        if (length == REQUEST_PARTIAL) {
            if (request.expects_continue && !connection->continued && connection->secure == NULL)
                send_plain(connection, "HTTP/1.1 100 Continue\r\n\r\n");
            connection->continued = request.expects_continue;
            break;
        }
        answer(connection, &request);
        taken += (size_t)length;
    }
    if (taken > 0 && !connection->closing) {
        memmove(connection->in.data, connection->in.data + taken, connection->in.used - taken);
        connection->in.used -= taken;
    }
}

static void choose_protocol(struct connection *connection)
{
    struct stub *stub = connection->server->stub;
    if (connection->http2 != NULL || !secure_is_ready(connection->secure) ||
        !secure_is_http2(connection->secure))
        return;
    stub->journal.http2++;
    connection->http2 =
        http2_open(connection->server->loop, stub, connection->number, send_http2, connection);
    if (connection->closing) { /* the client has gone, and its first bytes showed it */
        http2_close(connection->http2);
        connection->http2 = NULL;
    }
}

static void receive_secure(struct connection *connection, const void *data, size_t size)
{
    bool was_ready = secure_is_ready(connection->secure);
    bool open = secure_receive(connection->secure, data, size, &connection->in, &connection->out);
    (void)flush(connection);
    if (!was_ready && secure_is_ready(connection->secure))
        connection->server->stub->journal.secure++;
    if (connection->closing)
        return;
    choose_protocol(connection);
    if (connection->http2 != NULL && connection->in.used > 0) {
        struct buffer in = connection->in;
        connection->in = (struct buffer){0};
        open = http2_receive(connection->http2, in.data, in.used) && open;
        buffer_free(&in);
    } else if (connection->http2 == NULL) {
        process(connection);
    }
    if (!open)
        close_connection(connection, false);
}

static char wire[READ_BYTES]; /* bytes of TLS, for as long as one call */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct connection *connection = handle->data;
    struct buffer *in = &connection->in;
    (void)suggested;
    if (connection->secure != NULL) {
        *room = uv_buf_init(wire, sizeof wire);
    } else if (buffer_reserve(in, 4096, NULL) == 0) {
        *room = uv_buf_init((char *)in->data + in->used, (unsigned)(in->room - in->used));
    }
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *room)
{
    struct connection *connection = stream->data;
    if (size < 0) {
        close_connection(connection, false);
    } else if (connection->secure != NULL) {
        receive_secure(connection, room->base, (size_t)size);
    } else {
        connection->in.used += (size_t)size;
        process(connection);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct server *server = listener->data;
    struct journal *journal = &server->stub->journal;
    if (status != 0)
        return;
    struct connection *connection = allocate(sizeof *connection);
    connection->server = server;
    connection->open_handles = 2;
    connection->tcp.data = connection->timer.data = connection->write.data = connection;
    (void)uv_tcp_init(server->loop, &connection->tcp);
    (void)uv_timer_init(server->loop, &connection->timer);
    connection->number = ++journal->connections;
    journal->open_connections++;
    connection->next = server->connections;
    if (connection->next != NULL)
        connection->next->before = connection;
    server->connections = connection;
    if (uv_accept(listener, (uv_stream_t *)&connection->tcp) != 0) {
        close_connection(connection, false);
        return;
    }
    if (server->tls != NULL)
        connection->secure = secure_open(server->tls);
    (void)uv_tcp_nodelay(&connection->tcp, 1);
    (void)uv_read_start((uv_stream_t *)&connection->tcp, on_room, on_read);
}

int server_listen(struct server *server, const char *host, int port)
{
    struct sockaddr_in address;
    int length = sizeof address;
    (void)uv_tcp_init(server->loop, &server->listener);
    server->listener.data = server;
    int result = uv_ip4_addr(host, port, &address);
    if (result == 0)
        result = uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0);
    if (result == 0)
        result = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
    if (result == 0)
        result = uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &length);
    return result < 0 ? result : ntohs(address.sin_port);
}

void server_close(struct server *server)
{
    uv_close((uv_handle_t *)&server->listener, NULL);
    while (server->connections != NULL)
        close_connection(server->connections, false);
}
