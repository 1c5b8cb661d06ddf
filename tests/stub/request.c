#include "tests/stub/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define HEAD_LIMIT (64u << 10)

bool text_is(struct text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.at, word, text.length) == 0;
}

/* Cut off and return what stands before the first `end`; the rest loses it and `end`. */
static struct text cut(struct text *rest, char end)
{
    const char *found = rest->length == 0 ? NULL : memchr(rest->at, end, rest->length);
    size_t length = found == NULL ? rest->length : (size_t)(found - rest->at);
    struct text part = {rest->at, length};
    size_t used = found == NULL ? length : length + 1;
    *rest = (struct text){rest->at + used, rest->length - used};
    return part;
}

static struct text next_line(struct text *rest)
{
    struct text line = cut(rest, '\n');
    if (line.length > 0 && line.at[line.length - 1] == '\r')
        line.length--;
    return line;
}

static bool parse_line(struct text line, struct request *request)
{
    request->method = cut(&line, ' ');
    struct text target = cut(&line, ' ');
    request->path = cut(&target, '?');
    request->query = target;
    request->old = text_is(line, "HTTP/1.0");
    request->keep_alive = !request->old;
    return request->path.length > 0 && request->path.at[0] == '/' &&
           (request->old || text_is(line, "HTTP/1.1"));
}

static bool header_is(struct text name, const char *wanted)
{
    return name.length == strlen(wanted) && strncasecmp(name.at, wanted, name.length) == 0;
}

static bool word_is(struct text value, const char *word)
{
    return header_is(value, word);
}

static void parse_header(struct text line, struct request *request, size_t *body)
{
    struct text name = cut(&line, ':');
    while (line.length > 0 && *line.at == ' ')
        line = (struct text){line.at + 1, line.length - 1};
    if (header_is(name, "content-length"))
        *body = (size_t)strtoul(line.at, NULL, 10);
    else if (header_is(name, "content-type"))
        request->content_type = line;
    else if (header_is(name, "host"))
        request->host = line;
    else if (header_is(name, "user-agent"))
        request->user_agent = line;
    else if (header_is(name, "expect"))
        request->expects_continue = word_is(line, "100-continue");
    else if (header_is(name, "connection"))
        request->keep_alive = request->old ? word_is(line, "keep-alive") : !word_is(line, "close");
}

long request_parse(const char *data, size_t size, struct request *request)
{
    *request = (struct request){0};
    const char *end = size == 0 ? NULL : memmem(data, size, "\r\n\r\n", 4);
    if (end == NULL)
        return size > HEAD_LIMIT ? REQUEST_WRONG : REQUEST_PARTIAL;
    struct text head = {data, (size_t)(end - data) + 2};
    if (!parse_line(next_line(&head), request))
        return REQUEST_WRONG;
    size_t body = 0;
    while (head.length > 0)
        parse_header(next_line(&head), request, &body);
    const char *start = end + 4;
    if (size - (size_t)(start - data) < body)
        return REQUEST_PARTIAL;
    request->body = (struct text){start, body};
    request->whole = (struct text){data, (size_t)(start - data) + body};
    return (long)request->whole.length;
}

bool query_value(const struct request *request, const char *name, struct text *value)
{
    struct text rest = request->query;
    while (rest.length > 0) {
        struct text part = cut(&rest, '&');
        if (text_is(cut(&part, '='), name)) {
            *value = part;
            return true;
        }
    }
    return false;
}

bool parse_degrees(struct text text, unsigned limit, int32_t *out)
{
    char word[25];
    if (text.length == 0 || text.length >= sizeof word)
        return false;
    memcpy(word, text.at, text.length);
    word[text.length] = '\0';
    return text_parse_degrees(word, limit, out);
}

bool parse_pair(struct text text, struct point *point)
{
    struct text lat = cut(&text, ',');
    if (text.length == 0) {
        text = lat;
        lat = cut(&text, '%');
        if (text.length < 2 || strncasecmp(text.at, "2c", 2) != 0)
            return false;
        text = (struct text){text.at + 2, text.length - 2};
    }
    return parse_degrees(lat, 90, &point->lat) && parse_degrees(text, 180, &point->lon);
}
