/* The fleet as the configuration has it. */
#ifndef REFRESHD_DAEMON_FLEET_CONFIG_H
#define REFRESHD_DAEMON_FLEET_CONFIG_H

#include "config/config.h"
#include "fleet/fleet.h"

/* fleet_config_gate: the limits of the gate, of a run alone as well. */
struct gate_limits fleet_config_gate(const struct config *config);

/* fleet_config_open: *out is NULL for a server alone. learned may be NULL. Failures name the key
 * that leads to them. */
int fleet_config_open(struct fleet **out, const struct config *config, struct learned *learned,
                      struct error *err);

/* fleet_config_begin: fleet_begin, where there is a fleet. */
int fleet_config_begin(struct fleet *fleet, const struct config *config, struct line *line,
                       struct error *err);

#endif
