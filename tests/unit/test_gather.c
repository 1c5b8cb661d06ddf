#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/cache.h"
#include "fleet/exchange.h"
#include "fleet/gather.h"
#include "tests/unit/learned_rig.h"

#define PEERS 3

static const struct grid grid = {3, 3};

/* What each peer has learned, and one table for what all of them should be. */
static struct {
    struct learned_rig peers[PEERS], all;
    char state[64], united[100];
    struct pair_id digests[PEERS];
    uint64_t count;
    struct error err;
} rig;

static int open_rig(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    for (size_t i = 0; i < PEERS; i++)
        learned_rig_open(&rig.peers[i]);
    learned_rig_open(&rig.all);
    (void)snprintf(rig.state, sizeof rig.state, "/tmp/gather-XXXXXX");
    if (mkdtemp(rig.state) == NULL)
        return -1;
    (void)snprintf(rig.united, sizeof rig.united, "%s/folded", rig.state);
    return 0;
}

static int close_rig(void **state)
{
    char fleet[100];
    (void)state;
    for (size_t i = 0; i < PEERS; i++)
        learned_rig_close(&rig.peers[i]);
    learned_rig_close(&rig.all);
    (void)snprintf(fleet, sizeof fleet, "%s/fleet", rig.state);
    assert_int_equal(gather_clean(rig.state, NULL), 0);
    assert_int_equal(durable_remove_directory(fleet, NULL), 0);
    assert_int_equal(durable_remove_directory(rig.united, NULL), 0);
    return rmdir(rig.state); /* nothing else was left in it */
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

static struct pair_id own(struct learned_rig *peer)
{
    struct pair_id digest;
    uint64_t entries = 0;
    must(gather_own(peer->learned, rig.state, &digest, &entries, &rig.err));
    assert_int_equal(entries, learned_count(peer->learned));
    assert_true(gather_has(rig.state, &digest));
    return digest;
}

static int unite(const struct pair_id *digests, size_t count)
{
    return gather_unite(rig.state, digests, count, grid, rig.united, &rig.count, &rig.err);
}

static struct pair_id united_digest(const char *directory, uint64_t *entries)
{
    struct cache *cache;
    if (cache_open(&cache, directory, NULL, &rig.err) != 0)
        fail_msg("%s", rig.err.message);
    const struct manifest *manifest = cache_manifest(cache);
    struct pair_id digest = manifest->digest;
    *entries = manifest_figures(manifest).entries;
    assert_int_equal(manifest->grid.rows, grid.rows);
    cache_close(cache);
    return digest;
}

/* The union has the bytes that a freeze of the table of all has. */
static void assert_united(void)
{
    uint64_t count = 0, entries;
    char frozen[100];
    (void)snprintf(frozen, sizeof frozen, "%s/frozen", rig.all.root);
    must(learned_freeze(rig.all.learned, grid, frozen, &count, &rig.err));
    struct pair_id wanted = united_digest(frozen, &entries);
    struct pair_id found = united_digest(rig.united, &entries);
    assert_int_equal(rig.count, count);
    assert_int_equal(entries, count);
    assert_memory_equal(&found, &wanted, sizeof found);
    assert_int_equal(durable_remove_directory(frozen, NULL), 0);
}

static struct point somewhere(uint64_t *random)
{
    return (struct point){.lat = (int32_t)(learned_random(random) % 1800000000) - 900000000,
                          .lon = (int32_t)(learned_random(random) % 3600000000) - 1800000000};
}

#define EACH 300

/* EACH entries each; every fifth point is known to all, the newest at the last of them. */
static void learn_much(void)
{
    static char streets[PEERS][EACH][60];
    static struct entry entries[PEERS][EACH];
    uint64_t random = 7;
    for (unsigned i = 0; i < EACH; i++) {
        struct point shared = somewhere(&random);
        bool none = i % 7 == 3;
        for (unsigned p = 0; p < PEERS; p++) {
            struct point point = i % 5 == 0 ? shared : somewhere(&random);
            (void)snprintf(streets[p][i], sizeof streets[p][i], "Rue \"%u\", \xc3\xa9t\xc3\xa9 %u",
                           i, p);
            entries[p][i] =
                learned_entry(point, 1700000000 + 1000 * p + i, none ? NULL : streets[p][i],
                              none ? OUTCOME_NONE : OUTCOME_FOUND);
        }
    }
    for (size_t p = 0; p < PEERS; p++) {
        must(learned_put(rig.peers[p].learned, entries[p], EACH, &rig.err));
        must(learned_put(rig.all.learned, entries[p], EACH, &rig.err)); /* the newest last */
        rig.digests[p] = own(&rig.peers[p]);
    }
}

static void the_union_is_all_entries_in_whatever_order(void **state)
{
    static const unsigned orders[][5] = {{0, 1, 2, 2, 2}, {2, 1, 0, 0, 2}, {1, 2, 0, 1, 1},
                                         {1, 0, 2, 0, 1}, {2, 0, 1, 1, 0}, {0, 2, 1, 2, 0}};
    (void)state;
    learn_much();
    for (size_t o = 0; o < sizeof orders / sizeof orders[0]; o++) {
        struct pair_id digests[5];
        for (size_t i = 0; i < 5; i++)
            digests[i] = rig.digests[orders[o][i]];
        must(unite(digests, o % 2 == 0 ? 5 : 3));
        assert_united();
    }
}

static void every_field_survives(void **state)
{
    static const char *const texts[] = {"plain",      " spaces ",   "a,b",
                                        "\"quoted\"", "two\nlines", "and\r\nfour\rmore",
                                        "\"",         ",",          "\xe6\x9d\xb1\xe4\xba\xac",
                                        "-1",         "=1+1",       "label,street"};
    (void)state;
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct entry entry =
            learned_entry((struct point){(int32_t)i * 10000000, -1}, i, "x", OUTCOME_FOUND);
        for (unsigned field = 0; field < FIELD_COUNT; field++) {
            const char *text = texts[(i + field) % (sizeof texts / sizeof texts[0])];
            entry.address.field[field] = (struct slice){text, (uint32_t)strlen(text)};
        }
        learned_rig_put(&rig.peers[i % 2], entry);
        learned_rig_put(&rig.all, entry);
    }
    struct entry corners[] = {
        learned_entry((struct point){900000000, -1800000000}, UINT32_MAX, NULL, OUTCOME_NONE),
        learned_entry((struct point){-900000000, 1799999999}, 0, "y", OUTCOME_FOUND)};
    for (unsigned i = 0; i < 2; i++) {
        learned_rig_put(&rig.peers[i], corners[i]);
        learned_rig_put(&rig.all, corners[i]);
    }
    struct pair_id digests[] = {own(&rig.peers[0]), own(&rig.peers[1])};
    must(unite(digests, 2));
    assert_united();
}

