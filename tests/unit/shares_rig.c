#include "tests/unit/shares_rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/durable.h"
#include "fleet/exchange_internal.h"
#include "fleet/shares_documents.h"
#include "stages/pointfile.h"
#include "stages/share_answers.h"
#include "tests/unit/certificates_rig.h"
#include "tests/unit/patience.h"

struct etcd_rig shares_rig_etcd;

static void good(int result, const struct error *err)
{
    if (result < 0)
        fail_msg("%s", err->message);
}

static uint64_t first_of(const struct shares_rig *rig, uint32_t share)
{
    return point_file_first(rig->points, rig->shares, share);
}

static uint32_t points_of(const struct shares_rig *rig, uint32_t share)
{
    return (uint32_t)(first_of(rig, share + 1) - first_of(rig, share));
}

/* --- the phase of a peer --------------------------------------------------------------------- */

/* A share that a worker has: the points before `next` are answered. */
struct holding {
    uint32_t share, next;
};

static void answer_until(struct shares_peer *peer, struct holding *holding, uint32_t end)
{
    struct error err;
    struct answer_batch *batch;
    good(answer_batch_create(&batch, holding->share, &err), &err);
    for (; holding->next < end; holding->next++) {
        struct settled_answer answer = {
            .ordinal = holding->next,
            .code = first_of(peer->rig, holding->share) + holding->next,
            .settled = SETTLED_NONE,
            .answered_at = 1700000000u + (uint32_t)(peer - peer->rig->peers),
            .measure.attempts = 1,
        };
        good(answer_batch_add(batch, &answer, &err), &err);
    }
    good(answer_batch_seal(batch, &err), &err);
    good(channel_push(peer->channel, batch, &err), &err);
}

/* Who is to hold its shares answers half of each. */
static void take_up(struct shares_peer *peer, struct holding *holding, uint32_t share)
{
    struct error err;
    uint8_t *bitmap = calloc(1, points_of(peer->rig, share) / 8 + 1);
    holding->share = share;
    good(ledger_share_answered(peer->ledger, share, bitmap, points_of(peer->rig, share),
                               &holding->next, &err),
         &err);
    free(bitmap);
    uint32_t half = points_of(peer->rig, share) / 2;
    if (atomic_load(&peer->holds) && holding->next < half)
        answer_until(peer, holding, half);
}

static void finish(struct shares_peer *peer, struct holding *holding)
{
    atomic_fetch_add(&peer->asked, 1);
    answer_until(peer, holding, points_of(peer->rig, holding->share));
    claims_finish(peer->claims, holding->share);
}

static void *work(void *argument)
{
    struct shares_peer *peer = argument;
    struct holding held[8];
    uint32_t share;
    unsigned count = 0;
    while (!control_ending(&peer->control)) {
        if (count > 0 && !atomic_load(&peer->holds)) {
            finish(peer, &held[--count]);
            atomic_store(&peer->holding, count);
        } else if (count < 8 && claims_next(peer->claims, &share)) {
            take_up(peer, &held[count++], share);
            atomic_store(&peer->holding, count);
        } else {
            (void)claims_over(peer->claims);
            usleep(500);
        }
    }
    while (count > 0)
        claims_return(peer->claims, held[--count].share);
    return NULL;
}

static void on_wake(void *context)
{
    atomic_fetch_add(&((struct shares_peer *)context)->wakes, 1);
}

static void on_again(void *context)
{
    atomic_store(&((struct shares_peer *)context)->again, true);
}

static void on_fail(void *context, const struct error *err)
{
    struct shares_peer *peer = context;
    (void)snprintf(peer->failure, sizeof peer->failure, "%.290s", err->message);
}

static void tile_ready(void *context, uint32_t tile)
{
    (void)context;
    (void)tile;
}

static void share_done(void *context, uint32_t share)
{
    claims_committed(((struct shares_peer *)context)->claims, share);
}

/* shares_prepare takes it back. */
static void replaced(void *context, uint32_t share)
{
    (void)share;
    on_again(context);
}

static void group_committed(void *context, const struct answer_counts *counts)
{
    (void)context;
    (void)counts;
}

