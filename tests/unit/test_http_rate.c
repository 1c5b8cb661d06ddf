/* Buckets of clients: what one may, that others are not touched, that the table is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include "daemon/http_rate.h"

static struct rate *open_rate(double per_second)
{
    struct rate *rate;
    assert_int_equal(rate_open(&rate, per_second, NULL), 0);
    return rate;
}

static unsigned take_many(struct rate *rate, uint64_t client, double now, unsigned times)
{
    unsigned granted = 0;
    double wait;
    for (unsigned i = 0; i < times; i++)
        granted += rate_take(rate, client, now, &wait);
    return granted;
}

static void test_one_client(void **state)
{
    double wait = -1;
    struct rate *rate = open_rate(10);
    (void)state;
    assert_int_equal(take_many(rate, 1, 100.0, 50), 10);
    assert_false(rate_take(rate, 1, 100.05, &wait));
    assert_true(wait > 0.04 && wait < 0.06);
    assert_int_equal(take_many(rate, 1, 100.5, 50), 5);
    assert_int_equal(take_many(rate, 1, 1000.0, 50), 10);
    assert_int_equal(take_many(rate, 1, 999.0, 50), 0); /* a clock read earlier */
    assert_int_equal(take_many(rate, 2, 1000.0, 50), 10);
    rate_close(rate);
}

static void test_less_than_one_a_second(void **state)
{
    double wait = -1;
    struct rate *rate = open_rate(0.1);
    (void)state;
    assert_int_equal(take_many(rate, 1, 100.0, 50), 1);
    assert_false(rate_take(rate, 1, 104.0, &wait));
    assert_true(wait > 5.9 && wait < 6.1);
    assert_int_equal(take_many(rate, 1, 110.1, 50), 1);
    rate_close(rate);
}

/* A million strangers, each heard once, do not make it forget who asks too much. */
static void test_many_clients(void **state)
{
    double wait;
    struct rate *rate = open_rate(5);
    (void)state;
    for (uint64_t client = 1000; client < 1001000; client++) {
        assert_true(rate_take(rate, client, 100.0, &wait));
        if (client == 501000)
            assert_int_equal(take_many(rate, 7, 100.0, 50), 5);
    }
    assert_int_equal(take_many(rate, 7, 100.0, 50), 0);
    rate_close(rate);
}

static uint64_t client_of(const char *text)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = 1};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = 2};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return rate_client((struct sockaddr *)&in);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return rate_client((struct sockaddr *)&in6);
}

static void test_who_is_one_client(void **state)
{
    (void)state;
    assert_true(client_of("192.0.2.1") != client_of("192.0.2.2"));
    assert_true(client_of("192.0.2.1") == client_of("::ffff:192.0.2.1"));
    assert_true(client_of("2001:db8:0:1::1") == client_of("2001:db8:0:1:ffff::2"));
    assert_true(client_of("2001:db8:0:1::1") != client_of("2001:db8:0:2::1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_client),
        cmocka_unit_test(test_less_than_one_a_second),
        cmocka_unit_test(test_many_clients),
        cmocka_unit_test(test_who_is_one_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
