#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "geocoder/network.h"

static struct error err;

static struct geocoder_request request;

static void expect_query(const char *expected)
{
    assert_int_equal(request.query.used, strlen(expected));
    assert_memory_equal(request.query.data, expected, strlen(expected));
}

static void a_request_begins_empty(void **state)
{
    static const char path[] = "/reverse";
    (void)state;
    request.content_type = "text/csv";
    assert_int_equal(buffer_append(&request.body, "old", 3, &err), 0);
    assert_int_equal(buffer_append(&request.query, "old", 3, &err), 0);
    query_begin(&request, path);
    assert_ptr_equal(request.path, path);
    assert_null(request.content_type);
    assert_int_equal(request.query.used, 0);
    assert_int_equal(request.body.used, 0);
}

static void texts_are_percent_encoded(void **state)
{
    (void)state;
    query_begin(&request, "/");
    assert_int_equal(query_text(&request, "a", "AZaz09-._~", &err), 0);
    assert_int_equal(query_text(&request, "b", "x y&z=1/2?#%+,\"\xc3\xa9\n", &err), 0);
    expect_query("a=AZaz09-._~&b=x%20y%26z%3D1%2F2%3F%23%25%2B%2C%22%C3%A9%0A");
}

static void what_is_not_set_is_not_asked(void **state)
{
    (void)state;
    query_begin(&request, "/");
    assert_int_equal(query_text(&request, "a", NULL, &err), 0);
    assert_int_equal(query_text(&request, "a", "", &err), 0);
    assert_int_equal(query_kilometres(&request, "a", 0, &err), 0);
    assert_int_equal(query_kilometres(&request, "a", 1e12, &err), 0);
    expect_query("");
}

static void coordinates_are_exact(void **state)
{
    struct point corner = {-900000000, -1800000000};
    struct point near = {1, -1};
    (void)state;
    query_begin(&request, "/");
    assert_int_equal(query_degrees(&request, "lat", 521000000, &err), 0);
    assert_int_equal(query_degrees(&request, "lon", -1, &err), 0);
    assert_int_equal(query_degrees(&request, "zero", 0, &err), 0);
    expect_query("lat=52.1&lon=-0.0000001&zero=0");
    query_begin(&request, "/");
    assert_int_equal(query_point(&request, "a", corner, &err), 0);
    assert_int_equal(query_point(&request, "b", near, &err), 0);
    expect_query("a=-90,-180&b=0.0000001,-0.0000001");
}

static void lengths_are_rounded_up_to_a_metre(void **state)
{
    (void)state;
    query_begin(&request, "/");
    assert_int_equal(query_kilometres(&request, "a", 50, &err), 0);
    assert_int_equal(query_kilometres(&request, "b", 0.2, &err), 0);
    assert_int_equal(query_kilometres(&request, "c", 12345.5, &err), 0);
    expect_query("a=0.050&b=0.001&c=12.346");
}

static int free_request(void **state)
{
    (void)state;
    buffer_free(&request.query);
    buffer_free(&request.body);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_begins_empty),
        cmocka_unit_test(texts_are_percent_encoded),
        cmocka_unit_test(what_is_not_set_is_not_asked),
        cmocka_unit_test(coordinates_are_exact),
        cmocka_unit_test(lengths_are_rounded_up_to_a_metre),
    };
    return cmocka_run_group_tests(tests, NULL, free_request);
}
