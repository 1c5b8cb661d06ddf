/* Opening and closing the line, in mirrored order. */
#include "stages/line_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/durable.h"
#include "base/thread.h"
#include "cachefmt/generation.h"

void line_look(struct line *line)
{
    struct manifest *manifest;
    uint64_t generation = 0;
    uint32_t tiles = 0;
    if (generation_current(line->settings.cache_directory, &manifest, NULL) == 0) {
        generation = manifest->generation;
        tiles = grid_tiles(manifest->grid);
        manifest_free(manifest);
    }
    (void)pthread_mutex_lock(&line->lock);
    line->generation = generation;
    line->tiles = tiles;
    (void)pthread_mutex_unlock(&line->lock);
}

void line_last_run(struct line *line)
{
    struct run_record *runs = NULL;
    size_t count = 0;
    if (ledger_history(line->ledger, 1, &runs, &count, NULL) != 0 || count == 0) {
        free(runs);
        return;
    }
    (void)pthread_mutex_lock(&line->lock);
    line->last_run = runs[0];
    (void)pthread_mutex_unlock(&line->lock);
    free(runs);
}

/* --- the settings' texts ------------------------------------------------------------ */

#define SETTINGS_TEXTS 8

static int copy_text(const char **text, struct error *err)
{
    if (*text == NULL)
        return 0;
    *text = strdup(*text);
    return *text != NULL ? 0 : error_memory(err, "the settings");
}

static void list_texts(struct line_settings *settings, const char **texts[SETTINGS_TEXTS])
{
    texts[0] = &settings->cache_directory;
    texts[1] = &settings->state_directory;
    texts[2] = &settings->geocoder.provider;
    texts[3] = &settings->geocoder.url;
    texts[4] = &settings->geocoder.key_file;
    texts[5] = &settings->geocoder.language;
    texts[6] = &settings->geocoder.user_agent;
    texts[7] = &settings->geocoder.ca_file;
}

static int copy_settings(struct line *line, const struct line_settings *settings, struct error *err)
{
    const char **texts[SETTINGS_TEXTS];
    int result = 0;
    line->settings = *settings;
    line->coordination =
        settings->coordination != NULL ? settings->coordination : &coordination_alone;
    list_texts(&line->settings, texts);
    for (size_t i = 0; i < SETTINGS_TEXTS; i++) {
        if (result != 0)
            *texts[i] = NULL;
        else
            result = copy_text(texts[i], err);
    }
    if (result != 0)
        return -1;
    const char *state = line->settings.state_directory;
    if (asprintf(&line->points_directory, "%s/points", state) < 0)
        line->points_directory = NULL;
    if (asprintf(&line->answers_directory, "%s/answers", state) < 0)
        line->answers_directory = NULL;
    if (asprintf(&line->folded_directory, "%s/folded", state) < 0)
        line->folded_directory = NULL;
    if (line->points_directory == NULL || line->answers_directory == NULL ||
        line->folded_directory == NULL)
        return error_memory(err, "the settings");
    return 0;
}

static void free_settings(struct line *line)
{
    const char **texts[SETTINGS_TEXTS];
    list_texts(&line->settings, texts);
    for (size_t i = 0; i < SETTINGS_TEXTS; i++)
        free((char *)*texts[i]);
    free(line->points_directory);
    free(line->answers_directory);
    free(line->folded_directory);
}

/* --- open and close ------------------------------------------------------------------- */

static int open_ledger(struct line *line, struct error *err)
{
    char *path;
    if (durable_make_directory(line->settings.state_directory, err) != 0)
        return -1;
    if (asprintf(&path, "%s/ledger", line->settings.state_directory) < 0)
        return error_memory(err, "a file name");
    int result = ledger_open(&line->ledger, path, err);
    free(path);
    return result;
}

/* Tiles that are not rebuilt, so that status counts them as done before the refresh goes on. */
static void count_untouched(struct line *line)
{
    uint32_t tiles = grid_tiles(line->run.grid);
    uint64_t *selected = calloc(tiles, sizeof *selected);
    uint64_t *folded = calloc(tiles, sizeof *folded);
    if (line->run.phase != PHASE_SNAPSHOT && selected != NULL && folded != NULL &&
        ledger_selected_by_tile(line->ledger, selected, tiles, NULL) == 0 &&
        ledger_folded_by_tile(line->ledger, folded, tiles, NULL) == 0) {
        for (uint32_t tile = 0; tile < tiles; tile++)
            line->untouched += selected[tile] == 0 && folded[tile] == 0;
    }
    free(folded);
    free(selected);
}

static int find_run(struct line *line, struct error *err)
{
    struct error own;
    int known = ledger_run(line->ledger, &line->run, err);
    if (known < 0)
        return -1;
    line->active = known > 0;
    line_last_run(line);
    line_look(line);
    if (line->active)
        count_untouched(line);
    else if (clean_up(line, &own) != 0)
        line_tell(line, 1, "clean_up_failed", "error", own.message);
    return 0;
}

static void free_line(struct line *line)
{
    ledger_close(line->ledger);
    limiter_free(line->limiter);
    (void)pthread_cond_destroy(&line->changed);
    (void)pthread_mutex_destroy(&line->lock);
    free_settings(line);
    free(line);
}

static void init_locks(struct line *line)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&line->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&line->lock, NULL);
}

/* There is no generation yet, or there is one that we can read: one that can't be read is a matter
 * for a person, not for the end of a run of days. */
static int check_manifest(const char *directory, struct error *err)
{
    struct error own;
    struct manifest *manifest;
    if (generation_current(directory, &manifest, &own) == 0) {
        manifest_free(manifest);
        return 0;
    }
    if (own.code == ERROR_MISSING)
        return 0;
    if (own.code == ERROR_CORRUPT)
        error_suffix(&own, "; "
                           "`refreshctl cache generations` lists those that it can go back to with "
                           "`refreshctl cache rollback N`");
    if (err != NULL)
        *err = own;
    return -1;
}

int line_open(struct line **out, const struct line_settings *settings, struct error *err)
{
    struct line *line = calloc(1, sizeof *line);
    if (line == NULL)
        return error_memory(err, "the line");
    init_locks(line);
    line->snapshot_progress.pulse = &line->pulses[THREAD_CONDUCTOR];
    atomic_store(&line->meters[STATION_SNAPSHOT].threads, 1);
    atomic_store(&line->meters[STATION_PUBLISH].threads, 1);
    if (copy_settings(line, settings, err) != 0)
        goto fail;
    line->limiter = limiter_create();
    if (line->limiter == NULL) {
        error_memory(err, "the limiter");
        goto fail;
    }
    limiter_set_rate(line->limiter, settings->rate);
    if (check_manifest(settings->cache_directory, err) != 0 || open_ledger(line, err) != 0 ||
        find_run(line, err) != 0)
        goto fail;
    if (thread_start(&line->conductor, "conductor", conductor_thread, line, err) != 0)
        goto fail;
    *out = line;
    return 0;
fail:
    free_line(line);
    return -1;
}

void line_close(struct line *line)
{
    if (line == NULL)
        return;
    (void)pthread_mutex_lock(&line->lock);
    line->wish = WISH_CLOSE;
    atomic_store(&line->control.stop, true);
    (void)pthread_cond_broadcast(&line->changed);
    (void)pthread_mutex_unlock(&line->lock);
    (void)pthread_join(line->conductor, NULL);
    free_line(line);
}
