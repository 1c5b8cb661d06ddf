#include "tests/stub/stub_http2.h"

#include <ctype.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/stub/emit.h"

#define HEADERS_LIMIT 8
#define STREAMS_LIMIT 128

struct stream {
    struct stream *next, *before;
    struct http2 *http2;
    int32_t id;
    uv_timer_t timer;
    struct buffer method, target, type, user_agent, body; /* of the request */
    struct reply reply;
    size_t sent; /* of the reply's body */
};

struct http2 {
    uv_loop_t *loop;
    struct stub *stub;
    unsigned long long connection;
    http2_send *send;
    void *context;
    nghttp2_session *session;
    struct stream *streams;
};

static void flush(struct http2 *http2)
{
    struct buffer out = {0};
    const uint8_t *data;
    ssize_t size;
    while ((size = nghttp2_session_mem_send(http2->session, &data)) > 0)
        emit_bytes(&out, data, (size_t)size);
    if (out.used > 0)
        http2->send(http2->context, &out);
    buffer_free(&out);
}

/* --- streams ------------------------------------------------------------------------ */

static void free_stream(uv_handle_t *timer)
{
    struct stream *stream = timer->data;
    buffer_free(&stream->method);
    buffer_free(&stream->target);
    buffer_free(&stream->type);
    buffer_free(&stream->user_agent);
    buffer_free(&stream->body);
    reply_free(&stream->reply);
    free(stream);
}

static void end_stream(struct stream *stream)
{
    *(stream->before == NULL ? &stream->http2->streams : &stream->before->next) = stream->next;
    if (stream->next != NULL)
        stream->next->before = stream->before;
    uv_close((uv_handle_t *)&stream->timer, free_stream);
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2 *http2 = context;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct stream *stream = allocate(sizeof *stream);
    stream->http2 = http2;
    stream->id = frame->hd.stream_id;
    stream->next = http2->streams;
    if (stream->next != NULL)
        stream->next->before = stream;
    http2->streams = stream;
    (void)uv_timer_init(http2->loop, &stream->timer);
    stream->timer.data = stream;
    return nghttp2_session_set_stream_user_data(session, stream->id, stream);
}

static int on_end(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
    (void)code;
    (void)context;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (stream != NULL)
        end_stream(stream);
    return 0;
}

/* --- requests ------------------------------------------------------------------------ */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t length, uint8_t flags,
                     void *context)
{
    (void)flags;
    (void)context;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    struct text word = {(const char *)name, name_length};
    if (stream == NULL)
        return 0;
    if (text_is(word, ":path"))
        emit_bytes(&stream->target, value, length);
    else if (text_is(word, ":method"))
        emit_bytes(&stream->method, value, length);
    else if (text_is(word, "content-type"))
        emit_bytes(&stream->type, value, length);
    else if (text_is(word, "user-agent"))
        emit_bytes(&stream->user_agent, value, length);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *context)
{
    (void)flags;
    (void)context;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (stream != NULL)
        emit_bytes(&stream->body, data, size);
    return 0;
}

static struct text all_of(const struct buffer *buffer)
{
    return (struct text){(const char *)buffer->data, buffer->used};
}

static struct request request_of(const struct stream *stream)
{
    struct request request = {.method = all_of(&stream->method),
                              .path = all_of(&stream->target),
                              .content_type = all_of(&stream->type),
                              .user_agent = all_of(&stream->user_agent),
                              .body = all_of(&stream->body),
                              .keep_alive = true};
    const char *mark =
        request.path.length == 0 ? NULL : memchr(request.path.at, '?', request.path.length);
    if (mark != NULL) {
        size_t before = (size_t)(mark - request.path.at);
        request.query = (struct text){mark + 1, request.path.length - before - 1};
        request.path.length = before;
    }
    request.whole = request.body;
    return request;
}

/* --- replies ------------------------------------------------------------------------ */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *context)
{
    (void)session;
    (void)id;
    (void)context;
    struct stream *stream = source->ptr;
    const struct reply *reply = &stream->reply;
    size_t bytes = reply->body.used < reply->cut ? reply->body.used : reply->cut;
    size_t part = bytes - stream->sent < room ? bytes - stream->sent : room;
    if (part == 0 && reply->ending == ENDING_HANG)
        return NGHTTP2_ERR_DEFERRED;
    if (part == 0 && bytes < reply->body.used)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* resets the stream */
    memcpy(out, reply->body.data + stream->sent, part);
    stream->sent += part;
    if (stream->sent == reply->body.used)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)part;
}

