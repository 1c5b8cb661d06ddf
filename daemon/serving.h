/* Serving: everything that lookups need, from the generation that is followed to the HTTP server,
 * as one object beside the line.
 *
 *   serving_learned(&learned, config, &err);     before the line, which folds learned points in
 *   serving_open(&serving, &settings, &err);     after it
 *   serving_close(serving);                      the mirror image
 *
 * The loop's thread opens, closes and reloads. */
#ifndef REFRESHD_DAEMON_SERVING_H
#define REFRESHD_DAEMON_SERVING_H

#include <uv.h>

#include "config/config.h"
#include "daemon/status_json.h"
#include "fleet/fleet.h"
#include "stages/learned.h"
#include "stages/line.h"

struct serving;

struct serving_settings {
    const struct config *config;
    uv_loop_t *loop;
    struct line *line;
    struct fleet *fleet;     /* NULL: this server is alone */
    struct learned *learned; /* may be NULL: then nothing is learned */
};

/* serving_learned: open the learned points of the configuration's state directory. *out is NULL
 * when there are none and nobody can teach any: HTTP is off. On a full disk as well, with a warning
 * in the log, because a daemon must start there. */
int serving_learned(struct learned **out, const struct config *config, struct error *err);

/* serving_open: *out is NULL when there is nothing to do: HTTP is off and nothing was learned
 * before it was. settings is copied; what it points to outlives the object. */
int serving_open(struct serving **out, const struct serving_settings *settings, struct error *err);
void serving_close(struct serving *serving); /* NULL is allowed */

/* serving_reload: take over what can change live. NULL is allowed. */
void serving_reload(struct serving *serving, const struct config *config);

/* serving_counts: for status. serving may be NULL. */
struct learned_counts serving_counts(const struct serving *serving, const struct config *config);

#endif
