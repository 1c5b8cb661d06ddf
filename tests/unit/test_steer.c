/* Who is asked: the fleet when it has a run that is also ours, else the line. Both are stand-ins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "daemon/steer.h"
#include "tests/unit/line_rig.h"

static struct {
    struct fleet_status fleet;
    bool fleet_runs;
    const char *asked; /* the last call that changes something */
    enum error_code refuses;
} stand;

static struct daemon server;

static int ask(const char *what, struct error *err)
{
    stand.asked = what;
    return stand.refuses == ERROR_NONE ? 0 : error_set(err, stand.refuses, "no");
}

bool fleet_has_run(struct fleet *fleet)
{
    (void)fleet;
    return stand.fleet_runs;
}

void fleet_status(struct fleet *fleet, struct fleet_status *status)
{
    (void)fleet;
    *status = stand.fleet;
}

int fleet_start(struct fleet *fleet, const struct run_parameters *parameters, char id[RUN_ID_BYTES],
                bool *nothing, struct error *err)
{
    (void)fleet, (void)parameters, (void)id, (void)nothing;
    return ask("fleet start", err);
}

int fleet_pause(struct fleet *fleet, const char *reason, struct error *err)
{
    (void)fleet, (void)reason;
    return ask("fleet pause", err);
}

int fleet_resume(struct fleet *fleet, struct error *err)
{
    (void)fleet;
    return ask("fleet resume", err);
}

int fleet_cancel(struct fleet *fleet, struct error *err)
{
    (void)fleet;
    return ask("fleet cancel", err);
}

int fleet_publish(struct fleet *fleet, bool force, struct error *err)
{
    (void)fleet;
    return ask(force ? "fleet publish force" : "fleet publish", err);
}

int fleet_set(struct fleet *fleet, const struct line_change *change, struct error *err)
{
    (void)fleet, (void)change;
    return ask("fleet set", err);
}

/* The fleet's run, "" = none; NULL: this server is alone. */
static void stands(struct rig *rig, const char *fleet)
{
    memset(&stand, 0, sizeof stand);
    server.line = rig->line;
    server.fleet = fleet != NULL ? (struct fleet *)&stand : NULL;
    stand.fleet_runs = fleet != NULL && fleet[0] != '\0';
    stand.fleet.phase = FLEET_GATHERING;
    if (fleet != NULL)
        memcpy(stand.fleet.run, fleet, strlen(fleet) + 1);
}

static void assert_fleet_is_asked(void)
{
    struct line_change change = {-1, -1, -1, -1};
    struct error err;
    bool held;
    assert_true(steer_is_fleet(&server));
    assert_int_equal(steer_pause(&server, "x", &err), 0);
    assert_string_equal(stand.asked, "fleet pause");
    assert_int_equal(steer_resume(&server, &err), 0);
    assert_string_equal(stand.asked, "fleet resume");
    assert_int_equal(steer_cancel(&server, &err), 0);
    assert_string_equal(stand.asked, "fleet cancel");
    assert_int_equal(steer_set(&server, &change, &err), 0);
    assert_string_equal(stand.asked, "fleet set");
    assert_int_equal(steer_publish(&server, true, &held, &err), 0);
    assert_string_equal(stand.asked, "fleet publish force");
}

static void assert_run(const char *wanted)
{
    char run[RUN_ID_BYTES];
    steer_run(&server, run);
    assert_string_equal(run, wanted);
    assert_int_equal(steer_is_active(&server), wanted[0] != '\0');
}

static void without_a_run_of_the_fleet_the_line_is_asked(void **state)
{
    (void)state;
    struct rig *rig = rig_open(50);
    struct line_change change = {-1, -1, -1, -1};
    struct error err;
    bool held;
    static const char *const fleets[] = {NULL, ""};
    rig_line(rig);
    for (int i = 0; i < 2; i++) {
        stands(rig, fleets[i]);
        assert_run("");
        assert_int_equal(steer_pause(&server, "x", &err), -1);
        assert_int_equal(err.code, ERROR_STATE); /* there is no run */
        assert_int_equal(steer_resume(&server, &err), -1);
        assert_int_equal(steer_cancel(&server, &err), -1);
        assert_int_equal(steer_set(&server, &change, &err), -1);
        assert_int_equal(steer_publish(&server, true, &held, &err), -1);
        assert_null(stand.asked);
    }
    rig_close(rig);
}

