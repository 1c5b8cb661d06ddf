/* Tables as words of a command line. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_TABLE_WORDS_H
#define REFRESHD_DAEMON_REFRESHCTL_TABLE_WORDS_H

#include "tables/tables.h"

/* table_words_parse: *text becomes all of them, one a line, for the caller to free (NULL: not
 * wanted). ERROR_USAGE says which one is wrong, in which column, and how. */
int table_words_parse(const char *const *words, size_t count, struct tables **out, char **text,
                      struct error *err);

#endif
