#include "daemon/report_json.h"

#include <string.h>

#include "daemon/status_json.h"

cJSON *report_json(const struct run_report *report, struct error *err)
{
    cJSON *document = run_json(&report->run);
    cJSON *tables = report->tally != NULL ? tally_json(report->tally, err) : cJSON_CreateArray();
    if (document != NULL && tables != NULL &&
        cJSON_AddNumberToObject(document, "answers", (double)report->answers) != NULL &&
        cJSON_AddItemToObject(document, "tables", tables))
        return document;
    cJSON_Delete(tables);
    cJSON_Delete(document);
    error_memory(err, "a report");
    return NULL;
}

/* How many are gone. */
static int cut(cJSON *list)
{
    int gone = cJSON_GetArraySize(list) - REPORT_ROWS;
    if (gone <= 0)
        return 0;
    cJSON *last = list->child;
    for (int i = 1; i < REPORT_ROWS; i++)
        last = last->next;
    cJSON *rest = last->next;
    last->next = NULL;
    list->child->prev = last; /* where cJSON looks for the end */
    while (rest != NULL) {
        cJSON *next = rest->next;
        rest->prev = rest->next = NULL;
        cJSON_Delete(rest);
        rest = next;
    }
    return gone;
}

static void shorten_table(cJSON *table)
{
    cJSON *rows = cJSON_GetObjectItemCaseSensitive(table, "rows"), *row;
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(table, "kind");
    bool quantiles = cJSON_IsString(kind) && strcmp(kind->valuestring, "quantile") == 0;
    double more = cut(rows);
    cJSON_ArrayForEach(row, rows)
    {
        cJSON *value = cJSON_GetObjectItemCaseSensitive(row, "value");
        if (cJSON_IsArray(value) && !quantiles)
            more += cut(value);
    }
    if (more > 0)
        (void)cJSON_AddNumberToObject(table, "more", more);
}

void report_shorten(cJSON *report)
{
    cJSON *table;
    cJSON_ArrayForEach(table, cJSON_GetObjectItemCaseSensitive(report, "tables"))
        shorten_table(table);
}
