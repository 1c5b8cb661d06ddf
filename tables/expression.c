#include "tables/expression.h"

#include <stdlib.h>
#include <string.h>

#include "tables/expression_steps.h"

/* --- making --------------------------------------------------------------------------- */

int expression_append(struct expression *expression, const struct step *step, struct error *err)
{
    if (expression->count == expression->room) {
        size_t room = expression->room > 0 ? 2 * expression->room : 4;
        struct step *steps = realloc(expression->steps, room * sizeof *steps);
        if (steps == NULL)
            return error_memory(err, "a table");
        expression->steps = steps;
        expression->room = room;
    }
    expression->steps[expression->count++] = *step;
    return 0;
}

int expression_as_number(struct expression *expression, struct error *err)
{
    struct step step = {.operation = STEP_AS_NUMBER};
    if (expression_append(expression, &step, err) != 0)
        return -1;
    expression->kind = VALUE_NUMBER;
    return 0;
}

enum value_kind expression_kind(const struct expression *expression)
{
    return expression->kind;
}

unsigned expression_reads(const struct expression *expression)
{
    unsigned reads = 0;
    for (size_t i = 0; i < expression->count; i++) {
        if (expression->steps[i].operation == STEP_FIELD)
            reads |= field_reads(expression->steps[i].field);
    }
    return reads;
}

void expression_free(struct expression *expression)
{
    if (expression == NULL)
        return;
    free(expression->steps);
    free(expression->texts);
    free(expression);
}

/* --- evaluating ------------------------------------------------------------------------- */

static struct value alter(enum operation operation, const struct value *value)
{
    bool missing = value->kind == VALUE_MISSING;
    switch (operation) {
    case STEP_IS_MISSING:
        return value_truth(missing);
    case STEP_IS_THERE:
        return value_truth(!missing);
    case STEP_NEGATE:
        return missing ? *value : value_number(-value->number);
    case STEP_NOT:
        return missing ? *value : value_truth(value->number == 0);
    default:
        return missing ? *value : value_number(value->number);
    }
}

static struct value calculate(enum operation operation, double left, double right)
{
    switch (operation) {
    case STEP_ADD:
        return value_number(left + right);
    case STEP_SUBTRACT:
        return value_number(left - right);
    case STEP_MULTIPLY:
        return value_number(left * right);
    default:
        return right == 0 ? value_missing() : value_number(left / right);
    }
}

/* order: -1, 0 or 1; both are of one kind. */
static int order(const struct value *left, const struct value *right)
{
    if (left->kind != VALUE_TEXT)
        return (left->number > right->number) - (left->number < right->number);
    uint32_t a = left->length, b = right->length;
    int result = memcmp(left->data, right->data, a < b ? a : b);
    return result != 0 ? result : (a > b) - (a < b);
}

static struct value compare(enum operation operation, const struct value *left,
                            const struct value *right)
{
    if (operation == STEP_EQUAL && left->kind == VALUE_TEXT)
        return value_truth(slice_equal(value_slice(*left), value_slice(*right)));
    int result = order(left, right);
    switch (operation) {
    case STEP_EQUAL:
        return value_truth(result == 0);
    case STEP_UNEQUAL:
        return value_truth(result != 0);
    case STEP_LESS:
        return value_truth(result < 0);
    case STEP_LESS_OR_EQUAL:
        return value_truth(result <= 0);
    case STEP_MORE:
        return value_truth(result > 0);
    default:
        return value_truth(result >= 0);
    }
}

/* join: and, or: the one value that decides alone does so even beside a missing one. */
static struct value join(const struct value *left, const struct value *right, bool decides)
{
    bool left_known = left->kind != VALUE_MISSING, right_known = right->kind != VALUE_MISSING;
    if ((left_known && (left->number != 0) == decides) ||
        (right_known && (right->number != 0) == decides))
        return value_truth(decides);
    return left_known && right_known ? value_truth(!decides) : value_missing();
}

static struct value combine(enum operation operation, const struct value *left,
                            const struct value *right)
{
    if (operation >= STEP_AND)
        return join(left, right, operation == STEP_OR);
    if (left->kind == VALUE_MISSING || right->kind == VALUE_MISSING)
        return value_missing();
    if (operation >= STEP_EQUAL)
        return compare(operation, left, right);
    return calculate(operation, left->number, right->number);
}

struct value expression_eval(const struct expression *expression, struct field_source *source)
{
    struct value stack[EXPRESSION_STACK];
    struct value *top = stack;
    stack[0] = value_missing();
    const struct step *end = expression->steps + expression->count;
    for (const struct step *step = expression->steps; step < end; step++) {
        if (step->operation == STEP_CONSTANT) {
            *top++ = step->constant;
        } else if (step->operation == STEP_FIELD) {
            *top++ = step->field->get(source, step->field);
        } else if (step->operation < STEP_ADD) {
            top[-1] = alter(step->operation, &top[-1]);
        } else {
            top--;
            top[-1] = combine(step->operation, &top[-1], &top[0]);
        }
    }
    return stack[0];
}
