#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>

#include "base/durable.h"
#include "cachefmt/pair_header.h"
#include "pair_sample.h"
#include "quadtree/morton.h"

/* Both files of a pair in memory, to be damaged. */
struct image {
    char *index, *data;
    size_t index_bytes, data_bytes;
};

static char directory[200];
static char prefix[230];

static int set_up(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(directory, sizeof directory, "%.100s/pair-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(directory) == NULL)
        return -1;
    (void)snprintf(prefix, sizeof prefix, "%s/p", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"idx", "dat"};
    char path[300];
    for (int s = 0; s < 2; s++) {
        (void)snprintf(path, sizeof path, "%s.%s", prefix, suffixes[s]);
        (void)unlink(path);
    }
    return rmdir(directory);
}

static void must(int result, const struct error *err)
{
    if (result < 0)
        fail_msg("%s", err->message);
}

static struct image load(const char *from)
{
    struct image image;
    struct error err;
    char path[300];
    (void)snprintf(path, sizeof path, "%s.idx", from);
    must(read_whole_file(path, 1u << 26, &image.index, &image.index_bytes, &err), &err);
    (void)snprintf(path, sizeof path, "%s.dat", from);
    must(read_whole_file(path, 1u << 26, &image.data, &image.data_bytes, &err), &err);
    return image;
}

static struct image make_image(struct pair_sample *sample, uint64_t seed, size_t count,
                               unsigned cities)
{
    struct pair_info info;
    struct error err;
    pair_sample_make(sample, seed, count, cities);
    must(pair_sample_build(sample, prefix, &info, &err), &err);
    return load(prefix);
}

static void image_free(struct image *image)
{
    free(image->index);
    free(image->data);
}

static int open_image(struct pair **pair, const struct image *image, struct error *err)
{
    return pair_open_memory(pair, image->index, image->index_bytes, image->data, image->data_bytes,
                            "IMAGE", err);
}

/* Open and check; 0 when nothing is found wrong. */
static int check_image(const struct image *image, bool deep, struct error *err)
{
    struct pair *pair;
    if (open_image(&pair, image, err) != 0)
        return -1;
    int result = pair_verify(pair, deep, err);
    pair_close(pair);
    return result;
}

/* Read everything in every way; returns how many entries were read rightly before an error. */
static size_t read_all(const struct image *image, const struct pair_sample *sample)
{
    struct pair *pair;
    struct pair_cursor cursor, dates;
    struct entry entry;
    const struct quadtree *tree;
    struct nearest nearest;
    size_t right = 0;
    if (open_image(&pair, image, NULL) != 0)
        return 0;
    if (pair_quadtree(pair, &tree, NULL) == 0) {
        for (size_t i = 0; i < sample->count; i += 37)
            (void)quadtree_nearest(tree, sample->entries[i].point, INFINITY, &nearest);
    }
    pair_walk(&cursor, pair, 0);
    pair_walk(&dates, pair, 0);
    while (pair_next_date(&dates, &entry, NULL) == 1)
        ;
    while (pair_next(&cursor, &entry, NULL) == 1 && right < sample->count &&
           entry_equal(&entry, &sample->entries[right]))
        right++;
    for (uint64_t row = 0; row < pair_info(pair)->entries && row < sample->count; row++)
        (void)pair_entry(pair, row, &entry, NULL);
    (void)pair_verify(pair, true, NULL);
    pair_close(pair);
    return right;
}

static void a_pair_in_memory_reads_the_same(void **state)
{
    (void)state;
    struct pair_sample sample;
    struct error err;
    struct image image = make_image(&sample, 1, 3000, 20);
    must(check_image(&image, true, &err), &err);
    assert_int_equal(read_all(&image, &sample), sample.count);
    image_free(&image);
    pair_sample_free(&sample);
}

static void every_changed_byte_is_found(void **state)
{
    (void)state;
    struct pair_sample sample;
    struct error err;
    struct image image = make_image(&sample, 2, 300, 5);
    must(check_image(&image, false, &err), &err);
    for (size_t i = 0; i < image.index_bytes + image.data_bytes; i++) {
        char *byte = i < image.index_bytes ? &image.index[i] : &image.data[i - image.index_bytes];
        char kept = *byte;
        *byte ^= (char)(1 << (i % 8));
        assert_int_equal(check_image(&image, false, &err), -1);
        assert_int_equal(err.code, ERROR_CORRUPT);
        assert_non_null(strstr(err.message, "IMAGE"));
        *byte = kept;
    }
    must(check_image(&image, false, &err), &err);
    image_free(&image);
    pair_sample_free(&sample);
}

/* Without a verification before: reading stops at the damage, it never gives a wrong entry. */
static void no_damage_gives_a_wrong_entry(void **state)
{
    (void)state;
    struct pair_sample sample;
    struct image image = make_image(&sample, 3, 200, 5);
    for (size_t i = 0; i < image.index_bytes + image.data_bytes; i += 3) {
        char *byte = i < image.index_bytes ? &image.index[i] : &image.data[i - image.index_bytes];
        *byte ^= 0x40;
        assert_int_equal(read_all(&image, &sample), 0);
        *byte ^= 0x40;
    }
    image_free(&image);
    pair_sample_free(&sample);
}

static void a_cut_file_is_refused(void **state)
{
    (void)state;
    struct pair_sample sample;
    struct pair *pair;
    struct error err;
    struct image image = make_image(&sample, 4, 100, 5);
    for (size_t cut = 0; cut < image.index_bytes; cut++) {
        assert_int_equal(
            pair_open_memory(&pair, image.index, cut, image.data, image.data_bytes, "IMAGE", &err),
            -1);
        assert_int_equal(err.code, ERROR_CORRUPT);
    }
    for (size_t cut = 0; cut < image.data_bytes; cut++) {
        assert_int_equal(
            pair_open_memory(&pair, image.index, image.index_bytes, image.data, cut, "IMAGE", &err),
            -1);
        assert_int_equal(err.code, ERROR_CORRUPT);
    }
    image_free(&image);
    pair_sample_free(&sample);
}

static void files_of_two_pairs_are_refused(void **state)
{
    (void)state;
    struct pair_sample sample[2];
    struct pair *pair;
    struct error err;
    struct image first = make_image(&sample[0], 5, 100, 5);
    sample[0].entries[50].refreshed_at ^= 1;
    struct pair_info info;
    must(pair_sample_build(&sample[0], prefix, &info, &err), &err);
    struct image second = load(prefix);
    assert_int_equal(pair_open_memory(&pair, first.index, first.index_bytes, second.data,
                                      second.data_bytes, "IMAGE", &err),
                     -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_non_null(strstr(err.message, "different pairs"));
    image_free(&first);
    image_free(&second);
    pair_sample_free(&sample[0]);
}

static void missing_files_are_named(void **state)
{
    (void)state;
    struct pair *pair;
    struct error err;
    assert_int_equal(pair_sample_open(&pair, prefix, &err), -1);
    assert_int_equal(err.code, ERROR_MISSING);
    assert_non_null(strstr(err.message, prefix));
}

static void a_row_behind_the_last_is_an_error(void **state)
{
    (void)state;
    struct pair_sample sample;
    struct pair *pair;
    struct entry entry;
    struct error err;
    struct image image = make_image(&sample, 6, 100, 5);
    must(open_image(&pair, &image, &err), &err);
    assert_int_equal(pair_entry(pair, sample.count, &entry, &err), -1);
    assert_int_equal(pair_entry(pair, UINT64_MAX, &entry, &err), -1);
    struct pair_cursor cursor;
    pair_walk(&cursor, pair, UINT64_MAX);
    assert_int_equal(pair_next(&cursor, &entry, &err), 0);
    pair_close(pair);
    pair_close(NULL);
    image_free(&image);
    pair_sample_free(&sample);
}

/* Damage with checksums made right again: what a program that writes nonsense would leave. */
static void expect_deep_problem(struct image *image, const char *words)
{
    struct error err;
    pair_reseal(image->index, image->index_bytes, image->data, image->data_bytes);
    must(check_image(image, false, &err), &err);
    assert_int_equal(check_image(image, true, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    if (strstr(err.message, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static void a_deep_check_finds_nonsense(void **state)
{
    (void)state;
    struct pair_sample sample;
    struct image image = make_image(&sample, 7, 501, 5);
    struct point *points = (struct point *)(void *)(image.index + PAIR_HEADER_BYTES);
    struct point kept = points[1];
    points[1] = points[0];
    expect_deep_problem(&image, "out of order");
    points[1] = kept;

    kept = points[0];
    points[0] = (struct point){LATITUDE_LIMIT, 0};
    expect_deep_problem(&image, "not in tile");
    points[0] = kept;

    image.index[image.index_bytes - 4] ^= 1;
    expect_deep_problem(&image, "directory");
    image.index[image.index_bytes - 4] ^= 1;

    assert_int_not_equal(sample.count % 8, 0);
    points[sample.count].lon = 1;
    expect_deep_problem(&image, "not zero");
    points[sample.count].lon = 0;

    struct pair_header *headers[] = {(struct pair_header *)(void *)image.index,
                                     (struct pair_header *)(void *)image.data};
    for (int h = 0; h < 2; h++)
        headers[h]->newest--;
    expect_deep_problem(&image, "counts");
    for (int h = 0; h < 2; h++)
        headers[h]->newest++;

    char *text = memmem(image.data, image.data_bytes, "City of", 7);
    assert_non_null(text);
    *text = (char)0xc3;
    expect_deep_problem(&image, "UTF-8");
    image_free(&image);
    pair_sample_free(&sample);
}

static void sealed_nonsense_is_survived(void **state)
{
    (void)state;
    struct pair_sample sample;
    struct image image = make_image(&sample, 8, 260, 5);
    struct image copy = image;
    uint64_t random = 99;
    copy.index = malloc(image.index_bytes);
    copy.data = malloc(image.data_bytes);
    assert_non_null(copy.index);
    assert_non_null(copy.data);
    for (int round = 0; round < 5000; round++) {
        memcpy(copy.index, image.index, image.index_bytes);
        memcpy(copy.data, image.data, image.data_bytes);
        for (uint64_t n = 1 + sample_random(&random) % 4; n > 0; n--) {
            uint64_t value = sample_random(&random);
            /* mostly the data file's structure, which lies in its first part */
            size_t limit = value % 2 == 0 ? 1200 : copy.data_bytes;
            if (value % 8 == 1)
                copy.index[(value >> 20) % copy.index_bytes] = (char)(value >> 3);
            else
                copy.data[(value >> 20) % limit] = (char)(value >> 3);
        }
        pair_reseal(copy.index, copy.index_bytes, copy.data, copy.data_bytes);
        (void)read_all(&copy, &sample);
    }
    image_free(&copy);
    image_free(&image);
    pair_sample_free(&sample);
}

struct reader {
    const struct pair *pair;
    const struct pair_sample *sample;
    uint64_t seed;
    bool wrong;
};

static void *read_at_random(void *argument)
{
    struct reader *reader = argument;
    uint64_t random = reader->seed;
    for (int i = 0; i < 3000; i++) {
        size_t row = sample_random(&random) % reader->sample->count;
        struct entry entry;
        if (pair_entry(reader->pair, row, &entry, NULL) != 0 ||
            !entry_equal(&entry, &reader->sample->entries[row]))
            reader->wrong = true;
    }
    return NULL;
}

static void many_threads_touch_it_first(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    struct pair_sample sample;
    struct error err;
    struct image image = make_image(&sample, 9, PAIR_SEGMENT_ROWS + 1000, 50);
    for (uint64_t round = 0; round < 3; round++) {
        struct pair *pair;
        pthread_t threads[THREADS];
        struct reader readers[THREADS];
        must(open_image(&pair, &image, &err), &err);
        for (uint64_t t = 0; t < THREADS; t++) {
            readers[t] = (struct reader){pair, &sample, round * 10 + t, false};
            assert_int_equal(pthread_create(&threads[t], NULL, read_at_random, &readers[t]), 0);
        }
        for (int t = 0; t < THREADS; t++) {
            assert_int_equal(pthread_join(threads[t], NULL), 0);
            assert_false(readers[t].wrong);
        }
        pair_close(pair);
    }
    image_free(&image);
    pair_sample_free(&sample);
}

/* The golden pair: these entries are these bytes, in this version of the format for ever. */
static struct slice text(const char *literal)
{
    return (struct slice){literal, (uint32_t)strlen(literal)};
}

#define GOLDEN_ENTRIES 20 /* enough for a directory */

static struct pair_sample golden_entries(void)
{
    static struct entry entries[GOLDEN_ENTRIES];
    for (int i = 0; i < GOLDEN_ENTRIES; i++) {
        entries[i] = (struct entry){
            .point = morton_decode(morton_encode((struct point){487000000, 70000000}) +
                                   5u * (unsigned)i),
            .outcome = OUTCOME_FOUND,
            .refreshed_at = 1795226400u + 600u * (unsigned)i,
        };
    }
    struct slice *field = entries[1].address.field;
    field[FIELD_LABEL] = text("\xf7 \xf8, \xfd \xfa, \xfe");
    field[FIELD_HOUSENUMBER] = text("12a");
    field[FIELD_STREET] = text("Rue de l'Église");
    field[FIELD_DISTRICT] = text("Altstadt");
    field[FIELD_CITY] = text("Straßburg");
    field[FIELD_COUNTY] = text("Bas-Rhin");
    field[FIELD_STATE] = text("Grand Est");
    field[FIELD_POSTCODE] = text("67000");
    field[FIELD_COUNTRY] = text("France");
    field[FIELD_COUNTRYCODE] = text("fr");
    for (int i = 2; i < 6; i++)
        entries[i].address = entries[1].address;
    entries[2].address.field[FIELD_HOUSENUMBER] = text("14");
    entries[3].address.field[FIELD_STREET] = text("大通り");
    entries[3].outcome = OUTCOME_UNSURE;
    entries[4].address = (struct address){0};
    entries[4].outcome = OUTCOME_NONE;
    entries[4].refreshed_at = 0;
    entries[5].address.field[FIELD_NAME] = text("Café \"X\"\nSüd");
    entries[6].address.field[FIELD_LABEL] = text("Somewhere");
    for (int i = 8; i < GOLDEN_ENTRIES; i++)
        entries[i].address = entries[1 + i % 3].address;
    entries[7].address.field[FIELD_COUNTRY] = text("France");
    entries[7].refreshed_at = UINT32_MAX;
    return (struct pair_sample){entries, GOLDEN_ENTRIES, NULL};
}

#define GOLDEN "tests/golden/pair-version-1"

static void golden_entries_make_the_golden_bytes(void **state)
{
    (void)state;
    struct pair_sample sample = golden_entries();
    struct pair_info info;
    struct error err;
    if (getenv("REFRESHD_WRITE_GOLDEN") != NULL)
        must(pair_sample_build(&sample, GOLDEN, &info, &err), &err);
    must(pair_sample_build(&sample, prefix, &info, &err), &err);
    struct image golden = load(GOLDEN);
    struct image made = load(prefix);
    assert_int_equal(made.index_bytes, golden.index_bytes);
    assert_int_equal(made.data_bytes, golden.data_bytes);
    assert_memory_equal(made.index, golden.index, golden.index_bytes);
    assert_memory_equal(made.data, golden.data, golden.data_bytes);
    image_free(&made);
    image_free(&golden);
}

static void golden_bytes_give_the_golden_entries(void **state)
{
    (void)state;
    struct pair_sample sample = golden_entries();
    struct error err;
    struct image golden = load(GOLDEN);
    must(check_image(&golden, true, &err), &err);
    assert_int_equal(read_all(&golden, &sample), sample.count);
    image_free(&golden);
}

static void a_newer_version_is_refused_with_its_number(void **state)
{
    (void)state;
    struct pair *pair;
    struct error err;
    struct image golden = load(GOLDEN);
    golden.index[8] = 9;
    assert_int_equal(open_image(&pair, &golden, &err), -1);
    assert_non_null(strstr(err.message, "version 9"));
    image_free(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pair_in_memory_reads_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_changed_byte_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_damage_gives_a_wrong_entry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_file_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_of_two_pairs_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(missing_files_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_row_behind_the_last_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deep_check_finds_nonsense, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sealed_nonsense_is_survived, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_threads_touch_it_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(golden_entries_make_the_golden_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(golden_bytes_give_the_golden_entries, set_up, tear_down),
        cmocka_unit_test(a_newer_version_is_refused_with_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
