/* Nearest entry in a table whose keys are Morton codes, so that every quadtree cell is a range of
 * keys. Few cells cover a small circle, and mostly they have few rows, which are measured. Else the
 * rows beside the query's own code are measured first: one of them is near already, so the rest of
 * the search has a short reach. It goes on with the cells that cover what is left of the circle, or
 * with the world where they would be too large. A cell's first rows are measured; when there are
 * more of them than is worth measuring, its quarters are searched instead, nearest first. Cells
 * beyond the best found so far are left out, so that the work depends on what is near and not on
 * the radius. */
#include <math.h>

#include "base/bytes.h"
#include "quadtree/distance.h"
#include "quadtree/grid.h"
#include "quadtree/morton.h"
#include "stages/learned_store.h"

#define ROWS_BESIDE 4 /* on each side of the query's code */
#define ROWS_MEASURED 24
#define SMALL_RADIUS 300.0 /* metres */
#define WORLD_LEVEL 32
#define COVER_LEVEL 24 /* largest cells (of 2^level units) that are searched without the world */

/* The keys of a cell are those that are equal to code but for the lowest 2 * level bits. */
struct cell {
    uint64_t code;
    unsigned level;
    double distance; /* metres, at least; of the query */
};

struct search {
    struct learned_reader *reader;
    struct origin origin;
    double reach; /* nothing farther is of interest */
    bool found;
    uint64_t best_code;
    struct entry best;
    /* No key lies in [empty_from, empty_to). */
    uint64_t empty_from, empty_to;
};

static uint64_t cell_last(const struct cell *cell)
{
    return cell->level == WORLD_LEVEL ? UINT64_MAX
                                      : cell->code | ((UINT64_C(1) << 2 * cell->level) - 1);
}

/* The points of a cell as a box; false when it holds no point of the world. */
static bool cell_box(const struct cell *cell, struct box *box)
{
    uint64_t last = cell_last(cell);
    int64_t west = (int64_t)morton_gather(cell->code) - LONGITUDE_LIMIT;
    int64_t south = (int64_t)morton_gather(cell->code >> 1) - LATITUDE_LIMIT;
    int64_t east = (int64_t)morton_gather(last) - LONGITUDE_LIMIT;
    int64_t north = (int64_t)morton_gather(last >> 1) - LATITUDE_LIMIT;
    if (west >= LONGITUDE_LIMIT || south > LATITUDE_LIMIT)
        return false;
    box->south = (int32_t)south;
    box->west = (int32_t)west;
    box->north = (int32_t)(north < LATITUDE_LIMIT ? north : LATITUDE_LIMIT);
    box->east = (int32_t)(east < LONGITUDE_LIMIT ? east : LONGITUDE_LIMIT - 1);
    return true;
}

/* cell_set: false when the cell holds nothing of interest. */
static bool cell_set(const struct search *search, struct cell *cell, uint64_t code, unsigned level)
{
    struct box box;
    *cell = (struct cell){.code = code, .level = level};
    if (!cell_box(cell, &box))
        return false;
    cell->distance = box_distance(box, search->origin.point);
    return cell->distance <= search->reach;
}

static int read_error(const struct search *search, int result, struct error *err)
{
    return learned_error(search->reader->learned, result, "read", err);
}

static int out_of_order(const struct search *search, struct error *err)
{
    return environment_damaged(&search->reader->learned->environment, "keys are out of order", err);
}

/* Move the cursor to the first key of a cell: 1 and *key, *value, 0 = there is none, -1. */
static int first_row(struct search *search, const struct cell *cell, MDB_val *key, MDB_val *value,
                     struct error *err)
{
    unsigned char bytes[LEARNED_KEY_BYTES];
    uint64_t last = cell_last(cell), code;
    if (cell->code >= search->empty_from && last < search->empty_to)
        return 0;
    *key = learned_key(bytes, cell->code);
    int result = mdb_cursor_get(search->reader->cursor, key, value, MDB_SET_RANGE);
    if (result != 0 && result != MDB_NOTFOUND)
        return read_error(search, result, err);
    if (result == MDB_NOTFOUND)
        code = UINT64_MAX; /* no point has this code */
    else if (learned_code(search->reader->learned, *key, &code, err) != 0)
        return -1;
    search->empty_from = cell->code;
    search->empty_to = code;
    return result == 0 && code <= last;
}

static int measure(struct search *search, uint64_t code, MDB_val key, MDB_val value,
                   struct error *err)
{
    struct entry entry;
    double distance = distance_from(&search->origin, morton_decode(code));
    if (distance > search->reach ||
        (search->found && distance == search->reach && code >= search->best_code))
        return 0;
    if (learned_decode(search->reader->learned, key, value, &entry, err) != 0)
        return -1;
    if (learned_is_memory(&entry))
        return 0;
    search->reach = distance;
    search->found = true;
    search->best_code = code;
    search->best = entry;
    return 0;
}

/* Measure the row that the cursor came to, and some more in that direction. */
static int measure_on(struct search *search, int result, MDB_val key, MDB_val value,
                      MDB_cursor_op direction, struct error *err)
{
    for (unsigned row = 0; result == 0; row++) {
        uint64_t code;
        if (learned_code(search->reader->learned, key, &code, err) != 0 ||
            measure(search, code, key, value, err) != 0)
            return -1;
        if (row + 1 == ROWS_BESIDE)
            return 0;
        result = mdb_cursor_get(search->reader->cursor, &key, &value, direction);
    }
    return result == MDB_NOTFOUND ? 0 : read_error(search, result, err);
}

