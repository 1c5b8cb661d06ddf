#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "daemon/reverse_label.h"
#include "tests/unit/reverse_rig.h"

/* line NULL: nothing is left. */
static void expect_entry(const struct entry *entry, unsigned zoom, const char *line)
{
    struct buffer out = {0};
    struct reverse_place place;
    bool any = reverse_place_choose(&entry->address, zoom, &place);
    assert_int_equal(any, line != NULL);
    if (!any)
        return;
    assert_int_equal(reverse_label_print(&entry->address, &place, &out, NULL), 0);
    assert_int_equal(buffer_append(&out, "", 1, NULL), 0);
    assert_string_equal((const char *)out.data, line);
    buffer_free(&out);
}

static void expect(const struct told *told, unsigned zoom, const char *line)
{
    struct buffer text = {0};
    struct entry entry = told_entry(told, &text);
    expect_entry(&entry, zoom, line);
    buffer_free(&text);
}

static void cut_zoom_by_zoom(void **state)
{
    (void)state;
    static const struct {
        unsigned zoom;
        const char *line;
    } rows[] = {
        {18, "12 High Street, Old Town, Bath BA1 2QR, Somerset, England, United Kingdom"},
        {17, "High Street, Old Town, Bath BA1 2QR, Somerset, England, United Kingdom"},
        {16, "High Street, Old Town, Bath BA1 2QR, Somerset, England, United Kingdom"},
        {15, "Old Town, Bath BA1 2QR, Somerset, England, United Kingdom"},
        {13, "Old Town, Bath BA1 2QR, Somerset, England, United Kingdom"},
        {12, "Bath BA1 2QR, Somerset, England, United Kingdom"},
        {11, "Bath, Somerset, England, United Kingdom"},
        {10, "Bath, Somerset, England, United Kingdom"},
        {9, "Somerset, England, United Kingdom"},
        {8, "Somerset, England, United Kingdom"},
        {7, "England, United Kingdom"},
        {5, "England, United Kingdom"},
        {4, "United Kingdom"},
        {3, "United Kingdom"},
        {0, "United Kingdom"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect(&full_address, rows[i].zoom, rows[i].line);
}

/* Orders and signs of other countries stay. */
static void other_orders(void **state)
{
    (void)state;
    struct told german = {.label = "Hauptstra\xC3\x9F"
                                   "e 5 - 10115 Berlin (Mitte)",
                          .housenumber = "5",
                          .street = "Hauptstra\xC3\x9F"
                                    "e",
                          .district = "Mitte",
                          .city = "Berlin",
                          .postcode = "10115"};
    expect(&german, 18, german.label);
    expect(&german, 17,
           "Hauptstra\xC3\x9F"
           "e 10115 Berlin (Mitte)");
    expect(&german, 13, "10115 Berlin (Mitte)");
    expect(&german, 10, "Berlin");
    expect(&german, 3, NULL);
    struct told bracketed = {.label = "(Bath) 5", .housenumber = "5", .city = "Bath"};
    expect(&bracketed, 17, "(Bath");
    bracketed.label = "5 (Bath)";
    expect(&bracketed, 17, "Bath)");
    bracketed.label = "(Bath)";
    expect(&bracketed, 17, "(Bath)");
    struct told japanese = {.label = "Japan, Tokyo, Ginza, 7",
                            .housenumber = "7",
                            .district = "Ginza",
                            .state = "Tokyo",
                            .country = "Japan"};
    expect(&japanese, 17, "Japan, Tokyo, Ginza");
    expect(&japanese, 10, "Japan, Tokyo");
}

static void plain_words_are_left_out(void **state)
{
    (void)state;
    struct told told = {.label = "Flat 3b, 12a High Street near the Crown, Bath, Ward 7, England",
                        .housenumber = "12",
                        .street = "High Street",
                        .city = "Bath",
                        .country = "England"};
    expect(&told, 18, told.label);
    expect(&told, 17, "High Street, Bath, England");
    expect(&told, 10, "Bath, England");
    struct told nothing_of_it = {.label = "Somewhere in the fields", .country = "France"};
    expect(&nothing_of_it, 18, "Somewhere in the fields");
    expect(&nothing_of_it, 17, "France");
    struct told label_alone = {.label = "1 Secret Road"};
    expect(&label_alone, 18, "1 Secret Road");
    expect(&label_alone, 17, NULL);
}

/* The city and the state of one name: the label names it once or twice. */
static void one_text_of_two_fields(void **state)
{
    (void)state;
    struct told twice = {.label = "Berlin, Berlin, Germany",
                         .city = "Berlin",
                         .state = "Berlin",
                         .country = "Germany"};
    expect(&twice, 10, "Berlin, Berlin, Germany");
    expect(&twice, 5, "Berlin, Germany");
    expect(&twice, 3, "Germany");
    struct told once = {.label = "5, Berlin, Germany",
                        .housenumber = "5",
                        .city = "Berlin",
                        .state = "Berlin",
                        .country = "Germany"};
    expect(&once, 17, "Berlin, Germany");
    expect(&once, 5, "Berlin, Germany");
}

static void lines_of_fields(void **state)
{
    (void)state;
    struct told told = full_address;
    told.label = NULL;
    told.name = "The Crown";
    expect(&told, 18,
           "The Crown, 12, High Street, Old Town, Bath, Somerset, England, BA1 2QR, "
           "United Kingdom");
    expect(&told, 17, "High Street, Old Town, Bath, Somerset, England, BA1 2QR, United Kingdom");
    told.name = "12 High Street";
    expect(&told, 18,
           "12 High Street, Old Town, Bath, Somerset, England, BA1 2QR, "
           "United Kingdom");
    struct told berlin = {.city = "Berlin", .state = "Berlin", .country = "Germany"};
    expect(&berlin, 18, "Berlin, Germany");
    struct told code = {.countrycode = "GB", .city = "Bath"};
    expect(&code, 18, "Bath");
    expect(&code, 3, "GB");
    /* The label lacks the street, which is what the place is at this zoom. */
    struct told pelias = {.label = "12 High Street, Bath",
                          .name = "12 High Street",
                          .housenumber = "12",
                          .street = "High Street",
                          .city = "Bath"};
    expect(&pelias, 18, "12 High Street, Bath");
    expect(&pelias, 17, "High Street, Bath");
}

static void hostile_labels(void **state)
{
    (void)state;
    struct entry entry = {0};
    entry.address.field[FIELD_LABEL] =
        (struct slice){"\xF5 \xFA\"\\\n\xFF \x80\xFB,\xFB\xFB \xF7", 15};
    entry.address.field[FIELD_CITY] = (struct slice){"B\"\x01", 3};
    expect_entry(&entry, 18,
                 " B\\\"\\u0001\\\"\\\\\\n \xEF\xBF\xBD"
                 ", ");
    expect_entry(&entry, 10, "B\\\"\\u0001");
}

/* A label that would be larger than a field may be is not put together. */
static void too_long(void **state)
{
    (void)state;
    size_t bytes = FIELD_BYTES_LIMIT;
    char *label = malloc(bytes), *city = malloc(bytes);
    assert_true(label != NULL && city != NULL);
    memset(label, (int)(FIELD_MARKER_BASE + FIELD_CITY), bytes);
    memset(city, 'x', bytes);
    struct entry entry = {0};
    struct buffer out = {0};
    struct reverse_place place;
    entry.address.field[FIELD_LABEL] = (struct slice){label, (uint32_t)bytes};
    entry.address.field[FIELD_CITY] = (struct slice){city, (uint32_t)bytes};
    assert_true(reverse_place_choose(&entry.address, 18, &place));
    assert_int_equal(reverse_label_print(&entry.address, &place, &out, NULL), 0);
    assert_int_equal(out.used, bytes);
    buffer_free(&out);
    free(label);
    free(city);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_zoom_by_zoom),
        cmocka_unit_test(other_orders),
        cmocka_unit_test(plain_words_are_left_out),
        cmocka_unit_test(one_text_of_two_fields),
        cmocka_unit_test(lines_of_fields),
        cmocka_unit_test(hostile_labels),
        cmocka_unit_test(too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
