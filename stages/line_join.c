/* Who may begin a run or change the cache: one at a time. And joining a run that others began. */
#include "stages/line_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cachefmt/generation.h"

int place_take(struct line *line, const char *what, struct error *err)
{
    int result = 0;
    (void)pthread_mutex_lock(&line->lock);
    if (line->active)
        result = error_set(err, ERROR_STATE, "run %s is active already", line->run.id);
    else if (line->occupied[0] != '\0')
        result = error_set(err, ERROR_STATE, "%s; try again when it is done", line->occupied);
    else
        (void)snprintf(line->occupied, sizeof line->occupied, "%s", what);
    (void)pthread_mutex_unlock(&line->lock);
    return result;
}

void place_leave(struct line *line)
{
    (void)pthread_mutex_lock(&line->lock);
    line->occupied[0] = '\0';
    (void)pthread_mutex_unlock(&line->lock);
}

int line_occupy(struct line *line, const char *what, struct error *err)
{
    return place_take(line, what, err);
}

void line_vacate(struct line *line)
{
    line_look(line);
    place_leave(line);
}

/* --- joining ------------------------------------------------------------------------------- */

static int check_invitation(struct line *line, const struct line_invitation *invitation,
                            struct error *err)
{
    const struct run_parameters *parameters = &invitation->parameters;
    const char *retry_of = invitation->retry_of != NULL ? invitation->retry_of : "";
    char last[RUN_ID_BYTES];
    if (invitation->id[0] == '\0' || memchr(invitation->id, '\0', RUN_ID_BYTES) == NULL ||
        parameters->shares == 0 || parameters->workers == 0 || parameters->concurrency == 0)
        return error_set(err, ERROR_VALUE, "the run to be joined makes no sense");
    (void)pthread_mutex_lock(&line->lock);
    memcpy(last, line->last_run.id, sizeof last);
    (void)pthread_mutex_unlock(&line->lock);
    if (parameters->retry_failed && strcmp(retry_of, last) != 0)
        return error_set(err, ERROR_STATE,
                         "run %s asks the failures of run %s again, and our last run is %s",
                         invitation->id, retry_of, last[0] != '\0' ? last : "none");
    return 0;
}

static int check_base(const struct manifest *base, const struct line_invitation *invitation,
                      struct error *err)
{
    char theirs[2 * PAIR_ID_BYTES + 1];
    char ours[2 * PAIR_ID_BYTES + 1];
    if (pair_id_equal(&base->digest, &invitation->base_digest))
        return 0;
    return error_set(err, ERROR_STATE,
                     "run %s refreshes the cache with digest %s, generation %" PRIu64
                     " here has digest %s",
                     invitation->id, pair_id_format(&invitation->base_digest, theirs),
                     base->generation, pair_id_format(&base->digest, ours));
}

static int describe_joined(struct line *line, const struct line_invitation *invitation,
                           struct run_record *run, struct error *err)
{
    struct manifest *base;
    uint64_t next = 0;
    if (generation_current(line->settings.cache_directory, &base, err) != 0)
        return -1;
    *run = (struct run_record){
        .parameters = invitation->parameters,
        .phase = PHASE_SNAPSHOT,
        .base_generation = base->generation,
        .base_digest = base->digest,
        .grid = base->grid,
        .started_at = invitation->started_at,
    };
    memcpy(run->id, invitation->id, sizeof run->id);
    (void)snprintf(run->provider, sizeof run->provider, "%.*s", (int)sizeof invitation->provider,
                   invitation->provider);
    int result = check_base(base, invitation, err);
    manifest_free(base);
    if (result != 0 || generation_next(line->settings.cache_directory, &next, err) != 0)
        return -1;
    run->generation = next > invitation->generation ? next : invitation->generation;
    return 0;
}

int line_join(struct line *line, const struct line_invitation *invitation, struct error *err)
{
    struct run_record run;
    if (place_take(line, "a run is being begun", err) != 0)
        return -1;
    int result = check_invitation(line, invitation, err);
    if (result == 0)
        result = describe_joined(line, invitation, &run, err);
    if (result == 0)
        result = run_begin(line, &run, err);
    place_leave(line);
    return result;
}