static int measure_beside(struct search *search, struct error *err)
{
    unsigned char bytes[LEARNED_KEY_BYTES];
    MDB_cursor *cursor = search->reader->cursor;
    MDB_val value = {0}, key = learned_key(bytes, morton_encode(search->origin.point));
    int result = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    bool behind_all = result == MDB_NOTFOUND;
    if (!behind_all && measure_on(search, result, key, value, MDB_NEXT, err) != 0)
        return -1;
    key = learned_key(bytes, morton_encode(search->origin.point));
    if (behind_all)
        result = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    else if ((result = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE)) == 0)
        result = mdb_cursor_get(cursor, &key, &value, MDB_PREV);
    return measure_on(search, result, key, value, MDB_PREV, err);
}

/* Measure the first rows of a cell: 1 = these were all of them, 0, -1. */
static int measure_rows(struct search *search, const struct cell *cell, struct error *err)
{
    uint64_t last = cell_last(cell), code;
    MDB_val key, value;
    int found = first_row(search, cell, &key, &value, err);
    if (found <= 0)
        return found < 0 ? -1 : 1;
    for (unsigned row = 0; row < ROWS_MEASURED; row++) {
        if (learned_code(search->reader->learned, key, &code, err) != 0)
            return -1;
        if (code > last)
            return 1;
        if (code < cell->code)
            return out_of_order(search, err);
        if (measure(search, code, key, value, err) != 0)
            return -1;
        int result = mdb_cursor_get(search->reader->cursor, &key, &value, MDB_NEXT);
        if (result == MDB_NOTFOUND)
            return 1;
        if (result != 0)
            return read_error(search, result, err);
    }
    return 0;
}

/* Up to four cells by distance, nearest first. */
static void order(struct cell *cells, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct cell cell = cells[i];
        size_t at = i;
        for (; at > 0 && cells[at - 1].distance > cell.distance; at--)
            cells[at] = cells[at - 1];
        cells[at] = cell;
    }
}

static int search_cells(struct search *search, struct cell *cells, size_t count, struct error *err)
{
    order(cells, count);
    for (size_t i = 0; i < count; i++) {
        struct cell quarters[4];
        size_t used = 0;
        if (cells[i].distance > search->reach)
            break;
        int complete = measure_rows(search, &cells[i], err);
        if (complete < 0)
            return -1;
        if (complete > 0)
            continue;
        if (cells[i].level == 0) /* it has one row at most */
            return out_of_order(search, err);
        unsigned level = cells[i].level - 1;
        for (uint64_t quarter = 0; quarter < 4; quarter++)
            used += cell_set(search, &quarters[used], cells[i].code | quarter << 2 * level, level);
        if (search_cells(search, quarters, used, err) != 0)
            return -1;
    }
    return 0;
}

/* The cells of the least size that four of them at most cover the circle, or the world. */
static size_t cover(const struct search *search, struct cell cells[4])
{
    struct box box = box_around(search->origin.point, search->reach);
    uint64_t width = (uint64_t)((int64_t)box.east - box.west);
    uint64_t height = (uint64_t)((int64_t)box.north - box.south);
    unsigned level = 0;
    while (level <= COVER_LEVEL && (UINT64_C(1) << level) <= (width > height ? width : height))
        level++;
    if (box.west > box.east || level > COVER_LEVEL)
        return cell_set(search, &cells[0], 0, WORLD_LEVEL);
    uint32_t mask = (UINT32_C(1) << level) - 1;
    uint32_t x[2] = {((uint32_t)box.west + LONGITUDE_LIMIT) & ~mask,
                     ((uint32_t)box.east + LONGITUDE_LIMIT) & ~mask};
    uint32_t y[2] = {((uint32_t)box.south + LATITUDE_LIMIT) & ~mask,
                     ((uint32_t)box.north + LATITUDE_LIMIT) & ~mask};
    size_t used = 0;
    for (int i = 0; i < 4; i++) {
        if ((i % 2 == 1 && x[1] == x[0]) || (i / 2 == 1 && y[1] == y[0]))
            continue;
        uint64_t code = morton_spread(x[i % 2]) | morton_spread(y[i / 2]) << 1;
        used += cell_set(search, &cells[used], code, level);
    }
    return used;
}

/* Measure the cells of a small circle: 1 = that was all, 0 = there is more in them, -1. */
static int search_small(struct search *search, struct error *err)
{
    struct cell cells[4];
    size_t count = cover(search, cells);
    order(cells, count);
    for (size_t i = 0; i < count && cells[i].distance <= search->reach; i++) {
        int complete = measure_rows(search, &cells[i], err);
        if (complete <= 0)
            return complete;
    }
    return 1;
}

static int search_any(struct search *search, struct error *err)
{
    struct cell cells[4];
    if (measure_beside(search, err) != 0)
        return -1;
    return search_cells(search, cells, cover(search, cells), err);
}

int learned_nearest(struct learned_reader *reader, struct point query, double radius,
                    struct entry *out, double *distance, struct error *err)
{
    if (!point_is_valid(query))
        return error_set(err, ERROR_VALUE, "coordinates out of range");
    if (!(radius >= 0))
        return 0;
    struct search search = {.reader = reader, .origin = origin_at(query), .reach = radius};
    int complete = radius <= SMALL_RADIUS ? search_small(&search, err) : 0;
    if (complete < 0 || (complete == 0 && search_any(&search, err) != 0))
        return -1;
    if (!search.found)
        return 0;
    *out = search.best;
    *distance = search.reach;
    return 1;
}
