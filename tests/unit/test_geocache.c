#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "cachefmt/transfer.h"
#include "geocache/geocache.h"
#include "tests/unit/cache_rig.h"
#include "tests/unit/patience.h"

/* A house in Bath, its neighbour, an islet without address, a point asked once, all in tiles of
 * their own but the neighbours. */
#define HEADER "lat,lon,label,housenumber,street,city,country,countrycode,outcome,refreshed_at\n"
#define BATH                                                                                       \
    "51.3811,-2.359,\"12 High Street, Bath\",12,High Street,Bath,England,gb,found,1700000000\n"
#define NEIGHBOUR "51.3812,-2.359,,14,High Street,Bath,England,gb,unsure,1700000001\n"
#define ISLET "-54.4,3.3,,,,,,,none,1700000002\n"
#define ASKED_ONCE "10,10,,,,,,,unsure,1700000003\n"
#define DATELINE "0,-180,Dateline,,,,,,found,\n"
#define ROWS HEADER BATH NEIGHBOUR ISLET ASKED_ONCE DATELINE

static void publish(const char *rows)
{
    struct error err;
    struct import_result result;
    const struct import_options options = {.directory = cache_rig_directory,
                                           .grid = {24, 24},
                                           .format = FORMAT_CSV,
                                           .name = "rows",
                                           .keep = 1};
    int fd = memfd_create("rows", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, rows, strlen(rows)), (long)strlen(rows));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    if (cache_import(&options, fd, &result, &err) != 0)
        fail_msg("%s", err.message);
    (void)close(fd);
}

/* A cache that only geocache_refresh moves on, and a reader of it. */
struct open {
    struct geocache *cache;
    struct geocache_reader *reader;
};

static struct open must_open(unsigned flags)
{
    struct open open;
    struct geocache_error error;
    if (geocache_open(&open.cache, cache_rig_directory, flags, &error) != 0 ||
        geocache_reader_open(&open.reader, open.cache, &error) != 0)
        fail_msg("%s", error.message);
    return open;
}

static void shut(struct open open)
{
    geocache_reader_close(open.reader);
    geocache_close(open.cache);
}

static void opening(void **state)
{
    (void)state;
    struct geocache *cache;
    struct geocache_error error;
    assert_int_equal(geocache_open(&cache, cache_rig_directory, 0, &error), -1);
    assert_int_equal(error.code, GEOCACHE_ERROR_MISSING);
    assert_non_null(strstr(error.message, cache_rig_directory));
    assert_int_equal(geocache_open(&cache, cache_rig_directory, 1u << 31, &error), -1);
    assert_int_equal(error.code, GEOCACHE_ERROR_VALUE);
    assert_int_equal(geocache_open(&cache, "/nonexistent", 0, NULL), -1);
    geocache_close(NULL);
    geocache_reader_close(NULL);
    char version[32];
    (void)snprintf(version, sizeof version, "%d.%d.%d", GEOCACHE_VERSION_MAJOR,
                   GEOCACHE_VERSION_MINOR, GEOCACHE_VERSION_PATCH);
    assert_string_equal(geocache_version(), version);
    assert_string_equal(geocache_field_name(GEOCACHE_HOUSENUMBER), "housenumber");
    assert_null(geocache_field_name(-1));
    assert_null(geocache_field_name(11));
}

