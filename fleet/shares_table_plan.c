#include "fleet/shares_table_internal.h"

#include <string.h>

static bool same_digest(const struct pair_id *a, const struct pair_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool is_settled(const struct share *entry)
{
    return entry->points == 0 || (entry->whole && entry->digested && entry->done &&
                                  same_digest(&entry->digest, &entry->outcome.digest));
}

/* --- claims ------------------------------------------------------------------------------- */

enum claim_class { CLASS_OURS, CLASS_FREE, CLASS_LEFT, CLASS_NONE };

static enum claim_class class_of(const struct share *entry)
{
    if (!share_open_to_work(entry) || entry->work != WORK_NONE || entry->mute)
        return CLASS_NONE;
    if (entry->claimer == CLAIMER_EARLIER)
        return CLASS_OURS;
    if (entry->claimer != CLAIMER_NOBODY)
        return CLASS_NONE;
    if (entry->begun)
        return CLASS_OURS;
    return entry->left ? CLASS_LEFT : CLASS_FREE;
}

void shares_table_without_points(struct shares_table *table, uint32_t share)
{
    table->share[share].mute = true;
}

size_t shares_table_claimable(const struct shares_table *table, uint32_t from,
                              struct share_candidate *out, size_t room)
{
    size_t count = 0;
    for (enum claim_class kind = CLASS_OURS; kind < CLASS_NONE; kind++) {
        for (uint32_t i = 0; i < table->shares && count < room; i++) {
            uint32_t share = (uint32_t)(((uint64_t)from + i) % table->shares);
            const struct share *entry = &table->share[share];
            if (class_of(entry) != kind)
                continue;
            int64_t modified = entry->claimer == CLAIMER_EARLIER ? entry->claim_modified : 0;
            out[count++] = (struct share_candidate){share, modified};
        }
    }
    return count;
}

uint32_t shares_table_left(const struct shares_table *table)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->shares; i++)
        count += class_of(&table->share[i]) != CLASS_NONE;
    return count;
}

uint32_t shares_table_seat(const struct shares_table *table, uint32_t from, uint32_t rank,
                           uint32_t live)
{
    uint64_t before = (uint64_t)shares_table_left(table) * rank / live;
    if (from < table->shares && class_of(&table->share[from]) == CLASS_FREE)
        return from;
    for (uint32_t i = 0; i < table->shares; i++) {
        if (class_of(&table->share[i]) != CLASS_NONE && before-- == 0)
            return i;
    }
    return 0;
}

void shares_table_claimed(struct shares_table *table, uint32_t share, int64_t modified)
{
    shares_table_claim(table, share, CLAIMER_WE, modified);
}

uint32_t shares_table_in_hand(const struct shares_table *table)
{
    return table->in_hand;
}

bool shares_table_conflict(const struct shares_table *table)
{
    for (uint32_t i = 0; i < table->shares && table->active > 0; i++) {
        const struct share *entry = &table->share[i];
        if (entry->work == WORK_GIVEN && !entry->whole &&
            (entry->done || entry->claimer != CLAIMER_WE))
            return true;
    }
    return false;
}

/* --- our answers --------------------------------------------------------------------------- */

bool shares_table_undigested(const struct shares_table *table, uint32_t *share)
{
    for (uint32_t i = 0; i < table->shares; i++) {
        const struct share *entry = &table->share[i];
        if (entry->whole && !entry->digested && entry->fetch == FETCH_NONE) {
            *share = i;
            return true;
        }
    }
    return false;
}

void shares_table_digest(struct shares_table *table, uint32_t share, const struct pair_id *digest)
{
    table->share[share].digested = true;
    table->share[share].digest = *digest;
}

const struct pair_id *shares_table_own_digest(const struct shares_table *table, uint32_t share)
{
    return &table->share[share].digest;
}

size_t shares_table_publishable(const struct shares_table *table, uint32_t *out, size_t room)
{
    size_t count = 0;
    for (uint32_t i = 0; i < table->shares && count < room; i++) {
        const struct share *entry = &table->share[i];
        if (entry->whole && entry->digested && !entry->done && entry->fetch == FETCH_NONE)
            out[count++] = i;
    }
    return count;
}

/* --- the others' answers -------------------------------------------------------------------- */

bool shares_table_wanted(const struct shares_table *table, uint32_t share)
{
    const struct share *entry = &table->share[share];
    if (!entry->done || entry->fetch != FETCH_NONE || entry->work != WORK_NONE)
        return false;
    return !entry->whole;
}

bool shares_table_differs(const struct shares_table *table, uint32_t share)
{
    const struct share *entry = &table->share[share];
    return entry->whole && entry->digested && entry->done &&
           !same_digest(&entry->digest, &entry->outcome.digest);
}

const struct share_outcome *shares_table_outcome(const struct shares_table *table, uint32_t share)
{
    return table->share[share].done ? &table->share[share].outcome : NULL;
}

void shares_table_fetching(struct shares_table *table, uint32_t share)
{
    table->share[share].fetch = FETCH_UNDER_WAY;
}

bool shares_table_pushing(struct shares_table *table, uint32_t share, const struct pair_id *digest)
{
    struct share *entry = &table->share[share];
    if (entry->fetch != FETCH_UNDER_WAY || !entry->done ||
        !same_digest(&entry->outcome.digest, digest)) {
        shares_table_fetch_failed(table, share);
        return false;
    }
    entry->fetch = FETCH_PUSHED;
    entry->pushed = *digest;
    return true;
}

void shares_table_fetch_failed(struct shares_table *table, uint32_t share)
{
    table->share[share].fetch = FETCH_NONE;
    if (!table->share[share].done)
        shares_table_reopened(table, share);
}

/* --- the whole ------------------------------------------------------------------------------ */

bool shares_table_settled(const struct shares_table *table)
{
    for (uint32_t i = 0; i < table->shares; i++) {
        if (!is_settled(&table->share[i]))
            return false;
    }
    return true;
}

uint32_t shares_table_held(const struct shares_table *table, unsigned char *bitmap)
{
    uint32_t count = 0;
    memset(bitmap, 0, ((size_t)table->shares + 7) / 8);
    for (uint32_t i = 0; i < table->shares; i++) {
        if (table->share[i].points == 0 || !is_settled(&table->share[i]))
            continue;
        bitmap[i / 8] |= (unsigned char)(1u << i % 8);
        count++;
    }
    return count;
}

struct shares_table_counts shares_table_count(const struct shares_table *table)
{
    struct shares_table_counts counts = {0};
    for (uint32_t i = 0; i < table->shares; i++) {
        const struct share *entry = &table->share[i];
        bool mine = entry->done && entry->outcome.mine;
        counts.done += entry->points == 0 || entry->done;
        counts.ours += mine;
        counts.fetched += entry->points > 0 && !mine && is_settled(entry);
        counts.claimed += entry->claimer != CLAIMER_NOBODY;
    }
    return counts;
}