static void of_equal_dates_the_same_one_wins_everywhere(void **state)
{
    struct point point = {1, 2};
    uint64_t entries;
    (void)state;
    learned_rig_put(&rig.peers[0], learned_entry(point, 5, "one", OUTCOME_FOUND));
    learned_rig_put(&rig.peers[1], learned_entry(point, 5, "other", OUTCOME_FOUND));
    struct pair_id digests[] = {own(&rig.peers[0]), own(&rig.peers[1]), own(&rig.peers[0])};
    must(unite(digests, 2));
    struct pair_id first = united_digest(rig.united, &entries);
    assert_int_equal(entries, 1);
    must(unite(digests + 1, 2));
    struct pair_id second = united_digest(rig.united, &entries);
    assert_memory_equal(&first, &second, sizeof first);
}

static void equal_sets_have_equal_names(void **state)
{
    (void)state;
    for (int i = 1; i <= 20; i++) {
        learned_rig_put(&rig.peers[0], learned_entry((struct point){i, i}, 5, "x", OUTCOME_FOUND));
        learned_rig_put(&rig.peers[1],
                        learned_entry((struct point){21 - i, 21 - i}, 5, "x", OUTCOME_FOUND));
    }
    struct pair_id first = own(&rig.peers[0]), second = own(&rig.peers[1]);
    assert_memory_equal(&first, &second, sizeof first);
}

static void what_is_not_confirmed_stays_at_home(void **state)
{
    struct pair_id digest;
    uint64_t entries = 7;
    (void)state;
    must(gather_own(rig.peers[0].learned, rig.state, &digest, &entries, &rig.err));
    assert_int_equal(entries, 0);
    learned_rig_put(&rig.peers[0], learned_entry((struct point){1, 1}, 5, NULL, OUTCOME_UNSURE));
    must(gather_own(rig.peers[0].learned, rig.state, &digest, &entries, &rig.err));
    assert_int_equal(entries, 0);
    learned_rig_put(&rig.peers[0], learned_entry((struct point){2, 2}, 5, NULL, OUTCOME_NONE));
    must(gather_own(rig.peers[0].learned, rig.state, &digest, &entries, &rig.err));
    assert_int_equal(entries, 1);
}

