#include "daemon/run_stand.h"

#include <string.h>

#include "daemon/protocol.h"

const char *const run_stand_names[STANDS] = {"none", "operator", "budget", "gate", "error"};

enum run_stand run_stand(const struct line_status *status)
{
    if (status->state == LINE_HELD)
        return STAND_GATE;
    if (status->state != LINE_PAUSED || status->draining)
        return STAND_NONE;
    if (strcmp(status->reason, PAUSED_BY_OPERATOR) == 0)
        return STAND_OPERATOR;
    size_t length = strlen(LINE_BUDGET_REASON);
    return strncmp(status->reason, LINE_BUDGET_REASON, length) == 0 ? STAND_BUDGET : STAND_ERROR;
}

int run_exit(const struct run_record *run)
{
    if (run->result != RESULT_PUBLISHED)
        return EXIT_FAILED;
    return run->counts.settled[SETTLED_FAILED] > 0 ? EXIT_POINTS_FAILED : EXIT_DONE;
}

int run_standing_exit(const struct line_status *status)
{
    switch (run_stand(status)) {
    case STAND_GATE:
    case STAND_BUDGET:
        return EXIT_HELD;
    case STAND_ERROR:
        return EXIT_FAILED;
    default:
        return -1;
    }
}
