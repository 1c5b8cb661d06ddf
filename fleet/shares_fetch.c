/* The fetcher: the thread that gets what others answered and hands it to the writer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/shares_internal.h"
#include "stages/share_answers.h"

#define PAUSE 0.25 /* seconds between two looks for somebody who may be asked */
#define RECORD_MOST ((uint64_t)1 << 30)
#define ROW_MOST (FIELD_COUNT * (FIELD_BYTES_LIMIT + 16) + 64)

/* A share to be fetched, and from whom. */
struct errand {
    uint32_t share, peer, points;
    struct pair_id digest;
    char name[72], address[264];
};

struct fetcher {
    struct shares *shares;
    uint32_t cursor; /* the share after the last one that was fetched */
    uint64_t random;
};

/* The lock is held. */
static bool find_errand(struct fetcher *fetcher, struct errand *errand)
{
    struct shares *shares = fetcher->shares;
    double now = clock_monotonic();
    fetcher->random = fetcher->random * 6364136223846793005ULL + 1442695040888963407ULL;
    for (uint32_t i = 0; i < shares->count; i++) {
        uint32_t share = (uint32_t)(((uint64_t)fetcher->cursor + i) % shares->count);
        if (!shares_table_wanted(shares->table, share))
            continue;
        const struct share_outcome *outcome = shares_table_outcome(shares->table, share);
        if (!shares_holders_pick(shares->holders, share, outcome->by, now, fetcher->random >> 33,
                                 &errand->peer))
            continue;
        errand->share = share;
        errand->points = shares_table_points(shares->table, share);
        errand->digest = outcome->digest;
        (void)snprintf(errand->name, sizeof errand->name, "%s",
                       shares_holders_name(shares->holders, errand->peer));
        (void)snprintf(errand->address, sizeof errand->address, "%s",
                       shares_holders_address(shares->holders, errand->peer));
        shares_table_fetching(shares->table, share);
        fetcher->cursor = share + 1;
        return true;
    }
    return false;
}

/* False when the thread is to end. */
static bool await_errand(struct fetcher *fetcher, struct errand *errand)
{
    struct shares *shares = fetcher->shares;
    (void)pthread_mutex_lock(&shares->lock);
    while (!shares->stopping && (shares->quiet || !find_errand(fetcher, errand)))
        shares_wait(shares, &shares->fetcher_wake, clock_monotonic() + PAUSE);
    bool goes_on = !shares->stopping;
    (void)pthread_mutex_unlock(&shares->lock);
    return goes_on;
}

static int make_batch(const struct errand *errand, const struct buffer *record,
                      struct answer_batch **out, struct error *err)
{
    struct answer_batch *batch;
    size_t count;
    if (answer_batch_adopt(&batch, record->data, record->used, true, errand->name, err) != 0)
        return -1;
    const struct ordinal_range *ranges = answer_batch_ranges(batch, &count);
    if (answer_batch_share(batch) == errand->share && answer_batch_rows(batch) == errand->points &&
        count == 1 && ranges[0].first == 0 && ranges[0].count == errand->points) {
        *out = batch;
        return 0;
    }
    answer_batch_free(batch);
    return error_set(err, ERROR_CORRUPT, "%s: these are not the answers of point file %u",
                     errand->name, errand->share);
}

static int fetch(struct shares *shares, const struct errand *errand, struct answer_batch **out,
                 size_t *bytes, struct error *err)
{
    const char *addresses[] = {errand->address};
    struct exchange_sources sources = {addresses, 1};
    struct buffer record = {0};
    uint64_t limit = 4096 + (uint64_t)errand->points * ROW_MOST;
    int result = exchange_fetch_answers(
        shares->exchange, &sources, shares->site.run->id, errand->share, &errand->digest,
        (size_t)(limit < RECORD_MOST ? limit : RECORD_MOST), &record, err);
    if (result == 0)
        result = make_batch(errand, &record, out, err);
    *bytes = record.used;
    buffer_free(&record);
    return result;
}

static void note_failure(struct shares *shares, const struct errand *errand,
                         const struct error *err)
{
    double now = clock_monotonic();
    (void)pthread_mutex_lock(&shares->lock);
    shares_table_fetch_failed(shares->table, errand->share);
    if (err->code == ERROR_MISSING)
        shares_holders_absent(shares->holders, errand->share, errand->peer, now);
    else if (err->code == ERROR_CORRUPT)
        shares_holders_corrupt(shares->holders, errand->share, errand->peer);
    else
        shares_holders_silent(shares->holders, errand->peer, now);
    if (err->code != ERROR_CANCELED)
        (void)snprintf(shares->fetch_problem, sizeof shares->fetch_problem,
                       "point file %04u from %.40s: %.120s", errand->share, errand->name,
                       err->message);
    (void)pthread_mutex_unlock(&shares->lock);
}

/* Hand it to the writer, unless it is not wanted any more. -1 when the channel is closed. */
static int hand_over(struct shares *shares, const struct errand *errand, struct answer_batch *batch,
                     size_t bytes)
{
    (void)pthread_mutex_lock(&shares->lock);
    bool wanted =
        !shares->quiet && shares_table_pushing(shares->table, errand->share, &errand->digest);
    shares_holders_gave(shares->holders, errand->share, errand->peer);
    shares->bytes_fetched += bytes;
    shares->fetch_problem[0] = '\0';
    (void)pthread_mutex_unlock(&shares->lock);
    if (wanted)
        shares_memory_forget(shares->memory, errand->share);
    if (wanted && channel_push(shares->site.channel, batch, NULL) == 0)
        return 0;
    answer_batch_free(batch);
    return wanted ? -1 : 0;
}

void *shares_fetcher(void *argument)
{
    struct shares *shares = argument;
    struct fetcher fetcher = {.shares = shares, .random = (uint64_t)(clock_monotonic() * 1e9)};
    struct errand errand;
    struct error err;
    while (await_errand(&fetcher, &errand)) {
        struct answer_batch *batch = NULL;
        size_t bytes;
        if (fetch(shares, &errand, &batch, &bytes, &err) != 0)
            note_failure(shares, &errand, &err);
        else if (hand_over(shares, &errand, batch, bytes) != 0)
            break;
    }
    return NULL;
}
