#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cachefmt/address.h"
#include "pair_sample.h"

static struct slice text(const char *literal)
{
    return (struct slice){literal, (uint32_t)strlen(literal)};
}

static void expect_folded(struct address *address, const char *folded)
{
    struct buffer room = {0};
    struct buffer plain = {0};
    struct error err;
    struct slice label = address->field[FIELD_LABEL];
    assert_int_equal(address_fold(address, &room, &err), 0);
    struct slice got = address->field[FIELD_LABEL];
    assert_int_equal(got.length, strlen(folded));
    assert_memory_equal(got.data, folded, got.length);
    assert_int_equal(address_unfold(address, &plain, &err), 0);
    assert_int_equal(plain.used, label.length);
    if (label.length > 0)
        assert_memory_equal(plain.data, label.data, label.length);
    buffer_free(&plain);
    buffer_free(&room);
}

static void folds_a_usual_label(void **state)
{
    (void)state;
    struct address address = {0};
    address.field[FIELD_LABEL] = text("12 High Street, Bath, England");
    address.field[FIELD_HOUSENUMBER] = text("12");
    address.field[FIELD_STREET] = text("High Street");
    address.field[FIELD_CITY] = text("Bath");
    address.field[FIELD_COUNTRY] = text("England");
    expect_folded(&address, "\xf7 \xf8, \xfa, \xfe");
}

static void takes_the_longest_then_the_first(void **state)
{
    (void)state;
    struct address address = {0};
    address.field[FIELD_LABEL] = text("New York City, New York, New York");
    address.field[FIELD_DISTRICT] = text("New");
    address.field[FIELD_CITY] = text("New York");
    address.field[FIELD_STATE] = text("New York");
    address.field[FIELD_NAME] = text("New York City");
    expect_folded(&address, "\xf6, \xfa, \xfa");
}

static void folds_whole_words_only(void **state)
{
    (void)state;
    struct address address = {0};
    address.field[FIELD_LABEL] = text("1 Bathside, 21 Bath1 \xc3\xa9"
                                      "Bath Bath\xc3\xa9 Bath");
    address.field[FIELD_HOUSENUMBER] = text("1");
    address.field[FIELD_CITY] = text("Bath");
    expect_folded(&address, "\xf7 Bathside, 21 Bath1 \xc3\xa9"
                            "Bath Bath\xc3\xa9 \xfa");
}

static void a_field_may_begin_and_end_with_anything(void **state)
{
    (void)state;
    struct address address = {0};
    address.field[FIELD_LABEL] = text("((x)) -a- b");
    address.field[FIELD_NAME] = text("(x)");
    address.field[FIELD_STREET] = text("-a-");
    expect_folded(&address, "(\xf6) \xf8 b");
}

static void leaves_a_label_alone_that_repeats_nothing(void **state)
{
    (void)state;
    struct address address = {0};
    struct buffer room = {0};
    address.field[FIELD_LABEL] = text("Somewhere");
    address.field[FIELD_CITY] = text("Elsewhere and far away");
    const char *before = address.field[FIELD_LABEL].data;
    assert_int_equal(address_fold(&address, &room, NULL), 0);
    assert_ptr_equal(address.field[FIELD_LABEL].data, before);
    assert_int_equal(room.used, 0);
    buffer_free(&room);
    address = (struct address){0};
    expect_folded(&address, "");
}

static void hostile_markers_add_nothing(void **state)
{
    (void)state;
    struct address address = {0};
    struct buffer out = {0};
    address.field[FIELD_LABEL] = text("a\xf5"
                                      "b\xf6"
                                      "c\xff"
                                      "d\xfa");
    address.field[FIELD_CITY] = text("Bath");
    assert_int_equal(address_unfold(&address, &out, NULL), 0);
    assert_int_equal(out.used, 8);
    assert_memory_equal(out.data, "abcdBath", 8);
    buffer_free(&out);
}

static struct slice random_text(uint64_t *random, char *at)
{
    static const char *const pieces[] = {"a", "b",  "ab",       " ", ",",
                                         "1", "12", "\xc3\xa9", "-", "a b"};
    uint32_t length = 0;
    for (uint64_t n = sample_random(random) % 6; n > 0; n--) {
        const char *piece = pieces[sample_random(random) % 10];
        memcpy(at + length, piece, strlen(piece));
        length += (uint32_t)strlen(piece);
    }
    return (struct slice){at, length};
}

static void random_labels_come_back(void **state)
{
    (void)state;
    uint64_t random = 17;
    for (int round = 0; round < 200000; round++) {
        char memory[FIELD_COUNT + 1][64];
        char label[512];
        struct address address = {0};
        struct buffer folded = {0};
        struct buffer plain = {0};
        uint32_t length = 0;
        for (int f = FIELD_LABEL + 1; f < FIELD_COUNT; f++)
            address.field[f] = random_text(&random, memory[f]);
        for (int part = 0; part < 6; part++) {
            uint64_t field = 1 + sample_random(&random) % FIELD_COUNT;
            struct slice piece = field < FIELD_COUNT ? address.field[field]
                                                     : random_text(&random, memory[FIELD_COUNT]);
            if (piece.length > 0)
                memcpy(label + length, piece.data, piece.length);
            length += piece.length;
            if (sample_random(&random) % 2 == 0)
                label[length++] = ' ';
        }
        address.field[FIELD_LABEL] = (struct slice){label, length};
        assert_int_equal(address_fold(&address, &folded, NULL), 0);
        assert_true(address.field[FIELD_LABEL].length <= length);
        assert_int_equal(address_unfold(&address, &plain, NULL), 0);
        assert_int_equal(plain.used, length);
        if (length > 0)
            assert_memory_equal(plain.data, label, length);
        buffer_free(&folded);
        buffer_free(&plain);
    }
}

static void compares_addresses(void **state)
{
    (void)state;
    struct address a = {0};
    struct address b = {0};
    assert_true(address_is_empty(&a));
    assert_true(address_equal(&a, &b));
    a.field[FIELD_COUNTRYCODE] = text("de");
    assert_false(address_is_empty(&a));
    assert_false(address_equal(&a, &b));
    char copy[] = "de";
    b.field[FIELD_COUNTRYCODE] = (struct slice){copy, 2};
    assert_true(address_equal(&a, &b));
    copy[1] = 'k';
    assert_false(address_equal(&a, &b));
}

static void names_are_those_of_geocodejson(void **state)
{
    (void)state;
    assert_string_equal(address_field_names[FIELD_LABEL], "label");
    assert_string_equal(address_field_names[FIELD_HOUSENUMBER], "housenumber");
    assert_string_equal(address_field_names[FIELD_DISTRICT], "district");
    assert_string_equal(address_field_names[FIELD_POSTCODE], "postcode");
    assert_string_equal(address_field_names[FIELD_COUNTRYCODE], "countrycode");
    assert_string_equal(outcome_names[OUTCOME_UNSURE], "unsure");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_a_usual_label),
        cmocka_unit_test(takes_the_longest_then_the_first),
        cmocka_unit_test(folds_whole_words_only),
        cmocka_unit_test(a_field_may_begin_and_end_with_anything),
        cmocka_unit_test(leaves_a_label_alone_that_repeats_nothing),
        cmocka_unit_test(hostile_markers_add_nothing),
        cmocka_unit_test(random_labels_come_back),
        cmocka_unit_test(compares_addresses),
        cmocka_unit_test(names_are_those_of_geocodejson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
