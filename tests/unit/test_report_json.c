/* Reports are shortened for HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "daemon/report_json.h"

static cJSON *numbers(int count)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < count; i++)
        assert_true(cJSON_AddItemToArray(list, cJSON_CreateNumber(i)));
    return list;
}

/* A report of one table with `rows` rows, each with a list of so many elements. */
static cJSON *report(const char *kind, int rows, int elements)
{
    cJSON *document = cJSON_CreateObject();
    cJSON *table = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(table, "rows");
    cJSON_AddStringToObject(table, "kind", kind);
    for (int i = 0; i < rows; i++) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddItemToObject(row, "value",
                              elements > 0 ? numbers(elements) : cJSON_CreateNumber(i));
        cJSON_AddItemToArray(list, row);
    }
    cJSON_AddItemToArray(cJSON_AddArrayToObject(document, "tables"), table);
    return document;
}

static void expect(const char *kind, int rows, int elements, int rows_left, int elements_left,
                   int more)
{
    cJSON *document = report(kind, rows, elements);
    cJSON *table = cJSON_GetObjectItem(document, "tables")->child;
    report_shorten(table);
    const cJSON *list = cJSON_GetObjectItem(table, "rows"), *row;
    assert_int_equal(cJSON_GetArraySize(list), rows_left);
    cJSON_ArrayForEach(row, list)
    {
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(row, "value")), elements_left);
    }
    const cJSON *told = cJSON_GetObjectItem(table, "more");
    assert_int_equal(told != NULL ? (int)told->valuedouble : 0, more);
    if (rows > 0) /* the list is whole: one more comes behind the last */
        assert_true(cJSON_AddItemToArray((cJSON *)list, cJSON_CreateNull()));
    assert_int_equal(cJSON_GetArraySize(list), rows_left + (rows > 0));
    cJSON_Delete(document);
}

static void long_tables_are_cut(void **state)
{
    (void)state;
    expect("sum", 0, 0, 0, 0, 0);
    expect("sum", 1, 0, 1, 0, 0);
    expect("sum", REPORT_ROWS, 0, REPORT_ROWS, 0, 0);
    expect("sum", REPORT_ROWS + 7, 0, REPORT_ROWS, 0, 7);
}

static void long_lists_are_cut(void **state)
{
    (void)state;
    expect("top", 2, REPORT_ROWS + 3, 2, REPORT_ROWS, 6);
    expect("sample", 1, REPORT_ROWS, 1, REPORT_ROWS, 0);
    expect("quantile", 2, REPORT_ROWS + 3, 2, REPORT_ROWS + 3, 0); /* would be another one */
}

static struct run_report counted(const char *tables, unsigned entries)
{
    struct run_report report = {.run = {.id = "20261121T020000Z-1f3a"}, .answers = entries};
    struct error err;
    assert_int_equal(tables_parse(&report.tables, tables, &err), 0);
    assert_int_equal(tally_create(&report.tally, report.tables, &err), 0);
    for (unsigned i = 0; i < entries; i++) {
        struct entry entry = {.point = {.lat = (int32_t)i * 10000000, .lon = 0}};
        struct observed observed = {.entry = &entry, .code = i};
        assert_int_equal(tally_take(report.tally, &observed, &err), 0);
    }
    return report;
}

static cJSON *document_of(struct run_report *report, bool shortened)
{
    struct buffer text = {0};
    struct error err;
    assert_int_equal(report_text(report, shortened, &text, &err), 0);
    cJSON *document = cJSON_ParseWithLength((const char *)text.data, text.used);
    assert_non_null(document);
    assert_string_equal(cJSON_GetObjectItem(document, "run")->valuestring, report->run.id);
    buffer_free(&text);
    return document;
}

static void the_document_has_all_tables(void **state)
{
    (void)state;
    struct run_report report = counted("a = count\nb = count[lat]\n", REPORT_ROWS + 5);
    for (int shortened = 0; shortened < 2; shortened++) {
        cJSON *document = document_of(&report, shortened);
        const cJSON *tables = cJSON_GetObjectItem(document, "tables");
        assert_int_equal(cJSON_GetArraySize(tables), 2);
        assert_int_equal(cJSON_GetObjectItem(document, "answers")->valuedouble, REPORT_ROWS + 5);
        assert_string_equal(cJSON_GetObjectItem(tables->child, "text")->valuestring, "a = count");
        const cJSON *rows = cJSON_GetObjectItem(tables->child->next, "rows");
        assert_int_equal(cJSON_GetArraySize(rows), shortened ? REPORT_ROWS : REPORT_ROWS + 5);
        cJSON_Delete(document);
    }
    tally_free(report.tally);
    tables_free(report.tables);
}

static void a_run_that_counts_nothing_has_no_tables(void **state)
{
    (void)state;
    struct run_report report = {.run = {.id = "20261121T020000Z-1f3a"}};
    cJSON *document = document_of(&report, true);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(document, "tables")), 0);
    cJSON_Delete(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_tables_are_cut),
        cmocka_unit_test(long_lists_are_cut),
        cmocka_unit_test(the_document_has_all_tables),
        cmocka_unit_test(a_run_that_counts_nothing_has_no_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
