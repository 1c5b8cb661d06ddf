#include "stages/answers_format.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"

#define LENGTHS_BYTES (FIELD_COUNT * sizeof(uint32_t))
#define FIRST_ROWS 256u
#define FIRST_SLOTS 64u

enum settled answers_settle(enum answer_kind kind, enum outcome old_outcome)
{
    if (kind == ANSWER_FOUND)
        return SETTLED_FOUND;
    if (kind == ANSWER_EMPTY)
        return old_outcome == OUTCOME_FOUND ? SETTLED_UNSURE : SETTLED_NONE;
    return SETTLED_FAILED;
}

void answer_counts_add(struct answer_counts *counts, const struct settled_answer *answer)
{
    counts->settled[answer->settled]++;
    if (answer->settled == SETTLED_FAILED)
        counts->causes[answer->cause]++;
    if (answer->measure.attempts > 1)
        counts->retried += answer->measure.attempts - 1u;
}

int answer_batch_create(struct answer_batch **out, uint32_t share, struct error *err)
{
    struct answer_batch *batch = calloc(1, sizeof *batch);
    uint32_t *slots = calloc(FIRST_SLOTS, sizeof *slots);
    if (batch == NULL || slots == NULL) {
        free(batch);
        free(slots);
        return error_memory(err, "a batch of answers");
    }
    batch->share = share;
    batch->ascending = true;
    batch->slots = slots;
    batch->slots_count = FIRST_SLOTS;
    batch->last = batch->last_source = batch->source = NO_TEXT;
    *out = batch;
    return 0;
}

void answer_batch_free(struct answer_batch *batch)
{
    if (batch == NULL)
        return;
    free(batch->row);
    free(batch->text);
    free(batch->slots);
    free(batch->ranges);
    buffer_free(&batch->keys);
    buffer_free(&batch->record);
    free(batch);
}

struct slice batch_text_field(const struct answer_batch *batch, uint32_t text, unsigned field)
{
    const unsigned char *key = batch->keys.data + batch->text[text].offset;
    size_t offset = LENGTHS_BYTES;
    for (unsigned i = 0; i < field; i++)
        offset += bytes_get32(key + i * sizeof(uint32_t));
    return (struct slice){(const char *)key + offset, bytes_get32(key + field * sizeof(uint32_t))};
}

static int grow_slots(struct answer_batch *batch, struct error *err)
{
    uint32_t count = batch->slots_count * 2;
    uint32_t *slots = calloc(count, sizeof *slots);
    if (slots == NULL)
        return error_memory(err, "a batch of answers");
    for (uint32_t i = 0; i < batch->texts; i++) {
        uint32_t slot = (uint32_t)batch->text[i].hash & (count - 1);
        while (slots[slot] != 0)
            slot = (slot + 1) & (count - 1);
        slots[slot] = i + 1;
    }
    free(batch->slots);
    batch->slots = slots;
    batch->slots_count = count;
    return 0;
}

static bool same_key(const struct answer_batch *batch, const struct batch_text *text,
                     const unsigned char *key, size_t bytes)
{
    return text->bytes == bytes && memcmp(batch->keys.data + text->offset, key, bytes) == 0;
}

/* Neighbours mostly have one address: worth a look before a key is made. */
static bool same_as(const struct answer_batch *batch, uint32_t text,
                    const struct slice field[FIELD_COUNT])
{
    if (text == NO_TEXT)
        return false;
    const unsigned char *key = batch->keys.data + batch->text[text].offset;
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        if (field[i].length != bytes_get32(key + i * sizeof(uint32_t)))
            return false;
    key += LENGTHS_BYTES;
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (field[i].length > 0 && memcmp(field[i].data, key, field[i].length) != 0)
            return false;
        key += field[i].length;
    }
    return true;
}

/* The key is at the end of batch->keys already: it stays there when it is new. */
static int find_or_add(struct answer_batch *batch, size_t bytes, uint32_t *out, struct error *err)
{
    const unsigned char *key = batch->keys.data + batch->keys.used;
    uint64_t hash = XXH3_64bits(key, bytes);
    uint32_t mask = batch->slots_count - 1;
    uint32_t slot = (uint32_t)hash & mask;
    for (; batch->slots[slot] != 0; slot = (slot + 1) & mask) {
        uint32_t index = batch->slots[slot] - 1;
        if (batch->text[index].hash == hash && same_key(batch, &batch->text[index], key, bytes)) {
            *out = index;
            return 0;
        }
    }
    if (batch->texts == batch->texts_room) {
        uint32_t room = batch->texts_room == 0 ? FIRST_SLOTS / 2 : batch->texts_room * 2;
        struct batch_text *larger = realloc(batch->text, room * sizeof *larger);
        if (larger == NULL)
            return error_memory(err, "a batch of answers");
        batch->text = larger;
        batch->texts_room = room;
    }
    if ((batch->texts + 1) * 2 > batch->slots_count) {
        if (grow_slots(batch, err) != 0)
            return -1;
        mask = batch->slots_count - 1;
        slot = (uint32_t)hash & mask;
        while (batch->slots[slot] != 0)
            slot = (slot + 1) & mask;
    }
    batch->text[batch->texts] =
        (struct batch_text){batch->keys.used, (uint32_t)bytes, NO_TEXT, hash};
    batch->keys.used += bytes;
    batch->slots[slot] = ++batch->texts;
    *out = batch->texts - 1;
    return 0;
}

