/* Inside of cells: for cells*.c alone. */
#ifndef REFRESHD_TABLES_CELLS_TABLE_H
#define REFRESHD_TABLES_CELLS_TABLE_H

#include <stdalign.h>

#include "tables/cells.h"

struct cell {
    struct cell *next; /* of the same bucket */
    uint64_t hash;     /* of the index */
    uint64_t emitted;
    uint64_t others; /* of them: what the kind does not keep */
    size_t charge;
    uint32_t index_bytes;
    alignas(16) unsigned char body[]; /* the kind's struct, then the index, packed */
};

struct cells {
    const struct kind *kind;
    struct kind_shape shape;
    unsigned indexes;
    unsigned steps; /* how often the largest eighth of the hashes was given up */
    uint64_t limit; /* the largest hash of cells that are kept: a function of steps */
    struct cell **bucket;
    size_t buckets, count; /* buckets is a power of two, or 0 */
    struct cell *last;     /* the one that was emitted to last, or NULL */
    uint64_t gone;         /* emissions of cells that are not kept */
    size_t charge;
};

static inline unsigned char *cell_index(const struct cells *cells, struct cell *cell)
{
    return cell->body + cells->kind->cell_bytes;
}

#define CELLS_MOST_STEPS 320U /* what is left then is nothing */

static inline bool cells_keep(const struct cells *cells, uint64_t hash)
{
    return hash <= cells->limit;
}

/* cells_give_up: so many steps, if it is more than before. */
void cells_give_up(struct cells *cells, unsigned steps);

/* cells_new: a cell that is in the table already, with nothing emitted. The index is packed. NULL:
 * out of memory. */
struct cell *cells_new(struct cells *cells, uint64_t hash, const unsigned char *index,
                       size_t index_bytes, struct error *err);

/* cells_settle: the cell has changed: charge it, and let go what is too much. */
void cells_settle(struct cells *cells, struct cell *cell);

/* cells_sorted: all cells, ordered by their index; the caller frees the list. NULL: no memory. */
struct cell **cells_sorted(const struct cells *cells);

#endif
