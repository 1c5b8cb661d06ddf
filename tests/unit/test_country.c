#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "geocoder/country.h"

static void expect(const char *alpha3, const char *alpha2)
{
    struct slice code = country_code(alpha3);
    assert_int_equal(code.length, strlen(alpha2));
    if (code.length > 0)
        assert_memory_equal(code.data, alpha2, code.length);
}

static void codes_of_three_letters_become_two(void **state)
{
    (void)state;
    expect("DEU", "de");
    expect("FRA", "fr");
    expect("GBR", "gb");
    expect("USA", "us");
    expect("ABW", "aw");
    expect("ZWE", "zw");
    expect("XKX", "xk");
    expect("XKS", "xk");
}

static void other_texts_are_no_country(void **state)
{
    (void)state;
    static const char *const others[] = {"",    "D",    "DE",  "deu",    "ZZZ",
                                         "AAA", "DEUX", "WaA", "FRAfrF", "EUd"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        expect(others[i], "");
}

/* Every code is found again, so the table is in order and whole; no two countries share one, but
 * for Kosovo's two. */
static void the_table_is_in_order(void **state)
{
    (void)state;
    char alpha3[4] = "AAA";
    unsigned found = 0;
    static unsigned char seen[26][26];
    memset(seen, 0, sizeof seen);
    for (alpha3[0] = 'A'; alpha3[0] <= 'Z'; alpha3[0]++) {
        for (alpha3[1] = 'A'; alpha3[1] <= 'Z'; alpha3[1]++) {
            for (alpha3[2] = 'A'; alpha3[2] <= 'Z'; alpha3[2]++) {
                struct slice code = country_code(alpha3);
                if (code.length == 0)
                    continue;
                found++;
                assert_int_equal(code.length, 2);
                assert_in_range(code.data[0], 'a', 'z');
                assert_in_range(code.data[1], 'a', 'z');
                unsigned char *count = &seen[code.data[0] - 'a'][code.data[1] - 'a'];
                assert_int_equal(*count, *count > 0 && strncmp(code.data, "xk", 2) == 0);
                (*count)++;
            }
        }
    }
    assert_int_equal(found, 249 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_of_three_letters_become_two),
        cmocka_unit_test(other_texts_are_no_country),
        cmocka_unit_test(the_table_is_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
