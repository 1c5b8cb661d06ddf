#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cachefmt/follow.h"
#include "cachefmt/generation.h"
#include "tests/unit/cache_rig.h"
#include "tests/unit/patience.h"

#define ALL_TILES 15u

/* What the callbacks saw. */
static struct {
    atomic_uint switches, failures;
    _Atomic uint64_t generation;
    struct error last; /* written by failed; read when the follower does nothing */
} seen;

static void count_switch(void *context, const struct cache *now)
{
    assert_ptr_equal(context, &seen);
    atomic_store(&seen.generation, cache_manifest(now)->generation);
    atomic_fetch_add(&seen.switches, 1);
}

static void count_failure(void *context, const struct error *err)
{
    assert_ptr_equal(context, &seen);
    seen.last = *err;
    atomic_fetch_add(&seen.failures, 1);
}

static struct follow_settings settings_with(double interval)
{
    memset(&seen, 0, sizeof seen);
    return (struct follow_settings){.directory = cache_rig_directory,
                                    .interval = interval,
                                    .switched = count_switch,
                                    .failed = count_failure,
                                    .context = &seen};
}

static struct follower *must_follow(double interval)
{
    struct follower *follower;
    struct error err;
    struct follow_settings settings = settings_with(interval);
    if (follower_open(&follower, &settings, &err) != 0)
        fail_msg("%s", err.message);
    return follower;
}

static struct follow_reader *must_read(struct follower *follower)
{
    struct follow_reader *reader;
    assert_int_equal(follow_reader_open(&reader, follower, NULL), 0);
    return reader;
}

static bool reaches(atomic_uint *count, unsigned least)
{
    double until = clock_monotonic() + PATIENCE;
    while (atomic_load(count) < least && clock_monotonic() < until)
        (void)usleep(1000);
    return atomic_load(count) >= least;
}

static bool is_whole(const struct cache *cache, uint64_t generation)
{
    for (uint32_t tile = 0; tile < 4; tile++)
        if (cache_rig_generation_of(cache, tile, tile) != generation)
            return false;
    return true;
}

/* Is a file that this generation built mapped? */
static bool is_mapped(uint64_t generation)
{
    char wanted[40], line[600];
    bool found = false;
    (void)snprintf(wanted, sizeof wanted, ".%llu.idx", (unsigned long long)generation);
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    while (!found && fgets(line, sizeof line, maps) != NULL)
        found = strstr(line, cache_rig_directory) != NULL && strstr(line, wanted) != NULL;
    (void)fclose(maps);
    return found;
}

static bool goes_away(uint64_t generation)
{
    double until = clock_monotonic() + PATIENCE;
    while (is_mapped(generation) && clock_monotonic() < until)
        (void)usleep(1000);
    return !is_mapped(generation);
}

static void a_missing_cache_appears(void **state)
{
    (void)state;
    struct follower *follower;
    struct error err;
    struct follow_settings settings = settings_with(0.002);
    assert_int_equal(follower_open(&follower, &settings, &err), -1);
    assert_int_equal(err.code, ERROR_MISSING);
    settings.may_be_missing = true;
    assert_int_equal(follower_open(&follower, &settings, &err), 0);
    struct follow_reader *reader = must_read(follower);
    assert_null(follow_hold(reader));
    follow_let_go(reader);
    cache_rig_must_publish(3, ALL_TILES);
    assert_true(reaches(&seen.switches, 1));
    assert_int_equal(atomic_load(&seen.generation), 3);
    assert_true(is_whole(follow_hold(reader), 3));
    follow_let_go(reader);
    assert_int_equal(atomic_load(&seen.failures), 0);
    follow_reader_close(reader);
    follower_close(follower);
}

static void nothing_is_new_at_first(void **state)
{
    (void)state;
    cache_rig_must_publish(1, ALL_TILES);
    struct follower *follower = must_follow(-1);
    assert_int_equal(follow_look(follower, NULL), 0);
    assert_int_equal(atomic_load(&seen.switches), 0);
    follower_close(follower);
    follower_close(NULL);
    follow_reader_close(NULL);
}

static void a_held_generation_stays(void **state)
{
    (void)state;
    cache_rig_must_publish(1, ALL_TILES);
    struct follower *follower = must_follow(-1);
    struct follow_reader *slow = must_read(follower), *quick = must_read(follower);
    const struct cache *first = follow_hold(slow);
    cache_rig_must_publish(2, ALL_TILES);
    assert_int_equal(generation_prune(cache_rig_directory, 1, 0, NULL), 0);
    assert_int_equal(follow_look(follower, NULL), 1);
    assert_int_equal(follow_look(follower, NULL), 0);
    assert_true(is_whole(follow_hold(quick), 2));
    follow_let_go(quick);
    assert_true(is_whole(first, 1));
    assert_true(is_mapped(1));
    follow_let_go(slow);
    assert_int_equal(follow_look(follower, NULL), 0);
    assert_false(is_mapped(1));
    assert_true(is_whole(follow_hold(slow), 2));
    follow_let_go(slow);
    follow_reader_close(slow);
    follow_reader_close(quick);
    follower_close(follower);
    assert_false(is_mapped(2));
}

