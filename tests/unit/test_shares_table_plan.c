/* Peers as a simulation: an etcd that is three arrays, and peers that do at random what theirs
 * threads may do, with faults. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "fleet/shares_table.h"

enum { SHARES = 40, POINTS = 36, PEERS = 3, NOBODY = -1 };

struct stored {
    int claimer, lease; /* NOBODY */
    int64_t claim_modified;
    bool done;
    unsigned digest;
    int by;
    int64_t done_modified;
};

struct local {
    uint32_t answered;
    unsigned digest; /* of whole ones */
    bool asked;      /* with the writer */
    bool pushed;
    unsigned coming; /* the digest of what is with the writer */
};

struct peer {
    struct shares_table *table;
    int lease;
    int64_t seen;
    struct local local[SHARES];
    bool given[SHARES];
    bool fetching[SHARES];
};

struct world {
    uint64_t random;
    int64_t revision;
    int leases;
    unsigned digests, asked;
    struct stored stored[SHARES];
    struct peer peers[PEERS];
    bool expired[1000]; /* leases */
};

static unsigned roll(struct world *world, unsigned sides)
{
    world->random = world->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(world->random >> 33) % sides;
}

static struct pair_id digest_of(unsigned number)
{
    struct pair_id id = {{0}};
    memcpy(id.bytes, &number, sizeof number);
    return id;
}

static unsigned number_of(const struct pair_id *id)
{
    unsigned number;
    memcpy(&number, id->bytes, sizeof number);
    return number;
}

/* --- what a peer does ------------------------------------------------------------------ */

static void read_claims(struct world *world, struct peer *peer)
{
    int self = (int)(peer - world->peers);
    shares_table_claims_begin(peer->table);
    for (uint32_t i = 0; i < SHARES; i++) {
        const struct stored *stored = &world->stored[i];
        if (stored->claimer == NOBODY)
            continue;
        shares_table_claim(peer->table, i,
                           stored->claimer != self        ? CLAIMER_OTHER
                           : stored->lease == peer->lease ? CLAIMER_WE
                                                          : CLAIMER_EARLIER,
                           stored->claim_modified);
    }
    shares_table_claims_end(peer->table);
}

static void read_done(struct world *world, struct peer *peer, bool all)
{
    int self = (int)(peer - world->peers);
    if (all)
        shares_table_done_begin(peer->table);
    for (uint32_t i = 0; i < SHARES; i++) {
        const struct stored *stored = &world->stored[i];
        struct share_outcome outcome = {digest_of(stored->digest), (uint32_t)stored->by,
                                        stored->by == self, stored->done_modified};
        if (stored->done && (all || stored->done_modified > peer->seen))
            shares_table_done(peer->table, i, &outcome);
    }
    if (all)
        shares_table_done_end(peer->table);
    peer->seen = world->revision;
}

static void read_all(struct world *world, struct peer *peer)
{
    read_claims(world, peer);
    read_done(world, peer, false);
    if (shares_table_suspect(peer->table))
        read_done(world, peer, true);
    shares_table_known(peer->table);
}

static bool has(const struct world *world, uint32_t share, unsigned digest)
{
    for (size_t i = 0; i < PEERS; i++) {
        if (world->peers[i].local[share].digest == digest)
            return true;
    }
    return false;
}

/* A phase begins: what differs from done/ is dropped first. */
static void begin_phase(struct world *world, struct peer *peer)
{
    shares_table_free(peer->table);
    assert_int_equal(shares_table_create(&peer->table, POINTS, SHARES, NULL), 0);
    memset(peer->given, 0, sizeof peer->given);
    memset(peer->fetching, 0, sizeof peer->fetching);
    peer->seen = 0;
    for (uint32_t i = 0; i < SHARES; i++) {
        struct local *local = &peer->local[i];
        const struct stored *stored = &world->stored[i];
        local->asked = local->pushed = false;
        if (local->digest != 0 && stored->done && stored->digest != local->digest &&
            has(world, i, stored->digest))
            *local = (struct local){0};
        shares_table_begin(peer->table, i,
                           local->digest != 0 ? shares_table_points(peer->table, i) : 0);
    }
}

static void claim(struct world *world, struct peer *peer)
{
    struct share_candidate out[SHARES];
    int self = (int)(peer - world->peers);
    size_t count = shares_table_claimable(peer->table, (uint32_t)self * SHARES / PEERS, out,
                                          1 + roll(world, 5));
    if (world->expired[peer->lease])
        return;
    for (size_t i = 0; i < count; i++) {
        struct stored *stored = &world->stored[out[i].share];
        bool free = out[i].modified == 0
                        ? stored->claimer == NOBODY
                        : stored->claimer != NOBODY && stored->claim_modified == out[i].modified;
        if (stored->done || !free)
            continue;
        stored->claimer = self;
        stored->lease = peer->lease;
        stored->claim_modified = ++world->revision;
        shares_table_claimed(peer->table, out[i].share, stored->claim_modified);
    }
}

