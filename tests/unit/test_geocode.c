#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "stages/geocode_internal.h"
#include "stages/pointfile.h"
#include "tests/unit/line_rig.h"
#include "tests/unit/patience.h"

#define COUNT 2000

/* A pool of workers whose answers a thread of the test takes. */
struct bench {
    struct rig *rig;
    struct rig_run run;
    struct geocode_settings settings;
    struct geocode_parts parts;
    struct control control;
    struct geocode_figures figures;
    struct meter meter;
    struct geocode_pool *pool;
    pthread_t taker;
    bool ended;
    _Atomic unsigned taken;
    uint8_t settled[COUNT]; /* by ordinal: settled + 1 */
    struct answer_measure measures[COUNT];
    unsigned strange; /* answers from somewhere else */
    enum failure_cause causes[COUNT];
    unsigned repeated;
    _Atomic unsigned failures;
    struct error failure;
};

static const char bench_peer[] = "alpha";
static const enum station bench_bottleneck = STATION_REBUILD;

#define wait_while(condition)                                                                      \
    for (double end = clock_monotonic() + PATIENCE; condition; usleep(1000))                       \
    assert_true(clock_monotonic() < end)

static struct bench *standing; /* set up and not torn down */

static void failed(void *context, const struct error *err)
{
    struct bench *bench = context;
    if (atomic_fetch_add(&bench->failures, 1) == 0)
        bench->failure = *err;
}

static bool is_ours(const struct answer_source *source)
{
    struct slice peer = {bench_peer, sizeof bench_peer - 1};
    return source != NULL && slice_equal(source->peer, peer) && source->provider.length > 0 &&
           source->bottleneck == bench_bottleneck && source->sealed_at / 1000 + 3600 > clock_unix();
}

static void take_batch(struct bench *bench, const struct answer_batch *batch)
{
    struct answer_reader reader;
    struct settled_answer answer;
    struct error err;
    struct slice bytes = answer_batch_bytes(batch);
    uint64_t first = point_file_first(COUNT, bench->settings.shares, answer_batch_share(batch));
    if (answer_reader_open(&reader, bytes.data, bytes.length, "batch", &err) != 0)
        abort();
    int more;
    while ((more = answer_reader_next(&reader, &answer, &err)) > 0) {
        uint64_t ordinal = first + answer.ordinal;
        bench->repeated += bench->settled[ordinal] != 0;
        bench->settled[ordinal] = (uint8_t)(answer.settled + 1);
        bench->causes[ordinal] = answer.cause;
        bench->measures[ordinal] = answer.measure;
        bench->strange += !is_ours(answer.source);
        atomic_fetch_add(&bench->taken, 1);
    }
    if (more < 0) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    answer_reader_close(&reader);
}

static void *taker_thread(void *context)
{
    struct bench *bench = context;
    struct answer_batch *batch;
    int popped;
    while ((popped = channel_pop(bench->parts.channel, 0.1, &batch)) >= 0) {
        if (popped == 0)
            continue;
        take_batch(bench, batch);
        answer_batch_free(batch);
    }
    return NULL;
}

static struct bench *set_up(unsigned shares)
{
    struct error err;
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    standing = bench;
    bench->rig = rig_open(COUNT);
    bench->rig->parameters.shares = shares;
    rig_run_open(bench->rig, &bench->run);
    bench->settings = (struct geocode_settings){.points_directory = bench->rig->points,
                                                .points = COUNT,
                                                .shares = shares,
                                                .batch = 1,
                                                .retries = 2,
                                                .peer = bench_peer};
    memcpy(bench->settings.run, bench->run.run.id, RUN_ID_BYTES);
    bench->control.workers = 3;
    bench->control.concurrency = 8;
    bench->control.bottleneck = bench_bottleneck;
    bench->parts = (struct geocode_parts){.ledger = bench->run.ledger,
                                          .limiter = limiter_create(),
                                          .control = &bench->control,
                                          .figures = &bench->figures,
                                          .meter = &bench->meter};
    bool *done = calloc(shares, sizeof *done);
    assert_non_null(done);
    for (unsigned share = 0; share < shares; share++) /* empty shares have no file */
        done[share] =
            point_file_first(COUNT, shares, share) == point_file_first(COUNT, shares, share + 1);
    assert_int_equal(claims_create(&bench->parts.claims, shares, done, &err), 0);
    free(done);
    assert_int_equal(channel_create(&bench->parts.channel, 8, 1 << 20, &err), 0);
    assert_int_equal(pthread_create(&bench->taker, NULL, taker_thread, bench), 0);
    return bench;
}