static void a_hit_has_everything(void **state)
{
    (void)state;
    const struct geocache_result *result;
    publish(ROWS);
    struct open open = must_open(0);
    assert_int_equal(geocache_lookup(open.reader, 51.38111, -2.35901, 50, &result, NULL),
                     GEOCACHE_HIT);
    assert_int_equal(result->status, GEOCACHE_HIT);
    assert_int_equal(result->outcome, GEOCACHE_OUTCOME_FOUND);
    assert_int_equal(result->generation, 1);
    assert_int_equal(result->refreshed_at, 1700000000);
    assert_int_equal(result->lat_e7, 513811000);
    assert_int_equal(result->lon_e7, -23590000);
    assert_true(fabs(result->lat - 51.3811) < 1e-9 && fabs(result->lon + 2.359) < 1e-9);
    assert_true(result->distance > 1.2 && result->distance < 1.5);
    static const char *const expected[] = {
        "12 High Street, Bath", "", "12", "High Street", "", "Bath", "", "", "", "England", "gb"};
    assert_int_equal(result->field_count, sizeof expected / sizeof expected[0]);
    for (int f = 0; f < 11; f++) {
        assert_string_equal(result->fields[f].data, expected[f]);
        assert_int_equal(result->fields[f].length, strlen(expected[f]));
        assert_ptr_equal(geocache_text(result, f), result->fields[f].data);
    }
    assert_string_equal(geocache_text(result, -1), "");
    assert_string_equal(geocache_text(result, 11), "");
    assert_int_equal(geocache_lookup_e7(open.reader, 513812000, -23590000, 0, &result, NULL),
                     GEOCACHE_HIT);
    assert_int_equal(result->outcome, GEOCACHE_OUTCOME_UNSURE);
    assert_string_equal(geocache_text(result, GEOCACHE_HOUSENUMBER), "14");
    shut(open);
}

static void without_an_address(void **state)
{
    (void)state;
    const struct geocache_result *result;
    publish(ROWS);
    struct open open = must_open(0);
    assert_int_equal(geocache_lookup(open.reader, -54.4, 3.3, 10, &result, NULL),
                     GEOCACHE_NO_ADDRESS);
    assert_int_equal(result->outcome, GEOCACHE_OUTCOME_NONE);
    assert_int_equal(result->refreshed_at, 1700000002);
    assert_int_equal(result->lat_e7, -544000000);
    for (size_t f = 0; f < result->field_count; f++)
        assert_string_equal(result->fields[f].data, "");
    assert_int_equal(geocache_lookup(open.reader, 10, 10, 10, &result, NULL), GEOCACHE_MISS);
    assert_int_equal(geocache_lookup(open.reader, 30, 30, 10, &result, NULL), GEOCACHE_MISS);
    assert_int_equal(result->status, GEOCACHE_MISS);
    assert_int_equal(result->generation, 1);
    assert_string_equal(geocache_text(result, GEOCACHE_LABEL), "");
    shut(open);
}

static void edges_of_the_world(void **state)
{
    (void)state;
    const struct geocache_result *result;
    struct geocache_point point;
    publish(ROWS);
    struct open open = must_open(0);
    assert_int_equal(geocache_lookup(open.reader, 0, 180, 0, &result, NULL), GEOCACHE_HIT);
    assert_int_equal(geocache_lookup_e7(open.reader, 0, 1800000000, 0, &result, NULL),
                     GEOCACHE_HIT);
    assert_int_equal(result->refreshed_at, 0);
    assert_int_equal(geocache_lookup(open.reader, 90, 0, INFINITY, &result, NULL), GEOCACHE_HIT);
    assert_string_equal(geocache_text(result, GEOCACHE_HOUSENUMBER), "14");
    assert_int_equal(geocache_point_from_degrees(&point, -54.4, 180, NULL), 0);
    assert_int_equal(point.lat, -544000000);
    assert_int_equal(point.lon, -1800000000);
    shut(open);
}

