#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/durable.h"
#include "cachefmt/pair_segment_builder.h"
#include "pair_sample.h"
#include "quadtree/morton.h"

static char directory[200];
static char prefix[230];

static int set_up(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(directory, sizeof directory, "%.100s/builder-XXXXXX",
                   base != NULL ? base : "/tmp");
    if (mkdtemp(directory) == NULL)
        return -1;
    (void)snprintf(prefix, sizeof prefix, "%s/p", directory);
    return 0;
}

static void remove_pair(const char *name)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s.idx", directory, name);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/%s.dat", directory, name);
    (void)unlink(path);
}

static int tear_down(void **state)
{
    (void)state;
    remove_pair("p");
    remove_pair("q");
    return rmdir(directory); /* fails when a .tmp file was left behind */
}

static void must(int result, const struct error *err)
{
    if (result < 0)
        fail_msg("%s", err->message);
}

static void expect_info(const struct pair_info *a, const struct pair_info *b)
{
    assert_int_equal(a->tile, b->tile);
    assert_int_equal(a->grid.rows, b->grid.rows);
    assert_int_equal(a->grid.columns, b->grid.columns);
    assert_int_equal(a->entries, b->entries);
    assert_memory_equal(a->outcomes, b->outcomes, sizeof a->outcomes);
    assert_int_equal(a->oldest, b->oldest);
    assert_int_equal(a->newest, b->newest);
    assert_int_equal(a->index_bytes, b->index_bytes);
    assert_int_equal(a->data_bytes, b->data_bytes);
    assert_memory_equal(&a->id, &b->id, sizeof a->id);
}

static void expect_same(const struct pair_sample *sample, struct pair *pair)
{
    struct error err;
    struct entry entry, dated;
    struct pair_cursor cursor, dates;
    pair_walk(&cursor, pair, 0);
    pair_walk(&dates, pair, 0);
    for (size_t i = 0; i < sample->count; i++) {
        const struct entry *want = &sample->entries[i];
        must(pair_entry(pair, i, &entry, &err), &err);
        assert_true(entry_equal(&entry, want));
        assert_int_equal(pair_next(&cursor, &entry, &err), 1);
        assert_true(entry_equal(&entry, want));
        assert_int_equal(pair_next_date(&dates, &dated, &err), 1);
        assert_true(point_equal(dated.point, want->point));
        assert_int_equal(dated.outcome, want->outcome);
        assert_int_equal(dated.refreshed_at, want->refreshed_at);
    }
    assert_int_equal(pair_next(&cursor, &entry, &err), 0);
    assert_int_equal(pair_next(&cursor, &entry, &err), 0);
    assert_int_equal(pair_next_date(&dates, &dated, &err), 0);
}

static void check_round_trip(uint64_t seed, size_t count, unsigned cities)
{
    struct pair_sample sample;
    struct pair_info info;
    struct pair *pair;
    struct error err;
    pair_sample_make(&sample, seed, count, cities);
    must(pair_sample_build(&sample, prefix, &info, &err), &err);
    must(pair_sample_open(&pair, prefix, &err), &err);
    expect_info(&info, pair_info(pair));
    assert_int_equal(info.entries, sample.count);
    expect_same(&sample, pair);
    must(pair_verify(pair, true, &err), &err);
    pair_close(pair);
    pair_sample_free(&sample);
}

static void entries_come_back(void **state)
{
    (void)state;
    check_round_trip(1, 1, 1);
    check_round_trip(2, 127, 3);
    check_round_trip(3, 128, 3);
    check_round_trip(4, 129, 30);
    check_round_trip(5, 30000, 500);
}

static void many_segments_come_back(void **state)
{
    (void)state;
    check_round_trip(6, PAIR_SEGMENT_ROWS * 2 + 1000, 2000);
}

