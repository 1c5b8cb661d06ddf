/* An expression as it is evaluated: steps over a stack of values (postfix), so that evaluating
 * neither recurses nor allocates. Internal to tables: expression_parse.c makes what expression.c
 * runs. */
#ifndef REFRESHD_TABLES_EXPRESSION_STEPS_H
#define REFRESHD_TABLES_EXPRESSION_STEPS_H

#include "tables/expression.h"
#include "tables/parser.h"

enum operation {
    STEP_CONSTANT, /* these two push a value */
    STEP_FIELD,
    STEP_NEGATE, /* these five change the topmost one */
    STEP_NOT,
    STEP_IS_MISSING,
    STEP_IS_THERE,
    STEP_AS_NUMBER, /* a truth as 0 or 1 */
    STEP_ADD,       /* all others make one of the two topmost */
    STEP_SUBTRACT,
    STEP_MULTIPLY,
    STEP_DIVIDE,
    STEP_EQUAL,
    STEP_UNEQUAL,
    STEP_LESS,
    STEP_LESS_OR_EQUAL,
    STEP_MORE,
    STEP_MORE_OR_EQUAL,
    STEP_AND,
    STEP_OR
};

struct step {
    enum operation operation;
    const struct field *field;
    struct value constant;
};

/* Values that wait at once: the left side of an or, and, comparison, sum and product in each
 * nesting, and the one just pushed. */
#define EXPRESSION_STACK (5 * (PARSER_NESTING + 1) + 1)

struct expression {
    enum value_kind kind;
    struct step *steps;
    size_t count, room;
    char *texts; /* what the constants' texts point into */
};

/* expression_quick: expression_eval without a call for those that are just a field or a constant,
 * as most are. */
static inline struct value expression_quick(const struct expression *expression,
                                            struct field_source *source)
{
    const struct step *step = expression->steps;
    if (expression->count > 1)
        return expression_eval(expression, source);
    return step->operation == STEP_CONSTANT ? step->constant
                                            : step->field->get(source, step->field);
}

/* expression_is_there: whether expression_eval would give a value. */
static inline bool expression_is_there(const struct expression *expression,
                                       struct field_source *source)
{
    const struct step *step = expression->steps;
    if (expression->count == 1 && step->operation == STEP_FIELD)
        return field_is_there(step->field, source);
    return expression_quick(expression, source).kind != VALUE_MISSING;
}

/* expression_as_number: make a condition give 0 or 1. */
int expression_as_number(struct expression *expression, struct error *err);

/* expression_append: one more step. */
int expression_append(struct expression *expression, const struct step *step, struct error *err);

#endif
