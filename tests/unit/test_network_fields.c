#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/session_rig.h"

static struct error err;

static const struct json_field table[] = {
    {FIELD_LABEL, {"label"}},       {FIELD_CITY, {"city", "town", "village"}},
    {FIELD_POSTCODE, {"postcode"}}, {FIELD_COUNTRYCODE, {"code", "alpha3"}},
    {FIELD_LABEL, {NULL}},
};
static struct geocoder_reply reply;
static struct address address;
static struct answer answer;

/* gather: begin with a reply and read the fields of its object. */
static const cJSON *gather_bytes(const char *body, size_t size)
{
    const cJSON *tree;
    reply = (struct geocoder_reply){.status = 200, .body = body, .size = size};
    address = (struct address){0};
    assert_int_equal(read_object(rig_session, &reply, 1, &tree, &answer, &err), 0);
    assert_non_null(tree);
    read_fields(rig_session, tree, table, &address);
    return tree;
}

static const cJSON *gather(const char *body)
{
    return gather_bytes(body, strlen(body));
}

static void finish(const struct point *position)
{
    struct point question = {0, 0};
    assert_int_equal(
        finish_address(rig_session, &reply, question, position, &address, &answer, &err), 0);
}

static void expect_field(enum address_field field, const char *expected)
{
    assert_int_equal(address.field[field].length, strlen(expected));
    if (expected[0] != '\0')
        assert_memory_equal(address.field[field].data, expected, strlen(expected));
}

static void the_preferred_name_wins(void **state)
{
    (void)state;
    (void)gather("{\"village\":\"v\",\"town\":\"t\",\"city\":\"c\",\"City\":\"x\"}");
    expect_field(FIELD_CITY, "c");
    (void)gather("{\"city\":\"c\",\"town\":\"t\"}");
    expect_field(FIELD_CITY, "c");
    (void)gather("{\"city\":\" \",\"town\":null,\"village\":\"v\"}");
    expect_field(FIELD_CITY, "v");
    (void)gather("{\"city\":\"first\",\"city\":\"second\"}");
    expect_field(FIELD_CITY, "first");
}

static void an_earlier_object_wins(void **state)
{
    (void)state;
    const cJSON *tree = gather("{\"town\":\"t\",\"in\":{\"city\":\"c\",\"postcode\":\"1\"}}");
    read_fields(rig_session, cJSON_GetObjectItemCaseSensitive(tree, "in"), table, &address);
    expect_field(FIELD_CITY, "t");
    expect_field(FIELD_POSTCODE, "1");
    read_fields(rig_session, NULL, table, &address);
}

static void numbers_count_as_text(void **state)
{
    (void)state;
    (void)gather("{\"postcode\":75001,\"city\":-0.5}");
    expect_field(FIELD_POSTCODE, "75001");
    expect_field(FIELD_CITY, "-0.5");
    (void)gather("{\"postcode\":true,\"city\":[\"x\"],\"label\":{\"x\":1}}");
    assert_true(address_is_empty(&address));
}

static void texts_are_cleaned(void **state)
{
    (void)state;
    (void)gather("{\"label\":\"\\u00a0\",\"city\":\"\\n\\tSaint\\nDenis \\u0085x\\u007f.\\r\"}");
    finish(NULL);
    assert_int_equal(answer.kind, ANSWER_FOUND);
    address = answer.address;
    expect_field(FIELD_CITY, "Saint Denis  x .");
    (void)gather("{\"city\":\"12345678 1234567\\u00851\",\"postcode\":\"1234567\\u007f1\"}");
    finish(NULL);
    address = answer.address;
    expect_field(FIELD_CITY, "12345678 1234567 1");
    expect_field(FIELD_POSTCODE, "1234567 1");
    (void)gather("{\"city\":\"\\u00c2\\u00a9\\u2028 12345678\"}");
    finish(NULL);
    address = answer.address;
    expect_field(FIELD_CITY, "\xc3\x82\xc2\xa9\xe2\x80\xa8 12345678");
}

