#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/batch_rig.h"

#define ITEM(label) "{\"title\":\"t\",\"address\":{\"label\":\"" label "\"}}"
#define ROW(id, label) "{\"id\":" id ",\"items\":[" ITEM(label) "]}"
#define FULL                                                                                       \
    "{\"title\":\"Bendergasse 6\",\"id\":\"here:af:1\",\"resultType\":\"houseNumber\","            \
    "\"address\":{\"label\":\"Bendergasse 6, 60311 Frankfurt, Germany\",\"countryCode\":\"DEU\","  \
    "\"countryName\":\"Germany\",\"stateCode\":\"HE\",\"state\":\"Hesse\",\"county\":"             \
    "\"Frankfurt am Main\",\"city\":\"Frankfurt\",\"district\":\"Altstadt\",\"street\":"           \
    "\"Bendergasse\",\"postalCode\":\"60311\",\"houseNumber\":\"6\"},"                             \
    "\"position\":{\"lat\":52.5171,\"lng\":13.3888}}"

static const struct geocoder_settings single = {.provider = "here", .batch = 1};
static const struct geocoder_settings batches = {.provider = "here"};

static void one_point_is_asked_by_get(void **state)
{
    (void)state;
    struct provider_rig rig;
    rig_provider_open(
        &rig, &(struct geocoder_settings){.provider = "here", .batch = 1, .language = "de-DE"});
    char *asked = rig_ask(&rig);
    assert_string_equal(asked, "/v1/revgeocode?at=52.5170365,13.3888599&limit=1&lang=de-DE"
                               "&apiKey=s3cret%2FKey");
    free(asked);
    rig_provider_close(&rig);
}

static void an_item_is_an_address(void **state)
{
    (void)state;
    struct provider_rig rig;
    rig_provider_open(&rig, &single);
    (void)rig_read(&rig, 200, "{\"items\":[" FULL "]}");
    rig_expect_found(&rig, FIELD_LABEL, "Bendergasse 6, 60311 Frankfurt, Germany",
                     FIELD_HOUSENUMBER, "6", FIELD_STREET, "Bendergasse", FIELD_DISTRICT,
                     "Altstadt", FIELD_CITY, "Frankfurt", FIELD_COUNTY, "Frankfurt am Main",
                     FIELD_STATE, "Hesse", FIELD_POSTCODE, "60311", FIELD_COUNTRY, "Germany",
                     FIELD_COUNTRYCODE, "de", -1);
    (void)rig_read(&rig, 200,
                   "{\"items\":[{\"title\":\"Zoo\",\"resultType\":\"place\",\"address\":"
                   "{\"countryCode\":\"ZZZ\",\"stateCode\":\"HE\"}}]}");
    rig_expect_found(&rig, FIELD_NAME, "Zoo", FIELD_STATE, "HE", -1);
    rig_provider_close(&rig);
}

static void one_reply_is_survived(void **state)
{
    (void)state;
    struct provider_rig rig;
    rig_provider_open(&rig, &single);
    rig_survives(&rig, "{\"items\":[" FULL "]}");
    (void)rig_read(&rig, 200, "{\"items\":[]}");
    rig_expect_empty(&rig);
    (void)rig_read(&rig, 200, "{\"items\":[{\"title\":\"t\"}]}");
    rig_expect_failed(&rig, CAUSE_BAD_REPLY, true, 200, "");
    (void)rig_read(&rig, 200, "{\"status\":400,\"title\":\"Illegal input\",\"cause\":\"at: bad\"}");
    rig_expect_failed(&rig, CAUSE_BAD_REQUEST, false, 200, "at: bad");
    (void)rig_read(&rig, 401,
                   "{\"error\":\"Unauthorized\",\"error_description\":\"apiKey invalid.\"}");
    rig_expect_failed(&rig, CAUSE_DENIED, false, 401, "apiKey invalid");
    (void)rig_read(&rig, 429, "{\"title\":\"Too many requests\",\"status\":429}");
    rig_expect_failed(&rig, CAUSE_HTTP_429, true, 429, "Too many");
    rig_provider_close(&rig);
}

static void far_addresses_are_empty(void **state)
{
    (void)state;
    struct provider_rig rig;
    rig_provider_open(
        &rig, &(struct geocoder_settings){.provider = "here", .batch = 1, .max_distance = 100});
    (void)rig_read(&rig, 200, "{\"items\":[" FULL "]}");
    assert_int_equal(rig.answer.kind, ANSWER_FOUND);
    (void)rig_read(&rig, 200,
                   "{\"items\":[{\"address\":{\"label\":\"far\"},\"position\":{\"lat\":52.6,"
                   "\"lng\":13.4}}]}");
    rig_expect_empty(&rig);
    rig_provider_close(&rig);
}

static void points_are_asked_in_lines(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    rig.count = 2;
    for (int again = 0; again < 2; again++) {
        char *asked = batch_ask(&rig);
        assert_string_equal(asked, "/v1/multi-revgeocode?apiKey=s3cret%2FKey|text/plain|"
                                   "id=1&at=40,2\nid=2&at=41,1.5");
        free(asked);
    }
    batch_close(&rig);
}

