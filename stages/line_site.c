/* The refresh phase as those who share the run see it. */
#include "stages/line_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stages/pointfile.h"
#include "stages/share_answers.h"

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

void site_replace(struct refresh *refresh, uint32_t share)
{
    refresh->replaced[share] = true;
    site_again(refresh);
}

int site_drop_replaced(struct refresh *refresh, struct error *err)
{
    struct line *line = refresh->line;
    uint32_t shares = refresh->run.parameters.shares;
    uint32_t *list = calloc((size_t)shares + 1, sizeof *list);
    size_t count = 0;
    if (list == NULL)
        return error_memory(err, "the shares of the run");
    for (uint32_t share = 0; share < shares; share++) {
        if (refresh->replaced[share])
            list[count++] = share;
    }
    int result = share_answers_drop(line->ledger, line->answers_directory, list, count, err);
    free(list);
    return result;
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
    refresh->replaced = calloc((size_t)shares + 1, sizeof *refresh->replaced);
    if (answered == NULL || refresh->done == NULL || refresh->replaced == NULL)
        error_memory(err, "the claims");
    else
        result = ledger_answered_by_share(refresh->line->ledger, answered, shares, err);
    for (uint32_t share = 0; result == 0 && share < shares; share++)
        refresh->done[share] = answered[share] == point_file_first(points, shares, share + 1) -
                                                      point_file_first(points, shares, share);
    free(answered);
    return result;
}

/* Answers that were taken back are to be asked again, and their point files may be gone. */
static int restore_points(struct refresh *refresh, struct error *err)
{
    struct line *line = refresh->line;
    const struct run_record *run = &refresh->run;
    char last[RUN_ID_BYTES];
    int result = 0;
    (void)pthread_mutex_lock(&line->lock);
    memcpy(last, line->last_run.id, sizeof last);
    (void)pthread_mutex_unlock(&line->lock);
    for (uint32_t share = 0; result == 0 && share < run->parameters.shares; share++) {
        if (refresh->done[share])
            continue;
        char *path = point_file_path(line->points_directory, share);
        if (path == NULL)
            result = error_memory(err, "a file name");
        else if (access(path, F_OK) != 0)
            result = snapshot_write_share(&refresh->input.merged, &run->parameters, line->ledger,
                                          last, line->points_directory, run->id,
                                          refresh->first_ordinal_of_tile, share, &line->control,
                                          &line->snapshot_progress, err);
        free(path);
    }
    return result;
}

int site_open_claims(struct refresh *refresh, struct error *err)
{
    struct line *line = refresh->line;
    const struct coordination *coordination = line->coordination;
    if (list_done(refresh, err) != 0 || restore_points(refresh, err) != 0)
        return -1;
    describe_site(refresh);
    pulse_rest(&line->pulses[THREAD_CONDUCTOR]);
    int result =
        coordination->claims_open(coordination->context, &refresh->claims, &refresh->site, err);
    pulse_beat(&line->pulses[THREAD_CONDUCTOR]);
    return result;
}