static void without_sets_there_is_no_directory(void **state)
{
    (void)state;
    learn_much();
    must(unite(rig.digests, 1));
    assert_int_equal(access(rig.united, F_OK), 0);
    must(unite(NULL, 0));
    assert_int_equal(rig.count, 0);
    assert_int_not_equal(access(rig.united, F_OK), 0);
}

/* --- what is wrong ------------------------------------------------------------------------- */

static void put_set(const char *text, struct pair_id *digest)
{
    char *path;
    struct pair_id passing = {{1}};
    must(gather_path(rig.state, &passing, &path, &rig.err));
    assert_int_equal(durable_write_file(path, text, strlen(text), NULL), 0);
    assert_int_equal(exchange_digest_file(path, digest, NULL), 0);
    char *name;
    must(gather_path(rig.state, digest, &name, &rig.err));
    assert_int_equal(rename(path, name), 0);
    free(path);
    free(name);
}

static void assert_nothing_is_made(void)
{
    char made[120];
    (void)snprintf(made, sizeof made, "%s.tmp", rig.united);
    assert_int_not_equal(access(rig.united, F_OK), 0);
    assert_int_not_equal(access(made, F_OK), 0);
}

static void a_set_that_is_not_there_is_missing(void **state)
{
    struct pair_id digests[2] = {{{9}}};
    (void)state;
    learn_much();
    digests[1] = rig.digests[0];
    assert_false(gather_has(rig.state, &digests[0]));
    assert_error(unite(digests, 2), ERROR_MISSING);
    assert_nothing_is_made();
}

static void a_set_that_was_changed_is_found(void **state)
{
    char *path;
    (void)state;
    learn_much();
    must(gather_path(rig.state, &rig.digests[1], &path, &rig.err));
    FILE *file = fopen(path, "r+e");
    assert_non_null(file);
    assert_int_equal(fseek(file, 400, SEEK_SET), 0);
    assert_int_not_equal(fputc('~', file), EOF);
    assert_int_equal(fclose(file), 0);
    assert_error(unite(rig.digests, 3), ERROR_CORRUPT);
    assert_non_null(strstr(rig.err.message, path));
    assert_nothing_is_made();
    free(path);
}

static void what_is_no_set_is_refused(void **state)
{
    static const struct {
        const char *text;
        enum error_code code;
    } cases[] = {
        {"", ERROR_CORRUPT},
        {"lat,lon\n1,1\n", ERROR_CORRUPT},
        {"junk", ERROR_CORRUPT},
        {"lat,lon,label,name,housenumber,street,district,city,county,state,postcode,country,"
         "countrycode,outcome,refreshed_at\n1,1,,,,,,,,,,,,none,5",
         ERROR_CORRUPT},
        {"lat,lon,label,name,housenumber,street,district,city,county,state,postcode,country,"
         "countrycode,outcome,refreshed_at\n91,1,,,,,,,,,,,,none,5\n",
         ERROR_VALUE},
    };
    (void)state;
    learn_much();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair_id digests[2] = {rig.digests[0]};
        put_set(cases[i].text, &digests[1]);
        assert_error(unite(digests, 2), cases[i].code);
        assert_nothing_is_made();
    }
}

static void cleaning_removes_all_sets(void **state)
{
    (void)state;
    learn_much();
    assert_int_equal(gather_clean(rig.state, NULL), 0);
    for (size_t i = 0; i < PEERS; i++)
        assert_false(gather_has(rig.state, &rig.digests[i]));
    assert_int_equal(gather_clean(rig.state, NULL), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)
    const struct CMUnitTest tests[] = {
        TEST(the_union_is_all_entries_in_whatever_order),
        TEST(every_field_survives),
        TEST(of_equal_dates_the_same_one_wins_everywhere),
        TEST(equal_sets_have_equal_names),
        TEST(what_is_not_confirmed_stays_at_home),
        TEST(without_sets_there_is_no_directory),
        TEST(a_set_that_is_not_there_is_missing),
        TEST(a_set_that_was_changed_is_found),
        TEST(what_is_no_set_is_refused),
        TEST(cleaning_removes_all_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
