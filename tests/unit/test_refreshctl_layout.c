/* Cells in aligned columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "daemon/refreshctl_layout.h"

/* Rows of cells, | between cells, a newline after each row; a cell that begins with # is a number.
 */
static void expect(bool headed, const char *cells, const char *lines)
{
    struct layout layout = {.headed = headed};
    struct buffer text = {0};
    struct error err;
    char cell[400];
    while (*cells != '\0') {
        size_t length = strcspn(cells, "|\n");
        bool number = cells[0] == '#';
        assert_true(length < sizeof cell);
        memcpy(cell, cells + number, length - number);
        cell[length - number] = '\0';
        assert_int_equal(layout_cell(&layout, cell, number, &err), 0);
        if (cells[length] == '\n')
            assert_int_equal(layout_end(&layout, &err), 0);
        cells += length + 1;
    }
    assert_int_equal(layout_print(&layout, &text, &err), 0);
    assert_int_equal(buffer_append(&text, "", 1, &err), 0);
    assert_string_equal((const char *)text.data, lines);
    buffer_free(&text);
    layout_free(&layout);
}

static void numbers_stand_to_the_right(void **state)
{
    (void)state;
    expect(false, "fr|#1,234\nlong|#5\n", "  fr    1,234\n  long      5\n");
    expect(true, "country|count\nfr|#1,234\n", "  country  count\n  fr       1,234\n");
    expect(false, "#12|a\nb|#7\n", "  12  a\n  b   7\n"); /* columns of both */
    expect(false, "", "");
}

static void rows_may_differ_in_length(void **state)
{
    (void)state;
    expect(false, "Paris|#12|(~ 3)\nLyon|#5\n\nNice\n",
           "  Paris  12  (~ 3)\n  Lyon    5\n\n  Nice\n");
}

static void width_is_counted_in_characters(void **state)
{
    (void)state;
    expect(false, "Köln|#1\nBonn|#2\n", "  Köln  1\n  Bonn  2\n");
}

static void long_cells_are_cut(void **state)
{
    (void)state;
    char cells[2 * LAYOUT_WIDEST + 2], line[2 * LAYOUT_WIDEST + 8] = "  ";
    memset(cells, 'x', sizeof cells);
    (void)strncpy(cells + LAYOUT_WIDEST, "\n", 2);
    memset(line + 2, 'x', LAYOUT_WIDEST);
    (void)strncpy(line + 2 + LAYOUT_WIDEST, "\n", 2);
    expect(false, cells, line); /* as long as may be */
    memset(cells, 'x', sizeof cells);
    (void)strncpy(cells + LAYOUT_WIDEST + 1, "\n", 2);
    (void)strncpy(line + 2 + LAYOUT_WIDEST - 1, "…\n", 5);
    expect(false, cells, line);
}

static void a_terminal_obeys_nothing(void **state)
{
    (void)state;
    expect(false,
           "a\x1b[31mb\x7f\r\xC2\x9B"
           "c|#1\n",
           "  a?[31mb???c  1\n");
    struct layout layout = {0};
    struct buffer text = {0};
    struct error err;
    assert_int_equal(layout_cell(&layout, "two\nlines", false, &err), 0);
    assert_int_equal(layout_end(&layout, &err), 0);
    assert_int_equal(layout_print(&layout, &text, &err), 0);
    assert_int_equal(text.used, strlen("  two?lines\n"));
    assert_memory_equal(text.data, "  two?lines\n", text.used);
    buffer_free(&text);
    layout_free(&layout);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_stand_to_the_right),
        cmocka_unit_test(rows_may_differ_in_length),
        cmocka_unit_test(width_is_counted_in_characters),
        cmocka_unit_test(long_cells_are_cut),
        cmocka_unit_test(a_terminal_obeys_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