static void walks_begin_anywhere(void **state)
{
    (void)state;
    struct pair_sample sample;
    struct pair_info info;
    struct pair *pair;
    struct error err;
    pair_sample_make(&sample, 7, PAIR_SEGMENT_ROWS + 500, 100);
    must(pair_sample_build(&sample, prefix, &info, &err), &err);
    must(pair_sample_open(&pair, prefix, &err), &err);
    uint64_t random = 1;
    for (int i = 0; i < 300; i++) {
        size_t row = i < 5 ? sample.count - (size_t)i : sample_random(&random) % sample.count;
        struct pair_cursor cursor, dates;
        struct entry entry;
        pair_walk(&cursor, pair, row);
        pair_walk(&dates, pair, row);
        for (size_t at = row; at < row + 200; at++) {
            int more = at < sample.count ? 1 : 0;
            assert_int_equal(pair_next_date(&dates, &entry, &err), more);
            assert_int_equal(pair_next(&cursor, &entry, &err), more);
            if (more == 0)
                break;
            assert_true(entry_equal(&entry, &sample.entries[at]));
        }
    }
    pair_close(pair);
    pair_sample_free(&sample);
}

static uint64_t count_segments(void)
{
    char path[300];
    char *bytes;
    size_t size;
    struct pair_header header;
    struct error err;
    (void)snprintf(path, sizeof path, "%s.dat", prefix);
    must(read_whole_file(path, 1u << 28, &bytes, &size, &err), &err);
    memcpy(&header, bytes, sizeof header);
    free(bytes);
    return header.section[SECTION_SEGMENT_TABLE].bytes / sizeof(struct pair_segment_row);
}

static void long_text_ends_a_segment(void **state)
{
    (void)state;
    struct pair_sample sample;
    struct pair_info info;
    struct pair *pair;
    struct error err;
    pair_sample_make(&sample, 8, 400, 5);
    char *text = malloc(FIELD_BYTES_LIMIT + sample.count);
    assert_non_null(text);
    for (size_t i = 0; i < FIELD_BYTES_LIMIT + sample.count; i++)
        text[i] = (char)('a' + i % 23);
    for (size_t i = 0; i < sample.count; i++)
        sample.entries[i].address.field[FIELD_NAME] =
            (struct slice){text + i % 300, (uint32_t)FIELD_BYTES_LIMIT - (uint32_t)(i % 7)};
    must(pair_sample_build(&sample, prefix, &info, &err), &err);
    must(pair_sample_open(&pair, prefix, &err), &err);
    assert_in_range(count_segments(), sample.count * FIELD_BYTES_LIMIT / SEGMENT_TEXT_LIMIT - 2,
                    sample.count * FIELD_BYTES_LIMIT / SEGMENT_TEXT_LIMIT + 2);
    expect_same(&sample, pair);
    must(pair_verify(pair, true, &err), &err);
    pair_close(pair);
    free(text);
    pair_sample_free(&sample);
}

static void same_entries_same_bytes(void **state)
{
    (void)state;
    struct pair_sample sample;
    struct pair_info info[2];
    struct error err;
    char other[230], path[300];
    (void)snprintf(other, sizeof other, "%s/q", directory);
    pair_sample_make(&sample, 9, 5000, 50);
    must(pair_sample_build(&sample, prefix, &info[0], &err), &err);
    must(pair_sample_build(&sample, other, &info[1], &err), &err);
    expect_info(&info[0], &info[1]);
    static const char *const suffixes[] = {"idx", "dat"};
    for (int s = 0; s < 2; s++) {
        char *bytes[2];
        size_t sizes[2];
        (void)snprintf(path, sizeof path, "%s.%s", prefix, suffixes[s]);
        must(read_whole_file(path, 1u << 24, &bytes[0], &sizes[0], &err), &err);
        (void)snprintf(path, sizeof path, "%s.%s", other, suffixes[s]);
        must(read_whole_file(path, 1u << 24, &bytes[1], &sizes[1], &err), &err);
        assert_int_equal(sizes[0], sizes[1]);
        assert_memory_equal(bytes[0], bytes[1], sizes[0]);
        free(bytes[0]);
        free(bytes[1]);
    }
    sample.entries[4000].refreshed_at++;
    must(pair_sample_build(&sample, other, &info[1], &err), &err);
    assert_memory_not_equal(&info[0].id, &info[1].id, sizeof info[0].id);
    pair_sample_free(&sample);
}

