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

struct tally {
    const struct tables *tables;
    struct field_source source;
    struct count count[]; /* of each table */
};

#endif