static void several_are_retired_at_a_time(void **state)
{
    (void)state;
    struct follow_reader *readers[4];
    cache_rig_must_publish(1, ALL_TILES);
    struct follower *follower = must_follow(0.002);
    for (unsigned i = 0; i < 4; i++) {
        readers[i] = must_read(follower);
        assert_true(is_whole(follow_hold(readers[i]), i + 1));
        cache_rig_must_publish(i + 2, ALL_TILES);
        assert_true(reaches(&seen.switches, i + 1));
    }
    static const unsigned order[] = {1, 3, 0, 2};
    for (unsigned i = 0; i < 4; i++) {
        follow_let_go(readers[order[i]]);
        follow_reader_close(readers[order[i]]);
        assert_true(goes_away(order[i] + 1));
        for (unsigned later = i + 1; later < 4; later++)
            assert_true(is_mapped(order[later] + 1));
    }
    follower_close(follower);
}

static void unchanged_pairs_are_lent(void **state)
{
    (void)state;
    cache_rig_must_publish(1, ALL_TILES);
    struct follower *follower = must_follow(-1);
    struct follow_reader *reader = must_read(follower), *other = must_read(follower);
    const struct cache *first = follow_hold(reader);
    cache_rig_must_publish(2, 1);
    assert_int_equal(follow_look(follower, NULL), 1);
    const struct cache *second = follow_hold(other);
    assert_ptr_equal(cache_pair(first, 1), cache_pair(second, 1));
    assert_ptr_not_equal(cache_pair(first, 0), cache_pair(second, 0));
    follow_reader_close(reader);
    assert_int_equal(follow_look(follower, NULL), 0);
    assert_int_equal(cache_rig_generation_of(second, 1, 1), 1);
    assert_int_equal(cache_rig_generation_of(second, 0, 1), 2);
    follow_reader_close(other);
    follower_close(follower);
}

/* A generation with a pair missing is reported once, tried again, and replaced by the next. */
static void a_broken_generation_is_not_served(void **state)
{
    (void)state;
    struct error err;
    char away[300];
    cache_rig_must_publish(1, ALL_TILES);
    struct follower *follower = must_follow(-1);
    struct follow_reader *reader = must_read(follower);
    cache_rig_must_publish(2, ALL_TILES);
    (void)snprintf(away, sizeof away, "%s", cache_rig_path("away"));
    assert_int_equal(rename(cache_rig_path("001.2.dat"), away), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(follow_look(follower, &err), -1);
        assert_int_equal(err.code, ERROR_CORRUPT);
        assert_non_null(strstr(err.message, "001.2.dat"));
        assert_true(is_whole(follow_hold(reader), 1));
        follow_let_go(reader);
    }
    assert_int_equal(atomic_load(&seen.failures), 1);
    assert_int_equal(seen.last.code, ERROR_CORRUPT);
    assert_int_equal(rename(away, cache_rig_path("001.2.dat")), 0);
    assert_int_equal(follow_look(follower, &err), 1);
    assert_int_equal(atomic_load(&seen.generation), 2);
    follow_reader_close(reader);
    follower_close(follower);
}

