#include "daemon/protocol.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

int protocol_exit(enum error_code code)
{
    switch (code) {
    case ERROR_NONE:
        return EXIT_DONE;
    case ERROR_USAGE:
    case ERROR_CONFIG:
        return EXIT_USAGE;
    case ERROR_UNREACHABLE:
        return EXIT_UNREACHABLE;
    default:
        return EXIT_FAILED;
    }
}

int protocol_lines_add(struct protocol_lines *lines, const void *data, size_t bytes,
                       struct error *err)
{
    struct buffer *buffer = &lines->bytes;
    if (lines->taken > 0) {
        memmove(buffer->data, buffer->data + lines->taken, buffer->used - lines->taken);
        buffer->used -= lines->taken;
        lines->taken = 0;
    }
    return buffer_append(buffer, data, bytes, err);
}

int protocol_lines_next(struct protocol_lines *lines, char **line, size_t *length,
                        struct error *err)
{
    size_t rest = lines->bytes.used - lines->taken;
    if (rest == 0)
        return 0;
    unsigned char *begin = lines->bytes.data + lines->taken;
    unsigned char *end = memchr(begin, '\n', rest);
    if ((end != NULL ? (size_t)(end - begin) : rest) > lines->limit)
        return error_set(err, ERROR_USAGE, "a line of more than %zu bytes", lines->limit);
    if (end == NULL)
        return 0;
    lines->taken += (size_t)(end - begin) + 1;
    *end = '\0';
    if (end > begin && end[-1] == '\r')
        *--end = '\0';
    *line = (char *)begin;
    *length = (size_t)(end - begin);
    return 1;
}

size_t protocol_lines_rest(const struct protocol_lines *lines, const unsigned char **data)
{
    size_t rest = lines->bytes.used - lines->taken;
    *data = rest > 0 ? lines->bytes.data + lines->taken : NULL;
    return rest;
}

void protocol_lines_skip(struct protocol_lines *lines, size_t bytes)
{
    lines->taken += bytes;
}

void protocol_lines_free(struct protocol_lines *lines)
{
    buffer_free(&lines->bytes);
    lines->taken = 0;
}

void protocol_frame_head(uint32_t length, unsigned char head[PROTOCOL_FRAME_HEAD])
{
    for (unsigned i = 0; i < PROTOCOL_FRAME_HEAD; i++)
        head[i] = (unsigned char)(length >> (8 * (PROTOCOL_FRAME_HEAD - 1 - i)));
}

/* 1 = a frame begins, 0 = the bytes are used up or the end was read, -1 = too long. */
static int read_head(struct protocol_frames *frames, const unsigned char **data, size_t *bytes,
                     struct error *err)
{
    while (*bytes > 0 && frames->have < PROTOCOL_FRAME_HEAD) {
        frames->head[frames->have++] = **data;
        (*data)++;
        (*bytes)--;
    }
    if (frames->have < PROTOCOL_FRAME_HEAD)
        return 0;
    frames->have = 0;
    uint32_t length = 0;
    for (unsigned i = 0; i < PROTOCOL_FRAME_HEAD; i++)
        length = length << 8 | frames->head[i];
    if (length > PROTOCOL_FRAME_LIMIT)
        return error_set(err, ERROR_USAGE, "a frame of more than %u bytes", PROTOCOL_FRAME_LIMIT);
    frames->left = length;
    frames->ended = length == 0;
    return length > 0;
}

int protocol_frames_next(struct protocol_frames *frames, const unsigned char **data, size_t *bytes,
                         const unsigned char **piece, size_t *length, struct error *err)
{
    if (frames->ended && *bytes > 0)
        return error_set(err, ERROR_USAGE, "bytes behind the end of the import");
    if (frames->left == 0) {
        int begun = read_head(frames, data, bytes, err);
        if (begun <= 0) {
            if (begun == 0 && frames->ended && *bytes > 0)
                return error_set(err, ERROR_USAGE, "bytes behind the end of the import");
            return begun;
        }
    }
    if (*bytes == 0)
        return 0;
    size_t take = *bytes < frames->left ? *bytes : frames->left;
    *piece = *data;
    *length = take;
    *data += take;
    *bytes -= take;
    frames->left -= (uint32_t)take;
    return 1;
}

int protocol_request_parse(struct protocol_request *request, const char *line, size_t length,
                           struct error *err)
{
    if (memchr(line, '\0', length) != NULL || !text_is_utf8(line, length))
        return error_set(err, ERROR_USAGE, "the request is not UTF-8 text");
    cJSON *json = cJSON_ParseWithLengthOpts(line, length + 1, NULL, 1);
    if (json == NULL)
        return error_set(err, ERROR_USAGE, "the request is not a JSON object on one line");
    const cJSON *command = cJSON_GetObjectItemCaseSensitive(json, "command");
    const cJSON *arguments = cJSON_GetObjectItemCaseSensitive(json, "arguments");
    if (!cJSON_IsObject(json) || !cJSON_IsString(command)) {
        cJSON_Delete(json);
        return error_set(err, ERROR_USAGE, "the request has no \"command\"");
    }
    if (cJSON_IsNull(arguments))
        arguments = NULL;
    if (arguments != NULL && !cJSON_IsObject(arguments)) {
        cJSON_Delete(json);
        return error_set(err, ERROR_USAGE, "\"arguments\" is not an object");
    }
    request->json = json;
    request->command = command->valuestring;
    request->arguments = arguments;
    return 0;
}

