/* Following a run, and drawing it. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_PROGRESS_H
#define REFRESHD_DAEMON_REFRESHCTL_PROGRESS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "daemon/refreshctl_client.h"

/* progress_status: the status document; the caller deletes it. */
int progress_status(struct client *client, cJSON **status, struct error *err);

/* progress_screen: the whole screen of a status document, lines ending in newlines. */
int progress_screen(const cJSON *status, struct buffer *out, struct error *err);

/* progress_line: the same in one line without its end. */
int progress_line(const cJSON *status, struct buffer *out, struct error *err);

/* progress_share: how much of the run is done, 0 to 1. */
double progress_share(const cJSON *status);

/* progress_bar: append a bar of `width` characters between brackets. */
int progress_bar(double share, unsigned width, struct buffer *out, struct error *err);

/* How a run stands, as `start --wait` sees it. */
enum progress_end {
    PROGRESS_GOES_ON,
    PROGRESS_ENDED,   /* exit is the run's */
    PROGRESS_STOPPED, /* waits for a person */
    PROGRESS_LOST     /* neither active nor the last run any more, nor is it a run of the fleet */
};

/* progress_end: *exit is the exit status, for the middle two. */
enum progress_end progress_end(const cJSON *status, const char *run, int *exit);

/* append_format: printf to the end of a buffer. */
int append_format(struct buffer *out, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