static void forget_shares(void *context, struct shares *shares)
{
    struct shares_peer *peer = context;
    (void)pthread_mutex_lock(&peer->lock);
    assert_true(peer->shares == shares);
    peer->shares = NULL;
    (void)pthread_mutex_unlock(&peer->lock);
}

static void open_phase(struct shares_peer *peer, const struct shares_settings *settings,
                       const uint64_t *first_ordinals)
{
    struct error err;
    struct writer_settings writing = {
        .points_directory = peer->points,
        .answers_directory = peer->answers,
        .points = peer->rig->points,
        .shares = peer->rig->shares,
        .first_ordinal_of_tile = first_ordinals,
        .tiles = 1,
    };
    struct writer_events events = {
        .tile_ready = tile_ready,
        .share_done = share_done,
        .replaced = replaced,
        .committed = group_committed,
        .failed = on_fail,
        .context = peer,
    };
    struct coordination_site site = {
        .run = &peer->run,
        .ledger = peer->ledger,
        .control = &peer->control,
        .points_directory = peer->points,
        .answers_directory = peer->answers,
        .wake = on_wake,
        .again = on_again,
        .fail = on_fail,
        .context = peer,
    };
    struct shares *shares;
    good(answer_log_open(&peer->log, peer->answers, peer->run.log_end, &err), &err);
    good(channel_create(&peer->channel, 16, 1 << 20, &err), &err);
    site.channel = peer->channel;
    good(shares_open(&shares, settings, &site, &err), &err);
    peer->claims = shares_claims(shares);
    (void)pthread_mutex_lock(&peer->lock);
    peer->shares = shares;
    (void)pthread_mutex_unlock(&peer->lock);
    good(writer_start(&peer->writer, &writing, peer->channel, peer->ledger, peer->log, &peer->meter,
                      &events, &err),
         &err);
    assert_int_equal(pthread_create(&peer->worker, NULL, work, peer), 0);
}

static void close_phase(struct shares_peer *peer)
{
    atomic_store(&peer->control.stop, true);
    (void)pthread_join(peer->worker, NULL);
    channel_close(peer->channel);
    (void)writer_join(peer->writer, NULL);
    claims_free(peer->claims);
    channel_free(peer->channel);
    answer_log_close(peer->log);
    if (!atomic_load(&peer->ending))
        atomic_store(&peer->control.stop, false);
}

static struct shares_settings settings_of(struct shares_peer *peer)
{
    return (struct shares_settings){
        .etcd = shares_rig_etcd.settings,
        .exchange = {.identity = peer->rig->identity, .stall_timeout = 5},
        .membership = peer->membership,
        .memory = peer->memory,
        .prefix = SHARES_RIG_PREFIX,
        .run_key = SHARES_RIG_RUN_KEY,
        .run_created = peer->rig->run_created,
        .name = peer->name,
        .lost_after = peer->rig->lost_after,
        .closing = forget_shares,
        .context = peer,
    };
}

/* As the line does it: phases until one has ended well or the peer ends. */
static void *conduct(void *argument)
{
    struct shares_peer *peer = argument;
    struct error err;
    const uint64_t first_ordinals[] = {0, peer->rig->points};
    while (atomic_load(&peer->rig->waits) && !atomic_load(&peer->ending))
        usleep(1000);
    while (!atomic_load(&peer->ending) && !atomic_load(&peer->settled)) {
        struct shares_settings settings = settings_of(peer);
        atomic_store(&peer->again, false);
        if (shares_prepare(&settings, &peer->run, peer->ledger, peer->answers, &peer->control,
                           &err) != 0) {
            assert_int_equal(err.code, ERROR_CANCELED);
            break;
        }
        good(ledger_run(peer->ledger, &peer->run, &err), &err);
        open_phase(peer, &settings, first_ordinals);
        atomic_fetch_add(&peer->phases, 1);
        bool settled = false;
        while (!settled && !atomic_load(&peer->ending) && !atomic_load(&peer->again)) {
            settled = claims_settled(peer->claims);
            usleep(1000);
        }
        close_phase(peer);
        atomic_store(&peer->settled, settled && !atomic_load(&peer->again));
    }
    return NULL;
}

