#include "daemon/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/log_journal.h"
#include "daemon/log_repeat.h"

#define LINE_BYTES 2048
#define JOURNAL_SOCKET "/run/systemd/journal/socket" /* without it, libsystemd drops lines */

static bool is_journal;                                  /* what stderr is */
static _Atomic bool has_fields;                          /* lines go to the journal with fields */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards repeat */
static struct log_repeat repeat;

static const struct {
    const char *name;
    int priority; /* of syslog(3), as sd-daemon(3) wants it */
} levels[] = {{"error", 3}, {"warning", 4}, {"info", 6}};

void log_begin(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    is_journal = stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                 fstat(STDERR_FILENO, &st) == 0 && st.st_dev == (dev_t)device &&
                 st.st_ino == (ino_t)inode;
    has_fields = false;
}

void log_use_fields(void)
{
    has_fields = is_journal && access(JOURNAL_SOCKET, W_OK) == 0;
}

/* Control characters as spaces, none at the end. */
static void clean(char *text)
{
    size_t used = strlen(text);
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = ' ';
    while (used > 0 && text[used - 1] == ' ')
        text[--used] = '\0';
}

/* One write(2) a line, so that lines of several threads don't mix. */
static void write_line(int priority, const char *message)
{
    char line[LINE_BYTES + 80];
    char stamp[64] = "";
    if (is_journal) {
        (void)snprintf(stamp, sizeof stamp, "<%d>", priority);
    } else {
        struct timespec now;
        struct tm utc;
        size_t used = 0;
        if (clock_gettime(CLOCK_REALTIME, &now) == 0 && gmtime_r(&now.tv_sec, &utc) != NULL)
            used = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
        (void)snprintf(stamp + used, sizeof stamp - used, ".%03ldZ ", now.tv_nsec / 1000000);
    }
    int length = snprintf(line, sizeof line, "%s%s\n", stamp, message);
    ssize_t done = write(STDERR_FILENO, line, length > 0 ? (size_t)length : 0);
    (void)done;
}

/* Faults may come again and again; what is well is said as often as it happens, and so is what
 * becomes of a run, even when that is a fault. */
static bool is_left_out(enum log_level level, const char *event, char *text)
{
    unsigned left_out;
    if (level == LOG_LEVEL_INFO || strncmp(event, "run_", 4) == 0)
        return false;
    (void)pthread_mutex_lock(&lock);
    bool allowed = log_repeat_allows(&repeat, event, text, clock_monotonic(), &left_out);
    (void)pthread_mutex_unlock(&lock);
    size_t used = strlen(text);
    if (allowed && left_out > 0)
        (void)snprintf(text + used, LINE_BYTES - used, "%sleft_out=%u", used > 0 ? " " : "",
                       left_out);
    return !allowed;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    char text[LINE_BYTES], message[LINE_BYTES];
    int priority = levels[level].priority;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text - 32, format, arguments); /* 32: left_out */
    va_end(arguments);
    clean(text);
    if (is_left_out(level, event, text))
        return;
    (void)snprintf(message, sizeof message, "%s %s%s%s", levels[level].name, event,
                   text[0] != '\0' ? " " : "", text);
    if (!has_fields || log_to_journal(priority, event, text, message) != 0)
        write_line(priority, message);
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