static void control_characters_are_found_anywhere(void **state)
{
    char body[64];
    (void)state;
    for (int at = 1; at < 30; at++) {
        memcpy(body, "{\"city\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", 43);
        body[9 + at] = '\x01';
        (void)gather_bytes(body, 42);
        finish(NULL);
        assert_int_equal(answer.address.field[FIELD_CITY].length, 31);
        for (int i = 0; i < 31; i++)
            assert_int_equal(answer.address.field[FIELD_CITY].data[i], i == at ? ' ' : 'a');
    }
}

static void country_codes_are_two_small_letters(void **state)
{
    (void)state;
    (void)gather("{\"code\":\"GB\"}");
    finish(NULL);
    address = answer.address;
    expect_field(FIELD_COUNTRYCODE, "gb");
    (void)gather("{\"alpha3\":\"FRA\"}");
    finish(NULL);
    address = answer.address;
    expect_field(FIELD_COUNTRYCODE, "fr");
    (void)gather("{\"alpha3\":\"QQQ\"}");
    finish(NULL);
    assert_int_equal(answer.kind, ANSWER_EMPTY);
}

static void the_label_is_folded(void **state)
{
    (void)state;
    (void)gather("{\"label\":\"1 A\\u00e9, 75001 Paris\",\"city\":\"Paris\",\"postcode\":75001}");
    finish(NULL);
    address = answer.address;
    expect_field(FIELD_LABEL, "1 A\xc3\xa9, \xfd \xfa");
}

static void fields_have_a_limit(void **state)
{
    static const char head[] = "{\"city\":\"Paris\",\"label\":\"";
    enum { START = sizeof head - 1, LONG = 200 * 1024 };
    char *body = malloc(START + LONG + 2);
    (void)state;
    assert_non_null(body);
    memcpy(body, head, START);
    memset(body + START, 'x', LONG);
    memcpy(body + START + LONG, "\"}", 2);
    (void)gather_bytes(body, START + LONG + 2);
    finish(NULL);
    address = answer.address;
    expect_field(FIELD_CITY, "Paris");
    expect_field(FIELD_LABEL, "");
    memcpy(body + START + FIELD_BYTES_LIMIT, "\"}", 2);
    body[START + FIELD_BYTES_LIMIT / 2] = '\n';
    (void)gather_bytes(body, START + FIELD_BYTES_LIMIT + 2);
    finish(NULL);
    assert_int_equal(answer.address.field[FIELD_LABEL].length, FIELD_BYTES_LIMIT);
    free(body);
}

static void far_away_is_empty(void **state)
{
    struct point near = {0, 8990}; /* 99.97 m */
    struct point far = {0, -8998}; /* 100.05 m */
    (void)state;
    rig_settings.max_distance = 100;
    (void)gather("{\"city\":\"Paris\"}");
    finish(&near);
    assert_int_equal(answer.kind, ANSWER_FOUND);
    assert_true(fabs(answer.distance_m - 99.97) < 0.01);
    finish(&far);
    assert_int_equal(answer.kind, ANSWER_EMPTY);
    assert_int_equal(answer.status, 200);
    finish(NULL);
    assert_int_equal(answer.kind, ANSWER_FOUND);
    assert_true(isnan(answer.distance_m));
    rig_settings.max_distance = 0;
    finish(&far);
    assert_int_equal(answer.kind, ANSWER_FOUND);
    assert_true(fabs(answer.distance_m - 100.05) < 0.01);
}

static bool position_of(const char *lat, const char *lon, struct point *out)
{
    char body[200];
    assert_true(snprintf(body, sizeof body, "{\"lat\":%s,\"lon\":%s}", lat, lon) > 0);
    const cJSON *tree = gather(body);
    return json_position(tree->child, tree->child->next, out);
}

static void positions_are_numbers_or_texts(void **state)
{
    struct point point;
    (void)state;
    assert_true(position_of("52.1", "-13.4", &point));
    assert_true(point_equal(point, (struct point){521000000, -134000000}));
    assert_true(position_of("\"52.1\"", "\"180\"", &point));
    assert_true(point_equal(point, (struct point){521000000, -1800000000}));
    assert_true(position_of("\"-0.12345678\"", "1", &point));
    assert_true(point_equal(point, (struct point){-1234568, 10000000}));
    assert_false(position_of("\"91\"", "1", &point));
    assert_false(position_of("1", "181", &point));
    assert_false(position_of("\"\"", "1", &point));
    assert_false(position_of("\"nan\"", "1", &point));
    assert_false(position_of("null", "1", &point));
    assert_false(position_of("1", "[1]", &point));
    assert_false(json_position(NULL, NULL, &point));
}

