/* refreshctl cache info, generations, verify, export: what only reads the directory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cachefmt/generation.h"
#include "cachefmt/transfer.h"
#include "daemon/refreshctl_cache.h"
#include "daemon/refreshctl_part.h"
#include "daemon/refreshctl_text.h"

static void print_info(const struct manifest *manifest, const struct cache_figures *figures,
                       const char *digest)
{
    char a[FIGURE_BYTES], b[FIGURE_BYTES];
    (void)printf("generation  %llu   published %s by %s\n",
                 (unsigned long long)manifest->generation, figure_date(manifest->published, a),
                 manifest->run);
    (void)printf("entries     %s", figure_count((double)figures->entries, a));
    for (int i = 0; i < OUTCOME_COUNT; i++)
        (void)printf("%s%s %s", i == 0 ? "   " : ", ", outcome_names[i],
                     figure_count((double)figures->outcomes[i], a));
    (void)printf("\ntiles       %s, %s of them with entries\n",
                 figure_count((double)figures->tiles, a),
                 figure_count((double)figures->tiles_nonempty, b));
    (void)printf("size        %s of index, %s of data\n",
                 figure_bytes((double)figures->index_bytes, a),
                 figure_bytes((double)figures->data_bytes, b));
    (void)printf("refreshed   %s to %s\n", figure_date(figures->oldest, a),
                 figure_date(figures->newest, b));
    (void)printf("digest      %s\n", digest);
}

static int print_info_json(const struct session *session, const struct manifest *manifest,
                           const struct cache_figures *figures, const char *digest)
{
    cJSON *document = cJSON_CreateObject();
    cJSON_AddNumberToObject(document, "generation", (double)manifest->generation);
    cJSON_AddStringToObject(document, "run", manifest->run);
    cJSON_AddNumberToObject(document, "published", manifest->published);
    cJSON_AddNumberToObject(document, "entries", (double)figures->entries);
    for (int i = 0; i < OUTCOME_COUNT; i++)
        cJSON_AddNumberToObject(document, outcome_names[i], (double)figures->outcomes[i]);
    cJSON_AddNumberToObject(document, "tiles", (double)figures->tiles);
    cJSON_AddNumberToObject(document, "tiles_nonempty", (double)figures->tiles_nonempty);
    cJSON_AddNumberToObject(document, "index_bytes", (double)figures->index_bytes);
    cJSON_AddNumberToObject(document, "data_bytes", (double)figures->data_bytes);
    cJSON_AddStringToObject(document, "digest", digest);
    cJSON_AddNumberToObject(document, "oldest", figures->oldest);
    cJSON_AddNumberToObject(document, "newest", figures->newest);
    return session_print(session, document, EXIT_DONE);
}

static int run_info(struct session *session, int argc, char **argv)
{
    int status = session_words(session, argc, argv, NULL, NULL, NULL, 0, 0, NULL);
    if (status != 0)
        return status;
    struct error err;
    struct manifest *manifest;
    const char *directory = session_cache(session, &err);
    if (directory == NULL || generation_current(directory, &manifest, &err) != 0)
        return session_fail(session, &err);
    struct cache_figures figures = manifest_figures(manifest);
    char digest[2 * PAIR_ID_BYTES + 1];
    (void)pair_id_format(&manifest->digest, digest);
    if (session->json)
        status = print_info_json(session, manifest, &figures, digest);
    else
        print_info(manifest, &figures, digest);
    manifest_free(manifest);
    return status;
}

static cJSON *generation_json(const struct generation_row *row)
{
    cJSON *item = cJSON_CreateObject();
    cJSON_AddNumberToObject(item, "generation", (double)row->generation);
    cJSON_AddStringToObject(item, "run", row->run);
    cJSON_AddNumberToObject(item, "published", row->published);
    cJSON_AddNumberToObject(item, "entries", (double)row->entries);
    cJSON_AddNumberToObject(item, "bytes", (double)row->bytes);
    cJSON_AddBoolToObject(item, "current", row->current);
    return item;
}

static int print_generations(const struct session *session, const struct generation_row *rows,
                             size_t count)
{
    if (session->json) {
        cJSON *list = cJSON_CreateArray();
        for (size_t i = 0; i < count; i++)
            (void)cJSON_AddItemToArray(list, generation_json(&rows[i]));
        return session_print(session, list, EXIT_DONE);
    }
    (void)printf("%10s  %-20s  %-24s %14s %10s\n", "GENERATION", "PUBLISHED", "RUN", "ENTRIES",
                 "SIZE");
    for (size_t i = 0; i < count; i++) {
        char published[FIGURE_BYTES], entries[FIGURE_BYTES], bytes[FIGURE_BYTES];
        (void)printf("%10llu%c %-20s  %-24s %14s %10s\n", (unsigned long long)rows[i].generation,
                     rows[i].current ? '*' : ' ', figure_date(rows[i].published, published),
                     rows[i].run, figure_count((double)rows[i].entries, entries),
                     figure_bytes((double)rows[i].bytes, bytes));
    }
    return EXIT_DONE;
}

static int run_generations(struct session *session, int argc, char **argv)
{
    int status = session_words(session, argc, argv, NULL, NULL, NULL, 0, 0, NULL);
    if (status != 0)
        return status;
    struct error err;
    struct generation_row *rows = NULL;
    size_t count = 0;
    const char *directory = session_cache(session, &err);
    if (directory == NULL || generation_list(directory, &rows, &count, &err) != 0)
        return session_fail(session, &err);
    status = print_generations(session, rows, count);
    free(rows);
    return status;
}

/* Problems: told at once to people, collected for JSON. */
static void on_problem(void *context, const char *file, const char *problem)
{
    cJSON *list = context;
    if (list == NULL) {
        (void)printf("%s: %s\n", file, problem);
        return;
    }
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "file", file);
    cJSON_AddStringToObject(item, "problem", problem);
    (void)cJSON_AddItemToArray(list, item);
}

