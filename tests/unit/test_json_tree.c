#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geocoder/json_tree.h"

static struct json_tree tree;

static int free_tree(void **state)
{
    (void)state;
    json_tree_free(&tree);
    return 0;
}

/* read_exactly: out of memory that ends where the text does. */
static const cJSON *read_exactly(const char *text, size_t size, const char **why)
{
    char *body = malloc(size == 0 ? 1 : size);
    assert_non_null(body);
    memcpy(body, text, size);
    *why = NULL;
    const cJSON *root = json_tree_read(&tree, body, size, why);
    assert_true((root == NULL) == (*why != NULL));
    free(body);
    return root;
}

static const cJSON *read_text(const char *text)
{
    const char *why;
    const cJSON *root = read_exactly(text, strlen(text), &why);
    if (root == NULL)
        fail_msg("%s: %s", text, why);
    return root;
}

static void expect_bad_bytes(const char *text, size_t size, const char *part)
{
    const char *why;
    if (read_exactly(text, size, &why) != NULL)
        fail_msg("this is read: %.*s", (int)size, text);
    if (strstr(why, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, why);
}

static void expect_bad(const char *text, const char *part)
{
    expect_bad_bytes(text, strlen(text), part);
}

static void every_kind_of_value_is_read(void **state)
{
    (void)state;
    const cJSON *root = read_text(" {\"a\" : [1, -2.5,\t\"x\"] ,\n\"b\":{}, \"c\":[],\"d\":true,"
                                  "\"e\":false,\"f\":null}\r\n");
    const cJSON *a = cJSON_GetObjectItemCaseSensitive(root, "a");
    assert_int_equal(cJSON_GetArraySize(a), 3);
    assert_true(cJSON_GetArrayItem(a, 0)->valuedouble == 1);
    assert_true(cJSON_GetArrayItem(a, 1)->valuedouble == -2.5);
    assert_string_equal(cJSON_GetArrayItem(a, 2)->valuestring, "x");
    assert_true(cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(root, "b")));
    assert_true(cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(root, "c")));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "d")));
    assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(root, "e")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(root, "f")));
    assert_int_equal(cJSON_GetArraySize(root), 6);
    assert_true(read_text("7")->valuedouble == 7);
    assert_string_equal(read_text("\"\"")->valuestring, "");
}

static void escapes_are_decoded(void **state)
{
    (void)state;
    assert_string_equal(read_text("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"")->valuestring,
                        "a\"\\/\b\f\n\r\tz");
    assert_string_equal(read_text("\"\\u0041\\u00e9\\u20AC\\ud83d\\uDe00!\"")->valuestring,
                        "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!");
    const cJSON *root = read_text("{\"\\u0061b\":\"c\\u0064\",\"e\":\"\\\\\"}");
    assert_string_equal(root->child->string, "ab");
    assert_string_equal(root->child->valuestring, "cd");
    assert_string_equal(root->child->next->valuestring, "\\");
    assert_int_equal(root->child->valueint, 2);
    assert_int_equal(root->child->next->valueint, 1);
    assert_int_equal(read_text("\"\\u20acabcdefghijklmnopqrstuvwxyz\"")->valueint, 29);
    assert_int_equal(read_text("\"\"")->valueint, 0);
}

static void broken_texts_are_refused(void **state)
{
    (void)state;
    expect_bad("\"\\u0000\"", "text");
    expect_bad("\"a\\u0000b\"", "text");
    expect_bad("\"\\u12g4\"", "text");
    expect_bad("\"\\u12", "");
    expect_bad("\"\\ud800\"", "text");
    expect_bad("\"\\ud800x\"", "text");
    expect_bad("\"\\ud800\\u0041\"", "text");
    expect_bad("\"\\ud800\\ud800\"", "text");
    expect_bad("\"\\udc00\"", "text");
    expect_bad("\"\\x41\"", "text");
    expect_bad("\"\\", "");
    expect_bad("\"abc", "");
    expect_bad("\"abcdefgh", "");
    expect_bad("\"\xff\"", "UTF-8");
    expect_bad("\"\xc3", "UTF-8");
    expect_bad("\"\xed\xa0\x80\"", "UTF-8");
    expect_bad_bytes("\"a\0b\"", 5, "NUL");
    expect_bad_bytes("\0", 1, "NUL");
    expect_bad_bytes("{}\0", 3, "NUL");
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const bad[] = {
        " ",
        "{",
        "}",
        "[",
        "]",
        "[1",
        "[1,",
        "[,]",
        "[1,]",
        "[1 2]",
        "{\"a\"",
        "{a:1}",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\" 1}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{1:2}",
        "[1}",
        "{\"a\":1]",
        "tru",
        "nul",
        "True",
        "+1",
        "-",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "1e999",
        "NaN",
        "Infinity",
        "'a'",
        "1 2",
        "{}{}",
        "[]x",
        "/**/1",
        "--1",
        "1.2.3",
    };
    (void)state;
    expect_bad("", "empty");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_bad(bad[i], "");
}

static void numbers_are_exact(void **state)
{
    static const char *const numbers[] = {
        "0",
        "-0",
        "7",
        "-7",
        "0.1",
        "13.3888599",
        "52.5170365",
        "1e3",
        "1E-3",
        "1.5e+2",
        "1e22",
        "1e23",
        "0.30000000000000004",
        "999999999999999",
        "9007199254740993",
        "0.000000000000001",
        "123456789012345678",
        "1e308",
        "2.2250738585072014e-308",
        "1e-400",
        "-179.99999999999997",
        "5.35e-05",
        "0.7413820967342375",
        "9007199254740992",
        "9007199254740993e-2",
        "1e-22",
        "1e-23",
        "123456789e22",
        "123456789012345678e22",
        "18446744073709551617",
        "0e99999",
        "1e-99999999999999999999",
    };
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        double value = read_text(numbers[i])->valuedouble;
        double expected = strtod(numbers[i], NULL);
        assert_memory_equal(&value, &expected, sizeof value);
    }
}

