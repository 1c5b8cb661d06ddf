#include <stdlib.h>

#include "tables/cells_table.h"
#include "tables/packed.h"

struct row {
    cJSON *value;
    size_t place; /* in the order of indexes */
    struct cell *cell;
};

static int by_value(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    if (a->value->valuedouble != b->value->valuedouble)
        return a->value->valuedouble > b->value->valuedouble ? -1 : 1;
    return (a->place > b->place) - (a->place < b->place);
}

/* The row takes value. */
static cJSON *row_json(const struct cells *cells, struct row *row, const char *const *names)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *index = object != NULL ? cJSON_AddObjectToObject(object, "index") : NULL;
    if (index == NULL || !packed_add(index, cell_index(cells, row->cell), names, cells->indexes) ||
        !cJSON_AddItemToObject(object, "value", row->value)) {
        cJSON_Delete(object);
        return NULL;
    }
    row->value = NULL;
    return object;
}

static bool work_out(const struct cells *cells, struct cell *const *list, struct row *rows)
{
    bool numbers = true;
    for (size_t i = 0; i < cells->count; i++) {
        rows[i] = (struct row){cells->kind->result(list[i]->body, &cells->shape), i, list[i]};
        if (rows[i].value == NULL)
            return false;
        numbers = numbers && cJSON_IsNumber(rows[i].value);
    }
    if (numbers)
        qsort(rows, cells->count, sizeof *rows, by_value);
    return true;
}

cJSON *cells_rows(const struct cells *cells, const char *const *names)
{
    cJSON *json = cJSON_CreateArray();
    struct cell **list = cells_sorted(cells);
    struct row *rows = calloc(cells->count + 1, sizeof *rows);
    bool ready = json != NULL && list != NULL && rows != NULL && work_out(cells, list, rows);
    for (size_t i = 0; ready && i < cells->count; i++) {
        cJSON *row = row_json(cells, &rows[i], names);
        ready = row != NULL && cJSON_AddItemToArray(json, row);
        if (!ready)
            cJSON_Delete(row);
    }
    for (size_t i = 0; rows != NULL && i < cells->count; i++)
        cJSON_Delete(rows[i].value);
    free(rows);
    free(list);
    if (!ready) {
        cJSON_Delete(json);
        json = NULL;
    }
    return json;
}