static void add_header(nghttp2_nv *headers, size_t *count, struct text name, struct text value)
{
    if (*count == HEADERS_LIMIT)
        return;
    headers[(*count)++] =
        (nghttp2_nv){(uint8_t *)(uintptr_t)name.at, (uint8_t *)(uintptr_t)value.at, name.length,
                     value.length, NGHTTP2_NV_FLAG_NONE};
}

/* The reply's further headers; names are made lower case where they are. */
static void add_lines(nghttp2_nv *headers, size_t *count, struct buffer *lines)
{
    char *at = (char *)lines->data;
    char *end = lines->used == 0 ? at : at + lines->used;
    while (at != end) {
        char *colon = memchr(at, ':', (size_t)(end - at));
        char *stop = memchr(at, '\r', (size_t)(end - at));
        if (colon == NULL || stop == NULL)
            return;
        for (char *letter = at; letter < colon; letter++)
            *letter = (char)tolower((unsigned char)*letter);
        add_header(headers, count, (struct text){at, (size_t)(colon - at)},
                   (struct text){colon + 2, (size_t)(stop - colon - 2)});
        at = stop + 2;
    }
}

/* Hand the reply to nghttp2; flush sends it, which is not allowed inside its callbacks. */
static void submit(struct stream *stream)
{
    struct http2 *http2 = stream->http2;
    struct reply *reply = &stream->reply;
    nghttp2_nv headers[HEADERS_LIMIT];
    size_t count = 0;
    char status[16];
    if (reply->silent) {
        if (reply->ending != ENDING_HANG)
            (void)nghttp2_submit_rst_stream(http2->session, NGHTTP2_FLAG_NONE, stream->id,
                                            NGHTTP2_INTERNAL_ERROR);
        return;
    }
    (void)snprintf(status, sizeof status, "%u", reply->status);
    add_header(headers, &count, (struct text){":status", 7}, (struct text){status, strlen(status)});
    add_header(headers, &count, (struct text){"content-type", 12},
               (struct text){reply->content_type, strlen(reply->content_type)});
    add_lines(headers, &count, &reply->headers);
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_body};
    (void)nghttp2_submit_response(http2->session, stream->id, headers, count, &provider);
    if (reply->cut == SIZE_MAX &&
        (reply->ending == ENDING_CLOSE || reply->ending == ENDING_CLOSE_SAID))
        (void)nghttp2_submit_goaway(http2->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR,
                                    NULL, 0);
}

static void on_delay(uv_timer_t *timer)
{
    struct stream *stream = timer->data;
    struct http2 *http2 = stream->http2;
    submit(stream);
    flush(http2);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2 *http2 = context;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream == NULL || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 ||
        (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    struct request request = request_of(stream);
    stub_answer(http2->stub, http2->connection, &request, &stream->reply);
    if (stream->reply.delay_ms > 0) {
        uv_update_time(http2->loop);
        (void)uv_timer_start(&stream->timer, on_delay, stream->reply.delay_ms, 0);
    } else {
        submit(stream);
    }
    return 0;
}

/* --- the connection ------------------------------------------------------------------- */

struct http2 *http2_open(uv_loop_t *loop, struct stub *stub, unsigned long long connection,
                         http2_send *send, void *context)
{
    struct http2 *http2 = allocate(sizeof *http2);
    *http2 = (struct http2){
        .loop = loop, .stub = stub, .connection = connection, .send = send, .context = context};
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        abort();
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_end);
    if (nghttp2_session_server_new(&http2->session, callbacks, http2) != 0)
        abort();
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_settings_entry limit = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_LIMIT};
    (void)nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, &limit, 1);
    flush(http2);
    return http2;
}

bool http2_receive(struct http2 *http2, const void *data, size_t size)
{
    if (nghttp2_session_mem_recv(http2->session, data, size) < 0)
        return false;
    bool open = nghttp2_session_want_read(http2->session) != 0 ||
                nghttp2_session_want_write(http2->session) != 0;
    flush(http2); /* may end the connection, and this with it */
    return open;
}

void http2_close(struct http2 *http2)
{
    if (http2 == NULL)
        return;
    nghttp2_session_del(http2->session);
    while (http2->streams != NULL)
        end_stream(http2->streams);
    free(http2);
}
