#include "fleet/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[64] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"};

static void encode_group(const unsigned char *data, size_t bytes, unsigned char out[4])
{
    uint32_t group = (uint32_t)data[0] << 16;
    if (bytes > 1)
        group |= (uint32_t)data[1] << 8;
    if (bytes > 2)
        group |= data[2];
    out[0] = (unsigned char)alphabet[group >> 18];
    out[1] = (unsigned char)alphabet[group >> 12 & 63];
    out[2] = bytes > 1 ? (unsigned char)alphabet[group >> 6 & 63] : '=';
    out[3] = bytes > 2 ? (unsigned char)alphabet[group & 63] : '=';
}

int base64_append(struct buffer *buffer, const void *data, size_t bytes, struct error *err)
{
    const unsigned char *at = data;
    if (bytes > SIZE_MAX / 4 || buffer_reserve(buffer, (bytes + 2) / 3 * 4, err) != 0)
        return bytes > SIZE_MAX / 4 ? error_memory(err, "a buffer") : -1;
    for (; bytes > 0; at += 3, buffer->used += 4) {
        size_t part = bytes < 3 ? bytes : 3;
        encode_group(at, part, buffer->data + buffer->used);
        bytes -= part;
    }
    return 0;
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The four characters at `at` as 24 bits; -1 when they are no group with so many paddings. */
static long decode_group(const char *at, unsigned padding)
{
    long group = 0;
    for (unsigned i = 0; i < 4; i++) {
        int digit = i < 4 - padding ? digit_value(at[i]) : 0;
        if (digit < 0)
            return -1;
        group = group << 6 | digit;
    }
    return padding > 0 && (group & (padding == 1 ? 0xFF : 0xFFFF)) != 0 ? -1 : group;
}

bool base64_decode(char *text, size_t *bytes)
{
    size_t length = strlen(text), used = 0;
    if (length % 4 != 0)
        return false;
    for (size_t at = 0; at < length; at += 4) {
        bool last = at + 4 == length;
        unsigned padding = !last || text[at + 3] != '=' ? 0 : text[at + 2] != '=' ? 1 : 2;
        long group = decode_group(text + at, padding);
        if (group < 0)
            return false;
        text[used++] = (char)(group >> 16 & 0xFF);
        if (padding < 2)
            text[used++] = (char)(group >> 8 & 0xFF);
        if (padding < 1)
            text[used++] = (char)(group & 0xFF);
    }
    if (length > 0)
        text[used] = '\0';
    *bytes = used;
    return true;
}
