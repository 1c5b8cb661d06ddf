/* The few conversions that replies are made of, several times as fast as snprintf. */
#ifndef REFRESHD_TESTS_STUB_FORMAT_H
#define REFRESHD_TESTS_STUB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* format_into: as vsnprintf, for %s %.*s %u %d %05u %c %zu %zx %llu; ends the program at any other.
 * Returns the full length; nothing is written behind room, and out is not NUL-terminated. */
size_t format_into(char *out, size_t room, const char *format, va_list arguments);

/* format_text: the same, cut to room and NUL-terminated. */
void format_text(char *out, size_t room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
