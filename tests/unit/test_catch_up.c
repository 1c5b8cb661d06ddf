#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/generation.h"
#include "fleet/catch_up.h"
#include "tests/unit/cache_rig.h"
#include "tests/unit/certificates_rig.h"
#include "tests/unit/exchange_rig.h"
#include "tests/unit/tls_rig.h"

#define ALL_TILES 15u

/* A peer with the cache of cache_rig, and we, whose cache is empty at first. */
static struct {
    struct exchange_rig peer;
    struct exchange_client *client;
    char directory[64], cache[100], state[100], waiting[140];
    unsigned keep;
    struct pair_id digest; /* wanted */
    struct catch_up_progress progress;
    uint64_t generation;
    struct error err;
} rig;

static struct pair_id published_digest(const char *directory)
{
    struct manifest *manifest;
    assert_int_equal(generation_current(directory, &manifest, NULL), 0);
    struct pair_id digest = manifest->digest;
    manifest_free(manifest);
    return digest;
}

/* The peer's next generation, wanted from now on. */
static void publish(uint64_t generation, uint64_t tiles)
{
    cache_rig_must_publish(generation, tiles);
    rig.digest = published_digest(cache_rig_directory);
}

static int open_rig(void **state)
{
    memset(&rig, 0, sizeof rig);
    if (cache_rig_open(state) != 0)
        return -1;
    exchange_rig_open(&rig.peer, 100, "peer");
    rig.client = exchange_rig_client("other");
    rig.keep = 3;
    (void)snprintf(rig.directory, sizeof rig.directory, "/tmp/catch-up-XXXXXX");
    if (mkdtemp(rig.directory) == NULL)
        return -1;
    (void)snprintf(rig.cache, sizeof rig.cache, "%s/cache", rig.directory);
    (void)snprintf(rig.state, sizeof rig.state, "%s/state", rig.directory);
    (void)snprintf(rig.waiting, sizeof rig.waiting, "%s/fleet/catch_up", rig.state);
    publish(4, ALL_TILES);
    return 0;
}

static void remove_state(void)
{
    char fleet[120];
    (void)snprintf(fleet, sizeof fleet, "%s/fleet", rig.state);
    assert_int_equal(durable_remove_directory(rig.waiting, NULL), 0);
    assert_int_equal(durable_remove_directory(fleet, NULL), 0);
    assert_int_equal(durable_remove_directory(rig.state, NULL), 0);
}

/* Nothing else was written: the directories hold files only, and the one above only these two. */
static int close_rig(void **state)
{
    exchange_client_close(rig.client);
    exchange_rig_close(&rig.peer);
    remove_state();
    assert_int_equal(durable_remove_directory(rig.cache, NULL), 0);
    if (rmdir(rig.directory) != 0)
        return -1;
    return cache_rig_close(state);
}

static int catch_up_from(const char *const *addresses, size_t count)
{
    struct catch_up_settings settings = {
        .cache_directory = rig.cache, .state_directory = rig.state, .keep_generations = rig.keep};
    struct exchange_sources sources = {addresses, count};
    return catch_up(&settings, rig.client, &sources, &rig.digest, &rig.progress, &rig.generation,
                    &rig.err);
}

static int catch_up_from_peer(void)
{
    const char *const addresses[] = {rig.peer.address};
    return catch_up_from(addresses, 1);
}

static void must(int result)
{
    if (result != 0)
        fail_msg("%s", rig.err.message);
}

static void assert_error(int result, enum error_code code)
{
    assert_int_equal(result, -1);
    if (rig.err.code != code)
        fail_msg("not %s but %s: %s", error_name(code), error_name(rig.err.code), rig.err.message);
}

static void print_problem(void *context, const char *file, const char *problem)
{
    (void)context;
    print_error("%s: %s\n", file, problem);
}

/* What we serve is the wanted generation under this number, and whole, and so are all backups. */
static void assert_caught_up(uint64_t generation)
{
    struct verify_result result;
    struct pair_id digest = published_digest(rig.cache);
    assert_memory_equal(&digest, &rig.digest, sizeof digest);
    assert_int_equal(rig.generation, generation);
    assert_int_equal(generation_verify(rig.cache, true, print_problem, NULL, &result, NULL), 0);
    assert_int_equal(result.problems, 0);
    assert_int_not_equal(access(rig.waiting, F_OK), 0);
}