static void a_run_that_this_peer_has_not_begun_is_the_fleets(void **state)
{
    (void)state;
    struct rig *rig = rig_open(50);
    rig_line(rig);
    stands(rig, "20261121T020000Z-1f3a");
    assert_run("20261121T020000Z-1f3a");
    assert_fleet_is_asked();
    rig_close(rig);
}

/* A line with a run that is held, since every address changes. */
static struct rig *held_run(struct line_status *status)
{
    struct rig *rig = rig_open(50);
    rig->settings.gate.max_changed = 0;
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    rig_wait(line, LINE_HELD, status);
    return rig;
}

static void a_run_of_its_own_stays_its_own(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = held_run(&status);
    stands(rig, "20261121T020000Z-1f3a");
    assert_run(status.run.id);
    assert_int_equal(steer_cancel(&server, &err), 0);
    assert_null(stand.asked);
    rig_wait(rig->line, LINE_IDLE, &status);
    assert_run("20261121T020000Z-1f3a");
    rig_close(rig);
}

static void what_is_published_here_is_over(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    struct rig *rig = rig_open(50);
    struct line *line = rig_line(rig);
    rig_start(rig, line);
    rig_wait(line, LINE_IDLE, &status);
    stands(rig, status.last_run.id);
    assert_run("");
    assert_int_equal(steer_pause(&server, "x", &err), -1);
    assert_null(stand.asked);
    stands(rig, "20261121T020000Z-1f3a"); /* which the line had before */
    stand.fleet.phase = FLEET_IDLE;
    assert_run("");
    rig_close(rig);
}

static void a_held_run_of_the_fleet_stays_held_without_force(void **state)
{
    (void)state;
    struct line_status status;
    struct error err;
    bool held = false;
    struct rig *rig = held_run(&status);
    stands(rig, status.run.id);
    assert_run(status.run.id);
    assert_int_equal(steer_publish(&server, false, &held, &err), 0);
    assert_true(held);
    assert_null(stand.asked);
    assert_int_equal(steer_publish(&server, true, &held, &err), 0);
    assert_false(held);
    assert_string_equal(stand.asked, "fleet publish force");
    assert_fleet_is_asked();
    rig_close(rig);
}

static void etcd_away_is_not_refreshd_away(void **state)
{
    (void)state;
    struct error err;
    struct run_parameters parameters = {0};
    char id[RUN_ID_BYTES];
    bool nothing;
    struct rig *rig = rig_open(50);
    rig_line(rig);
    stands(rig, "20261121T020000Z-1f3a");
    stand.refuses = ERROR_UNREACHABLE;
    assert_int_equal(steer_cancel(&server, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    assert_int_equal(steer_start(&server, &parameters, id, &nothing, &err), -1);
    assert_int_equal(err.code, ERROR_STATE);
    assert_string_equal(stand.asked, "fleet start");
    stand.refuses = ERROR_BUSY;
    assert_int_equal(steer_pause(&server, "x", &err), -1);
    assert_int_equal(err.code, ERROR_BUSY);
    rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_run_of_the_fleet_the_line_is_asked),
        cmocka_unit_test(a_run_that_this_peer_has_not_begun_is_the_fleets),
        cmocka_unit_test(a_run_of_its_own_stays_its_own),
        cmocka_unit_test(what_is_published_here_is_over),
        cmocka_unit_test(a_held_run_of_the_fleet_stays_held_without_force),
        cmocka_unit_test(etcd_away_is_not_refreshd_away),
    };
    return rig_run_tests(tests);
}
