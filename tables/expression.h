/* Expressions and conditions of the table language, compiled.
 *
 *   condition  = conjunction { "or" conjunction }
 *   conjunction = negation { "and" negation }
 *   negation   = "not" negation | comparison
 *   comparison = sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum | "is" ["not"] "missing" ]
 *   sum        = product { ("+" | "-") product }
 *   product    = factor { ("*" | "/") factor }
 *   factor     = NUMBER | "TEXT" | "true" | "false" | FIELD | "-" factor | "(" condition ")"
 *
 * A missing operand makes the result missing, but: `x is missing` never is; missing and false is
 * false; missing or true is true. A division by 0 is missing. Texts compare by bytes. Comparing or
 * adding what is not of one kind is an error when compiled. */
#ifndef REFRESHD_TABLES_EXPRESSION_H
#define REFRESHD_TABLES_EXPRESSION_H

#include "tables/field.h"

struct expression;

/* expression_eval: no allocation but for plain labels; any thread, each with its own source. */
struct value expression_eval(const struct expression *expression, struct field_source *source);

enum value_kind expression_kind(const struct expression *expression);

/* expression_reads: as field_reads, of all fields in it. */
unsigned expression_reads(const struct expression *expression);

void expression_free(struct expression *expression); /* NULL is allowed */

#endif