static void work(struct world *world, struct peer *peer)
{
    uint32_t share;
    if (shares_table_next(peer->table, &share)) {
        assert_true(shares_table_points(peer->table, share) > 0);
        assert_false(peer->given[share]);
        assert_int_equal(peer->local[share].digest, 0);
        peer->given[share] = true;
    }
    for (uint32_t i = 0; i < SHARES; i++) {
        if (!peer->given[i] || roll(world, 3) != 0)
            continue;
        peer->given[i] = false;
        if (roll(world, 8) == 0) {
            shares_table_give_back(peer->table, i);
            continue;
        }
        peer->local[i].asked = true;
        peer->local[i].coming = ++world->digests;
        world->asked++;
        shares_table_finish(peer->table, i);
    }
}

static void commit(struct world *world, struct peer *peer)
{
    for (uint32_t i = 0; i < SHARES; i++) {
        struct local *local = &peer->local[i];
        if ((!local->asked && !local->pushed) || roll(world, 2) == 0)
            continue;
        assert_false(local->asked && local->pushed); /* nobody knows which came first */
        local->answered = shares_table_points(peer->table, i);
        local->digest = local->coming;
        assert_int_equal(shares_table_committed(peer->table, i), local->pushed);
        local->asked = local->pushed = false;
    }
}

static void publish(struct world *world, struct peer *peer)
{
    uint32_t share, out[SHARES];
    while (shares_table_undigested(peer->table, &share)) {
        struct pair_id digest = digest_of(peer->local[share].digest);
        assert_int_not_equal(peer->local[share].digest, 0);
        shares_table_digest(peer->table, share, &digest);
    }
    size_t count = shares_table_publishable(peer->table, out, SHARES);
    for (size_t i = 0; i < count; i++) {
        struct stored *stored = &world->stored[out[i]];
        struct share_outcome outcome = {.mine = true, .by = (uint32_t)(peer - world->peers)};
        if (stored->done)
            continue;
        *stored = (struct stored){.claimer = NOBODY,
                                  .done = true,
                                  .by = (int)outcome.by,
                                  .done_modified = ++world->revision,
                                  .digest = peer->local[out[i]].digest};
        outcome.modified = world->revision;
        outcome.digest = *shares_table_own_digest(peer->table, out[i]);
        assert_int_equal(number_of(&outcome.digest), stored->digest);
        shares_table_done(peer->table, out[i], &outcome);
    }
}

static void fetch(struct world *world, struct peer *peer)
{
    for (uint32_t i = 0; i < SHARES; i++) {
        if (peer->fetching[i]) {
            struct pair_id digest = digest_of(peer->local[i].coming);
            peer->fetching[i] = false;
            if (roll(world, 4) == 0)
                shares_table_fetch_failed(peer->table, i);
            else
                peer->local[i].pushed = shares_table_pushing(peer->table, i, &digest);
        } else if (shares_table_wanted(peer->table, i) && roll(world, 2) == 0) {
            unsigned digest = number_of(&shares_table_outcome(peer->table, i)->digest);
            if (!has(world, i, digest))
                continue;
            peer->fetching[i] = true;
            peer->local[i].coming = digest;
            shares_table_fetching(peer->table, i);
        }
    }
}

static void reopen(struct world *world, struct peer *peer)
{
    for (uint32_t i = 0; i < SHARES; i++) {
        struct stored *stored = &world->stored[i];
        const struct share_outcome *outcome = shares_table_outcome(peer->table, i);
        if ((!shares_table_wanted(peer->table, i) && !shares_table_differs(peer->table, i)) ||
            !stored->done || outcome->modified != stored->done_modified ||
            has(world, i, stored->digest))
            continue;
        stored->done = false;
        world->revision++;
        shares_table_reopened(peer->table, i);
    }
}

static bool must_begin_again(const struct world *world, const struct peer *peer)
{
    bool differs = false;
    for (uint32_t i = 0; i < SHARES; i++)
        differs =
            differs || (shares_table_differs(peer->table, i) &&
                        has(world, i, number_of(&shares_table_outcome(peer->table, i)->digest)));
    return differs || shares_table_conflict(peer->table) || world->expired[peer->lease];
}