static unsigned count_files(const char *directory, const char *part)
{
    unsigned count = 0;
    const struct dirent *item;
    DIR *listed = opendir(directory);
    if (listed == NULL)
        return 0;
    while ((item = readdir(listed)) != NULL)
        count += strstr(item->d_name, part) != NULL && item->d_name[0] != '.';
    (void)closedir(listed);
    return count;
}

/* --- whole ---------------------------------------------------------------------------------- */

static void a_new_peer_gets_all(void **state)
{
    struct manifest *ours, *theirs;
    (void)state;
    must(catch_up_from_peer());
    assert_caught_up(4);
    assert_int_equal(rig.progress.pairs, 4);
    assert_int_equal(rig.progress.pairs_fetched, 4);
    assert_int_equal(rig.progress.bytes, rig.progress.bytes_fetched);
    assert_true(rig.progress.bytes > 1000);
    assert_int_equal(generation_current(rig.cache, &ours, NULL), 0);
    assert_int_equal(generation_current(cache_rig_directory, &theirs, NULL), 0);
    assert_int_equal(ours->published, theirs->published);
    assert_string_equal(ours->run, theirs->run);
    manifest_free(ours);
    manifest_free(theirs);
}

static void only_what_differs_is_fetched(void **state)
{
    (void)state;
    must(catch_up_from_peer());
    publish(9, 1u << 2);
    unsigned before = rig.peer.asked;
    must(catch_up_from_peer());
    assert_caught_up(9);
    assert_int_equal(rig.progress.pairs, 1);
    assert_int_equal(rig.peer.asked - before, 3); /* the manifest, two files */
    assert_int_equal(count_files(rig.cache, ".idx"), 5);
    assert_int_equal(count_files(rig.cache, ".9.idx"), 1);
}

static void nothing_is_asked_for_what_is_published(void **state)
{
    (void)state;
    must(catch_up_from_peer());
    unsigned before = rig.peer.asked;
    rig.generation = 0;
    must(catch_up_from_peer());
    assert_caught_up(4);
    assert_int_equal(rig.peer.asked, before);
}

static void a_backup_comes_back_without_a_peer(void **state)
{
    struct pair_id first = rig.digest;
    (void)state;
    must(catch_up_from_peer());
    publish(5, ALL_TILES);
    must(catch_up_from_peer());
    rig.digest = first;
    must(catch_up_from(NULL, 0));
    assert_caught_up(6);
    assert_int_equal(count_files(rig.cache, ".6."), 0);
    assert_int_equal(rig.progress.pairs, 0);
}

static void as_many_generations_are_kept_as_configured(void **state)
{
    (void)state;
    rig.keep = 2;
    for (uint64_t generation = 5; generation < 8; generation++) {
        publish(generation, ALL_TILES);
        must(catch_up_from_peer());
        assert_caught_up(generation);
    }
    assert_int_equal(count_files(rig.cache, "MANIFEST."), 2);
    assert_int_equal(count_files(rig.cache, ".idx"), 8);
}

static void a_pair_of_ours_that_is_damaged_is_fetched(void **state)
{
    char path[140];
    (void)state;
    must(catch_up_from_peer());
    publish(5, 1u);
    (void)snprintf(path, sizeof path, "%s/003.4.dat", rig.cache);
    assert_int_equal(truncate(path, 100), 0);
    must(catch_up_from_peer());
    assert_int_equal(rig.progress.pairs, 2);
    struct pair_id digest = published_digest(rig.cache);
    assert_memory_equal(&digest, &rig.digest, sizeof digest);
    struct cache *cache;
    assert_int_equal(cache_open(&cache, rig.cache, NULL, NULL), 0);
    cache_close(cache);
}

/* --- broken --------------------------------------------------------------------------------- */