static void write_manifest(const char *text)
{
    FILE *file = fopen(cache_rig_path("next"), "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    char from[300];
    (void)snprintf(from, sizeof from, "%s", cache_rig_path("next"));
    assert_int_equal(rename(from, cache_rig_path("MANIFEST")), 0);
}

/* By the thread. */
static void each_state_is_reported_once(void **state)
{
    (void)state;
    cache_rig_must_publish(1, ALL_TILES);
    struct follower *follower = must_follow(0.001);
    struct follow_reader *reader = must_read(follower);
    write_manifest("nonsense");
    assert_true(reaches(&seen.failures, 1));
    write_manifest("other nonsense");
    assert_true(reaches(&seen.failures, 2));
    assert_true(is_whole(follow_hold(reader), 1));
    follow_let_go(reader);
    assert_int_equal(unlink(cache_rig_path("MANIFEST")), 0);
    cache_rig_must_publish(2, ALL_TILES);
    assert_true(reaches(&seen.switches, 1));
    assert_int_equal(atomic_load(&seen.failures), 2);
    assert_int_equal(atomic_load(&seen.generation), 2);
    follow_reader_close(reader);
    follower_close(follower);
}

static void a_removed_directory_is_served_on(void **state)
{
    (void)state;
    cache_rig_must_publish(1, ALL_TILES);
    struct follower *follower = must_follow(-1);
    struct follow_reader *reader = must_read(follower);
    assert_int_equal(cache_rig_close(NULL), 0);
    assert_int_equal(follow_look(follower, NULL), 0);
    assert_true(is_whole(follow_hold(reader), 1));
    follow_let_go(reader);
    assert_int_equal(mkdir(cache_rig_directory, 0700), 0);
    assert_int_equal(follow_look(follower, NULL), 0);
    cache_rig_must_publish(5, ALL_TILES);
    assert_int_equal(follow_look(follower, NULL), 1);
    assert_true(is_whole(follow_hold(reader), 5));
    follow_reader_close(reader);
    assert_int_equal(follow_look(follower, NULL), 0);
    assert_false(is_mapped(1));
    assert_int_equal(atomic_load(&seen.failures), 0);
    follower_close(follower);
}

static void closing_does_not_wait_for_the_interval(void **state)
{
    (void)state;
    cache_rig_must_publish(1, ALL_TILES);
    struct follower *follower = must_follow(1e300);
    double began = clock_monotonic();
    follower_close(follower);
    assert_true(clock_monotonic() - began < PATIENCE);
}

/* Every thread but this one blocks the signals that end or reload a program. */
static void the_thread_is_deaf(void **state)
{
    (void)state;
    cache_rig_must_publish(1, ALL_TILES);
    struct follower *follower = must_follow(0);
    sigset_t mine;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mine), 0);
    assert_int_equal(sigismember(&mine, SIGTERM), 0);
    unsigned others = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char path[300], line[200];
        unsigned long long blocked = 0;
        if (task->d_name[0] == '.' || atoi(task->d_name) == getpid())
            continue;
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        FILE *status = fopen(path, "re");
        assert_non_null(status);
        while (fgets(line, sizeof line, status) != NULL)
            (void)sscanf(line, "SigBlk: %llx", &blocked);
        (void)fclose(status);
        assert_true(blocked >> (SIGTERM - 1) & blocked >> (SIGHUP - 1) & blocked >> (SIGINT - 1) &
                    1);
        others++;
    }
    (void)closedir(tasks);
    assert_true(others >= 1);
    follower_close(follower);
}

/* --- many readers, many switches ------------------------------------------------------------ */

#define READERS 6
#define SWITCHES 120

struct race {
    struct follower *follower;
    atomic_bool done;
    atomic_uint torn, held;
};

static void *read_in_race(void *argument)
{
    struct race *race = argument;
    uint64_t newest = 0;
    while (!atomic_load(&race->done)) {
        struct follow_reader *reader;
        if (follow_reader_open(&reader, race->follower, NULL) != 0)
            return NULL;
        for (unsigned i = 0; i < 50; i++) {
            const struct cache *cache = follow_hold(reader);
            uint64_t generation = cache_manifest(cache)->generation;
            if (generation < newest || !is_whole(cache, generation))
                atomic_fetch_add(&race->torn, 1);
            newest = generation;
            atomic_fetch_add(&race->held, 1);
            follow_let_go(reader);
        }
        follow_reader_close(reader);
    }
    return NULL;
}

static void switches_under_readers(void **state)
{
    (void)state;
    pthread_t threads[READERS];
    cache_rig_must_publish(1, ALL_TILES);
    struct race race = {.follower = must_follow(0.001)};
    for (unsigned i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_in_race, &race), 0);
    bool followed = true;
    for (unsigned i = 1; i <= SWITCHES && followed; i++) {
        cache_rig_must_publish(i + 1, ALL_TILES);
        followed = reaches(&seen.switches, i);
        followed = generation_prune(cache_rig_directory, 1, 0, NULL) == 0 && followed;
    }
    atomic_store(&race.done, true);
    for (unsigned i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(followed);
    assert_int_equal(atomic_load(&race.torn), 0);
    assert_true(atomic_load(&race.held) > SWITCHES);
    assert_int_equal(atomic_load(&seen.failures), 0);
    for (unsigned i = 1; i <= SWITCHES; i++)
        assert_true(goes_away(i));
    follower_close(race.follower);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cache_rig_open, cache_rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_missing_cache_appears),
        TEST(nothing_is_new_at_first),
        TEST(a_held_generation_stays),
        TEST(several_are_retired_at_a_time),
        TEST(unchanged_pairs_are_lent),
        TEST(a_broken_generation_is_not_served),
        TEST(each_state_is_reported_once),
        TEST(a_removed_directory_is_served_on),
        TEST(closing_does_not_wait_for_the_interval),
        TEST(the_thread_is_deaf),
        TEST(switches_under_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
