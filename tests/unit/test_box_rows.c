/* Rows of boxes in a pair; whole boxes of whole caches are in test_export.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cachefmt/box_rows.h"
#include "cachefmt/cache.h"
#include "tests/unit/cache_rig.h"

static void longitude_180_is_minus_180(void **state)
{
    (void)state;
    struct box box = box_normal((struct box){-5, LONGITUDE_LIMIT, 5, LONGITUDE_LIMIT});
    assert_int_equal(box.west, -LONGITUDE_LIMIT);
    assert_int_equal(box.east, -LONGITUDE_LIMIT);
    box = box_normal((struct box){-5, 100, 5, LONGITUDE_LIMIT});
    assert_int_equal(box.west, 100);
    assert_int_equal(box.east, -LONGITUDE_LIMIT);
    box = box_normal((struct box){-5, -LONGITUDE_LIMIT, 5, LONGITUDE_LIMIT});
    assert_int_equal(box.east, LONGITUDE_LIMIT);
}

/* The rig's points of a tile stand 8 units apart, to the east of the first. */
static void rows_of_a_box(void **state)
{
    (void)state;
    uint64_t begin, end;
    struct error err;
    cache_rig_must_publish(1, 0xF);
    struct cache *cache = cache_rig_must_open(NULL);
    const struct pair *pair = cache_pair(cache, 0);
    struct point first = cache_rig_first_point(cache_rig_grid, 0);
    struct box box = {first.lat, first.lon + 8 * 3, first.lat, first.lon + 8 * 5};
    assert_int_equal(box_rows(pair, box, &begin, &end, &err), 0);
    struct pair_cursor cursor;
    struct entry entry;
    unsigned inside = 0;
    pair_walk(&cursor, pair, begin);
    while (cursor.row < end && pair_next(&cursor, &entry, &err) == 1)
        inside += box_contains(box, entry.point);
    assert_int_equal(inside, 3);
    assert_true(end - begin < CACHE_RIG_ROWS);
    box = (struct box){10, 10, 20, 20}; /* of tile 3 */
    assert_int_equal(box_rows(pair, box, &begin, &end, &err), 0);
    assert_int_equal(begin, end);
    box = (struct box){-LATITUDE_LIMIT, 10, LATITUDE_LIMIT, 5}; /* all but a strip */
    assert_int_equal(box_rows(pair, box, &begin, &end, &err), 0);
    assert_int_equal(end - begin, CACHE_RIG_ROWS);
    cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longitude_180_is_minus_180),
        cmocka_unit_test_setup_teardown(rows_of_a_box, cache_rig_open, cache_rig_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