static void nesting_has_a_limit(void **state)
{
    char text[2 * JSON_NESTING + 3] = "";
    char *deep = malloc(1000000);
    (void)state;
    assert_non_null(deep);
    memset(text, '[', JSON_NESTING);
    memset(text + JSON_NESTING, ']', JSON_NESTING);
    assert_non_null(read_text(text));
    memset(text, '[', JSON_NESTING + 1);
    memset(text + JSON_NESTING + 1, ']', JSON_NESTING + 1);
    expect_bad_bytes(text, sizeof text - 1, "nested");
    memset(deep, '[', 1000000);
    expect_bad_bytes(deep, 1000000, "nested");
    free(deep);
}

static void values_have_a_limit(void **state)
{
    enum { SIZE = 1000001 };
    char *text = malloc(SIZE);
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = i % 2 == 0 ? ',' : '0';
    text[0] = '[';
    text[SIZE - 1] = ']';
    expect_bad_bytes(text, SIZE, "too many");
    memset(text, ' ', SIZE);
    memcpy(text + SIZE / 2, "[[],{}]", 7);
    const char *why;
    assert_non_null(read_exactly(text, SIZE, &why));
    free(text);
}

static void the_next_tree_uses_the_memory_again(void **state)
{
    char text[4096];
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_true(snprintf(text, sizeof text, "[\"%0*d\",{\"a\":%d}]", 1 + i * 37 % 4000, i, i) >
                    0);
        const cJSON *root = read_text(text);
        assert_int_equal(atoi(root->child->valuestring), i);
        assert_true(root->child->next->child->valuedouble == i);
    }
    json_tree_free(&tree);
    json_tree_free(&tree);
    assert_non_null(read_text("[1]"));
}

/* same: as cJSON reads it. */
static bool same(const cJSON *a, const cJSON *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if ((a->type & 0xff) != (b->type & 0xff) || (a->string == NULL) != (b->string == NULL))
        return false;
    if (a->string != NULL && strcmp(a->string, b->string) != 0)
        return false;
    if (cJSON_IsString(a) && strcmp(a->valuestring, b->valuestring) != 0)
        return false;
    if (cJSON_IsNumber(a) && memcmp(&a->valuedouble, &b->valuedouble, sizeof a->valuedouble) != 0)
        return false;
    return same(a->child, b->child) && same(a->next, b->next);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Whatever is read is what cJSON reads, for texts with a few random changes. */
static void it_reads_what_cjson_reads(void **state)
{
    static const char good[] =
        "{\"lat\":\"52.5\",\"n\":[1,-2.5e3,0.1,{\"a\":null,\"b\":[true,false]}],\"t\":\"caf\\u00e9 "
        "\\\"q\\\" \\ud83d\\ude00\",\"address\":{\"road\":\"Stra\xc3\x9f"
        "e\",\"code\":\"de\"}}";
    static const char parts[] = "{}[],:\"\\u0019e.-+ tfn\n/ad8";
    uint32_t seed = 7;
    unsigned both = 0;
    (void)state;
    for (int round = 0; round < 50000; round++) {
        char text[sizeof good];
        const char *why;
        size_t size = sizeof good - 1;
        memcpy(text, good, sizeof good);
        for (uint32_t changes = next_random(&seed) % 3; changes > 0; changes--)
            text[next_random(&seed) % size] = parts[next_random(&seed) % (sizeof parts - 1)];
        const cJSON *root = read_exactly(text, size, &why);
        cJSON *expected = cJSON_Parse(text);
        if (root != NULL) {
            both++;
            if (!same(root, expected))
                fail_msg("read otherwise: %s", text);
        }
        cJSON_Delete(expected);
    }
    assert_true(both > 15000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(broken_texts_are_refused),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(values_have_a_limit),
        cmocka_unit_test(the_next_tree_uses_the_memory_again),
        cmocka_unit_test(it_reads_what_cjson_reads),
    };
    return cmocka_run_group_tests(tests, NULL, free_tree);
}
