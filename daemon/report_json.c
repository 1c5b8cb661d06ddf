#include "daemon/report_json.h"

#include <string.h>

#include "daemon/status_json.h"

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

void report_shorten(cJSON *table)
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

/* Append the item's text but its last `without` bytes, free the item. NULL is out of memory. */
static int append_json(struct buffer *out, cJSON *item, size_t without, struct error *err)
{
    char *text = item != NULL ? cJSON_PrintUnformatted(item) : NULL;
    cJSON_Delete(item);
    if (text == NULL)
        return error_memory(err, "a report");
    int result = buffer_append(out, text, strlen(text) - without, err);
    cJSON_free(text);
    return result;
}

static int append_literal(struct buffer *out, const char *text, struct error *err)
{
    return buffer_append(out, text, strlen(text), err);
}

static int append_table(const struct run_report *report, size_t number, bool shortened,
                        struct buffer *out, struct error *err)
{
    cJSON *table = tally_table_json(report->tally, number, err);
    if (table == NULL)
        return -1;
    if (shortened)
        report_shorten(table);
    if (number > 0 && append_literal(out, ",", err) != 0) {
        cJSON_Delete(table);
        return -1;
    }
    return append_json(out, table, 0, err);
}

int report_text(const struct run_report *report, bool shortened, struct buffer *out,
                struct error *err)
{
    cJSON *run = run_json(&report->run);
    size_t tables = report->tally != NULL ? report->tables->count : 0;
    if (run != NULL && cJSON_AddNumberToObject(run, "answers", (double)report->answers) == NULL) {
        cJSON_Delete(run);
        run = NULL;
    }
    if (append_json(out, run, 1, err) != 0 || append_literal(out, ",\"tables\":[", err) != 0)
        return -1;
    for (size_t i = 0; i < tables; i++)
        if (append_table(report, i, shortened, out, err) != 0)
            return -1;
    return append_literal(out, "]}", err);
}
