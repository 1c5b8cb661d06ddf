/* A line of the log as the journal of systemd keeps it: with fields that can be searched for,
 * REFRESHD_EVENT and one for each key=value (REFRESHD_RUN, REFRESHD_STAGE, ...). */
#ifndef REFRESHD_DAEMON_LOG_JOURNAL_H
#define REFRESHD_DAEMON_LOG_JOURNAL_H

#include <stddef.h>

#define LOG_FIELDS 24
#define LOG_FIELD_BYTES 1400

/* log_fields: take `key=value key="quoted \" value"` apart into at most `most` fields
 * NAME=value, NAME being REFRESHD_ and the key in capitals. Returns how many. */
size_t log_fields(const char *text, char fields[][LOG_FIELD_BYTES], size_t most);

/* log_to_journal: one line. message: as it is written elsewhere, without a time. 0, or -1 when the
 * journal did not take it. Any thread. */
int log_to_journal(int priority, const char *event, const char *text, const char *message);

#endif
