/* The one logger of refreshd: one line an event on stderr, `level event key=value ...`.
 * On a terminal or in a file each line begins with the time. Under systemd the journal keeps the
 * time, and gets the priority and, from log_use_fields on, a field for each key (log_journal.h).
 * A warning or error that comes again and again is told once a minute (log_repeat.h). Event names
 * are stable; EVENTS.md lists them. Any thread. */
#ifndef REFRESHD_DAEMON_LOG_H
#define REFRESHD_DAEMON_LOG_H

#include "base/error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO };

/* log_begin: find out what stderr is. Before the first line, once. */
void log_begin(void);

/* log_use_fields: give the journal fields from now on, where stderr is the journal. Not before the
 * daemon is sure to live on: of a process that is gone the journal can't tell the unit. Other
 * threads may log meanwhile. */
void log_use_fields(void);

/* log_event: the keys and values of the line come from the format; values with spaces are the
 * caller's to quote (log_quote). Control characters are written as spaces. */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* log_failure: an event whose reason is err. */
void log_failure(enum log_level level, const char *event, const struct error *err);

/* log_stage: what the stages call for their events (line_settings.event). context is not used. */
void log_stage(void *context, int level, const char *name, const char *text);

#define LOG_QUOTED_BYTES 1280

/* log_quote: text in quotes, with quotes and backslashes escaped, cut at the room there is.
 * Returns out. */
char *log_quote(const char *text, char out[LOG_QUOTED_BYTES]);

#endif
