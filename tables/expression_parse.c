/* From words to steps: a function for each line of the grammar in expression.h. Each leaves the
 * present token behind what it took and says what kind of value it gives. */
#include <stdlib.h>
#include <string.h>

#include "tables/expression_steps.h"

#define VALUE_KNOWN "here stands a field, a number, a \"text\", true, false, not, - or ("

struct compiler {
    struct parser *parser;
    struct expression *expression;
    size_t texts_used;
};

static int parse_condition(struct compiler *compiler, enum value_kind *kind);

static int append(struct compiler *compiler, enum operation operation)
{
    struct step step = {.operation = operation};
    return expression_append(compiler->expression, &step, compiler->parser->err);
}

/* --- factors ----------------------------------------------------------------------------- */

/* All constants of the expression together are no longer than what is left of the text. */
static int parse_text(struct compiler *compiler)
{
    struct parser *parser = compiler->parser;
    struct expression *expression = compiler->expression;
    const struct token *token = &parser->lexer.token;
    if (expression->texts == NULL) {
        expression->texts = malloc(strlen(token->source.data));
        if (expression->texts == NULL)
            return error_memory(parser->err, "a table");
    }
    char *text = expression->texts + compiler->texts_used;
    size_t length = token_text(token, text);
    if (length == 0)
        return parser_wrong(parser, token->column,
                            "no value is an empty text; write `is missing` instead");
    compiler->texts_used += length;
    struct step step = {.operation = STEP_CONSTANT,
                        .constant = value_text((struct slice){text, (uint32_t)length})};
    return expression_append(expression, &step, parser->err);
}

static int parse_word(struct compiler *compiler, enum value_kind *kind)
{
    static const char *const reserved[] = {"of", "weight", "when", "and", "or", "is", "missing"};
    struct parser *parser = compiler->parser;
    struct step step = {.operation = STEP_CONSTANT};
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (parser_is(parser, reserved[i]))
            return parser_unexpected(parser, VALUE_KNOWN, NULL);
    }
    if (parser_is(parser, "true") || parser_is(parser, "false")) {
        step.constant = value_truth(parser_is(parser, "true"));
        *kind = VALUE_TRUTH;
    } else {
        step.operation = STEP_FIELD;
        step.field = parser_field(parser);
        if (step.field == NULL)
            return -1;
        *kind = step.field->kind;
    }
    return expression_append(compiler->expression, &step, parser->err);
}

static int parse_primary(struct compiler *compiler, enum value_kind *kind)
{
    struct parser *parser = compiler->parser;
    const struct token *token = &parser->lexer.token;
    struct step number = {.operation = STEP_CONSTANT, .constant = value_number(token->number)};
    int result;
    switch (token->kind) {
    case TOKEN_NUMBER:
        *kind = VALUE_NUMBER;
        result = expression_append(compiler->expression, &number, parser->err);
        break;
    case TOKEN_TEXT:
        *kind = VALUE_TEXT;
        result = parse_text(compiler);
        break;
    case TOKEN_WORD:
        result = parse_word(compiler, kind);
        break;
    default:
        return parser_unexpected(parser, VALUE_KNOWN, NULL);
    }
    if (result == 0)
        lexer_next(&parser->lexer);
    return result;
}

/* enter: one nesting more. */
static int enter(struct parser *parser, unsigned column)
{
    if (parser->nesting == PARSER_NESTING)
        return parser_wrong(parser, column, "nested more than %d deep", PARSER_NESTING);
    parser->nesting++;
    return 0;
}

static int parse_negative(struct compiler *compiler, unsigned column, enum value_kind *kind);

static int parse_factor(struct compiler *compiler, enum value_kind *kind)
{
    struct parser *parser = compiler->parser;
    unsigned column = parser->lexer.token.column;
    if (parser_accept(parser, "-"))
        return parse_negative(compiler, column, kind);
    if (!parser_accept(parser, "("))
        return parse_primary(compiler, kind);
    if (enter(parser, column) != 0 || parse_condition(compiler, kind) != 0)
        return -1;
    parser->nesting--;
    if (!parser_accept(parser, ")"))
        return parser_unexpected(parser, "here stands an operator or )", parser_operators);
    return 0;
}

static int parse_negative(struct compiler *compiler, unsigned column, enum value_kind *kind)
{
    struct parser *parser = compiler->parser;
    if (enter(parser, column) != 0 || parse_factor(compiler, kind) != 0)
        return -1;
    parser->nesting--;
    if (*kind != VALUE_NUMBER)
        return parser_wrong(parser, column, "\"-\" wants a number behind it, not %s",
                            parser_kind_words(*kind));
    return append(compiler, STEP_NEGATE);
}

/* --- operators between two ---------------------------------------------------------------- */

struct infix {
    const char *word;
    enum operation operation;
};

