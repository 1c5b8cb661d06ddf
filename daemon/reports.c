#include "daemon/reports.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "stages/ledger.h"

#define SHELVES 8
#define LIFE 2.0         /* seconds for which the report of an active run counts as new, */
#define USABLE 120.0     /* and for which it is given out while a newer one is made */
#define REST 4.0         /* times as long as making took; */
#define ACTIVE_REST 19.0 /* from one report of an active run to the next */
#define MOST_REST 60.0   /* seconds */

enum shelf_state { SHELF_EMPTY, SHELF_WANTED, SHELF_MAKING, SHELF_FULL };

/* The report of one run. */
struct shelf {
    char run[RUN_ID_BYTES];
    enum shelf_state state;
    struct buffer text; /* of the last time that it could be made */
    struct error error; /* of this time; ERROR_NONE = text is good */
    bool ended;         /* text was made after the run was over */
    bool ending;        /* so will be the one that is wanted or made */
    double made;        /* clock_monotonic */
    double used;        /* likewise: read last */
    struct reports_waiter *waiters;
};

struct reports {
    reports_maker *make;
    const void *context;
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows, but is not held while a report is made */
    pthread_cond_t wake;
    bool stopping;
    double active_from; /* clock_monotonic: when an active run may have its turn again */
    struct shelf shelves[SHELVES];
};

/* --- waiters ---------------------------------------------------------------------------------- */

/* All that wait for the shelf, for tell() once the lock is given back. The lock is held. */
static struct reports_waiter *take_waiters(struct shelf *shelf)
{
    struct reports_waiter *first = shelf->waiters;
    shelf->waiters = NULL;
    return first;
}

