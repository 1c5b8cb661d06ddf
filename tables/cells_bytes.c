/* The cells of a table as bytes:
 *
 *   varint  steps: kept are indexes with a hash of at most 2^64 - 1, lessened so many times by an
 *           eighth (rounded down) of itself
 *   varint  emissions of indexes that are not kept
 *   varint  cells; each, in the order of hashes, then of packed indexes:
 *             the index, packed
 *             varint emissions, varint of them not kept by the kind
 *             what the kind writes
 *
 * The hash of an index is that of packed_hash. */
#include <stdlib.h>

#include "base/bytes.h"
#include "tables/cells_table.h"
#include "tables/packed.h"

#define MOST_EMISSIONS ((uint64_t)1 << 48) /* of what is read: sums of them can't overflow */

static int compare_cells(const struct cells *cells, struct cell *a, struct cell *b)
{
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    uint32_t both = a->index_bytes < b->index_bytes ? a->index_bytes : b->index_bytes;
    int order = memcmp(cell_index(cells, a), cell_index(cells, b), both);
    return order != 0 ? order
                      : (a->index_bytes > b->index_bytes) - (a->index_bytes < b->index_bytes);
}

static int by_hash(const void *left, const void *right, void *context)
{
    return compare_cells(context, *(struct cell *const *)left, *(struct cell *const *)right);
}

static int by_index(const void *left, const void *right, void *context)
{
    const struct cells *cells = context;
    return packed_compare(cell_index(cells, *(struct cell *const *)left),
                          cell_index(cells, *(struct cell *const *)right), cells->indexes);
}

static struct cell **sorted(const struct cells *cells,
                            int (*order)(const void *, const void *, void *))
{
    struct cell **list = malloc((cells->count + 1) * sizeof *list);
    size_t count = 0;
    for (size_t i = 0; list != NULL && i < cells->buckets; i++)
        for (struct cell *cell = cells->bucket[i]; cell != NULL; cell = cell->next)
            list[count++] = cell;
    if (list != NULL)
        qsort_r(list, count, sizeof(struct cell *), order, (void *)(uintptr_t)cells);
    return list;
}

struct cell **cells_sorted(const struct cells *cells)
{
    return sorted(cells, by_index);
}

static int put_numbers(struct buffer *out, const uint64_t *numbers, size_t count, struct error *err)
{
    if (buffer_reserve(out, count * VARINT_LIMIT, err) != 0)
        return -1;
    unsigned char *at = out->data + out->used;
    for (size_t i = 0; i < count; i++)
        at = varint_put(at, numbers[i]);
    out->used = (size_t)(at - out->data);
    return 0;
}

int cells_write(const struct cells *cells, struct buffer *out, struct error *err)
{
    struct cell **list = sorted(cells, by_hash);
    if (list == NULL)
        return error_memory(err, "a table's bytes");
    uint64_t header[] = {cells->steps, cells->gone, cells->count};
    int result = put_numbers(out, header, 3, err);
    for (size_t i = 0; i < cells->count && result == 0; i++) {
        struct cell *cell = list[i];
        uint64_t counts[] = {cell->emitted, cell->others};
        result = buffer_append(out, cell_index(cells, cell), cell->index_bytes, err);
        if (result == 0)
            result = put_numbers(out, counts, 2, err);
        if (result == 0)
            result = cells->kind->write(cell->body, &cells->shape, out, err);
    }
    free(list);
    return result;
}

static int corrupt(struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "the bytes of a table make no sense");
}

static int read_cell(struct cells *cells, const unsigned char **at, const unsigned char *end,
                     struct cell **before, struct error *err)
{
    struct value index[TABLE_EXPRESSIONS];
    const unsigned char *behind = packed_get(*at, end, cells->indexes, index);
    uint64_t hash = behind != NULL ? packed_hash(index, cells->indexes) : 0, emitted, others;
    const unsigned char *here = varint_get(behind, end, &emitted);
    here = varint_get(here, end, &others);
    if (here == NULL || !cells_keep(cells, hash) || emitted == 0 || emitted > MOST_EMISSIONS ||
        others > emitted)
        return corrupt(err);
    struct cell *cell = cells_new(cells, hash, *at, (size_t)(behind - *at), err);
    if (cell == NULL)
        return -1;
    cell->emitted = emitted;
    cell->others = others;
    struct error why = {0};
    if (!cells->kind->read(cell->body, &cells->shape, &here, end, &why))
        return why.code == ERROR_MEMORY ? error_memory(err, "a table") : corrupt(err);
    if (*before != NULL && compare_cells(cells, *before, cell) >= 0)
        return corrupt(err);
    unsigned steps = cells->steps;
    cells_settle(cells, cell);
    if (cells->steps != steps)
        return corrupt(err);
    *before = cell;
    *at = here;
    return 0;
}

int cells_read(struct cells *cells, const unsigned char **at, const unsigned char *end,
               struct error *err)
{
    uint64_t steps, count;
    const unsigned char *here = varint_get(*at, end, &steps);
    here = varint_get(here, end, &cells->gone);
    here = varint_get(here, end, &count);
    if (here == NULL || steps > CELLS_MOST_STEPS || cells->gone > MOST_EMISSIONS)
        return corrupt(err);
    cells_give_up(cells, (unsigned)steps);
    struct cell *before = NULL;
    for (uint64_t i = 0; i < count; i++)
        if (read_cell(cells, &here, end, &before, err) != 0)
            return -1;
    *at = here;
    return 0;
}