void protocol_request_free(struct protocol_request *request)
{
    cJSON_Delete(request->json);
    request->json = NULL;
    request->command = NULL;
    request->arguments = NULL;
}

static const cJSON *argument(const cJSON *arguments, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(arguments, name);
    return cJSON_IsNull(item) ? NULL : item;
}

int protocol_number(const cJSON *arguments, const char *name, double least, double most,
                    double *out, struct error *err)
{
    const cJSON *item = argument(arguments, name);
    if (item == NULL)
        return 0;
    if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble))
        return error_set(err, ERROR_USAGE, "%s is not a number", name);
    if (item->valuedouble < least || item->valuedouble > most)
        return error_set(err, ERROR_USAGE, "%s is not from %.15g to %.15g", name, least, most);
    *out = item->valuedouble;
    return 1;
}

int protocol_whole(const cJSON *arguments, const char *name, uint64_t least, uint64_t most,
                   uint64_t *out, struct error *err)
{
    double value;
    int got = protocol_number(arguments, name, (double)least, (double)most, &value, err);
    if (got <= 0)
        return got;
    if (value != floor(value))
        return error_set(err, ERROR_USAGE, "%s is not a whole number", name);
    *out = (uint64_t)value;
    return 1;
}

int protocol_flag(const cJSON *arguments, const char *name, bool *out, struct error *err)
{
    const cJSON *item = argument(arguments, name);
    if (item == NULL)
        return 0;
    if (!cJSON_IsBool(item))
        return error_set(err, ERROR_USAGE, "%s is not true or false", name);
    *out = cJSON_IsTrue(item) != 0;
    return 1;
}

int protocol_text(const cJSON *arguments, const char *name, const char **out, struct error *err)
{
    const cJSON *item = argument(arguments, name);
    if (item == NULL)
        return 0;
    if (!cJSON_IsString(item))
        return error_set(err, ERROR_USAGE, "%s is not a text", name);
    *out = item->valuestring;
    return 1;
}

int protocol_only(const cJSON *arguments, const char *const *names, struct error *err)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, arguments)
    {
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], item->string) != 0)
            i++;
        if (names[i] == NULL)
            return error_set(err, ERROR_USAGE, "unknown argument %.60s", item->string);
    }
    return 0;
}

/* One item of a list of tiles, `7` or `7-9`; *next is behind it and its comma. */
static bool parse_range(const char *text, uint64_t limit, uint64_t *first, uint64_t *last,
                        const char **next)
{
    char word[32];
    size_t length = strcspn(text, ",");
    if (length == 0 || length >= sizeof word)
        return false;
    memcpy(word, text, length);
    word[length] = '\0';
    char *dash = strchr(word, '-');
    if (dash != NULL)
        *dash++ = '\0';
    if (!text_parse_unsigned(word, limit, first))
        return false;
    *last = *first;
    if (dash != NULL && (!text_parse_unsigned(dash, limit, last) || *last < *first))
        return false;
    *next = text + length;
    return true;
}

int protocol_tiles(const char *text, uint32_t tiles, uint8_t *bitmap, struct error *err)
{
    memset(bitmap, 0, (tiles + 7) / 8);
    for (const char *at = text;; at++) {
        uint64_t first, last;
        if (tiles == 0 || !parse_range(at, tiles - 1, &first, &last, &at))
            return error_set(err, ERROR_USAGE,
                             "tiles: \"%.60s\" is not a list such as 3,7-9 of tiles from 0 to %u",
                             text, tiles > 0 ? tiles - 1 : 0);
        for (uint64_t tile = first; tile <= last; tile++)
            bitmap[tile / 8] |= (uint8_t)(1u << (tile % 8));
        if (*at == '\0')
            return 0;
    }
}

cJSON *protocol_reply_error(const struct error *err)
{
    cJSON *reply = cJSON_CreateObject();
    if (reply == NULL || cJSON_AddFalseToObject(reply, "ok") == NULL ||
        cJSON_AddStringToObject(reply, "code", error_name(err->code)) == NULL ||
        cJSON_AddStringToObject(reply, "error", err->message) == NULL) {
        cJSON_Delete(reply);
        return NULL;
    }
    return reply;
}

int protocol_reply_check(const cJSON *reply, struct error *err)
{
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply, "ok")))
        return 0;
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(reply, "code");
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(reply, "error");
    enum error_code found = ERROR_STATE;
    for (int i = ERROR_NONE + 1; cJSON_IsString(code) && i <= ERROR_UNREACHABLE; i++)
        if (strcmp(code->valuestring, error_name((enum error_code)i)) == 0)
            found = (enum error_code)i;
    return error_set(err, found, "%s",
                     cJSON_IsString(text) ? text->valuestring : "refreshd gave no reason");
}