static void tell(struct reports_waiter *waiter)
{
    while (waiter != NULL) {
        struct reports_waiter *next = waiter->next;
        waiter->done(waiter);
        waiter = next;
    }
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Runs that are over first, as their reports are there already. NULL: none; *until becomes the
 * moment at which there will be one, when it is only too early, else 0. The lock is held. */
static struct shelf *find_wanted(struct reports *reports, double *until)
{
    struct shelf *active = NULL;
    for (int i = 0; i < SHELVES; i++) {
        struct shelf *shelf = &reports->shelves[i];
        if (shelf->state == SHELF_WANTED && shelf->ending)
            return shelf;
        if (shelf->state == SHELF_WANTED)
            active = shelf;
    }
    *until = active != NULL ? reports->active_from : 0;
    return active != NULL && clock_monotonic() < reports->active_from ? NULL : active;
}

/* The lock is held, but not while the report is made. */
static double make(struct reports *reports, struct shelf *shelf)
{
    char run[RUN_ID_BYTES];
    struct buffer text = {0};
    struct error err = {.code = ERROR_NONE};
    (void)snprintf(run, sizeof run, "%s", shelf->run);
    bool ended = shelf->ending;
    shelf->state = SHELF_MAKING;
    (void)pthread_mutex_unlock(&reports->lock);
    double began = clock_monotonic();
    int result = reports->make(reports->context, run, &text, &err);
    double effort = clock_monotonic() - began;
    (void)pthread_mutex_lock(&reports->lock);
    shelf->error = err;
    if (result == 0) {
        buffer_free(&shelf->text);
        shelf->text = text;
        shelf->error.code = ERROR_NONE;
    } else {
        buffer_free(&text);
    }
    shelf->ended = result == 0 && ended;
    shelf->made = clock_monotonic();
    shelf->state = SHELF_FULL;
    struct reports_waiter *waiters = take_waiters(shelf);
    (void)pthread_mutex_unlock(&reports->lock);
    tell(waiters);
    (void)pthread_mutex_lock(&reports->lock);
    return effort;
}

/* The lock is held. */
static void rest(struct reports *reports, double until)
{
    struct timespec end = clock_timespec(until);
    while (!reports->stopping && pthread_cond_timedwait(&reports->wake, &reports->lock, &end) == 0)
        ;
}

/* The lock is held. */
static void make_one(struct reports *reports, struct shelf *shelf)
{
    bool ended = shelf->ending;
    double pause = make(reports, shelf) * (ended ? REST : ACTIVE_REST);
    double until = clock_monotonic() + (pause < MOST_REST ? pause : MOST_REST);
    if (ended)
        rest(reports, until);
    else
        reports->active_from = until;
}

/* Until somebody wants something, or until `until` unless it is 0. The lock is held. */
static void wait(struct reports *reports, double until)
{
    struct timespec end = clock_timespec(until);
    if (until > 0)
        (void)pthread_cond_timedwait(&reports->wake, &reports->lock, &end);
    else
        (void)pthread_cond_wait(&reports->wake, &reports->lock);
}

static void *work(void *argument)
{
    struct reports *reports = argument;
    double until = 0;
    (void)pthread_mutex_lock(&reports->lock);
    while (!reports->stopping) {
        struct shelf *shelf = find_wanted(reports, &until);
        if (shelf != NULL)
            make_one(reports, shelf);
        else
            wait(reports, until);
    }
    (void)pthread_mutex_unlock(&reports->lock);
    return NULL;
}

/* --- readers ------------------------------------------------------------------------------------
 */

/* The shelf of the run; a new one instead of the one that nobody read for longest; NULL: all are
 * waited for. The lock is held. */
static struct shelf *find_shelf(struct reports *reports, const char *run)
{
    struct shelf *oldest = NULL;
    for (int i = 0; i < SHELVES; i++) {
        struct shelf *shelf = &reports->shelves[i];
        if (shelf->state != SHELF_EMPTY && strcmp(shelf->run, run) == 0)
            return shelf;
        if ((shelf->state == SHELF_EMPTY || shelf->state == SHELF_FULL) &&
            (oldest == NULL || shelf->used < oldest->used))
            oldest = shelf;
    }
    if (oldest == NULL)
        return NULL;
    buffer_free(&oldest->text);
    *oldest = (struct shelf){.state = SHELF_EMPTY, .used = clock_monotonic()};
    (void)snprintf(oldest->run, sizeof oldest->run, "%s", run);
    return oldest;
}

/* The lock is held. */
static void want(struct reports *reports, struct shelf *shelf, bool ended)
{
    if (shelf->state == SHELF_MAKING)
        return;
    shelf->ending = ended;
    shelf->state = SHELF_WANTED;
    (void)pthread_cond_signal(&reports->wake);
}

/* The lock is held. */
static int give(struct shelf *shelf, struct buffer *out, struct error *err)
{
    if (shelf->state == SHELF_FULL && shelf->error.code != ERROR_NONE) {
        *err = shelf->error;
        return -1;
    }
    if (shelf->text.used == 0)
        return REPORTS_BUSY;
    return buffer_append(out, shelf->text.data, shelf->text.used, err) == 0 ? REPORTS_HERE : -1;
}

/* The lock is held. */
static int read_shelf(struct reports *reports, struct shelf *shelf, bool ended,
                      struct reports_waiter *waiter, struct buffer *out, struct error *err)
{
    double now = clock_monotonic();
    bool made = shelf->text.used > 0 && shelf->error.code == ERROR_NONE;
    shelf->used = now;
    if (waiter == NULL || reports->stopping || (made && shelf->ended) ||
        (made && !ended && now - shelf->made < LIFE))
        return give(shelf, out, err);
    want(reports, shelf, ended);
    if (made && !ended && now - shelf->made < USABLE)
        return give(shelf, out, err);
    waiter->next = shelf->waiters;
    shelf->waiters = waiter;
    return REPORTS_WAIT;
}

int reports_read(struct reports *reports, const char *run, bool ended,
                 struct reports_waiter *waiter, struct buffer *out, struct error *err)
{
    (void)pthread_mutex_lock(&reports->lock);
    struct shelf *shelf = find_shelf(reports, run);
    int answer = shelf != NULL ? read_shelf(reports, shelf, ended, waiter, out, err) : REPORTS_BUSY;
    (void)pthread_mutex_unlock(&reports->lock);
    return answer;
}

/* --- open and close -----------------------------------------------------------------------------
 */

int reports_open(struct reports **out, reports_maker *maker, const void *context, struct error *err)
{
    struct reports *reports = calloc(1, sizeof *reports);
    pthread_condattr_t monotonic;
    if (reports == NULL)
        return error_memory(err, "reports");
    reports->make = maker;
    reports->context = context;
    (void)pthread_mutex_init(&reports->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&reports->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (thread_start(&reports->thread, "reports", work, reports, err) != 0) {
        (void)pthread_cond_destroy(&reports->wake);
        (void)pthread_mutex_destroy(&reports->lock);
        free(reports);
        return -1;
    }
    *out = reports;
    return 0;
}

void reports_stop(struct reports *reports)
{
    struct reports_waiter *waiters[SHELVES];
    if (reports == NULL)
        return;
    (void)pthread_mutex_lock(&reports->lock);
    reports->stopping = true;
    for (int i = 0; i < SHELVES; i++)
        waiters[i] = take_waiters(&reports->shelves[i]);
    (void)pthread_cond_signal(&reports->wake);
    (void)pthread_mutex_unlock(&reports->lock);
    for (int i = 0; i < SHELVES; i++)
        tell(waiters[i]);
}

void reports_close(struct reports *reports)
{
    if (reports == NULL)
        return;
    reports_stop(reports);
    (void)pthread_join(reports->thread, NULL);
    for (int i = 0; i < SHELVES; i++)
        buffer_free(&reports->shelves[i].text);
    (void)pthread_cond_destroy(&reports->wake);
    (void)pthread_mutex_destroy(&reports->lock);
    free(reports);
}
