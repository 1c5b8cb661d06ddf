#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cachefmt/transfer.h"
#include "tables/query.h"

#define LARGE 140000 /* entries of the one large tile: some pieces */
#define NOW 1700000000u

struct fixture {
    char directory[64];
    struct cache *cache;
};

static struct fixture f;

/* A large tile of a street of houses, and a point on both sides of the antimeridian. */
static void write_rows(FILE *input)
{
    (void)fputs("lat,lon,label,city,countrycode,outcome,refreshed_at\n", input);
    for (int i = 0; i < LARGE; i++)
        (void)fprintf(input, "48.5,%.7f,\"%d, City %d\",City %d,%s,found,%u\n", 7.5 + i * 1e-7, i,
                      i % 7, i % 7, i % 3 == 0 ? "de" : "fr", NOW - 86400u * (unsigned)(i % 1000));
    (void)fputs("10.0,179.9,,Suva,fj,found,0\n"
                "10.0,-179.9,,,,none,1600000000\n",
                input);
}

static int open_cache(void **state)
{
    (void)state;
    struct import_result result;
    struct error err;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(f.directory, sizeof f.directory, "%s/test-query-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    assert_non_null(mkdtemp(f.directory));
    struct import_options options = {
        .directory = f.directory, .grid = {24, 24}, .name = "x.csv", .keep = 1};
    int fd = memfd_create("input", MFD_CLOEXEC);
    FILE *input = fdopen(fd, "w+");
    assert_non_null(input);
    write_rows(input);
    assert_int_equal(fflush(input), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    if (cache_import(&options, fd, &result, &err) != 0 ||
        cache_open(&f.cache, f.directory, NULL, &err) != 0)
        fail_msg("%s", err.message);
    (void)fclose(input);
    return 0;
}

static int close_cache(void **state)
{
    (void)state;
    cache_close(f.cache);
    DIR *opened = opendir(f.directory);
    struct dirent *name;
    assert_non_null(opened);
    while ((name = readdir(opened)) != NULL)
        (void)unlinkat(dirfd(opened), name->d_name, 0);
    closedir(opened);
    return rmdir(f.directory);
}

/* ask: the rows of the one table, as JSON text; the caller frees it. */
static char *ask(const char *text, const struct query_options *options)
{
    struct tables *tables = NULL;
    struct tally *tally = NULL;
    struct error err;
    if (tables_parse(&tables, text, &err) != 0 ||
        query_run(f.cache, tables, options, &tally, &err) != 0)
        fail_msg("%s", err.message);
    cJSON *json = tally_json(tally, &err);
    assert_non_null(json);
    cJSON *rows = cJSON_GetObjectItem(cJSON_GetArrayItem(json, 0), "rows");
    char *printed = cJSON_PrintUnformatted(rows);
    cJSON_Delete(json);
    tally_free(tally);
    tables_free(tables);
    assert_non_null(printed);
    return printed;
}

static void gives(const char *text, const struct query_options *options, const char *rows)
{
    char *printed = ask(text, options);
    assert_string_equal(printed, rows);
    free(printed);
}

static const struct query_options everything = {.tile = -1, .now = NOW};

static void every_entry_is_counted_once(void **state)
{
    (void)state;
    gives("x = sum[countrycode] of 1", &everything,
          "[{\"index\":{\"countrycode\":\"fr\"},\"value\":93333},"
          "{\"index\":{\"countrycode\":\"de\"},\"value\":46667},"
          "{\"index\":{\"countrycode\":\"fj\"},\"value\":1}]");
    gives("x = count[outcome]", &everything,
          "[{\"index\":{\"outcome\":\"found\"},\"value\":140001},"
          "{\"index\":{\"outcome\":\"none\"},\"value\":1}]");
    gives("x = count when label is missing", &everything, "[{\"index\":{},\"value\":2}]");
    gives("x = count when old_label is missing and changed is missing", &everything,
          "[{\"index\":{},\"value\":140002}]");
}

/* Pieces, threads and the order they end in do not show. */
static void threads_do_not_show(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "x = sample(50)[countrycode] of label, lat, lon",
        "x = mean[city] of lon * 3",
        "x = collection(200) of label when lon > 7.505",
        "x = quantile(9) of age_days",
        "x = unique of label",
        "x = minimum(3) of label weight lon",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct query_options options = everything;
        options.threads = 1;
        char *alone = ask(texts[i], &options);
        for (options.threads = 2; options.threads < 6; options.threads++) {
            char *together = ask(texts[i], &options);
            assert_string_equal(together, alone);
            free(together);
        }
        free(alone);
    }
}

static void a_tile_or_a_box_alone(void **state)
{
    (void)state;
    struct query_options options = everything;
    options.tile = grid_tile((struct grid){24, 24}, (struct point){485000000, 75000000});
    gives("x = count", &options, "[{\"index\":{},\"value\":140000}]");
    gives("x = count[tile]", &options, "[{\"index\":{\"tile\":444},\"value\":140000}]");
    options.tile = 0;
    gives("x = count", &options, "[]");
    options = everything;
    options.has_box = true;
    options.box = (struct box){485000000, 75000010, 485000000, 75000019};
    gives("x = count", &options, "[{\"index\":{},\"value\":10}]");
    options.box = (struct box){0, 1790000000, 200000000, -1790000000};
    gives("x = count[outcome, city]", &options,
          "[{\"index\":{\"outcome\":\"found\",\"city\":\"Suva\"},\"value\":1}]");
    gives("x = count", &options, "[{\"index\":{},\"value\":2}]");
    options.box = (struct box){0, 1000000000, 200000000, LONGITUDE_LIMIT};
    gives("x = count", &options, "[{\"index\":{},\"value\":1}]");
}

static void ages_are_as_of_now(void **state)
{
    (void)state;
    struct query_options options = everything;
    gives("x = maximum(1) of age_days when countrycode == \"de\"", &options,
          "[{\"index\":{},\"value\":[999]}]");
    options.now = NOW + 86400;
    gives("x = count when age_days == 1", &options, "[{\"index\":{},\"value\":140}]");
    gives("x = count when age_days is missing", &options, "[{\"index\":{},\"value\":1}]");
}

static void what_cannot_be_asked(void **state)
{
    (void)state;
    struct query_options options = everything;
    struct tables *tables;
    struct tally *tally = NULL;
    struct error err;
    options.tile = 576;
    assert_int_equal(tables_parse(&tables, "x = count", &err), 0);
    assert_int_equal(query_run(f.cache, tables, &options, &tally, &err), -1);
    assert_int_equal(err.code, ERROR_USAGE);
    assert_string_equal(err.message, "there is no tile 576: the last one is 575");
    assert_null(tally);
    tables_free(tables);
}

static void damage(const char *name)
{
    char path[400];
    (void)snprintf(path, sizeof path, "%s/%s", f.directory, name);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, -1000, SEEK_END), 0);
    (void)fputs("damaged", file);
    assert_int_equal(fclose(file), 0);
}

/* Of whichever thread it is, a failure is the query's. Damages the cache: the last test. */
static void a_damaged_tile_is_named(void **state)
{
    (void)state;
    struct query_options options = everything;
    struct tables *tables;
    struct tally *tally;
    struct error err;
    options.threads = 3;
    damage("444.1.dat");
    assert_int_equal(tables_parse(&tables, "x = count", &err), 0);
    cache_close(f.cache);
    assert_int_equal(cache_open(&f.cache, f.directory, NULL, &err), 0);
    assert_int_equal(query_run(f.cache, tables, &options, &tally, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_non_null(strstr(err.message, "444.1.dat"));
    tables_free(tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_is_counted_once), cmocka_unit_test(threads_do_not_show),
        cmocka_unit_test(a_tile_or_a_box_alone),       cmocka_unit_test(ages_are_as_of_now),
        cmocka_unit_test(what_cannot_be_asked),        cmocka_unit_test(a_damaged_tile_is_named),
    };
    return cmocka_run_group_tests(tests, open_cache, close_cache);
}
