/* The documents of the fleet (CONTRACT), and what the status of a peer says while the fleet has a
 * run that its own line has not begun. NULL when out of memory. */
#ifndef REFRESHD_DAEMON_FLEET_JSON_H
#define REFRESHD_DAEMON_FLEET_JSON_H

#include <cjson/cJSON.h>

#include "fleet/fleet.h"

/* fleet_json: `fleet` of status. */
cJSON *fleet_json(const struct fleet_status *fleet);

/* peers_json: the list of `peers --json`. */
cJSON *peers_json(const struct fleet_peer *peers, size_t count);

/* peers_now: the document of /api/peers and of the reply to peers, at this moment: the fleet's
 * name, the point files of its run, the list. fleet NULL: this server is alone. NULL and err on
 * failure. */
cJSON *peers_now(struct fleet *fleet, const char *name, struct error *err);

/* fleet_show_run: while peers exchange what the run needs the line is idle, but this peer has a
 * run all the same: *status becomes that of one that takes its snapshot, or is paused. */
void fleet_show_run(struct line_status *status, const struct fleet_status *fleet);

#endif
