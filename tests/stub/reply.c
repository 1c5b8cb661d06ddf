#include "tests/stub/reply.h"

#include <stdint.h>

#include "tests/stub/emit.h"

#define CHUNK 200u

void reply_begin(struct reply *reply)
{
    struct buffer headers = reply->headers, body = reply->body;
    buffer_clear(&headers);
    buffer_clear(&body);
    *reply = (struct reply){.status = 200,
                            .content_type = "application/json; charset=utf-8",
                            .headers = headers,
                            .body = body,
                            .cut = SIZE_MAX};
}

void reply_free(struct reply *reply)
{
    buffer_free(&reply->headers);
    buffer_free(&reply->body);
}

const char *reply_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

static bool is_chunked(enum framing framing)
{
    return framing == FRAMING_CHUNKED || framing == FRAMING_CHUNKED_BROKEN ||
           framing == FRAMING_CHUNKED_OPEN;
}

static size_t announced(const struct reply *reply)
{
    size_t bytes = reply->body.used;
    if (reply->framing == FRAMING_LENGTH_LONG)
        return bytes + 100;
    return reply->framing == FRAMING_LENGTH_SHORT ? bytes / 2 : bytes;
}

static void write_chunks(const struct reply *reply, size_t bytes, struct buffer *out)
{
    bool broken = reply->framing == FRAMING_CHUNKED_BROKEN;
    for (size_t done = 0; done < bytes;) {
        size_t part = bytes - done < CHUNK ? bytes - done : CHUNK;
        if (broken && done > 0)
            emit(out, "zz\r\n");
        else
            emit(out, "%zx\r\n", part);
        emit_bytes(out, reply->body.data + done, part);
        emit_bytes(out, "\r\n", 2);
        done += part;
    }
    if (reply->framing == FRAMING_CHUNKED)
        emit(out, "0\r\n\r\n");
}

void reply_write(const struct reply *reply, bool keep_alive, struct buffer *out)
{
    bool old = reply->framing == FRAMING_OLD;
    emit(out, "HTTP/1.%c %u %s\r\nContent-Type: %s\r\n", old ? '0' : '1', reply->status,
         reply_reason(reply->status), reply->content_type);
    emit_bytes(out, reply->headers.data, reply->headers.used);
    if (is_chunked(reply->framing))
        emit(out, "Transfer-Encoding: chunked\r\n");
    else if (!old)
        emit(out, "Content-Length: %zu\r\n", announced(reply));
    if (reply->ending == ENDING_CLOSE_SAID || (!keep_alive && !old))
        emit(out, "Connection: close\r\n");
    emit_bytes(out, "\r\n", 2);
    size_t bytes = reply->body.used < reply->cut ? reply->body.used : reply->cut;
    if (is_chunked(reply->framing))
        write_chunks(reply, bytes, out);
    else
        emit_bytes(out, reply->body.data, bytes);
}
