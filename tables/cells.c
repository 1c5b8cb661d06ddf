#include "tables/cells_table.h"

#include <stdlib.h>

#include "tables/packed.h"

#define FEWEST_BUCKETS 8
/* What a cell takes besides its own bytes: the allocation's, and its share of the buckets. */
#define AROUND (32 + 2 * sizeof(struct cell *))

int cells_create(struct cells **out, const struct kind *kind, const struct kind_shape *shape,
                 unsigned indexes, struct error *err)
{
    struct cells *cells = calloc(1, sizeof *cells);
    if (cells == NULL)
        return error_memory(err, "a table");
    cells->kind = kind;
    cells->shape = *shape;
    cells->indexes = indexes;
    cells->limit = UINT64_MAX;
    *out = cells;
    return 0;
}

static void free_cell(const struct cells *cells, struct cell *cell)
{
    if (cells->kind->end != NULL)
        cells->kind->end(cell->body);
    free(cell);
}

void cells_free(struct cells *cells)
{
    if (cells == NULL)
        return;
    for (size_t i = 0; i < cells->buckets; i++)
        for (struct cell *cell = cells->bucket[i], *next; cell != NULL; cell = next) {
            next = cell->next;
            free_cell(cells, cell);
        }
    free(cells->bucket);
    free(cells);
}

static struct cell **bucket_of(const struct cells *cells, uint64_t hash)
{
    return &cells->bucket[hash & (cells->buckets - 1)];
}

static int resize(struct cells *cells, size_t buckets, struct error *err)
{
    struct cell **old = cells->bucket;
    size_t old_buckets = cells->buckets;
    struct cell **bucket = calloc(buckets, sizeof(struct cell *));
    if (bucket == NULL)
        return error_memory(err, "a table");
    cells->bucket = bucket;
    cells->buckets = buckets;
    for (size_t i = 0; i < old_buckets; i++)
        for (struct cell *cell = old[i], *next; cell != NULL; cell = next) {
            next = cell->next;
            struct cell **first = bucket_of(cells, cell->hash);
            cell->next = *first;
            *first = cell;
        }
    free(old);
    return 0;
}

struct cell *cells_new(struct cells *cells, uint64_t hash, const unsigned char *index,
                       size_t index_bytes, struct error *err)
{
    size_t bytes = sizeof(struct cell) + cells->kind->cell_bytes + index_bytes;
    size_t buckets = cells->buckets > 0 ? 2 * cells->buckets : FEWEST_BUCKETS;
    if (cells->count == cells->buckets && resize(cells, buckets, err) != 0)
        return NULL;
    struct cell *cell = calloc(1, bytes);
    if (cell == NULL) {
        error_memory(err, "a table");
        return NULL;
    }
    cell->hash = hash;
    cell->index_bytes = (uint32_t)index_bytes;
    if (index_bytes > 0)
        memcpy(cell_index(cells, cell), index, index_bytes);
    struct cell **first = bucket_of(cells, hash);
    cell->next = *first;
    *first = cell;
    cells->count++;
    return cell;
}

/* Undo cells_new; the cell is not charged yet. */
static void take_back(struct cells *cells, struct cell *cell)
{
    *bucket_of(cells, cell->hash) = cell->next;
    cells->count--;
    free_cell(cells, cell);
}

/* Let go of the cells that are not to be kept. */
static void let_go(struct cells *cells)
{
    for (size_t i = 0; i < cells->buckets; i++)
        for (struct cell **link = &cells->bucket[i], *cell; (cell = *link) != NULL;) {
            if (cells_keep(cells, cell->hash)) {
                link = &cell->next;
                continue;
            }
            *link = cell->next;
            cells->gone += cell->emitted;
            cells->charge -= cell->charge;
            cells->count--;
            free_cell(cells, cell);
        }
    cells->last = NULL;
    size_t buckets = cells->buckets;
    while (buckets > FEWEST_BUCKETS && buckets / 2 > cells->count)
        buckets /= 2;
    if (buckets < cells->buckets)
        (void)resize(cells, buckets, NULL); /* without memory for less, it stays as it is */
}

void cells_give_up(struct cells *cells, unsigned steps)
{
    if (steps <= cells->steps)
        return;
    for (; cells->steps < steps; cells->steps++)
        cells->limit -= cells->limit / 8;
    let_go(cells);
}

void cells_settle(struct cells *cells, struct cell *cell)
{
    const struct kind *kind = cells->kind;
    size_t charge = AROUND + sizeof *cell + kind->cell_bytes + cell->index_bytes;
    if (kind->charge != NULL)
        charge += kind->charge(cell->body, &cells->shape);
    cells->charge += charge - cell->charge;
    cell->charge = charge;
    while (cells->charge > CELLS_BYTES && cells->steps < CELLS_MOST_STEPS)
        cells_give_up(cells, cells->steps + 1);
}

