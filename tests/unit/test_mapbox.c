#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/batch_rig.h"

#define FEATURE(position, properties)                                                              \
    "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"geometry\":{\"type\":"  \
    "\"Point\",\"coordinates\":[" position "]},\"properties\":{" properties "}}]}"
#define LABEL(position, label) FEATURE(position, "\"full_address\":\"" label "\"")
#define NOTHING "{\"type\":\"FeatureCollection\",\"features\":[]}"
#define FULL                                                                                       \
    "\"full_address\":\"12 High Street, Bath BA1 5AA, England\",\"name\":\"12 High Street\","      \
    "\"place_formatted\":\"Bath BA1 5AA\",\"context\":{\"address\":{\"address_number\":\"12\","    \
    "\"street_name\":\"High Street\",\"name\":\"12 High Street\"},\"street\":{\"name\":"           \
    "\"High St\"},\"neighborhood\":{\"name\":\"Old Town\"},\"postcode\":{\"name\":\"BA1 5AA\"},"   \
    "\"locality\":{\"name\":\"Walcot\"},\"place\":{\"name\":\"Bath\"},\"district\":{\"name\":"     \
    "\"Somerset\"},\"region\":{\"name\":\"England\",\"region_code\":\"ENG\"},\"country\":"         \
    "{\"name\":\"United Kingdom\",\"country_code\":\"GB\",\"country_code_alpha_3\":\"GBR\"}}"

static const struct geocoder_settings settings = {.provider = "mapbox"};
static const struct geocoder_settings single = {.provider = "mapbox", .batch = 1};

/* Collections whose addresses stand where the points of the rig do, and their labels. */
static const char *const items[] = {LABEL("2,40", "A"), LABEL("1.5,41", "B"), LABEL("1,42", "C"),
                                    LABEL("0.5,43", "D"), LABEL("0,44", "E")};
static const char *const labels[] = {"A", "B", "C", "D", "E"};

static void read_items(struct batch_rig *rig, const size_t *order, size_t count)
{
    char body[4096] = "{\"batch\":[";
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(body);
        (void)snprintf(body + used, sizeof body - used, "%s%s", i > 0 ? "," : "", items[order[i]]);
    }
    size_t used = strlen(body);
    (void)snprintf(body + used, sizeof body - used, "]}");
    batch_read(rig, 200, body);
}

static void points_are_asked_in_a_list(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &settings);
    rig.count = 2;
    char *asked = batch_ask(&rig);
    assert_string_equal(asked,
                        "/search/geocode/v6/batch?access_token=s3cret%2FKey&permanent=true|"
                        "application/json|"
                        "[{\"longitude\":2,\"latitude\":40,\"types\":[\"address\"],\"limit\":1},"
                        "{\"longitude\":1.5,\"latitude\":41,\"types\":[\"address\"],\"limit\":1}]");
    free(asked);
    batch_close(&rig);
}

static void the_language_is_asked_for(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &(struct geocoder_settings){
                         .provider = "mapbox", .batch = 1, .language = "fr\"\\\n"});
    rig.count = 1;
    char *asked = batch_ask(&rig);
    assert_string_equal(asked,
                        "/search/geocode/v6/batch?access_token=s3cret%2FKey&permanent=true|"
                        "application/json|"
                        "[{\"longitude\":2,\"latitude\":40,\"types\":[\"address\"],\"limit\":1,"
                        "\"language\":\"fr\\\"\\\\\"}]");
    free(asked);
    batch_close(&rig);
}