static void start(struct bench *bench)
{
    struct error err;
    assert_int_equal(rig_geocoder_open(&bench->parts.geocoder, NULL, &err), 0);
    if (geocode_start(&bench->pool, &bench->settings, &bench->parts, failed, bench, &err) != 0)
        fail_msg("%s", err.message);
}

static void wait_taken(const struct bench *bench, unsigned count)
{
    wait_while(atomic_load(&bench->taken) < count);
}

static void end_threads(struct bench *bench)
{
    if (bench->ended)
        return;
    bench->ended = true;
    if (bench->pool != NULL)
        geocode_join(bench->pool);
    channel_close(bench->parts.channel);
    assert_int_equal(pthread_join(bench->taker, NULL), 0);
}

/* Wait for the workers' end and until their answers are taken. */
static void join(struct bench *bench)
{
    end_threads(bench);
    assert_int_equal(bench->figures.in_flight, 0);
    assert_int_equal(bench->meter.threads, 0);
}

static void tear_down(struct bench *bench)
{
    channel_free(bench->parts.channel);
    claims_free(bench->parts.claims);
    limiter_free(bench->parts.limiter);
    free(bench->parts.geocoder);
    rig_run_close(&bench->run);
    rig_close(bench->rig);
    free(bench);
    standing = NULL;
}

static void leave(void)
{
    if (standing == NULL)
        return;
    atomic_store(&standing->control.abandon, true);
    end_threads(standing);
    tear_down(standing);
}

static void assert_each_once(const struct bench *bench)
{
    unsigned most;
    assert_int_equal(bench->taken, COUNT);
    assert_int_equal(bench->repeated, 0);
    assert_int_equal(rig_asked(bench->rig, &most), COUNT);
    assert_int_equal(most, 1);
}

static void every_point_is_asked_once(void **state)
{
    (void)state;
    static const struct {
        bool distant;
        unsigned shares, batch, latency;
    } cases[] = {{false, 7, 1, 0}, {true, 7, 1, 0}, {true, 4096, 10, 2}, {true, 1, 1000, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *bench = set_up(cases[i].shares);
        bench->rig->geocoder.distant = cases[i].distant;
        bench->rig->geocoder.latency_ms = cases[i].latency;
        bench->settings.batch = cases[i].batch;
        start(bench);
        join(bench);
        assert_each_once(bench);
        assert_int_equal(bench->failures, 0);
        assert_int_equal(bench->figures.asked, COUNT);
        assert_int_equal(bench->figures.sent, bench->rig->geocoder.requests);
        assert_int_equal(claims_active(bench->parts.claims), 0);
        if (cases[i].batch == 1 && cases[i].distant)
            assert_int_equal(bench->figures.sent, COUNT);
        if (cases[i].batch == 10)
            assert_true(bench->figures.sent <= COUNT / 10 + 3);
        tear_down(bench);
    }
}

static void transient_failures_are_asked_again_permanent_ones_not(void **state)
{
    (void)state;
    struct bench *bench = set_up(7);
    bench->rig->geocoder.flaky_every = 9;
    bench->rig->geocoder.fail_every = 10;
    start(bench);
    join(bench);
    unsigned failed_points = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_not_equal(bench->settled[i], 0);
        failed_points += bench->settled[i] == SETTLED_FAILED + 1;
        if (bench->settled[i] == SETTLED_FAILED + 1)
            assert_int_equal(bench->measures[i].attempts, 1);
    }
    assert_int_equal(failed_points, COUNT / 10);
    unsigned flaky = 0;
    for (unsigned i = 0; i < COUNT; i++)
        flaky += i % 9 == 0 && i % 10 != 0;
    assert_int_equal(bench->figures.retried, flaky);
    assert_int_equal(bench->figures.asked, COUNT + flaky);
    tear_down(bench);
}