static void rows_belong_to_points_by_id(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    batch_read(&rig, 200,
               "{\"results\":[" ROW("\"3\"", "C") "," ROW("\"1\"", "A") "," ROW(
                   "4", "D") ","
                             "{\"id\":\"2\",\"items\":[]}]}");
    batch_expect_label(&rig, 0, "A");
    batch_expect_empty(&rig, 1);
    batch_expect_label(&rig, 2, "C");
    batch_expect_label(&rig, 3, "D");
    batch_close(&rig);
}

static const char strange[] = "{\"results\":["
                              "{\"id\":\"2\",\"items\":[{\"address\":{\"label\":\"B\"}}]},"
                              "{\"id\":\"2\",\"items\":[{\"address\":{\"label\":\"x\"}}]},"
                              "{\"id\":\"0\",\"items\":[{\"address\":{\"label\":\"x\"}}]},"
                              "{\"id\":\"5\",\"items\":[{\"address\":{\"label\":\"x\"}}]},"
                              "{\"id\":\"1x\",\"items\":[{\"address\":{\"label\":\"x\"}}]},"
                              "{\"id\":3.5,\"items\":[{\"address\":{\"label\":\"x\"}}]},"
                              "{\"id\":-1,\"items\":[{\"address\":{\"label\":\"x\"}}]},"
                              "{\"id\":1e99,\"items\":[{\"address\":{\"label\":\"x\"}}]},"
                              "{\"id\":null,\"items\":[{\"address\":{\"label\":\"x\"}}]},"
                              "{\"items\":[{\"address\":{\"label\":\"x\"}}]},"
                              "7,null]}";

static void missing_strange_and_repeated_rows_are_told_apart(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    batch_read(&rig, 200, strange);
    batch_expect_failed(&rig, 0, CAUSE_MISSING_ROW, true, "no row");
    batch_expect_label(&rig, 1, "B");
    batch_expect_failed(&rig, 2, CAUSE_MISSING_ROW, true, "no row");
    batch_expect_failed(&rig, 3, CAUSE_MISSING_ROW, true, "no row");
    batch_read(&rig, 200, "{\"results\":[]}");
    batch_expect_all_failed(&rig, CAUSE_MISSING_ROW, true, "no row");
    batch_close(&rig);
}

static void a_row_may_fail_alone(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    batch_read(&rig, 200,
               "{\"results\":[" ROW(
                   "\"1\"", "A") ",{\"id\":\"2\",\"status\":503,\"title\":\"Busy\"},{\"id\":\"3\"},"
                                 "{\"id\":\"4\",\"items\":[{}]}]}");
    batch_expect_label(&rig, 0, "A");
    batch_expect_failed(&rig, 1, CAUSE_HTTP_5XX, true, "Busy");
    batch_expect_failed(&rig, 2, CAUSE_BAD_REPLY, true, "no answer");
    batch_expect_failed(&rig, 3, CAUSE_BAD_REPLY, true, "no answer");
    batch_close(&rig);
}

static void a_refused_batch_fails_whole(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    batch_read(&rig, 503, "");
    batch_expect_all_failed(&rig, CAUSE_HTTP_5XX, true, "");
    batch_read(&rig, 200, "{\"status\":403,\"title\":\"no such key: s3cret/Key\"}");
    batch_expect_all_failed(&rig, CAUSE_DENIED, false, "no such key: ***");
    batch_read(&rig, 200, "{\"items\":[" FULL "]}");
    batch_expect_all_failed(&rig, CAUSE_BAD_REPLY, true, "");
    batch_close(&rig);
}

static void a_cut_reply_holds_no_address(void **state)
{
    (void)state;
    struct batch_rig rig;
    static const char body[] = "{\"results\":[" ROW("\"1\"", "A") "," ROW("\"2\"", "B") "]}";
    batch_open(&rig, &batches);
    for (size_t size = 0; size < strlen(body); size++) {
        batch_read_bytes(&rig, 200, body, size);
        batch_expect_all_failed(&rig, CAUSE_BAD_REPLY, true, "");
    }
    batch_close(&rig);
}

static void terms_and_addresses_are_told(void **state)
{
    (void)state;
    struct geocoder *geocoder = NULL;
    struct error err;
    const struct geocoder_provider *provider = geocoder_find("here");
    assert_non_null(provider);
    assert_non_null(strstr(provider->storage_terms, "30 days"));
    assert_true(provider->needs_key);
    assert_int_equal(provider->largest_batch, 100);
    assert_int_equal(geocoder_open(&geocoder, &batches, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    struct geocoder_settings default_url = {.provider = "here", .batch = 2};
    assert_int_equal(geocoder_open(&geocoder, &default_url, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    assert_non_null(strstr(err.message, "https://multi-revgeocode.search.hereapi.com"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_point_is_asked_by_get),
        cmocka_unit_test(an_item_is_an_address),
        cmocka_unit_test(one_reply_is_survived),
        cmocka_unit_test(far_addresses_are_empty),
        cmocka_unit_test(points_are_asked_in_lines),
        cmocka_unit_test(rows_belong_to_points_by_id),
        cmocka_unit_test(missing_strange_and_repeated_rows_are_told_apart),
        cmocka_unit_test(a_row_may_fail_alone),
        cmocka_unit_test(a_refused_batch_fails_whole),
        cmocka_unit_test(a_cut_reply_holds_no_address),
        cmocka_unit_test(terms_and_addresses_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
