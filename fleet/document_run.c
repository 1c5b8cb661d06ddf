/* The document of a run. */
#include "fleet/documents.h"
#include "fleet/json_fields.h"

#include <string.h>

#define LARGEST UINT64_C(9007199254740992)
#define LONGEST_TIME 1e10 /* seconds */

/* Tiles as hexadecimal digits, four tiles each, the lowest first. */
static void print_tiles(const struct run_document *run, cJSON *document)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * sizeof run->parameters.tiles + 1];
    for (size_t i = 0; i < sizeof run->parameters.tiles; i++) {
        text[2 * i] = digits[run->parameters.tiles[i] & 15];
        text[2 * i + 1] = digits[run->parameters.tiles[i] >> 4];
    }
    text[sizeof text - 1] = '\0';
    (void)cJSON_AddStringToObject(document, "tiles", text);
}

static void read_tiles(struct fields *fields, struct run_document *run)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * sizeof run->parameters.tiles + 1];
    fields_text(fields, "tiles", text, sizeof text);
    if (strspn(text, digits) != sizeof text - 1) {
        fields_wrong(fields, "tiles");
        return;
    }
    for (size_t i = 0; i < sizeof run->parameters.tiles; i++)
        run->parameters.tiles[i] = (uint8_t)((strchr(digits, text[2 * i]) - digits) |
                                             (strchr(digits, text[2 * i + 1]) - digits) << 4);
}

static void add_parameters(const struct run_document *run, cJSON *document)
{
    const struct run_parameters *parameters = &run->parameters;
    (void)cJSON_AddNumberToObject(document, "cutoff", parameters->cutoff);
    (void)cJSON_AddNumberToObject(document, "older_than", parameters->older_than);
    (void)cJSON_AddNumberToObject(document, "finish_within", parameters->finish_within);
    (void)cJSON_AddNumberToObject(document, "rate", parameters->rate);
    (void)cJSON_AddNumberToObject(document, "workers", parameters->workers);
    (void)cJSON_AddNumberToObject(document, "concurrency", parameters->concurrency);
    (void)cJSON_AddNumberToObject(document, "point_files", parameters->shares);
    (void)cJSON_AddBoolToObject(document, "retry_failed", parameters->retry_failed);
    (void)cJSON_AddBoolToObject(document, "some_tiles", parameters->some_tiles);
    if (parameters->some_tiles)
        print_tiles(run, document);
    if (parameters->retry_failed)
        (void)cJSON_AddStringToObject(document, "retry_of", run->retry_of);
    if (run->has_tables)
        (void)cJSON_AddStringToObject(document, "tables", run->tables);
}

/* Tables may be missing. */
static void read_tables(struct fields *fields, struct run_document *run)
{
    run->has_tables = cJSON_GetObjectItemCaseSensitive(fields->document, "tables") != NULL;
    if (run->has_tables)
        fields_text(fields, "tables", run->tables, sizeof run->tables);
}

static void read_parameters(struct fields *fields, struct run_document *run)
{
    struct run_parameters *parameters = &run->parameters;
    parameters->cutoff = (uint32_t)fields_whole(fields, "cutoff", UINT32_MAX);
    parameters->older_than = fields_number(fields, "older_than", 0, LONGEST_TIME);
    parameters->finish_within = fields_number(fields, "finish_within", 0, LONGEST_TIME);
    parameters->rate = fields_number(fields, "rate", 0, 1e12);
    parameters->workers = (unsigned)fields_whole(fields, "workers", 1000000);
    parameters->concurrency = (unsigned)fields_whole(fields, "concurrency", 1000000);
    parameters->shares = (unsigned)fields_whole(fields, "point_files", 1u << 24);
    parameters->retry_failed = fields_flag(fields, "retry_failed");
    parameters->some_tiles = fields_flag(fields, "some_tiles");
    if (parameters->some_tiles)
        read_tiles(fields, run);
    if (parameters->retry_failed)
        fields_run(fields, "retry_of", run->retry_of);
    read_tables(fields, run);
    if (parameters->shares == 0)
        fields_wrong(fields, "point_files");
}

static void add_settings(const struct run_document *run, cJSON *document)
{
    (void)cJSON_AddNumberToObject(document, "max_lost", run->gate.max_lost);
    (void)cJSON_AddNumberToObject(document, "max_country_changed", run->gate.max_country_changed);
    (void)cJSON_AddNumberToObject(document, "max_changed", run->gate.max_changed);
    (void)cJSON_AddNumberToObject(document, "max_failed", run->gate.max_failed);
    (void)cJSON_AddStringToObject(document, "provider", run->provider);
    (void)cJSON_AddStringToObject(document, "language", run->language);
    (void)cJSON_AddNumberToObject(document, "max_distance", run->max_distance);
    (void)cJSON_AddBoolToObject(document, "quorum", run->quorum);
    (void)cJSON_AddNumberToObject(document, "switch_delay", run->switch_delay);
}