/* --- a peer ---------------------------------------------------------------------------------- */

static void make_ledger(struct shares_peer *peer)
{
    struct error err;
    uint64_t points = peer->rig->points;
    struct run_counts counts = {.total = points, .selected = points};
    peer->run = (struct run_record){.id = SHARES_RIG_RUN,
                                    .parameters = {.shares = peer->rig->shares},
                                    .base_generation = 1,
                                    .generation = 2,
                                    .grid = {1, 1},
                                    .started_at = 1700000000};
    good(ledger_run_begin(peer->ledger, &peer->run, &err), &err);
    good(ledger_snapshot_done(peer->ledger, &counts, &points, NULL, 1, &err), &err);
    assert_int_equal(mkdir(peer->points, 0700), 0);
    for (uint32_t share = 0; share < peer->rig->shares; share++) {
        char *path = point_file_path(peer->points, share);
        FILE *file = points_of(peer->rig, share) > 0 ? fopen(path, "w") : NULL;
        if (file != NULL)
            (void)fclose(file);
        free(path);
    }
}

static int give_answers(void *context, const char run[RUN_ID_BYTES], uint32_t share,
                        const struct pair_id *digest, struct buffer *out, struct error *err)
{
    struct shares_peer *peer = context;
    if (atomic_load(&peer->mute) || strcmp(run, SHARES_RIG_RUN) != 0 || share >= peer->rig->shares)
        return 0;
    if (share_answers_read(peer->ledger, peer->answers, share, points_of(peer->rig, share), out,
                           err) != 0)
        return err->code == ERROR_MISSING ? 0 : -1;
    struct pair_id have = share_answers_digest(out->data, out->used);
    atomic_fetch_add(&peer->given, 1);
    return memcmp(&have, digest, sizeof have) == 0;
}

static void describe(void *context, cJSON *document)
{
    (void)context;
    (void)document;
}

static void changed(void *context)
{
    struct shares_peer *peer = context;
    (void)pthread_mutex_lock(&peer->lock);
    if (peer->shares != NULL)
        shares_changed(peer->shares);
    (void)pthread_mutex_unlock(&peer->lock);
}

static void tell(void *context, int level, const char *name, const char *text)
{
    (void)context;
    (void)level;
    (void)name;
    (void)text;
}

static void open_services(struct shares_peer *peer)
{
    struct error err;
    struct exchange_shelves shelves = {.context = peer, .answers = give_answers};
    good(exchange_server_open(&peer->server, "127.0.0.1:0", &peer->rig->identity, &shelves, &err),
         &err);
    (void)snprintf(peer->address, sizeof peer->address, "127.0.0.1:%u",
                   exchange_server_port(peer->server));
    struct membership_settings settings = {
        .etcd = shares_rig_etcd.settings,
        .prefix = SHARES_RIG_FLEET,
        .name = peer->name,
        .advertise = peer->address,
        .state_directory = peer->directory,
        .lease = peer->rig->lease,
        .describe = describe,
        .changed = changed,
        .event = tell,
        .context = peer,
    };
    good(membership_open(&peer->membership, &settings, &err), &err);
}

static void place(char *out, size_t room, const char *directory, const char *name)
{
    assert_in_range(snprintf(out, room, "%s/%s", directory, name), 1, room - 1);
}

static void name_places(struct shares_peer *peer, unsigned number)
{
    char root[64], directory[96], name[8];
    memcpy(root, peer->rig->directory, sizeof root);
    (void)snprintf(peer->name, sizeof peer->name, "p%u", number % 10);
    memcpy(name, peer->name, sizeof name);
    place(directory, sizeof directory, root, name);
    place(peer->points, sizeof peer->points, directory, "points");
    place(peer->answers, sizeof peer->answers, directory, "answers");
    place(peer->ledger_path, sizeof peer->ledger_path, directory, "ledger");
    memcpy(peer->directory, directory, sizeof directory);
}

