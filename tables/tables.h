/* A set of tables, compiled: what one run or one query counts. Immutable; shared by threads. */
#ifndef REFRESHD_TABLES_TABLES_H
#define REFRESHD_TABLES_TABLES_H

#include "tables/table.h"

#define TABLES_LIMIT 64

struct tables {
    struct table *table;
    size_t count;
};

/* tables_parse: one table a line; empty lines are passed over, a later table takes the place of an
 * earlier one of that name, and `NAME =` with nothing behind it takes it out. An error names the
 * line when there are several. Freed with tables_free. */
int tables_parse(struct tables **out, const char *text, struct error *err);
void tables_free(struct tables *tables); /* NULL is allowed */

/* tables_add: one line more, tables_add_lines: several, while nobody else looks at them. After a
 * failure the lines before the wrong one are in it. */
int tables_add(struct tables *tables, const char *line, struct error *err);
int tables_add_lines(struct tables *tables, const char *text, struct error *err);

/* tables_text: all of them, one a line, which tables_parse reads back; the caller frees. NULL when
 * out of memory. */
char *tables_text(const struct tables *tables);

/* tables_reads: as field_reads, of all fields in them. */
unsigned tables_reads(const struct tables *tables);

/* What is counted when nothing else is said, as tables_parse takes it (defaults.c). */
extern const char tables_of_a_run[];
extern const char tables_of_a_query[];

#endif