static int print_verified(const struct session *session, const struct verify_result *result,
                          cJSON *problems)
{
    int status = result->problems == 0 ? EXIT_DONE : EXIT_FAILED;
    if (!session->json) {
        char generations[FIGURE_BYTES], pairs[FIGURE_BYTES], entries[FIGURE_BYTES];
        (void)printf("%s: %s generations, %s pairs, %s entries checked, %llu problems\n",
                     status == EXIT_DONE ? "good" : "harmed",
                     figure_count((double)result->generations, generations),
                     figure_count((double)result->pairs, pairs),
                     figure_count((double)result->entries, entries),
                     (unsigned long long)result->problems);
        return status;
    }
    cJSON *document = cJSON_CreateObject();
    cJSON_AddBoolToObject(document, "ok", status == EXIT_DONE);
    cJSON_AddNumberToObject(document, "generations", (double)result->generations);
    cJSON_AddNumberToObject(document, "pairs", (double)result->pairs);
    cJSON_AddNumberToObject(document, "entries", (double)result->entries);
    if (!cJSON_AddItemToObject(document, "problems", problems))
        cJSON_Delete(problems);
    return session_print(session, document, status);
}

static const struct command_option verify_options[] = {
    {"--deep", NULL, 0, "Decode every entry as well"}, {NULL, NULL, 0, NULL}};

static int run_verify(struct session *session, int argc, char **argv)
{
    bool deep = false;
    int status = session_words(session, argc, argv, verify_options, &deep, NULL, 0, 0, NULL);
    if (status != 0)
        return status;
    struct error err;
    struct verify_result result = {0};
    const char *directory = session_cache(session, &err);
    if (directory == NULL)
        return session_fail(session, &err);
    cJSON *problems = session->json ? cJSON_CreateArray() : NULL;
    if (generation_verify(directory, deep, on_problem, problems, &result, &err) != 0) {
        cJSON_Delete(problems);
        return session_fail(session, &err);
    }
    return print_verified(session, &result, problems);
}

struct export_words {
    const char *format;
    struct part_words part;
};

static int export_options(const struct export_words *words, const struct cache *cache,
                          struct export_options *options, struct error *err)
{
    struct cache_part part;
    enum transfer_format format = FORMAT_CSV;
    if (words->format != NULL && !transfer_format_parse(words->format, &format))
        return error_set(err, ERROR_USAGE, "--format: %.40s is not csv, ndjson or geojson",
                         words->format);
    if (part_parse(&words->part, cache, &part, err) != 0)
        return -1;
    *options = (struct export_options){
        .format = format, .tile = part.tile, .has_box = part.has_box, .box = part.box};
    return 0;
}

static const struct command_option export_options_known[] = {
    {"--format", "csv/ndjson/geojson", offsetof(struct export_words, format), "csv by default"},
    PART_OPTIONS(struct export_words, part),
    {NULL, NULL, 0, NULL}};

static int run_export(struct session *session, int argc, char **argv)
{
    struct export_words words = {0};
    struct export_options options;
    int status = session_words(session, argc, argv, export_options_known, &words, NULL, 0, 0, NULL);
    if (status != 0)
        return status;
    struct error err;
    struct cache *cache = NULL;
    const char *directory = session_cache(session, &err);
    status = -1;
    if (directory != NULL && cache_open(&cache, directory, NULL, &err) == 0 &&
        export_options(&words, cache, &options, &err) == 0 &&
        cache_export(cache, &options, stdout, &err) == 0 &&
        (fflush(stdout) == 0 || error_io(&err, errno, "write", "standard output") == 0))
        status = EXIT_DONE;
    cache_close(cache);
    return status >= 0 ? status : session_fail(session, &err);
}

const struct subcommand cache_subcommands[] = {
    {"cache import", "FILE", cache_import_options, "Make a new generation out of a file",
     "- is standard input. The new generation holds what the file holds, nothing else. Columns\n"
     "are lat,lon and any of label name housenumber street district city county state postcode\n"
     "country countrycode outcome refreshed_at; NDJSON has the same names. Without --skip-bad\n"
     "one bad row stops it, with its line and column, and nothing is written; with it bad rows\n"
     "exit with 4. refreshd does the import when it runs, unless a run is active.",
     "--cache /srv/cache cache import places.csv", "01234", cache_run_import},
    {"cache export", "", export_options_known, "Write the entries to standard output",
     "In the order of tiles, and inside a tile along the Morton curve. An import of an export\n"
     "gives the same bytes.",
     "cache export --bbox 51,-3,52,-2 > bath.csv", "012", run_export},
    {"cache verify", "", verify_options, "Check every checksum and pair id of the cache",
     "Reads the files of every generation kept, and names each that is harmed.",
     "cache verify --deep", "012", run_verify},
    {"cache info", "", NULL, "Show the figures of the published generation", "",
     "--json cache info", "012", run_info},
    {"cache generations", "", NULL, "List the generations kept, newest first",
     "The published one has a *. The others are the backups that `cache rollback` goes back to.",
     "cache generations", "012", run_generations},
    {"cache rollback", "[N]", NULL, "Publish an older generation again",
     "Generation N, or without N the next older one kept. refreshd does it when it runs, unless a\n"
     "run is active.",
     "cache rollback 7", "0123", cache_run_rollback},
    {.name = NULL}};
