#include "tests/stub/format.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sink {
    char *out;
    size_t room, used;
};

static void put(struct sink *sink, const char *text, size_t length)
{
    if (sink->used < sink->room) {
        size_t left = sink->room - sink->used;
        memcpy(sink->out + sink->used, text, length < left ? length : left);
    }
    sink->used += length;
}

static void put_number(struct sink *sink, unsigned long long value, unsigned base, size_t least)
{
    char digits[24];
    size_t at = sizeof digits;
    while (value > 0 || sizeof digits - at < least) {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    }
    put(sink, digits + at, sizeof digits - at);
}

static void put_signed(struct sink *sink, int value)
{
    if (value < 0)
        put(sink, "-", 1);
    put_number(sink, value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value, 10,
               1);
}

static bool take(const char **format, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*format, word, length) != 0)
        return false;
    *format += length;
    return true;
}

/* One conversion; format stands behind its percent sign. */
static const char *convert(struct sink *sink, const char *format, va_list *arguments)
{
    if (take(&format, "s")) {
        const char *text = va_arg(*arguments, const char *);
        put(sink, text, strlen(text));
    } else if (take(&format, "u")) {
        put_number(sink, va_arg(*arguments, unsigned), 10, 1);
    } else if (take(&format, "d")) {
        put_signed(sink, va_arg(*arguments, int));
    } else if (take(&format, "05u")) {
        put_number(sink, va_arg(*arguments, unsigned), 10, 5);
    } else if (take(&format, ".*s")) {
        int length = va_arg(*arguments, int);
        put(sink, va_arg(*arguments, const char *), (size_t)length);
    } else if (take(&format, "llu")) {
        put_number(sink, va_arg(*arguments, unsigned long long), 10, 1);
    } else if (take(&format, "zu")) {
        put_number(sink, va_arg(*arguments, size_t), 10, 1);
    } else if (take(&format, "zx")) {
        put_number(sink, va_arg(*arguments, size_t), 16, 1);
    } else if (take(&format, "c")) {
        char letter = (char)va_arg(*arguments, int);
        put(sink, &letter, 1);
    } else {
        (void)fprintf(stderr, "stub_geocoder: cannot write %%%s\n", format);
        abort();
    }
    return format;
}

size_t format_into(char *out, size_t room, const char *format, va_list arguments)
{
    struct sink sink = {out, room, 0};
    va_list left;
    va_copy(left, arguments);
    while (*format != '\0') {
        const char *percent = strchrnul(format, '%');
        put(&sink, format, (size_t)(percent - format));
        format = *percent == '\0' ? percent : convert(&sink, percent + 1, &left);
    }
    va_end(left);
    return sink.used;
}

void format_text(char *out, size_t room, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_into(out, room - 1, format, arguments);
    va_end(arguments);
    out[length < room ? length : room - 1] = '\0';
}
