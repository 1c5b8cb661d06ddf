#include "pair_sample.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quadtree/morton.h"

static const struct grid world = {24, 24};

/* Sebastiano Vigna's splitmix64 (public domain algorithm). */
uint64_t sample_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static uint32_t below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)(sample_random(state) % limit);
}

static const char *const streets[] = {"Hauptstraße", "Rue de l'Église", "Højvej", "大通り",
                                      "Main Street", "Via Roma",        "улица",  "X"};

__attribute__((format(printf, 3, 4))) static struct slice
put_text(struct pair_sample *sample, size_t *used, const char *format, ...)
{
    char *at = sample->text + *used;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(at, 200, format, arguments);
    va_end(arguments);
    *used += (size_t)length;
    return (struct slice){at, (uint32_t)length};
}

static void fill_place(struct pair_sample *sample, size_t *used, struct address *address,
                       unsigned city)
{
    address->field[FIELD_CITY] = put_text(sample, used, "City of %s %u", streets[city % 8], city);
    address->field[FIELD_STATE] = put_text(sample, used, "State %u", city / 5);
    address->field[FIELD_COUNTRY] = put_text(sample, used, "Land");
    address->field[FIELD_COUNTRYCODE] = put_text(sample, used, "de");
    if (city % 3 == 0)
        address->field[FIELD_POSTCODE] = put_text(sample, used, "%05u", city);
    if (city % 4 == 1)
        address->field[FIELD_DISTRICT] = put_text(sample, used, "%s-Nord", streets[city % 8]);
    if (city % 7 == 2)
        address->field[FIELD_COUNTY] =
            put_text(sample, used, "County\n\"%s\", %u", streets[city % 8], city);
}

static void fill_entry(struct pair_sample *sample, size_t *used, struct entry *entry,
                       uint64_t *state, unsigned cities)
{
    static const char template[] = "\xf7 \xf8, \xfa, \xfe";
    unsigned kind = below(state, 50);
    entry->outcome = kind == 0 ? OUTCOME_NONE : kind == 1 ? OUTCOME_UNSURE : OUTCOME_FOUND;
    entry->refreshed_at = kind == 2 ? 0 : 1700000000u + below(state, 100000);
    if (kind == 3)
        entry->refreshed_at = UINT32_MAX;
    if (entry->outcome == OUTCOME_NONE)
        return;
    struct address *address = &entry->address;
    unsigned city = below(state, cities);
    fill_place(sample, used, address, city);
    address->field[FIELD_STREET] =
        put_text(sample, used, "%s %u", streets[below(state, 8)], city * 40 + below(state, 40));
    address->field[FIELD_HOUSENUMBER] = put_text(sample, used, "%u", 1 + below(state, 200));
    address->field[FIELD_LABEL] = (struct slice){template, sizeof template - 1};
    if (kind > 40)
        address->field[FIELD_NAME] =
            put_text(sample, used, "%s #%u", streets[kind % 8], below(state, 1u << 30));
    if (kind == 45)
        address->field[FIELD_LABEL] = (struct slice){NULL, 0};
}

static int compare_entries(const void *a, const void *b)
{
    uint64_t x = morton_encode(((const struct entry *)a)->point);
    uint64_t y = morton_encode(((const struct entry *)b)->point);
    return x < y ? -1 : x > y;
}

void pair_sample_make(struct pair_sample *sample, uint64_t seed, size_t count, unsigned cities)
{
    struct box box = grid_tile_box(world, SAMPLE_TILE);
    uint64_t state = seed;
    size_t used = 0;
    sample->text = malloc(count * 400 + 400);
    sample->entries = calloc(count, sizeof *sample->entries);
    if (sample->text == NULL || sample->entries == NULL)
        abort();
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = &sample->entries[i];
        entry->point.lat =
            box.south + (int32_t)below(&state, (uint32_t)(box.north - box.south) + 1);
        entry->point.lon = box.west + (int32_t)below(&state, (uint32_t)(box.east - box.west) + 1);
        fill_entry(sample, &used, entry, &state, cities);
    }
    qsort(sample->entries, count, sizeof *sample->entries, compare_entries);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !point_equal(sample->entries[kept - 1].point, sample->entries[i].point))
            sample->entries[kept++] = sample->entries[i];
    }
    sample->count = kept;
}

void pair_sample_free(struct pair_sample *sample)
{
    free(sample->entries);
    free(sample->text);
}

int pair_sample_build(const struct pair_sample *sample, const char *prefix, struct pair_info *info,
                      struct error *err)
{
    char index[300], data[300];
    struct pair_builder *builder;
    (void)snprintf(index, sizeof index, "%s.idx", prefix);
    (void)snprintf(data, sizeof data, "%s.dat", prefix);
    if (pair_builder_create(&builder, index, data, world, SAMPLE_TILE, err) != 0)
        return -1;
    for (size_t i = 0; i < sample->count; i++) {
        if (pair_builder_add(builder, &sample->entries[i], err) != 0) {
            pair_builder_abort(builder);
            return -1;
        }
    }
    return pair_builder_commit(builder, info, err);
}

int pair_sample_open(struct pair **pair, const char *prefix, struct error *err)
{
    char index[300], data[300];
    (void)snprintf(index, sizeof index, "%s.idx", prefix);
    (void)snprintf(data, sizeof data, "%s.dat", prefix);
    return pair_open(pair, index, data, err);
}

bool entry_equal(const struct entry *a, const struct entry *b)
{
    return point_equal(a->point, b->point) && a->outcome == b->outcome &&
           a->refreshed_at == b->refreshed_at && address_equal(&a->address, &b->address);
}
