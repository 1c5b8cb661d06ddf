#include <string.h>

#include "cachefmt/pair_reader.h"

/* What a cursor keeps between entries; lies in pair_cursor.state. */
struct __attribute__((may_alias)) walk {
    const struct segment *segment; /* NULL before the first entry */
    const struct point *points;
    uint64_t end_row;            /* of the segment */
    uint64_t bit;                /* of the next record in the table of rows */
    uint32_t value[ROW_COLUMNS]; /* what entry was made from */
    uint8_t order[ROW_COLUMNS];  /* the columns that vary in the segment, ascending */
    uint8_t varying;             /* how many */
    uint8_t unwanted;            /* a bit for each column that is not decoded */
    struct entry entry;
};

_Static_assert(sizeof(struct walk) <= sizeof((struct pair_cursor *)0)->state, "a cursor holds it");

void pair_walk(struct pair_cursor *cursor, const struct pair *pair, uint64_t first_row)
{
    cursor->pair = pair;
    cursor->row = first_row;
    memset(cursor->state, 0, sizeof cursor->state);
}

void pair_walk_fields(struct pair_cursor *cursor, const struct pair *pair, uint64_t first_row,
                      unsigned wanted)
{
    pair_walk(cursor, pair, first_row);
    struct walk *walk = (struct walk *)(void *)cursor->state;
    for (unsigned c = COLUMN_HOUSENUMBER; c < COLUMN_PLACE; c++) {
        if ((wanted >> row_fields[c] & 1) == 0)
            walk->unwanted |= (uint8_t)(1u << c);
    }
    if (wanted >> PLACE_FIRST == 0)
        walk->unwanted |= 1u << COLUMN_PLACE;
}

static int dangling(const struct pair_cursor *cursor, struct walk *walk, struct error *err)
{
    walk->segment = NULL;
    return pair_corrupt(cursor->pair->data_name, "a row refers to something that is not there",
                        err);
}

/* Make walk->entry of the first row, all columns of it. */
static int enter_segment(struct pair_cursor *cursor, struct walk *walk, struct error *err)
{
    const struct quadtree *tree;
    const struct segment_slot *slot;
    walk->segment = NULL;
    if (pair_quadtree(cursor->pair, &tree, err) != 0 ||
        pair_segment(cursor->pair, cursor->row, &slot, err) != 0)
        return -1;
    const struct table *rows = &slot->segment.rows;
    uint32_t row = (uint32_t)(cursor->row - slot->first_row);
    walk->varying = 0;
    for (unsigned c = 0; c < ROW_COLUMNS; c++) {
        if ((walk->unwanted >> c & 1) != 0)
            continue;
        walk->value[c] = table_value(rows, row, c);
        if (!segment_set(&slot->segment, c, walk->value[c], &walk->entry))
            return dangling(cursor, walk, err);
        if (rows->field[c].width > 0)
            walk->order[walk->varying++] = (uint8_t)c;
    }
    walk->segment = &slot->segment;
    walk->points = tree->points;
    walk->end_row = slot->first_row + slot->rows;
    walk->bit = (uint64_t)row * rows->stride;
    return 0;
}

/* Make the next row readable: 1, 0 at the end, -1 on error. */
static inline int walk_on(struct pair_cursor *cursor, struct walk *walk, struct error *err)
{
    if (walk->segment != NULL && cursor->row < walk->end_row)
        return 1;
    if (cursor->row >= cursor->pair->info.entries)
        return 0;
    return enter_segment(cursor, walk, err) == 0 ? 1 : -1;
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
    const unsigned char *bits = segment->rows.bits; /* locals, which no store can change */
    uint64_t bit = walk->bit;
    unsigned varying = walk->varying;
    for (unsigned v = 0; v < varying; v++) {
        unsigned column = walk->order[v];
        uint32_t value = table_field_value(bits, bit, &segment->rows.field[column]);
        if (value == walk->value[column])
            continue;
        walk->value[column] = value;
        if (!segment_set(segment, column, value, &walk->entry))
            return dangling(cursor, walk, err);
    }
    walk->bit = bit + segment->rows.stride;
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
    const struct table *rows = &segment->rows;
    for (unsigned column = COLUMN_OUTCOME; column <= COLUMN_DATE; column++) {
        uint32_t value = table_field_value(rows->bits, walk->bit, &rows->field[column]);
        if (!segment_set(segment, column, value, out))
            return dangling(cursor, walk, err);
    }
    walk->bit += rows->stride;
    out->point = walk->points[cursor->row];
    cursor->row++;
    return 1;
}
