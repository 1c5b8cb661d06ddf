#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/provider_rig.h"

static struct provider_rig rig;

static void open_plain(void)
{
    rig_provider_open(&rig, &(struct geocoder_settings){.provider = "opencage"});
}

static const char good[] =
    "{\"rate\":{\"limit\":2500,\"remaining\":2499,\"reset\":1700000000},\"results\":[{"
    "\"components\":{\"ISO_3166-1_alpha-2\":\"DE\",\"_category\":\"building\","
    "\"_type\":\"building\",\"house_number\":\"17\",\"road\":\"Unter den Linden\","
    "\"suburb\":\"Mitte\",\"city\":\"Berlin\",\"county\":\"Kreis\",\"state\":\"Land\","
    "\"postcode\":\"10117\",\"country\":\"Germany\",\"country_code\":\"de\"},"
    "\"confidence\":10,\"formatted\":\"Unter den Linden 17, 10117 Berlin, Germany\","
    "\"geometry\":{\"lat\":52.51703,\"lng\":13.38886}}],\"status\":{\"code\":200,"
    "\"message\":\"OK\"},\"total_results\":1}";

static void asks_for_one_result(void **state)
{
    (void)state;
    open_plain();
    rig_expect_asked(&rig,
                     "/geocode/v1/json?q=52.5170365,13.3888599&key=s3cret%2FKey&no_annotations=1"
                     "&limit=1");
    rig_provider_open(&rig,
                      &(struct geocoder_settings){.provider = "opencage", .language = "pt-BR"});
    rig_expect_asked(&rig,
                     "/geocode/v1/json?q=52.5170365,13.3888599&key=s3cret%2FKey&no_annotations=1"
                     "&limit=1&language=pt-BR");
}

static void an_address_is_found(void **state)
{
    (void)state;
    open_plain();
    (void)rig_read(&rig, 200, good);
    rig_expect_found(&rig, FIELD_LABEL, "Unter den Linden 17, 10117 Berlin, Germany",
                     FIELD_HOUSENUMBER, "17", FIELD_STREET, "Unter den Linden", FIELD_DISTRICT,
                     "Mitte", FIELD_CITY, "Berlin", FIELD_COUNTY, "Kreis", FIELD_STATE, "Land",
                     FIELD_POSTCODE, "10117", FIELD_COUNTRY, "Germany", FIELD_COUNTRYCODE, "de",
                     -1);
    rig_provider_close(&rig);
}

static void nothing_or_far_away_is_empty(void **state)
{
    (void)state;
    rig_provider_open(&rig,
                      &(struct geocoder_settings){.provider = "opencage", .max_distance = 100});
    (void)rig_read(&rig, 200, "{\"results\":[],\"status\":{\"code\":200,\"message\":\"OK\"}}");
    rig_expect_empty(&rig);
    (void)rig_read(&rig, 200, good);
    assert_int_equal(rig.answer.kind, ANSWER_FOUND);
    (void)rig_read(&rig, 200,
                   "{\"results\":[{\"components\":{\"country\":\"Germany\"},"
                   "\"geometry\":{\"lat\":51.2,\"lng\":\"10.4\"}}]}");
    rig_expect_empty(&rig);
    rig_provider_close(&rig);
}

static void refusals_are_told_apart(void **state)
{
    (void)state;
    open_plain();
    (void)rig_read(&rig, 402,
                   "{\"results\":[],\"status\":{\"code\":402,"
                   "\"message\":\"quota exceeded\"}}");
    rig_expect_failed(&rig, CAUSE_QUOTA, false, 402, "quota exceeded");
    (void)rig_read(&rig, 200,
                   "{\"results\":[],\"status\":{\"code\":402,"
                   "\"message\":\"quota exceeded\"}}");
    rig_expect_failed(&rig, CAUSE_QUOTA, false, 402, "quota exceeded");
    (void)rig_read(&rig, 401, "{\"status\":{\"code\":401,\"message\":\"invalid API key\"}}");
    rig_expect_failed(&rig, CAUSE_DENIED, false, 401, "invalid API key");
    (void)rig_read(&rig, 403, "{\"status\":{\"code\":403,\"message\":\"suspended\"}}");
    rig_expect_failed(&rig, CAUSE_DENIED, false, 403, "suspended");
    (void)rig_read(&rig, 429, "{\"status\":{\"code\":429,\"message\":\"too fast\"}}");
    rig_expect_failed(&rig, CAUSE_HTTP_429, true, 429, "too fast");
    (void)rig_read(&rig, 400, "{\"status\":{\"code\":400,\"message\":\"bad q\"}}");
    rig_expect_failed(&rig, CAUSE_BAD_REQUEST, false, 400, "bad q");
    rig_provider_close(&rig);
}

static void survives(void **state)
{
    (void)state;
    open_plain();
    rig_survives(&rig, good);
    rig_provider_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_for_one_result),
        cmocka_unit_test(an_address_is_found),
        cmocka_unit_test(nothing_or_far_away_is_empty),
        cmocka_unit_test(refusals_are_told_apart),
        cmocka_unit_test(survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
