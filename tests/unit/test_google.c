#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/provider_rig.h"

static struct provider_rig rig;

static void open_plain(void)
{
    rig_provider_open(&rig, &(struct geocoder_settings){.provider = "google"});
}

#define COMPONENTS                                                                                 \
    "{\"long_name\":\"Mitte\",\"short_name\":\"Mitte\",\"types\":[\"political\",\"subl"            \
    "ocality\",\"sublocality_level_1\"]},{\"long_name\":\"17\",\"short_name\":\"17\",\""           \
    "types\":[\"street_number\"]},{\"long_name\":\"Unter den Linden\",\"short_name\":\""           \
    "U. d. Linden\",\"types\":[\"route\"]},{\"long_name\":\"Berlin\",\"short_name\":\""            \
    "Berlin\",\"types\":[\"locality\",\"political\"]},{\"long_name\":\"Kreis\",\"short"            \
    "_name\":\"K\",\"types\":[\"administrative_area_level_2\",\"political\"]},{\"long_"            \
    "name\":\"Land\",\"short_name\":\"BE\",\"types\":[\"administrative_area_level_1\","            \
    "\"political\"]},{\"long_name\":\"Germany\",\"short_name\":\"DE\",\"types\":[\"cou"            \
    "ntry\",\"political\"]},{\"long_name\":\"10117\",\"short_name\":\"10117\",\"types\""           \
    ":[\"postal_code\"]},{\"long_name\":\"Altstadt\",\"short_name\":\"Altstadt\",\"typ"            \
    "es\":[\"neighborhood\"]}"

static const char good[] =
    "{\"plus_code\":{\"global_code\":\"9F4MG98Q+RG\"},\"results\":[{\"types\":[\"plus_code\"],"
    "\"address_components\":[],\"formatted_address\":\"G98Q+RG\"},{\"address_components\":"
    "[" COMPONENTS "],\"formatted_address\":\"Unter den Linden 17, 10117 Berlin, Germany\","
    "\"geometry\":{\"location\":{\"lat\":52.51703,\"lng\":13.38886}},\"place_id\":\"x\","
    "\"types\":[\"street_address\"]}],\"status\":\"OK\"}";

static void asks_for_a_point(void **state)
{
    (void)state;
    open_plain();
    rig_expect_asked(&rig, "/geocode/json?latlng=52.5170365,13.3888599&key=s3cret%2FKey");
    rig_provider_open(&rig, &(struct geocoder_settings){.provider = "google", .language = "de"});
    rig_expect_asked(&rig,
                     "/geocode/json?latlng=52.5170365,13.3888599&key=s3cret%2FKey&language=de");
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

static void nothing_is_empty(void **state)
{
    (void)state;
    open_plain();
    (void)rig_read(&rig, 200, "{\"results\":[],\"status\":\"ZERO_RESULTS\"}");
    rig_expect_empty(&rig);
    (void)rig_read(&rig, 200, "{\"results\":[],\"status\":\"OK\"}");
    rig_expect_empty(&rig);
    (void)rig_read(&rig, 200,
                   "{\"results\":[{\"types\":[\"plus_code\"],\"formatted_address\":"
                   "\"G98Q+RG\",\"address_components\":[]}],\"status\":\"OK\"}");
    rig_expect_empty(&rig);
    rig_provider_close(&rig);
}

static void the_body_says_why_not(void **state)
{
    static const struct {
        const char *status;
        enum failure_cause cause;
        bool transient;
    } rules[] = {
        {"OVER_QUERY_LIMIT", CAUSE_HTTP_429, true}, {"OVER_DAILY_LIMIT", CAUSE_QUOTA, false},
        {"REQUEST_DENIED", CAUSE_DENIED, false},    {"INVALID_REQUEST", CAUSE_BAD_REQUEST, false},
        {"UNKNOWN_ERROR", CAUSE_HTTP_5XX, true},    {"SOMETHING_NEW", CAUSE_BAD_REPLY, true},
    };
    (void)state;
    open_plain();
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        static const unsigned statuses[] = {200, 400, 403, 429, 500};
        for (size_t s = 0; s < sizeof statuses / sizeof statuses[0]; s++) {
            char body[200];
            (void)snprintf(body, sizeof body, "{\"results\":[],\"status\":\"%s\"}",
                           rules[i].status);
            (void)rig_read(&rig, statuses[s], body);
            rig_expect_failed(&rig, rules[i].cause, rules[i].transient, statuses[s],
                              rules[i].status);
            (void)snprintf(body, sizeof body,
                           "{\"error_message\":\"because\",\"results\":[],\"status\":\"%s\"}",
                           rules[i].status);
            (void)rig_read(&rig, statuses[s], body);
            rig_expect_failed(&rig, rules[i].cause, rules[i].transient, statuses[s], "because");
        }
    }
    (void)rig_read(&rig, 200,
                   "{\"error_message\":\"You have exceeded your daily request quota for "
                   "this API.\",\"results\":[],\"status\":\"OVER_QUERY_LIMIT\"}");
    rig_expect_failed(&rig, CAUSE_QUOTA, false, 200, "daily request quota");
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
        cmocka_unit_test(asks_for_a_point), cmocka_unit_test(an_address_is_found),
        cmocka_unit_test(nothing_is_empty), cmocka_unit_test(the_body_says_why_not),
        cmocka_unit_test(survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