static void answers_say_what_they_cost(void **state)
{
    (void)state;
    for (int distant = 0; distant < 2; distant++) {
        struct bench *bench = set_up(7);
        bench->rig->geocoder.distant = distant;
        bench->rig->geocoder.latency_ms = 20;
        bench->rig->geocoder.flaky_every = 100;
        bench->rig->geocoder.error_every = 250;
        double from = clock_monotonic();
        start(bench);
        join(bench);
        uint32_t most = microseconds_between(from, clock_monotonic());
        assert_int_equal(bench->strange, 0);
        unsigned asked[4] = {0};
        for (unsigned i = 0; i < COUNT; i++) {
            const struct answer_measure *measure = &bench->measures[i];
            bool error = bench->settled[i] == SETTLED_FAILED + 1;
            assert_in_range(measure->attempts, error ? 3 : 1, error ? 3 : 2);
            asked[measure->attempts]++;
            assert_int_equal(measure->status, error ? 500 : 0);
            assert_int_equal(measure->bytes, MEASURE_UNKNOWN);
            assert_int_equal(measure->distance_cm, error ? MEASURE_UNKNOWN : 0);
            assert_in_range(measure->latency_us, distant ? 19000 : 0, most);
            assert_in_range(measure->waited_us, measure->latency_us, most);
            if (measure->attempts == 1)
                assert_int_equal(measure->waited_us, measure->latency_us);
            else /* the back-off before the second try is 50 ms at least */
                assert_true(measure->waited_us >= measure->latency_us + 49000);
        }
        assert_true(asked[2] == COUNT / 100 - COUNT / 500 && asked[3] == COUNT / 250);
        tear_down(bench);
    }
}

static unsigned failed_points(const struct bench *bench, enum failure_cause cause,
                              unsigned attempts)
{
    unsigned count = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        if (bench->settled[i] != SETTLED_FAILED + 1)
            continue;
        count++;
        assert_int_equal(bench->causes[i], cause);
        if (attempts > 0)
            assert_int_equal(bench->measures[i].attempts, attempts);
    }
    return count;
}

static void faults_that_may_pass_are_asked_so_often_and_no_more(void **state)
{
    (void)state;
    for (int broken = 0; broken < 2; broken++) {
        struct bench *bench = set_up(7);
        bench->rig->geocoder.distant = true;
        bench->rig->geocoder.latency_ms = 1;
        if (broken)
            bench->rig->geocoder.broken_every = 100;
        else
            bench->rig->geocoder.error_every = 100;
        start(bench);
        join(bench);
        assert_int_equal(bench->taken, COUNT);
        assert_int_equal(failed_points(bench, broken ? CAUSE_RESET : CAUSE_HTTP_5XX, 3),
                         COUNT / 100);
        for (unsigned i = 0; i < COUNT; i++)
            assert_int_equal(bench->rig->geocoder.asked[i], i % 100 == 0 ? 3 : 1);
        assert_int_equal(bench->figures.retried, 2 * COUNT / 100);
        tear_down(bench);
    }
}

static void retries_keep_to_their_budget(void **state)
{
    (void)state;
    struct bench *bench = set_up(7);
    bench->rig->geocoder.distant = true;
    bench->rig->geocoder.error_every = 1;
    bench->settings.retries = 4;
    start(bench);
    join(bench);
    assert_int_equal(bench->taken, COUNT);
    assert_int_equal(failed_points(bench, CAUSE_HTTP_5XX, 0), COUNT);
    assert_true(bench->figures.retried >= 100);
    assert_true(bench->figures.retried <= bench->figures.asked / 5);
    assert_int_equal(bench->figures.asked, COUNT + bench->figures.retried);
    tear_down(bench);
}

static void wait_open(const struct bench *bench)
{
    wait_while(!geocode_circuit(bench->pool).open);
}

/* Wait until nothing was begun or answered for longer than an answer may take that does not hang.
 */
static void wait_hanging(const struct bench *bench)
{
    double end = clock_monotonic() + PATIENCE;
    for (uint64_t sent = 0; bench->figures.in_flight == 0 || bench->figures.sent != sent;) {
        assert_true(clock_monotonic() < end);
        sent = bench->figures.sent;
        usleep(100000);
    }
}

