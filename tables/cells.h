/* The cells of one table: one for each combination of its index values, in a hash table.
 *
 * Memory is bounded: when the charges of all cells pass CELLS_BYTES, those whose index has the
 * largest hash go, and whatever is emitted for them, before and after, counts as other. So which
 * ones stay depends on all that was emitted and not on parts or order, those that stay are exact,
 * and merging is exact. */
#ifndef REFRESHD_TABLES_CELLS_H
#define REFRESHD_TABLES_CELLS_H

#include "tables/kind.h"

#define CELLS_BYTES ((size_t)16 << 20)

struct cells; /* one thread at a time */

/* cells_create: for a table with `indexes` index fields. shape is copied. */
int cells_create(struct cells **out, const struct kind *kind, const struct kind_shape *shape,
                 unsigned indexes, struct error *err);
void cells_free(struct cells *cells); /* NULL is allowed */

/* cells_emit: index[indexes] are numbers, texts or truths, none missing. */
int cells_emit(struct cells *cells, const struct value *index, const struct emission *emission,
               struct error *err);

/* cells_merge: from is unchanged; both of one table. */
int cells_merge(struct cells *into, const struct cells *from, struct error *err);

uint64_t cells_other(const struct cells *cells); /* emissions that no cell shows */
double cells_bound(const struct cells *cells);   /* the largest of all cells */
size_t cells_charge(const struct cells *cells);

/* cells_write, cells_read: as in kind.h; *at is moved on. -1 with ERROR_CORRUPT (which does not
 * name a file) or out of memory. Equal cells have equal bytes. */
int cells_write(const struct cells *cells, struct buffer *out, struct error *err);
int cells_read(struct cells *cells, const unsigned char **at, const unsigned char *end,
               struct error *err);

/* cells_rows: `[{"index":{NAME:VALUE,...},"value":...},...]`, ordered by value where it is one
 * number (largest first), else by index. names[indexes]. NULL: no memory. */
cJSON *cells_rows(const struct cells *cells, const char *const *names);

#endif
