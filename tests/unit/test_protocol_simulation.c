/* The fleet's decisions and transactions as they are, on an etcd in memory and lines that only
 * count: a thousand runs with crashes, lost leases, peers cut off, lost and late requests and
 * operators who change their minds. While a peer waits for etcd others act. SIMULATION_SEED=N
 * repeats one that failed. */
#include "tests/unit/pretend_etcd.h"

#include <pthread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Views of three peers are enough here, and quicker. */
#include "fleet/documents.h"
#undef FLEET_MEMBERS_LIMIT
#define FLEET_MEMBERS_LIMIT 4

/* One thread is all peers, so it would hold locks of several of them in any order. */
#define pthread_mutex_lock(mutex) ((void)(mutex), 0)
#define pthread_mutex_unlock(mutex) ((void)(mutex), 0)
#include "fleet/fleet_operator.c"
#include "fleet/view.c"
#define join join_here
#include "fleet/protocol.c"
#undef join
static void pretend_line_status(struct line *line, struct line_status *status);
#define line_status(line, status) pretend_line_status(line, status)
#include "fleet/fleet_act.c"
#undef line_status

#define PEERS 3
#define SHARES 2
#define PREFIX "/refreshd/f/"
#define RUNS_LIMIT 400
#define STEPS_OF_FAULTS 4000
#define STEPS_TO_REST 20000
#define DEPTH_LIMIT 3
#define SIMULATIONS 250

struct line {
    struct peer *peer;
    bool active, publishing;
    char run[RUN_ID_BYTES], ended[RUN_ID_BYTES];
    unsigned answers[SHARES]; /* 0 = none, else by whom and when */
    struct pair_id prepared;
};
struct membership {
    struct peer *peer;
};
struct exchange_client {
    struct peer *peer;
};

struct peer {
    struct fleet fleet;
    struct fleet_view reading;
    struct etcd etcd, conductor_etcd;
    struct membership membership;
    struct exchange_client client;
    char name[2];

    /* durable */
    struct line line;
    struct pair_id published, backup;
    uint64_t generation;
    char applied[RUN_ID_BYTES];
    struct joined_run joined;

    /* gone with a crash */
    bool up, crashing;
    bool agent_busy, line_busy;
    bool phase_open;
    bool asking[SHARES];
    int64_t reopened;
    struct peer_document document; /* as it was told last */

    unsigned cut;  /* steps until it reaches etcd again */
    int64_t lease; /* whose keys are in etcd; 0 = none */
    bool knows_lease;
};

struct decision {
    char run[RUN_ID_BYTES];
    struct pair_id digest;
};

static struct world {
    struct pretend_store store;
    struct peer peers[PEERS];
    struct decision decisions[RUNS_LIMIT];
    char ended[RUNS_LIMIT][RUN_ID_BYTES];
    size_t decided, ended_count;
    unsigned runs, asked, depth;
    int64_t leases;
    uint64_t random, seed;
    double now;
    bool faults;
} world;

static const struct pair_id first_digest = {{1}};

/* --- chance ---------------------------------------------------------------------------------- */

static unsigned roll(unsigned sides)
{
    world.random ^= world.random << 13;
    world.random ^= world.random >> 7;
    world.random ^= world.random << 17;
    return (unsigned)((world.random >> 11) % sides);
}

static bool chance(unsigned percent)
{
    return roll(100) < percent;
}

static void broken(const char *promise)
{
    fail_msg("%s (seed %llu)", promise, (unsigned long long)world.seed);
}

static void promise(bool kept, const char *what)
{
    if (!kept)
        broken(what);
}

/* --- what others do meanwhile ------------------------------------------------------------------
 */

static void happen(void);
static void line_step(struct peer *peer);
static void agent_round(struct peer *peer);

static void meanwhile(struct peer *peer)
{
    if (world.depth >= DEPTH_LIMIT)
        return;
    world.depth++;
    if (chance(15))
        happen();
    if (chance(10) && !peer->crashing && !peer->line_busy)
        line_step(peer);
    if (chance(10) && !peer->crashing && !peer->agent_busy)
        agent_round(peer);
    world.depth--;
}

static int turn(void *context)
{
    struct peer *peer = context;
    world.now += 0.01;
    if (peer->crashing)
        return 1;
    meanwhile(peer);
    if (peer->crashing)
        return 1;
    if (!world.faults)
        return 0;
    peer->crashing = roll(1000) == 0;
    bool operating = peer->agent_busy && peer->line_busy;
    if (peer->cut > 0 || peer->crashing)
        return 1 + (int)roll(3);
    return chance(operating ? 20 : 4) ? (int)(1 + (roll(4) + 2) % 3) : 0;
}

