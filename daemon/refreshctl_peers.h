/* The peers of a fleet as a table. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_PEERS_H
#define REFRESHD_DAEMON_REFRESHCTL_PEERS_H

#include <cjson/cJSON.h>

#include "base/buffer.h"

/* peers_table: append the table of a reply to `peers`, and a line for whatever is odd about one. */
int peers_table(const cJSON *reply, struct buffer *out, struct error *err);

#endif