static void act(struct world *world, struct peer *peer)
{
    switch (roll(world, 7)) {
    case 0:
        read_all(world, peer);
        break;
    case 1:
        claim(world, peer);
        break;
    case 2:
        work(world, peer);
        break;
    case 3:
        commit(world, peer);
        break;
    case 4:
        publish(world, peer);
        break;
    case 5:
        fetch(world, peer);
        break;
    default:
        reopen(world, peer);
    }
    if (must_begin_again(world, peer)) {
        if (world->expired[peer->lease])
            peer->lease = ++world->leases;
        begin_phase(world, peer);
    }
}

/* --- what befalls it ------------------------------------------------------------------- */

static void expire(struct world *world, int lease)
{
    world->expired[lease] = true;
    world->revision++;
    for (uint32_t i = 0; i < SHARES; i++) {
        if (world->stored[i].claimer != NOBODY && world->stored[i].lease == lease)
            world->stored[i].claimer = NOBODY;
    }
}

static void befall(struct world *world, struct peer *peer)
{
    switch (roll(world, 4)) {
    case 0: /* its lease ends, and it is told late */
        expire(world, peer->lease);
        break;
    case 1: /* killed and started again: another lease, and the old one ends some time */
        peer->lease = ++world->leases;
        begin_phase(world, peer);
        break;
    case 2:
        for (int lease = 1; lease <= world->leases; lease++) {
            bool held = false;
            for (size_t i = 0; i < PEERS; i++)
                held = held || world->peers[i].lease == lease;
            if (!held)
                expire(world, lease);
        }
        break;
    default: /* its disk is lost */
        memset(peer->local, 0, sizeof peer->local);
        peer->lease = ++world->leases;
        begin_phase(world, peer);
    }
}

/* over, as its contract says it, by looking at everything */
static void check_over(const struct peer *peer)
{
    bool over = true;
    unsigned char copy[SHARES];
    shares_table_copy(peer->table, copy);
    for (uint32_t i = 0; i < SHARES; i++) {
        bool ours = peer->given[i] || copy[i] == SHARE_FINISHED || peer->local[i].pushed ||
                    peer->fetching[i];
        over = over && (ours || shares_table_outcome(peer->table, i) != NULL);
    }
    if (shares_table_over(peer->table))
        assert_true(over);
    else if (over) /* it has not read etcd yet */
        assert_int_equal(peer->seen, 0);
}

static bool all_settled(const struct world *world)
{
    for (size_t i = 0; i < PEERS; i++) {
        if (!shares_table_settled(world->peers[i].table))
            return false;
    }
    return true;
}

static void run(unsigned seed, unsigned steps, unsigned faults, unsigned *asked)
{
    static struct world world;
    memset(&world, 0, sizeof world);
    world.random = seed * 2654435761ULL + 1;
    world.revision = 1;
    for (uint32_t i = 0; i < SHARES; i++)
        world.stored[i].claimer = NOBODY;
    for (size_t i = 0; i < PEERS; i++) {
        world.peers[i].lease = ++world.leases;
        begin_phase(&world, &world.peers[i]);
    }
    for (unsigned step = 0; step < steps || !all_settled(&world); step++) {
        struct peer *peer = &world.peers[roll(&world, PEERS)];
        if (step < steps && faults > 0 && roll(&world, faults) == 0 && world.leases < 900)
            befall(&world, peer);
        act(&world, peer);
        check_over(peer);
        if (step >= steps && step % 200 == 0)
            for (int lease = 1; lease <= world.leases; lease++)
                if (lease != world.peers[0].lease && lease != world.peers[1].lease &&
                    lease != world.peers[2].lease)
                    expire(&world, lease);
        if (step > steps + 200000)
            fail_msg("seed %u: it does not end", seed);
    }
    for (uint32_t i = 0; i < SHARES; i++) {
        for (size_t p = 0; p < PEERS; p++) {
            if (shares_table_points(world.peers[p].table, i) > 0)
                assert_int_equal(world.peers[p].local[i].digest, world.stored[i].digest);
        }
    }
    for (size_t i = 0; i < PEERS; i++)
        shares_table_free(world.peers[i].table);
    *asked = world.asked;
}

static void without_faults_each_share_is_asked_once(void **state)
{
    (void)state;
    unsigned asked;
    for (unsigned seed = 1; seed <= 200; seed++) {
        run(seed, 0, 0, &asked);
        assert_int_equal(asked, POINTS);
    }
}

static void with_faults_all_end_with_the_same_answers(void **state)
{
    (void)state;
    unsigned asked;
    for (unsigned seed = 1; seed <= 400; seed++)
        run(seed, 2000, 5 + seed % 100, &asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_each_share_is_asked_once),
        cmocka_unit_test(with_faults_all_end_with_the_same_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