static struct pair_builder *begin(void)
{
    struct pair_builder *builder;
    struct error err;
    char index[300], data[300];
    (void)snprintf(index, sizeof index, "%s.idx", prefix);
    (void)snprintf(data, sizeof data, "%s.dat", prefix);
    must(pair_builder_create(&builder, index, data, (struct grid){24, 24}, SAMPLE_TILE, &err),
         &err);
    return builder;
}

static void refuses_what_is_wrong(void **state)
{
    (void)state;
    struct pair_sample sample;
    struct error err;
    pair_sample_make(&sample, 10, 10, 2);
    struct entry *entries = sample.entries;
    for (int wrong = 0; wrong < 5; wrong++) {
        struct pair_builder *builder = begin();
        struct entry entry = entries[5];
        must(pair_builder_add(builder, &entries[4], &err), &err);
        if (wrong == 0)
            entry.point = entries[4].point;
        else if (wrong == 1)
            entry.point = entries[3].point;
        else if (wrong == 2)
            entry.point.lat = -entry.point.lat;
        else if (wrong == 3)
            entry.outcome = OUTCOME_COUNT;
        else
            entry.address.field[FIELD_NAME] = (struct slice){"", FIELD_BYTES_LIMIT + 1};
        assert_int_equal(pair_builder_add(builder, &entry, &err), -1);
        assert_int_equal(err.code, ERROR_VALUE);
        pair_builder_abort(builder);
    }
    pair_sample_free(&sample);
}

static void refuses_an_empty_pair_and_tile(void **state)
{
    (void)state;
    struct pair_info info;
    struct pair_builder *builder = begin();
    struct error err;
    assert_int_equal(pair_builder_commit(builder, &info, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    assert_int_equal(
        pair_builder_create(&builder, "/x.idx", "/x.dat", (struct grid){24, 24}, 576, &err), -1);
    assert_int_equal(err.code, ERROR_VALUE);
    pair_builder_abort(NULL);
}

static void a_missing_directory_is_an_error(void **state)
{
    (void)state;
    struct pair_sample sample;
    struct pair_info info;
    struct error err;
    char path[300];
    pair_sample_make(&sample, 11, 10, 2);
    (void)snprintf(path, sizeof path, "%s/none/p", directory);
    assert_int_equal(pair_sample_build(&sample, path, &info, &err), -1);
    assert_int_equal(err.code, ERROR_MISSING);
    assert_non_null(strstr(err.message, path));
    pair_sample_free(&sample);
}

static void a_lost_directory_fails_the_commit(void **state)
{
    (void)state;
    struct pair_sample sample;
    struct pair_info info;
    struct error err;
    char moved[230];
    struct pair_builder *builder = begin();
    pair_sample_make(&sample, 12, 10, 2);
    must(pair_builder_add(builder, &sample.entries[0], &err), &err);
    (void)snprintf(moved, sizeof moved, "%s-moved", directory);
    assert_int_equal(rename(directory, moved), 0);
    assert_int_equal(pair_builder_commit(builder, &info, &err), -1);
    assert_int_equal(rename(moved, directory), 0);
    char path[300];
    (void)snprintf(path, sizeof path, "%s.idx.tmp", prefix);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s.dat.tmp", prefix);
    (void)unlink(path);
    pair_sample_free(&sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(entries_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_segments_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(walks_begin_anywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_text_ends_a_segment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(same_entries_same_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_an_empty_pair_and_tile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_directory_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_directory_fails_the_commit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
