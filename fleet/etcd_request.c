#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fleet/base64.h"
#include "fleet/etcd_internal.h"

int etcd_add(struct buffer *buffer, struct error *err, const char *format, ...)
{
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text)
        return error_set(err, ERROR_STATE, "a request to etcd is too long");
    return buffer_append(buffer, text, (size_t)length, err);
}

static int add_bytes(struct buffer *buffer, const char *name, const char *data, size_t bytes,
                     struct error *err)
{
    if (etcd_add(buffer, err, "\"%s\":\"", name) != 0 ||
        base64_append(buffer, data, bytes, err) != 0)
        return -1;
    return etcd_add(buffer, err, "\"");
}

int etcd_add_text(struct buffer *buffer, const char *name, const char *text, struct error *err)
{
    return add_bytes(buffer, name, text, strlen(text), err);
}

/* The first key behind all that begin with prefix: its last byte raised by one. */
static int add_end(struct buffer *buffer, const char *prefix, struct error *err)
{
    struct buffer end = {0};
    size_t length = strlen(prefix);
    while (length > 0 && (unsigned char)prefix[length - 1] == 0xff)
        length--;
    if (length == 0)
        return error_set(err, ERROR_VALUE, "a prefix of keys must not be empty");
    int result = buffer_append(&end, prefix, length, err);
    if (result == 0) {
        end.data[length - 1]++;
        result = add_bytes(buffer, "range_end", (const char *)end.data, length, err);
    }
    buffer_free(&end);
    return result;
}

int etcd_add_range(struct buffer *buffer, const char *prefix, const char *behind, struct error *err)
{
    /* The first key behind another is that one and a NUL. */
    int result = behind == NULL ? etcd_add_text(buffer, "key", prefix, err)
                                : add_bytes(buffer, "key", behind, strlen(behind) + 1, err);
    if (result != 0 || etcd_add(buffer, err, ",") != 0)
        return -1;
    return add_end(buffer, prefix, err);
}
