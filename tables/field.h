/* The fields of a record: one table of them makes the language, its messages and its manual. */
#ifndef REFRESHD_TABLES_FIELD_H
#define REFRESHD_TABLES_FIELD_H

#include "base/buffer.h"
#include "tables/observed.h"
#include "tables/value.h"

/* A record while tables look at it: what was worked out of it once. Belongs to one thread. Zero it
 * to begin with; field_source_free to end. */
struct field_source {
    const struct observed *observed;
    struct buffer label[2]; /* plain labels, new and old, when *_ready */
    bool label_ready[2];
    uint64_t priority; /* of its place in samples, when priority_ready */
    bool priority_ready;
    struct error *err;
    bool failed; /* out of memory: what was read since is of no use */
};

/* field_source_set: look at the next record. */
static inline void field_source_set(struct field_source *source, const struct observed *observed)
{
    source->observed = observed;
    source->label_ready[0] = false;
    source->label_ready[1] = false;
    source->priority_ready = false;
}

void field_source_free(struct field_source *source);

struct field {
    const char *name;
    enum value_kind kind;
    bool in_query; /* a query knows it as well, not only a run */
    struct value (*get)(struct field_source *source, const struct field *field);
    unsigned part; /* which address field, which figure: get's business */
    const char *help;
};

/* field_reads: the address fields of the entry (not of the old one) that it looks at, a bit
 * 1 << FIELD_... for each. */
unsigned field_reads(const struct field *field);

/* field_raw: whether the value just lies somewhere: a truth (missing when the record is not
 * judged), a figure of which get makes a value that only grows with it, or a text, in struct
 * observed at *offset; or the *offset-th field of the address, new or old. */
enum field_raw {
    FIELD_RAW_NONE,
    FIELD_RAW_TRUTH,
    FIELD_RAW_FIGURE,
    FIELD_RAW_WORD,
    FIELD_RAW_ADDRESS,
    FIELD_RAW_OLD_ADDRESS
};
enum field_raw field_raw(const struct field *field, unsigned *offset);

extern const struct field fields[]; /* in the order in which the manual has them */
extern const size_t field_count;

/* field_is_there: whether get would give a value; a label is not unfolded for that. */
bool field_is_there(const struct field *field, struct field_source *source);

/* field_find: the field of that name (length bytes), or NULL. */
const struct field *field_find(const char *name, size_t length);

#endif
