/* The words of the table language, one after the other. Internal to tables. */
#ifndef REFRESHD_TABLES_LEXER_H
#define REFRESHD_TABLES_LEXER_H

#include "base/error.h"
#include "cachefmt/address.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,   /* letters, digits, _; not beginning with a digit */
    TOKEN_NUMBER, /* 12, 12.5, 1e3 */
    TOKEN_TEXT,   /* "in double quotes", with \" and \\ */
    TOKEN_SYMBOL, /* == != <= >= < > + - * / ( ) [ ] , */
    TOKEN_BAD     /* none of them; *err says what */
};

struct token {
    enum token_kind kind;
    struct slice source; /* as it is written */
    unsigned column;     /* characters from 1 */
    double number;       /* of TOKEN_NUMBER */
};

/* The lexer looks at NUL-terminated text that is UTF-8 and outlives it. */
struct lexer {
    const char *text, *at;
    struct token token;
    struct error *err;
};

void lexer_begin(struct lexer *lexer, const char *text, const char *at, struct error *err);

/* lexer_next: the next token. At TOKEN_BAD, whose error is set, and at TOKEN_END it stays. */
void lexer_next(struct lexer *lexer);

/* token_is: whether it is this word or symbol. */
bool token_is(const struct token *token, const char *word);

/* token_text: what a TOKEN_TEXT means, without quotes and backslashes, into out, which has room for
 * its source; returns the length. */
size_t token_text(const struct token *token, char *out);

/* lexer_column: which character of the text `at` is, from 1. */
unsigned lexer_column(const char *text, const char *at);

#endif
