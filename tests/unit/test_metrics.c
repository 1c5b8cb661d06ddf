#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "daemon/census.h"
#include "daemon/metrics.h"
#include "fleet/fleet.h"

static struct metrics *create(void)
{
    struct metrics *metrics;
    assert_int_equal(metrics_create(&metrics, NULL), 0);
    return metrics;
}

static struct metrics_shard *shard_of(struct metrics *metrics)
{
    struct metrics_shard *shard = metrics_shard(metrics, NULL);
    assert_non_null(shard);
    assert_int_equal((uintptr_t)shard % 64, 0);
    return shard;
}

/* The page as one text; the caller frees it. */
static char *print(const struct metrics *metrics, const struct metrics_view *view)
{
    struct buffer page = {0};
    struct error err;
    if (metrics_print(metrics, view, &page, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(buffer_append(&page, "", 1, NULL), 0);
    return (char *)page.data;
}

/* Fails unless the page has exactly this line. */
static void expect(const char *page, const char *line)
{
    size_t length = strlen(line);
    for (const char *at = strstr(page, line); at != NULL; at = strstr(at + 1, line)) {
        if ((at == page || at[-1] == '\n') && at[length] == '\n')
            return;
    }
    fail_msg("no line `%s` in:\n%s", line, page);
}

/* What promtool says, and its exit status, must be nothing. */
static void must_please_promtool(const char *page)
{
    char path[] = "/tmp/metrics-XXXXXX";
    char command[100];
    char said[1000] = "";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    (void)fputs(page, file);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(command, sizeof command, "promtool check metrics < %s 2>&1", path);
    FILE *promtool = popen(command, "r");
    assert_non_null(promtool);
    size_t length = fread(said, 1, sizeof said - 1, promtool);
    said[length] = '\0';
    int status = pclose(promtool);
    (void)remove(path);
    if (status != 0 || length > 0)
        fail_msg("promtool exited with %d:\n%s", WEXITSTATUS(status), said);
}

/* --- counting ---------------------------------------------------------------------------- */

static void test_shards_add_up(void **state)
{
    (void)state;
    struct metrics *metrics = create();
    struct metrics_shard *one = shard_of(metrics);
    struct metrics_shard *other = shard_of(metrics);
    struct metrics_sum sum;
    metrics_lookup(one, METRICS_HIT, 3e-6);
    metrics_lookup(one, METRICS_MISS, 0.3);
    metrics_lookup(other, METRICS_HIT, 3e-6);
    metrics_lookup(other, METRICS_ERROR, 0);
    metrics_http(one, 200);
    metrics_http(other, 204);
    metrics_http(other, 404);
    metrics_http(other, 0);
    metrics_http(other, 600);
    metrics_switch(metrics, true);
    metrics_switch(metrics, false);
    metrics_switch(metrics, false);
    metrics_collect(metrics, &sum);
    assert_int_equal(sum.lookups[METRICS_HIT], 2);
    assert_int_equal(sum.lookups[METRICS_MISS], 1);
    assert_int_equal(sum.lookups[METRICS_ERROR], 1);
    assert_int_equal(sum.http[0] + sum.http[2] + sum.http[4], 0);
    assert_int_equal(sum.http[1], 2);
    assert_int_equal(sum.http[3], 1);
    assert_int_equal(sum.duration.buckets[0], 1);
    assert_int_equal(sum.duration.buckets[2], 2);
    assert_int_equal(sum.duration.nanoseconds, 300006000);
    assert_int_equal(sum.switches, 1);
    assert_int_equal(sum.switch_failures, 2);
    assert_int_equal(metrics_lookups(metrics), 4);
    metrics_free(metrics);
    metrics_free(NULL);
}

#define LOOKUPS 50000

static void *look_up(void *metrics)
{
    struct metrics_shard *shard = metrics_shard(metrics, NULL);
    for (unsigned i = 0; i < LOOKUPS; i++)
        metrics_lookup(shard, i % 4 == 0 ? METRICS_MISS : METRICS_HIT, 1e-6);
    return NULL;
}

static void test_threads_lose_nothing(void **state)
{
    (void)state;
    struct metrics *metrics = create();
    struct metrics_sum sum;
    pthread_t threads[4];
    uint64_t before = 0;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up, metrics), 0);
    for (unsigned i = 0; i < 100; i++) {
        uint64_t now = metrics_lookups(metrics);
        assert_true(now >= before);
        before = now;
    }
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    metrics_collect(metrics, &sum);
    assert_int_equal(sum.lookups[METRICS_HIT], 4 * LOOKUPS / 4 * 3);
    assert_int_equal(sum.lookups[METRICS_MISS], LOOKUPS);
    assert_int_equal(sum.duration.buckets[0], 4 * LOOKUPS);
    metrics_free(metrics);
}

