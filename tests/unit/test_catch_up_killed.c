/* A peer that is killed at some moment of its catching up: what it serves is whole at any moment,
 * and its next start finds the way. The program runs itself for the part that is killed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/durable.h"
#include "cachefmt/generation.h"
#include "fleet/catch_up.h"
#include "tests/unit/cache_rig.h"
#include "tests/unit/certificates_rig.h"
#include "tests/unit/exchange_rig.h"

#define MOMENTS 16
#define PATIENCE 60.0 /* seconds for one attempt */

extern char **environ;

static struct exchange_rig peer;
static char directory[] = "/tmp/killed-XXXXXX";
static char cache[60], state[60];

/* --- the part that is killed ----------------------------------------------------------------- */

enum { ARG_CA = 1, ARG_CERT, ARG_KEY, ARG_ADDRESS, ARG_DIGEST, ARG_CACHE, ARG_STATE, ARGS };

static int run_child(char **argv)
{
    const char *const addresses[] = {argv[ARG_ADDRESS]};
    struct exchange_client_settings settings = {
        .identity = {argv[ARG_CA], argv[ARG_CERT], argv[ARG_KEY]}};
    struct catch_up_settings catching = {.cache_directory = argv[ARG_CACHE],
                                         .state_directory = argv[ARG_STATE],
                                         .keep_generations = 2};
    struct exchange_sources sources = {addresses, 1};
    struct catch_up_progress progress = {0};
    struct exchange_client *client;
    struct pair_id digest;
    uint64_t generation;
    struct error err;
    if (!pair_id_parse(argv[ARG_DIGEST], &digest) ||
        exchange_client_open(&client, &settings, &err) != 0)
        return 3;
    int result = catch_up(&catching, client, &sources, &digest, &progress, &generation, &err);
    if (result != 0)
        (void)fprintf(stderr, "%s\n", err.message);
    exchange_client_close(client);
    return result == 0 ? 0 : 1;
}

static pid_t start_child(const struct pair_id *digest)
{
    struct exchange_identity identity = certificates_rig_identity("other");
    char text[2 * PAIR_ID_BYTES + 1];
    pid_t child;
    char *argv[ARGS + 1] = {
        (char *)(uintptr_t) "test_catch_up_killed",
        (char *)(uintptr_t)identity.ca_file,
        (char *)(uintptr_t)identity.cert_file,
        (char *)(uintptr_t)identity.key_file,
        peer.address,
        pair_id_format(digest, text),
        cache,
        state,
        NULL,
    };
    assert_int_equal(posix_spawn(&child, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    return child;
}

/* Its exit status, or -1 when it was killed after so many seconds. */
static int run_for(const struct pair_id *digest, double seconds)
{
    double until = clock_monotonic() + seconds;
    pid_t child = start_child(digest);
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(child, &status, WNOHANG)) == 0 && clock_monotonic() < until)
        (void)usleep(500);
    if (ended == 0) {
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- the test -------------------------------------------------------------------------------- */

static struct pair_id published_digest(const char *of)
{
    struct manifest *manifest;
    struct error err;
    if (generation_current(of, &manifest, &err) != 0)
        fail_msg("%s", err.message);
    struct pair_id digest = manifest->digest;
    manifest_free(manifest);
    return digest;
}

static bool same(const struct pair_id *a, const struct pair_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static void report(void *context, const char *file, const char *problem)
{
    (void)context;
    print_error("%s: %s\n", file, problem);
}

/* What is published, and every backup. */
static void assert_whole(void)
{
    struct verify_result result;
    assert_int_equal(generation_verify(cache, true, report, NULL, &result, NULL), 0);
    assert_int_equal(result.problems, 0);
}

static void kill_at_each_moment(void **unused)
{
    (void)unused;
    cache_rig_must_publish(1, 15);
    struct pair_id before = published_digest(cache_rig_directory);
    double begin = clock_monotonic();
    assert_int_equal(run_for(&before, PATIENCE), 0);
    double whole = clock_monotonic() - begin;
    unsigned killed = 0;
    for (unsigned i = 0; i < MOMENTS; i++) {
        cache_rig_must_publish(i + 2, i % 2 == 0 ? 15 : 6);
        struct pair_id wanted = published_digest(cache_rig_directory);
        killed += run_for(&wanted, whole * 1.2 * i / MOMENTS) == -1;
        struct pair_id now = published_digest(cache);
        assert_true(same(&now, &before) || same(&now, &wanted));
        assert_whole();
        assert_int_equal(run_for(&wanted, PATIENCE), 0);
        now = published_digest(cache);
        assert_true(same(&now, &wanted));
        assert_whole();
        before = wanted;
    }
    assert_true(killed > 0);
}

static int open_rig(void **unused)
{
    if (certificates_rig_open(unused) != 0 || cache_rig_open(unused) != 0)
        return -1;
    exchange_rig_open(&peer, 10, "peer");
    if (mkdtemp(directory) == NULL)
        return -1;
    (void)snprintf(cache, sizeof cache, "%s/cache", directory);
    (void)snprintf(state, sizeof state, "%s/state", directory);
    return 0;
}

static int close_rig(void **unused)
{
    char path[100];
    exchange_rig_close(&peer);
    (void)snprintf(path, sizeof path, "%s/fleet/catch_up", state);
    assert_int_equal(durable_remove_directory(path, NULL), 0);
    (void)snprintf(path, sizeof path, "%s/fleet", state);
    assert_int_equal(durable_remove_directory(path, NULL), 0);
    assert_int_equal(durable_remove_directory(state, NULL), 0);
    assert_int_equal(durable_remove_directory(cache, NULL), 0);
    if (rmdir(directory) != 0 || cache_rig_close(unused) != 0)
        return -1;
    return certificates_rig_close(unused);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kill_at_each_moment)};
    if (argc == ARGS)
        return run_child(argv);
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
