#include "tests/unit/coordination_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/patience.h"

/* --- claims ---------------------------------------------------------------------------------- */

/* Those of one process, but for what the rig says is elsewhere. */
struct rig_claims {
    struct claims claims;
    struct coordination_rig *rig;
    pthread_mutex_t mutex;
    uint32_t shares;
    unsigned char state[RIG_SHARES_LIMIT];
    bool whole[RIG_SHARES_LIMIT]; /* the ledger has all its answers */
};

static struct rig_claims *own(struct claims *claims)
{
    return (struct rig_claims *)claims;
}

static bool claims_next_share(struct claims *base, uint32_t *share)
{
    struct rig_claims *claims = own(base);
    bool got = false;
    (void)pthread_mutex_lock(&claims->mutex);
    for (uint32_t i = 0; i < claims->shares && !got; i++) {
        if (claims->state[i] != SHARE_FREE || claims->rig->share[i] != RIG_SHARE_OURS)
            continue;
        claims->state[i] = SHARE_CLAIMED;
        *share = i;
        got = true;
    }
    (void)pthread_mutex_unlock(&claims->mutex);
    return got;
}

static void set_state(struct claims *base, uint32_t share, enum share_state state)
{
    struct rig_claims *claims = own(base);
    (void)pthread_mutex_lock(&claims->mutex);
    claims->state[share] = (unsigned char)state;
    (void)pthread_mutex_unlock(&claims->mutex);
}

static void give_back(struct claims *base, uint32_t share)
{
    set_state(base, share, SHARE_FREE);
}

static void finish(struct claims *base, uint32_t share)
{
    set_state(base, share, SHARE_FINISHED);
}

static void committed(struct claims *base, uint32_t share)
{
    struct rig_claims *claims = own(base);
    atomic_fetch_add(&claims->rig->committed[share], 1);
    (void)pthread_mutex_lock(&claims->mutex);
    claims->whole[share] = true;
    if (claims->state[share] == SHARE_FREE)
        claims->state[share] = SHARE_FINISHED;
    (void)pthread_mutex_unlock(&claims->mutex);
}

static uint32_t active(struct claims *base)
{
    struct rig_claims *claims = own(base);
    uint32_t count = 0;
    (void)pthread_mutex_lock(&claims->mutex);
    for (uint32_t i = 0; i < claims->shares; i++)
        count += claims->state[i] == SHARE_CLAIMED;
    (void)pthread_mutex_unlock(&claims->mutex);
    return count;
}

static bool over(struct claims *base)
{
    struct rig_claims *claims = own(base);
    bool any = false;
    (void)pthread_mutex_lock(&claims->mutex);
    for (uint32_t i = 0; i < claims->shares; i++)
        any = any || claims->state[i] == SHARE_FREE;
    (void)pthread_mutex_unlock(&claims->mutex);
    return !any;
}

static bool settled(struct claims *base)
{
    return !own(base)->rig->unsettled;
}

static void copy(struct claims *base, unsigned char *out)
{
    struct rig_claims *claims = own(base);
    (void)pthread_mutex_lock(&claims->mutex);
    memcpy(out, claims->state, claims->shares);
    (void)pthread_mutex_unlock(&claims->mutex);
}

static void free_claims(struct claims *base)
{
    struct rig_claims *claims = own(base);
    struct coordination_rig *rig = claims->rig;
    (void)pthread_mutex_lock(&rig->mutex);
    rig->site = NULL;
    rig->claims = NULL;
    (void)pthread_mutex_unlock(&rig->mutex);
    atomic_fetch_add(&rig->freed, 1);
    (void)pthread_mutex_destroy(&claims->mutex);
    free(claims);
}

static const struct claims_calls claims_calls = {
    .next = claims_next_share,
    .give_back = give_back,
    .finish = finish,
    .committed = committed,
    .active = active,
    .over = over,
    .settled = settled,
    .copy = copy,
    .free = free_claims,
};

static int claims_open(void *context, struct claims **out, const struct coordination_site *site,
                       struct error *err)
{
    struct coordination_rig *rig = context;
    struct rig_claims *claims = calloc(1, sizeof *claims);
    if (claims == NULL)
        return error_memory(err, "the claims");
    assert_true(site->run->parameters.shares <= RIG_SHARES_LIMIT);
    claims->claims.calls = &claims_calls;
    claims->rig = rig;
    claims->shares = site->run->parameters.shares;
    (void)pthread_mutex_init(&claims->mutex, NULL);
    for (uint32_t i = 0; i < claims->shares; i++) {
        claims->whole[i] = site->done[i];
        claims->state[i] = site->done[i] ? SHARE_FINISHED : SHARE_FREE;
    }
    (void)pthread_mutex_lock(&rig->mutex);
    rig->site = site;
    rig->claims = claims;
    (void)pthread_mutex_unlock(&rig->mutex);
    *out = &claims->claims;
    atomic_fetch_add(&rig->opened, 1);
    return 0;
}

/* --- the other calls ---------------------------------------------------------------------------
 */

static void settings(void *context, const struct run_record *run, struct gate_limits *limits,
                     struct geocoder_settings *geocoder)
{
    struct coordination_rig *rig = context;
    assert_true(run->id[0] != '\0');
    if (rig->sets_limits)
        *limits = rig->limits;
    if (rig->language != NULL)
        geocoder->language = rig->language;
}

static int wait_while(const _Atomic bool *flag, const struct control *control, struct error *err)
{
    while (atomic_load(flag)) {
        if (control_ending(control))
            return error_set(err, ERROR_CANCELED, "the rig was told to stop");
        usleep(2000);
    }
    return 0;
}

