#include <string.h>

#include "cachefmt/pair_reader.h"
#include "quadtree/morton.h"

/* What a cursor keeps between entries; lies in pair_cursor.state. */
struct __attribute__((may_alias)) walk {
    const struct segment *segment; /* NULL before the first entry and at a segment's end */
    const uint64_t *codes;
    uint64_t first_row; /* of the segment */
    uint64_t end_row;   /* of the segment */
    struct table_block block;
    uint64_t bit;             /* of the next record in block */
    uint32_t text[ROW_TEXTS]; /* the ids that address was made from */
    uint32_t place;
    bool has_address; /* text, place and address are of an earlier row of this segment */
    struct address address;
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
    if (pair_quadtree(cursor->pair, &tree, err) != 0 ||
        pair_segment(cursor->pair, cursor->row, &slot, err) != 0)
        return -1;
    walk->codes = tree->codes;
    walk->segment = &slot->segment;
    walk->first_row = slot->where.first_row;
    walk->end_row = slot->where.first_row + slot->where.rows;
    walk->has_address = false;
    uint32_t row = (uint32_t)(cursor->row - walk->first_row);
    table_block_open(&walk->segment->rows, row >> TABLE_BLOCK_SHIFT, &walk->block);
    walk->bit = (uint64_t)(row & (TABLE_BLOCK - 1)) * walk->block.stride;
    return 0;
}

/* Make the next row readable: 1, 0 at the end, -1 on error. */
static inline int walk_on(struct pair_cursor *cursor, struct walk *walk, struct error *err)
{
    if (walk->segment != NULL && cursor->row < walk->end_row) {
        uint32_t row = (uint32_t)(cursor->row - walk->first_row);
        if ((row & (TABLE_BLOCK - 1)) == 0) {
            table_block_open(&walk->segment->rows, row >> TABLE_BLOCK_SHIFT, &walk->block);
            walk->bit = 0;
        }
        return 1;
    }
    if (cursor->row >= cursor->pair->info.entries)
        return 0;
    return enter_segment(cursor, walk, err) == 0 ? 1 : -1;
}

static inline uint32_t column(const struct walk *walk, unsigned column, uint64_t *bit)
{
    unsigned width = walk->block.width[column];
    uint32_t value = walk->block.base[column] + table_bits(walk->block.records, *bit, width);
    *bit += width;
    return value;
}

static int dangling(const struct pair_cursor *cursor, struct error *err)
{
    return pair_corrupt(cursor->pair->data_name, "a row refers to something that is not there",
                        err);
}

/* Outcome, date and point of the row; false when the outcome is none of ours. */
static inline bool read_date(const struct pair_cursor *cursor, const struct walk *walk,
                             uint64_t *bit, struct entry *out)
{
    uint32_t outcome = column(walk, COLUMN_OUTCOME, bit);
    if (outcome >= OUTCOME_COUNT)
        return false;
    out->outcome = (enum outcome)outcome;
    out->refreshed_at = column(walk, COLUMN_DATE, bit);
    out->point = morton_decode(walk->codes[cursor->row]);
    return true;
}

static inline bool read_address(struct walk *walk, uint64_t *bit)
{
    bool fresh = !walk->has_address;
    walk->has_address = false;
    for (unsigned i = 0; i < ROW_TEXTS; i++) {
        uint32_t id = column(walk, ROW_FIRST_TEXT + i, bit);
        if (id == walk->text[i] && !fresh)
            continue;
        walk->text[i] = id;
        if (!segment_string(walk->segment, row_fields[i], id, &walk->address.field[row_fields[i]]))
            return false;
    }
    uint32_t place = column(walk, COLUMN_PLACE, bit);
    if (place != walk->place || fresh) {
        walk->place = place;
        if (!segment_place(walk->segment, place, &walk->address))
            return false;
    }
    walk->has_address = true;
    return true;
}

int pair_next(struct pair_cursor *cursor, struct entry *out, struct error *err)
{
    struct walk *walk = (struct walk *)(void *)cursor->state;
    int more = walk_on(cursor, walk, err);
    if (more != 1)
        return more;
    uint64_t bit = walk->bit;
    if (!read_date(cursor, walk, &bit, out) || !read_address(walk, &bit))
        return dangling(cursor, err);
    out->address = walk->address;
    walk->bit = bit;
    cursor->row++;
    return 1;
}

int pair_next_date(struct pair_cursor *cursor, struct entry *out, struct error *err)
{
    struct walk *walk = (struct walk *)(void *)cursor->state;
    int more = walk_on(cursor, walk, err);
    if (more != 1)
        return more;
    uint64_t bit = walk->bit;
    if (!read_date(cursor, walk, &bit, out))
        return dangling(cursor, err);
    walk->bit += walk->block.stride;
    cursor->row++;
    return 1;
}
