/* The part of the metrics page that only a peer of a fleet has. */
#ifndef REFRESHD_DAEMON_METRICS_FLEET_H
#define REFRESHD_DAEMON_METRICS_FLEET_H

#include "daemon/prometheus.h"
#include "fleet/fleet.h"

void metrics_fleet_print(struct prometheus *page, const struct fleet_status *fleet);

#endif