static const struct infix products[] = {{"*", STEP_MULTIPLY}, {"/", STEP_DIVIDE}, {NULL, 0}};
static const struct infix sums[] = {{"+", STEP_ADD}, {"-", STEP_SUBTRACT}, {NULL, 0}};
static const struct infix comparisons[] = {
    {"==", STEP_EQUAL}, {"!=", STEP_UNEQUAL},       {"<=", STEP_LESS_OR_EQUAL},
    {"<", STEP_LESS},   {">=", STEP_MORE_OR_EQUAL}, {">", STEP_MORE},
    {NULL, 0},
};
static const struct infix conjunctions[] = {{"and", STEP_AND}, {NULL, 0}};
static const struct infix disjunctions[] = {{"or", STEP_OR}, {NULL, 0}};

/* accept_infix: the one of the list that stands here, or NULL; *column is where. */
static const struct infix *accept_infix(struct compiler *compiler, const struct infix *list,
                                        unsigned *column)
{
    *column = compiler->parser->lexer.token.column;
    for (; list->word != NULL; list++) {
        if (parser_accept(compiler->parser, list->word))
            return list;
    }
    return NULL;
}

/* want: both sides of an operator are of the kind. */
static int want(struct compiler *compiler, const struct infix *infix, unsigned column,
                enum value_kind kind, enum value_kind left, enum value_kind right)
{
    if (left == kind && right == kind)
        return 0;
    return parser_wrong(compiler->parser, column, "\"%s\" wants %ss on both sides, not %s",
                        infix->word, kind == VALUE_NUMBER ? "number" : "condition",
                        parser_kind_words(left != kind ? left : right));
}

/* parse_chain: NEXT { operator NEXT } of values of one kind, which the result is of, too. */
static int parse_chain(struct compiler *compiler, const struct infix *list, enum value_kind of,
                       int (*next)(struct compiler *, enum value_kind *), enum value_kind *kind)
{
    const struct infix *infix;
    enum value_kind right;
    unsigned column;
    if (next(compiler, kind) != 0)
        return -1;
    while ((infix = accept_infix(compiler, list, &column)) != NULL) {
        if (next(compiler, &right) != 0 || want(compiler, infix, column, of, *kind, right) != 0 ||
            append(compiler, infix->operation) != 0)
            return -1;
    }
    return 0;
}

static int parse_product(struct compiler *compiler, enum value_kind *kind)
{
    return parse_chain(compiler, products, VALUE_NUMBER, parse_factor, kind);
}

static int parse_sum(struct compiler *compiler, enum value_kind *kind)
{
    return parse_chain(compiler, sums, VALUE_NUMBER, parse_product, kind);
}

static int parse_missing(struct compiler *compiler, enum value_kind *kind)
{
    struct parser *parser = compiler->parser;
    static const char *const words[] = {"missing", "not", NULL};
    bool there = parser_accept(parser, "not");
    if (!parser_accept(parser, "missing"))
        return parser_unexpected(parser, "here stands missing or not missing", words);
    *kind = VALUE_TRUTH;
    return append(compiler, there ? STEP_IS_THERE : STEP_IS_MISSING);
}

static int parse_comparison(struct compiler *compiler, enum value_kind *kind)
{
    struct parser *parser = compiler->parser;
    enum value_kind right;
    unsigned column;
    if (parse_sum(compiler, kind) != 0)
        return -1;
    if (parser_accept(parser, "is"))
        return parse_missing(compiler, kind);
    const struct infix *infix = accept_infix(compiler, comparisons, &column);
    if (infix == NULL)
        return 0;
    if (parse_sum(compiler, &right) != 0)
        return -1;
    if (*kind != right)
        return parser_wrong(parser, column, "\"%s\" compares %s with %s", infix->word,
                            parser_kind_words(*kind), parser_kind_words(right));
    if (right == VALUE_TRUTH && infix->operation >= STEP_LESS)
        return parser_wrong(parser, column, "\"%s\" wants numbers or texts, not conditions",
                            infix->word);
    *kind = VALUE_TRUTH;
    return append(compiler, infix->operation);
}

static int parse_negation(struct compiler *compiler, enum value_kind *kind)
{
    struct parser *parser = compiler->parser;
    unsigned column = parser->lexer.token.column;
    if (!parser_accept(parser, "not"))
        return parse_comparison(compiler, kind);
    if (enter(parser, column) != 0 || parse_negation(compiler, kind) != 0)
        return -1;
    parser->nesting--;
    if (*kind != VALUE_TRUTH)
        return parser_wrong(parser, column, "\"not\" wants a condition behind it, not %s",
                            parser_kind_words(*kind));
    return append(compiler, STEP_NOT);
}

static int parse_conjunction(struct compiler *compiler, enum value_kind *kind)
{
    return parse_chain(compiler, conjunctions, VALUE_TRUTH, parse_negation, kind);
}

static int parse_condition(struct compiler *compiler, enum value_kind *kind)
{
    return parse_chain(compiler, disjunctions, VALUE_TRUTH, parse_conjunction, kind);
}

int parser_expression(struct parser *parser, struct expression **out)
{
    struct compiler compiler = {.parser = parser};
    compiler.expression = calloc(1, sizeof *compiler.expression);
    if (compiler.expression == NULL)
        return error_memory(parser->err, "a table");
    parser->nesting = 0;
    if (parse_condition(&compiler, &compiler.expression->kind) != 0) {
        expression_free(compiler.expression);
        return -1;
    }
    *out = compiler.expression;
    return 0;
}
