#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "daemon/reverse.h"

/* "name=value" words, set one by one. */
static int ask(struct reverse_parser *parser, const char *const *words, size_t count,
               struct error *err)
{
    reverse_question_begin(parser);
    for (size_t i = 0; i < count; i++) {
        char name[32] = "";
        const char *equals = strchr(words[i], '=');
        memcpy(name, words[i], (size_t)(equals - words[i]));
        if (reverse_question_set(parser, name, equals + 1, err) != 0)
            return -1;
    }
    return reverse_question_end(parser, err);
}
#define ASK(parser, err, ...)                                                                      \
    ask(parser, (const char *const[]){__VA_ARGS__},                                                \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), err)

static void defaults(void **state)
{
    (void)state;
    struct reverse_parser parser;
    struct error err;
    assert_int_equal(ASK(&parser, &err, "lon=-0.1276474", "lat=51.5073219"), 0);
    assert_int_equal(parser.question.point.lat, 515073219);
    assert_int_equal(parser.question.point.lon, -1276474);
    assert_int_equal(parser.question.format, REVERSE_JSONV2);
    assert_int_equal(parser.question.zoom, 18);
    assert_true(parser.question.address_details);
}

static void all_parameters(void **state)
{
    (void)state;
    static const char *const formats[] = {"json", "jsonv2", "geojson", "geocodejson"};
    struct reverse_parser parser;
    struct error err;
    assert_int_equal(ASK(&parser, &err, "format=geojson", "zoom=10", "email=a@b", "lat=1",
                         "accept-language=de", "addressdetails=0", "polygon_svg=1", "lon=2",
                         "lonely=x", "=", "LAT=x"),
                     0);
    assert_int_equal(parser.question.format, REVERSE_GEOJSON);
    assert_int_equal(parser.question.zoom, 10);
    assert_false(parser.question.address_details);
    for (unsigned format = 0; format < REVERSE_FORMATS; format++) {
        assert_int_equal(reverse_question_set(&parser, "format", formats[format], &err), 0);
        assert_int_equal(parser.question.format, format);
    }
    assert_int_equal(reverse_question_set(&parser, "addressdetails", "1", &err), 0);
    assert_true(parser.question.address_details);
}

static void coordinates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t value;
    } rows[] = {
        {"52.123456712345678", 521234567},
        {"52.12345675", 521234568},
        {"1e1", 100000000},
        {"5.2123456700000001e1", 521234567},
        {"-1E-7", -1},
        {"1e-300", 0},
        {"90", 900000000},
        {"-90.0000000000", -900000000},
        {" 52.1", 521000000},
        {"+52.1", 521000000},
        {".5", 5000000},
        {"-0", 0},
        {"00000000000000000000001", 10000000},
    };
    struct reverse_parser parser;
    struct error err;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reverse_question_begin(&parser);
        assert_int_equal(reverse_question_set(&parser, "lat", rows[i].text, &err), 0);
        assert_int_equal(parser.question.point.lat, rows[i].value);
        assert_int_equal(reverse_question_set(&parser, "lon", rows[i].text, &err), 0);
        assert_int_equal(parser.question.point.lon, rows[i].value);
    }
}

static void date_line(void **state)
{
    (void)state;
    static const char *const texts[] = {"180", "-180", "180.0000000", "1.8e2", "179.99999999"};
    struct reverse_parser parser;
    struct error err;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        reverse_question_begin(&parser);
        assert_int_equal(reverse_question_set(&parser, "lon", texts[i], &err), 0);
        assert_int_equal(parser.question.point.lon, -1800000000);
    }
    assert_int_equal(reverse_question_set(&parser, "lon", "179.9999999", &err), 0);
    assert_int_equal(parser.question.point.lon, 1799999999);
}

static void expect_refused(const char *name, const char *value)
{
    struct reverse_parser parser;
    struct error err = {0};
    reverse_question_begin(&parser);
    if (reverse_question_set(&parser, name, value, &err) != -1)
        fail_msg("%s=%s is accepted", name, value);
    assert_int_equal(err.code, ERROR_VALUE);
    assert_non_null(strstr(err.message, name));
}

static void bad_values(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "infinity",
        "0x10",
        "0x1p3",
        "52,1",
        "abc",
        "1e",
        "1 2",
        "52.1 ",
        "--1",
        "+-1",
        "1_0",
        ".",
        "-",
        "1e400",
        "9e9",
        "1.2.3",
        "5\xc2\xb0",
        "\xff",
        "181",
        "-180.0000000001",
        "1e3",
        "52.1\n",
        "180.00000000001",
        " ",
    };
    static const char *const formats[] = {"", "xml", "JSON", "json ", "jsonv3", "html", "json,xml"};
    static const char *const zooms[] = {"", "x", "1.5", "0x3", "1e1", "-", "+", " ", "17 ", "nan"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        expect_refused("lat", numbers[i]);
        expect_refused("lon", numbers[i]);
    }
    expect_refused("lat", "90.00000000000001");
    expect_refused("lat", "-91");
    expect_refused("lat", "180");
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        expect_refused("format", formats[i]);
    for (size_t i = 0; i < sizeof zooms / sizeof *zooms; i++)
        expect_refused("zoom", zooms[i]);
}

static void zoom_out_of_range(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned zoom;
    } rows[] = {
        {"0", 0},   {"-1", 0},  {"-99999999999999999999", 0}, {"19", 18}, {"+7", 7}, {" 7", 7},
        {"007", 7}, {"18", 18}, {"99999999999999999999", 18}, {"3", 3},   {"-0", 0}, {"180", 18},
    };
    struct reverse_parser parser;
    struct error err;
    reverse_question_begin(&parser);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(reverse_question_set(&parser, "zoom", rows[i].text, &err), 0);
        assert_int_equal(parser.question.zoom, rows[i].zoom);
    }
}

static void missing_and_repeated(void **state)
{
    (void)state;
    struct reverse_parser parser;
    struct error err;
    assert_int_equal(ASK(&parser, &err, "lat=1"), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    assert_non_null(strstr(err.message, "'lon' is missing"));
    assert_int_equal(ASK(&parser, &err, "lon=1", "zoom=3"), -1);
    assert_non_null(strstr(err.message, "'lat' is missing"));
    assert_int_equal(ASK(&parser, &err, "lat=1", "lon=2", "lat=3", "format=json", "format=geojson"),
                     0);
    assert_int_equal(parser.question.point.lat, 30000000);
    assert_int_equal(parser.question.format, REVERSE_GEOJSON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(all_parameters),
        cmocka_unit_test(coordinates),
        cmocka_unit_test(date_line),
        cmocka_unit_test(bad_values),
        cmocka_unit_test(zoom_out_of_range),
        cmocka_unit_test(missing_and_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
