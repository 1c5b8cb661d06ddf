#include "fleet/shares_table_internal.h"

#include <stdlib.h>
#include <string.h>

#include "stages/pointfile.h"

int shares_table_create(struct shares_table **out, uint64_t points, uint32_t shares,
                        struct error *err)
{
    struct shares_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return error_memory(err, "the shares");
    table->shares = shares;
    table->share = calloc((size_t)shares + 1, sizeof *table->share);
    table->queue = calloc((size_t)shares + 1, sizeof *table->queue);
    if (table->share == NULL || table->queue == NULL) {
        shares_table_free(table);
        return error_memory(err, "the shares");
    }
    for (uint32_t i = 0; i < shares; i++)
        table->share[i].points = (uint32_t)(point_file_first(points, shares, i + 1) -
                                            point_file_first(points, shares, i));
    *out = table;
    return 0;
}

void shares_table_free(struct shares_table *table)
{
    if (table == NULL)
        return;
    free(table->share);
    free(table->queue);
    free(table);
}

void shares_table_begin(struct shares_table *table, uint32_t share, uint32_t answered)
{
    struct share *entry = &table->share[share];
    entry->begun = answered > 0;
    entry->whole = entry->points > 0 && answered >= entry->points;
}

uint32_t shares_table_points(const struct shares_table *table, uint32_t share)
{
    return table->share[share].points;
}

/* --- what etcd says ---------------------------------------------------------------------- */

/* Put a share that is ours and at rest into the hand, if it is still to be asked. */
static void take_in_hand(struct shares_table *table, uint32_t share)
{
    struct share *entry = &table->share[share];
    if (entry->work != WORK_NONE || !share_open_to_work(entry) || entry->mute)
        return;
    entry->work = WORK_IN_HAND;
    table->in_hand++;
    if (entry->queued)
        return;
    entry->queued = true;
    table->queue[(table->queue_first + table->queue_count++) % table->shares] = share;
}

static void drop_from_hand(struct shares_table *table, struct share *entry)
{
    if (entry->work != WORK_IN_HAND)
        return;
    entry->work = WORK_NONE;
    table->in_hand--;
}

void shares_table_claims_begin(struct shares_table *table)
{
    for (uint32_t i = 0; i < table->shares; i++)
        table->share[i].seen = false;
}

void shares_table_claim(struct shares_table *table, uint32_t share, enum share_claimer claimer,
                        int64_t modified)
{
    struct share *entry = &table->share[share];
    if (entry->points == 0)
        return;
    entry->seen = true;
    entry->claimer = claimer;
    entry->claim_modified = modified;
    if (claimer == CLAIMER_WE)
        take_in_hand(table, share);
    else
        drop_from_hand(table, entry);
}

void shares_table_claims_end(struct shares_table *table)
{
    for (uint32_t i = 0; i < table->shares; i++) {
        struct share *entry = &table->share[i];
        if (entry->seen || entry->claimer == CLAIMER_NOBODY)
            continue;
        entry->left = entry->left || entry->claimer == CLAIMER_OTHER;
        entry->claimer = CLAIMER_NOBODY;
        drop_from_hand(table, entry);
    }
}

void shares_table_done(struct shares_table *table, uint32_t share,
                       const struct share_outcome *outcome)
{
    struct share *entry = &table->share[share];
    entry->seen = true;
    if (entry->points == 0)
        return;
    entry->done = true;
    entry->outcome = *outcome;
    drop_from_hand(table, entry);
    if (outcome->modified > entry->claim_modified)
        entry->claimer = CLAIMER_NOBODY;
}

void shares_table_done_begin(struct shares_table *table)
{
    for (uint32_t i = 0; i < table->shares; i++)
        table->share[i].seen = false;
}

void shares_table_done_end(struct shares_table *table)
{
    for (uint32_t i = 0; i < table->shares; i++) {
        if (!table->share[i].seen)
            shares_table_reopened(table, i);
    }
}

void shares_table_reopened(struct shares_table *table, uint32_t share)
{
    struct share *entry = &table->share[share];
    entry->done = false;
    if (entry->claimer == CLAIMER_WE)
        take_in_hand(table, share);
}

void shares_table_known(struct shares_table *table)
{
    table->known = true;
}

bool shares_table_suspect(const struct shares_table *table)
{
    for (uint32_t i = 0; i < table->shares; i++) {
        const struct share *entry = &table->share[i];
        if (entry->done && entry->claimer != CLAIMER_NOBODY)
            return true;
    }
    return false;
}

/* --- struct claims ------------------------------------------------------------------------ */

bool shares_table_next(struct shares_table *table, uint32_t *share)
{
    while (table->queue_count > 0) {
        uint32_t first = table->queue[table->queue_first];
        struct share *entry = &table->share[first];
        table->queue_first = (table->queue_first + 1) % table->shares;
        table->queue_count--;
        entry->queued = false;
        if (entry->work != WORK_IN_HAND)
            continue;
        entry->work = WORK_GIVEN;
        table->in_hand--;
        table->active++;
        *share = first;
        return true;
    }
    return false;
}

/* A worker gives up the share that it was given. */
static bool end_work(struct shares_table *table, uint32_t share)
{
    if (share >= table->shares || table->share[share].work != WORK_GIVEN)
        return false;
    table->share[share].work = WORK_NONE;
    table->active--;
    return true;
}

void shares_table_give_back(struct shares_table *table, uint32_t share)
{
    if (!end_work(table, share))
        return;
    table->share[share].begun = true;
    if (table->share[share].claimer == CLAIMER_WE)
        take_in_hand(table, share);
}

void shares_table_finish(struct shares_table *table, uint32_t share)
{
    if (end_work(table, share) && !table->share[share].whole)
        table->share[share].work = WORK_ASKED;
}

bool shares_table_committed(struct shares_table *table, uint32_t share)
{
    struct share *entry = &table->share[share];
    bool fetched = entry->fetch == FETCH_PUSHED;
    entry->whole = true;
    entry->digested = fetched;
    if (fetched) {
        entry->digest = entry->pushed;
        entry->fetch = FETCH_NONE;
    }
    drop_from_hand(table, entry);
    if (entry->work == WORK_ASKED)
        entry->work = WORK_NONE;
    return fetched;
}

uint32_t shares_table_active(const struct shares_table *table)
{
    return table->active;
}

bool shares_table_over(struct shares_table *table)
{
    if (!table->known)
        return false;
    for (uint32_t i = 0; i < table->shares; i++) {
        uint32_t share = (uint32_t)(((uint64_t)table->open + i) % table->shares);
        const struct share *entry = &table->share[share];
        if (share_open_to_work(entry) && entry->work != WORK_GIVEN && entry->work != WORK_ASKED) {
            table->open = share;
            return false;
        }
    }
    return true;
}

static enum share_state state_of(const struct share *entry)
{
    if (entry->points == 0 || entry->whole || entry->work == WORK_ASKED)
        return SHARE_FINISHED;
    if (entry->work != WORK_NONE)
        return SHARE_CLAIMED;
    return entry->done || entry->claimer == CLAIMER_OTHER ? SHARE_ELSEWHERE : SHARE_FREE;
}

void shares_table_copy(const struct shares_table *table, unsigned char *out)
{
    for (uint32_t i = 0; i < table->shares; i++)
        out[i] = (unsigned char)state_of(&table->share[i]);
}
