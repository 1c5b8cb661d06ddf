/* The table of peers, with made-up times. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fleet/membership_internal.h"

#define WALL 1e9 /* our wall clock at monotonic 0 */

static struct error err;
static struct peer_table table;
static int64_t revision;

static int forget(void **state)
{
    (void)state;
    peer_table_free(&table);
    revision = 0;
    return 0;
}

static void tell(bool live, const char *key, const char *value, double now)
{
    struct etcd_event event = {key, value, ++revision};
    assert_int_equal(peer_table_event(&table, live ? "/p/" : "/s/", live, &event, now, &err), 0);
}

/* A record of the peer at key, whose clock is `ahead`, and takes `delay` to come here. */
static void beat(const char *key, double now, double ahead, double delay)
{
    char text[80];
    (void)snprintf(text, sizeof text, "{\"clock\":%.3f}", (WALL + now - delay + ahead) * 1e3);
    tell(true, key, text, now);
}

static struct membership_peer *list(double now, size_t *count)
{
    struct membership_peer *peers;
    assert_int_equal(peer_table_list(&table, now, WALL + now, &peers, count, &err), 0);
    return peers;
}

static double ahead_at(double now)
{
    size_t count;
    struct membership_peer *peers = list(now, &count);
    assert_int_equal(count, 1);
    double ahead = peers[0].clock_ahead;
    membership_peers_free(peers, count);
    return ahead;
}

static bool is_near(double value, double expected)
{
    return fabs(value - expected) < 0.005;
}

static void the_least_delay_of_a_minute_counts(void **state)
{
    (void)state;
    tell(true, "/p/a", "{}", 100);
    assert_true(isnan(ahead_at(100)));
    beat("/p/a", 101, 30, 0.4);
    assert_true(is_near(ahead_at(101), 29.6));
    beat("/p/a", 103, 30, 0.01);
    beat("/p/a", 125, 30, 0.2);
    assert_true(is_near(ahead_at(140), 29.99));
    assert_true(is_near(ahead_at(150), 29.99));
    assert_true(is_near(ahead_at(165), 29.8));
    assert_true(isnan(ahead_at(200)));
    beat("/p/a", 210, -5, 0);
    beat("/p/a", 221, -5, 0.5);
    assert_true(is_near(ahead_at(222), -5));
}

static bool news(void)
{
    bool was = table.news;
    table.news = false;
    return was;
}

static void the_time_alone_is_no_news(void **state)
{
    (void)state;
    tell(true, "/p/a", "{\"clock\":1000.5,\"n\":1}", 1);
    assert_true(news());
    tell(true, "/p/a", "{\"clock\":20000,\"n\":1}", 2);
    assert_false(news());
    tell(true, "/p/a", "{\"clock\":20000,\"n\":2}", 3);
    assert_true(news());
    tell(true, "/p/a", "{\"m\":1,\"clock\":20000,\"n\":2}", 4);
    assert_true(news());
    tell(true, "/p/a", NULL, 5);
    assert_true(news());
    tell(true, "/p/a", NULL, 6);
    assert_false(news());
    tell(true, "/p/a", "{}", 7);
    assert_true(news());
    tell(true, "/p/a", "{}", 8);
    assert_false(news());
}

static void documents_are_laid_over_each_other(void **state)
{
    size_t count;
    (void)state;
    tell(false, "/s/b", "{\"n\":1}", 5);
    tell(true, "/p/b", "{\"n\":2}", 6);
    tell(false, "/s/a", "{\"n\":3}", 7);
    struct membership_peer *peers = list(8, &count);
    assert_int_equal(count, 2);
    assert_string_equal(peers[0].name, "a");
    assert_false(peers[0].live);
    assert_true(peers[0].heard == 7);
    assert_string_equal(peers[1].name, "b");
    assert_true(peers[1].live);
    assert_int_equal(cJSON_GetObjectItem(peers[1].document, "n")->valueint, 2);
    membership_peers_free(peers, count);
    tell(true, "/p/b", NULL, 9);
    tell(false, "/s/a", NULL, 9);
    peers = list(9, &count);
    assert_int_equal(count, 1);
    assert_false(peers[0].live);
    assert_true(peers[0].heard == 6);
    assert_int_equal(cJSON_GetObjectItem(peers[0].document, "n")->valueint, 1);
    membership_peers_free(peers, count);
}

static void a_range_takes_the_place_of_what_was_known(void **state)
{
    char b[] = "/p/b", c[] = "/p/c", news[] = "{\"n\":9}", empty[] = "{}";
    struct etcd_pair pairs[] = {{b, news, 1, 20, 5}, {c, empty, 21, 21, 6}};
    struct etcd_range range = {pairs, 2, 30};
    size_t count;
    (void)state;
    tell(true, "/p/a", "{}", 3);
    tell(true, "/p/b", "{}", 4);
    assert_int_equal(peer_table_replace(&table, "/p/", true, &range, 50, &err), 0);
    struct membership_peer *peers = list(50, &count);
    assert_int_equal(count, 2);
    assert_string_equal(peers[0].name, "b");
    assert_true(peers[0].heard == 50);
    assert_string_equal(peers[1].name, "c");
    assert_true(peers[1].live && peers[1].heard == 0);
    membership_peers_free(peers, count);
    /* Old news change nothing. */
    revision = 10;
    tell(true, "/p/b", NULL, 51);
    peers = list(51, &count);
    assert_true(count == 2 && peers[0].live);
    membership_peers_free(peers, count);
}

static void what_is_no_name_is_passed_over(void **state)
{
    char key[PEER_NAME_LIMIT + 5] = "/p/";
    size_t count;
    (void)state;
    tell(true, "/p/", "{}", 1);
    tell(true, "/p/a/b", "{}", 1);
    tell(true, "/p/a b", "{}", 1);
    tell(true, "/p/a\n", "{}", 1);
    memset(key + 3, 'x', PEER_NAME_LIMIT + 1);
    tell(true, key, "{}", 1);
    struct membership_peer *peers = list(1, &count);
    assert_int_equal(count, 0);
    membership_peers_free(peers, count);
    for (unsigned i = 0; i < PEER_TABLE_LIMIT + 10; i++) {
        (void)snprintf(key, sizeof key, "/p/x%u", i);
        tell(true, key, "{}", 1);
    }
    peers = list(1, &count);
    assert_int_equal(count, PEER_TABLE_LIMIT);
    membership_peers_free(peers, count);
}

static void odd_clocks_are_not_heeded(void **state)
{
    (void)state;
    tell(true, "/p/a", "{\"clock\":\"1\"}", 1);
    tell(true, "/p/a", "{\"clock\":-1}", 1);
    tell(true, "/p/a", "{\"clock\":1e300}", 1);
    tell(true, "/p/a", "nonsense", 1);
    assert_true(isnan(ahead_at(1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_least_delay_of_a_minute_counts, forget),
        cmocka_unit_test_teardown(the_time_alone_is_no_news, forget),
        cmocka_unit_test_teardown(documents_are_laid_over_each_other, forget),
        cmocka_unit_test_teardown(a_range_takes_the_place_of_what_was_known, forget),
        cmocka_unit_test_teardown(what_is_no_name_is_passed_over, forget),
        cmocka_unit_test_teardown(odd_clocks_are_not_heeded, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
