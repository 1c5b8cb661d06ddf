#include "tables/tally_inside.h"

static bool add_number(cJSON *object, const char *name, double number)
{
    return cJSON_AddNumberToObject(object, name, number) != NULL;
}

static bool add_text(cJSON *object, const char *name, const char *text)
{
    return cJSON_AddStringToObject(object, name, text) != NULL;
}

static bool add_rows(cJSON *object, const struct count *count)
{
    const char *names[TABLE_EXPRESSIONS];
    for (unsigned i = 0; i < count->table->indexes; i++)
        names[i] = count->table->index[i]->name;
    cJSON *rows = cells_rows(count->cells, names);
    if (rows == NULL || !cJSON_AddItemToObject(object, "rows", rows)) {
        cJSON_Delete(rows);
        return false;
    }
    return true;
}

static cJSON *table_json(const struct count *count)
{
    cJSON *object = cJSON_CreateObject();
    const struct table *table = count->table;
    const struct cells *cells = count->cells;
    if (object == NULL || !add_text(object, "name", table->name) ||
        !add_text(object, "text", table->text) || !add_text(object, "kind", table->kind->name) ||
        !add_number(object, "emitted", (double)cells_emitted(cells)) ||
        !add_number(object, "skipped", (double)count->skipped) ||
        !add_number(object, "other", (double)cells_other(cells)) ||
        !add_number(object, "error_bound", cells_bound(cells)) || !add_rows(object, count)) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

cJSON *tally_table_json(const struct tally *tally, size_t table, struct error *err)
{
    cJSON *object = table_json(&tally->count[table]);
    if (object == NULL)
        error_memory(err, "a report");
    return object;
}

cJSON *tally_json(const struct tally *tally, struct error *err)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < tally->tables->count && list != NULL; i++) {
        cJSON *table = table_json(&tally->count[i]);
        if (table == NULL || !cJSON_AddItemToArray(list, table)) {
            cJSON_Delete(table);
            cJSON_Delete(list);
            list = NULL;
        }
    }
    if (list == NULL)
        error_memory(err, "a report");
    return list;
}