static void bad_values_are_refused(void **state)
{
    (void)state;
    struct geocache_error error;
    struct geocache_point point;
    const struct geocache_result *result;
    publish(ROWS);
    struct open open = must_open(0);
    static const double bad[][3] = {{91, 0, 1},   {-90.1, 0, 1}, {0, 180.1, 1},
                                    {0, -181, 1}, {NAN, 0, 1},   {0, NAN, 1},
                                    {0, 0, NAN},  {0, 0, -1},    {0, INFINITY, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        error.code = 0;
        assert_int_equal(
            geocache_lookup(open.reader, bad[i][0], bad[i][1], bad[i][2], &result, &error),
            GEOCACHE_FAILED);
        assert_int_equal(error.code, GEOCACHE_ERROR_VALUE);
    }
    assert_int_equal(geocache_lookup_e7(open.reader, 900000001, 0, 1, &result, &error), -1);
    assert_int_equal(geocache_lookup_e7(open.reader, 0, INT32_MIN, 1, &result, NULL), -1);
    assert_int_equal(geocache_point_from_degrees(&point, 0, NAN, &error), -1);
    const struct geocache_point points[] = {{0, 0}, {0, 1800000001}};
    assert_int_equal(geocache_lookup_batch(open.reader, points, 2, 1, &error), -1);
    assert_non_null(strstr(error.message, "point 1"));
    assert_int_equal(geocache_lookup_batch(open.reader, points, 1, -1, &error), -1);
    assert_null(geocache_batch_result(open.reader, 0));
    assert_int_equal(geocache_lookup(open.reader, 51.3811, -2.359, 1, &result, NULL), GEOCACHE_HIT);
    shut(open);
}

/* Long enough that the memory of the answers moves several times. */
#define BATCH 3000

static void batches_say_what_singles_say(void **state)
{
    (void)state;
    static struct geocache_point points[BATCH];
    static const struct geocache_point places[] = {{513811000, -23590000}, {-544000000, 33000000},
                                                   {513812000, -23590000}, {100000000, 100000000},
                                                   {0, 1800000000},        {300000000, 300000000}};
    const struct geocache_result *single, *result;
    publish(ROWS);
    struct open open = must_open(0);
    struct geocache_reader *other;
    assert_int_equal(geocache_reader_open(&other, open.cache, NULL), 0);
    assert_int_equal(geocache_lookup_batch(open.reader, points, 0, 1, NULL), 0);
    assert_null(geocache_batch_result(open.reader, 0));
    for (size_t i = 0; i < BATCH; i++)
        points[i] = places[i * 7 % 6];
    assert_int_equal(geocache_lookup_batch(open.reader, points, BATCH, 20, NULL), 0);
    for (size_t i = 0; i < BATCH; i++) {
        result = geocache_batch_result(open.reader, i);
        assert_int_equal(geocache_lookup_e7(other, points[i].lat, points[i].lon, 20, &single, NULL),
                         result->status);
        assert_int_equal(result->lat_e7, single->lat_e7);
        assert_int_equal(result->refreshed_at, single->refreshed_at);
        for (size_t f = 0; f < single->field_count; f++)
            assert_string_equal(result->fields[f].data, single->fields[f].data);
    }
    assert_null(geocache_batch_result(open.reader, BATCH));
    assert_int_equal(geocache_lookup(open.reader, 0, 0, 1, &single, NULL), GEOCACHE_MISS);
    assert_null(geocache_batch_result(open.reader, 0));
    geocache_reader_close(other);
    shut(open);
}

static bool is_mapped(const char *name)
{
    char line[600];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    while (!found && fgets(line, sizeof line, maps) != NULL)
        found = strstr(line, cache_rig_path(name)) != NULL;
    (void)fclose(maps);
    return found;
}

/* What a lookup gave is the reader's: it outlives the generation, and keeps nothing of it open. */
static void a_result_outlives_its_generation(void **state)
{
    (void)state;
    const struct geocache_result *result, *newer;
    publish(HEADER BATH);
    struct open open = must_open(GEOCACHE_NO_FOLLOW);
    struct geocache_reader *other;
    assert_int_equal(geocache_reader_open(&other, open.cache, NULL), 0);
    assert_int_equal(geocache_refresh(open.cache, NULL), 0);
    assert_int_equal(geocache_lookup(open.reader, 51.3811, -2.359, 5, &result, NULL), GEOCACHE_HIT);
    publish(HEADER "51.3811,-2.359,New,,,,,,found,1800000000\n");
    assert_true(is_mapped("443.1.dat"));
    assert_int_equal(geocache_refresh(open.cache, NULL), 1);
    assert_false(is_mapped("443.1.dat"));
    assert_string_equal(geocache_text(result, GEOCACHE_LABEL), "12 High Street, Bath");
    assert_int_equal(result->generation, 1);
    assert_int_equal(geocache_lookup(other, 51.3811, -2.359, 5, &newer, NULL), GEOCACHE_HIT);
    assert_string_equal(geocache_text(newer, GEOCACHE_LABEL), "New");
    assert_int_equal(newer->generation, 2);
    geocache_reader_close(other);
    shut(open);
}

static void it_follows_by_itself(void **state)
{
    (void)state;
    const struct geocache_result *result;
    const struct geocache_point point = {513811000, -23590000};
    struct open open = must_open(GEOCACHE_MAY_BE_MISSING);
    assert_int_equal(geocache_info(open.reader)->generation, 0);
    assert_string_equal(geocache_info(open.reader)->digest, "");
    assert_int_equal(geocache_lookup(open.reader, 51.3811, -2.359, 5, &result, NULL),
                     GEOCACHE_MISS);
    assert_int_equal(result->generation, 0);
    assert_int_equal(geocache_lookup_batch(open.reader, &point, 1, 5, NULL), 0);
    assert_int_equal(geocache_batch_result(open.reader, 0)->status, GEOCACHE_MISS);
    publish(ROWS);
    double until = clock_monotonic() + PATIENCE;
    while (geocache_lookup(open.reader, 51.3811, -2.359, 5, &result, NULL) != GEOCACHE_HIT)
        assert_true(clock_monotonic() < until);
    const struct geocache_info *info = geocache_info(open.reader);
    assert_int_equal(info->generation, 1);
    assert_int_equal(info->entries, 5);
    assert_int_equal(info->found, 2);
    assert_int_equal(info->none, 1);
    assert_int_equal(info->unsure, 2);
    assert_int_equal(info->newest, 1700000003);
    assert_int_equal(info->tiles, 576);
    assert_int_equal(info->tiles_nonempty, 4);
    assert_memory_equal(info->run, "import", 6);
    assert_int_equal(strlen(info->digest), 32);
    assert_true(info->index_bytes > 0 && info->data_bytes > 0 && info->published > 1700000000);
    shut(open);
}

static void a_relative_path_means_the_directory_of_then(void **state)
{
    (void)state;
    struct geocache *cache;
    char *before = getcwd(NULL, 0);
    assert_non_null(before);
    publish(HEADER BATH);
    assert_int_equal(chdir(cache_rig_directory), 0);
    int result = geocache_open(&cache, ".", GEOCACHE_NO_FOLLOW, NULL);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(result, 0);
    publish(ROWS);
    assert_int_equal(geocache_refresh(cache, NULL), 1);
    geocache_close(cache);
    free(before);
}

/* Programs that were built against this header know these numbers. */
static void the_abi_stays(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct geocache_error), 1024);
    assert_int_equal(sizeof(struct geocache_point), 8);
    assert_int_equal(sizeof(struct geocache_text), 16);
    assert_int_equal(offsetof(struct geocache_error, message), 8);
    assert_int_equal(offsetof(struct geocache_result, generation), 8);
    assert_int_equal(offsetof(struct geocache_result, lat_e7), 32);
    assert_int_equal(offsetof(struct geocache_result, refreshed_at), 48);
    assert_int_equal(offsetof(struct geocache_result, fields), 64);
    assert_int_equal(offsetof(struct geocache_info, entries), 32);
    assert_int_equal(offsetof(struct geocache_info, data_bytes), 104);
}

