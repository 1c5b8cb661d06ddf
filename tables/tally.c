#include "tables/tally_inside.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "tables/expression_steps.h"

/* Priorities go with no other hash of a place. */
#define SAMPLE_SEED 0x7265667265736864ULL

int tally_create(struct tally **out, const struct tables *tables, struct error *err)
{
    struct tally *tally = calloc(1, sizeof *tally + tables->count * sizeof tally->count[0]);
    if (tally == NULL)
        return error_memory(err, "a report");
    tally->tables = tables;
    for (size_t i = 0; i < tables->count; i++) {
        const struct table *table = &tables->table[i];
        tally->count[i].table = table;
        again_begin(&tally->count[i].again, table);
        if (cells_create(&tally->count[i].cells, table->kind, &table->shape, table->indexes, err) !=
            0) {
            tally_free(tally);
            return -1;
        }
    }
    *out = tally;
    return 0;
}

void tally_free(struct tally *tally)
{
    if (tally == NULL)
        return;
    for (size_t i = 0; i < tally->tables->count; i++)
        cells_free(tally->count[i].cells);
    field_source_free(&tally->source);
    free(tally);
}

static uint64_t priority_of(struct field_source *source)
{
    if (!source->priority_ready) {
        uint64_t place[2] = {source->observed->tile, source->observed->code};
        source->priority = XXH3_64bits_withSeed(place, sizeof place, SAMPLE_SEED);
        source->priority_ready = true;
    }
    return source->priority;
}

static bool gather_index(const struct table *table, struct field_source *source,
                         struct value *index)
{
    for (unsigned i = 0; i < table->indexes; i++) {
        index[i] = table->index[i]->get(source, table->index[i]);
        if (index[i].kind == VALUE_MISSING)
            return false;
    }
    return true;
}

/* Whether no value is missing, without working them out. */
static bool all_there(const struct table *table, struct field_source *source)
{
    for (unsigned i = 0; i < table->shape.values; i++)
        if (!expression_is_there(table->values[i], source))
            return false;
    return true;
}

static bool gather_values(const struct table *table, struct field_source *source,
                          struct value *values)
{
    for (unsigned i = 0; i < table->shape.values; i++) {
        values[i] = expression_quick(table->values[i], source);
        if (values[i].kind == VALUE_MISSING)
            return false;
    }
    return true;
}

static bool gather_weight(const struct table *table, struct field_source *source,
                          struct emission *emission)
{
    const struct value *first = emission->values;
    emission->weight = emission->count > 0 && first->kind == VALUE_NUMBER ? first->number : 1;
    if (table->weight != NULL) {
        struct value weight = expression_quick(table->weight, source);
        if (weight.kind == VALUE_MISSING)
            return false;
        emission->weight = weight.number;
    }
    const struct kind *kind = table->kind;
    if (kind->limit == 0)
        return true;
    if (kind->numbers)
        return fabs(first->number) < kind->limit;
    return table->weight == NULL || (emission->weight >= 0 && emission->weight < kind->limit);
}

/* *outcome: what became of it. */
static int emit(struct count *count, struct field_source *source, enum again_outcome *outcome,
                struct error *err)
{
    const struct table *table = count->table;
    const struct observed *observed = source->observed;
    struct value index[TABLE_EXPRESSIONS], values[TABLE_EXPRESSIONS];
    struct emission emission;
    *outcome = AGAIN_EMITTED;
    if (!gather_index(table, source, index))
        goto missing;
    emission.tile = observed->tile;
    emission.code = observed->code;
    emission.priority = 0;
    if (table->kind->samples) {
        emission.priority = priority_of(source);
        if (!all_there(table, source))
            goto missing;
        if (cells_pass(count->cells, index, emission.priority))
            return 0;
    }
    emission.values = values;
    emission.count = table->shape.values;
    if (!gather_values(table, source, values) || !gather_weight(table, source, &emission))
        goto missing;
    count->again.number = emission.count > 0 ? values[0].number : 0;
    count->again.weight = emission.weight;
    return cells_emit(count->cells, index, &emission, err);
missing:
    *outcome = AGAIN_SKIPPED;
    count->skipped++;
    return 0;
}

static int work_out(struct count *count, struct field_source *source, struct error *err)
{
    const struct expression *condition = count->table->condition;
    enum again_outcome outcome = AGAIN_PASSED;
    int result = 0;
    struct value holds =
        condition != NULL ? expression_quick(condition, source) : value_truth(true);
    if (holds.kind == VALUE_MISSING) {
        count->skipped++;
        outcome = AGAIN_SKIPPED;
    } else if (holds.number != 0) {
        result = emit(count, source, &outcome, err);
    }
    if (count->again.decides)
        again_remember(&count->again, source, outcome);
    return result;
}

static inline int take(struct count *count, struct field_source *source, struct error *err)
{
    const struct again *again = &count->again;
    if (again_same(again, source->observed)) {
        if (again->outcome == AGAIN_PASSED)
            return 0;
        if (again->outcome == AGAIN_SKIPPED) {
            count->skipped++;
            return 0;
        }
        if (cells_again(count->cells, again->number, again->weight))
            return 0;
    }
    return work_out(count, source, err);
}

int tally_take(struct tally *tally, const struct observed *observed, struct error *err)
{
    struct field_source *source = &tally->source;
    source->err = err;
    field_source_set(source, observed);
    const unsigned char *truths = (const unsigned char *)observed + TALLY_TRUTHS;
    bool same = memcmp(truths, tally->truths, sizeof tally->truths) == 0;
    memcpy(tally->truths, truths, sizeof tally->truths);
    for (size_t i = 0; i < tally->tables->count; i++) {
        if (same && again_passed(&tally->count[i].again))
            continue;
        if (take(&tally->count[i], source, err) != 0)
            return -1;
    }
    return source->failed ? -1 : 0;
}

int tally_merge(struct tally *into, const struct tally *from, struct error *err)
{
    for (size_t i = 0; i < into->tables->count; i++) {
        into->count[i].skipped += from->count[i].skipped;
        if (cells_merge(into->count[i].cells, from->count[i].cells, err) != 0)
            return -1;
    }
    return 0;
}

size_t tally_charge(const struct tally *tally)
{
    size_t charge = 0;
    for (size_t i = 0; i < tally->tables->count; i++)
        charge += cells_charge(tally->count[i].cells);
    return charge;
}
