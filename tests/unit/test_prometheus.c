#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "daemon/prometheus.h"

static void must_be(struct prometheus *page, const char *text)
{
    assert_int_equal(prometheus_end(page, NULL), 0);
    assert_int_equal(buffer_append(page->out, "", 1, NULL), 0);
    assert_string_equal((const char *)page->out->data, text);
    buffer_free(page->out);
}

static void test_samples(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct prometheus page = {.out = &out};
    prometheus_family(&page, "a_total", "counter", "Line one.\nBack\\slash \"quoted\".");
    prometheus_count(&page, "k", "v", UINT64_MAX);
    prometheus_count(&page, "k", "a\"b\\c\nd", 0);
    prometheus_one(&page, "b", "gauge", "B.", 0.1);
    prometheus_one(&page, "c", "gauge", "C.", NAN);
    prometheus_one(&page, "d", "gauge", "D.", -INFINITY);
    must_be(&page, "# HELP a_total Line one.\\nBack\\\\slash \"quoted\".\n"
                   "# TYPE a_total counter\n"
                   "a_total{k=\"v\"} 18446744073709551615\n"
                   "a_total{k=\"a\\\"b\\\\c\\nd\"} 0\n"
                   "# HELP b B.\n# TYPE b gauge\nb 0.1\n"
                   "# HELP c C.\n# TYPE c gauge\nc NaN\n"
                   "# HELP d D.\n# TYPE d gauge\nd -Inf\n");
}

static void test_histogram(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct prometheus page = {.out = &out};
    const double bounds[] = {0.001, 2};
    const uint64_t counts[] = {3, 0, 4};
    prometheus_histogram(&page, "h_seconds", "H.", bounds, 2, counts, 12.5);
    must_be(&page, "# HELP h_seconds H.\n# TYPE h_seconds histogram\n"
                   "h_seconds_bucket{le=\"0.001\"} 3\n"
                   "h_seconds_bucket{le=\"2\"} 3\n"
                   "h_seconds_bucket{le=\"+Inf\"} 7\n"
                   "h_seconds_sum 12.5\n"
                   "h_seconds_count 7\n");
}

static void test_failure_is_kept(void **state)
{
    (void)state;
    struct buffer full = {.used = SIZE_MAX / 4, .room = SIZE_MAX / 4};
    struct prometheus page = {.out = &full};
    struct error err;
    prometheus_one(&page, "b", "gauge", "B.", 1);
    assert_int_equal(prometheus_end(&page, &err), -1);
    assert_int_equal(err.code, ERROR_MEMORY);
    assert_int_equal(full.used, SIZE_MAX / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_failure_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