static struct cell *find_packed(struct cells *cells, uint64_t hash, const unsigned char *index,
                                size_t index_bytes)
{
    struct cell *cell = cells->buckets > 0 ? *bucket_of(cells, hash) : NULL;
    while (cell != NULL && (cell->hash != hash || cell->index_bytes != index_bytes ||
                            memcmp(cell_index(cells, cell), index, index_bytes) != 0))
        cell = cell->next;
    return cell;
}

static struct cell *find(struct cells *cells, uint64_t hash, const struct value *index)
{
    struct cell *cell = cells->buckets > 0 ? *bucket_of(cells, hash) : NULL;
    while (cell != NULL &&
           (cell->hash != hash || !packed_equal(cell_index(cells, cell), index, cells->indexes)))
        cell = cell->next;
    return cell;
}

/* *out: the cell of that index, or NULL when it is not kept. */
static int find_or_make(struct cells *cells, const struct value *index, struct cell **out,
                        struct error *err)
{
    uint64_t hash = packed_hash(index, cells->indexes);
    *out = find(cells, hash, index);
    if (*out != NULL || !cells_keep(cells, hash))
        return 0;
    unsigned char packed[PACKED_BYTES];
    unsigned char *end = packed_put(packed, index, cells->indexes);
    *out = cells_new(cells, hash, packed, (size_t)(end - packed), err);
    return *out != NULL ? 0 : -1;
}

bool cells_pass(struct cells *cells, const struct value *index, uint64_t priority)
{
    struct cell *cell = cells->last;
    if (cells->kind->passes == NULL)
        return false;
    if (cell == NULL || !packed_equal(cell_index(cells, cell), index, cells->indexes))
        cell = find(cells, packed_hash(index, cells->indexes), index);
    if (cell == NULL || !cells->kind->passes(cell->body, &cells->shape, priority))
        return false;
    cells->last = cell;
    cell->emitted++;
    return true;
}

int cells_emit(struct cells *cells, const struct value *index, const struct emission *emission,
               struct error *err)
{
    struct cell *cell = cells->last;
    if (cell == NULL || !packed_equal(cell_index(cells, cell), index, cells->indexes)) {
        if (find_or_make(cells, index, &cell, err) != 0)
            return -1;
        cells->last = cell;
        if (cell == NULL) {
            cells->gone++;
            return 0;
        }
    }
    if (cells->kind->emit(cell->body, &cells->shape, emission, &cell->others, err) != 0) {
        if (cell->emitted == 0) {
            take_back(cells, cell);
            cells->last = NULL;
        }
        return -1;
    }
    cell->emitted++;
    if (cells->kind->charge != NULL || cell->charge == 0)
        cells_settle(cells, cell);
    return 0;
}

bool cells_again(struct cells *cells, double number, double weight)
{
    struct cell *cell = cells->last;
    if (cell == NULL || !cells->kind->again(cell->body, &cells->shape, number, weight))
        return false;
    cell->emitted++;
    return true;
}

static int merge_cell(struct cells *into, const struct cells *from, struct cell *more,
                      struct error *err)
{
    if (!cells_keep(into, more->hash)) {
        into->gone += more->emitted;
        return 0;
    }
    const unsigned char *index = cell_index(from, more);
    struct cell *cell = find_packed(into, more->hash, index, more->index_bytes);
    if (cell == NULL)
        cell = cells_new(into, more->hash, index, more->index_bytes, err);
    if (cell == NULL ||
        into->kind->merge(cell->body, more->body, &into->shape, &cell->others, err) != 0)
        return -1;
    cell->others += more->others;
    cell->emitted += more->emitted;
    cells_settle(into, cell);
    return 0;
}

int cells_merge(struct cells *into, const struct cells *from, struct error *err)
{
    cells_give_up(into, from->steps);
    into->gone += from->gone;
    for (size_t i = 0; i < from->buckets; i++)
        for (struct cell *cell = from->bucket[i]; cell != NULL; cell = cell->next)
            if (merge_cell(into, from, cell, err) != 0)
                return -1;
    return 0;
}

uint64_t cells_emitted(const struct cells *cells)
{
    uint64_t emitted = cells->gone;
    for (size_t i = 0; i < cells->buckets; i++)
        for (const struct cell *cell = cells->bucket[i]; cell != NULL; cell = cell->next)
            emitted += cell->emitted;
    return emitted;
}

uint64_t cells_other(const struct cells *cells)
{
    uint64_t other = cells->gone;
    for (size_t i = 0; i < cells->buckets; i++)
        for (const struct cell *cell = cells->bucket[i]; cell != NULL; cell = cell->next)
            other += cell->others;
    return other;
}

double cells_bound(const struct cells *cells)
{
    double largest = 0;
    for (size_t i = 0; i < cells->buckets; i++)
        for (const struct cell *cell = cells->bucket[i]; cell != NULL; cell = cell->next) {
            double bound =
                cells->kind->bound != NULL ? cells->kind->bound(cell->body, &cells->shape) : 0;
            largest = bound > largest ? bound : largest;
        }
    return largest;
}

size_t cells_charge(const struct cells *cells)
{
    return cells->charge;
}
