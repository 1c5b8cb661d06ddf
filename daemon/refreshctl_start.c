/* refreshctl start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cachefmt/generation.h"
#include "daemon/refreshctl_progress.h"
#include "daemon/refreshctl_session.h"
#include "daemon/refreshctl_setting.h"
#include "daemon/refreshctl_table_words.h"
#include "daemon/refreshctl_text.h"
#include "daemon/refreshctl_watch.h"

#define MOST_TILES (GRID_SIDE_LIMIT * GRID_SIDE_LIMIT)

struct start_words {
    const char *older_than, *finish_within, *rate, *workers, *tiles;
    bool retry_failed, dry_run, wait, fleet;
    struct option_words tables;
};

/* The tiles of the cache as it is, or as the configuration would make it. */
static int check_tiles(struct session *session, const char *list, struct error *err)
{
    uint8_t bitmap[(MOST_TILES + 7) / 8];
    struct manifest *manifest = NULL;
    if (list == NULL)
        return 0;
    if (session_config(session, err) != 0)
        return -1;
    const struct config *config = session->config;
    uint32_t tiles = config->cache.grid.rows * config->cache.grid.columns;
    if (generation_current(config->cache.directory, &manifest, NULL) == 0)
        tiles = grid_tiles(manifest->grid);
    manifest_free(manifest);
    return protocol_tiles(list, tiles, bitmap, err);
}

/* What is wrong with a table is told before anything is asked of refreshd. */
static int add_tables(cJSON *arguments, const struct option_words *tables, struct error *err)
{
    struct tables *parsed;
    char *text;
    if (tables->count == 0)
        return 0;
    if (table_words_parse(tables->words, tables->count, &parsed, &text, err) != 0)
        return error_prefix(err, "--table");
    bool added = cJSON_AddStringToObject(arguments, "tables", text) != NULL;
    tables_free(parsed);
    free(text);
    return added ? 0 : error_memory(err, "a request");
}

static int start_arguments(struct session *session, const struct start_words *words, cJSON **out,
                           struct error *err)
{
    cJSON *arguments = cJSON_CreateObject();
    if (setting_add(arguments, "--older-than", "refresh", "older_than", words->older_than, err) !=
            0 ||
        setting_add(arguments, "--finish-within", "refresh", "finish_within", words->finish_within,
                    err) != 0 ||
        setting_add(arguments, "--rate", "geocoder", "rate", words->rate, err) != 0 ||
        setting_add(arguments, "--workers", "refresh", "workers", words->workers, err) != 0 ||
        check_tiles(session, words->tiles, err) != 0 ||
        add_tables(arguments, &words->tables, err) != 0)
        goto fail;
    if ((words->tiles != NULL &&
         cJSON_AddStringToObject(arguments, "tiles", words->tiles) == NULL) ||
        (words->retry_failed && cJSON_AddTrueToObject(arguments, "retry_failed") == NULL) ||
        (words->fleet && cJSON_AddTrueToObject(arguments, "fleet") == NULL)) {
        error_memory(err, "a request");
        goto fail;
    }
    *out = arguments;
    return 0;
fail:
    cJSON_Delete(arguments);
    return -1;
}

static void print_plan(const cJSON *plan)
{
    char a[FIGURE_BYTES], b[FIGURE_BYTES], duration[32];
    const cJSON *seconds = member(plan, "duration_s"), *fits = member(plan, "deadline_fits");
    (void)printf("points    %s to ask, %s carried over\n",
                 figure_count(member_number(plan, "points"), a),
                 figure_count(member_number(plan, "carried"), b));
    (void)printf("requests  %s\n", figure_count(member_number(plan, "requests"), a));
    if (cJSON_IsNumber(seconds))
        (void)printf("duration  %s\n", text_format_duration(seconds->valuedouble, duration));
    else
        (void)puts("duration  unknown: no run was measured yet");
    (void)printf("disk      %s needed, %s free\n",
                 figure_bytes(member_number(plan, "disk_bytes"), a),
                 figure_bytes(member_number(plan, "disk_free"), b));
    if (cJSON_IsBool(fits))
        (void)printf("deadline  %s\n", cJSON_IsTrue(fits) ? "fits" : "can't be met");
}

static int dry_run(struct session *session, struct client *client, cJSON *arguments,
                   struct error *err)
{
    cJSON *plan;
    if (client_call(client, "plan", arguments, &plan, err) != 0)
        return -1;
    cJSON_DeleteItemFromObjectCaseSensitive(plan, "ok");
    if (session->json)
        return session_print(session, plan, EXIT_DONE);
    print_plan(plan);
    cJSON_Delete(plan);
    return EXIT_DONE;
}

static void print_end(const cJSON *status, const char *run)
{
    struct buffer text = {0};
    struct error err;
    const cJSON *last = member(status, "last_run");
    if (strcmp(member_text(last, "run"), run) == 0)
        (void)printf("run %s %s\n", run, member_text(last, "result"));
    else if (strcmp(member_text(status, "run"), run) == 0)
        (void)printf("run %s is %s\n", run, member_text(status, "state"));
    else
        (void)printf("run %s is over, and was not finished here; refreshctl peers shows who has "
                     "which generation\n",
                     run);
    if (progress_screen(status, &text, &err) == 0)
        (void)fwrite(text.data, 1, text.used, stdout);
    buffer_free(&text);
}