/* --- the page ------------------------------------------------------------------------------ */

static void fill_run(struct line_status *status)
{
    *status = (struct line_status){
        .state = LINE_REFRESHING,
        .run = {.id = "20261121T020000Z-1f3a",
                .parameters = {.shares = 4096},
                .counts = {.total = 100,
                           .selected = 60,
                           .carried = 40,
                           .changed = 3,
                           .settled = {[SETTLED_FOUND] = 20, [SETTLED_FAILED] = 5},
                           .causes = {[CAUSE_TIMEOUT] = 5},
                           .shares_done = 7}},
        .unreachable = true,
        .generation = 7,
        .tiles = 576,
        .shares_active = 2,
        .points_in_flight = 64,
        .points_per_second = 1234.5,
        .rate = 2000,
        .eta = -1,
        .deadline_fits = 1,
        .stations = {[STATION_GEOCODE] = {.busy = 0.5, .queue = 12}},
        .last_run = {.id = "20261120T020000Z-0001",
                     .result = RESULT_PUBLISHED,
                     .elapsed = 1.5,
                     .ended_at = 1795000000u,
                     .counts = {.settled = {[SETTLED_FOUND] = 9}}},
    };
}

static void test_page_of_a_run(void **state)
{
    (void)state;
    struct metrics *metrics = create();
    struct geocode_figures geocoder = {0};
    struct line_status status;
    struct census_tile tiles[] = {
        {.entries = 5, .outcomes = {3, 1, 1}, .bytes = 1000},
        {.entries = 0},
    };
    struct census_view census = {.generation = 7,
                                 .published = 1794000000u,
                                 .grid = {1, 2},
                                 .uncounted = 1,
                                 .undated = 2,
                                 .by_age = {[1] = 1, [9] = 1},
                                 .age_sum = 2e8,
                                 .oldest_age = 1e8,
                                 .tiles = tiles};
    struct metrics_view view = {.status = &status,
                                .census = &census,
                                .geocoder = &geocoder,
                                .serving = 6,
                                .learned = 3,
                                .learned_max = 10,
                                .state = {.free = UINT64_C(9007199254740993), .size = 2}};
    fill_run(&status);
    geocoder.requests[ASKED_FOUND] = 11;
    metrics_lookup(shard_of(metrics), METRICS_HIT, 0.3);
    char *page = print(metrics, &view);
    static const char *const lines[] = {
        "refreshd_lookups_total{result=\"hit\"} 1",
        "refreshd_lookups_total{result=\"miss\"} 0",
        "refreshd_lookup_duration_seconds_bucket{le=\"1e-06\"} 0",
        "refreshd_lookup_duration_seconds_bucket{le=\"0.2\"} 0",
        "refreshd_lookup_duration_seconds_bucket{le=\"0.5\"} 1",
        "refreshd_lookup_duration_seconds_bucket{le=\"+Inf\"} 1",
        "refreshd_lookup_duration_seconds_sum 0.3",
        "refreshd_lookup_duration_seconds_count 1",
        "refreshd_generation 7",
        "refreshd_serving_generation 6",
        "refreshd_published_timestamp_seconds 1794000000",
        "refreshd_entries{outcome=\"found\"} 3",
        "refreshd_entries_undated 2",
        "refreshd_entries_uncounted 1",
        "refreshd_cache_bytes 1000",
        "refreshd_tiles_nonempty 1",
        "refreshd_entry_age_seconds_bucket{le=\"86400\"} 0",
        "refreshd_entry_age_seconds_bucket{le=\"259200\"} 1",
        "refreshd_entry_age_seconds_bucket{le=\"+Inf\"} 2",
        "refreshd_entry_oldest_age_seconds 100000000",
        "refreshd_geocoder_requests_total{outcome=\"found\"} 11",
        "refreshd_geocoder_requests_total{outcome=\"http_429\"} 0",
        "refreshd_geocoder_unreachable 1",
        "refreshd_rate_points_per_second 2000",
        "refreshd_run_state{state=\"refreshing\"} 1",
        "refreshd_run_state{state=\"idle\"} 0",
        "refreshd_run_points 100",
        "refreshd_run_points_answered 25",
        "refreshd_run_answers{outcome=\"failed\"} 5",
        "refreshd_run_failures{cause=\"timeout\"} 5",
        "refreshd_run_point_files 4096",
        "refreshd_run_points_per_second 1234.5",
        "refreshd_run_eta_seconds NaN",
        "refreshd_run_deadline_fits 1",
        "refreshd_station_queue{station=\"geocode\"} 12",
        "refreshd_station_busy_ratio{station=\"geocode\"} 0.5",
        "refreshd_last_run_result{result=\"published\"} 1",
        "refreshd_last_run_exit_status 0",
        "refreshd_disk_free_bytes{directory=\"state\"} 9007199254740993",
        "refreshd_build_info{version=\"" REFRESHD_VERSION "\"} 1",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        expect(page, lines[i]);
    must_please_promtool(page);
    free(page);
    metrics_free(metrics);
}

static void test_page_of_a_peer(void **state)
{
    (void)state;
    struct metrics *metrics = create();
    struct geocode_figures geocoder = {0};
    struct line_status status;
    struct fleet_status fleet = {.phase = FLEET_LEFT_OUT,
                                 .members = 3,
                                 .live = 2,
                                 .ready = 1,
                                 .switch_at = 1794000000,
                                 .current = true,
                                 .shares = 4096,
                                 .shares_done = 12,
                                 .shares_fetched = 8,
                                 .bytes_fetched = 1000,
                                 .bytes_served = 2000,
                                 .rate_share = 0.5};
    struct metrics_view view = {.status = &status, .geocoder = &geocoder};
    fill_run(&status);
    char *page = print(metrics, &view);
    assert_null(strstr(page, "refreshd_fleet_"));
    free(page);
    view.fleet = &fleet;
    page = print(metrics, &view);
    static const char *const lines[] = {
        "refreshd_fleet_phase{phase=\"left_out\"} 1",
        "refreshd_fleet_phase{phase=\"ready\"} 0",
        "refreshd_fleet_peers_live 2",
        "refreshd_fleet_members 3",
        "refreshd_fleet_members_ready 1",
        "refreshd_fleet_is_current 1",
        "refreshd_fleet_switch_timestamp_seconds 1794000000",
        "refreshd_fleet_point_files 4096",
        "refreshd_fleet_point_files_done 12",
        "refreshd_fleet_point_files_fetched 8",
        "refreshd_fleet_fetched_bytes_total 1000",
        "refreshd_fleet_served_bytes_total 2000",
        "refreshd_fleet_rate_share_ratio 0.5",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        expect(page, lines[i]);
    must_please_promtool(page);
    free(page);
    metrics_free(metrics);
}

static void test_page_of_nothing(void **state)
{
    (void)state;
    struct metrics *metrics = create();
    const struct geocode_figures geocoder = {0};
    const struct line_status status = {.eta = -1, .deadline_fits = -1};
    const struct metrics_view view = {.status = &status, .geocoder = &geocoder, .point_files = 64};
    char *page = print(metrics, &view);
    expect(page, "refreshd_run_state{state=\"idle\"} 1");
    expect(page, "refreshd_generation 0");
    expect(page, "refreshd_entries{outcome=\"found\"} 0");
    expect(page, "refreshd_entry_age_seconds_count 0");
    expect(page, "refreshd_run_point_files 64");
    expect(page, "refreshd_last_run_exit_status NaN");
    must_please_promtool(page);
    free(page);
    metrics_free(metrics);
}

static void test_what_a_run_waits_for(void **state)
{
    (void)state;
    struct metrics *metrics = create();
    const struct geocode_figures geocoder = {0};
    struct line_status status = {
        .state = LINE_PAUSED, .run = {.id = "x"}, .reason = LINE_BUDGET_REASON " is overdrawn"};
    const struct metrics_view view = {.status = &status, .geocoder = &geocoder};
    char *page = print(metrics, &view);
    expect(page, "refreshd_run_stopped{why=\"budget\"} 1");
    expect(page, "refreshd_run_stopped{why=\"operator\"} 0");
    free(page);
    metrics_free(metrics);
}

static void test_process(void **state)
{
    (void)state;
    struct metrics_process process;
    metrics_process(&process);
    assert_true(process.cpu_seconds > 0);
    assert_true(process.resident_bytes > 100000);
    assert_true(process.virtual_bytes >= process.resident_bytes);
    assert_in_range(process.descriptors, 3, 1000);
    assert_true(process.descriptors_most >= process.descriptors);
    assert_in_range(process.threads, 1, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shards_add_up),   cmocka_unit_test(test_threads_lose_nothing),
        cmocka_unit_test(test_page_of_a_run),   cmocka_unit_test(test_page_of_a_peer),
        cmocka_unit_test(test_page_of_nothing), cmocka_unit_test(test_what_a_run_waits_for),
        cmocka_unit_test(test_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