static void a_feature_is_an_address(void **state)
{
    (void)state;
    struct provider_rig rig;
    rig_provider_open(&rig, &single);
    (void)rig_read(&rig, 200, "{\"batch\":[" FEATURE("13.39,52.52", FULL) "]}");
    rig_expect_found(&rig, FIELD_LABEL, "12 High Street, Bath BA1 5AA, England", FIELD_HOUSENUMBER,
                     "12", FIELD_STREET, "High Street", FIELD_DISTRICT, "Old Town", FIELD_CITY,
                     "Bath", FIELD_COUNTY, "Somerset", FIELD_STATE, "England", FIELD_POSTCODE,
                     "BA1 5AA", FIELD_COUNTRY, "United Kingdom", FIELD_COUNTRYCODE, "gb", -1);
    (void)rig_read(&rig, 200,
                   "{\"batch\":[{\"features\":[{\"properties\":{\"place_formatted\":\"Bath\","
                   "\"context\":{\"locality\":{\"name\":\"Walcot\"},\"street\":{\"name\":"
                   "\"High St\"}}}}]}]}");
    rig_expect_found(&rig, FIELD_LABEL, "Bath", FIELD_CITY, "Walcot", FIELD_STREET, "High St", -1);
    (void)rig_read(&rig, 200,
                   "{\"batch\":[{\"features\":[{\"properties\":{\"context\":{\"locality\":"
                   "{\"name\":\"Walcot\"},\"place\":{\"name\":\"Bath\"},\"country\":7,\"region\":"
                   "[]}}}]}]}");
    rig_expect_found(&rig, FIELD_CITY, "Bath", FIELD_DISTRICT, "Walcot", -1);
    rig_provider_close(&rig);
}

static void one_reply_is_survived(void **state)
{
    (void)state;
    struct provider_rig rig;
    rig_provider_open(&rig, &single);
    rig_survives(&rig, "{\"batch\":[" FEATURE("13.39,52.52", FULL) "]}");
    (void)rig_read(&rig, 200, "{\"batch\":[" NOTHING "]}");
    rig_expect_empty(&rig);
    (void)rig_read(&rig, 200, "{\"batch\":[{\"features\":[{\"properties\":{}}]}]}");
    rig_expect_empty(&rig);
    rig_provider_close(&rig);
}

static void far_addresses_are_empty(void **state)
{
    (void)state;
    struct provider_rig rig;
    rig_provider_open(&rig, &single);
    (void)rig_read(&rig, 200, "{\"batch\":[" LABEL("14,53", "alone it is no mistake") "]}");
    rig_expect_found(&rig, FIELD_LABEL, "alone it is no mistake", -1);
    rig_provider_close(&rig);
    rig_provider_open(
        &rig, &(struct geocoder_settings){.provider = "mapbox", .batch = 1, .max_distance = 1000});
    (void)rig_read(&rig, 200, "{\"batch\":[" LABEL("14,53", "far") "]}");
    rig_expect_empty(&rig);
    (void)rig_read(&rig, 200,
                   "{\"batch\":[{\"features\":[{\"properties\":{\"full_address\":\"far\","
                   "\"coordinates\":{\"latitude\":53,\"longitude\":14}}}]}]}");
    rig_expect_empty(&rig);
    rig_provider_close(&rig);
}

static void items_belong_to_points_by_place(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &settings);
    read_items(&rig, (const size_t[]){0, 1, 2, 3}, 4);
    for (size_t i = 0; i < 4; i++)
        batch_expect_label(&rig, i, labels[i]);
    batch_close(&rig);
}

static void another_count_fails_all(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &settings);
    read_items(&rig, (const size_t[]){0, 1, 2}, 3);
    batch_expect_all_failed(&rig, CAUSE_MISSING_ROW, true, "no row");
    read_items(&rig, (const size_t[]){0, 1, 2, 3, 4}, 5);
    batch_expect_all_failed(&rig, CAUSE_MISSING_ROW, true, "no row");
    batch_read(&rig, 200, "{\"batch\":[]}");
    batch_expect_all_failed(&rig, CAUSE_MISSING_ROW, true, "no row");
    batch_close(&rig);
}

static void addresses_of_other_points_are_failures(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &settings);
    read_items(&rig, (const size_t[]){1, 0, 2, 3}, 4);
    batch_expect_failed(&rig, 0, CAUSE_MISSING_ROW, true, "another place");
    batch_expect_failed(&rig, 1, CAUSE_MISSING_ROW, true, "another place");
    batch_expect_label(&rig, 2, "C");
    batch_expect_label(&rig, 3, "D");
    read_items(&rig, (const size_t[]){1, 2, 3, 4}, 4);
    batch_expect_all_failed(&rig, CAUSE_MISSING_ROW, true, "another place");
    read_items(&rig, (const size_t[]){0, 1, 1, 3}, 4);
    batch_expect_failed(&rig, 2, CAUSE_MISSING_ROW, true, "another place");
    batch_expect_label(&rig, 3, "D");
    batch_close(&rig);
}

