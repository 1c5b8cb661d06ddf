#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/generation.h"
#include "cachefmt/generation_names.h"
#include "cachefmt/pair_builder.h"
#include "quadtree/morton.h"

static const struct grid grid = {2, 2};
static char directory[200];

static int make_directory(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(directory, sizeof directory, "%s/generation-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static const char *path_of(const char *name)
{
    static char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static int remove_directory(void **state)
{
    (void)state;
    char **names;
    size_t count;
    if (generation_names(directory, &names, &count, NULL) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        (void)unlink(path_of(names[i]));
    generation_names_free(names, count);
    return rmdir(directory);
}

static bool exists(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

static void write_text(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Build the pair of a tile: some entries whose city names the generation. */
static void build(struct manifest *manifest, uint32_t tile, uint64_t built)
{
    char *index;
    char *data;
    char city[32];
    struct pair_builder *builder;
    struct error err;
    assert_int_equal(generation_pair_paths(directory, tile, built, &index, &data, &err), 0);
    assert_int_equal(pair_builder_create(&builder, index, data, grid, tile, &err), 0);
    int length = snprintf(city, sizeof city, "City %llu", (unsigned long long)built);
    for (int32_t i = 0; i < 10; i++) {
        struct entry entry = {
            .point = {.lat = tile < 2 ? -500000000 : 500000000,
                      .lon = (tile % 2 == 0 ? -900000000 : 900000000) + (1 << i)},
            .refreshed_at = 1700000000u + (uint32_t)built,
        };
        entry.address.field[FIELD_CITY] = (struct slice){city, (uint32_t)length};
        if (pair_builder_add(builder, &entry, &err) != 0)
            fail_msg("%s", err.message);
    }
    if (pair_builder_commit(builder, &manifest->tiles[tile].info, &err) != 0)
        fail_msg("%s", err.message);
    manifest->tiles[tile].built = built;
    free(index);
    free(data);
}

/* Publish the next generation: the tiles of the mask are built anew, others stay as they are. */
static uint64_t publish(unsigned mask)
{
    struct manifest *manifest;
    struct error err;
    uint64_t generation;
    if (generation_current(directory, &manifest, &err) != 0)
        assert_int_equal(manifest_create(&manifest, grid, &err), 0);
    assert_int_equal(generation_next(directory, &generation, &err), 0);
    manifest->generation = generation;
    (void)snprintf(manifest->run, sizeof manifest->run, "run-%llu", (unsigned long long)generation);
    manifest->published = 1700000000u + (uint32_t)generation;
    for (uint32_t tile = 0; tile < 4; tile++) {
        if ((mask & 1u << tile) != 0)
            build(manifest, tile, generation);
    }
    manifest_seal(manifest);
    if (generation_publish(directory, manifest, &err) != 0)
        fail_msg("%s", err.message);
    manifest_free(manifest);
    return generation;
}

static uint64_t current(void)
{
    struct manifest *manifest;
    struct error err;
    if (generation_current(directory, &manifest, &err) != 0)
        fail_msg("%s", err.message);
    uint64_t generation = manifest->generation;
    manifest_free(manifest);
    return generation;
}

static struct {
    unsigned count;
    char file[300];
    char problem[600];
} found;

static void note_problem(void *context, const char *file, const char *problem)
{
    (void)context;
    found.count++;
    (void)snprintf(found.file, sizeof found.file, "%s", file);
    (void)snprintf(found.problem, sizeof found.problem, "%s", problem);
}

static struct verify_result verify(void)
{
    struct verify_result result;
    struct error err;
    memset(&found, 0, sizeof found);
    if (generation_verify(directory, true, note_problem, NULL, &result, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(result.problems, found.count);
    return result;
}

static void empty_directory(void **state)
{
    (void)state;
    struct manifest *manifest;
    struct generation_row *rows;
    struct verify_result result;
    struct error err;
    size_t count;
    uint64_t number;
    assert_int_not_equal(generation_current(directory, &manifest, &err), 0);
    assert_int_equal(err.code, ERROR_MISSING);
    assert_non_null(strstr(err.message, directory));
    assert_non_null(strstr(err.message, "refreshctl cache import"));
    assert_int_not_equal(generation_list(directory, &rows, &count, &err), 0);
    assert_int_equal(err.code, ERROR_MISSING);
    assert_int_not_equal(generation_verify(directory, true, NULL, NULL, &result, &err), 0);
    assert_int_equal(err.code, ERROR_MISSING);
    assert_int_not_equal(generation_rollback(directory, 0, &number, &err), 0);
    assert_int_equal(err.code, ERROR_MISSING);
    assert_int_equal(generation_prune(directory, 3, 0, &err), 0);
    assert_int_equal(generation_next(directory, &number, &err), 0);
    assert_int_equal(number, 1);
    assert_int_equal(generation_next("/nonexistent/cache", &number, &err), 0);
    assert_int_equal(number, 1);
    assert_int_not_equal(generation_list("/nonexistent/cache", &rows, &count, &err), 0);
    assert_int_equal(err.code, ERROR_MISSING);
}

static void publishes_and_lists(void **state)
{
    (void)state;
    assert_int_equal(publish(15), 1);
    assert_int_equal(publish(1), 2);
    assert_int_equal(publish(6), 3);
    assert_int_equal(current(), 3);
    assert_true(exists("MANIFEST.1") && exists("MANIFEST.3") && exists("003.1.idx"));
    struct generation_row *rows;
    size_t count;
    assert_int_equal(generation_list(directory, &rows, &count, NULL), 0);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].generation, 3 - i);
        assert_int_equal(rows[i].published, 1700000003u - i);
        assert_int_equal(rows[i].entries, 40);
        assert_true(rows[i].bytes > 0);
        assert_int_equal(rows[i].current, i == 0);
    }
    assert_string_equal(rows[2].run, "run-1");
    free(rows);
    struct verify_result result = verify();
    assert_int_equal(result.problems, 0);
    assert_int_equal(result.generations, 3);
    assert_int_equal(result.pairs, 7);
    assert_int_equal(result.entries, 70);
}

static void damaged_manifests_are_listed(void **state)
{
    (void)state;
    struct generation_row *rows;
    size_t count;
    publish(15);
    publish(1);
    write_text("MANIFEST.1", "{");
    assert_int_equal(generation_list(directory, &rows, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(rows[1].run, "(damaged)");
    free(rows);
    write_text("MANIFEST", "{");
    assert_int_equal(generation_list(directory, &rows, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_false(rows[0].current);
    free(rows);
    uint64_t number;
    struct error err;
    assert_int_not_equal(generation_next(directory, &number, &err), 0);
    assert_int_equal(err.code, ERROR_CORRUPT);
}

static void failed_publication_changes_nothing(void **state)
{
    (void)state;
    struct manifest *manifest;
    struct error err;
    publish(15);
    assert_int_equal(generation_current(directory, &manifest, &err), 0);
    manifest->generation = 2;
    assert_int_equal(mkdir(path_of("MANIFEST.tmp"), 0700), 0);
    assert_int_not_equal(generation_publish(directory, manifest, &err), 0);
    assert_int_equal(current(), 1);
    assert_false(exists("MANIFEST.2"));
    assert_int_equal(rmdir(path_of("MANIFEST.tmp")), 0);
    assert_int_equal(generation_publish(directory, manifest, &err), 0);
    assert_int_equal(current(), 2);
    /* publish = tile: the same generation again */
    assert_int_equal(generation_publish(directory, manifest, &err), 0);
    assert_int_equal(current(), 2);
    manifest_free(manifest);
}

static void rolls_back(void **state)
{
    (void)state;
    uint64_t now = 0;
    struct error err;
    for (unsigned i = 0; i < 4; i++)
        publish(i == 0 ? 15 : 1);
    assert_int_equal(generation_rollback(directory, 0, &now, &err), 0);
    assert_int_equal(now, 3);
    assert_int_equal(current(), 3);
    assert_int_equal(generation_rollback(directory, 0, &now, &err), 0);
    assert_int_equal(now, 2);
    assert_int_equal(generation_rollback(directory, 4, &now, &err), 0); /* forward again */
    assert_int_equal(current(), 4);
    assert_int_equal(generation_rollback(directory, 1, &now, &err), 0);
    assert_int_equal(now, 1);
    assert_int_equal(verify().problems, 0);
    assert_int_not_equal(generation_rollback(directory, 0, &now, &err), 0);
    assert_int_equal(err.code, ERROR_STATE);
    assert_int_not_equal(generation_rollback(directory, 1, &now, &err), 0);
    assert_int_equal(err.code, ERROR_STATE);
    assert_int_not_equal(generation_rollback(directory, 9, &now, &err), 0);
    assert_int_equal(err.code, ERROR_MISSING);
    assert_non_null(strstr(err.message, "4, 3, 2, 1"));
    assert_int_equal(now, 1);
    assert_int_equal(publish(2), 5); /* never a number again */
}

static void rollback_checks_its_pairs(void **state)
{
    (void)state;
    uint64_t now = 0;
    struct error err;
    publish(15);
    publish(15);
    char index[300];
    (void)snprintf(index, sizeof index, "%s", path_of("002.1.idx"));
    assert_int_equal(rename(index, path_of("away")), 0);
    assert_int_not_equal(generation_rollback(directory, 1, &now, &err), 0);
    assert_non_null(strstr(err.message, "002.1.idx"));
    assert_int_equal(rename(path_of("away"), index), 0);
    write_text("001.1.dat", "not a pair");
    assert_int_not_equal(generation_rollback(directory, 1, &now, &err), 0);
    assert_non_null(strstr(err.message, "001.1"));
    assert_int_equal(current(), 2);
    write_text("MANIFEST.1", "{}");
    assert_int_not_equal(generation_rollback(directory, 1, &now, &err), 0);
    assert_non_null(strstr(err.message, "MANIFEST.1"));
    assert_int_equal(current(), 2);
}

static void rollback_mends_a_damaged_manifest(void **state)
{
    (void)state;
    uint64_t now = 0;
    struct error err;
    publish(15);
    publish(1);
    write_text("MANIFEST", "damage");
    assert_int_not_equal(generation_rollback(directory, 0, &now, &err), 0);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_non_null(strstr(err.message, "name the generation"));
    assert_int_equal(generation_rollback(directory, 2, &now, &err), 0);
    assert_int_equal(current(), 2);
}

static void prunes(void **state)
{
    (void)state;
    struct error err;
    publish(15);
    for (unsigned i = 0; i < 4; i++)
        publish(3);
    assert_int_equal(generation_prune(directory, 3, 0, &err), 0);
    assert_false(exists("MANIFEST.1") || exists("MANIFEST.2"));
    assert_true(exists("MANIFEST.3") && exists("MANIFEST.5"));
    assert_false(exists("000.1.idx") || exists("000.1.dat") || exists("001.2.dat"));
    assert_true(exists("002.1.idx") && exists("003.1.dat")); /* shared to this day */
    assert_true(exists("000.3.idx") && exists("001.5.dat"));
    struct verify_result result = verify();
    assert_int_equal(result.problems, 0);
    assert_int_equal(result.pairs, 8);
    assert_int_equal(generation_prune(directory, 0, 0, &err), 0);
    assert_int_equal(verify().pairs, 4);
    assert_int_equal(current(), 5);
    assert_true(exists("MANIFEST.5"));
}

static void prune_keeps_the_current_one(void **state)
{
    (void)state;
    uint64_t now;
    struct error err;
    for (unsigned i = 0; i < 5; i++)
        publish(15);
    assert_int_equal(generation_rollback(directory, 1, &now, &err), 0);
    assert_int_equal(generation_prune(directory, 3, 0, &err), 0);
    assert_true(exists("MANIFEST.1") && exists("MANIFEST.4") && exists("MANIFEST.5"));
    assert_false(exists("MANIFEST.2") || exists("MANIFEST.3"));
    assert_int_equal(current(), 1);
    assert_int_equal(verify().pairs, 12);
}

static void prune_removes_only_its_own(void **state)
{
    (void)state;
    static const char *const strange[] = {
        "LOCK",         "README",         "MANIFEST.x",
        "MANIFEST.01",  "MANIFEST.2.bak", "000.1.idx.old",
        "00.1.idx",     "000.01.idx",     "000.1.csv",
        "notes.tmp",    "0000.1.idx",     "my-import-1",
        "MANIFEST.",    "000.99.idx.bak", "000..idx",
        "123456.1.idx", ".tmp",           "MANIFEST.-1",
        "99.idx",       "000.2.idx.tmp2", "000.99999999999999999999.idx",
        "import",
    };
    static const char *const leftovers[] = {
        "MANIFEST.tmp", "MANIFEST.7.tmp", "000.8.idx.tmp", "000.9.dat", "import-1a", "import-x.tmp",
    };
    struct error err;
    publish(15);
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        write_text(strange[i], "x");
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++)
        write_text(leftovers[i], "x");
    write_text("001.12.idx", "of a run");
    write_text("001.12.dat.tmp", "of a run");
    if (generation_prune(directory, 3, 12, &err) != 0)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        if (!exists(strange[i]))
            fail_msg("%s is gone", strange[i]);
    }
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++) {
        if (exists(leftovers[i]))
            fail_msg("%s is still there", leftovers[i]);
    }
    assert_true(exists("001.12.idx") && exists("001.12.dat.tmp"));
    assert_int_equal(generation_prune(directory, 3, 0, &err), 0);
    assert_false(exists("001.12.idx") || exists("001.12.dat.tmp"));
    assert_int_equal(verify().problems, 0);
}

static void prune_keeps_pairs_when_in_doubt(void **state)
{
    (void)state;
    struct error err;
    publish(15);
    publish(15);
    publish(15);
    write_text("MANIFEST.2", "damage");
    assert_int_not_equal(generation_prune(directory, 2, 0, &err), 0);
    assert_non_null(strstr(err.message, "MANIFEST.2"));
    assert_true(exists("000.1.idx") && exists("000.2.idx") && exists("000.3.idx"));
    assert_false(exists("MANIFEST.1"));
    write_text("MANIFEST", "damage");
    assert_int_not_equal(generation_prune(directory, 1, 0, &err), 0);
    assert_true(exists("MANIFEST.2") && exists("000.2.idx"));
    assert_int_equal(unlink(path_of("MANIFEST")), 0);
    assert_int_equal(generation_prune(directory, 1, 0, &err), 0);
    assert_true(exists("MANIFEST.3") && exists("000.2.idx"));
}

static void assert_found(const char *name, const char *problem)
{
    struct verify_result result = verify();
    if (result.problems == 0)
        fail_msg("nothing found wrong with %s", name);
    assert_string_equal(found.file, path_of(name));
    if (strstr(found.problem, problem) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", found.problem, problem);
    assert_null(strstr(found.problem, path_of(name)));
}

static void copy_file(const char *from, const char *to)
{
    char *data;
    size_t bytes;
    assert_int_equal(read_whole_file(path_of(from), 1 << 24, &data, &bytes, NULL), 0);
    assert_int_equal(durable_write_file(path_of(to), data, bytes, NULL), 0);
    free(data);
}

static void verify_finds_what_is_wrong(void **state)
{
    (void)state;
    publish(15);
    publish(1);
    publish(2);
    copy_file("000.2.idx", "keep.idx");
    copy_file("000.2.dat", "keep.dat");
    copy_file("000.1.idx", "000.2.idx"); /* a good pair, but of another generation */
    copy_file("000.1.dat", "000.2.dat");
    assert_found("000.2.idx", "id");
    assert_int_equal(found.count, 1);
    copy_file("keep.idx", "000.2.idx");
    copy_file("keep.dat", "000.2.dat");
    assert_int_equal(verify().problems, 0);
    assert_int_equal(unlink(path_of("000.2.dat")), 0);
    assert_found("000.2.dat", "missing");
    copy_file("keep.dat", "000.2.dat");
    copy_file("MANIFEST.1", "MANIFEST.2");
    assert_found("MANIFEST.2", "generation");
    assert_int_equal(unlink(path_of("MANIFEST.2")), 0);
    assert_int_equal(verify().problems, 0);
    write_text("MANIFEST.1", "{}");
    assert_found("MANIFEST.1", "damaged");
    assert_int_equal(unlink(path_of("MANIFEST")), 0);
    assert_int_equal(verify().problems, 2);
}

static void verify_finds_every_byte(void **state)
{
    (void)state;
    static const char *const names[] = {"MANIFEST", "MANIFEST.1", "000.1.idx", "000.1.dat"};
    struct manifest *manifest;
    assert_int_equal(manifest_create(&manifest, grid, NULL), 0);
    manifest->generation = 1;
    build(manifest, 0, 1);
    manifest_seal(manifest);
    assert_int_equal(generation_publish(directory, manifest, NULL), 0);
    manifest_free(manifest);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        int fd = open(path_of(names[n]), O_RDWR);
        assert_true(fd >= 0);
        unsigned char byte;
        for (off_t at = 0; pread(fd, &byte, 1, at) == 1; at++) {
            unsigned char other = byte ^ (unsigned char)(1u << at % 7);
            if (n < 2 && strchr(" \t\r\n", byte) != NULL)
                continue;
            assert_int_equal(pwrite(fd, &other, 1, at), 1);
            if (verify().problems == 0)
                fail_msg("%s: byte %d is not found", names[n], (int)at);
            assert_string_equal(found.file, path_of(names[n]));
            assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        }
        (void)close(fd);
    }
    assert_int_equal(verify().problems, 0);
}

static void lock_names_its_holder(void **state)
{
    (void)state;
    struct cache_lock *lock;
    struct cache_lock *second;
    struct error err;
    char holder[256] = "";
    char inside[300];
    (void)snprintf(inside, sizeof inside, "%s", directory);
    assert_int_equal(cache_lock_acquire(&lock, inside,
                                        "refreshd pid 12 socket /x.sock with a long "
                                        "name",
                                        NULL, &err),
                     0);
    assert_int_not_equal(cache_lock_acquire(&second, inside, "second", holder, &err), 0);
    assert_int_equal(err.code, ERROR_BUSY);
    assert_non_null(strstr(err.message, "held by refreshd pid 12 socket /x.sock"));
    assert_string_equal(holder, "refreshd pid 12 socket /x.sock with a long name");
    cache_lock_release(lock);
    assert_int_equal(cache_lock_acquire(&second, inside, "second", holder, &err), 0);
    assert_int_not_equal(cache_lock_acquire(&lock, inside, "third", holder, &err), 0);
    assert_string_equal(holder, "second");
    cache_lock_release(second);
    cache_lock_release(NULL);
}

static void lock_ends_with_its_process(void **state)
{
    (void)state;
    struct cache_lock *lock;
    struct error err;
    pid_t child = fork();
    if (child == 0)
        _exit(cache_lock_acquire(&lock, directory, "child", NULL, &err) == 0 ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(cache_lock_acquire(&lock, directory, "parent", NULL, &err), 0);
    cache_lock_release(lock);
}

static void lock_says_what_is_wrong(void **state)
{
    (void)state;
    struct cache_lock *lock;
    struct error err;
    write_text("file", "x");
    char below[320];
    (void)snprintf(below, sizeof below, "%s/cache", path_of("file"));
    assert_int_not_equal(cache_lock_acquire(&lock, below, "me", NULL, &err), 0);
    assert_int_not_equal(err.code, ERROR_BUSY);
    assert_non_null(strstr(err.message, directory));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(empty_directory),
        TEST(publishes_and_lists),
        TEST(damaged_manifests_are_listed),
        TEST(failed_publication_changes_nothing),
        TEST(rolls_back),
        TEST(rollback_checks_its_pairs),
        TEST(rollback_mends_a_damaged_manifest),
        TEST(prunes),
        TEST(prune_keeps_the_current_one),
        TEST(prune_removes_only_its_own),
        TEST(prune_keeps_pairs_when_in_doubt),
        TEST(verify_finds_what_is_wrong),
        TEST(verify_finds_every_byte),
        TEST(lock_names_its_holder),
        TEST(lock_ends_with_its_process),
        TEST(lock_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