static void read_settings(struct fields *fields, struct run_document *run)
{
    run->gate.max_lost = fields_number(fields, "max_lost", 0, 1);
    run->gate.max_country_changed = fields_number(fields, "max_country_changed", 0, 1);
    run->gate.max_changed = fields_number(fields, "max_changed", 0, 1);
    run->gate.max_failed = fields_number(fields, "max_failed", 0, 1);
    fields_text(fields, "provider", run->provider, sizeof run->provider);
    fields_text(fields, "language", run->language, sizeof run->language);
    run->max_distance = fields_number(fields, "max_distance", 0, 1e9);
    run->quorum = fields_flag(fields, "quorum");
    run->switch_delay = fields_number(fields, "switch_delay", 0, LONGEST_TIME);
}

void run_document_add_settings(const struct run_document *run, cJSON *document)
{
    add_settings(run, document);
}

void run_document_read_settings(struct run_document *out, const cJSON *document)
{
    struct fields fields = {.document = document};
    *out = (struct run_document){0};
    read_settings(&fields, out);
}

static bool add_members(const struct run_document *run, cJSON *document)
{
    cJSON *members = cJSON_AddArrayToObject(document, "members");
    for (size_t i = 0; i < run->member_count; i++) {
        cJSON *name = cJSON_CreateString(run->members[i]);
        if (name == NULL || !cJSON_AddItemToArray(members, name)) {
            cJSON_Delete(name);
            return false;
        }
    }
    return members != NULL;
}

static void read_members(struct fields *fields, struct run_document *run)
{
    const cJSON *item = fields_list(fields, "members", FLEET_MEMBERS_LIMIT);
    if (item == NULL)
        fields_wrong(fields, "members");
    for (; item != NULL; item = item->next) {
        const char *name = cJSON_GetStringValue(item);
        if (name == NULL || name[0] == '\0' || strlen(name) >= sizeof(fleet_name)) {
            fields_wrong(fields, "members");
            return;
        }
        memcpy(run->members[run->member_count++], name, strlen(name) + 1);
    }
}

int run_document_read(struct run_document *out, const char *key, const char *text,
                      struct error *err)
{
    struct fields fields;
    struct run_document run = {0};
    cJSON *root;
    if (fields_parse(&fields, &root, key, text, err) != 0)
        return -1;
    fields_run(&fields, "run", run.id);
    fields_digest(&fields, "base_digest", &run.base_digest);
    run.generation = fields_whole(&fields, "generation", LARGEST);
    run.grid.rows = (uint32_t)fields_whole(&fields, "rows", GRID_SIDE_LIMIT);
    run.grid.columns = (uint32_t)fields_whole(&fields, "columns", GRID_SIDE_LIMIT);
    run.started_at = (uint32_t)fields_whole(&fields, "started_at", UINT32_MAX);
    read_parameters(&fields, &run);
    read_settings(&fields, &run);
    fields_text(&fields, "starter", run.starter, sizeof run.starter);
    read_members(&fields, &run);
    if (run.grid.rows == 0)
        fields_wrong(&fields, "rows");
    if (run.grid.columns == 0)
        fields_wrong(&fields, "columns");
    cJSON_Delete(root);
    if (fields_done(&fields, err) != 0)
        return -1;
    *out = run;
    return 0;
}

int run_document_print(const struct run_document *run, char **text, struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(document, "run", run->id);
    fields_add_digest(document, "base_digest", &run->base_digest);
    (void)cJSON_AddNumberToObject(document, "generation", (double)run->generation);
    (void)cJSON_AddNumberToObject(document, "rows", run->grid.rows);
    (void)cJSON_AddNumberToObject(document, "columns", run->grid.columns);
    (void)cJSON_AddNumberToObject(document, "started_at", run->started_at);
    add_parameters(run, document);
    add_settings(run, document);
    (void)cJSON_AddStringToObject(document, "starter", run->starter);
    int count =
        6 + 9 + run->parameters.some_tiles + run->parameters.retry_failed + run->has_tables + 9 + 2;
    if (!add_members(run, document)) {
        cJSON_Delete(document);
        return error_memory(err, "a document for etcd");
    }
    return fields_print(document, count, text, err);
}
