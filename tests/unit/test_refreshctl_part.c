/* --tile and --bbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/refreshctl_part.h"
#include "tests/unit/cache_rig.h"

static struct cache *cache;

static int set_up(void **state)
{
    if (cache_rig_open(state) != 0)
        return -1;
    cache_rig_must_publish(1, 0xF);
    cache = cache_rig_must_open(NULL);
    return 0;
}

static int tear_down(void **state)
{
    cache_close(cache);
    return cache_rig_close(state);
}

static void without_words_all_is_meant(void **state)
{
    (void)state;
    struct part_words words = {NULL, NULL};
    struct cache_part part;
    assert_int_equal(part_parse(&words, cache, &part, NULL), 0);
    assert_int_equal(part.tile, -1);
    assert_false(part.has_box);
}

static void a_tile_and_a_box(void **state)
{
    (void)state;
    struct part_words words = {"3", "-1.5,2,3,-4.25"};
    struct cache_part part;
    assert_int_equal(part_parse(&words, cache, &part, NULL), 0);
    assert_int_equal(part.tile, 3);
    assert_true(part.has_box);
    assert_int_equal(part.box.south, -15000000);
    assert_int_equal(part.box.west, 20000000);
    assert_int_equal(part.box.north, 30000000);
    assert_int_equal(part.box.east, -42500000);
}

static void longitude_180_is_one_line(void **state)
{
    (void)state;
    struct part_words words = {NULL, "0,180,1,190"};
    struct cache_part part;
    assert_int_equal(part_parse(&words, cache, &part, NULL), -1);
    words.box = "0,180,1,-170";
    assert_int_equal(part_parse(&words, cache, &part, NULL), 0);
    assert_int_equal(part.box.west, -LONGITUDE_LIMIT);
    words.box = "0,170,1,180";
    assert_int_equal(part_parse(&words, cache, &part, NULL), 0);
    assert_int_equal(part.box.east, -LONGITUDE_LIMIT);
    words.box = "-90,-180,90,180";
    assert_int_equal(part_parse(&words, cache, &part, NULL), 0);
    assert_int_equal(part.box.west, -LONGITUDE_LIMIT);
    assert_int_equal(part.box.east, LONGITUDE_LIMIT);
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    static const struct part_words wrong[] = {
        {"4", NULL},          {"-1", NULL},       {"x", NULL},       {NULL, "1,2,3"},
        {NULL, "1,2,3,4,5"},  {NULL, ""},         {NULL, "2,0,1,0"}, {NULL, "0,0,91,0"},
        {NULL, "0,-181,1,0"}, {NULL, "0 ,1,2,3"}, {NULL, "a,b,c,d"}, {"0", "0,0,0"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct cache_part part;
        struct error err;
        assert_int_equal(part_parse(&wrong[i], cache, &part, &err), -1);
        assert_int_equal(err.code, ERROR_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_words_all_is_meant, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_tile_and_a_box, set_up, tear_down),
        cmocka_unit_test_setup_teardown(longitude_180_is_one_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
