/* The claimer: the thread that keeps our claims in etcd, tells what is done and held, and reads
 * what the others told. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/shares_internal.h"

#define LOOK_INTERVAL 1.0 /* seconds at most between two looks at etcd */
#define LOOK_PAUSE 0.05   /* and at least */
#define LOOK_PART 4       /* a look takes at most one in this many parts of the time */
#define TRY_AGAIN 0.4     /* seconds after a failure */
#define DIGEST_TIME 0.1   /* seconds of reading answers before what is known is told */
#define HELD_INTERVAL 1.0
#define LOST_INTERVAL 0.5
#define REOPEN_MOST 50 /* shares in one transaction */

struct claimer {
    struct shares *shares;
    struct shares_reading reading;
    int64_t lease;
    double next_look, earliest_look, next_try, next_held, next_lost;
    bool stale; /* a transaction failed: look before the next */
    size_t claims_most, done_most;
    uint32_t cursor;            /* the share after the last one that we went for */
    unsigned char *held, *told; /* bitmaps: as they are, as etcd has them */
    bool has_told;
    double *since; /* of each share: without a holder since then; 0 = it has one */
};

static int make_claimer(struct claimer *claimer, struct shares *shares, struct error *err)
{
    size_t bytes = (size_t)shares->count / 8 + 1;
    *claimer = (struct claimer){
        .shares = shares,
        .stale = true,
        .cursor = UINT32_MAX,
        .claims_most = SHARES_WRITE_MOST,
        .done_most = SHARES_WRITE_MOST,
        .held = calloc(1, bytes),
        .told = calloc(1, bytes),
        .since = calloc((size_t)shares->count + 1, sizeof(double)),
    };
    if (claimer->held == NULL || claimer->told == NULL || claimer->since == NULL)
        return error_memory(err, "the claims");
    return 0;
}

static void free_claimer(struct claimer *claimer)
{
    free(claimer->held);
    free(claimer->told);
    free(claimer->since);
}

/* --- coming to rest -------------------------------------------------------------------------- */

/* From now on nothing is done. True the first time. */
static bool fall_quiet(struct shares *shares)
{
    (void)pthread_mutex_lock(&shares->lock);
    bool first = !shares->quiet;
    shares->quiet = true;
    (void)pthread_mutex_unlock(&shares->lock);
    return first;
}

static void begin_again(struct shares *shares)
{
    if (fall_quiet(shares))
        shares->site.again(shares->site.context);
}

static bool is_quiet(struct shares *shares)
{
    (void)pthread_mutex_lock(&shares->lock);
    bool quiet = shares->quiet || shares->stopping;
    (void)pthread_mutex_unlock(&shares->lock);
    return quiet;
}

/* A step failed. What etcd will take later is tried again; what our own disk refuses is not. */
static void note_failure(struct claimer *claimer, const struct error *err)
{
    struct shares *shares = claimer->shares;
    if (err->code == ERROR_CANCELED)
        return;
    claimer->stale = true;
    claimer->next_try = clock_monotonic() + TRY_AGAIN;
    (void)pthread_mutex_lock(&shares->lock);
    (void)snprintf(shares->etcd_problem, sizeof shares->etcd_problem, "%.190s", err->message);
    (void)pthread_mutex_unlock(&shares->lock);
}

/* A transaction was refused. 0 = look and try again; -1 = not now. */
static int note_refusal(struct claimer *claimer, size_t *most, struct error *err)
{
    int ended = shares_run_ended(claimer->shares, err);
    if (ended > 0)
        (void)fall_quiet(claimer->shares);
    if (*most == 1)
        claimer->next_try = clock_monotonic() + LOOK_PAUSE;
    *most = *most > 4 ? *most / 4 : 1;
    claimer->stale = true;
    return ended < 0 ? -1 : 0;
}

/* --- steps, each 0 or -1 --------------------------------------------------------------------- */

static int look(struct claimer *claimer, struct error *err)
{
    struct shares *shares = claimer->shares;
    double from = clock_monotonic();
    (void)pthread_mutex_lock(&shares->lock);
    shares->changed = false;
    (void)pthread_mutex_unlock(&shares->lock);
    if (shares_list_live(shares->membership, shares->holders, &shares->lock, err) != 0 ||
        shares_read(shares, &claimer->reading, claimer->lease, err) != 0)
        return -1;
    double now = clock_monotonic();
    claimer->stale = false;
    claimer->next_look = now + LOOK_INTERVAL;
    claimer->earliest_look = now + fmax(LOOK_PAUSE, LOOK_PART * (now - from));
    (void)pthread_mutex_lock(&shares->lock);
    shares->etcd_problem[0] = '\0';
    (void)pthread_mutex_unlock(&shares->lock);
    return 0;
}

/* Does a worker ask what is not ours any more, or does the ledger have what does not count, while
 * somebody could give us what does? */
static bool must_begin_again(struct shares *shares)
{
    (void)pthread_mutex_lock(&shares->lock);
    bool must = shares_table_conflict(shares->table);
    for (uint32_t i = 0; i < shares->count && !must; i++)
        must = shares_table_differs(shares->table, i) &&
               shares_holders_any(shares->holders, i, shares_table_outcome(shares->table, i)->by);
    (void)pthread_mutex_unlock(&shares->lock);
    return must;
}

