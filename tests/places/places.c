#include "tests/places/places.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "geocoder/gazetteer.h"
#include "quadtree/morton.h"

#define STREET_CELL 40000 /* 1e-7 degree: about 450 m of street */
#define TEXT_ROOM 1024

struct places {
    struct pair *pair;
    const struct quadtree *tree;
    double *weight; /* running sum over the places */
};

uint64_t places_mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15ULL;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
    return value ^ value >> 31;
}

static double unit(uint64_t value)
{
    return (double)(places_mix(value) >> 11) * 0x1p-53;
}

int places_open(struct places **out, struct error *err)
{
    struct places *places = calloc(1, sizeof *places);
    if (places == NULL)
        return error_memory(err, "places");
    if (gazetteer_pair_open(&places->pair, err) != 0 ||
        pair_quadtree(places->pair, &places->tree, err) != 0)
        goto fail;
    places->weight = calloc(places->tree->count, sizeof *places->weight);
    if (places->weight == NULL) {
        error_memory(err, "places");
        goto fail;
    }
    double sum = 0;
    for (size_t i = 0; i < places->tree->count; i++) {
        sum += 1.0 / (unit(morton_encode(places->tree->points[i])) + 0.002);
        places->weight[i] = sum;
    }
    *out = places;
    return 0;
fail:
    places_close(places);
    return -1;
}

void places_close(struct places *places)
{
    if (places == NULL)
        return;
    pair_close(places->pair);
    free(places->weight);
    free(places);
}

uint64_t places_count(const struct places *places)
{
    return places->tree->count;
}

int places_entry(const struct places *places, uint64_t number, struct entry *out, struct error *err)
{
    return pair_entry(places->pair, number, out, err);
}

static size_t weighted_place(const struct places *places, double wanted)
{
    size_t low = 0;
    size_t high = places->tree->count - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (places->weight[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct point places_point(const struct places *places, uint64_t number)
{
    uint64_t seed = number * 4;
    double total = places->weight[places->tree->count - 1];
    size_t place = weighted_place(places, unit(seed) * total);
    struct point centre = places->tree->points[place];
    double away = 200000 * sqrt(-2 * log(1 - unit(seed + 1))) / (1 + 9 * unit(seed + 3));
    double angle = 2 * 3.14159265358979323846 * unit(seed + 2);
    double lat = fmax(-LATITUDE_LIMIT, fmin(LATITUDE_LIMIT, centre.lat + away * sin(angle)));
    double lon =
        fmax(-LONGITUDE_LIMIT, fmin(LONGITUDE_LIMIT - 1.0, centre.lon + away * cos(angle)));
    return (struct point){(int32_t)lat, (int32_t)lon};
}

static struct slice add_text(struct buffer *text, const char *bytes, int length)
{
    struct slice slice = {(const char *)text->data + text->used, (uint32_t)length};
    (void)buffer_append(text, bytes, (size_t)length, NULL);
    return slice;
}

static struct slice street_name(struct buffer *text, uint64_t hash)
{
    static const char *const first[] = {"Station", "Church", "Mill",   "Park",   "High",
                                        "King",    "Queen",  "Oak",    "Garden", "River",
                                        "North",   "South",  "Market", "School", "Bridge",
                                        "Hill",    "Lake",   "Forest", "Castle", "Harbour"};
    static const char *const second[] = {"",     "field", "wood", "gate",
                                         "view", "ham",   "side", "ford"};
    static const char *const kind[] = {"Street", "Road", "Lane", "Avenue", "Way", "Close"};
    char name[64];
    int length = snprintf(name, sizeof name, "%s%s %s", first[hash % 20], second[hash / 20 % 8],
                          kind[hash / 160 % 6]);
    return add_text(text, name, length);
}

static void put_label(struct address *address, struct buffer *text)
{
    static const enum address_field order[] = {FIELD_CITY, FIELD_STATE, FIELD_COUNTRY};
    size_t start = text->used;
    struct slice *field = address->field;
    (void)buffer_append(text, field[FIELD_HOUSENUMBER].data, field[FIELD_HOUSENUMBER].length, NULL);
    (void)buffer_append(text, " ", 1, NULL);
    (void)buffer_append(text, field[FIELD_STREET].data, field[FIELD_STREET].length, NULL);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (field[order[i]].length == 0)
            continue;
        (void)buffer_append(text, ", ", 2, NULL);
        (void)buffer_append(text, field[order[i]].data, field[order[i]].length, NULL);
    }
    field[FIELD_LABEL] =
        (struct slice){(const char *)text->data + start, (uint32_t)(text->used - start)};
}

int places_address(const struct places *places, struct point point, double moved,
                   struct buffer *text, struct address *out, struct error *err)
{
    struct point from = point;
    double shifted = point.lat + moved / EARTH_RADIUS_METRES * 180 / 3.14159265358979 * 1e7;
    from.lat = (int32_t)fmin(LATITUDE_LIMIT, shifted);
    struct nearest nearest;
    struct entry place;
    if (!quadtree_nearest(places->tree, from, INFINITY, &nearest))
        return error_set(err, ERROR_MISSING, "there are no places");
    if (pair_entry(places->pair, nearest.row, &place, err) != 0)
        return -1;
    buffer_clear(text);
    if (buffer_reserve(text, TEXT_ROOM * 2, err) != 0)
        return -1;
    *out = place.address;
    uint64_t street = places_mix(((uint64_t)(uint32_t)(point.lat / STREET_CELL) << 32) ^
                                 (uint64_t)(uint32_t)(point.lon / STREET_CELL) ^ nearest.row << 20);
    char number[16];
    int length = snprintf(number, sizeof number, "%u",
                          1 + (unsigned)((uint32_t)(point.lat % STREET_CELL + STREET_CELL) / 250));
    out->field[FIELD_NAME].length = 0;
    out->field[FIELD_COUNTY].length = 0;
    out->field[FIELD_STREET] = street_name(text, street);
    out->field[FIELD_HOUSENUMBER] = add_text(text, number, length);
    put_label(out, text);
    return address_fold(out, text, err);
}
