/* The refresh phase as those who share the run see it. */
#include "stages/line_internal.h"

#include <stdlib.h>

#include "stages/pointfile.h"

static void wake(void *context)
{
    struct refresh *refresh = context;
    (void)pthread_mutex_lock(&refresh->line->lock);
    refresh->wake_wanted = true;
    (void)pthread_cond_broadcast(&refresh->line->changed);
    (void)pthread_mutex_unlock(&refresh->line->lock);
}

void site_again(struct refresh *refresh)
{
    (void)pthread_mutex_lock(&refresh->line->lock);
    refresh->again_wanted = true;
    (void)pthread_cond_broadcast(&refresh->line->changed);
    (void)pthread_mutex_unlock(&refresh->line->lock);
}

static void again(void *context)
{
    site_again(context);
}

static void fail(void *context, const struct error *err)
{
    refresh_fail(context, err);
}

static void describe_site(struct refresh *refresh)
{
    struct line *line = refresh->line;
    refresh->site = (struct coordination_site){
        .run = &refresh->run,
        .ledger = line->ledger,
        .channel = refresh->channel,
        .control = &line->control,
        .points_directory = line->points_directory,
        .answers_directory = line->answers_directory,
        .done = refresh->done,
        .wake = wake,
        .again = again,
        .fail = fail,
        .context = refresh,
    };
}

/* Which shares have all their answers. */
static int list_done(struct refresh *refresh, struct error *err)
{
    uint32_t shares = refresh->run.parameters.shares;
    uint64_t points = refresh->run.counts.selected;
    uint32_t *answered = calloc((size_t)shares + 1, sizeof *answered);
    refresh->done = calloc((size_t)shares + 1, sizeof *refresh->done);
    int result = -1;
    if (answered == NULL || refresh->done == NULL)
        error_memory(err, "the claims");
    else
        result = ledger_answered_by_share(refresh->line->ledger, answered, shares, err);
    for (uint32_t share = 0; result == 0 && share < shares; share++)
        refresh->done[share] = answered[share] == point_file_first(points, shares, share + 1) -
                                                      point_file_first(points, shares, share);
    free(answered);
    return result;
}

int site_open_claims(struct refresh *refresh, struct error *err)
{
    struct line *line = refresh->line;
    const struct coordination *coordination = line->coordination;
    if (list_done(refresh, err) != 0)
        return -1;
    describe_site(refresh);
    pulse_rest(&line->pulses[THREAD_CONDUCTOR]);
    int result =
        coordination->claims_open(coordination->context, &refresh->claims, &refresh->site, err);
    pulse_beat(&line->pulses[THREAD_CONDUCTOR]);
    return result;
}