/* Points of one town, 2 km from each other. */
static void swapped_addresses_of_a_town_are_failures(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &settings);
    for (int i = 0; i < 4; i++)
        rig.points[i] = (struct point){.lat = 400000000 + i * 200000, .lon = 20000000};
    batch_read(&rig, 200,
               "{\"batch\":[" LABEL("2,40.0003", "A") "," LABEL("2,40.0403", "C") "," LABEL(
                   "2,40.0203", "B") "," LABEL("2,40.0603", "D") "]}");
    batch_expect_label(&rig, 0, "A");
    batch_expect_failed(&rig, 1, CAUSE_MISSING_ROW, true, "another place");
    batch_expect_failed(&rig, 2, CAUSE_MISSING_ROW, true, "another place");
    batch_expect_label(&rig, 3, "D");
    batch_close(&rig);
}

static void an_item_may_fail_alone(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &settings);
    batch_read(
        &rig, 200,
        "{\"batch\":[" LABEL("2,40", "A") ",{\"message\":\"Rate limited\",\"status\":429}," NOTHING
                                          ",{\"message\":\"s3cret/Key is odd\"}]}");
    batch_expect_label(&rig, 0, "A");
    batch_expect_failed(&rig, 1, CAUSE_HTTP_429, true, "Rate limited");
    batch_expect_empty(&rig, 2);
    batch_expect_failed(&rig, 3, CAUSE_BAD_REPLY, true, "*** is odd");
    batch_read(&rig, 200,
               "{\"batch\":[null,{},{\"features\":{}},{\"code\":422,\"message\":\"types\"}]}");
    for (size_t i = 0; i < 3; i++)
        batch_expect_failed(&rig, i, CAUSE_BAD_REPLY, true, "no answer");
    batch_expect_failed(&rig, 3, CAUSE_BAD_REQUEST, false, "types");
    batch_close(&rig);
}

static void a_refused_batch_fails_whole(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &settings);
    batch_read(&rig, 401, "{\"message\":\"Not Authorized - Invalid Token: s3cret%2FKey\"}");
    batch_expect_all_failed(&rig, CAUSE_DENIED, false, "Invalid Token: ***");
    batch_read(&rig, 429, "{\"message\":\"Too Many Requests\"}");
    batch_expect_all_failed(&rig, CAUSE_HTTP_429, true, "Too Many");
    batch_read(&rig, 200, "{\"message\":\"Not Authorized\",\"status\":401}");
    batch_expect_all_failed(&rig, CAUSE_DENIED, false, "Not Authorized");
    batch_close(&rig);
}

static void a_cut_reply_holds_no_address(void **state)
{
    (void)state;
    struct batch_rig rig;
    char body[4096];
    (void)snprintf(body, sizeof body, "{\"batch\":[%s,%s,%s,%s]}", items[0], items[1], items[2],
                   items[3]);
    batch_open(&rig, &settings);
    for (size_t size = 0; size < strlen(body); size++) {
        batch_read_bytes(&rig, 200, body, size);
        batch_expect_all_failed(&rig, CAUSE_BAD_REPLY, true, "");
    }
    batch_close(&rig);
}

static void a_key_is_needed(void **state)
{
    (void)state;
    struct geocoder *geocoder = NULL;
    struct error err;
    const struct geocoder_provider *provider = geocoder_find("mapbox");
    assert_non_null(provider);
    assert_true(provider->needs_key);
    assert_null(provider->storage_terms);
    assert_int_equal(provider->largest_batch, 1000);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(geocoder_open(&geocoder, &settings, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    assert_non_null(strstr(err.message, "key_file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_asked_in_a_list),
        cmocka_unit_test(the_language_is_asked_for),
        cmocka_unit_test(a_feature_is_an_address),
        cmocka_unit_test(one_reply_is_survived),
        cmocka_unit_test(far_addresses_are_empty),
        cmocka_unit_test(items_belong_to_points_by_place),
        cmocka_unit_test(another_count_fails_all),
        cmocka_unit_test(addresses_of_other_points_are_failures),
        cmocka_unit_test(swapped_addresses_of_a_town_are_failures),
        cmocka_unit_test(an_item_may_fail_alone),
        cmocka_unit_test(a_refused_batch_fails_whole),
        cmocka_unit_test(a_cut_reply_holds_no_address),
        cmocka_unit_test(a_key_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