double pretend_monotonic(void)
{
    return world.now;
}
uint32_t pretend_unix(void)
{
    return 1700000000u + (uint32_t)world.now;
}
int pretend_nanosleep(const struct timespec *wait, struct timespec *left)
{
    (void)wait;
    (void)left;
    world.now += 1;
    world.depth++;
    if (world.depth <= DEPTH_LIMIT)
        happen();
    world.depth--;
    return 0;
}

/* --- what the fleet's code calls
 * ------------------------------------------------------------------ */

static struct peer *peer_of(struct fleet *fleet)
{
    return (struct peer *)((char *)fleet - offsetof(struct peer, fleet));
}

static int gone(struct error *err)
{
    return error_set(err, ERROR_CANCELED, "the process is gone");
}

void fleet_event(struct fleet *fleet, int level, const char *name, const char *format, ...)
{
    (void)fleet, (void)level, (void)name, (void)format;
}
void fleet_poke(struct fleet *fleet)
{
    (void)fleet;
}
void fleet_differences(const struct fleet *fleet, const struct run_document *run, char *out,
                       size_t bytes)
{
    (void)fleet, (void)run, (void)bytes;
    out[0] = '\0';
}

int store_applied(struct fleet *fleet, const char *run, struct error *err)
{
    struct peer *peer = peer_of(fleet);
    if (peer->crashing)
        return gone(err);
    (void)snprintf(peer->applied, sizeof peer->applied, "%s", run);
    memcpy(fleet->self.applied, peer->applied, sizeof peer->applied);
    return 0;
}
int store_joined(struct fleet *fleet, const struct joined_run *joined, struct error *err)
{
    struct peer *peer = peer_of(fleet);
    if (peer->crashing)
        return gone(err);
    fleet->joined = *joined;
    fleet->joined.valid = true;
    peer->joined = fleet->joined;
    return 0;
}

int64_t membership_lease(struct membership *membership)
{
    return membership->peer->knows_lease ? membership->peer->lease : 0;
}
const char *membership_instance(const struct membership *membership)
{
    return membership->peer->name;
}
int membership_peers(struct membership *membership, struct membership_peer **peers, size_t *count,
                     struct error *err)
{
    (void)membership, (void)err;
    *peers = NULL;
    *count = 0;
    return 0;
}
void membership_peers_free(struct membership_peer *peers, size_t count)
{
    (void)peers, (void)count;
}
int agent_peers(struct fleet *fleet, struct fleet_view *view, struct error *err)
{
    (void)fleet, (void)err;
    for (size_t i = 0; i < PEERS; i++) {
        struct view_peer *peer = view_add_peer(view, world.peers[i].name);
        peer->live = world.peers[i].lease != 0;
        peer->document = world.peers[i].document;
    }
    return 0;
}

bool gather_has(const char *state_directory, const struct pair_id *digest)
{
    (void)state_directory, (void)digest;
    return true;
}
int gather_own(struct learned *learned, const char *state_directory, struct pair_id *digest,
               uint64_t *entries, struct error *err)
{
    (void)learned, (void)state_directory, (void)digest, (void)entries;
    return gone(err);
}
int gather_path(const char *state_directory, const struct pair_id *digest, char **path,
                struct error *err)
{
    (void)state_directory, (void)digest, (void)path;
    return gone(err);
}
int exchange_fetch_learned(struct exchange_client *client, const struct exchange_sources *sources,
                           const char *run, const struct pair_id *digest, uint64_t limit,
                           const char *path, struct error *err)
{
    (void)client, (void)sources, (void)run, (void)digest, (void)limit, (void)path;
    return gone(err);
}

/* --- the cache
 * ------------------------------------------------------------------------------------ */

/* Place in the sequence of decisions; 0 = before the first, -1 = it was never decided. */
static int place_of(const struct pair_id *digest)
{
    for (size_t i = world.decided; i > 0; i--)
        if (pair_id_equal(&world.decisions[i - 1].digest, digest))
            return (int)i;
    return pair_id_equal(digest, &first_digest) ? 0 : -1;
}

static void publish(struct peer *peer, const struct pair_id *digest)
{
    promise(place_of(digest) >= 0, "a peer published what was not decided");
    promise(place_of(digest) >= place_of(&peer->published), "a peer published something older");
    peer->backup = peer->published;
    peer->published = *digest;
    peer->generation++;
}