/* *last is the text that was found last, and becomes that of field. */
static int add_text(struct answer_batch *batch, const struct slice field[FIELD_COUNT],
                    uint32_t *last, struct error *err)
{
    if (same_as(batch, *last, field))
        return 0;
    size_t bytes = LENGTHS_BYTES;
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (field[i].length > FIELD_BYTES_LIMIT)
            return error_set(err, ERROR_VALUE, "an answer's %s is longer than %zu bytes",
                             address_field_names[i], FIELD_BYTES_LIMIT);
        bytes += field[i].length;
    }
    if (buffer_reserve(&batch->keys, bytes, err) != 0)
        return -1;
    unsigned char *key = batch->keys.data + batch->keys.used;
    unsigned char *at = key + LENGTHS_BYTES;
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        bytes_put32(key + i * sizeof(uint32_t), field[i].length);
        if (field[i].length > 0)
            memcpy(at, field[i].data, field[i].length);
        at += field[i].length;
    }
    return find_or_add(batch, bytes, last, err);
}

static int answer_text(struct answer_batch *batch, const struct settled_answer *answer,
                       uint32_t *out, struct error *err)
{
    const struct slice *field = answer->address.field;
    struct slice detail[FIELD_COUNT] = {answer->detail};
    *out = NO_TEXT;
    if (answer->settled == SETTLED_FAILED && answer->detail.length > 0)
        field = detail;
    else if (answer->settled != SETTLED_FOUND)
        return 0;
    if (add_text(batch, field, &batch->last, err) != 0)
        return -1;
    *out = batch->last;
    return 0;
}

static int add_source(struct answer_batch *batch, const struct answer_source *source, uint32_t *out,
                      struct error *err)
{
    unsigned char stamp[SOURCE_STAMP_BYTES] = {(unsigned char)source->bottleneck};
    bytes_put64(stamp + 1, source->sealed_at);
    struct slice field[FIELD_COUNT] = {
        source->provider, source->peer, {(const char *)stamp, sizeof stamp}};
    if (add_text(batch, field, &batch->last_source, err) != 0)
        return -1;
    *out = batch->last_source;
    return 0;
}

static int reserve_row(struct answer_batch *batch, struct error *err)
{
    if (batch->rows < batch->rows_room)
        return 0;
    uint32_t room = batch->rows_room == 0 ? FIRST_ROWS : batch->rows_room * 2;
    struct batch_row *larger = realloc(batch->row, room * sizeof *larger);
    if (larger == NULL)
        return error_memory(err, "a batch of answers");
    batch->row = larger;
    batch->rows_room = room;
    return 0;
}

int answer_batch_add(struct answer_batch *batch, const struct settled_answer *answer,
                     struct error *err)
{
    if (batch->sealed)
        return error_set(err, ERROR_STATE, "a sealed batch takes no more answers");
    uint32_t text;
    uint32_t source = NO_TEXT;
    if (reserve_row(batch, err) != 0 || answer_text(batch, answer, &text, err) != 0 ||
        (answer->source != NULL && add_source(batch, answer->source, &source, err) != 0))
        return -1;
    bool failed = answer->settled == SETTLED_FAILED;
    if (batch->rows > 0 && batch->row[batch->rows - 1].ordinal >= answer->ordinal)
        batch->ascending = false;
    batch->row[batch->rows++] = (struct batch_row){
        .code = answer->code,
        .ordinal = answer->ordinal,
        .answered_at = answer->answered_at,
        .text = text,
        .source = source,
        .measure = answer->measure,
        .settled = (uint8_t)answer->settled,
        .cause = failed ? (uint8_t)answer->cause : CAUSE_NONE,
    };
    if (answer->settled != SETTLED_FOUND)
        batch->row[batch->rows - 1].measure.distance_cm = MEASURE_UNKNOWN;
    answer_counts_add(&batch->counts, answer);
    return 0;
}

int answer_batch_set_source(struct answer_batch *batch, const struct answer_source *source,
                            struct error *err)
{
    if (batch->sealed)
        return error_set(err, ERROR_STATE, "a sealed batch has its source");
    return add_source(batch, source, &batch->source, err);
}

uint32_t answer_batch_rows(const struct answer_batch *batch)
{
    return batch->rows;
}

uint32_t answer_batch_share(const struct answer_batch *batch)
{
    return batch->share;
}

const struct answer_counts *answer_batch_counts(const struct answer_batch *batch)
{
    return &batch->counts;
}

struct slice answer_batch_bytes(const struct answer_batch *batch)
{
    return (struct slice){(const char *)batch->record.data, (uint32_t)batch->record.used};
}

const struct ordinal_range *answer_batch_ranges(const struct answer_batch *batch, size_t *count)
{
    *count = batch->ranges_count;
    return batch->ranges;
}
