#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stages/merged.h"
#include "tests/unit/fold_rig.h"

enum { BASES = 700, OVERS = 300, SHARED = 120, TILES = 576 };

static char root[200];
static struct fold_row base[BASES], over[OVERS], both[BASES + OVERS];
static size_t united, folded;
static struct cache *base_cache, *over_cache;
static struct merged merged;

/* Some points are in both, dated alike, older and newer; one tile has learned points alone, and a
 * tile of the base none. */
static int open_all(void **state)
{
    (void)state;
    char path[240];
    const char *parent = getenv("TMPDIR");
    (void)snprintf(root, sizeof root, "%s/merged-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(root) == NULL)
        return -1;
    fold_rows(base, BASES, 1000, 1400, "Old");
    fold_rows(over, OVERS, 1000, 1400, "Learned");
    for (size_t i = 0; i < SHARED; i++) {
        over[i].point = base[3 * i].point;
        if (i % 3 == 0)
            over[i].date = base[3 * i].date;
    }
    for (size_t i = SHARED; i < OVERS; i++)
        over[i].point.lat++; /* never one of the base's */
    for (size_t i = OVERS - 20; i < OVERS; i++)
        over[i].point = (struct point){-800000000, -1700000000 + (int32_t)i};
    base[BASES - 1].point = (struct point){800000000, 1700000000};
    united = fold_union(base, BASES, over, OVERS, both, &folded);
    (void)snprintf(path, sizeof path, "%s/base", root);
    base_cache = fold_cache(path, base, BASES);
    (void)snprintf(path, sizeof path, "%s/over", root);
    over_cache = fold_cache(path, over, OVERS);
    merged = (struct merged){.base = base_cache, .folded = over_cache};
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    char command[260];
    cache_close(base_cache);
    cache_close(over_cache);
    (void)snprintf(command, sizeof command, "rm -r '%s'", root);
    return system(command);
}

/* Walk a tile and compare with rows[at...]; returns where the next tile begins. */
static size_t check_tile(const struct merged *what, uint32_t tile, const struct fold_row *rows,
                         size_t at, bool only_dates)
{
    struct merged_walk walk;
    struct merged_tile counted;
    struct error err;
    struct entry entry;
    uint64_t entries = 0;
    int more;
    merged_walk(&walk, what, tile, only_dates);
    while ((more = merged_next(&walk, &entry, &err)) > 0) {
        assert_int_equal(fold_tile(entry.point), tile);
        if (!only_dates)
            fold_assert_entry(&entry, &rows[at]);
        assert_int_equal(entry.point.lat, rows[at].point.lat);
        assert_int_equal(entry.refreshed_at, rows[at].date);
        assert_int_equal(entry.outcome, rows[at].outcome);
        at++;
        entries++;
    }
    assert_int_equal(more, 0);
    assert_int_equal(merged_count(what, tile, &counted, &err), 0);
    assert_int_equal(counted.entries, entries);
    return at;
}

static void both_are_walked_in_order(void **state)
{
    (void)state;
    assert_true(united > BASES && united < BASES + OVERS && folded > united - BASES);
    for (int only_dates = 0; only_dates < 2; only_dates++) {
        size_t at = 0;
        for (uint32_t tile = 0; tile < TILES; tile++)
            at = check_tile(&merged, tile, both, at, only_dates != 0);
        assert_int_equal(at, united);
    }
}

static void what_wins_is_counted(void **state)
{
    (void)state;
    struct error err;
    uint64_t sum = 0;
    for (uint32_t tile = 0; tile < TILES; tile++) {
        struct merged_tile counted;
        assert_int_equal(merged_count(&merged, tile, &counted, &err), 0);
        sum += counted.folded;
    }
    assert_int_equal(sum, folded);
}

static void without_learned_points_it_is_the_generation(void **state)
{
    (void)state;
    struct merged alone = {.base = base_cache};
    size_t at = 0;
    fold_sort(base, BASES);
    for (uint32_t tile = 0; tile < TILES; tile++)
        at = check_tile(&alone, tile, base, at, false);
    assert_int_equal(at, BASES);
}

static void other_tiles_can_be_left_out(void **state)
{
    (void)state;
    uint8_t tiles[TILES / 8] = {0};
    uint32_t tile = fold_tile(over[0].point);
    struct merged some = merged;
    some.tiles = tiles;
    assert_null(merged_folded(&some, tile));
    tiles[tile / 8] |= (uint8_t)(1u << tile % 8);
    assert_non_null(merged_folded(&some, tile));
    for (uint32_t other = 0; other < TILES; other++)
        assert_true(other == tile || merged_folded(&some, other) == NULL);
}

/* Over what it was merged into already, a folded set adds nothing. */
static void folding_twice_is_folding_once(void **state)
{
    (void)state;
    char path[240];
    struct error err;
    (void)snprintf(path, sizeof path, "%s/both", root);
    struct cache *cache = fold_cache(path, both, united);
    struct merged again = {.base = cache, .folded = over_cache};
    for (uint32_t tile = 0; tile < TILES; tile++) {
        struct merged_tile counted;
        assert_int_equal(merged_count(&again, tile, &counted, &err), 0);
        assert_int_equal(counted.folded, 0);
    }
    cache_close(cache);
}

static void a_damaged_folded_pair_is_named(void **state)
{
    (void)state;
    char path[300];
    char byte;
    struct error err = {0};
    struct merged_walk walk;
    struct merged_tile counted;
    struct entry entry;
    uint32_t tile = fold_tile(base[0].point);
    (void)snprintf(path, sizeof path, "%s/over/%03u.1.dat", root, tile);
    int fd = open(path, O_RDWR);
    off_t middle = lseek(fd, 0, SEEK_END) / 2;
    assert_int_equal(pread(fd, &byte, 1, middle), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, middle), 1);
    char directory[240];
    struct cache *damaged;
    (void)snprintf(directory, sizeof directory, "%s/over", root);
    assert_int_equal(cache_open(&damaged, directory, NULL, &err), 0);
    struct merged broken = {.base = base_cache, .folded = damaged};
    merged_walk(&walk, &broken, tile, true);
    assert_int_equal(merged_next(&walk, &entry, &err), -1);
    assert_int_equal(err.code, ERROR_CORRUPT);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(merged_count(&broken, tile, &counted, &err), -1);
    cache_close(damaged);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, middle), 1);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_are_walked_in_order),
        cmocka_unit_test(what_wins_is_counted),
        cmocka_unit_test(without_learned_points_it_is_the_generation),
        cmocka_unit_test(other_tiles_can_be_left_out),
        cmocka_unit_test(folding_twice_is_folding_once),
        cmocka_unit_test(a_damaged_folded_pair_is_named),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
