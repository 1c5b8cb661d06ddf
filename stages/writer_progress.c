#include "stages/writer_internal.h"

#include <stdlib.h>

#include "stages/pointfile.h"

static uint32_t share_points(const struct writer_settings *settings, uint32_t share)
{
    return (uint32_t)(point_file_first(settings->points, settings->shares, share + 1) -
                      point_file_first(settings->points, settings->shares, share));
}

static bool has_points(const struct writer_settings *settings, uint32_t tile)
{
    return settings->first_ordinal_of_tile[tile] < settings->first_ordinal_of_tile[tile + 1];
}

/* The tile that holds an ordinal: the last one that begins at or before it and isn't empty. */
static uint32_t tile_of(const struct writer_settings *settings, uint64_t ordinal)
{
    uint32_t low = 0;
    uint32_t high = settings->tiles;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (settings->first_ordinal_of_tile[middle] <= ordinal)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void count_shares_missing(struct writer_progress *progress)
{
    const struct writer_settings *settings = progress->settings;
    for (uint32_t tile = 0; tile < settings->tiles; tile++) {
        if (!has_points(settings, tile))
            continue;
        const uint64_t *first = &settings->first_ordinal_of_tile[tile];
        uint32_t last = point_file_share(settings->points, settings->shares, first[1] - 1);
        for (uint32_t share = point_file_share(settings->points, settings->shares, first[0]);
             share <= last; share++)
            progress->shares_missing[tile] += progress->points_missing[share] > 0;
    }
}

int writer_progress_open(struct writer_progress *progress, const struct writer_settings *settings,
                         struct ledger *ledger, struct error *err)
{
    uint32_t *points_missing = calloc((size_t)settings->shares + 1, sizeof *points_missing);
    uint32_t *shares_missing = calloc((size_t)settings->tiles + 1, sizeof *shares_missing);
    bool *whole = calloc((size_t)settings->shares + 1, sizeof *whole);
    if (points_missing == NULL || shares_missing == NULL || whole == NULL) {
        error_memory(err, "the writer");
        goto fail;
    }
    if (ledger_answered_by_share(ledger, points_missing, settings->shares, err) != 0)
        goto fail;
    for (uint32_t share = 0; share < settings->shares; share++) {
        uint32_t points = share_points(settings, share);
        if (points_missing[share] > points) {
            error_set(err, ERROR_CORRUPT, "the ledger has %u answers for the %u points of share %u",
                      points_missing[share], points, share);
            goto fail;
        }
        points_missing[share] = points - points_missing[share];
    }
    progress->settings = settings;
    progress->points_missing = points_missing;
    progress->shares_missing = shares_missing;
    progress->whole = whole;
    count_shares_missing(progress);
    return 0;
fail:
    free(whole);
    free(points_missing);
    free(shares_missing);
    return -1;
}

void writer_progress_close(struct writer_progress *progress)
{
    free(progress->points_missing);
    free(progress->shares_missing);
    free(progress->whole);
}

uint32_t writer_progress_points(const struct writer_progress *progress, uint32_t share)
{
    return share_points(progress->settings, share);
}

uint32_t writer_progress_missing(const struct writer_progress *progress, uint32_t share)
{
    return progress->points_missing[share];
}

void writer_progress_reset(struct writer_progress *progress, uint32_t share)
{
    progress->points_missing[share] = share_points(progress->settings, share);
}

int writer_progress_rows(struct writer_progress *progress, uint32_t share, uint32_t rows,
                         bool *done, struct error *err)
{
    if (share >= progress->settings->shares || rows > progress->points_missing[share])
        return error_set(err, ERROR_CORRUPT, "more answers than points came for share %u", share);
    progress->points_missing[share] -= rows;
    *done = progress->points_missing[share] == 0;
    return 0;
}

void writer_progress_done(struct writer_progress *progress, uint32_t share,
                          const struct writer_events *events)
{
    const struct writer_settings *settings = progress->settings;
    uint64_t first = point_file_first(settings->points, settings->shares, share);
    uint64_t end = point_file_first(settings->points, settings->shares, share + 1);
    for (uint32_t tile = tile_of(settings, first);
         tile < settings->tiles && settings->first_ordinal_of_tile[tile] < end; tile++) {
        if (has_points(settings, tile) && --progress->shares_missing[tile] == 0)
            events->tile_ready(events->context, tile);
    }
}
