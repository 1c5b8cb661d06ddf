#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/durable.h"
#include "stages/lookup.h"
#include "tests/unit/learned_rig.h"

static const struct point here = {515000000, -1234567};
static struct learned_rig rig;
static struct follower *follower;
static struct lookups *lookups;
static struct lookup_reader *reader;

static int set_up(void **state)
{
    (void)state;
    struct follow_settings settings = {.may_be_missing = true, .interval = -1};
    learned_rig_open(&rig);
    settings.directory = rig.cache;
    assert_int_equal(durable_make_directory(rig.cache, NULL), 0);
    assert_int_equal(follower_open(&follower, &settings, NULL), 0);
    assert_int_equal(lookups_open(&lookups, follower, rig.learned, NULL), 0);
    assert_int_equal(lookup_reader_open(&reader, lookups, NULL), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lookup_reader_close(reader);
    lookups_close(lookups);
    follower_close(follower);
    learned_rig_close(&rig);
    return 0;
}

/* A point so many units north of here; a hundred are about 1.1 m. */
static struct point north(int32_t units)
{
    return (struct point){here.lat + units, here.lon};
}

static void publish(uint64_t generation, const struct entry *entries, size_t count)
{
    struct error err = {0};
    learned_rig_publish(&rig, generation, entries, count);
    if (follow_look(follower, &err) != 1)
        fail_msg("%s", err.message);
}

/* The street found from here within 100 m is copied to street; "" when there is none. */
static struct lookup_found find(char street[32])
{
    struct lookup_found found;
    struct error err = {0};
    memset(&found, 0xee, sizeof found);
    if (lookup_find(reader, here, 100, &found, &err) != 0)
        fail_msg("%s", err.message);
    street[0] = '\0';
    if (found.result == LOOKUP_HIT) {
        struct slice text = found.entry.address.field[FIELD_STREET];
        assert_true(text.length < 32);
        memcpy(street, text.data, text.length);
        street[text.length] = '\0';
    }
    lookup_end(reader);
    return found;
}

static void nothing_is_there(void **state)
{
    (void)state;
    char street[32];
    struct lookup_found found = find(street);
    assert_int_equal(found.result, LOOKUP_MISS);
    assert_int_equal(found.generation, 0);
    assert_false(found.learned);
}

static void the_nearer_is_found(void **state)
{
    (void)state;
    char street[32];
    struct entry published = learned_entry(north(200), 50, "published", OUTCOME_FOUND);
    publish(3, &published, 1);
    struct lookup_found found = find(street);
    assert_string_equal(street, "published");
    assert_int_equal(found.generation, 3);
    assert_false(found.learned);
    learned_rig_put(&rig, learned_entry(north(-300), 60, "learned", OUTCOME_FOUND));
    found = find(street);
    assert_string_equal(street, "published");
    learned_rig_put(&rig, learned_entry(north(-100), 10, "learned", OUTCOME_FOUND));
    found = find(street);
    assert_string_equal(street, "learned");
    assert_true(found.learned);
    assert_int_equal(found.generation, 3);
    assert_true(fabs(found.distance - point_distance(here, north(-100))) < 1e-9);
}

static void of_two_equally_near_the_newer(void **state)
{
    (void)state;
    char street[32];
    struct entry published = learned_entry(north(200), 50, "published", OUTCOME_FOUND);
    publish(1, &published, 1);
    learned_rig_put(&rig, learned_entry(north(200), 49, "learned", OUTCOME_FOUND));
    (void)find(street);
    assert_string_equal(street, "published");
    learned_rig_put(&rig, learned_entry(north(200), 50, "learned", OUTCOME_FOUND));
    assert_false(find(street).learned);
    learned_rig_put(&rig, learned_entry(north(200), 51, "learned", OUTCOME_FOUND));
    assert_true(find(street).learned);
    assert_string_equal(street, "learned");
    learned_rig_put(&rig, learned_entry(north(200), 52, NULL, OUTCOME_NONE));
    assert_int_equal(find(street).result, LOOKUP_KNOWN);
}

static void what_is_not_confirmed_hides_nothing(void **state)
{
    (void)state;
    char street[32];
    struct entry published[] = {learned_entry(north(20), 90, NULL, OUTCOME_UNSURE),
                                learned_entry(north(500), 90, "hidden", OUTCOME_FOUND)};
    learned_rig_put(&rig, learned_entry(north(0), 95, NULL, OUTCOME_UNSURE));
    assert_int_equal(find(street).result, LOOKUP_MISS);
    publish(1, published, 1);
    assert_int_equal(find(street).result, LOOKUP_MISS);
    learned_rig_put(&rig, learned_entry(north(300), 60, "learned", OUTCOME_FOUND));
    (void)find(street);
    assert_string_equal(street, "learned");
    /* But a learned entry with an address that isn't confirmed any more is shown. */
    learned_rig_put(&rig, learned_entry(north(40), 60, "unsure", OUTCOME_UNSURE));
    (void)find(street);
    assert_string_equal(street, "unsure");
    published[0] = learned_entry(north(30), 90, "published", OUTCOME_UNSURE);
    publish(2, published, 2);
    (void)find(street);
    assert_string_equal(street, "published");
}

static void what_has_no_address_is_known(void **state)
{
    (void)state;
    char street[32];
    struct entry published = learned_entry(north(20), 90, NULL, OUTCOME_NONE);
    publish(1, &published, 1);
    struct lookup_found found = find(street);
    assert_int_equal(found.result, LOOKUP_KNOWN);
    assert_int_equal(found.entry.refreshed_at, 90);
    learned_rig_put(&rig, learned_entry(north(-10), 91, NULL, OUTCOME_NONE));
    found = find(street);
    assert_int_equal(found.result, LOOKUP_KNOWN);
    assert_true(found.learned);
    learned_rig_put(&rig, learned_entry(north(5), 91, "learned", OUTCOME_FOUND));
    assert_int_equal(find(street).result, LOOKUP_HIT);
}

static void nothing_beyond_the_radius(void **state)
{
    (void)state;
    char street[32];
    struct entry published = learned_entry(north(100000), 90, "far", OUTCOME_FOUND);
    publish(1, &published, 1);
    learned_rig_put(&rig, learned_entry(north(9100), 90, "just beyond", OUTCOME_FOUND));
    assert_int_equal(find(street).result, LOOKUP_MISS);
    learned_rig_put(&rig, learned_entry(north(8900), 90, "just inside", OUTCOME_FOUND));
    assert_int_equal(find(street).result, LOOKUP_HIT);
}

static void without_learned_points(void **state)
{
    (void)state;
    struct lookups *plain;
    struct lookup_reader *other;
    struct lookup_found found;
    struct error err;
    struct entry published = learned_entry(north(20), 90, "published", OUTCOME_FOUND);
    publish(1, &published, 1);
    assert_int_equal(lookups_open(&plain, follower, NULL, NULL), 0);
    assert_int_equal(lookup_reader_open(&other, plain, NULL), 0);
    assert_int_equal(lookup_find(other, here, 100, &found, NULL), 0);
    assert_int_equal(found.result, LOOKUP_HIT);
    lookup_end(other);
    assert_int_equal(lookup_find(other, (struct point){LATITUDE_LIMIT + 1, 0}, 1, &found, &err),
                     -1);
    assert_int_equal(err.code, ERROR_VALUE);
    lookup_end(other);
    lookup_end(other);
    lookup_reader_close(other);
    lookups_close(plain);
}

enum { THREADS = 4, ROUNDS = 20 };
static _Atomic bool ended;
static _Atomic unsigned missed, looked[THREADS];

static void *look_all_the_time(void *argument)
{
    _Atomic unsigned *done = argument;
    struct lookup_reader *mine;
    struct lookup_found found;
    if (lookup_reader_open(&mine, lookups, NULL) != 0)
        return NULL;
    while (!atomic_load(&ended)) {
        if (lookup_find(mine, here, 100, &found, NULL) != 0 || found.result != LOOKUP_HIT)
            atomic_fetch_add(&missed, 1);
        lookup_end(mine);
        atomic_fetch_add(done, 1);
    }
    lookup_reader_close(mine);
    return NULL;
}

/* Wait until lookups that began before this call have ended in every thread. */
static void let_all_look(void)
{
    for (int i = 0; i < THREADS; i++) {
        unsigned before = atomic_load(&looked[i]);
        while (atomic_load(&looked[i]) < before + 2)
            (void)sched_yield();
    }
}

/* The point is learned, published, removed from the table, then lost from the cache while it is
 * learned again, and so on: no lookup may miss it. */
static void folding_in_hides_nothing(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct entry entry = learned_entry(north(20), 90, "a street", OUTCOME_FOUND);
    struct entry other = learned_entry(north(900000), 90, "far", OUTCOME_FOUND);
    atomic_store(&ended, false);
    atomic_store(&missed, 0);
    learned_rig_put(&rig, entry);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_all_the_time, &looked[i]), 0);
    struct follow_reader *held;
    assert_int_equal(follow_reader_open(&held, follower, NULL), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        publish(2 * round + 1, &entry, 1);
        assert_int_equal(learned_drop_published(rig.learned, follow_hold(held), NULL, NULL, NULL),
                         0);
        follow_let_go(held);
        assert_int_equal(learned_count(rig.learned), 0);
        let_all_look();
        learned_rig_put(&rig, entry);
        let_all_look();
        publish(2 * round + 2, &other, 1);
    }
    atomic_store(&ended, true);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    follow_reader_close(held);
    assert_int_equal(atomic_load(&missed), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_nearer_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_two_equally_near_the_newer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_confirmed_hides_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_no_address_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_beyond_the_radius, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_learned_points, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folding_in_hides_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
