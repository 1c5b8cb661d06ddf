#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "daemon/reverse_place.h"
#include "tests/unit/reverse_rig.h"

#define BIT(field) (1u << FIELD_##field)

static struct reverse_place choose(const struct told *told, unsigned zoom)
{
    struct buffer text = {0};
    struct entry entry = told_entry(told, &text);
    struct reverse_place place;
    assert_true(reverse_place_choose(&entry.address, zoom, &place));
    buffer_free(&text);
    return place;
}

static void expect_nothing(const struct told *told, unsigned zoom)
{
    struct buffer text = {0};
    struct entry entry = told_entry(told, &text);
    struct reverse_place place;
    assert_false(reverse_place_choose(&entry.address, zoom, &place));
    buffer_free(&text);
}

static void expect_name(struct reverse_place place, const char *name)
{
    assert_int_equal(place.name.length, strlen(name));
    assert_memory_equal(place.name.data, name, place.name.length);
}

static void every_zoom(void **state)
{
    (void)state;
    static const struct {
        unsigned zoom, kept;
        enum address_field detail;
        const char *named;
    } rows[] = {
        {18, 0x7FD, FIELD_HOUSENUMBER, "place"},
        {17, 0x7F8, FIELD_STREET, "road"},
        {16, 0x7F8, FIELD_STREET, "road"},
        {15, 0x7F0, FIELD_DISTRICT, "suburb"},
        {14, 0x7F0, FIELD_DISTRICT, "suburb"},
        {13, 0x7F0, FIELD_DISTRICT, "suburb"},
        {12, 0x7E0, FIELD_CITY, "city"},
        {11, 0x7E0 - BIT(POSTCODE), FIELD_CITY, "city"},
        {10, 0x7E0 - BIT(POSTCODE), FIELD_CITY, "city"},
        {9, BIT(COUNTY) | BIT(STATE) | BIT(COUNTRY) | BIT(COUNTRYCODE), FIELD_COUNTY, "county"},
        {8, BIT(COUNTY) | BIT(STATE) | BIT(COUNTRY) | BIT(COUNTRYCODE), FIELD_COUNTY, "county"},
        {7, BIT(STATE) | BIT(COUNTRY) | BIT(COUNTRYCODE), FIELD_STATE, "state"},
        {6, BIT(STATE) | BIT(COUNTRY) | BIT(COUNTRYCODE), FIELD_STATE, "state"},
        {5, BIT(STATE) | BIT(COUNTRY) | BIT(COUNTRYCODE), FIELD_STATE, "state"},
        {4, BIT(COUNTRY) | BIT(COUNTRYCODE), FIELD_COUNTRY, "country"},
        {3, BIT(COUNTRY) | BIT(COUNTRYCODE), FIELD_COUNTRY, "country"},
        {2, BIT(COUNTRY) | BIT(COUNTRYCODE), FIELD_COUNTRY, "country"},
        {1, BIT(COUNTRY) | BIT(COUNTRYCODE), FIELD_COUNTRY, "country"},
        {0, BIT(COUNTRY) | BIT(COUNTRYCODE), FIELD_COUNTRY, "country"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reverse_place place = choose(&full_address, rows[i].zoom);
        assert_int_equal(place.kept, rows[i].kept);
        assert_int_equal(place.detail, rows[i].detail);
        assert_string_equal(place.kind->named, rows[i].named);
        assert_false(place.has_own_name);
    }
}

static void sparse_addresses(void **state)
{
    (void)state;
    struct told street = {.street = "High Street", .countrycode = "GB"};
    assert_int_equal(choose(&street, 18).detail, FIELD_STREET);
    assert_int_equal(choose(&street, 10).detail, FIELD_COUNTRYCODE);
    assert_string_equal(choose(&street, 10).kind->named, "country");
    struct told postcode = {.postcode = "12345", .county = "Somerset"};
    assert_int_equal(choose(&postcode, 18).detail, FIELD_POSTCODE);
    assert_int_equal(choose(&postcode, 8).detail, FIELD_COUNTY);
    expect_nothing(&postcode, 5);
    struct told label = {.label = "Somewhere"};
    assert_string_equal(choose(&label, 18).kind->named, "locality");
    assert_int_equal(choose(&label, 18).name.length, 0);
    expect_nothing(&label, 17);
    struct told nothing = {0};
    expect_nothing(&nothing, 18);
}

static void names(void **state)
{
    (void)state;
    expect_name(choose(&full_address, 18), "");
    expect_name(choose(&full_address, 17), "High Street");
    expect_name(choose(&full_address, 10), "Bath");
    expect_name(choose(&full_address, 3), "United Kingdom");
    struct told pub = full_address;
    pub.name = "The Crown";
    struct reverse_place place = choose(&pub, 18);
    expect_name(place, "The Crown");
    assert_true(place.has_own_name);
    assert_string_equal(place.kind->named, "place");
    place = choose(&pub, 17);
    expect_name(place, "High Street");
    assert_false(place.has_own_name);
    struct told unnumbered = {.name = "The Crown", .street = "High Street"};
    assert_string_equal(choose(&unnumbered, 18).kind->named, "place");
}

/* A name that says what another field says is no detail of its own. */
static void name_of_a_city(void **state)
{
    (void)state;
    struct told city = {.name = "Bath", .city = "Bath", .country = "United Kingdom"};
    struct reverse_place place = choose(&city, 18);
    assert_string_equal(place.kind->named, "city");
    assert_false(place.has_own_name);
    expect_name(place, "Bath");
    expect_name(choose(&city, 10), "Bath");
    expect_name(choose(&city, 5), "United Kingdom");
}

static void names_without_a_street(void **state)
{
    (void)state;
    struct told lake = {.name = "Loch Ness", .state = "Scotland"};
    assert_string_equal(choose(&lake, 18).kind->named, "locality");
    expect_name(choose(&lake, 15), "Loch Ness");
    assert_true(choose(&lake, 15).has_own_name);
    expect_name(choose(&lake, 14), "Scotland");
    lake.name = "12 High Street";
    expect_name(choose(&lake, 18), "12 High Street");
    expect_name(choose(&lake, 17), "Scotland");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_zoom),
        cmocka_unit_test(sparse_addresses),
        cmocka_unit_test(names),
        cmocka_unit_test(name_of_a_city),
        cmocka_unit_test(names_without_a_street),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