static void what_was_fetched_is_used_by_the_next_attempt(void **state)
{
    (void)state;
    must(catch_up_from_peer());
    struct pair_id first = rig.digest;
    publish(5, ALL_TILES);
    atomic_store(&rig.peer.good, rig.peer.asked + 6); /* the manifest, two pairs and an index */
    atomic_store(&rig.peer.fails, true);
    assert_error(catch_up_from_peer(), ERROR_UNREACHABLE);
    struct pair_id digest = published_digest(rig.cache);
    assert_memory_equal(&digest, &first, sizeof digest);
    assert_int_equal(count_files(rig.waiting, ""), 6); /* and a .part of the data */
    assert_int_equal(count_files(rig.cache, ".5."), 0);
    atomic_store(&rig.peer.fails, false);
    unsigned before = rig.peer.asked;
    must(catch_up_from_peer());
    assert_caught_up(5);
    assert_int_equal(rig.peer.asked - before, 4); /* the manifest, a data file, a pair */
}

/* As a crash in the middle of moving leaves it. */
static void what_was_moved_is_used_by_the_next_attempt(void **state)
{
    (void)state;
    must(catch_up_from_peer());
    publish(5, ALL_TILES);
    for (unsigned tile = 0; tile < 2; tile++) {
        static const char *const suffixes[] = {"idx", "dat"};
        for (unsigned i = 0; i < (tile == 0 ? 2 : 1); i++) {
            char to[160], name[20], *data;
            size_t bytes;
            (void)snprintf(name, sizeof name, "%03u.5.%s", tile, suffixes[i]);
            (void)snprintf(to, sizeof to, "%s/%03u.5.%s", rig.cache, tile, suffixes[i]);
            assert_int_equal(read_whole_file(cache_rig_path(name), 1 << 20, &data, &bytes, NULL),
                             0);
            assert_int_equal(durable_write_file(to, data, bytes, NULL), 0);
            free(data);
        }
    }
    must(catch_up_from_peer());
    assert_caught_up(5);
    assert_int_equal(rig.progress.pairs, 3);
}

/* Moved for a generation that is not wanted any more: the next takes the number and the names. */
static void leftovers_of_another_generation_go(void **state)
{
    char name[160];
    (void)state;
    must(catch_up_from_peer());
    publish(5, ALL_TILES);
    atomic_store(&rig.peer.good, rig.peer.asked + 4);
    atomic_store(&rig.peer.fails, true);
    assert_error(catch_up_from_peer(), ERROR_UNREACHABLE);
    (void)snprintf(name, sizeof name, "%s/002.6.idx", rig.cache);
    assert_int_equal(durable_write_file(name, "junk", 4, NULL), 0);
    (void)snprintf(name, sizeof name, "%s/junk", rig.waiting);
    assert_int_equal(durable_write_file(name, "junk", 4, NULL), 0);
    publish(6, 1u | 2u);
    atomic_store(&rig.peer.good, rig.peer.asked + 1);
    assert_error(catch_up_from_peer(), ERROR_UNREACHABLE);
    assert_int_equal(count_files(rig.waiting, ""), 2); /* what is begun of the first pair */
    atomic_store(&rig.peer.fails, false);
    must(catch_up_from_peer());
    assert_caught_up(6);
    rig.keep = 1;
    publish(7, 4u);
    must(catch_up_from_peer());
    assert_caught_up(7);
    assert_int_equal(count_files(rig.cache, ".idx"), 4);
    assert_int_equal(count_files(rig.cache, ".dat"), 4);
}

static void a_canceled_attempt_says_so(void **state)
{
    (void)state;
    exchange_client_interrupt(rig.client);
    assert_error(catch_up_from_peer(), ERROR_CANCELED);
    assert_int_not_equal(access(rig.cache, F_OK), 0);
}

/* --- refused --------------------------------------------------------------------------------- */

