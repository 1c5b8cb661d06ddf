/* A table as the operator writes it, compiled:
 *
 *   NAME = KIND(N)[FIELD, ...] of EXPR, ... [weight EXPR] [when COND]
 *
 *   changed_by_country = sum[countrycode] of 1 when changed
 *
 * (N), the index, the weight and the condition may be left out, `of` for count alone. NAME is
 * letters, digits and _, at most TABLE_NAME_BYTES. */
#ifndef REFRESHD_TABLES_TABLE_H
#define REFRESHD_TABLES_TABLE_H

#include "tables/expression.h"
#include "tables/kind.h"

#define TABLE_NAME_BYTES 63
#define TABLE_NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
#define TABLE_SOURCE_BYTES 4000 /* longest text of one table */

struct table {
    char *name;
    char *text; /* "NAME = ..." as it was written, white space around it gone; owned */
    const struct kind *kind;
    struct kind_shape shape;
    const struct field *index[TABLE_EXPRESSIONS];
    unsigned indexes;
    struct expression *values[TABLE_EXPRESSIONS]; /* shape.values of them */
    struct expression *weight;                    /* or NULL */
    struct expression *condition;                 /* or NULL: always */
};

/* table_parse: ERROR_VALUE says `column N`, what is wrong and which words are known there. */
int table_parse(struct table *out, const char *text, struct error *err);
void table_clear(struct table *table); /* frees what it holds; zeroes it */

#endif
