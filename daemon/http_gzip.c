#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/http_internal.h"

#define LEVEL 4        /* replies are made for one client once: fast before small */
#define GZIP_WINDOW 31 /* 32 KB and a gzip header, as zlib spells it */
#define MEMORY_LEVEL 8

static size_t skip(const char *text, const char *characters)
{
    return strspn(text, characters);
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

/* The parameters of one coding, up to the comma: is there a q that is zero? */
static bool is_refused(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] != ';')
            continue;
        i += 1 + skip(text + i + 1, " \t");
        if (i + 1 >= length || (text[i] | 32) != 'q' || text[i + 1] != '=')
            continue;
        size_t value = i + 2;
        size_t digits = skip(text + value, "0.");
        return digits > 0 && (value + digits == length || strchr(" \t;", text[value + digits]));
    }
    return false;
}

bool gzip_accepted(const char *accept_encoding)
{
    bool any = false;
    for (const char *at = accept_encoding; at != NULL && *at != '\0';) {
        at += skip(at, " \t,");
        size_t name = strcspn(at, " \t,;");
        size_t whole = strcspn(at, ",");
        bool refused = is_refused(at + name, whole - name);
        if (is_word(at, name, "gzip") || is_word(at, name, "x-gzip"))
            return !refused;
        if (is_word(at, name, "*"))
            any = !refused;
        at += whole;
    }
    return any;
}

static bool ready(struct desk *desk)
{
    if (desk->deflate_ready)
        return deflateReset(&desk->deflate) == Z_OK;
    desk->deflate_ready = deflateInit2(&desk->deflate, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
                                       Z_DEFAULT_STRATEGY) == Z_OK;
    return desk->deflate_ready;
}

bool gzip_body(struct desk *desk, const struct buffer *body)
{
    if (body->used > UINT32_MAX / 2 || !ready(desk) ||
        buffer_reserve(&desk->small, body->used, NULL) != 0)
        return false;
    desk->deflate.next_in = body->data;
    desk->deflate.avail_in = (uInt)body->used;
    desk->deflate.next_out = desk->small.data;
    desk->deflate.avail_out = (uInt)body->used; /* no gain, no compression */
    if (deflate(&desk->deflate, Z_FINISH) != Z_STREAM_END)
        return false;
    desk->small.used = body->used - desk->deflate.avail_out;
    return true;
}

void gzip_end(struct desk *desk)
{
    if (desk->deflate_ready)
        (void)deflateEnd(&desk->deflate);
    desk->deflate_ready = false;
}