void shares_peer_start(struct shares_rig *rig, unsigned number)
{
    struct shares_peer *peer = &rig->peers[number];
    struct error err;
    bool holds = atomic_load(&peer->holds), mute = atomic_load(&peer->mute);
    unsigned asked = atomic_load(&peer->asked);
    memset(peer, 0, sizeof *peer);
    peer->holds = holds;
    peer->mute = mute;
    peer->asked = asked;
    peer->rig = rig;
    (void)pthread_mutex_init(&peer->lock, NULL);
    name_places(peer, number);
    good(durable_make_directory(peer->directory, &err), &err);
    good(ledger_open(&peer->ledger, peer->ledger_path, &err), &err);
    if (ledger_run(peer->ledger, &peer->run, &err) == 0)
        make_ledger(peer);
    good(ledger_run(peer->ledger, &peer->run, &err), &err);
    good(shares_memory_create(&peer->memory, &err), &err);
    open_services(peer);
    peer->open = true;
    assert_int_equal(pthread_create(&peer->conductor, NULL, conduct, peer), 0);
}

void shares_peer_stop(struct shares_peer *peer, enum shares_stop how)
{
    atomic_store(&peer->ending, true);
    atomic_store(&peer->control.stop, true);
    (void)pthread_join(peer->conductor, NULL);
    int64_t lease = membership_lease(peer->membership);
    exchange_server_close(peer->server);
    membership_close(peer->membership);
    if (how == SHARES_STOP_KILLED && lease != 0)
        (void)etcd_lease_revoke(peer->rig->client, lease, NULL);
    shares_memory_free(peer->memory);
    ledger_close(peer->ledger);
    (void)pthread_mutex_destroy(&peer->lock);
    peer->open = false;
}

static void remove_all(const char *directory)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
    assert_int_equal(system(command), 0);
}

void shares_peer_lose_disk(struct shares_peer *peer)
{
    remove_all(peer->directory);
}

/* --- the whole ------------------------------------------------------------------------------- */

int shares_rig_begin(void **state)
{
    return certificates_rig_open(state) == 0 && etcd_rig_start(&shares_rig_etcd, 1) ? 0 : -1;
}

int shares_rig_end(void **state)
{
    etcd_rig_stop(&shares_rig_etcd);
    return certificates_rig_close(state);
}

/* What the threads of all peers use. */
static void copy_identity(struct shares_rig *rig)
{
    struct exchange_identity identity = certificates_rig_identity("peer");
    (void)snprintf(rig->ca_file, sizeof rig->ca_file, "%s", identity.ca_file);
    (void)snprintf(rig->cert_file, sizeof rig->cert_file, "%s", identity.cert_file);
    (void)snprintf(rig->key_file, sizeof rig->key_file, "%s", identity.key_file);
    rig->identity = (struct exchange_identity){rig->ca_file, rig->cert_file, rig->key_file};
}

void shares_rig_open(struct shares_rig *rig, uint64_t points, uint32_t shares)
{
    struct error err;
    struct etcd_txn txn;
    memset(rig, 0, sizeof *rig);
    rig->points = points;
    rig->shares = shares;
    rig->lease = 20;
    rig->lost_after = 2;
    copy_identity(rig);
    (void)snprintf(rig->directory, sizeof rig->directory, "/tmp/shares-XXXXXX");
    assert_non_null(mkdtemp(rig->directory));
    good(etcd_open(&rig->client, &shares_rig_etcd.settings, &err), &err);
    etcd_txn_begin(&txn);
    etcd_delete_prefix(&txn, SHARES_RIG_FLEET);
    good(etcd_commit(rig->client, &txn, NULL, &err), &err);
    etcd_txn_begin(&txn);
    etcd_put(&txn, SHARES_RIG_RUN_KEY, "{}", 0);
    good(etcd_commit(rig->client, &txn, &rig->run_created, &err), &err);
}

void shares_rig_close(struct shares_rig *rig)
{
    for (unsigned i = 0; i < SHARES_RIG_PEERS; i++) {
        if (rig->peers[i].open)
            shares_peer_stop(&rig->peers[i], SHARES_STOP_LINGERS);
    }
    etcd_close(rig->client);
    remove_all(rig->directory);
}