static void a_geocoder_that_goes_down_is_waited_for(void **state)
{
    (void)state;
    struct bench *bench = set_up(7);
    bench->rig->geocoder.distant = true;
    bench->rig->geocoder.latency_ms = 5;
    bench->settings.retries = 0;
    limiter_set_rate(bench->parts.limiter, 500);
    start(bench);
    wait_taken(bench, 100);
    bench->rig->geocoder.trouble = RIG_DOWN;
    wait_open(bench);
    usleep(200000); /* what was asked before comes back */
    assert_true(geocode_circuit(bench->pool).open);
    assert_string_equal(geocode_circuit(bench->pool).why, "told to");
    uint64_t sent = bench->figures.sent;
    double from = clock_monotonic();
    while (bench->figures.sent - sent < 2) {
        assert_true(clock_monotonic() - from < PATIENCE);
        usleep(1000);
    }
    usleep(300000);
    assert_true(bench->figures.sent - sent <= 2 + clock_monotonic() - from); /* once a second */
    unsigned taken = bench->taken;
    bench->rig->geocoder.trouble = RIG_WELL;
    double back = clock_monotonic();
    wait_taken(bench, taken + 1);
    limiter_set_rate(bench->parts.limiter, 0);
    assert_true(clock_monotonic() - back < 4 * SLOW);
    join(bench);
    assert_int_equal(bench->taken, COUNT);
    assert_int_equal(bench->repeated, 0);
    assert_int_equal(failed_points(bench, CAUSE_NONE, 0), 0);
    assert_int_equal(bench->figures.retried, 0);
    tear_down(bench);
}

static void a_stop_does_not_wait_for_a_geocoder_that_is_down(void **state)
{
    (void)state;
    struct bench *bench = set_up(7);
    uint32_t share;
    bench->rig->geocoder.distant = true;
    bench->rig->geocoder.latency_ms = 5;
    bench->rig->geocoder.trouble = RIG_DOWN;
    start(bench);
    wait_open(bench);
    bench->rig->geocoder.latency_ms = 60000; /* of the probe */
    wait_hanging(bench);
    atomic_store(&bench->control.stop, true);
    double from = clock_monotonic();
    join(bench);
    assert_true(clock_monotonic() - from < 4); /* less than for one that is not known to be down */
    assert_int_equal(bench->taken, 0);
    assert_true(claims_next(bench->parts.claims, &share));
    tear_down(bench);
}

/* Start, and wait until every request that may be in flight is, and hangs. */
static void start_to_hang(struct bench *bench)
{
    bench->rig->geocoder.distant = true;
    bench->rig->geocoder.latency_ms = 60000;
    start(bench);
    wait_while(atomic_load(&bench->figures.in_flight) < 24);
}

static void a_stop_waits_only_so_long_for_what_hangs(void **state)
{
    (void)state;
    struct bench *bench = set_up(4);
    start_to_hang(bench);
    atomic_store(&bench->control.stop, true);
    double from = clock_monotonic();
    join(bench);
    assert_true(clock_monotonic() - from < 30);
    tear_down(bench);
}

static void a_used_up_quota_stops_everybody_and_fails_nothing(void **state)
{
    (void)state;
    struct bench *bench = set_up(7);
    bench->rig->geocoder.distant = true;
    bench->rig->geocoder.latency_ms = 5;
    limiter_set_rate(bench->parts.limiter, 500);
    start(bench);
    wait_taken(bench, 100);
    bench->rig->geocoder.trouble = RIG_QUOTA;
    wait_while(!geocode_idle(bench->pool));
    uint64_t asked = bench->figures.asked;
    geocode_wake(bench->pool); /* nobody begins anew */
    join(bench);
    assert_int_equal(bench->figures.asked, asked);
    assert_int_equal(bench->failures, 1);
    assert_int_equal(bench->failure.code, ERROR_STATE);
    assert_string_equal(bench->failure.message, "quota: the geocoder says: told to (HTTP 402); "
                                                "resume when it is renewed");
    assert_true(bench->taken < COUNT);
    assert_int_equal(failed_points(bench, CAUSE_NONE, 0), 0);
    uint32_t share;
    assert_true(claims_next(bench->parts.claims, &share));
    tear_down(bench);
}

static void workers_come_and_go_and_nothing_is_asked_twice(void **state)
{
    (void)state;
    struct bench *bench = set_up(4);
    bench->rig->geocoder.distant = true;
    bench->rig->geocoder.latency_ms = 2;
    limiter_set_rate(bench->parts.limiter, 2000);
    start(bench);
    for (unsigned round = 1; round <= 8; round++) {
        wait_taken(bench, round * 150);
        atomic_store(&bench->control.workers, round % 2 != 0 ? 1 : 4);
        geocode_wake(bench->pool);
    }
    join(bench);
    assert_each_once(bench);
    tear_down(bench);
}

