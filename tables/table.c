#include "tables/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tables/expression_steps.h"
#include "tables/parser.h"

#define MOST_KINDS 32

static const char *const clauses[] = {"of", "weight", "when", NULL};

/* --- before the words -------------------------------------------------------------------- */

/* check_text: what no table may hold anywhere. */
static int check_text(const char *text, struct error *err)
{
    const char *at = text;
    if (strlen(text) > TABLE_SOURCE_BYTES)
        return error_set(err, ERROR_VALUE, "column %u: a table is longer than %d bytes",
                         lexer_column(text, text + TABLE_SOURCE_BYTES), TABLE_SOURCE_BYTES);
    while (*at != '\0') {
        size_t length = 1, left = strnlen(at, 4);
        if (((unsigned char)*at < 0x20 && *at != '\t' && *at != '\r') || *at == 0x7F)
            return error_set(err, ERROR_VALUE, "column %u: a control character",
                             lexer_column(text, at));
        while (length < left && !text_is_utf8(at, length))
            length++;
        if (!text_is_utf8(at, length))
            return error_set(err, ERROR_VALUE, "column %u: not text in UTF-8",
                             lexer_column(text, at));
        at += length;
    }
    return 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static size_t name_length(const char *at)
{
    return strspn(at, TABLE_NAME_LETTERS);
}

/* parse_name: NAME =, into out->name; *at is moved behind it. */
static int parse_name(struct table *out, const char *text, const char **at, struct error *err)
{
    const char *name = text;
    while (is_space(*name))
        name++;
    size_t length = name_length(name);
    const char *behind = name + length;
    while (is_space(*behind))
        behind++;
    if (length == 0 || *behind != '=' || behind[1] == '=')
        return error_set(err, ERROR_VALUE,
                         "column %u: a table begins with NAME =, a name of letters, digits and _",
                         lexer_column(text, length == 0 ? name : behind));
    if (length > TABLE_NAME_BYTES)
        return error_set(err, ERROR_VALUE, "column %u: the name of a table has %d letters at most",
                         lexer_column(text, name + TABLE_NAME_BYTES), TABLE_NAME_BYTES);
    size_t used = strlen(name);
    while (is_space(name[used - 1]))
        used--;
    out->name = strndup(name, length);
    out->text = strndup(name, used);
    *at = behind + 1;
    return out->name != NULL && out->text != NULL ? 0 : error_memory(err, "a table");
}

/* --- KIND(N)[FIELD, ...] ------------------------------------------------------------------ */

static int parse_kind(struct table *out, struct parser *parser)
{
    const char *names[MOST_KINDS + 1] = {NULL};
    char known[480] = "here stands a kind:";
    const struct token *token = &parser->lexer.token;
    size_t used = strlen(known);
    if (token->kind == TOKEN_WORD)
        out->kind = kind_find(token->source.data, token->source.length);
    for (unsigned i = 0; out->kind == NULL && i < MOST_KINDS && kinds[i] != NULL; i++) {
        names[i] = kinds[i]->name;
        if (used < sizeof known)
            used += (size_t)snprintf(known + used, sizeof known - used, " %s", names[i]);
    }
    if (out->kind == NULL)
        return parser_unexpected(parser, known, names);
    lexer_next(&parser->lexer);
    return 0;
}

static int parse_n(struct table *out, struct parser *parser)
{
    const struct kind *kind = out->kind;
    const struct token *token = &parser->lexer.token;
    unsigned column = token->column;
    unsigned least = kind->least_n > 1 ? kind->least_n : 1;
    out->shape.n = kind->default_n;
    if (!parser_accept(parser, "("))
        return 0;
    if (kind->most_n == 0)
        return parser_wrong(parser, column, "%s takes no number in parentheses", kind->name);
    column = token->column;
    double n = token->number;
    if (token->kind != TOKEN_NUMBER || n < least || n > kind->most_n || n != (unsigned)n)
        return parser_wrong(parser, column, "%s takes a whole number from %u to %u here",
                            kind->name, least, kind->most_n);
    out->shape.n = (unsigned)n;
    lexer_next(&parser->lexer);
    return parser_accept(parser, ")") ? 0 : parser_unexpected(parser, "here stands )", NULL);
}

static int parse_index_field(struct table *out, struct parser *parser)
{
    const struct token *token = &parser->lexer.token;
    const struct field *field;
    if (out->indexes == TABLE_EXPRESSIONS)
        return parser_wrong(parser, token->column, "more than %d fields in the index",
                            TABLE_EXPRESSIONS);
    if (token->kind != TOKEN_WORD)
        return parser_unexpected(parser, "here stands a field, such as countrycode", NULL);
    field = parser_field(parser);
    if (field == NULL)
        return -1;
    for (unsigned i = 0; i < out->indexes; i++) {
        if (out->index[i] == field)
            return parser_wrong(parser, token->column, "%s is in the index already", field->name);
    }
    out->index[out->indexes++] = field;
    lexer_next(&parser->lexer);
    return 0;
}

static int parse_index(struct table *out, struct parser *parser)
{
    if (!parser_accept(parser, "["))
        return 0;
    do {
        if (parse_index_field(out, parser) != 0)
            return -1;
    } while (parser_accept(parser, ","));
    return parser_accept(parser, "]") ? 0 : parser_unexpected(parser, "here stands , or ]", NULL);
}

/* --- of EXPR, ... weight EXPR when COND ------------------------------------------------------ */

/* parse_number: an expression that gives a number; a condition gives 0 or 1. */
static int parse_number(struct parser *parser, const char *who, struct expression **out)
{
    struct expression *expression;
    unsigned column = parser->lexer.token.column;
    if (parser_expression(parser, &expression) != 0)
        return -1;
    enum value_kind kind = expression_kind(expression);
    if (kind == VALUE_TEXT)
        parser_wrong(parser, column, "%s wants numbers, not a text", who);
    if (kind == VALUE_TEXT ||
        (kind == VALUE_TRUTH && expression_as_number(expression, parser->err) != 0)) {
        expression_free(expression);
        return -1;
    }
    *out = expression;
    return 0;
}

static int parse_value(struct table *out, struct parser *parser)
{
    const struct kind *kind = out->kind;
    unsigned most = kind->most_values < TABLE_EXPRESSIONS ? kind->most_values : TABLE_EXPRESSIONS;
    struct expression **value = &out->values[out->shape.values];
    if (out->shape.values == most)
        return parser_wrong(parser, parser->lexer.token.column,
                            "%s takes no more than %u expression%s", kind->name, most,
                            most == 1 ? "" : "s");
    if ((kind->numbers ? parse_number(parser, kind->name, value)
                       : parser_expression(parser, value)) != 0)
        return -1;
    out->shape.values++;
    out->shape.texts += expression_kind(*value) == VALUE_TEXT;
    return 0;
}

static int parse_values(struct table *out, struct parser *parser)
{
    const struct kind *kind = out->kind;
    unsigned column = parser->lexer.token.column;
    if (!parser_accept(parser, "of"))
        return kind->least_values == 0
                   ? 0
                   : parser_unexpected(parser, "here stands (N), [FIELD, ...] or of", clauses);
    do {
        if (parse_value(out, parser) != 0)
            return -1;
    } while (parser_accept(parser, ","));
    if (out->shape.values < kind->least_values)
        return parser_wrong(parser, column, "%s takes at least %u expressions", kind->name,
                            kind->least_values);
    return 0;
}

/* check_size: whether as much as N can come to fits into the memory of a table; at `column` stands
 * the kind. */
static int check_size(const struct table *table, struct parser *parser, unsigned column)
{
    struct kind_shape shape = table->shape;
    unsigned fits = 0, above = shape.n;
    if (kind_fits(table->kind, &shape))
        return 0;
    while (above - fits > 1) {
        shape.n = fits + (above - fits) / 2;
        *(kind_fits(table->kind, &shape) ? &fits : &above) = shape.n;
    }
    return parser_wrong(parser, column,
                        "%s(%u) of so many expressions takes too much memory; (%u) does not",
                        table->kind->name, table->shape.n, fits);
}

static int parse_weight(struct table *out, struct parser *parser)
{
    unsigned column = parser->lexer.token.column;
    if (!parser_accept(parser, "weight"))
        return 0;
    if (!out->kind->takes_weight)
        return parser_wrong(parser, column, "%s takes no weight", out->kind->name);
    out->shape.weighted = true;
    return parse_number(parser, "weight", &out->weight);
}

static int parse_when(struct table *out, struct parser *parser)
{
    if (!parser_accept(parser, "when"))
        return 0;
    unsigned column = parser->lexer.token.column;
    if (parser_expression(parser, &out->condition) != 0)
        return -1;
    enum value_kind kind = expression_kind(out->condition);
    return kind == VALUE_TRUTH ? 0
                               : parser_wrong(parser, column, "when wants a condition, not %s",
                                              parser_kind_words(kind));
}

/* what_follows: what could go on where the present token does not. */
static const char *what_follows(const struct table *table)
{
    if (table->condition != NULL)
        return "here stands an operator (and or is == ...) or the end";
    if (table->weight != NULL)
        return "here stands an operator (+ - * /), when or the end";
    if (table->shape.values > 0)
        return "here stands an operator (+ - * / == and ...), a comma, weight, when or the end";
    return "here stands (N), [FIELD, ...], of, when or the end";
}

static int parse_words(struct table *out, const char *text, const char *at, struct error *err)
{
    struct parser parser = {.err = err};
    lexer_begin(&parser.lexer, text, at, err);
    unsigned column = parser.lexer.token.column;
    if (parse_kind(out, &parser) != 0 || parse_n(out, &parser) != 0 ||
        parse_index(out, &parser) != 0 || parse_values(out, &parser) != 0 ||
        check_size(out, &parser, column) != 0 || parse_weight(out, &parser) != 0 ||
        parse_when(out, &parser) != 0)
        return -1;
    if (parser.lexer.token.kind != TOKEN_END)
        return parser_unexpected(&parser, what_follows(out),
                                 out->shape.values > 0 ? parser_operators : clauses);
    return 0;
}

int table_parse(struct table *out, const char *text, struct error *err)
{
    struct table table = {0};
    struct error unused;
    const char *at = text;
    if (err == NULL)
        err = &unused;
    if (check_text(text, err) != 0 || parse_name(&table, text, &at, err) != 0 ||
        parse_words(&table, text, at, err) != 0) {
        table_clear(&table);
        return -1;
    }
    *out = table;
    return 0;
}

void table_clear(struct table *table)
{
    free(table->name);
    free(table->text);
    for (unsigned i = 0; i < TABLE_EXPRESSIONS; i++)
        expression_free(table->values[i]);
    expression_free(table->weight);
    expression_free(table->condition);
    *table = (struct table){0};
}