static int digest(struct claimer *claimer, struct error *err)
{
    struct shares *shares = claimer->shares;
    double end = clock_monotonic() + DIGEST_TIME;
    struct pair_id id;
    uint32_t share;
    for (;;) {
        (void)pthread_mutex_lock(&shares->lock);
        bool more = shares_table_undigested(shares->table, &share) && !shares->stopping;
        uint32_t points = more ? shares_table_points(shares->table, share) : 0;
        (void)pthread_mutex_unlock(&shares->lock);
        if (!more)
            return 0;
        if (shares_digest(shares->memory, shares->site.ledger, shares->site.answers_directory,
                          share, points, &id, err) != 0) {
            if (fall_quiet(shares))
                shares->site.fail(shares->site.context, err);
            return -1;
        }
        (void)pthread_mutex_lock(&shares->lock);
        shares_table_digest(shares->table, share, &id);
        if (clock_monotonic() >= end) {
            shares_poke(shares);
            more = false;
        }
        (void)pthread_mutex_unlock(&shares->lock);
        if (!more)
            return 0;
    }
}

static int tell_done(struct claimer *claimer, struct error *err)
{
    struct shares *shares = claimer->shares;
    uint32_t list[SHARES_WRITE_MOST];
    while (!claimer->stale) {
        (void)pthread_mutex_lock(&shares->lock);
        size_t count =
            shares->quiet ? 0 : shares_table_publishable(shares->table, list, claimer->done_most);
        (void)pthread_mutex_unlock(&shares->lock);
        if (count == 0)
            return 0;
        int won = shares_write_done(shares, list, count, err);
        if (won < 0 || (won == 0 && note_refusal(claimer, &claimer->done_most, err) != 0))
            return -1;
        if (won > 0)
            claimer->done_most = SHARES_WRITE_MOST;
    }
    return 0;
}

/* How many shares to claim now: as many as the workers need for a while; towards the end fewer, so
 * that nobody sits on shares while others have nothing to do. The lock is held. */
static size_t list_claims(struct claimer *claimer, struct share_candidate *out)
{
    struct shares *shares = claimer->shares;
    uint32_t live;
    uint32_t rank = shares_holders_rank(shares->holders, &live);
    uint32_t in_hand = shares_table_in_hand(shares->table);
    uint32_t wanted = shares_ahead_wanted(&shares->ahead, clock_monotonic());
    uint32_t fair = shares_table_left(shares->table) / (2 * live) + 1;
    if (wanted > fair)
        wanted = fair;
    shares->target = wanted;
    if (shares->quiet || shares->stopping || in_hand > wanted / 2 || in_hand >= wanted)
        return 0;
    size_t room = wanted - in_hand;
    if (room > claimer->claims_most)
        room = claimer->claims_most;
    uint32_t from = shares_table_seat(shares->table, claimer->cursor, rank, live);
    size_t count = shares_table_claimable(shares->table, from, out, room);
    if (count > 0)
        claimer->cursor = out[count - 1].share + 1;
    shares->exhausted = count == 0;
    return count;
}

static int claim(struct claimer *claimer, struct error *err)
{
    struct shares *shares = claimer->shares;
    struct share_candidate list[SHARES_WRITE_MOST];
    while (!claimer->stale) {
        (void)pthread_mutex_lock(&shares->lock);
        size_t count = list_claims(claimer, list);
        (void)pthread_mutex_unlock(&shares->lock);
        if (count == 0)
            return 0;
        int won = shares_write_claims(shares, list, count, claimer->lease, err);
        if (won < 0 || (won == 0 && note_refusal(claimer, &claimer->claims_most, err) != 0))
            return -1;
        if (won == 0)
            continue;
        claimer->claims_most = SHARES_WRITE_MOST;
        (void)pthread_mutex_lock(&shares->lock);
        shares_ahead_more(&shares->ahead);
        (void)pthread_mutex_unlock(&shares->lock);
    }
    return 0;
}

static int tell_held(struct claimer *claimer, double now, struct error *err)
{
    struct shares *shares = claimer->shares;
    size_t bytes = ((size_t)shares->count + 7) / 8, most = 1;
    (void)pthread_mutex_lock(&shares->lock);
    uint32_t count = shares_table_held(shares->table, claimer->held);
    bool all = shares_table_settled(shares->table);
    (void)pthread_mutex_unlock(&shares->lock);
    bool told = claimer->has_told && memcmp(claimer->held, claimer->told, bytes) == 0;
    if (!told && now < claimer->next_held && !all)
        return 0;
    if (!told) {
        claimer->next_held = now + HELD_INTERVAL;
        int won = shares_write_held(shares, claimer->held, count, err);
        if (won <= 0)
            return won < 0 ? -1 : note_refusal(claimer, &most, err);
        memcpy(claimer->told, claimer->held, bytes);
        claimer->has_told = true;
    }
    (void)pthread_mutex_lock(&shares->lock);
    shares->told_all = all;
    (void)pthread_mutex_unlock(&shares->lock);
    return 0;
}

