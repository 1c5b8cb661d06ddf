/* make_places places          the gazetteer's places as CSV
 * make_places points COUNT    COUNT made-up points as CSV
 * make_places stale COUNT     the same with addresses gone stale: some in the wrong town, all old
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "tests/places/places.h"

#define YEAR (365u * 86400)
#define WRONG_TOWN_METRES 25000

static void print_field(struct slice slice)
{
    (void)fputc('"', stdout);
    for (uint32_t i = 0; i < slice.length; i++) {
        if (slice.data[i] == '"')
            (void)fputc('"', stdout);
        (void)fputc(slice.data[i], stdout);
    }
    (void)fputc('"', stdout);
}

static int print_entry(const struct entry *entry, struct buffer *label, struct error *err)
{
    char lat[16];
    char lon[16];
    (void)text_format_degrees(entry->point.lat, lat);
    (void)text_format_degrees(entry->point.lon, lon);
    printf("%s,%s,", lat, lon);
    buffer_clear(label);
    if (address_unfold(&entry->address, label, err) != 0)
        return -1;
    print_field((struct slice){(const char *)label->data, (uint32_t)label->used});
    for (int f = FIELD_HOUSENUMBER; f < FIELD_COUNT; f++) {
        (void)fputc(',', stdout);
        if (entry->address.field[f].length > 0)
            print_field(entry->address.field[f]);
    }
    printf(",%u\n", entry->refreshed_at);
    return 0;
}

static int print_points(const struct places *places, uint64_t count, bool stale, struct error *err)
{
    struct buffer text = {0};
    struct buffer label = {0};
    int result = 0;
    uint32_t now = clock_unix();
    for (uint64_t i = 0; i < count && result == 0; i++) {
        struct entry entry = {.point = places_point(places, i)};
        uint64_t luck = places_mix(i ^ 0x5eed);
        entry.refreshed_at = now - YEAR - (uint32_t)(luck >> 8) % (3 * YEAR);
        double moved = stale && luck % 3 == 0 ? WRONG_TOWN_METRES : 0;
        result = places_address(places, entry.point, moved, &text, &entry.address, err);
        if (result == 0)
            result = print_entry(&entry, &label, err);
    }
    buffer_free(&text);
    buffer_free(&label);
    return result;
}

static int print_places(const struct places *places, struct error *err)
{
    struct buffer label = {0};
    struct entry entry;
    int result = 0;
    for (uint64_t i = 0; i < places_count(places) && result == 0; i++) {
        result = places_entry(places, i, &entry, err);
        if (result == 0)
            result = print_entry(&entry, &label, err);
    }
    buffer_free(&label);
    return result;
}

int main(int argc, char **argv)
{
    struct places *places;
    struct error err;
    const char *what = argc > 1 ? argv[1] : "";
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    if (places_open(&places, &err) != 0)
        goto fail;
    printf("lat,lon,label,housenumber,street,district,city,county,state,postcode,country,"
           "countrycode,refreshed_at\n");
    int result = strcmp(what, "places") == 0
                     ? print_places(places, &err)
                     : print_points(places, count, strcmp(what, "stale") == 0, &err);
    places_close(places);
    if (result == 0 && fflush(stdout) == 0)
        return 0;
fail:
    (void)fprintf(stderr, "make_places: %s\n", err.message);
    return 1;
}
