#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "tables/field.h"
#include "tests/unit/observed_sample.h"

static struct value get(struct field_source *source, const char *name)
{
    const struct field *field = field_find(name, strlen(name));
    assert_non_null(field);
    struct value value = field->get(source, field);
    assert_true(value.kind == VALUE_MISSING || value.kind == field->kind);
    return value;
}

static void is_number(struct field_source *source, const char *name, double number)
{
    struct value value = get(source, name);
    assert_int_equal(value.kind, VALUE_NUMBER);
    assert_true(value.number == number);
}

static void is_text(struct field_source *source, const char *name, const char *text)
{
    struct value value = get(source, name);
    assert_int_equal(value.kind, VALUE_TEXT);
    assert_int_equal(value.length, strlen(text));
    assert_memory_equal(value.data, text, strlen(text));
}

static void is_truth(struct field_source *source, const char *name, bool truth)
{
    struct value value = get(source, name);
    assert_int_equal(value.kind, VALUE_TRUTH);
    assert_true(value.number == truth);
}

static void names_are_found_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < field_count; i++) {
        assert_ptr_equal(field_find(fields[i].name, strlen(fields[i].name)), &fields[i]);
        assert_null(field_find(fields[i].name, strlen(fields[i].name) - 1));
    }
    assert_null(field_find("City", 4));
    assert_null(field_find("", 0));
    for (size_t f = 0; f < FIELD_COUNT; f++)
        assert_non_null(field_find(address_field_names[f], strlen(address_field_names[f])));
}

static void a_full_record(void **state)
{
    (void)state;
    struct observed_sample sample;
    struct field_source source = {0};
    observed_sample_full(&sample);
    field_source_set(&source, &sample.observed);
    is_number(&source, "lat", 48.8566);
    is_number(&source, "lon", -2.25);
    is_number(&source, "tile", 17);
    is_text(&source, "outcome", "found");
    is_text(&source, "old_outcome", "found");
    is_text(&source, "label", "1 Rue A, Paris, France");
    is_text(&source, "old_label", "2 Calle B, Madrid");
    is_text(&source, "city", "Paris");
    is_text(&source, "old_city", "Madrid");
    is_text(&source, "countrycode", "fr");
    is_text(&source, "old_countrycode", "es");
    is_truth(&source, "changed", true);
    is_truth(&source, "lost", false);
    is_truth(&source, "gained", false);
    is_truth(&source, "country_changed", true);
    is_number(&source, "refreshed_at", 1700000000);
    is_number(&source, "old_refreshed_at", 1600000000);
    is_number(&source, "age_days", 800.5);
    is_number(&source, "age_years", 2);
    is_number(&source, "distance_m", 12.5);
    is_number(&source, "latency_ms", 30);
    is_number(&source, "status", 200);
    is_number(&source, "attempts", 2);
    is_number(&source, "bytes", 512);
    is_text(&source, "provider", "photon");
    is_text(&source, "peer", "a");
    is_text(&source, "bottleneck", "geocode");
    is_number(&source, "hour", 1);
    is_number(&source, "minute", 61);
    is_number(&source, "geocode_ms", 40);
    is_number(&source, "write_ms", 50);
    is_number(&source, "rebuild_ms", 60);
    assert_int_equal(get(&source, "cause").kind, VALUE_MISSING);
    assert_int_equal(get(&source, "district").kind, VALUE_MISSING);
    field_source_free(&source);
}

static void what_nobody_knows_is_missing(void **state)
{
    (void)state;
    struct observed_sample sample;
    struct field_source source = {0};
    observed_sample_bare(&sample);
    field_source_set(&source, &sample.observed);
    for (size_t i = 0; i < field_count; i++) {
        const char *name = fields[i].name;
        bool point =
            strcmp(name, "lat") == 0 || strcmp(name, "lon") == 0 || strcmp(name, "tile") == 0;
        assert_int_equal(get(&source, name).kind, point ? VALUE_NUMBER : VALUE_MISSING);
    }
    assert_false(source.failed);
    field_source_free(&source);
}

/* A label is worked out once for each record, and again for the next. */
static void labels_follow_the_record(void **state)
{
    (void)state;
    struct observed_sample sample;
    struct field_source source = {0};
    observed_sample_full(&sample);
    field_source_set(&source, &sample.observed);
    struct value first = get(&source, "label");
    assert_ptr_equal(get(&source, "label").data, first.data);
    sample.entry.address.field[FIELD_CITY] = (struct slice){"Lyon", 4};
    field_source_set(&source, &sample.observed);
    is_text(&source, "label", "1 Rue A, Lyon, France");
    field_source_free(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_whole),
        cmocka_unit_test(a_full_record),
        cmocka_unit_test(what_nobody_knows_is_missing),
        cmocka_unit_test(labels_follow_the_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
