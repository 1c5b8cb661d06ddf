#include "geocache/answers.h"

#include <stdlib.h>
#include <string.h>

#define OWN_LINES 128 /* bytes: what one thread writes shares no cache line with another's */
#define FIRST_TEXT 4096

#define SAME(public, own) _Static_assert((int)(public) == (int)(own), "the same number")
SAME(GEOCACHE_LABEL, FIELD_LABEL);
SAME(GEOCACHE_NAME, FIELD_NAME);
SAME(GEOCACHE_HOUSENUMBER, FIELD_HOUSENUMBER);
SAME(GEOCACHE_STREET, FIELD_STREET);
SAME(GEOCACHE_DISTRICT, FIELD_DISTRICT);
SAME(GEOCACHE_CITY, FIELD_CITY);
SAME(GEOCACHE_COUNTY, FIELD_COUNTY);
SAME(GEOCACHE_STATE, FIELD_STATE);
SAME(GEOCACHE_POSTCODE, FIELD_POSTCODE);
SAME(GEOCACHE_COUNTRY, FIELD_COUNTRY);
SAME(GEOCACHE_COUNTRYCODE, FIELD_COUNTRYCODE);
SAME(GEOCACHE_OUTCOME_FOUND, OUTCOME_FOUND);
SAME(GEOCACHE_OUTCOME_NONE, OUTCOME_NONE);
SAME(GEOCACHE_OUTCOME_UNSURE, OUTCOME_UNSURE);

static const struct geocache_text no_fields[FIELD_COUNT] = {
    {"", 0}, {"", 0}, {"", 0}, {"", 0}, {"", 0}, {"", 0},
    {"", 0}, {"", 0}, {"", 0}, {"", 0}, {"", 0},
};

static void *allocate_lines(size_t count, size_t bytes)
{
    if (count > (SIZE_MAX - OWN_LINES) / bytes)
        return NULL;
    return aligned_alloc(OWN_LINES, (count * bytes + OWN_LINES - 1) / OWN_LINES * OWN_LINES);
}

int answers_room(struct answers *answers, size_t count, struct error *err)
{
    buffer_clear(&answers->text);
    if (count <= answers->room)
        return 0;
    if (answers->text.room == 0 && buffer_reserve(&answers->text, FIRST_TEXT, err) != 0)
        return -1;
    struct geocache_result *results = allocate_lines(count, sizeof *results);
    struct geocache_text *fields = allocate_lines(count, FIELD_COUNT * sizeof *fields);
    if (results == NULL || fields == NULL) {
        free(results);
        free(fields);
        return error_memory(err, "the answers of a batch");
    }
    free(answers->results);
    free(answers->fields);
    answers->results = results;
    answers->fields = fields;
    answers->room = count;
    return 0;
}

void answers_free(struct answers *answers)
{
    free(answers->results);
    free(answers->fields);
    buffer_free(&answers->text);
}

void answers_set_miss(struct answers *answers, size_t i, enum geocache_status status,
                      uint64_t generation)
{
    answers->results[i] = (struct geocache_result){.status = status,
                                                   .generation = generation,
                                                   .field_count = FIELD_COUNT,
                                                   .fields = no_fields};
}

/* The label as people read it, then the other fields. */
static int copy_fields(const struct address *address, struct geocache_text *fields,
                       struct buffer *text, struct error *err)
{
    size_t before = text->used, bytes = FIELD_COUNT;
    if (address_unfold(address, text, err) != 0)
        return -1;
    fields[FIELD_LABEL].length = text->used - before;
    for (unsigned f = FIELD_LABEL + 1; f < FIELD_COUNT; f++)
        bytes += address->field[f].length;
    if (buffer_reserve(text, bytes, err) != 0)
        return -1;
    unsigned char *at = text->data + text->used;
    *at++ = '\0';
    for (unsigned f = FIELD_LABEL + 1; f < FIELD_COUNT; f++) {
        struct slice field = address->field[f];
        fields[f].length = field.length;
        if (field.length > 0)
            memcpy(at, field.data, field.length);
        at += field.length;
        *at++ = '\0';
    }
    text->used += bytes;
    return 0;
}

int answers_set(struct answers *answers, size_t i, const struct cache *cache,
                const struct cache_hit *hit, struct error *err)
{
    struct entry entry;
    struct geocache_text *fields = &answers->fields[i * FIELD_COUNT];
    uint64_t generation = cache_manifest(cache)->generation;
    if (cache_entry(cache, hit, &entry, err) != 0)
        return -1;
    enum geocache_status status = GEOCACHE_HIT;
    if (address_is_empty(&entry.address))
        status = entry.outcome == OUTCOME_NONE ? GEOCACHE_NO_ADDRESS : GEOCACHE_MISS;
    if (status == GEOCACHE_MISS) {
        answers_set_miss(answers, i, status, generation);
        return 0;
    }
    if (status == GEOCACHE_HIT && copy_fields(&entry.address, fields, &answers->text, err) != 0)
        return -1;
    answers->results[i] = (struct geocache_result){
        .status = status,
        .outcome = (int)entry.outcome,
        .generation = generation,
        .lat = (double)entry.point.lat / POINT_UNITS_PER_DEGREE,
        .lon = (double)entry.point.lon / POINT_UNITS_PER_DEGREE,
        .lat_e7 = entry.point.lat,
        .lon_e7 = entry.point.lon,
        .distance = hit->distance,
        .refreshed_at = entry.refreshed_at,
        .field_count = FIELD_COUNT,
        .fields = status == GEOCACHE_HIT ? fields : no_fields,
    };
    return 0;
}

void answers_finish(struct answers *answers, size_t count)
{
    const char *at = (const char *)answers->text.data;
    for (size_t i = 0; i < count; i++) {
        if (answers->results[i].status != GEOCACHE_HIT)
            continue;
        struct geocache_text *fields = &answers->fields[i * FIELD_COUNT];
        for (unsigned f = 0; f < FIELD_COUNT; f++) {
            fields[f].data = at;
            at += fields[f].length + 1;
        }
    }
}

const char *geocache_text(const struct geocache_result *result, int field)
{
    return field >= 0 && (size_t)field < result->field_count ? result->fields[field].data : "";
}

const char *geocache_field_name(int field)
{
    return field >= 0 && field < FIELD_COUNT ? address_field_names[field] : NULL;
}
