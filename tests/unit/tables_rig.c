#include "tests/unit/tables_rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "quadtree/morton.h"

uint64_t rig_random(uint64_t number)
{
    number += 0x9e3779b97f4a7c15ULL;
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9ULL;
    number = (number ^ number >> 27) * 0x94d049bb133111ebULL;
    return number ^ number >> 31;
}

struct slice rig_slice(const char *text)
{
    return (struct slice){text, (uint32_t)strlen(text)};
}

static void set_address(struct address *address, const struct rig_record *record, const char *label)
{
    memset(address, 0, sizeof *address);
    address->field[FIELD_LABEL] = rig_slice(label);
    address->field[FIELD_CITY] = rig_slice(record->city);
    address->field[FIELD_COUNTRYCODE] = rig_slice(record->country);
}

void rig_record_set(struct rig_record *record, uint64_t number)
{
    static const char *const providers[] = {"here", "photon", "nominatim"};
    static const char *const stations[] = {"geocode", "write", "rebuild"};
    uint64_t random = rig_random(number);
    unsigned city = (unsigned)(2000.0 / (1 + (double)(random % 2000)));
    (void)snprintf(record->city, sizeof record->city, "City %u", city);
    (void)snprintf(record->country, sizeof record->country, "%c%c", 'a' + city % 7, 'a' + city % 3);
    (void)snprintf(record->label, sizeof record->label, "%u New Road, %s",
                   (unsigned)(random >> 32) % 500, record->city);
    (void)snprintf(record->old_label, sizeof record->old_label, "%u Old Road, %s",
                   (unsigned)(random >> 40) % 500, record->city);
    record->entry.point = (struct point){(int32_t)(random >> 36), (int32_t)(random & 0xFFFFFFF)};
    record->entry.refreshed_at = 1700000000;
    set_address(&record->entry.address, record, record->label);
    record->old = record->entry;
    set_address(&record->old.address, record, record->old_label);
    bool failed = number % 100 == 99, changed = number % 5 == 0;
    record->observed = (struct observed){
        .tile = (uint32_t)(number / 10000),
        .code = morton_encode(record->entry.point),
        .entry = &record->entry,
        .old = &record->old,
        .outcome = rig_slice(failed ? "failed" : "found"),
        .judged = true,
        .changed = changed,
        .lost = number % 50 == 0,
        .gained = number % 50 == 5,
        .country_changed = number % 500 == 0,
        .age_days = (double)(random % 3000),
        .distance_m = NAN,
        .latency_ms = 5 * exp((double)(random >> 20 & 0xFFFF) / 0x4000),
        .status = failed ? 503 : 200,
        .attempts = 1,
        .bytes = 400,
        .cause = failed ? rig_slice("HTTP 503") : (struct slice){0},
        .provider = rig_slice(providers[random % 3]),
        .peer = rig_slice("alpha"),
        .bottleneck = rig_slice(stations[random % 16 % 3]),
        .answered_s = (double)number / 100,
        .geocode_ms = 12,
        .write_ms = 3,
        .rebuild_ms = 80,
    };
}

struct tables *rig_tables(const char *text)
{
    struct tables *tables;
    struct error err = {0};
    if (tables_parse(&tables, text, &err) != 0)
        fail_msg("%s", err.message);
    return tables;
}

struct tally *rig_tally(const struct tables *tables, uint64_t first, uint64_t end, uint64_t step)
{
    struct tally *tally;
    struct rig_record record = {0};
    assert_int_equal(tally_create(&tally, tables, NULL), 0);
    for (uint64_t number = first; number < end; number += step) {
        rig_record_set(&record, number);
        assert_int_equal(tally_take(tally, &record.observed, NULL), 0);
    }
    return tally;
}
