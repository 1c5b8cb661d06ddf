/* The tables of a run: the usual ones, those of the configuration, those given by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/report_config.h"

static struct config *load(const char *text)
{
    struct config *config;
    struct error err;
    if (config_load_text("x.conf", text, strlen(text), &config, &err) != 0)
        fail_msg("%s", err.message);
    return config;
}

static void says(const char *config_text_, const char *extra, const char *has, const char *has_not)
{
    struct config *config = load(config_text_);
    struct error err;
    char *text;
    if (report_config_text(config, extra, &text, &err) != 0)
        fail_msg("%s", err.message);
    if (has != NULL && strstr(text, has) == NULL)
        fail_msg("%s is not in %s", has, text);
    if (has_not != NULL && strstr(text, has_not) != NULL)
        fail_msg("%s is in %s", has_not, text);
    free(text);
    config_free(config);
}

static void refused(const char *config_text_, const char *extra, enum error_code code,
                    const char *begins)
{
    struct config *config = load(config_text_);
    struct error err;
    char *text;
    assert_int_equal(report_config_text(config, extra, &text, &err), -1);
    assert_int_equal(err.code, code);
    if (strncmp(err.message, begins, strlen(begins)) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(report_config_check(config, &err), code == ERROR_CONFIG ? -1 : 0);
    config_free(config);
}

static void each_layer_goes_over_the_one_before(void **state)
{
    (void)state;
    says("", NULL, "changed_by_country = sum[countrycode] of 1 when changed\n", NULL);
    says("", "", "latency = quantile", NULL);
    says("[report]\nmine = count\n", NULL, "\nmine = count\n", NULL);
    says("[report]\nmine = count\n", NULL, "latency = quantile", NULL);
    says("[report]\nlatency = mean of latency_ms\n", NULL, "latency = mean", "quantile");
    says("[report]\nlatency =\n", NULL, NULL, "latency =");
    says("[report]\nlatency =\n", "latency = count", "latency = count\n", NULL);
    says("[report]\nmine = count\n", "mine =\nyours = count\n", "yours = count\n", "mine");
}

static void a_wrong_line_is_named(void **state)
{
    (void)state;
    refused("[report]\na = count\n  b = smu of 1\n", NULL, ERROR_CONFIG,
            "x.conf line 3: column 7: found \"smu\", did you mean \"sum\"?");
    refused("", "b = smu of 1", ERROR_USAGE, "column 5: found \"smu\"");
    refused("", "a = count\nb = smu of 1", ERROR_USAGE, "line 2: column 5: found \"smu\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_layer_goes_over_the_one_before),
        cmocka_unit_test(a_wrong_line_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