int catch_up(const struct catch_up_settings *settings, struct exchange_client *client,
             const struct exchange_sources *sources, const struct pair_id *digest,
             struct catch_up_progress *progress, uint64_t *generation, struct error *err)
{
    struct peer *peer = client->peer;
    (void)settings, (void)sources, (void)progress;
    meanwhile(peer);
    for (size_t i = 0; i < PEERS && !peer->crashing; i++) {
        const struct peer *source = &world.peers[i];
        if (!source->up ||
            (!pair_id_equal(&source->published, digest) && !pair_id_equal(&source->backup, digest)))
            continue;
        publish(peer, digest);
        *generation = peer->generation;
        return 0;
    }
    return error_set(err, ERROR_MISSING, "nobody has it");
}

/* --- the line
 * --------------------------------------------------------------------------------------- */

/* The line gives its run up. What the fleet decided last is not to be given up knowingly. */
static void give_up(const struct line *line)
{
    if (world.decided == 0 || !line->peer->fleet.self.publishing)
        return;
    const struct decision *last = &world.decisions[world.decided - 1];
    promise(strcmp(last->run, line->run) != 0 || !pair_id_equal(&last->digest, &line->prepared),
            "a peer gave up the generation that was decided");
}

static void end_of_line(struct line *line)
{
    memcpy(line->ended, line->run, sizeof line->ended);
    line->active = line->publishing = false;
    memset(line->answers, 0, sizeof line->answers);
    line->prepared = (struct pair_id){{0}};
    line->peer->phase_open = false;
    line->peer->fleet.verdict = (struct verdict){.waiting = false};
    memset(line->peer->asking, 0, sizeof line->peer->asking);
}

static void pretend_line_status(struct line *line, struct line_status *status)
{
    *status = (struct line_status){.state = line->active ? LINE_REFRESHING : LINE_IDLE};
    if (line->active)
        memcpy(status->run.id, line->run, sizeof status->run.id);
}

int line_cancel(struct line *line, struct error *err)
{
    if (line->peer->crashing)
        return gone(err);
    if (!line->active)
        return error_set(err, ERROR_STATE, "no run");
    if (line->peer->line_busy)
        return 0;
    give_up(line);
    end_of_line(line);
    return 0;
}
int line_fail(struct line *line, const char *reason, struct error *err)
{
    (void)reason;
    return line_cancel(line, err);
}
int line_join(struct line *line, const struct line_invitation *invitation, struct error *err)
{
    if (line->peer->crashing)
        return gone(err);
    if (line->active || line->peer->line_busy)
        return error_set(err, ERROR_STATE, "a run is active");
    if (!pair_id_equal(&invitation->base_digest, &line->peer->published))
        return error_set(err, ERROR_STATE, "another base");
    line->active = true;
    memcpy(line->run, invitation->id, sizeof line->run);
    return 0;
}
void line_invite(const struct run_parameters *parameters, struct line_invitation *out)
{
    *out = (struct line_invitation){.parameters = *parameters, .started_at = pretend_unix()};
    (void)snprintf(out->id, sizeof out->id, "20261122T020000Z-%04x", ++world.runs);
}
int line_plan(struct line *line, const struct run_parameters *parameters, struct line_plan *plan,
              struct error *err)
{
    (void)line, (void)parameters, (void)err;
    *plan = (struct line_plan){.points = 1};
    return 0;
}
int line_occupy(struct line *line, const char *what, struct error *err)
{
    (void)what;
    return line->active ? error_set(err, ERROR_STATE, "a run is active") : 0;
}
void line_vacate(struct line *line)
{
    (void)line;
}
void line_cache_changed(struct line *line)
{
    (void)line;
}

#include "tests/unit/protocol_simulation_line.h"
#include "tests/unit/protocol_simulation_world.h"

static void test_no_fault_splits_or_stalls(void **state)
{
    (void)state;
    const char *seed = getenv("SIMULATION_SEED");
    unsigned long long first = seed != NULL ? strtoull(seed, NULL, 10) : 1;
    unsigned count = seed != NULL ? 1 : SIMULATIONS;
    unsigned decisions = 0;
    for (unsigned i = 0; i < count; i++)
        decisions += simulate(first + i);
    if (seed == NULL)
        assert_in_range(decisions, 5 * SIMULATIONS, UINT32_MAX);
    print_message("%u simulations, %u decisions\n", count, decisions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_fault_splits_or_stalls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
