/* What keeps the log from filling with the same fault again and again: a line is written once in a
 * minute, and of one event no more than LOG_REPEAT_LINES different ones; the next line of that
 * event after the minute tells how many were left out. Not for threads: the logger's lock guards
 * it. */
#ifndef REFRESHD_DAEMON_LOG_REPEAT_H
#define REFRESHD_DAEMON_LOG_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_REPEAT_SECONDS 60.0
#define LOG_REPEAT_LINES 20  /* of one event */
#define LOG_REPEAT_EVENTS 64 /* known at a time; the one that is longest ago makes way */

struct log_repeat {
    struct log_repeated {
        uint64_t event; /* hashes; 0 = vacant */
        uint64_t lines[LOG_REPEAT_LINES];
        unsigned count, left_out;
        double since;
    } events[LOG_REPEAT_EVENTS];
};

/* log_repeat_allows: may this line be written? *left_out: lines of the event that were not, since
 * the last one that was. now: seconds of a clock that does not jump. */
bool log_repeat_allows(struct log_repeat *repeat, const char *event, const char *text, double now,
                       unsigned *left_out);

#endif