static void a_broken_generation_is_told(void **state)
{
    (void)state;
    struct geocache_error error;
    const struct geocache_result *result;
    publish(HEADER BATH);
    struct open open = must_open(GEOCACHE_NO_FOLLOW);
    assert_int_equal(geocache_failure(open.cache, &error), 0);
    publish(HEADER BATH NEIGHBOUR);
    assert_int_equal(unlink(cache_rig_path("443.2.dat")), 0);
    assert_int_equal(geocache_refresh(open.cache, &error), -1);
    assert_int_equal(error.code, GEOCACHE_ERROR_CORRUPT);
    assert_int_equal(geocache_failure(open.cache, &error), 1);
    assert_non_null(strstr(error.message, "443.2.dat"));
    assert_int_equal(geocache_lookup(open.reader, 51.3811, -2.359, 5, &result, NULL), GEOCACHE_HIT);
    assert_int_equal(result->generation, 1);
    publish(ROWS);
    assert_int_equal(geocache_refresh(open.cache, &error), 1);
    assert_int_equal(geocache_failure(open.cache, NULL), 0);
    shut(open);
}

static void flip_a_byte(const char *name, long behind_start)
{
    FILE *file = fopen(cache_rig_path(name), "r+e");
    assert_non_null(file);
    assert_int_equal(fseek(file, behind_start, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, behind_start, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
    assert_int_equal(fclose(file), 0);
}

/* Damage in one tile spoils the answers of that tile alone. */
static void damage_is_an_error(void **state)
{
    (void)state;
    struct geocache_error error;
    const struct geocache_result *result;
    const struct geocache_point points[] = {
        {513811000, -23590000}, {-544000000, 33000000}, {0, -1800000000}};
    publish(ROWS);
    flip_a_byte("443.1.dat", 200);
    struct open open = must_open(0);
    assert_int_equal(geocache_lookup(open.reader, 51.3811, -2.359, 5, &result, &error),
                     GEOCACHE_FAILED);
    assert_int_equal(error.code, GEOCACHE_ERROR_CORRUPT);
    assert_non_null(strstr(error.message, "443.1.dat"));
    error.code = 0;
    assert_int_equal(geocache_lookup_batch(open.reader, points, 3, 5, &error), 1);
    assert_int_equal(error.code, GEOCACHE_ERROR_CORRUPT);
    assert_int_equal(geocache_batch_result(open.reader, 0)->status, GEOCACHE_FAILED);
    assert_int_equal(geocache_batch_result(open.reader, 1)->status, GEOCACHE_NO_ADDRESS);
    assert_string_equal(geocache_text(geocache_batch_result(open.reader, 2), 0), "Dateline");
    shut(open);
}

/* --- threads through switches ----------------------------------------------------------------- */

#define THREADS 3
#define SWITCHES 30

struct race {
    struct geocache *cache;
    atomic_bool done;
    atomic_uint wrong, lookups;
};

/* In generation G the label is "Label G". */
static void check(struct race *race, const struct geocache_result *result)
{
    char label[40];
    (void)snprintf(label, sizeof label, "Label %llu", (unsigned long long)result->generation);
    if (result->status != GEOCACHE_HIT || strcmp(geocache_text(result, GEOCACHE_LABEL), label) != 0)
        atomic_fetch_add(&race->wrong, 1);
    atomic_fetch_add(&race->lookups, 1);
}

static void *look_up_in_race(void *argument)
{
    struct race *race = argument;
    const struct geocache_point points[] = {{0, 0}, {100000000, 0}, {0, 100000000}};
    struct geocache_reader *reader;
    if (geocache_reader_open(&reader, race->cache, NULL) != 0)
        return NULL;
    while (!atomic_load(&race->done)) {
        const struct geocache_result *result;
        if (geocache_lookup(reader, 0, 0, 1, &result, NULL) == GEOCACHE_HIT)
            check(race, result);
        else
            atomic_fetch_add(&race->wrong, 1);
        if (geocache_lookup_batch(reader, points, 3, 1, NULL) != 0)
            atomic_fetch_add(&race->wrong, 1);
        for (size_t i = 0; (result = geocache_batch_result(reader, i)) != NULL; i++)
            check(race, result);
        (void)geocache_info(reader);
    }
    geocache_reader_close(reader);
    return NULL;
}

static void publish_labels(unsigned generation)
{
    char rows[300];
    (void)snprintf(rows, sizeof rows, "lat,lon,label\n0,0,Label %u\n10,0,Label %u\n0,10,Label %u\n",
                   generation, generation, generation);
    publish(rows);
}

static void threads_through_switches(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    publish_labels(1);
    struct open open = must_open(0);
    struct race race = {.cache = open.cache};
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up_in_race, &race), 0);
    for (unsigned i = 2; i <= SWITCHES; i++) {
        publish_labels(i);
        (void)geocache_refresh(open.cache, NULL);
        assert_int_equal(geocache_info(open.reader)->generation, i);
    }
    atomic_store(&race.done, true);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&race.wrong), 0);
    assert_true(atomic_load(&race.lookups) > SWITCHES);
    shut(open);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cache_rig_open, cache_rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(opening),
        TEST(a_hit_has_everything),
        TEST(without_an_address),
        TEST(edges_of_the_world),
        TEST(bad_values_are_refused),
        TEST(batches_say_what_singles_say),
        TEST(a_result_outlives_its_generation),
        TEST(it_follows_by_itself),
        TEST(a_relative_path_means_the_directory_of_then),
        TEST(the_abi_stays),
        TEST(a_broken_generation_is_told),
        TEST(damage_is_an_error),
        TEST(threads_through_switches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
