/* What the files share that parse a table: the present word, and saying what is wrong with it.
 * Internal to tables. */
#ifndef REFRESHD_TABLES_PARSER_H
#define REFRESHD_TABLES_PARSER_H

#include "tables/expression.h"
#include "tables/lexer.h"

#define PARSER_NESTING 32 /* parentheses, not and - inside each other */

struct parser {
    struct lexer lexer;
    unsigned nesting;
    struct error *err;
};

/* parser_is, parser_accept: is the present token this word or symbol? Accepting goes on to the
 * next. */
bool parser_is(const struct parser *parser, const char *word);
bool parser_accept(struct parser *parser, const char *word);

/* parser_unexpected: `column N: found X; ` and what can stand there, with the one of words (which
 * ends in NULL; NULL: none) that may have been meant. Returns -1. */
int parser_unexpected(struct parser *parser, const char *known, const char *const *words);

/* parser_wrong: `column N: ` and the message. Returns -1. */
int parser_wrong(struct parser *parser, unsigned column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* parser_field: the field that the present token, a word, names; NULL and *err set when there is
 * none. The token stays. */
const struct field *parser_field(struct parser *parser);

/* parser_expression: what stands from the present token on, and go behind it. */
int parser_expression(struct parser *parser, struct expression **out);

/* parser_kind_words: "a number", "a text", "a condition". */
const char *parser_kind_words(enum value_kind kind);

/* The words that go on behind an expression, for parser_unexpected. */
extern const char *const parser_operators[];

#endif
