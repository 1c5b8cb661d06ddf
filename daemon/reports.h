/* The reports of runs for whoever asks over HTTP. To make one may take seconds (the answers of an
 * active run that are in no tile yet are joined anew), so a thread of its own makes them, one at a
 * time, with rests: a twentieth of a core goes to an active run, a fifth to those that are over,
 * however many ask for whatever. What was made is kept, of the last few runs.
 *
 *   reports_open(&reports, make, context, err);
 *   reports_read(reports, run, ended, &waiter, out, err);      any thread, never waits
 *   reports_stop(reports);      who waits is let go; then nobody reads any more (http_close)
 *   reports_close(reports); */
#ifndef REFRESHD_DAEMON_REPORTS_H
#define REFRESHD_DAEMON_REPORTS_H

#include <stdbool.h>

#include "base/buffer.h"

struct reports;

/* The maker appends the report of a run to out; on the thread of its own. */
typedef int reports_maker(const void *context, const char *run, struct buffer *out,
                          struct error *err);

int reports_open(struct reports **out, reports_maker *make, const void *context, struct error *err);
void reports_stop(struct reports *reports);
void reports_close(struct reports *reports); /* NULL is allowed */

/* Who waits for a report: done is called once, from any thread, when it is time to read again. */
struct reports_waiter {
    struct reports_waiter *next;
    void (*done)(struct reports_waiter *waiter);
    void *context;
};

enum reports_answer {
    REPORTS_HERE, /* out has it */
    REPORTS_WAIT, /* the waiter is taken over until it is called */
    REPORTS_BUSY  /* too many runs are asked for, or refreshd is stopping */
};

/* reports_read: append the report to out. ended: the run is over, so its report stays as it is.
 * waiter NULL: it has waited, and takes what there is. -1: it could not be made. */
int reports_read(struct reports *reports, const char *run, bool ended,
                 struct reports_waiter *waiter, struct buffer *out, struct error *err);

#endif
