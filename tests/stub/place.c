#include "tests/stub/place.h"

#include "tests/stub/format.h"

/* The finalizer of MurmurHash3. */
uint64_t mix_bits(uint64_t value)
{
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdULL;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53ULL;
    return value ^ value >> 33;
}

uint64_t place_hash(struct point point)
{
    return mix_bits((uint64_t)(uint32_t)point.lat << 32 | (uint32_t)point.lon);
}

int place_chosen(struct point point, unsigned k, unsigned salt)
{
    return k != 0 && mix_bits(place_hash(point) + salt) % k == 0;
}

#define FILL(text, ...) format_text(text, sizeof(text), __VA_ARGS__)

void place_fill(struct place *place, struct point point, unsigned version)
{
    uint64_t hash = place_hash(point);
    bool west = point.lon < 0;
    place->point = point;
    place->country = west ? "Canada" : "France";
    place->code2 = west ? "ca" : "fr";
    place->code3 = west ? "CAN" : "FRA";
    FILL(place->housenumber, "%u", (unsigned)(hash % 300) + 1);
    FILL(place->street, "Rue %u v%u", (unsigned)(hash >> 10 & 511), version);
    FILL(place->postcode, "%05u", (unsigned)(hash >> 20 & 0xffff));
    FILL(place->city, "Città %u", (unsigned)(hash >> 40 & 255));
    FILL(place->district, "District %u", (unsigned)(hash >> 40 & 63));
    FILL(place->county, "County %u", (unsigned)(hash >> 44 & 15));
    FILL(place->state, "State %u", (unsigned)(hash >> 46 & 3));
    FILL(place->label, "%s %s, %s %s, %s", place->housenumber, place->street, place->postcode,
         place->city, place->country);
}
