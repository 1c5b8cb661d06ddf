/* A status document as a screen, a line and a bar; how a run's end is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "daemon/refreshctl_progress.h"

static const char active[] =
    "{\"state\":\"refreshing\",\"run\":\"r1\",\"generation\":7,\"reason\":\"geocoder is down\","
    "\"exit\":null,\"draining\":false,\"selected\":2000000,"
    "\"points\":{\"total\":2500000,\"answered\":500000,\"found\":499000,\"none\":1,\"unsure\":2,"
    "\"failed\":997,\"carried\":500000,\"changed\":3},"
    "\"point_files\":{\"total\":4096,\"done\":1000,\"active\":4},"
    "\"tiles\":{\"total\":576,\"rebuilt\":12},"
    "\"requests\":{\"sent\":500000,\"retried\":5,\"in_flight\":64,\"per_s\":1234.5},"
    "\"points_per_s\":1234.5,\"rate\":2000,\"elapsed_s\":405,\"eta_s\":1215,"
    "\"deadline_fits\":false,"
    "\"stations\":[{\"name\":\"snapshot\",\"busy\":0,\"queue\":0},"
    "{\"name\":\"geocode\",\"busy\":0.97,\"queue\":3}],\"bottleneck\":\"geocode\","
    "\"failures\":{\"timeout\":990,\"http_429\":7,\"tls\":0},\"last_run\":null}";

static const char idle[] =
    "{\"state\":\"idle\",\"run\":null,\"generation\":8,\"reason\":null,\"selected\":0,"
    "\"points\":{},\"last_run\":{\"run\":\"r1\",\"result\":\"published\",\"exit\":4,"
    "\"reason\":null,\"ended_at\":1700000000,\"elapsed_s\":60,"
    "\"points\":{\"found\":9,\"failed\":1},\"failures\":{\"timeout\":1}}}";

static void expect(const struct buffer *text, const char *const *words)
{
    char copy[4096];
    assert_true(text->used < sizeof copy);
    memcpy(copy, text->data, text->used);
    copy[text->used] = '\0';
    for (; *words != NULL; words++)
        if (strstr(copy, *words) == NULL)
            fail_msg("\"%s\" is not in:\n%s", *words, copy);
}

static void screen_of_an_active_run(void **state)
{
    (void)state;
    static const char *const words[] = {"refreshing",
                                        "run r1",
                                        "generation 7",
                                        "geocoder is down",
                                        "25.0%",
                                        "500,000 of 2,000,000",
                                        "at most 2,000",
                                        "64 in flight",
                                        "20m",
                                        "deadline will be missed",
                                        "1,000 of 4,096",
                                        "12 of 576",
                                        "bottleneck: geocode",
                                        "geocode 97%",
                                        "failed 997",
                                        "timeout 990, http_429 7\n",
                                        NULL};
    struct buffer text = {0};
    struct error err;
    cJSON *status = cJSON_Parse(active);
    assert_non_null(status);
    assert_int_equal(progress_screen(status, &text, &err), 0);
    expect(&text, words);
    buffer_clear(&text);
    assert_int_equal(progress_line(status, &text, &err), 0);
    static const char *const line[] = {"refreshing 25.0% 500,000 of 2,000,000 points", "997 failed",
                                       "(geocoder is down)", NULL};
    expect(&text, line);
    assert_null(memchr(text.data, '\n', text.used));
    buffer_free(&text);
    cJSON_Delete(status);
}

static void screen_of_an_idle_daemon(void **state)
{
    (void)state;
    static const char *const words[] = {
        "idle", "generation 8", "r1 published", "found 9", "failed 1", "timeout 1", NULL};
    struct buffer text = {0};
    struct error err;
    cJSON *status = cJSON_Parse(idle);
    assert_non_null(status);
    assert_int_equal(progress_screen(status, &text, &err), 0);
    expect(&text, words);
    buffer_free(&text);
    cJSON_Delete(status);
}

static void screen_of_an_empty_document(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct error err;
    cJSON *status = cJSON_Parse("{}");
    assert_int_equal(progress_screen(status, &text, &err), 0);
    assert_int_equal(progress_line(status, &text, &err), 0);
    buffer_free(&text);
    cJSON_Delete(status);
}

static void bars(void **state)
{
    (void)state;
    static const struct {
        double share;
        const char *bar;
    } cases[] = {{0, "[....]"}, {0.5, "[##..]"}, {0.99, "[###.]"},
                 {1, "[####]"}, {7, "[####]"},   {-1, "[....]"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer text = {0};
        struct error err;
        assert_int_equal(progress_bar(cases[i].share, 4, &text, &err), 0);
        assert_int_equal(text.used, 6);
        assert_memory_equal(text.data, cases[i].bar, 6);
        buffer_free(&text);
    }
}

static void a_fleet_has_a_line(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct error err;
    cJSON *status = cJSON_Parse(
        "{\"state\":\"publishing\",\"run\":\"r1\",\"reason\":null,\"fleet\":{\"run\":\"r1\","
        "\"phase\":\"ready\",\"live\":2,\"members\":3,\"ready\":2,\"current\":false,"
        "\"detail\":\"waits for b\"}}");
    assert_int_equal(progress_screen(status, &text, &err), 0);
    expect(&text, (const char *const[]){"\nfleet       ready, 2 live, 2 of 3 ready, not its "
                                        "generation here: waits for b\n",
                                        NULL});
    buffer_clear(&text);
    assert_int_equal(progress_line(status, &text, &err), 0);
    expect(&text, (const char *const[]){"(waits for b)", NULL});
    buffer_free(&text);
    cJSON_Delete(status);
}

static enum progress_end end_of(const char *document, const char *run, int *exit)
{
    cJSON *status = cJSON_Parse(document);
    assert_non_null(status);
    enum progress_end end = progress_end(status, run, exit);
    cJSON_Delete(status);
    return end;
}

static void tells_how_a_run_ends(void **state)
{
    (void)state;
    int exit = -1;
    assert_int_equal(end_of(active, "r1", &exit), PROGRESS_GOES_ON);
    assert_int_equal(end_of(idle, "r1", &exit), PROGRESS_ENDED);
    assert_int_equal(exit, EXIT_POINTS_FAILED);
    assert_int_equal(end_of(idle, "r0", &exit), PROGRESS_LOST);
    assert_int_equal(end_of("{\"run\":\"r1\",\"state\":\"held\",\"exit\":5}", "r1", &exit),
                     PROGRESS_STOPPED);
    assert_int_equal(exit, EXIT_HELD);
    assert_int_equal(end_of("{\"run\":\"r1\",\"state\":\"paused\",\"exit\":null}", "r1", &exit),
                     PROGRESS_GOES_ON);
}

static void a_run_of_the_fleet_goes_on_elsewhere(void **state)
{
    (void)state;
    int exit = -1;
    assert_int_equal(
        end_of("{\"run\":null,\"fleet\":{\"run\":\"r1\",\"phase\":\"left_out\"}}", "r1", &exit),
        PROGRESS_GOES_ON);
    assert_int_equal(
        end_of("{\"run\":null,\"fleet\":{\"run\":null,\"phase\":\"catching_up\"}}", "r1", &exit),
        PROGRESS_GOES_ON);
    assert_int_equal(
        end_of("{\"run\":null,\"fleet\":{\"run\":null,\"phase\":\"unreachable\"}}", "r1", &exit),
        PROGRESS_GOES_ON);
    assert_int_equal(
        end_of("{\"run\":null,\"fleet\":{\"run\":null,\"phase\":\"idle\"}}", "r1", &exit),
        PROGRESS_LOST);
    assert_int_equal(
        end_of("{\"run\":null,\"fleet\":{\"run\":\"r2\",\"phase\":\"gathering\"}}", "r1", &exit),
        PROGRESS_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(screen_of_an_active_run),
        cmocka_unit_test(screen_of_an_idle_daemon),
        cmocka_unit_test(screen_of_an_empty_document),
        cmocka_unit_test(bars),
        cmocka_unit_test(a_fleet_has_a_line),
        cmocka_unit_test(a_run_of_the_fleet_goes_on_elsewhere),
        cmocka_unit_test(tells_how_a_run_ends),
    };
    return cmocka_run_group_tests_name("refreshctl_progress", tests, NULL, NULL);
}