/* A byte of a segment. */
static void flip(const char *path)
{
    struct stat status;
    FILE *file = fopen(path, "r+e");
    assert_non_null(file);
    assert_int_equal(stat(path, &status), 0);
    off_t at = status.st_size - 20;
    assert_int_equal(fseeko(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseeko(file, at, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ 1, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static void a_corrupt_pair_never_enters_the_cache(void **state)
{
    (void)state;
    must(catch_up_from_peer());
    struct pair_id first = rig.digest;
    publish(5, 1u << 1);
    flip(cache_rig_path("001.5.dat"));
    for (int i = 0; i < 2; i++) {
        assert_error(catch_up_from_peer(), ERROR_CORRUPT);
        struct pair_id digest = published_digest(rig.cache);
        assert_memory_equal(&digest, &first, sizeof digest);
        assert_int_equal(count_files(rig.cache, ".5."), 0);
    }
    flip(cache_rig_path("001.5.dat"));
    must(catch_up_from_peer());
    assert_caught_up(5);
}

static void another_peer_helps_out(void **state)
{
    struct exchange_rig second;
    const char *const addresses[] = {second.address, "127.0.0.1:1", rig.peer.address};
    char copy[120], path[140];
    (void)state;
    exchange_rig_open(&second, 10, "other");
    must(catch_up_from_peer()); /* its directory becomes the second's, with a pair damaged */
    (void)snprintf(copy, sizeof copy, "%s-second", rig.cache);
    assert_int_equal(rename(rig.cache, copy), 0);
    second.cache = copy;
    (void)snprintf(path, sizeof path, "%s/002.4.dat", copy);
    flip(path);
    must(catch_up_from(addresses, 3));
    assert_caught_up(4);
    assert_true(second.asked > 4);
    exchange_rig_close(&second);
    assert_int_equal(durable_remove_directory(copy, NULL), 0);
}

static char *lying_manifest(uint64_t index_bytes)
{
    struct manifest *manifest;
    char *text;
    assert_int_equal(generation_current(cache_rig_directory, &manifest, NULL), 0);
    manifest->tiles[1].info.index_bytes = index_bytes;
    assert_int_equal(manifest_print(manifest, &text, NULL), 0);
    manifest_free(manifest);
    return text;
}

static void a_manifest_that_lies_of_its_pairs_is_replaced(void **state)
{
    char *text = lying_manifest(5000);
    struct lie lies[] = {{.body = text, .bytes = strlen(text)},
                         {.head = "HTTP/1.1 404 No", .body = ""}};
    struct liar liar;
    const char *const addresses[] = {liar.address, rig.peer.address};
    (void)state;
    liar_open(&liar, lies, 2);
    must(catch_up_from(addresses, 2));
    assert_caught_up(4);
    liar_close(&liar);
    free(text);
}

static void too_little_room_is_said_before_anything_is_fetched(void **state)
{
    char *text = lying_manifest((uint64_t)1 << 52);
    struct lie lies[] = {{.body = text, .bytes = strlen(text)}};
    struct liar liar;
    const char *const addresses[] = {liar.address, rig.peer.address};
    (void)state;
    liar_open(&liar, lies, 1);
    assert_error(catch_up_from(addresses, 2), ERROR_DISK_FULL);
    assert_non_null(strstr(rig.err.message, rig.waiting));
    assert_non_null(strstr(rig.err.message, " 45035996"));
    assert_int_equal(liar.asked, 1);
    assert_int_equal(rig.peer.asked, 0);
    assert_int_equal(count_files(rig.cache, ""), 0);
    liar_close(&liar);
    free(text);
}

static void another_grid_is_refused(void **state)
{
    static const struct grid three = {3, 3};
    (void)state;
    must(catch_up_from_peer());
    assert_int_equal(unlink(cache_rig_path("MANIFEST")), 0);
    assert_int_equal(cache_rig_publish(three, 5, 511, NULL), 0);
    rig.digest = published_digest(cache_rig_directory);
    assert_error(catch_up_from_peer(), ERROR_STATE);
    assert_non_null(strstr(rig.err.message, "3x3"));
}

static void what_nobody_has_is_missing(void **state)
{
    (void)state;
    memset(&rig.digest, 3, sizeof rig.digest);
    assert_error(catch_up_from_peer(), ERROR_MISSING);
}

static void it_goes_over_to_another_file_system(void **state)
{
    char other[] = "/dev/shm/catch-up-XXXXXX";
    struct stat here, there;
    (void)state;
    if (mkdtemp(other) == NULL)
        skip();
    assert_int_equal(stat(other, &there), 0);
    assert_int_equal(stat(rig.directory, &here), 0);
    if (here.st_dev == there.st_dev) {
        (void)rmdir(other);
        skip();
    }
    (void)snprintf(rig.state, sizeof rig.state, "%s/state", other);
    (void)snprintf(rig.waiting, sizeof rig.waiting, "%s/fleet/catch_up", rig.state);
    must(catch_up_from_peer());
    assert_caught_up(4);
    remove_state();
    assert_int_equal(rmdir(other), 0);
}

/* --- shelves --------------------------------------------------------------------------------- */

static void what_is_kept_is_known_by_its_digest(void **state)
{
    uint64_t generation = 0;
    struct pair_id first = rig.digest, none = {{1}};
    (void)state;
    publish(5, 1u);
    assert_int_equal(catch_up_has(cache_rig_directory, &first, &generation, NULL), 1);
    assert_int_equal(generation, 4);
    assert_int_equal(catch_up_has(cache_rig_directory, &rig.digest, &generation, NULL), 1);
    assert_int_equal(generation, 5);
    assert_int_equal(catch_up_has(cache_rig_directory, &none, &generation, NULL), 0);
    assert_int_equal(catch_up_has(rig.cache, &first, &generation, NULL), 0);
}

static void backups_are_served_as_well(void **state)
{
    struct pair_id first = rig.digest, none = {{1}};
    struct manifest *manifest;
    struct buffer text = {0};
    struct stat status;
    int fd = -1;
    (void)state;
    publish(5, ALL_TILES);
    assert_int_equal(catch_up_shelf_manifest(cache_rig_directory, &first, &text, NULL), 1);
    assert_int_equal(
        manifest_parse(&manifest, (const char *)text.data, text.used, "the reply", NULL), 0);
    const struct manifest_tile *row = &manifest->tiles[3];
    assert_int_equal(catch_up_shelf_pair(cache_rig_directory, 3, &row->info.id, true, &fd, NULL),
                     1);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_size, row->info.data_bytes);
    assert_int_equal(close(fd), 0);
    assert_int_equal(catch_up_shelf_pair(cache_rig_directory, 2, &row->info.id, true, &fd, NULL),
                     0);
    assert_int_equal(catch_up_shelf_pair(cache_rig_directory, 3, &none, false, &fd, NULL), 0);
    assert_int_equal(catch_up_shelf_pair(rig.cache, 3, &row->info.id, false, &fd, NULL), 0);
    assert_int_equal(catch_up_shelf_manifest(cache_rig_directory, &none, &text, NULL), 0);
    assert_int_equal(catch_up_shelf_manifest(rig.cache, &first, &text, NULL), 0);
    manifest_free(manifest);
    buffer_free(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)
    const struct CMUnitTest tests[] = {
        TEST(a_new_peer_gets_all),
        TEST(only_what_differs_is_fetched),
        TEST(nothing_is_asked_for_what_is_published),
        TEST(a_backup_comes_back_without_a_peer),
        TEST(as_many_generations_are_kept_as_configured),
        TEST(a_pair_of_ours_that_is_damaged_is_fetched),
        TEST(what_was_fetched_is_used_by_the_next_attempt),
        TEST(what_was_moved_is_used_by_the_next_attempt),
        TEST(leftovers_of_another_generation_go),
        TEST(a_canceled_attempt_says_so),
        TEST(a_corrupt_pair_never_enters_the_cache),
        TEST(another_peer_helps_out),
        TEST(a_manifest_that_lies_of_its_pairs_is_replaced),
        TEST(too_little_room_is_said_before_anything_is_fetched),
        TEST(another_grid_is_refused),
        TEST(what_nobody_has_is_missing),
        TEST(it_goes_over_to_another_file_system),
        TEST(what_is_kept_is_known_by_its_digest),
        TEST(backups_are_served_as_well),
    };
    return cmocka_run_group_tests(tests, certificates_rig_open, certificates_rig_close);
}