void shares_rig_wait(struct shares_rig *rig, bool (*condition)(struct shares_rig *rig),
                     const char *what)
{
    double end = clock_monotonic() + PATIENCE;
    while (!condition(rig)) {
        for (unsigned i = 0; i < SHARES_RIG_PEERS; i++) {
            if (rig->peers[i].failure[0] != '\0')
                fail_msg("%s: %s", rig->peers[i].name, rig->peers[i].failure);
        }
        if (clock_monotonic() > end)
            fail_msg("waited for %s in vain", what);
        usleep(2000);
    }
}

bool shares_rig_settled(struct shares_rig *rig)
{
    for (unsigned i = 0; i < SHARES_RIG_PEERS; i++) {
        if (rig->peers[i].open && !atomic_load(&rig->peers[i].settled))
            return false;
    }
    return true;
}

bool shares_rig_key(struct shares_rig *rig, struct etcd_range *out, const char *format, ...)
{
    char key[200] = SHARES_RIG_PREFIX;
    struct error err;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(key + sizeof SHARES_RIG_PREFIX - 1, sizeof key - sizeof SHARES_RIG_PREFIX,
                    format, arguments);
    va_end(arguments);
    good(etcd_get(rig->client, key, out, &err), &err);
    if (out->count == 0)
        etcd_range_free(out);
    return out->count > 0;
}

size_t shares_rig_count(struct shares_rig *rig, const char *part)
{
    char key[200];
    struct error err;
    struct etcd_range range;
    (void)snprintf(key, sizeof key, "%s%s", SHARES_RIG_PREFIX, part);
    good(etcd_get_prefix(rig->client, key, 0, &range, &err), &err);
    size_t count = range.count;
    etcd_range_free(&range);
    return count;
}

static uint32_t number_of(const struct etcd_pair *pair)
{
    return (uint32_t)strtoul(strrchr(pair->key, '/') + 1, NULL, 10);
}

static void check_share(struct shares_rig *rig, const struct etcd_pair *pair)
{
    struct share_done done;
    struct error err;
    uint32_t share = number_of(pair);
    assert_true(share_done_parse(pair->value, &done));
    for (unsigned i = 0; i < SHARES_RIG_PEERS; i++) {
        struct shares_peer *peer = &rig->peers[i];
        struct buffer record = {0};
        if (!peer->open)
            continue;
        good(share_answers_read(peer->ledger, peer->answers, share, points_of(rig, share), &record,
                                &err),
             &err);
        struct pair_id digest = share_answers_digest(record.data, record.used);
        assert_memory_equal(&digest, &done.digest, sizeof digest);
        buffer_free(&record);
    }
}

/* Every open peer said that it has all. */
static void check_held(struct shares_rig *rig, uint32_t filled)
{
    struct etcd_range range;
    char beginning[40];
    (void)snprintf(beginning, sizeof beginning, "{\"count\":%u,", filled);
    for (unsigned i = 0; i < SHARES_RIG_PEERS; i++) {
        if (!rig->peers[i].open)
            continue;
        assert_true(shares_rig_key(rig, &range, "held/%s", rig->peers[i].name));
        assert_memory_equal(range.pairs[0].value, beginning, strlen(beginning));
        etcd_range_free(&range);
    }
}

unsigned shares_rig_check(struct shares_rig *rig)
{
    unsigned asked = 0;
    uint32_t filled = 0;
    struct etcd_range range;
    struct error err;
    for (uint32_t share = 0; share < rig->shares; share++)
        filled += points_of(rig, share) > 0;
    good(etcd_get_prefix(rig->client, SHARES_RIG_PREFIX "done/", 0, &range, &err), &err);
    assert_int_equal(range.count, filled);
    for (size_t i = 0; i < range.count; i++)
        check_share(rig, &range.pairs[i]);
    etcd_range_free(&range);
    assert_int_equal(shares_rig_count(rig, "claim/"), 0);
    check_held(rig, filled);
    for (unsigned i = 0; i < SHARES_RIG_PEERS; i++)
        asked += atomic_load(&rig->peers[i].asked);
    return asked;
}

void *shares_rig_nothing(void *unused)
{
    return unused;
}