static int freeze(void *context, const struct run_record *run, struct learned *learned,
                  const char *directory, uint64_t *count, const struct control *control,
                  struct error *err)
{
    struct coordination_rig *rig = context;
    atomic_fetch_add(&rig->frozen, 1);
    if (rig->freeze_error != NULL)
        return error_set(err, ERROR_UNREACHABLE, "%s", rig->freeze_error);
    if (wait_while(&rig->freeze_waits, control, err) != 0)
        return -1;
    return coordination_alone.freeze(NULL, run, learned, directory, count, control, err);
}

static int snapshot_taken(void *context, const struct run_record *run, const struct pair_id *digest,
                          const struct control *control, struct error *err)
{
    struct coordination_rig *rig = context;
    (void)run;
    (void)control;
    rig->snapshot = *digest;
    atomic_fetch_add(&rig->snapshots, 1);
    return rig->snapshot_error != NULL ? error_set(err, ERROR_STATE, "%s", rig->snapshot_error) : 0;
}

static int prepare(void *context, const struct run_record *run, struct ledger *ledger,
                   const char *answers_directory, const struct control *control, struct error *err)
{
    struct coordination_rig *rig = context;
    (void)run;
    (void)control;
    atomic_fetch_add(&rig->prepared, 1);
    if (rig->prepare_error != NULL)
        return error_set(err, ERROR_UNREACHABLE, "%s", rig->prepare_error);
    return rig->on_prepare != NULL ? rig->on_prepare(rig, ledger, answers_directory, err) : 0;
}

static double pace(void *context, const struct run_record *run)
{
    struct coordination_rig *rig = context;
    assert_true(run->id[0] != '\0');
    return rig->pace;
}

static int agree(void *context, const struct run_record *run, const struct pair_id *digest,
                 const struct control *control, struct agreement *out, struct error *err)
{
    struct coordination_rig *rig = context;
    (void)run;
    rig->digest = *digest;
    atomic_fetch_add(&rig->agreed, 1);
    if (wait_while(&rig->undecided, control, err) != 0)
        return -1;
    *out = rig->agreement;
    atomic_fetch_add(&rig->decided, 1);
    return 0;
}

static void switched(void *context, const struct run_record *run, const struct pair_id *digest,
                     double at)
{
    struct coordination_rig *rig = context;
    (void)run;
    rig->switched_digest = *digest;
    rig->switched_at = at;
    atomic_fetch_add(&rig->switched, 1);
}

void coordination_rig_open(struct coordination_rig *rig)
{
    memset(rig, 0, sizeof *rig);
    (void)pthread_mutex_init(&rig->mutex, NULL);
    rig->pace = 1;
    rig->agreement.kind = AGREED_SWITCH;
    rig->calls = (struct coordination){
        .context = rig,
        .settings = settings,
        .freeze = freeze,
        .snapshot_taken = snapshot_taken,
        .prepare = prepare,
        .claims_open = claims_open,
        .pace = pace,
        .agree = agree,
        .switched = switched,
    };
}

void coordination_rig_close(struct coordination_rig *rig)
{
    (void)pthread_mutex_destroy(&rig->mutex);
}

/* --- what a coordination does with a site --------------------------------------------------------
 */

void rig_with_site(struct coordination_rig *rig,
                   void (*call)(const struct coordination_site *site, void *argument),
                   void *argument)
{
    double end = clock_monotonic() + PATIENCE;
    for (bool called = false; !called;) {
        assert_true(clock_monotonic() < end);
        (void)pthread_mutex_lock(&rig->mutex);
        if (rig->site != NULL) {
            call(rig->site, argument);
            called = true;
        }
        (void)pthread_mutex_unlock(&rig->mutex);
        if (!called)
            usleep(1000);
    }
}

static void call_wake(const struct coordination_site *site, void *argument)
{
    (void)argument;
    site->wake(site->context);
}

void rig_wake(struct coordination_rig *rig)
{
    rig_with_site(rig, call_wake, NULL);
}

static void call_again(const struct coordination_site *site, void *argument)
{
    (void)argument;
    site->again(site->context);
}

void rig_again(struct coordination_rig *rig)
{
    rig_with_site(rig, call_again, NULL);
}

static void call_push(const struct coordination_site *site, void *argument)
{
    const struct buffer *record = argument;
    struct answer_batch *batch;
    struct error err;
    if (answer_batch_adopt(&batch, record->data, record->used, true, "a peer", &err) != 0)
        fail_msg("%s", err.message);
    if (channel_push(site->channel, batch, &err) != 0)
        answer_batch_free(batch);
}

void rig_push(struct coordination_rig *rig, const struct buffer *record)
{
    rig_with_site(rig, call_push, (void *)record);
}

void rig_wait_for(const _Atomic unsigned *counter, unsigned count)
{
    double end = clock_monotonic() + PATIENCE;
    while (atomic_load(counter) < count) {
        if (clock_monotonic() > end)
            fail_msg("waited for %u, there are %u", count, atomic_load(counter));
        usleep(1000);
    }
}

void shared_line_open(struct shared_line *bench, unsigned points)
{
    bench->rig = rig_open(points);
    coordination_rig_open(&bench->coordination);
    bench->rig->settings.coordination = &bench->coordination.calls;
    bench->line = rig_line(bench->rig);
}

void shared_line_close(struct shared_line *bench)
{
    rig_line_close(bench->rig);
    coordination_rig_close(&bench->coordination);
    rig_close(bench->rig);
}
