/* refreshctl query: tables over the published cache, without refreshd. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/refreshctl_part.h"
#include "daemon/refreshctl_progress.h"
#include "daemon/refreshctl_report.h"
#include "daemon/refreshctl_table_words.h"
#include "daemon/refreshctl_text.h"
#include "tables/query.h"

struct query_words {
    struct part_words part;
    bool csv;
};

/* What is counted: the words, or what is counted when nothing is said. */
static int parse(const char *const *words, int count, struct tables **out, struct error *err)
{
    const char *const usual[] = {tables_of_a_query};
    struct tables *tables;
    int result = count > 0 ? table_words_parse(words, (size_t)count, &tables, NULL, err)
                           : table_words_parse(usual, 1, &tables, NULL, err);
    if (result != 0)
        return -1;
    if (tables->count == 0) {
        tables_free(tables);
        return error_set(err, ERROR_USAGE, "column 1: there is no table here, NAME = KIND ...");
    }
    *out = tables;
    return 0;
}

static int run(const struct cache *cache, const struct tables *tables,
               const struct query_words *words, struct tally **out, struct error *err)
{
    struct cache_part part;
    if (part_parse(&words->part, cache, &part, err) != 0)
        return -1;
    const struct query_options options = {
        .tile = part.tile, .has_box = part.has_box, .box = part.box, .now = (uint32_t)clock_unix()};
    return query_run(cache, tables, &options, out, err);
}

static int document_of(const struct cache *cache, const struct tally *tally, cJSON **out,
                       struct error *err)
{
    const struct manifest *manifest = cache_manifest(cache);
    cJSON *tables = tally_json(tally, err);
    if (tables == NULL)
        return -1;
    cJSON *document = cJSON_CreateObject();
    cJSON_AddStringToObject(document, "run", manifest->run);
    cJSON_AddNumberToObject(document, "generation", (double)manifest->generation);
    if (!cJSON_AddItemToObject(document, "tables", tables)) {
        cJSON_Delete(tables);
        cJSON_Delete(document);
        return error_memory(err, "a document");
    }
    *out = document;
    return 0;
}

static int query(struct session *session, const struct tables *tables,
                 const struct query_words *words, struct error *err)
{
    struct cache *cache = NULL;
    struct tally *tally = NULL;
    struct buffer head = {0};
    cJSON *document = NULL;
    int status = -1;
    const char *directory = session_cache(session, err);
    if (directory == NULL || cache_open(&cache, directory, NULL, err) != 0 ||
        run(cache, tables, words, &tally, err) != 0 ||
        document_of(cache, tally, &document, err) != 0)
        goto out;
    const struct manifest *manifest = cache_manifest(cache);
    if (append_format(&head, err, "generation %llu of run %s\n\n",
                      (unsigned long long)manifest->generation, manifest->run) != 0) {
        cJSON_Delete(document);
        goto out;
    }
    status = report_print(session, document, report_form(session, words->csv), &head);
out:
    buffer_free(&head);
    tally_free(tally);
    cache_close(cache);
    return status;
}

static const struct command_option query_options_known[] = {
    PART_OPTIONS(struct query_words, part),
    {"--csv", NULL, offsetof(struct query_words, csv),
     "Print a line for each index and value, as a file to keep"},
    {NULL, NULL, 0, NULL}};

static int run_query(struct session *session, int argc, char **argv)
{
    struct query_words words = {0};
    const char *text[TABLES_LIMIT];
    int count = 0;
    int status = session_words(session, argc, argv, query_options_known, &words, text, 0,
                               TABLES_LIMIT, &count);
    if (status != 0)
        return status;
    struct error err;
    struct tables *tables = NULL;
    if (parse(text, count, &tables, &err) != 0)
        return session_fail(session, &err);
    status = query(session, tables, &words, &err);
    tables_free(tables);
    return status >= 0 ? status : session_fail(session, &err);
}

const struct subcommand query_subcommands[] = {
    {"query", "[TABLE...]", query_options_known, "Count over the published cache, without a run",
     "TABLE is NAME = KIND(N)[FIELD, ...] of EXPR, ... [weight EXPR] [when COND], one word each;\n"
     "without one the usual tables are counted. Kinds: count sum mean minimum maximum quantile\n"
     "top unique sample collection; refreshctl(8) has the fields and conditions. The cache is "
     "read\n"
     "as it is, on all processors; refreshd need not run. Printed as by report.",
     "query 'by_city = top(10)[countrycode] of city when age_days > 365'", "012", run_query},
    {.name = NULL}};
