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

/* A cache of points on a lattice that has tile borders, the antimeridian and both poles on it. */
struct fixture {
    char directory[64];
    struct cache *cache;
};

#define STEP 75 /* tenths of a degree: half a tile's height, half of its width */

static void set_up(struct fixture *f)
{
    struct import_result result;
    struct error err;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(f->directory, sizeof f->directory, "%s/test-export-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    assert_non_null(mkdtemp(f->directory));
    struct import_options options = {
        .directory = f->directory, .grid = {24, 24}, .name = "x.csv", .keep = 1};
    int fd = memfd_create("input", MFD_CLOEXEC);
    FILE *input = fdopen(fd, "w+");
    assert_non_null(input);
    fprintf(input, "lat,lon,city\n");
    for (int lat = -900; lat <= 900; lat += STEP) {
        for (int lon = -1800; lon < 1800; lon += STEP)
            fprintf(input, "%.1f,%.1f,City\n", lat / 10.0, lon / 10.0);
    }
    assert_int_equal(fflush(input), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    if (cache_import(&options, fd, &result, &err) != 0 ||
        cache_open(&f->cache, f->directory, NULL, &err) != 0)
        fail_msg("%s", err.message);
    fclose(input);
}

static void tear_down(struct fixture *f)
{
    cache_close(f->cache);
    DIR *opened = opendir(f->directory);
    struct dirent *name;
    assert_non_null(opened);
    while ((name = readdir(opened)) != NULL)
        unlinkat(dirfd(opened), name->d_name, 0);
    closedir(opened);
    assert_int_equal(rmdir(f->directory), 0);
}

static char *export_text(struct fixture *f, const struct export_options *options)
{
    struct error err;
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    if (cache_export(f->cache, options, out, &err) != 0)
        fail_msg("%s", err.message);
    fclose(out);
    return text;
}

/* Rows of the whole export that the predicate of the box or tile keeps, in their order. */
static void check(struct fixture *f, const struct export_options *options, bool (*wanted)(int, int))
{
    struct export_options all = {.format = FORMAT_CSV, .tile = -1};
    char *whole = export_text(f, &all);
    char *part = export_text(f, options);
    char *at = part;
    char *rest;
    char *line = strtok_r(whole, "\n", &rest);
    size_t rows = 0;
    for (bool header = true; line != NULL; line = strtok_r(NULL, "\n", &rest), header = false) {
        double lat = 0, lon = 0;
        if (!header) {
            assert_int_equal(sscanf(line, "%lf,%lf", &lat, &lon), 2);
            if (!wanted((int)(lat * 10), (int)(lon * 10)))
                continue;
            rows++;
        }
        size_t length = strlen(line);
        if (strncmp(at, line, length) != 0 || at[length] != '\n')
            fail_msg("%s is missing before %.30s", line, at);
        at += length + 1;
    }
    assert_int_equal(*at, '\0');
    assert_true(rows > 0);
    free(whole);
    free(part);
}

static struct export_options box_options(int south, int west, int north, int east)
{
    return (struct export_options){
        .format = FORMAT_CSV,
        .tile = -1,
        .has_box = true,
        .box = {south * 1000000, west * 1000000, north * 1000000, east * 1000000}};
}

static bool every(int lat, int lon)
{
    (void)lat;
    (void)lon;
    return true;
}

static bool in_europe(int lat, int lon)
{
    return lat >= 375 && lat <= 600 && lon >= -75 && lon <= 300;
}

static bool on_one_point(int lat, int lon)
{
    return lat == 450 && lon == 75;
}

static bool in_pacific(int lat, int lon)
{
    return lat >= -300 && lat <= 0 && (lon >= 1650 || lon <= -1725);
}

static bool up_to_antimeridian(int lat, int lon)
{
    return lat >= -75 && lat <= 75 && (lon >= 1500 || lon == -1800);
}

static bool on_antimeridian(int lat, int lon)
{
    (void)lat;
    return lon == -1800;
}

static bool in_tile_300(int lat, int lon)
{
    return lat >= 0 && lat < 75 && lon >= 0 && lon < 150;
}

static bool in_tile_300_and_box(int lat, int lon)
{
    return in_tile_300(lat, lon) && lon <= 0;
}

static void boxes(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    struct export_options options = box_options(-900, -1800, 900, 1800);
    check(&f, &options, every);
    options = box_options(375, -75, 600, 300);
    check(&f, &options, in_europe);
    options = box_options(450, 75, 450, 75);
    check(&f, &options, on_one_point);
    options = box_options(-300, 1650, 0, -1725);
    check(&f, &options, in_pacific);
    options = box_options(-75, 1500, 75, 1800);
    check(&f, &options, up_to_antimeridian);
    options = box_options(-900, 1800, 900, 1800);
    check(&f, &options, on_antimeridian);
    options = box_options(-900, 1800, 900, -1800);
    check(&f, &options, on_antimeridian);
    tear_down(&f);
}

static void tiles(void **state)
{
    (void)state;
    struct fixture f;
    struct error err;
    set_up(&f);
    struct export_options options = {.format = FORMAT_CSV, .tile = 300};
    check(&f, &options, in_tile_300);
    options = box_options(-900, -1800, 900, 0);
    options.tile = 300;
    check(&f, &options, in_tile_300_and_box);
    options.tile = 576;
    assert_int_equal(cache_export(f.cache, &options, stdout, &err), -1);
    assert_int_equal(err.code, ERROR_USAGE);
    tear_down(&f);
}

static void full_disk(void **state)
{
    (void)state;
    struct fixture f;
    struct error err;
    set_up(&f);
    struct export_options options = {.format = FORMAT_NDJSON, .tile = -1};
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_int_equal(cache_export(f.cache, &options, full, &err), -1);
    assert_int_equal(err.code, ERROR_DISK_FULL);
    fclose(full);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes),
        cmocka_unit_test(tiles),
        cmocka_unit_test(full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
