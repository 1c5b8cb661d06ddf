#include "tables/lexer.h"

#include <string.h>

#include "base/text.h"

#define NUMBER_BYTES 64

void lexer_begin(struct lexer *lexer, const char *text, const char *at, struct error *err)
{
    *lexer = (struct lexer){.text = text, .at = at, .err = err};
    lexer_next(lexer);
}

unsigned lexer_column(const char *text, const char *at)
{
    unsigned column = 1;
    for (; text < at; text++)
        column += ((unsigned char)*text & 0xC0) != 0x80;
    return column;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t word_length(const char *at)
{
    size_t length = 0;
    while (is_word(at[length]))
        length++;
    return length;
}

static int bad(struct lexer *lexer, const char *what)
{
    lexer->token.kind = TOKEN_BAD;
    return error_set(lexer->err, ERROR_VALUE, "column %u: %s", lexer->token.column, what);
}

/* A number takes all that could be meant as part of it, so that 12x is one wrong word. */
static size_t number_length(const char *at)
{
    size_t length = 0;
    while (is_word(at[length]) || at[length] == '.' ||
           ((at[length] == '+' || at[length] == '-') && length > 0 &&
            (at[length - 1] == 'e' || at[length - 1] == 'E')))
        length++;
    return length;
}

static void take_number(struct lexer *lexer)
{
    char digits[NUMBER_BYTES];
    struct token *token = &lexer->token;
    size_t length = number_length(lexer->at);
    token->source.length = (uint32_t)length;
    if (length >= sizeof digits) {
        bad(lexer, "too long for a number");
        return;
    }
    memcpy(digits, lexer->at, length);
    digits[length] = '\0';
    if (!text_parse_double(digits, &token->number)) {
        error_set(lexer->err, ERROR_VALUE, "column %u: \"%s\" is no number, such as 12 or 0.5",
                  token->column, digits);
        token->kind = TOKEN_BAD;
        return;
    }
    token->kind = TOKEN_NUMBER;
}

static void take_text(struct lexer *lexer)
{
    const char *end = lexer->at + 1;
    while (*end != '"') {
        if (*end == '\0') {
            bad(lexer, "a text without its closing \"");
            return;
        }
        if (*end == '\\' && end[1] != '"' && end[1] != '\\') {
            lexer->token.column = lexer_column(lexer->text, end);
            bad(lexer, "in a text a backslash stands before \" or \\ only");
            return;
        }
        end += *end == '\\' ? 2 : 1;
    }
    lexer->token.kind = TOKEN_TEXT;
    lexer->token.source.length = (uint32_t)(end + 1 - lexer->at);
}

static const char *advice(const char *at)
{
    switch (*at) {
    case '=':
        return "found \"=\"; equal is written ==";
    case '!':
        return "found \"!\"; unequal is written !=, and the opposite of a condition not";
    case '&':
        return "found \"&\"; both is written and";
    case '|':
        return "found \"|\"; either is written or";
    case '\'':
        return "found \"'\"; a text stands in double quotes";
    default:
        return NULL;
    }
}

static void take_symbol(struct lexer *lexer)
{
    static const char *const symbols[] = {"==", "!=", "<=", ">=", "<", ">", "+", "-",
                                          "*",  "/",  "(",  ")",  "[", "]", ","};
    struct token *token = &lexer->token;
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        size_t length = strlen(symbols[i]);
        if (strncmp(lexer->at, symbols[i], length) == 0) {
            token->kind = TOKEN_SYMBOL;
            token->source.length = (uint32_t)length;
            return;
        }
    }
    if (advice(lexer->at) != NULL) {
        bad(lexer, advice(lexer->at));
        return;
    }
    int length = 1;
    while (((unsigned char)lexer->at[length] & 0xC0) == 0x80)
        length++;
    error_set(lexer->err, ERROR_VALUE, "column %u: found \"%.*s\", which means nothing here",
              token->column, length, lexer->at);
    token->kind = TOKEN_BAD;
}

void lexer_next(struct lexer *lexer)
{
    struct token *token = &lexer->token;
    if (token->kind == TOKEN_BAD)
        return;
    while (*lexer->at == ' ' || *lexer->at == '\t' || *lexer->at == '\r')
        lexer->at++;
    const char *at = lexer->at;
    *token = (struct token){.source = {at, 0}, .column = lexer_column(lexer->text, at)};
    if (*at == '\0') {
        token->kind = TOKEN_END;
    } else if (is_digit(*at) || (*at == '.' && is_digit(at[1]))) {
        take_number(lexer);
    } else if (is_word(*at)) {
        token->kind = TOKEN_WORD;
        token->source.length = (uint32_t)word_length(at);
    } else if (*at == '"') {
        take_text(lexer);
    } else {
        take_symbol(lexer);
    }
    if (token->kind != TOKEN_BAD)
        lexer->at = at + token->source.length;
}

bool token_is(const struct token *token, const char *word)
{
    return (token->kind == TOKEN_WORD || token->kind == TOKEN_SYMBOL) &&
           strlen(word) == token->source.length &&
           memcmp(word, token->source.data, token->source.length) == 0;
}

size_t token_text(const struct token *token, char *out)
{
    const char *end = token->source.data + token->source.length - 1;
    size_t length = 0;
    for (const char *at = token->source.data + 1; at < end; at++) {
        at += *at == '\\';
        out[length++] = *at;
    }
    return length;
}
