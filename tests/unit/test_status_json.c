/* The status document: every field of the contract is there, in every state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "daemon/protocol.h"
#include "daemon/status_json.h"

static const cJSON *at(const cJSON *document, const char *path)
{
    char copy[64], *rest = NULL;
    (void)strncpy(copy, path, sizeof copy - 1);
    copy[sizeof copy - 1] = '\0';
    for (char *word = strtok_r(copy, ".", &rest); word != NULL; word = strtok_r(NULL, ".", &rest)) {
        document = cJSON_GetObjectItemCaseSensitive(document, word);
        if (document == NULL)
            fail_msg("%s is missing", path);
    }
    return document;
}

static struct line_status sample(void)
{
    struct line_status status;
    memset(&status, 0, sizeof status);
    status.generation = 7;
    status.tiles = 576;
    status.eta = -1;
    status.deadline_fits = -1;
    return status;
}

static struct run_record run_of(const char *id)
{
    struct run_record run;
    memset(&run, 0, sizeof run);
    memcpy(run.id, id, strlen(id) + 1);
    run.parameters.shares = 64;
    run.counts.total = 100;
    run.counts.selected = 90;
    run.counts.carried = 10;
    run.counts.settled[SETTLED_FOUND] = 80;
    run.counts.settled[SETTLED_FAILED] = 5;
    run.counts.causes[CAUSE_TIMEOUT] = 5;
    run.counts.retried = 20;
    return run;
}

static cJSON *document_in(const struct line_status *status, const struct fleet_status *fleet)
{
    struct config *config;
    struct error err;
    assert_int_equal(config_default(&config, &err), 0);
    struct learned_counts learned = {.entries = 3, .pending = 2, .most = 1000};
    cJSON *document = status_json(status, config, &learned, fleet);
    config_free(config);
    assert_non_null(document);
    return document;
}

static cJSON *document_of(const struct line_status *status)
{
    return document_in(status, NULL);
}

static void every_field_is_there(void **state)
{
    (void)state;
    static const char *const paths[] = {"state",
                                        "run",
                                        "generation",
                                        "reason",
                                        "points.total",
                                        "points.answered",
                                        "points.found",
                                        "points.none",
                                        "points.unsure",
                                        "points.failed",
                                        "points.carried",
                                        "points.changed",
                                        "point_files.total",
                                        "point_files.done",
                                        "point_files.active",
                                        "tiles.total",
                                        "tiles.rebuilt",
                                        "requests.sent",
                                        "requests.retried",
                                        "requests.in_flight",
                                        "requests.per_s",
                                        "points_per_s",
                                        "elapsed_s",
                                        "eta_s",
                                        "stations",
                                        "bottleneck",
                                        "failures.timeout",
                                        "failures.http_429",
                                        "last_run",
                                        "deadline_fits",
                                        "learned.entries",
                                        "learned.pending",
                                        "learned.max"};
    struct line_status status = sample();
    cJSON *document = document_of(&status);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        (void)at(document, paths[i]);
    assert_string_equal(at(document, "state")->valuestring, "idle");
    assert_true(cJSON_IsNull(at(document, "run")));
    assert_true(cJSON_IsNull(at(document, "reason")));
    assert_true(cJSON_IsNull(at(document, "eta_s")));
    assert_true(cJSON_IsNull(at(document, "deadline_fits")));
    assert_int_equal(at(document, "point_files.total")->valueint, 4096);
    assert_int_equal(at(document, "learned.entries")->valueint, 3);
    assert_int_equal(at(document, "learned.pending")->valueint, 2);
    assert_int_equal(at(document, "learned.max")->valueint, 1000);
    assert_int_equal(cJSON_GetArraySize(at(document, "stations")), STATION_COUNT);
    cJSON_Delete(document);
}

static void an_active_run_is_told(void **state)
{
    (void)state;
    struct line_status status = sample();
    status.state = LINE_REFRESHING;
    status.run = run_of("r1");
    status.eta = 12.34567;
    status.deadline_fits = 0;
    cJSON *document = document_of(&status);
    assert_string_equal(at(document, "run")->valuestring, "r1");
    assert_int_equal(at(document, "points.answered")->valueint, 85);
    assert_int_equal(at(document, "points.total")->valueint, 100);
    assert_int_equal(at(document, "failures.timeout")->valueint, 5);
    assert_int_equal(at(document, "point_files.total")->valueint, 64);
    assert_true(at(document, "eta_s")->valuedouble == 12.346);
    assert_true(cJSON_IsFalse(at(document, "deadline_fits")));
    assert_true(cJSON_IsNull(at(document, "exit")));
    cJSON_Delete(document);
}

static void a_fleet_is_told_only_where_there_is_one(void **state)
{
    (void)state;
    struct line_status status = sample();
    struct fleet_status fleet = {.phase = FLEET_READY, .run = "r1", .live = 3};
    cJSON *document = document_of(&status);
    assert_null(cJSON_GetObjectItemCaseSensitive(document, "fleet"));
    cJSON_Delete(document);
    document = document_in(&status, &fleet);
    assert_string_equal(at(document, "fleet.phase")->valuestring, "ready");
    assert_int_equal(at(document, "fleet.live")->valueint, 3);
    cJSON_Delete(document);
}

static int exit_of(enum line_state state, const char *reason)
{
    struct line_status status = sample();
    status.state = state;
    status.run = run_of("r1");
    (void)strncpy(status.reason, reason, sizeof status.reason - 1);
    cJSON *document = document_of(&status);
    const cJSON *exit = at(document, "exit");
    int value = cJSON_IsNumber(exit) ? exit->valueint : -1;
    cJSON_Delete(document);
    return value;
}

static void standing_still_has_an_exit_status(void **state)
{
    (void)state;
    assert_int_equal(exit_of(LINE_HELD, "max_lost: ..."), EXIT_HELD);
    assert_int_equal(exit_of(LINE_PAUSED, LINE_BUDGET_REASON ": 7 of 9"), EXIT_HELD);
    assert_int_equal(exit_of(LINE_PAUSED, "disk full: /x"), EXIT_FAILED);
    assert_int_equal(exit_of(LINE_PAUSED, PAUSED_BY_OPERATOR), -1);
    assert_int_equal(exit_of(LINE_REFRESHING, "the geocoder is down"), -1);
}

static void ended_runs_are_told(void **state)
{
    (void)state;
    static const struct {
        enum run_result result;
        unsigned failed;
        int exit;
    } cases[] = {{RESULT_PUBLISHED, 0, EXIT_DONE},
                 {RESULT_PUBLISHED, 1, EXIT_POINTS_FAILED},
                 {RESULT_CANCELLED, 0, EXIT_FAILED},
                 {RESULT_FAILED, 1, EXIT_FAILED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct line_status status = sample();
        status.last_run = run_of("r1");
        status.last_run.result = cases[i].result;
        status.last_run.counts.settled[SETTLED_FAILED] = cases[i].failed;
        cJSON *document = document_of(&status);
        assert_int_equal(at(document, "last_run.exit")->valueint, cases[i].exit);
        assert_string_equal(at(document, "last_run.result")->valuestring,
                            run_result_names[cases[i].result]);
        assert_int_equal(at(document, "last_run.points.carried")->valueint, 10);
        assert_int_equal(at(document, "last_run.requests.retried")->valueint, 20);
        assert_int_equal(at(document, "last_run.failures.timeout")->valueint, 5);
        cJSON_Delete(document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_there),
        cmocka_unit_test(an_active_run_is_told),
        cmocka_unit_test(a_fleet_is_told_only_where_there_is_one),
        cmocka_unit_test(standing_still_has_an_exit_status),
        cmocka_unit_test(ended_runs_are_told),
    };
    return cmocka_run_group_tests_name("status_json", tests, NULL, NULL);
}
