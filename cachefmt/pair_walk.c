#include <string.h>

#include "cachefmt/pair_reader.h"

/* What a cursor keeps between entries; lies in pair_cursor.state. */
struct __attribute__((may_alias)) walk {
    const struct segment *segment; /* NULL before the first entry */
    const struct point *points;
    uint64_t first_row; /* of the segment */
    uint64_t end_row;   /* of the segment */
    struct table_block block;
    uint64_t bit;                /* of the next record in block */
    uint32_t value[ROW_COLUMNS]; /* of each varying column: what entry was made from */
    bool fresh;                  /* no such values yet: entry has the segment's constants only */
    struct entry entry;
};

_Static_assert(sizeof(struct walk) <= sizeof((struct pair_cursor *)0)->state, "a cursor holds it");

void pair_walk(struct pair_cursor *cursor, const struct pair *pair, uint64_t first_row)
{
    cursor->pair = pair;
    cursor->row = first_row;
    memset(cursor->state, 0, sizeof cursor->state);
}

static int enter_segment(struct pair_cursor *cursor, struct walk *walk, struct error *err)
{
    const struct quadtree *tree;
    const struct segment_slot *slot;
    walk->segment = NULL;
    if (pair_quadtree(cursor->pair, &tree, err) != 0 ||
        pair_segment(cursor->pair, cursor->row, &slot, err) != 0)
        return -1;
    walk->points = tree->points;
    walk->segment = &slot->segment;
    walk->first_row = slot->where.first_row;
    walk->end_row = slot->where.first_row + slot->where.rows;
    walk->fresh = true;
    walk->entry = slot->segment.constant;
    walk->bit = 0;
    if (slot->segment.rows.varying > 0) {
        uint32_t row = (uint32_t)(cursor->row - walk->first_row);
        walk->block = table_block(&slot->segment.rows, row);
        walk->bit = (uint64_t)(row & (TABLE_BLOCK - 1)) * walk->block.stride;
    }
    return 0;
}

/* Make the next row readable: 1, 0 at the end, -1 on error. */
static inline int walk_on(struct pair_cursor *cursor, struct walk *walk, struct error *err)
{
    if (walk->segment != NULL && cursor->row < walk->end_row) {
        uint32_t row = (uint32_t)(cursor->row - walk->first_row);
        if ((row & (TABLE_BLOCK - 1)) == 0 && walk->segment->rows.varying > 0) {
            walk->block = table_block(&walk->segment->rows, row);
            walk->bit = 0;
        }
        return 1;
    }
    if (cursor->row >= cursor->pair->info.entries)
        return 0;
    return enter_segment(cursor, walk, err) == 0 ? 1 : -1;
}

static int dangling(const struct pair_cursor *cursor, struct walk *walk, struct error *err)
{
    walk->segment = NULL;
    return pair_corrupt(cursor->pair->data_name, "a row refers to something that is not there",
                        err);
}

/* All but the point, member by member: a load as wide as a slice right after the narrower stores of
 * its members has to wait until they reached the cache, which doubled the time of a walk. */
static inline void copy_entry(struct entry *out, const struct entry *from)
{
    out->outcome = from->outcome;
    out->refreshed_at = from->refreshed_at;
    for (unsigned f = 0; f < FIELD_COUNT; f++) {
        out->address.field[f].data = from->address.field[f].data;
        out->address.field[f].length = from->address.field[f].length;
    }
}

int pair_next(struct pair_cursor *cursor, struct entry *out, struct error *err)
{
    struct walk *walk = (struct walk *)(void *)cursor->state;
    int more = walk_on(cursor, walk, err);
    if (more != 1)
        return more;
    const struct segment *segment = walk->segment;
    struct table_block block = walk->block; /* a copy that nothing aliases, so in registers */
    uint64_t bit = walk->bit;
    bool fresh = walk->fresh;
    unsigned varying = segment->rows.varying;
    for (unsigned v = 0; v < varying; v++) {
        uint32_t value = table_value(&block, v, &bit);
        if (value == walk->value[v] && !fresh)
            continue;
        walk->value[v] = value;
        if (!segment_set(segment, segment->rows.order[v], value, &walk->entry))
            return dangling(cursor, walk, err);
    }
    walk->fresh = false;
    walk->bit = bit;
    copy_entry(out, &walk->entry);
    out->point = walk->points[cursor->row];
    cursor->row++;
    return 1;
}

int pair_next_date(struct pair_cursor *cursor, struct entry *out, struct error *err)
{
    struct walk *walk = (struct walk *)(void *)cursor->state;
    int more = walk_on(cursor, walk, err);
    if (more != 1)
        return more;
    const struct segment *segment = walk->segment;
    out->outcome = segment->constant.outcome;
    out->refreshed_at = segment->constant.refreshed_at;
    uint64_t bit = walk->bit;
    for (unsigned v = 0; v < segment->rows.varying && segment->rows.order[v] <= COLUMN_DATE; v++) {
        uint32_t value = table_value(&walk->block, v, &bit);
        if (!segment_set(segment, segment->rows.order[v], value, out))
            return dangling(cursor, walk, err);
    }
    if (segment->rows.varying > 0)
        walk->bit += walk->block.stride;
    out->point = walk->points[cursor->row];
    cursor->row++;
    return 1;
}
