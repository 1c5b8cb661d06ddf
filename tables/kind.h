/* Kinds of tables: how a cell takes in what is emitted. A kind is a row in kinds (kind.c) and a
 * file of its own (kind_*.c).
 *
 * Merging is exact: whatever the parts and the order, the cell is the same to the bit as if one had
 * seen everything, but for top, whose error stays within its bound instead. */
#ifndef REFRESHD_TABLES_KIND_H
#define REFRESHD_TABLES_KIND_H

#include <cjson/cJSON.h>

#include "base/buffer.h"
#include "tables/value.h"

#define TABLE_TEXT_BYTES 255 /* longer texts are cut, between characters, when they are kept */
#define TABLE_EXPRESSIONS 16 /* most in one table, likewise index fields */

/* What is emitted into one cell. All values are there. */
struct emission {
    const struct value *values;
    unsigned count;
    double weight;     /* of the weight clause; without one the value, if a number, else 1 */
    uint32_t tile;     /* place of the record in the order of a run, */
    uint64_t code;     /* which makes collections and ties the same however it was split; */
    uint64_t priority; /* even in [0, 2^64), a function of place: who is in a sample */
};

/* What a kind must know of its table. */
struct kind_shape {
    unsigned n;      /* of KIND(N), or the default */
    unsigned values; /* expressions */
    unsigned texts;  /* of them those that are texts */
    bool weighted;   /* there is a weight clause */
};

struct kind {
    const char *name;
    unsigned least_n, default_n, most_n; /* most_n 0: it takes no N */
    unsigned least_values, most_values;  /* expressions; least 0: `of` may be left out */
    bool numbers;                        /* the values must be numbers */
    bool takes_weight;
    double limit; /* a record is skipped whose value (weight, where numbers is false) is of this
                   * magnitude or more, or whose weight is below 0; 0: none is */
    bool samples; /* it looks at priority */

    /* passes: whether a record of that priority is not going to be kept, whatever its values are;
     * emit is not called then. NULL: they must be worked out. */
    bool (*passes)(const void *cell, const struct kind_shape *shape, uint64_t priority);
    const char *help;

    size_t cell_bytes;       /* of the struct; it begins zeroed */
    void (*end)(void *cell); /* frees what the cell holds, not the cell; NULL: nothing */

    /* emit: take one in. -1: out of memory; the cell is as before. *others grows by how many
     * earlier or present emissions are not kept by a kind that is bounded by N on purpose and whose
     * result would be taken for all there is (collection). */
    int (*emit)(void *cell, const struct kind_shape *shape, const struct emission *emission,
                uint64_t *others, struct error *err);
    /* again: take in once more what the cell took in last, if that can be done without memory and
     * charge; number and weight are what they were. NULL: never. */
    bool (*again)(void *cell, const struct kind_shape *shape, double number, double weight);
    int (*merge)(void *into, const void *from, const struct kind_shape *shape, uint64_t *others,
                 struct error *err);

    /* charge: bytes that the cell is taken to use besides cell_bytes, at least those it does: a
     * function of all that it took in, in whatever order, that never falls when more comes. NULL:
     * none. cells.h bounds the sum. most_charge: what it can come to. */
    size_t (*charge)(const void *cell, const struct kind_shape *shape);
    size_t (*most_charge)(const struct kind_shape *shape);

    /* write appends; read gives a cell out of bytes [*at, end) that nobody vouches for and moves
     * *at on: false = they make no sense (the cell is ended). failed allocations: *err set. */
    int (*write)(const void *cell, const struct kind_shape *shape, struct buffer *out,
                 struct error *err);
    bool (*read)(void *cell, const struct kind_shape *shape, const unsigned char **at,
                 const unsigned char *end, struct error *err);

    /* result: the cell as JSON (a number, or a list). NULL: no memory. */
    cJSON *(*result)(const void *cell, const struct kind_shape *shape);
    /* bound: the largest error of a result of this cell, in the words of docs/REPORTS.md; 0 = it is
     * exact. NULL: it always is. */
    double (*bound)(const void *cell, const struct kind_shape *shape);
};

extern const struct kind *const kinds[]; /* ends in NULL */
const struct kind *kind_find(const char *name, size_t length);

/* kind_fits: whether one cell of that shape is sure to fit in the memory of a table; if not, N is
 * too large for so many expressions. shape->n and shape->values are within the kind's bounds. */
bool kind_fits(const struct kind *kind, const struct kind_shape *shape);

#endif
