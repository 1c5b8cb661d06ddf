#include "fleet/fleet.h"

const char *const fleet_phase_names[FLEET_PHASES] = {
    "unreachable", "idle",  "catching_up", "gathering",
    "refreshing",  "ready", "switching",   "left_out",
};
