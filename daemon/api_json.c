#include "daemon/api_json.h"

#include <math.h>

static const char *const tile_columns[] = {
    "id",     "entries", "found", "none",  "unsure", "oldest",
    "newest", "mean",    "bytes", "built", "state",  "done",
};
#define TILE_COLUMNS (sizeof tile_columns / sizeof *tile_columns)

static const char *const tile_state_names[] = {
    [LINE_TILE_OUTSIDE] = NULL,
    [LINE_TILE_WAITING] = "waiting",
    [LINE_TILE_ASKING] = "asking",
    [LINE_TILE_REBUILT] = "rebuilt",
};

/* Takes over the item; false when there is none or no memory to keep it. */
static bool append(cJSON *array, cJSON *item)
{
    if (item != NULL && cJSON_AddItemToArray(array, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool add(cJSON *object, const char *name, cJSON *item)
{
    if (item != NULL && cJSON_AddItemToObject(object, name, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool add_count(cJSON *object, const char *name, uint64_t count)
{
    return add(object, name, cJSON_CreateNumber((double)count));
}

static cJSON *text_or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? cJSON_CreateString(text) : cJSON_CreateNull();
}

/* The item when everything went in, else NULL. */
static cJSON *whole(cJSON *item, bool complete)
{
    if (complete)
        return item;
    cJSON_Delete(item);
    return NULL;
}

/* --- tiles ---------------------------------------------------------------------------- */

static cJSON *tile_row(uint32_t id, const struct census_tile *tile, const struct line_tile *run)
{
    const double figures[] = {
        (double)id,
        (double)tile->entries,
        (double)tile->outcomes[OUTCOME_FOUND],
        (double)tile->outcomes[OUTCOME_NONE],
        (double)tile->outcomes[OUTCOME_UNSURE],
        (double)tile->oldest,
        (double)tile->newest,
        (double)tile->mean,
        (double)tile->bytes,
        (double)tile->built,
    };
    cJSON *row = cJSON_CreateArray();
    bool complete = row != NULL;
    for (size_t i = 0; complete && i < sizeof figures / sizeof *figures; i++)
        complete = append(row, cJSON_CreateNumber(figures[i]));
    complete = complete && append(row, text_or_null(tile_state_names[run->state])) &&
               append(row, cJSON_CreateNumber(round(run->done * 1000) / 1000));
    return whole(row, complete);
}

static cJSON *tile_rows(const struct census_view *view, struct grid grid,
                        const struct line_tiles *run)
{
    static const struct census_tile empty;
    static const struct line_tile outside;
    cJSON *rows = cJSON_CreateArray();
    bool complete = rows != NULL;
    /* Items are appended at the end of a list: cJSON keeps its last one at hand. */
    for (uint32_t id = 0; complete && id < grid_tiles(grid); id++)
        complete = append(rows, tile_row(id, view != NULL ? &view->tiles[id] : &empty,
                                         run != NULL ? &run->tiles[id] : &outside));
    return whole(rows, complete);
}

static cJSON *grid_json(struct grid grid)
{
    cJSON *object = cJSON_CreateObject();
    return whole(object, object != NULL && add_count(object, "rows", grid.rows) &&
                             add_count(object, "columns", grid.columns));
}

cJSON *tiles_json(const struct census_view *view, struct grid grid, const struct line_tiles *run)
{
    cJSON *document = cJSON_CreateObject();
    if (view != NULL)
        grid = view->grid;
    if (run != NULL && (run->grid.rows != grid.rows || run->grid.columns != grid.columns))
        run = NULL;
    bool complete =
        document != NULL &&
        add_count(document, "generation", view != NULL ? view->generation : 0) &&
        add(document, "complete", cJSON_CreateBool(view == NULL || view->complete)) &&
        add(document, "run", text_or_null(run != NULL ? run->run : NULL)) &&
        add(document, "grid", grid_json(grid)) &&
        add(document, "columns",
            cJSON_CreateStringArray((const char *const *)tile_columns, (int)TILE_COLUMNS)) &&
        add(document, "tiles", tile_rows(view, grid, run));
    return whole(document, complete);
}

/* --- history, generations --------------------------------------------------------------- */

static cJSON *sample_row(const struct history_sample *sample)
{
    const double figures[] = {
        (double)sample->time,
        round((double)sample->points_per_second * 100) / 100,
        round((double)sample->requests_per_second * 100) / 100,
        round((double)sample->lookups_per_second * 100) / 100,
    };
    return cJSON_CreateDoubleArray(figures, (int)(sizeof figures / sizeof *figures));
}

cJSON *history_json(const struct history_sample *samples, size_t count)
{
    static const char *const columns[] = {"time", "points_per_s", "requests_per_s",
                                          "lookups_per_s"};
    cJSON *document = cJSON_CreateObject();
    cJSON *rows = cJSON_CreateArray();
    bool complete = rows != NULL;
    for (size_t i = 0; complete && i < count; i++)
        complete = append(rows, sample_row(&samples[i]));
    rows = whole(rows, complete);
    complete = document != NULL &&
               add(document, "interval", cJSON_CreateNumber(HISTORY_INTERVAL)) &&
               add(document, "columns", cJSON_CreateStringArray((const char *const *)columns, 4));
    if (!complete) {
        cJSON_Delete(rows);
        return whole(document, false);
    }
    return whole(document, add(document, "samples", rows));
}

static cJSON *generation_row(const struct generation_row *row)
{
    cJSON *item = cJSON_CreateObject();
    return whole(item, item != NULL && add_count(item, "generation", row->generation) &&
                           add(item, "run", text_or_null(row->run)) &&
                           add_count(item, "published", row->published) &&
                           add_count(item, "entries", row->entries) &&
                           add_count(item, "bytes", row->bytes) &&
                           add(item, "current", cJSON_CreateBool(row->current)));
}

cJSON *generations_json(const struct generation_row *rows, size_t count)
{
    cJSON *document = cJSON_CreateObject();
    cJSON *list = cJSON_CreateArray();
    bool complete = list != NULL;
    for (size_t i = 0; complete && i < count; i++)
        complete = append(list, generation_row(&rows[i]));
    list = whole(list, complete);
    if (document == NULL) {
        cJSON_Delete(list);
        return NULL;
    }
    return whole(document, add(document, "generations", list));
}
