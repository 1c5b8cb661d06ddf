#include "cachefmt/json_text.h"

#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cachefmt/transfer.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

int buffer_append_unsigned(struct buffer *out, uint64_t value, struct error *err)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return buffer_append(out, digits + at, sizeof digits - at, err);
}

int buffer_append_degrees(struct buffer *out, int32_t value, struct error *err)
{
    char text[16];
    return buffer_append(out, text, text_format_degrees(value, text), err);
}

/* Length of the valid character at text (1 to 4), or 0. */
static size_t character_length(const char *text, size_t bytes)
{
    for (size_t length = 1; length <= 4 && length <= bytes; length++) {
        if (text_is_utf8(text, length))
            return length;
    }
    return 0;
}

int buffer_append_utf8(struct buffer *out, const char *text, size_t bytes, struct error *err)
{
    if (bytes == 0)
        return 0;
    if (memchr(text, '\0', bytes) == NULL && text_is_utf8(text, bytes))
        return buffer_append(out, text, bytes, err);
    while (bytes > 0) {
        size_t length = *text == '\0' ? 0 : character_length(text, bytes);
        int result = length > 0 ? buffer_append(out, text, length, err)
                                : append_literal(out, REPLACEMENT, err);
        if (result != 0)
            return -1;
        text += length > 0 ? length : 1;
        bytes -= length > 0 ? length : 1;
    }
    return 0;
}

/* clean_length: bytes of text, from its start, that are ASCII and stand for themselves in a JSON
 * string. Eight at a time: a byte is found by the bits that a subtraction borrows. */
static size_t clean_length(const char *text, size_t bytes)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    size_t at = 0;
    for (; bytes - at >= 8; at += 8) {
        uint64_t word = bytes_get64(text + at);
        uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
        uint64_t found = word | (word - ones * 0x20) | (quote - ones) | (backslash - ones);
        if ((found & tops) != 0)
            break;
    }
    while (at < bytes && (unsigned char)text[at] >= 0x20 && (unsigned char)text[at] < 0x80 &&
           text[at] != '"' && text[at] != '\\')
        at++;
    return at;
}

static size_t other_length(const char *text, size_t bytes)
{
    size_t at = 0;
    while (at < bytes && (unsigned char)text[at] >= 0x80)
        at++;
    return at;
}

static int append_escaped_character(struct buffer *out, char c, struct error *err)
{
    static const char hex[] = "0123456789abcdef";
    static const char values[] = "\"\\\b\f\n\r\t";
    static const char names[] = "\"\\bfnrt";
    const char *known = c != '\0' ? strchr(values, c) : NULL;
    if (known != NULL) {
        char escape[2] = {'\\', names[known - values]};
        return buffer_append(out, escape, 2, err);
    }
    unsigned char byte = (unsigned char)c;
    char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
    return buffer_append(out, escape, 6, err);
}

int buffer_append_json_text(struct buffer *out, const char *text, size_t bytes, struct error *err)
{
    while (bytes > 0) {
        size_t length = clean_length(text, bytes);
        int result;
        if (length > 0)
            result = buffer_append(out, text, length, err);
        else if ((length = other_length(text, bytes)) > 0)
            result = buffer_append_utf8(out, text, length, err);
        else
            result = append_escaped_character(out, text[length++], err);
        if (result != 0)
            return -1;
        text += length;
        bytes -= length;
    }
    return 0;
}

int buffer_append_json_string(struct buffer *out, const char *text, size_t bytes, struct error *err)
{
    if (append_literal(out, "\"", err) != 0 || buffer_append_json_text(out, text, bytes, err) != 0)
        return -1;
    return append_literal(out, "\"", err);
}

int append_address_members(struct buffer *out, const struct address *address, struct slice label,
                           bool *any, struct error *err)
{
    for (int field = 0; field < FIELD_COUNT; field++) {
        struct slice text = field == FIELD_LABEL ? label : address->field[field];
        if (text.length == 0)
            continue;
        const char *name = address_field_names[field];
        if ((*any && append_literal(out, ",", err) != 0) || append_literal(out, "\"", err) != 0 ||
            buffer_append(out, name, strlen(name), err) != 0 ||
            append_literal(out, "\":", err) != 0 ||
            buffer_append_json_string(out, text.data, text.length, err) != 0)
            return -1;
        *any = true;
    }
    return 0;
}

int buffer_append_metres(struct buffer *out, double metres, struct error *err)
{
    uint64_t millimetres = (uint64_t)(metres * 1000 + 0.5);
    char fraction[4] = {'.', (char)('0' + millimetres / 100 % 10),
                        (char)('0' + millimetres / 10 % 10), (char)('0' + millimetres % 10)};
    if (buffer_append_unsigned(out, millimetres / 1000, err) != 0)
        return -1;
    return buffer_append(out, fraction, sizeof fraction, err);
}

int entry_print_json(const struct entry *entry, double distance, struct buffer *out,
                     struct error *err)
{
    const char *outcome = outcome_names[entry->outcome];
    struct buffer label = {0};
    bool any = false;
    int result = -1;
    if (address_unfold(&entry->address, &label, err) != 0 ||
        append_literal(out, "{\"lat\":", err) != 0 ||
        buffer_append_degrees(out, entry->point.lat, err) != 0 ||
        append_literal(out, ",\"lon\":", err) != 0 ||
        buffer_append_degrees(out, entry->point.lon, err) != 0)
        goto out;
    if (distance >= 0 && (append_literal(out, ",\"distance_m\":", err) != 0 ||
                          buffer_append_metres(out, distance, err) != 0))
        goto out;
    struct slice plain = {(const char *)label.data, (uint32_t)label.used};
    if (append_literal(out, ",\"refreshed_at\":", err) != 0 ||
        buffer_append_unsigned(out, entry->refreshed_at, err) != 0 ||
        append_literal(out, ",\"outcome\":\"", err) != 0 ||
        buffer_append(out, outcome, strlen(outcome), err) != 0 ||
        append_literal(out, "\",\"address\":{", err) != 0 ||
        append_address_members(out, &entry->address, plain, &any, err) != 0)
        goto out;
    result = append_literal(out, "}}", err);
out:
    buffer_free(&label);
    return result;
}
