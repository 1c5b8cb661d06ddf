/* The cells of one table: one for each combination of its index values, in a hash table.
 *
 * Memory is bounded: when the charges of all cells pass CELLS_BYTES, the eighth of the hashes of
 * indexes that is largest goes, and again, until they fit; whatever is emitted for those, before
 * and after, counts as other. So which ones stay depends on all that was emitted and not on parts
 * or order, those that stay are exact, and merging is exact. */
#ifndef REFRESHD_TABLES_CELLS_H
#define REFRESHD_TABLES_CELLS_H

#include "tables/kind.h"

#define CELLS_BYTES ((size_t)16 << 20)
#define CELLS_CELL_BYTES ((size_t)8 << 10) /* more than a cell takes but for what its kind says */

struct cells; /* one thread at a time */

/* cells_create: for a table with `indexes` index fields, whose shape is copied; kind_fits it. */
int cells_create(struct cells **out, const struct kind *kind, const struct kind_shape *shape,
                 unsigned indexes, struct error *err);
void cells_free(struct cells *cells); /* NULL is allowed */

/* cells_emit: index[indexes] are numbers, texts or truths, none missing. */
int cells_emit(struct cells *cells, const struct value *index, const struct emission *emission,
               struct error *err);

/* cells_pass: whether the kind passes over a record of that index and priority, which counts as
 * emitted then. */
bool cells_pass(struct cells *cells, const struct value *index, uint64_t priority);

/* cells_again: emit once more what was emitted last; false: it must be emitted by cells_emit. */
bool cells_again(struct cells *cells, double number, double weight);

/* cells_merge: from is unchanged; both of one table. */
int cells_merge(struct cells *into, const struct cells *from, struct error *err);

uint64_t cells_emitted(const struct cells *cells);
uint64_t cells_other(const struct cells *cells); /* of them: those that no cell shows */
double cells_bound(const struct cells *cells);   /* the largest of all cells */
size_t cells_charge(const struct cells *cells);

/* cells_write appends bytes; equal cells have equal bytes (but top's). cells_read: of bytes [*at,
 * end) that nobody vouches for into cells that are new, and moves *at on; -1 with ERROR_CORRUPT
 * (which does not name a file) or out of memory, and cells are fit to be freed alone. */
int cells_write(const struct cells *cells, struct buffer *out, struct error *err);
int cells_read(struct cells *cells, const unsigned char **at, const unsigned char *end,
               struct error *err);

/* cells_rows: `[{"index":{NAME:VALUE,...},"value":...},...]`, ordered by value where it is one
 * number (largest first), else by index. names[indexes]. NULL: no memory. */
cJSON *cells_rows(const struct cells *cells, const char *const *names);

#endif