/* The document of a run that ended, or stands still: last_run's members, or the state. */
static cJSON *end_document(const cJSON *status, const char *run, int exit)
{
    const cJSON *last = member(status, "last_run");
    if (strcmp(member_text(last, "run"), run) == 0)
        return cJSON_Duplicate(last, 1);
    cJSON *document = cJSON_CreateObject();
    static const char *const names[] = {"run",        "state",  "reason",
                                        "generation", "points", "failures"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cJSON *copy = cJSON_Duplicate(member(status, names[i]), 1);
        if (copy == NULL || !cJSON_AddItemToObject(document, names[i], copy))
            cJSON_Delete(copy);
    }
    cJSON_AddNumberToObject(document, "exit", exit);
    return document;
}

static int wait_for(struct session *session, struct client *client, const char *run,
                    struct error *err)
{
    cJSON *last;
    int exit;
    enum watch_style style = session->json           ? WATCH_QUIET
                             : isatty(STDOUT_FILENO) ? WATCH_BAR
                                                     : WATCH_LOG;
    if (watch_run(client, run, style, &exit, &last, err) != 0)
        return -1;
    if (session->json)
        (void)session_print(session, end_document(last, run, exit), exit);
    else
        print_end(last, run);
    cJSON_Delete(last);
    return exit;
}

static void warn(const cJSON *reply)
{
    char duration[32];
    const char *warning = member_text(reply, "warning");
    if (warning[0] != '\0')
        (void)fprintf(stderr, "refreshctl: warning: %s\n", warning);
    if (!cJSON_IsFalse(member(reply, "deadline_fits")))
        return;
    (void)fprintf(stderr, "refreshctl: the deadline can't be met: the run is expected to take %s\n",
                  text_format_duration(member_number(reply, "duration_s"), duration));
}

static int start(struct session *session, struct client *client, cJSON *arguments, bool wait,
                 struct error *err)
{
    cJSON *reply;
    char run[64];
    if (client_call(client, "start", arguments, &reply, err) != 0)
        return -1;
    (void)snprintf(run, sizeof run, "%s", member_text(reply, "run"));
    warn(reply);
    cJSON_DeleteItemFromObjectCaseSensitive(reply, "ok");
    bool quiet = session->json;
    if (quiet && (!wait || run[0] == '\0'))
        return session_print(session, reply, EXIT_DONE);
    cJSON_Delete(reply);
    if (run[0] == '\0') {
        (void)puts("nothing is stale: no run was started");
        return EXIT_DONE;
    }
    if (!quiet)
        (void)printf("run %s started\n", run);
    (void)fflush(stdout);
    return wait ? wait_for(session, client, run, err) : EXIT_DONE;
}

#define AT(member) offsetof(struct start_words, member)

static const struct command_option start_options[] = {
    {"--older-than", "D", AT(older_than),
     "Ask only for entries older than this, such as 30d; 0 = for every entry"},
    {"--finish-within", "D", AT(finish_within), "Spread the run evenly over this time, such as 6h"},
    {"--rate", "N", AT(rate), "At most N points per second; 0 = unlimited"},
    {"--workers", "N", AT(workers), "Put questions from N threads"},
    {"--tiles", "LIST", AT(tiles), "Only these tiles, such as 3,7-9"},
    {"--retry-failed", NULL, AT(retry_failed), "Ask again only what failed in the last run"},
    {"--dry-run", NULL, AT(dry_run), "Tell what the run would do, and start none"},
    {"--wait", NULL, AT(wait), "Follow the run until it ends or stops for a person"},
    {"--table", "TABLE", AT(tables) | OPTION_REPEATS,
     "Count this as well; may be given again. report shows it"},
    {"--fleet", NULL, AT(fleet), "A run of the whole fleet, or join the one that there is"},
    {NULL, NULL, 0, NULL}};

static int run_start(struct session *session, int argc, char **argv)
{
    struct start_words words = {0};
    int status = session_words(session, argc, argv, start_options, &words, NULL, 0, 0, NULL);
    if (status != 0)
        return status;
    struct error err;
    struct client *client = NULL;
    cJSON *arguments = NULL;
    if (start_arguments(session, &words, &arguments, &err) != 0)
        return session_fail(session, &err);
    if (session_connect(session, &client, &err) != 0) {
        cJSON_Delete(arguments);
        return session_fail(session, &err);
    }
    status = words.dry_run ? dry_run(session, client, arguments, &err)
                           : start(session, client, arguments, words.wait, &err);
    client_close(client);
    return status >= 0 ? status : session_fail(session, &err);
}

const struct subcommand start_subcommands[] = {
    {"start", "", start_options, "Start a run: ask the geocoder for the points of the cache again",
     "Without options the run is as the configuration says. A second start while a run is\n"
     "active is an error. When nothing is stale no run is made, which is no error. The plan of\n"
     "--dry-run has points, requests, expected duration, disk needed, and whether a deadline\n"
     "fits. Without --wait the command is done when the run has begun.\n"
     "TABLE is one word such as 'far = maximum(9) of distance_m, label when distance_m > 50';\n"
     "refreshctl(8), section TABLES, has the language. Tables of [report] are counted anyway.\n"
     "With --fleet all peers share one run and switch together; on several peers at once it makes\n"
     "one run, and a start while the fleet has one joins that. Without it a peer refreshes alone\n"
     "and differs from the others afterwards, of which it warns.",
     "start --older-than 30d --finish-within 6h --wait", "012345", run_start},
    {.name = NULL}};