static bool coordinates_of(const char *geometry, struct point *out)
{
    return json_coordinates(gather(geometry), out);
}

static void coordinates_are_longitude_first(void **state)
{
    struct point point;
    (void)state;
    assert_true(coordinates_of("{\"coordinates\":[13.4,52.1,7]}", &point));
    assert_true(point_equal(point, (struct point){521000000, 134000000}));
    assert_false(coordinates_of("{\"coordinates\":[13.4]}", &point));
    assert_false(coordinates_of("{\"coordinates\":[]}", &point));
    assert_false(coordinates_of("{\"coordinates\":{\"a\":1,\"b\":2}}", &point));
    assert_false(coordinates_of("{}", &point));
    assert_false(json_coordinates(NULL, &point));
}

static void the_first_of_an_array(void **state)
{
    const cJSON *first;
    (void)state;
    const cJSON *tree =
        gather("{\"none\":[],\"good\":[{\"a\":1},2],\"bad\":[1],\"no\":{\"a\":{}}}");
    assert_true(first_of(tree, "none", &first));
    assert_null(first);
    assert_true(first_of(tree, "good", &first));
    assert_string_equal(first->child->string, "a");
    assert_false(first_of(tree, "bad", &first));
    assert_false(first_of(tree, "no", &first));
    assert_false(first_of(tree, "absent", &first));
}

static void expect_feature(const char *body, enum answer_kind kind)
{
    const cJSON *tree = gather(body);
    struct point question = {0, 0};
    assert_int_equal(read_features(rig_session, &reply, tree, table, question, &answer, &err), 0);
    assert_int_equal(answer.kind, kind);
    if (kind == ANSWER_FAILED) {
        assert_int_equal(answer.cause, CAUSE_BAD_REPLY);
        assert_true(answer.transient);
    }
}

static void features_hold_addresses(void **state)
{
    (void)state;
    expect_feature("{\"features\":[{\"properties\":{\"city\":\"Paris\"}}]}", ANSWER_FOUND);
    assert_true(isnan(answer.distance_m));
    expect_feature("{\"features\":[{\"properties\":{\"city\":\"Paris\"},"
                   "\"geometry\":{\"coordinates\":[0.001,0]}}]}",
                   ANSWER_FOUND);
    assert_true(fabs(answer.distance_m - 111.19) < 0.01);
    expect_feature("{\"features\":[{\"properties\":{\"x\":\"Paris\"}}]}", ANSWER_EMPTY);
    expect_feature("{\"features\":[]}", ANSWER_EMPTY);
    expect_feature("{\"features\":[{}]}", ANSWER_FAILED);
    expect_feature("{\"features\":[{\"properties\":[]}]}", ANSWER_FAILED);
    expect_feature("{\"features\":[7]}", ANSWER_FAILED);
    expect_feature("{\"features\":{}}", ANSWER_FAILED);
    expect_feature("{}", ANSWER_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_preferred_name_wins),
        cmocka_unit_test(an_earlier_object_wins),
        cmocka_unit_test(numbers_count_as_text),
        cmocka_unit_test(texts_are_cleaned),
        cmocka_unit_test(control_characters_are_found_anywhere),
        cmocka_unit_test(country_codes_are_two_small_letters),
        cmocka_unit_test(the_label_is_folded),
        cmocka_unit_test(fields_have_a_limit),
        cmocka_unit_test(far_away_is_empty),
        cmocka_unit_test(positions_are_numbers_or_texts),
        cmocka_unit_test(coordinates_are_longitude_first),
        cmocka_unit_test(the_first_of_an_array),
        cmocka_unit_test(features_hold_addresses),
    };
    return cmocka_run_group_tests(tests, rig_session_open, rig_session_close);
}
