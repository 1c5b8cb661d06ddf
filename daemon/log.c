#include "daemon/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 2048

static bool to_journal;

static const struct {
    const char *name;
    int priority; /* of syslog(3), as sd-daemon(3) wants it */
} levels[] = {{"error", 3}, {"warning", 4}, {"info", 6}};

void log_begin(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    to_journal = stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                 fstat(STDERR_FILENO, &st) == 0 && st.st_dev == (dev_t)device &&
                 st.st_ino == (ino_t)inode;
}

static size_t begin_line(char *line, enum log_level level, const char *event)
{
    char stamp[64] = "";
    if (to_journal) {
        (void)snprintf(stamp, sizeof stamp, "<%d>", levels[level].priority);
    } else {
        struct timespec now;
        struct tm utc;
        size_t used = 0;
        if (clock_gettime(CLOCK_REALTIME, &now) == 0 && gmtime_r(&now.tv_sec, &utc) != NULL)
            used = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
        (void)snprintf(stamp + used, sizeof stamp - used, ".%03ldZ ", now.tv_nsec / 1000000);
    }
    int length = snprintf(line, LINE_BYTES, "%s%s %s", stamp, levels[level].name, event);
    return length > 0 && length < LINE_BYTES ? (size_t)length : 0;
}

/* One write(2) a line, so that lines of several threads don't mix. */
static void end_line(char *line, size_t used)
{
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    while (used > 0 && line[used - 1] == ' ')
        used--;
    line[used++] = '\n';
    ssize_t done = write(STDERR_FILENO, line, used);
    (void)done;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    char line[LINE_BYTES + 1];
    size_t used = begin_line(line, level, event);
    if (format[0] != '\0' && used + 2 < LINE_BYTES) {
        line[used++] = ' ';
        va_list arguments;
        va_start(arguments, format);
        int length = vsnprintf(line + used, LINE_BYTES - used, format, arguments);
        va_end(arguments);
        if (length > 0)
            used += (size_t)length < LINE_BYTES - used ? (size_t)length : LINE_BYTES - used - 1;
    }
    end_line(line, used);
}

char *log_quote(const char *text, char out[LOG_QUOTED_BYTES])
{
    size_t used = 0;
    out[used++] = '"';
    for (; *text != '\0' && used < LOG_QUOTED_BYTES - 4; text++) {
        if (*text == '"' || *text == '\\')
            out[used++] = '\\';
        out[used++] = *text;
    }
    out[used++] = '"';
    out[used] = '\0';
    return out;
}

void log_failure(enum log_level level, const char *event, const struct error *err)
{
    char quoted[LOG_QUOTED_BYTES];
    log_event(level, event, "error=%s", log_quote(err->message, quoted));
}

void log_stage(void *context, int level, const char *name, const char *text)
{
    (void)context;
    log_event(level <= 0   ? LOG_LEVEL_ERROR
              : level == 1 ? LOG_LEVEL_WARNING
                           : LOG_LEVEL_INFO,
              name, "%s", text != NULL ? text : "");
}
