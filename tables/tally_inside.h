/* Inside of a tally: for tally*.c alone. */
#ifndef REFRESHD_TABLES_TALLY_INSIDE_H
#define REFRESHD_TABLES_TALLY_INSIDE_H

#include "tables/again.h"
#include "tables/cells.h"
#include "tables/tally.h"

struct count {
    const struct table *table;
    struct cells *cells;
    uint64_t skipped;
    struct again again;
};

/* The truths of a record lie side by side. */
#define TALLY_TRUTHS offsetof(struct observed, judged)
#define TALLY_TRUTHS_BYTES (offsetof(struct observed, country_changed) + 1 - TALLY_TRUTHS)

struct tally {
    const struct tables *tables;
    unsigned char truths[TALLY_TRUTHS_BYTES]; /* of the last record */
    struct field_source source;
    struct count count[]; /* of each table */
};

#endif
