#include "daemon/steer.h"

#include <string.h>

/* What the line has published was decided: the fleet's run is over, though the fleet may look a
 * moment later; so is one that the fleet sees at an end and the line has no more. */
static bool fleet_runs(struct daemon *daemon, struct fleet_status *fleet, struct line_status *line)
{
    line_status(daemon->line, line);
    if (daemon->fleet == NULL || !fleet_has_run(daemon->fleet))
        return false;
    fleet_status(daemon->fleet, fleet);
    if (fleet->phase == FLEET_IDLE && strcmp(line->run.id, fleet->run) != 0)
        return false;
    return line->last_run.result != RESULT_PUBLISHED || strcmp(line->last_run.id, fleet->run) != 0;
}

bool steer_fleet_runs(struct daemon *daemon)
{
    struct fleet_status fleet;
    struct line_status line;
    return fleet_runs(daemon, &fleet, &line);
}

bool steer_is_fleet(struct daemon *daemon)
{
    struct fleet_status fleet;
    struct line_status line;
    return fleet_runs(daemon, &fleet, &line) &&
           (line.run.id[0] == '\0' || strcmp(line.run.id, fleet.run) == 0);
}

bool steer_is_active(struct daemon *daemon)
{
    return line_is_active(daemon->line) || steer_fleet_runs(daemon);
}

void steer_run(struct daemon *daemon, char run[RUN_ID_BYTES])
{
    struct line_status line;
    line_status(daemon->line, &line);
    memcpy(run, line.run.id, RUN_ID_BYTES);
    if (!steer_is_fleet(daemon))
        return;
    struct fleet_status fleet;
    fleet_status(daemon->fleet, &fleet);
    memcpy(run, fleet.run, RUN_ID_BYTES);
}

/* What can't be reached is etcd, not this refreshd, which its clients would take it for. */
static int through_fleet(int result, struct error *err)
{
    if (result != 0 && err->code == ERROR_UNREACHABLE)
        err->code = ERROR_STATE;
    return result;
}

int steer_start(struct daemon *daemon, const struct run_parameters *parameters,
                char id[RUN_ID_BYTES], bool *nothing, struct error *err)
{
    return through_fleet(fleet_start(daemon->fleet, parameters, id, nothing, err), err);
}

int steer_pause(struct daemon *daemon, const char *reason, struct error *err)
{
    if (!steer_is_fleet(daemon))
        return line_pause(daemon->line, reason, err);
    return through_fleet(fleet_pause(daemon->fleet, reason, err), err);
}

int steer_resume(struct daemon *daemon, struct error *err)
{
    if (!steer_is_fleet(daemon))
        return line_resume(daemon->line, err);
    return through_fleet(fleet_resume(daemon->fleet, err), err);
}

int steer_cancel(struct daemon *daemon, struct error *err)
{
    if (!steer_is_fleet(daemon))
        return line_cancel(daemon->line, err);
    return through_fleet(fleet_cancel(daemon->fleet, err), err);
}

int steer_set(struct daemon *daemon, const struct line_change *change, struct error *err)
{
    if (!steer_is_fleet(daemon))
        return line_set(daemon->line, change, err);
    return through_fleet(fleet_set(daemon->fleet, change, err), err);
}

int steer_publish(struct daemon *daemon, bool force, bool *held, struct error *err)
{
    struct line_status line;
    *held = false;
    if (!steer_is_fleet(daemon))
        return line_publish(daemon->line, force, held, err);
    line_status(daemon->line, &line);
    *held = !force && line.state == LINE_HELD;
    return *held ? 0 : through_fleet(fleet_publish(daemon->fleet, force, err), err);
}
