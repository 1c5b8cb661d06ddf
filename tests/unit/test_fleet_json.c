/* The documents of the fleet, and when a peer whose line is idle has a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/fleet_json.h"
#include "daemon/protocol.h"

static void expect(cJSON *document, const char *wanted)
{
    assert_non_null(document);
    char *text = cJSON_PrintUnformatted(document);
    assert_string_equal(text, wanted);
    free(text);
    cJSON_Delete(document);
}

static struct pair_id digest_of(uint8_t first)
{
    struct pair_id digest = {{first}};
    return digest;
}

static void a_fleet_at_rest(void **state)
{
    (void)state;
    struct fleet_status fleet = {.phase = FLEET_IDLE, .live = 2, .current = true};
    expect(fleet_json(&fleet),
           "{\"run\":null,\"phase\":\"idle\",\"detail\":null,\"members\":0,\"ready\":0,\"live\":2,"
           "\"switch_at\":null,\"digest\":null,\"current\":true,\"paused\":false,\"shares\":0,"
           "\"shares_done\":0,\"fetched\":0,\"bytes_fetched\":0,\"bytes_served\":0,"
           "\"rate_share\":0}");
}

static void a_fleet_that_switches(void **state)
{
    (void)state;
    struct fleet_status fleet = {.phase = FLEET_SWITCHING,
                                 .run = "20261121T020000Z-1f3a",
                                 .detail = "\"soon\"",
                                 .members = 3,
                                 .ready = 3,
                                 .live = 3,
                                 .switch_at = 1794000000.25,
                                 .digest = digest_of(0xAB),
                                 .paused = true,
                                 .shares = 4096,
                                 .shares_done = 4096,
                                 .shares_fetched = 2731,
                                 .bytes_fetched = UINT64_C(5000000000),
                                 .bytes_served = 1,
                                 .rate_share = 1.0 / 3};
    expect(fleet_json(&fleet),
           "{\"run\":\"20261121T020000Z-1f3a\",\"phase\":\"switching\","
           "\"detail\":\"\\\"soon\\\"\",\"members\":3,\"ready\":3,\"live\":3,"
           "\"switch_at\":1794000000.25,\"digest\":\"ab000000000000000000000000000000\","
           "\"current\":false,\"paused\":true,\"shares\":4096,\"shares_done\":4096,"
           "\"fetched\":2731,\"bytes_fetched\":5000000000,\"bytes_served\":1,"
           "\"rate_share\":0.333}");
}

static void every_phase_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < FLEET_PHASES; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(fleet_phase_names[i], fleet_phase_names[k]);
}

static void peers_in_a_list(void **state)
{
    (void)state;
    struct fleet_peer peers[] = {
        {.name = "a",
         .advertise = "a.example:8577",
         .live = true,
         .self = true,
         .member = true,
         .generation = 7,
         .digest = digest_of(1),
         .point_files_done = 12,
         .point_files_held = 40,
         .last_seen = 1794000000,
         .state = "refreshing"},
        {.name = "b", .lag = 61.23456, .clock_ahead = NAN, .differs = "max_failed 1% here"},
    };
    expect(peers_json(peers, 0), "[]");
    expect(peers_json(peers, 2),
           "[{\"name\":\"a\",\"advertise\":\"a.example:8577\",\"live\":true,\"self\":true,"
           "\"member\":true,\"generation\":7,\"digest\":\"01000000000000000000000000000000\","
           "\"point_files_done\":12,\"point_files_held\":40,\"lag_s\":0,\"last_seen\":1794000000,"
           "\"clock_ahead_s\":0,\"state\":\"refreshing\",\"differs\":null},"
           "{\"name\":\"b\",\"advertise\":null,\"live\":false,\"self\":false,\"member\":false,"
           "\"generation\":0,\"digest\":null,\"point_files_done\":0,\"point_files_held\":0,"
           "\"lag_s\":61.235,\"last_seen\":0,\"clock_ahead_s\":null,\"state\":null,"
           "\"differs\":\"max_failed 1% here\"}]");
}

static struct line_status line_at(enum line_state state)
{
    struct line_status status;
    memset(&status, 0, sizeof status);
    status.state = state;
    return status;
}

static void while_it_gathers_there_is_a_run(void **state)
{
    (void)state;
    struct fleet_status fleet = {
        .phase = FLEET_GATHERING, .run = "r2", .detail = "waits for b", .shares = 64};
    struct line_status status = line_at(LINE_FAILED);
    fleet_show_run(&status, &fleet);
    assert_int_equal(status.state, LINE_SNAPSHOT);
    assert_string_equal(status.run.id, "r2");
    assert_string_equal(status.reason, "waits for b");
    assert_int_equal(status.run.parameters.shares, 64);
    fleet.paused = true;
    status = line_at(LINE_IDLE);
    fleet_show_run(&status, &fleet);
    assert_int_equal(status.state, LINE_PAUSED);
    assert_string_equal(status.reason, PAUSED_BY_OPERATOR);
}

static void what_the_line_says_stays(void **state)
{
    (void)state;
    struct fleet_status fleet = {.phase = FLEET_REFRESHING, .run = "r2"};
    struct line_status status = line_at(LINE_HELD);
    fleet_show_run(&status, &fleet);
    assert_int_equal(status.state, LINE_HELD);
    status = line_at(LINE_IDLE); /* it has just ended here */
    memcpy(status.last_run.id, "r2", 3);
    fleet_show_run(&status, &fleet);
    assert_int_equal(status.state, LINE_IDLE);
    assert_string_equal(status.run.id, "");
    fleet.phase = FLEET_LEFT_OUT; /* others have a run */
    status = line_at(LINE_IDLE);
    fleet_show_run(&status, &fleet);
    assert_string_equal(status.run.id, "");
    fleet.phase = FLEET_IDLE; /* it is over */
    fleet_show_run(&status, &fleet);
    assert_string_equal(status.run.id, "");
    fleet = (struct fleet_status){.phase = FLEET_IDLE};
    fleet_show_run(&status, &fleet);
    assert_int_equal(status.state, LINE_IDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fleet_at_rest),
        cmocka_unit_test(a_fleet_that_switches),
        cmocka_unit_test(every_phase_has_a_name),
        cmocka_unit_test(peers_in_a_list),
        cmocka_unit_test(while_it_gathers_there_is_a_run),
        cmocka_unit_test(what_the_line_says_stays),
    };
    return cmocka_run_group_tests_name("fleet_json", tests, NULL, NULL);
}
