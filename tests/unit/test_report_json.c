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
    report_shorten(document);
    const cJSON *table = cJSON_GetObjectItem(document, "tables")->child;
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

static void a_report_without_tables_stays(void **state)
{
    (void)state;
    cJSON *document = cJSON_Parse("{\"run\":\"x\",\"tables\":[]}");
    report_shorten(document);
    assert_int_equal(cJSON_GetArraySize(document), 2);
    cJSON_Delete(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_tables_are_cut),
        cmocka_unit_test(long_lists_are_cut),
        cmocka_unit_test(a_report_without_tables_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