/* Shares that we need and that nobody has had for long. The lock is held. */
static size_t list_lost(struct claimer *claimer, double now, uint32_t *out, size_t room)
{
    struct shares *shares = claimer->shares;
    size_t count = 0;
    shares->without_holder = 0;
    for (uint32_t i = 0; i < shares->count; i++) {
        double *since = &claimer->since[i];
        const struct share_outcome *outcome = shares_table_outcome(shares->table, i);
        bool needed =
            shares_table_wanted(shares->table, i) || shares_table_differs(shares->table, i);
        if (!needed || shares_holders_any(shares->holders, i, outcome->by)) {
            *since = 0;
            continue;
        }
        shares->without_holder++;
        if (*since == 0)
            *since = now;
        if (now - *since >= shares->lost_after && count < room)
            out[count++] = i;
    }
    return count;
}

static int reopen_lost(struct claimer *claimer, double now, struct error *err)
{
    struct shares *shares = claimer->shares;
    uint32_t list[REOPEN_MOST];
    size_t most = 1;
    if (now < claimer->next_lost || claimer->stale)
        return 0;
    claimer->next_lost = now + LOST_INTERVAL;
    (void)pthread_mutex_lock(&shares->lock);
    size_t count = list_lost(claimer, now, list, REOPEN_MOST);
    (void)pthread_mutex_unlock(&shares->lock);
    if (count == 0)
        return 0;
    int won = shares_write_reopened(shares, &claimer->reading, list, count, err);
    if (won == 0)
        return note_refusal(claimer, &most, err);
    if (won > 0)
        claimer->next_lost = now;
    return won < 0 ? -1 : 0;
}

/* --- rounds ----------------------------------------------------------------------------------- */

static int take_steps(struct claimer *claimer, struct error *err)
{
    struct shares *shares = claimer->shares;
    double now = clock_monotonic();
    (void)pthread_mutex_lock(&shares->lock);
    bool due = claimer->stale || now >= claimer->next_look ||
               (shares->changed && now >= claimer->earliest_look);
    (void)pthread_mutex_unlock(&shares->lock);
    if (due && look(claimer, err) != 0)
        return -1;
    if (must_begin_again(shares)) {
        begin_again(shares);
        return 0;
    }
    if (digest(claimer, err) != 0 || tell_done(claimer, err) != 0 || claim(claimer, err) != 0 ||
        is_quiet(shares))
        return is_quiet(shares) ? 0 : -1;
    return tell_held(claimer, now, err) != 0 ? -1 : reopen_lost(claimer, now, err);
}

/* Tell the line that there are shares, or that all is over or settled. */
static void tell_line(struct shares *shares)
{
    (void)pthread_mutex_lock(&shares->lock);
    bool over = shares_table_over(shares->table);
    bool settled = shares_are_settled(shares);
    bool fed = shares->hungry && shares_table_in_hand(shares->table) > 0;
    bool news =
        !shares->quiet && (fed || over != shares->was_over || (settled && !shares->was_settled));
    shares->was_over = over;
    shares->was_settled = settled;
    if (news)
        shares->hungry = false;
    (void)pthread_mutex_unlock(&shares->lock);
    if (news)
        shares->site.wake(shares->site.context);
}

static void make_round(struct claimer *claimer)
{
    struct shares *shares = claimer->shares;
    struct error err;
    claimer->lease = membership_lease(shares->membership);
    if (claimer->lease == 0 || membership_epoch(shares->membership) != shares->epoch) {
        begin_again(shares);
        return;
    }
    if (take_steps(claimer, &err) != 0)
        note_failure(claimer, &err);
    tell_line(shares);
}

/* When the next round is due at the latest. The lock is held. */
static double next_round(const struct claimer *claimer)
{
    const struct shares *shares = claimer->shares;
    double due = claimer->next_look;
    if (claimer->stale || shares->poked)
        due = 0;
    else if (shares->changed)
        due = fmin(due, claimer->earliest_look);
    return fmax(due, claimer->next_try);
}

/* Wait until a round is due; false when the thread is to end. */
static bool await_round(struct claimer *claimer)
{
    struct shares *shares = claimer->shares;
    double due;
    (void)pthread_mutex_lock(&shares->lock);
    while (!shares->stopping && (shares->quiet || (due = next_round(claimer)) > clock_monotonic()))
        shares_wait(shares, &shares->claimer_wake, shares->quiet ? INFINITY : due);
    shares->poked = false;
    bool goes_on = !shares->stopping;
    (void)pthread_mutex_unlock(&shares->lock);
    return goes_on;
}

void *shares_claimer(void *argument)
{
    struct shares *shares = argument;
    struct claimer claimer;
    struct error err;
    if (make_claimer(&claimer, shares, &err) != 0) {
        if (fall_quiet(shares))
            shares->site.fail(shares->site.context, &err);
    } else {
        while (await_round(&claimer))
            make_round(&claimer);
    }
    free_claimer(&claimer);
    return NULL;
}
