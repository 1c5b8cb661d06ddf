/* Tables that do the same again for records that look alike count as if each was a new one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tables/again.h"
#include "tables/tally.h"

#define RECORDS 20000

static const char text[] =
    "all = count\n"
    "outcomes = count[outcome]\n"
    "changed = sum[countrycode] of 1 when changed\n"
    "lost = sum[old_countrycode] of 1 when lost or gained\n"
    "halves = sum of latency_ms / 2 when latency_ms > 1\n"
    "mean = mean[provider] of latency_ms\n"
    "cities = top(5) of city when changed\n"
    "heavy = top(5)[outcome] of city weight latency_ms\n"
    "ages = count[age_years]\n"
    "hours = count[hour, bottleneck]\n"
    "minutes = count[minute] when not changed\n"
    "failed = sum[cause] of attempts when outcome == \"failed\"\n"
    "none = count[street] when street is missing\n"
    "long = count[label]\n"
    "many = count[outcome, countrycode, city, provider, cause, age_years, hour]\n"
    "kept = sample(5) of city, lat when changed\n"
    "least = minimum(3) of latency_ms\n";

static uint64_t state_of_random;

static unsigned rolled(unsigned sides)
{
    state_of_random = state_of_random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(state_of_random >> 33) % sides;
}

static struct slice one_of(const char *const *words, unsigned count)
{
    const char *word = words[rolled(count)];
    return (struct slice){word, (uint32_t)strlen(word)};
}

struct record {
    struct entry entry, old;
    struct observed observed;
    char bytes[3][64]; /* texts of its own, at an address that others had before */
};

static struct slice copy(char *bytes, struct slice text_of)
{
    memcpy(bytes, text_of.data, text_of.length);
    return (struct slice){bytes, text_of.length};
}

/* Change some of it, mostly nothing. */
static void move_on(struct record *record, uint64_t place)
{
    static const char *const countries[] = {"fr", "de", "", "f", "frx"};
    static const char *const cities[] = {
        "Bath",
        "Both",
        "Bonn am Rhein",
        "Bonn am Main",
        "",
        "B",
        "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogoch",
        "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogocx"};
    static const char *const words[] = {"geocode", "rebuild", "", "write"};
    static const char *const outcomes[] = {"found", "none", "failed", "unsure"};
    static const double figures[] = {0, 1.5, NAN, 2.5, -1, 1e300, 365.2, 365.3, 3599, 3600};
    struct observed *observed = &record->observed;
    observed->entry = &record->entry;
    observed->code = place;
    record->entry.point.lat = (int32_t)place;
    switch (rolled(14)) {
    case 0:
        record->entry.address.field[FIELD_CITY] = copy(record->bytes[0], one_of(cities, 8));
        break;
    case 1:
        record->entry.address.field[FIELD_COUNTRYCODE] =
            copy(record->bytes[1], one_of(countries, 5));
        break;
    case 2:
        record->old.address.field[FIELD_COUNTRYCODE] = copy(record->bytes[2], one_of(countries, 5));
        break;
    case 3:
        observed->old = rolled(3) == 0 ? NULL : &record->old;
        break;
    case 4:
        observed->changed = rolled(2) == 0;
        observed->lost = rolled(2) == 0;
        break;
    case 5:
        observed->judged = rolled(4) != 0;
        break;
    case 6:
        observed->latency_ms = figures[rolled(10)];
        break;
    case 7:
        observed->age_days = figures[rolled(10)];
        break;
    case 8:
        observed->answered_s = figures[rolled(10)];
        break;
    case 9:
        observed->bottleneck = one_of(words, 4);
        break;
    case 10:
        observed->outcome = one_of(outcomes, 4);
        break;
    case 11:
        observed->cause = one_of(words, 4);
        observed->attempts = figures[rolled(10)];
        break;
    case 12:
        observed->provider = one_of(words, 4);
        break;
    default:
        break;
    }
}

static char *print(const struct tally *tally)
{
    cJSON *json = tally_json(tally, NULL);
    assert_non_null(json);
    char *printed = cJSON_Print(json);
    cJSON_Delete(json);
    return printed;
}

static void records_that_look_alike_count_each(void **state)
{
    (void)state;
    struct tables *tables;
    struct tally *together, *apart, *one;
    struct record record = {0};
    struct error err;
    if (tables_parse(&tables, text, &err) != 0)
        fail_msg("%s", err.message);
    record.observed.judged = true;
    assert_int_equal(tally_create(&together, tables, NULL), 0);
    assert_int_equal(tally_create(&apart, tables, NULL), 0);
    for (uint64_t i = 0; i < RECORDS; i++) {
        move_on(&record, i);
        assert_int_equal(tally_take(together, &record.observed, NULL), 0);
        assert_int_equal(tally_create(&one, tables, NULL), 0);
        assert_int_equal(tally_take(one, &record.observed, NULL), 0);
        assert_int_equal(tally_merge(apart, one, NULL), 0);
        tally_free(one);
    }
    char *first = print(together), *second = print(apart);
    assert_string_equal(first, second);
    assert_non_null(strstr(first, "Bonn am Main"));
    free(first);
    free(second);
    tally_free(together);
    tally_free(apart);
    tables_free(tables);
}

static void short_texts_are_compared_whole(void **state)
{
    (void)state;
    char a[40], b[40];
    for (uint32_t length = 0; length <= sizeof a; length++) {
        memset(a, 'x', sizeof a);
        memset(b, 'x', sizeof b);
        assert_true(again_bytes_same(a, b, length));
        for (uint32_t i = 0; i < sizeof a; i++) {
            b[i] = 'y';
            assert_int_equal(again_bytes_same(a, b, length), i >= length);
            b[i] = 'x';
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_that_look_alike_count_each),
        cmocka_unit_test(short_texts_are_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
