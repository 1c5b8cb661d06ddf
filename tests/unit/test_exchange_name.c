#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "fleet/exchange_name.h"

#define ID "00112233445566778899aabbccddeeff"
#define RUN "20261121T020000Z-1f3a"

static void each_kind_has_one_path(void **state)
{
    static const struct {
        const char *path;
        enum exchange_kind kind;
        const char *run;
        uint32_t number;
    } cases[] = {
        {"/answers/" RUN "/0/" ID, EXCHANGE_ANSWERS, RUN, 0},
        {"/answers/" RUN "/4095/" ID, EXCHANGE_ANSWERS, RUN, 4095},
        {"/answers/r/4294967295/" ID, EXCHANGE_ANSWERS, "r", UINT32_MAX},
        {"/learned/" RUN "/" ID, EXCHANGE_LEARNED, RUN, 0},
        {"/learned/0123456789012345678901234567890/" ID, EXCHANGE_LEARNED,
         "0123456789012345678901234567890", 0},
        {"/manifest/" ID, EXCHANGE_MANIFEST, "", 0},
        {"/pair/0/" ID "/idx", EXCHANGE_INDEX, "", 0},
        {"/pair/575/" ID "/dat", EXCHANGE_DATA, "", 575},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct exchange_name name;
        char path[EXCHANGE_PATH_BYTES];
        assert_true(exchange_name_parse(cases[i].path, &name));
        assert_int_equal(name.kind, cases[i].kind);
        assert_string_equal(name.run, cases[i].run);
        assert_int_equal(name.number, cases[i].number);
        assert_int_equal(name.digest.bytes[1], 0x11);
        assert_string_equal(exchange_name_print(&name, path), cases[i].path);
    }
}

static void nothing_else_is_a_name(void **state)
{
    static const char *const paths[] = {
        "",
        "/",
        "answers",
        "/answers",
        "/answers/",
        "//",
        "/../",
        "/manifest/",
        "/manifest/..",
        "/manifest/../../etc/passwd",
        "/manifest/" ID "/",
        "/manifest/" ID "0",
        "/manifest//" ID,
        "/manifest/" ID "/../x",
        "//manifest/" ID,
        "/Manifest/" ID,
        "/manifest/0",
        "/manifest/00112233445566778899AABBCCDDEEFF",
        "/manifest/0x112233445566778899aabbccddeeff",
        "/manifest/00112233445566778899aabbccddeef",
        "/manifest/ 0112233445566778899aabbccddeeff",
        "manifest/" ID,
        "/answers/" RUN "/" ID,
        "/answers/" RUN "//" ID,
        "/answers//0/" ID,
        "/answers/../0/" ID,
        "/answers/a.b/0/" ID,
        "/answers/a_b/0/" ID,
        "/answers/a%2fb/0/" ID,
        "/answers/01234567890123456789012345678901/0/" ID,
        "/answers/" RUN "/00/" ID,
        "/answers/" RUN "/01/" ID,
        "/answers/" RUN "/-1/" ID,
        "/answers/" RUN "/+1/" ID,
        "/answers/" RUN "/4294967296/" ID,
        "/answers/" RUN "/99999999999999999999999/" ID,
        "/answers/" RUN "/0x1/" ID,
        "/answers/" RUN "/1/" ID "/",
        "/answers/" RUN "/1/" ID "/idx",
        "/answers/" RUN "/ 1/" ID,
        "/learned/" ID,
        "/learned/" RUN "/0/" ID,
        "/learned//" ID,
        "/learned/" RUN "/" ID ".csv",
        "/pair/0/" ID,
        "/pair/0/" ID "/",
        "/pair/0/" ID "/id",
        "/pair/0/" ID "/idx/",
        "/pair/0/" ID "/idxx",
        "/pair/0/" ID "/dat.part",
        "/pair/0/" ID "idx",
        "/pair/" ID "/idx",
        "/pair/00/" ID "/idx",
        "/pair/../" ID "/idx",
        "/pair/0/../MANIFEST",
        "/answers/r\xc3\xa9/0/" ID,
        "/answers/" RUN "\n/0/" ID,
    };
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct exchange_name name = {.number = 77};
        if (exchange_name_parse(paths[i], &name))
            fail_msg("\"%s\" was taken for a name", paths[i]);
        assert_int_equal(name.number, 77);
    }
}

static void every_cut_of_a_path_is_no_name(void **state)
{
    static const char *const paths[] = {"/answers/" RUN "/17/" ID, "/learned/" RUN "/" ID,
                                        "/manifest/" ID, "/pair/3/" ID "/dat"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char cut[EXCHANGE_PATH_BYTES] = "";
        struct exchange_name name;
        for (size_t length = 0; length < strlen(paths[i]); length++) {
            memcpy(cut, paths[i], length);
            cut[length] = '\0';
            assert_false(exchange_name_parse(cut, &name));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_one_path),
        cmocka_unit_test(nothing_else_is_a_name),
        cmocka_unit_test(every_cut_of_a_path_is_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
