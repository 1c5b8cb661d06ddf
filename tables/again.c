#include "tables/again.h"

#include "tables/expression_steps.h"

/* Where the field's value lies; false when it is not just lying there. */
static bool place_of(const struct field *field, struct again_input *input)
{
    static const enum again_read reads[] = {
        [FIELD_RAW_TRUTH] = AGAIN_TRUTH,
        [FIELD_RAW_FIGURE] = AGAIN_FIGURE,
        [FIELD_RAW_WORD] = AGAIN_WORD,
        [FIELD_RAW_ADDRESS] = AGAIN_ADDRESS,
        [FIELD_RAW_OLD_ADDRESS] = AGAIN_OLD_ADDRESS,
    };
    enum field_raw raw = field_raw(field, &input->offset);
    if (raw == FIELD_RAW_NONE)
        return false;
    input->read = reads[raw];
    input->field = field;
    return true;
}

static bool add_field(struct again *again, const struct field *field)
{
    for (unsigned i = 0; i < again->count; i++)
        if (again->input[i].field == field)
            return true;
    return again->count < AGAIN_INPUTS && place_of(field, &again->input[again->count++]);
}

static bool add_fields(struct again *again, const struct expression *expression)
{
    for (size_t i = 0; expression != NULL && i < expression->count; i++)
        if (expression->steps[i].operation == STEP_FIELD &&
            !add_field(again, expression->steps[i].field))
            return false;
    return true;
}

void again_begin(struct again *again, const struct table *table)
{
    *again = (struct again){.decides = true};
    again->decides = add_fields(again, table->condition);
    again->deciding = again->count;
    again->by_truths = true;
    for (unsigned i = 0; i < again->deciding; i++)
        again->by_truths = again->by_truths && again->input[i].read == AGAIN_TRUTH;
    again->usable = again->decides && table->kind->again != NULL;
    again->usable = again->usable && add_fields(again, table->weight);
    for (unsigned i = 0; i < table->indexes; i++)
        again->usable = again->usable && add_field(again, table->index[i]);
    for (unsigned i = 0; i < table->shape.values; i++)
        again->usable = again->usable && add_fields(again, table->values[i]);
}

static bool remember_text(struct again_input *input, const struct slice *text)
{
    if (text->length > AGAIN_TEXT_BYTES)
        return false;
    input->length = text->length;
    if (text->length > 0)
        memcpy(input->text, text->data, text->length);
    return true;
}

/* Figures between two that give the same value give it too: what fields make of them only grows. */
static void remember_figure(struct again_input *input, struct field_source *source, double figure,
                            bool known)
{
    struct value value = input->field->get(source, input->field);
    bool missing = value.kind == VALUE_MISSING;
    if (missing || !known || isnan(input->least) || value.number != input->value) {
        input->least = input->greatest = missing ? NAN : figure;
        input->value = missing ? NAN : value.number;
        return;
    }
    input->least = figure < input->least ? figure : input->least;
    input->greatest = figure > input->greatest ? figure : input->greatest;
}

static bool remember(struct again_input *input, struct field_source *source, bool known)
{
    const struct observed *observed = source->observed;
    const char *at = (const char *)observed + input->offset;
    double figure;
    switch (input->read) {
    case AGAIN_TRUTH:
        input->truth = *(const bool *)at;
        return observed->judged;
    case AGAIN_FIGURE:
        memcpy(&figure, at, sizeof figure);
        remember_figure(input, source, figure, known);
        return isfinite(figure) || isnan(figure);
    case AGAIN_WORD:
        return remember_text(input, (const struct slice *)(const void *)at);
    case AGAIN_ADDRESS:
        return remember_text(input, &observed->entry->address.field[input->offset]);
    default:
        return observed->old != NULL &&
               remember_text(input, &observed->old->address.field[input->offset]);
    }
}

void again_remember(struct again *again, struct field_source *source, enum again_outcome outcome)
{
    bool known = again->known;
    unsigned count = outcome == AGAIN_PASSED ? again->deciding : again->count;
    again->known = again->usable || (again->decides && outcome == AGAIN_PASSED);
    again->outcome = outcome;
    for (unsigned i = 0; i < count && again->known; i++)
        if (!remember(&again->input[i], source, known))
            again->known = false;
}
