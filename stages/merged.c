#include "stages/merged.h"

#include "quadtree/morton.h"

const struct pair *merged_folded(const struct merged *merged, uint32_t tile)
{
    if (merged->folded == NULL ||
        (merged->tiles != NULL && (merged->tiles[tile / 8] >> tile % 8 & 1) == 0))
        return NULL;
    return cache_pair(merged->folded, tile);
}

/* The one rule for a point that both hold. */
static bool folded_wins(const struct entry *entry, const struct entry *folded)
{
    return folded->refreshed_at > entry->refreshed_at;
}

/* --- counting ------------------------------------------------------------------------ */

static int effect(const struct pair *base, const struct entry *entry, struct error *err)
{
    const struct quadtree *tree;
    struct entry before;
    if (base == NULL)
        return MERGED_ADDS;
    if (pair_quadtree(base, &tree, err) != 0)
        return -1;
    size_t row = quadtree_lower_bound(tree, morton_encode(entry->point));
    if (row == tree->count || tree->points[row].lat != entry->point.lat ||
        tree->points[row].lon != entry->point.lon)
        return MERGED_ADDS;
    if (pair_entry(base, row, &before, err) != 0)
        return -1;
    return folded_wins(&before, entry) ? MERGED_RENEWS : MERGED_NOTHING;
}

int merged_effect(const struct cache *base, uint32_t tile, const struct entry *entry,
                  struct error *err)
{
    return effect(cache_pair(base, tile), entry, err);
}

static int count_both(const struct pair *base, const struct pair *folded, struct merged_tile *out,
                      struct error *err)
{
    struct pair_cursor cursor;
    struct entry entry;
    int more;
    pair_walk(&cursor, folded, 0);
    while ((more = pair_next_date(&cursor, &entry, err)) > 0) {
        int does = effect(base, &entry, err);
        if (does < 0)
            return -1;
        out->entries += does == MERGED_ADDS;
        out->folded += does != MERGED_NOTHING;
    }
    return more;
}

int merged_count(const struct merged *merged, uint32_t tile, struct merged_tile *out,
                 struct error *err)
{
    const struct pair *base = cache_pair(merged->base, tile);
    const struct pair *folded = merged_folded(merged, tile);
    struct merged_tile counted = {.entries = base != NULL ? pair_info(base)->entries : 0};
    if (folded != NULL && base != NULL) {
        if (count_both(base, folded, &counted, err) != 0)
            return -1;
    } else if (folded != NULL) {
        counted.entries = counted.folded = pair_info(folded)->entries;
    }
    *out = counted;
    return 0;
}

/* --- walking ------------------------------------------------------------------------- */

static int no_entries(struct pair_cursor *cursor, struct entry *out, struct error *err)
{
    (void)cursor;
    (void)out;
    (void)err;
    return 0;
}

void merged_walk(struct merged_walk *walk, const struct merged *merged, uint32_t tile,
                 bool only_dates)
{
    const struct pair *base = cache_pair(merged->base, tile);
    const struct pair *folded = merged_folded(merged, tile);
    const struct pair *first = base != NULL ? base : folded;
    walk->next = first == NULL ? no_entries : only_dates ? pair_next_date : pair_next;
    walk->begun = walk->entry_waits = false;
    walk->single = base == NULL || folded == NULL;
    walk->folded.pair = NULL;
    if (first != NULL)
        pair_walk(&walk->cursor, first, 0);
    if (!walk->single)
        pair_walk(&walk->folded, folded, 0);
}

static int advance_folded(struct merged_walk *walk, struct error *err)
{
    int more = walk->next(&walk->folded, &walk->folded_waiting, err);
    if (more == 0)
        walk->folded.pair = NULL;
    return more < 0 ? -1 : 0;
}

static int give_folded(struct merged_walk *walk, struct entry *out, struct error *err)
{
    *out = walk->folded_waiting;
    return advance_folded(walk, err) == 0 ? 1 : -1;
}

/* The generation's next entry, whether it waits already or not. */
static int take_entry(struct merged_walk *walk, struct entry *out, struct error *err)
{
    if (!walk->entry_waits)
        return walk->next(&walk->cursor, out, err);
    *out = walk->waiting;
    walk->entry_waits = false;
    return 1;
}

int merged_next_of_two(struct merged_walk *walk, struct entry *out, struct error *err)
{
    if (!walk->begun && advance_folded(walk, err) != 0)
        return -1;
    walk->begun = true;
    int more = take_entry(walk, out, err);
    if (more < 0 || walk->folded.pair == NULL)
        return more;
    if (more == 0)
        return give_folded(walk, out, err);
    uint64_t code = morton_encode(out->point);
    uint64_t folded_code = morton_encode(walk->folded_waiting.point);
    if (code < folded_code)
        return 1;
    if (code > folded_code) {
        walk->waiting = *out;
        walk->entry_waits = true;
        return give_folded(walk, out, err);
    }
    if (folded_wins(out, &walk->folded_waiting))
        return give_folded(walk, out, err);
    return advance_folded(walk, err) == 0 ? 1 : -1;
}
