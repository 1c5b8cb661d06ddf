#include "stages/geocode_internal.h"

#include <stdlib.h>
#include <string.h>

#include "quadtree/morton.h"

static bool is_settled(const struct share_work *share, uint32_t index)
{
    return (share->settled[index / 8] >> (index % 8)) & 1;
}

/* A share whose point file can't be read. */
static struct point_file unread_file(const struct geocode_settings *settings, uint32_t share)
{
    uint64_t first = point_file_first(settings->points, settings->shares, share);
    uint64_t end = point_file_first(settings->points, settings->shares, share + 1);
    return (struct point_file){
        .share = share, .first_ordinal = first, .count = (uint32_t)(end - first)};
}

int share_open(struct share_work **out, const struct geocode_pool *pool, uint32_t share,
               struct error *err)
{
    const struct geocode_settings *settings = &pool->settings;
    struct share_work *work = calloc(1, sizeof *work);
    struct error unread;
    if (work == NULL)
        return error_memory(err, "a point file");
    bool read = point_file_read(settings->points_directory, settings->run, settings->points,
                                settings->shares, share, &work->file, &unread) == 0;
    if (!read)
        work->file = unread_file(settings, share);
    uint32_t answered = 0;
    work->settled = calloc(1, work->file.count / 8 + 1);
    if (work->settled == NULL) {
        error_memory(err, "a point file");
        goto fail;
    }
    if (ledger_share_answered(pool->parts.ledger, share, work->settled, work->file.count, &answered,
                              err) != 0)
        goto fail;
    /* It may be gone because the answers of somebody else have just come. */
    if (!read && answered < work->file.count) {
        if (err != NULL)
            *err = unread;
        goto fail;
    }
    work->left = work->file.count - answered;
    work->unasked = work->left;
    *out = work;
    return 0;
fail:
    share_free(work);
    return -1;
}

void share_free(struct share_work *share)
{
    if (share == NULL)
        return;
    answer_batch_free(share->batch);
    point_file_free(&share->file);
    free(share->settled);
    free(share);
}

uint32_t share_ask(struct share_work *share)
{
    while (is_settled(share, share->cursor))
        share->cursor++;
    share->unasked--;
    return share->cursor++;
}

void share_forget(struct share_work *share)
{
    share->cursor = 0;
    share->unasked = share->left;
}

/* In centimetres. */
static uint32_t distance_of(const struct answer *answer)
{
    double centimetres = answer->distance_m * 100 + 0.5;
    if (!(centimetres >= 0)) /* or not a number: not known */
        return MEASURE_UNKNOWN;
    return centimetres < MEASURE_UNKNOWN ? (uint32_t)centimetres : MEASURE_UNKNOWN - 1;
}

static int share_settle(struct share_work *share, const struct question *question,
                        const struct answer *answer, uint32_t now, struct error *err)
{
    uint32_t index = question->index;
    if (share->batch == NULL) {
        if (answer_batch_create(&share->batch, share->file.share, err) != 0)
            return -1;
        share->batch_since = clock_monotonic();
    }
    struct settled_answer settled = {
        .ordinal = index,
        .code = share->file.codes[index],
        .settled = answers_settle(answer->kind, (enum outcome)share->file.old_outcomes[index]),
        .answered_at = now,
        .measure = question->cost,
    };
    settled.measure.attempts = (uint16_t)(question->tries + 1);
    if (settled.settled == SETTLED_FOUND) {
        settled.address = answer->address;
        settled.measure.distance_cm = distance_of(answer);
    } else if (settled.settled == SETTLED_FAILED) {
        settled.cause = answer->cause;
        settled.detail = answer->detail;
    }
    if (answer_batch_add(share->batch, &settled, err) != 0)
        return -1;
    share->settled[index / 8] |= (uint8_t)(1u << (index % 8));
    share->left--;
    return 0;
}

/* --- a worker's shares ------------------------------------------------------------- */

static int seal_batch(const struct geocode_pool *pool, struct answer_batch *batch,
                      struct error *err)
{
    const char *provider = pool->parts.geocoder->provider->name;
    const char *peer = pool->settings.peer != NULL ? pool->settings.peer : "";
    struct answer_source source = {
        .provider = {provider, (uint32_t)strlen(provider)},
        .peer = {peer, (uint32_t)strlen(peer)},
        .bottleneck = atomic_load_explicit(&pool->parts.control->bottleneck, memory_order_relaxed),
        .sealed_at = clock_unix_ms(),
    };
    if (answer_batch_set_source(batch, &source, err) != 0)
        return -1;
    return answer_batch_seal(batch, err);
}

/* Hand on the share's answers so far. */
static int push_batch(struct worker *worker, struct share_work *share, struct error *err)
{
    if (share->batch == NULL)
        return 0;
    if (seal_batch(worker->pool, share->batch, err) != 0)
        return -1;
    worker_end_busy(worker);
    pulse_rest(&worker->pulse); /* until the writer has room */
    int result = channel_push(worker->pool->parts.channel, share->batch, err);
    worker_begin_busy(worker);
    if (result == 0)
        share->batch = NULL;
    return result;
}

static void unlink_share(struct worker *worker, const struct share_work *share)
{
    struct share_work **link = &worker->shares;
    while (*link != share)
        link = &(*link)->next;
    *link = share->next;
}

/* The share's last point has its answer. */
static int finish_share(struct worker *worker, struct share_work *share, struct error *err)
{
    struct geocode_pool *pool = worker->pool;
    if (push_batch(worker, share, err) != 0)
        return -1;
    claims_finish(pool->parts.claims, share->file.share);
    unlink_share(worker, share);
    share_free(share);
    if (pool_is_over(pool))
        pool_wake_all(pool);
    return 0;
}

int worker_take_share(struct worker *worker, struct error *err)
{
    struct geocode_pool *pool = worker->pool;
    struct share_work *share = pool_adopt(pool);
    uint32_t number;
    if (share == NULL) {
        if (!claims_next(pool->parts.claims, &number))
            return 0;
        if (share_open(&share, pool, number, err) != 0) {
            claims_return(pool->parts.claims, number);
            return -1;
        }
    }
    struct share_work **end = &worker->shares;
    while (*end != NULL)
        end = &(*end)->next;
    *end = share;
    worker->unasked += share->unasked;
    atomic_fetch_add(&pool->unasked, share->unasked);
    return share->left == 0 && finish_share(worker, share, err) != 0 ? -1 : 1;
}

int worker_push_batches(struct worker *worker, double age, struct error *err)
{
    double now = clock_monotonic();
    for (struct share_work *share = worker->shares; share != NULL; share = share->next) {
        if (share->batch != NULL && now - share->batch_since >= age &&
            push_batch(worker, share, err) != 0)
            return -1;
    }
    return 0;
}

int worker_settle(struct worker *worker, const struct question *question,
                  const struct answer *answer, struct error *err)
{
    struct share_work *share = question->share;
    if (share_settle(share, question, answer, worker->date, err) != 0)
        return -1;
    if (share->left == 0)
        return finish_share(worker, share, err);
    return answer_batch_rows(share->batch) >= GEOCODE_BATCH_ROWS ? push_batch(worker, share, err)
                                                                 : 0;
}
