#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "tables/lexer.h"

static void expect(struct lexer *lexer, enum token_kind kind, const char *source, unsigned column)
{
    assert_int_equal(lexer->token.kind, kind);
    assert_int_equal(lexer->token.source.length, strlen(source));
    assert_memory_equal(lexer->token.source.data, source, strlen(source));
    assert_int_equal(lexer->token.column, column);
    lexer_next(lexer);
}

static void words_symbols_numbers_texts(void **state)
{
    (void)state;
    struct lexer lexer;
    struct error err;
    const char *text = "sum(3)[lat,_x1] of\t-1.5e-3*.5>=\"a \\\"é\\\\;\" !=x<=y<z>\r==1e3+2";
    lexer_begin(&lexer, text, text, &err);
    expect(&lexer, TOKEN_WORD, "sum", 1);
    expect(&lexer, TOKEN_SYMBOL, "(", 4);
    assert_true(lexer.token.number == 3);
    expect(&lexer, TOKEN_NUMBER, "3", 5);
    expect(&lexer, TOKEN_SYMBOL, ")", 6);
    expect(&lexer, TOKEN_SYMBOL, "[", 7);
    expect(&lexer, TOKEN_WORD, "lat", 8);
    expect(&lexer, TOKEN_SYMBOL, ",", 11);
    expect(&lexer, TOKEN_WORD, "_x1", 12);
    expect(&lexer, TOKEN_SYMBOL, "]", 15);
    expect(&lexer, TOKEN_WORD, "of", 17);
    expect(&lexer, TOKEN_SYMBOL, "-", 20);
    assert_true(lexer.token.number == 1.5e-3);
    expect(&lexer, TOKEN_NUMBER, "1.5e-3", 21);
    expect(&lexer, TOKEN_SYMBOL, "*", 27);
    expect(&lexer, TOKEN_NUMBER, ".5", 28);
    expect(&lexer, TOKEN_SYMBOL, ">=", 30);
    char plain[32];
    assert_int_equal(token_text(&lexer.token, plain), strlen("a \"é\\;"));
    assert_memory_equal(plain, "a \"é\\;", strlen("a \"é\\;"));
    expect(&lexer, TOKEN_TEXT, "\"a \\\"é\\\\;\"", 32);
    expect(&lexer, TOKEN_SYMBOL, "!=", 43);
    expect(&lexer, TOKEN_WORD, "x", 45);
    expect(&lexer, TOKEN_SYMBOL, "<=", 46);
    expect(&lexer, TOKEN_WORD, "y", 48);
    expect(&lexer, TOKEN_SYMBOL, "<", 49);
    expect(&lexer, TOKEN_WORD, "z", 50);
    expect(&lexer, TOKEN_SYMBOL, ">", 51);
    expect(&lexer, TOKEN_SYMBOL, "==", 53);
    assert_true(lexer.token.number == 1000);
    expect(&lexer, TOKEN_NUMBER, "1e3", 55);
    expect(&lexer, TOKEN_SYMBOL, "+", 58);
    expect(&lexer, TOKEN_NUMBER, "2", 59);
    expect(&lexer, TOKEN_END, "", 60);
    expect(&lexer, TOKEN_END, "", 60);
}

static void what_is_no_word_says_so_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"a = b", "column 3: found \"=\"; equal is written =="},
        {"é !b", "column 1: found \"é\""},
        {"a !b", "column 3: found \"!\"; unequal is written !="},
        {"a && b", "column 3: found \"&\"; both is written and"},
        {"a || b", "column 3: found \"|\"; either is written or"},
        {"a 'b'", "column 3: found \"'\"; a text stands in double quotes"},
        {"a \"b", "column 3: a text without its closing"},
        {"a \"é\\n\"", "column 5: in a text a backslash stands before"},
        {"a \"\\", "column 4: in a text a backslash"},
        {"12x", "column 1: \"12x\" is no number"},
        {"1.2.3", "column 1: \"1.2.3\" is no number"},
        {"1e999", "column 1: \"1e999\" is no number"},
        {"1e", "column 1: \"1e\" is no number"},
        {"a.b", "column 2: found \".\""},
        {"99999999999999999999999999999999999999999999999999999999999999999999",
         "column 1: too long"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct lexer lexer;
        struct error err = {0};
        lexer_begin(&lexer, bad[i].text, bad[i].text, &err);
        while (lexer.token.kind != TOKEN_BAD && lexer.token.kind != TOKEN_END)
            lexer_next(&lexer);
        assert_int_equal(lexer.token.kind, TOKEN_BAD);
        assert_int_equal(err.code, ERROR_VALUE);
        if (strncmp(err.message, bad[i].message, strlen(bad[i].message)) != 0)
            fail_msg("%s: %s", bad[i].text, err.message);
        lexer_next(&lexer);
        assert_int_equal(lexer.token.kind, TOKEN_BAD);
    }
}

static void a_token_is_a_whole_word(void **state)
{
    (void)state;
    struct lexer lexer;
    const char *text = "when \"when\"";
    lexer_begin(&lexer, text, text, NULL);
    assert_true(token_is(&lexer.token, "when"));
    assert_false(token_is(&lexer.token, "whe"));
    assert_false(token_is(&lexer.token, "whenn"));
    lexer_next(&lexer);
    assert_false(token_is(&lexer.token, "\"when\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_symbols_numbers_texts),
        cmocka_unit_test(what_is_no_word_says_so_and_where),
        cmocka_unit_test(a_token_is_a_whole_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