static void stop_hands_over_what_was_in_flight(void **state)
{
    (void)state;
    struct bench *bench = set_up(4);
    uint32_t share;
    bench->rig->geocoder.distant = true;
    bench->rig->geocoder.latency_ms = 10;
    limiter_set_rate(bench->parts.limiter, 500);
    start(bench);
    wait_taken(bench, 100);
    atomic_store(&bench->control.stop, true);
    join(bench);
    unsigned most;
    assert_int_equal(bench->taken, rig_asked(bench->rig, &most));
    assert_true(bench->taken < COUNT);
    assert_int_equal(claims_active(bench->parts.claims), 0);
    assert_true(claims_next(bench->parts.claims, &share));
    tear_down(bench);
}

static void abandon_ends_at_once(void **state)
{
    (void)state;
    struct bench *bench = set_up(4);
    start_to_hang(bench);
    double from = clock_monotonic();
    atomic_store(&bench->control.abandon, true);
    join(bench);
    assert_true(clock_monotonic() - from < 20);
    assert_int_equal(bench->taken, 0);
    tear_down(bench);
}

static void committed_answers_are_not_asked_for(void **state)
{
    (void)state;
    struct bench *bench = set_up(4);
    unsigned most;
    rig_commit(bench->rig, &bench->run, 500, 700);
    start(bench);
    join(bench);
    assert_int_equal(rig_asked(bench->rig, &most), COUNT - 200);
    assert_int_equal(bench->taken, COUNT - 200);
    for (unsigned i = 500; i < 700; i++)
        assert_int_equal(bench->settled[i], 0);
    tear_down(bench);
}

/* Somebody else's answers to a share come between its claim and its opening. */
static void a_share_that_is_answered_meanwhile_needs_no_file(void **state)
{
    (void)state;
    struct bench *bench = set_up(4);
    unsigned most;
    char *path = point_file_path(bench->rig->points, 1);
    rig_commit(bench->rig, &bench->run, 500, 1000);
    assert_int_equal(unlink(path), 0);
    free(path);
    start(bench);
    join(bench);
    assert_int_equal(bench->failures, 0);
    assert_int_equal(rig_asked(bench->rig, &most), COUNT - 500);
    tear_down(bench);
}

static void a_damaged_point_file_is_reported(void **state)
{
    (void)state;
    struct bench *bench = set_up(4);
    char *path = point_file_path(bench->rig->points, 2);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "x", 1, 100), 1);
    close(fd);
    bench->rig->geocoder.distant = true; /* so that points wait to be asked again */
    bench->rig->geocoder.error_every = 3;
    bench->settings.retries = 100;
    start(bench);
    wait_while(atomic_load(&bench->failures) == 0);
    atomic_store(&bench->control.stop, true);
    join(bench);
    assert_int_equal(bench->failure.code, ERROR_CORRUPT);
    assert_non_null(strstr(bench->failure.message, path));
    assert_int_equal(failed_points(bench, CAUSE_NONE, 0), 0);
    uint32_t share;
    unsigned back = 0;
    assert_int_equal(claims_active(bench->parts.claims), 0);
    while (claims_next(bench->parts.claims, &share))
        back++;
    assert_int_equal(back, 4); /* each has a point that was not answered */
    free(path);
    tear_down(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_point_is_asked_once),
        cmocka_unit_test(transient_failures_are_asked_again_permanent_ones_not),
        cmocka_unit_test(answers_say_what_they_cost),
        cmocka_unit_test(faults_that_may_pass_are_asked_so_often_and_no_more),
        cmocka_unit_test(retries_keep_to_their_budget),
        cmocka_unit_test(a_geocoder_that_goes_down_is_waited_for),
        cmocka_unit_test(a_stop_does_not_wait_for_a_geocoder_that_is_down),
        cmocka_unit_test(a_stop_waits_only_so_long_for_what_hangs),
        cmocka_unit_test(a_used_up_quota_stops_everybody_and_fails_nothing),
        cmocka_unit_test(workers_come_and_go_and_nothing_is_asked_twice),
        cmocka_unit_test(stop_hands_over_what_was_in_flight),
        cmocka_unit_test(abandon_ends_at_once),
        cmocka_unit_test(committed_answers_are_not_asked_for),
        cmocka_unit_test(a_share_that_is_answered_meanwhile_needs_no_file),
        cmocka_unit_test(a_damaged_point_file_is_reported),
    };
    return rig_run_tests_leaving(tests, leave);
}
