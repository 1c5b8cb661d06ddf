#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
    [ERROR_NONE] = "none",
    [ERROR_USAGE] = "usage",
    [ERROR_CONFIG] = "config",
    [ERROR_VALUE] = "value",
    [ERROR_IO] = "io",
    [ERROR_DISK_FULL] = "disk_full",
    [ERROR_CORRUPT] = "corrupt",
    [ERROR_MISSING] = "missing",
    [ERROR_BUSY] = "busy",
    [ERROR_STATE] = "state",
    [ERROR_MEMORY] = "memory",
    [ERROR_CANCELED] = "canceled",
    [ERROR_UNREACHABLE] = "unreachable",
};

int error_set(struct error *err, enum error_code code, const char *format, ...)
{
    if (err == NULL)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    err->code = code;
    err->os_errno = 0;
    (void)vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return -1;
}

int error_io(struct error *err, int os_errno, const char *action, const char *path)
{
    if (os_errno == ENOSPC || os_errno == EDQUOT)
        error_set(err, ERROR_DISK_FULL, "disk full: %s", path);
    else
        error_set(err, os_errno == ENOENT ? ERROR_MISSING : ERROR_IO, "cannot %s %s: %s", action,
                  path, strerrordesc_np(os_errno));
    if (err != NULL)
        err->os_errno = os_errno;
    return -1;
}

int error_memory(struct error *err, const char *what)
{
    return error_set(err, ERROR_MEMORY, "out of memory for %s", what);
}

int error_prefix(struct error *err, const char *format, ...)
{
    if (err == NULL)
        return -1;
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length + 3 < sizeof err->message) {
        int room = (int)(sizeof err->message - (size_t)length - 3);
        (void)snprintf(err->message + length, (size_t)room + 3, ": %.*s", room, old);
    }
    return -1;
}

int error_suffix(struct error *err, const char *format, ...)
{
    if (err == NULL)
        return -1;
    size_t length = strnlen(err->message, sizeof err->message - 1);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(err->message + length, sizeof err->message - length, format, arguments);
    va_end(arguments);
    return -1;
}

const char *error_name(enum error_code code)
{
    return (size_t)code < sizeof names / sizeof names[0] ? names[code] : "unknown";
}
