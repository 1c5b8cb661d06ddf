/* What the run has done, tile by tile: out of the stations' memory while they work, out of the
 * ledger while they don't. */
#include "stages/line_internal.h"

#include <stdlib.h>
#include <string.h>

#include "stages/pointfile.h"

/* All that is needed to tell how far each tile is. */
struct picture {
    struct run_record run;
    uint32_t tiles;
    uint64_t *first;        /* ordinal at which the points of each tile begin; tiles + 1 of them */
    unsigned char *shares;  /* enum share_state of each point file */
    unsigned char *rebuilt; /* bool of each tile */
};

static int picture_open(struct picture *picture, const struct run_record *run, struct error *err)
{
    picture->run = *run;
    picture->tiles = grid_tiles(run->grid);
    picture->first = calloc((size_t)picture->tiles + 1, sizeof *picture->first);
    picture->shares = calloc((size_t)run->parameters.shares + 1, 1);
    picture->rebuilt = calloc((size_t)picture->tiles + 1, 1);
    if (picture->first == NULL || picture->shares == NULL || picture->rebuilt == NULL)
        return error_memory(err, "the tiles");
    return 0;
}

static void picture_close(struct picture *picture)
{
    free(picture->first);
    free(picture->shares);
    free(picture->rebuilt);
}

/* False when no stations of this run are at work. */
static bool look_at_stations(struct line *line, struct picture *picture)
{
    (void)pthread_mutex_lock(&line->lock);
    struct refresh *refresh = line->refresh;
    bool working = refresh != NULL && strcmp(refresh->run.id, picture->run.id) == 0;
    if (working) {
        memcpy(picture->first, refresh->first_ordinal_of_tile,
               ((size_t)picture->tiles + 1) * sizeof *picture->first);
        claims_copy(refresh->claims, picture->shares);
        for (uint32_t tile = 0; tile < picture->tiles; tile++)
            picture->rebuilt[tile] = refresh->tile_states[tile] == TILE_REBUILT;
    }
    (void)pthread_mutex_unlock(&line->lock);
    return working;
}

static uint32_t share_points(const struct picture *picture, uint32_t share)
{
    uint64_t points = picture->first[picture->tiles];
    uint32_t shares = picture->run.parameters.shares;
    return (uint32_t)(point_file_first(points, shares, share + 1) -
                      point_file_first(points, shares, share));
}

static int look_at_shares(struct line *line, struct picture *picture, struct error *err)
{
    uint32_t shares = picture->run.parameters.shares;
    uint32_t *answered = calloc((size_t)shares + 1, sizeof *answered);
    if (answered == NULL)
        return error_memory(err, "the point files");
    int result = ledger_answered_by_share(line->ledger, answered, shares, err);
    for (uint32_t share = 0; result == 0 && share < shares; share++) {
        if (answered[share] > 0)
            picture->shares[share] =
                answered[share] < share_points(picture, share) ? SHARE_CLAIMED : SHARE_FINISHED;
    }
    free(answered);
    return result;
}

static int look_at_ledger(struct line *line, struct picture *picture, struct error *err)
{
    if (ledger_selected_by_tile(line->ledger, picture->first + 1, picture->tiles, err) != 0)
        return -1;
    for (uint32_t tile = 0; tile < picture->tiles; tile++) {
        struct tile_record record;
        int rebuilt =
            picture->first[tile + 1] > 0 ? ledger_tile(line->ledger, tile, &record, err) : 0;
        if (rebuilt < 0)
            return -1;
        picture->rebuilt[tile] = rebuilt == 1;
        picture->first[tile + 1] += picture->first[tile];
    }
    return look_at_shares(line, picture, err);
}

/* How many ordinals of [first, end) are in the share. */
static uint64_t overlap(const struct picture *picture, uint32_t share, uint64_t first, uint64_t end)
{
    uint64_t points = picture->first[picture->tiles];
    uint32_t shares = picture->run.parameters.shares;
    uint64_t from = point_file_first(points, shares, share);
    uint64_t until = point_file_first(points, shares, share + 1);
    from = from > first ? from : first;
    until = until < end ? until : end;
    return until > from ? until - from : 0;
}

static struct line_tile tile_of(const struct picture *picture, uint32_t tile)
{
    uint64_t first = picture->first[tile];
    uint64_t end = picture->first[tile + 1];
    uint64_t points = picture->first[picture->tiles];
    uint32_t shares = picture->run.parameters.shares;
    uint64_t done = 0;
    bool begun = false;
    if (first == end)
        return (struct line_tile){LINE_TILE_OUTSIDE, 0};
    if (picture->rebuilt[tile])
        return (struct line_tile){LINE_TILE_REBUILT, 1};
    uint32_t last = point_file_share(points, shares, end - 1);
    for (uint32_t share = point_file_share(points, shares, first); share <= last; share++) {
        begun = begun || picture->shares[share] != SHARE_FREE;
        if (picture->shares[share] == SHARE_FINISHED)
            done += overlap(picture, share, first, end);
    }
    return (struct line_tile){begun ? LINE_TILE_ASKING : LINE_TILE_WAITING,
                              (double)done / (double)(end - first)};
}

static int describe(const struct picture *picture, struct line_tiles *out, struct error *err)
{
    struct line_tile *tiles = calloc((size_t)picture->tiles + 1, sizeof *tiles);
    if (tiles == NULL)
        return error_memory(err, "the tiles");
    for (uint32_t tile = 0; tile < picture->tiles; tile++)
        tiles[tile] = tile_of(picture, tile);
    *out = (struct line_tiles){.grid = picture->run.grid, .tiles = tiles};
    memcpy(out->run, picture->run.id, sizeof out->run);
    return 1;
}

/* The ledger has closed the run, whose files are being removed: there is nothing left to tell. */
static bool is_over(struct line *line, const struct run_record *run)
{
    struct run_record active;
    int found = ledger_run(line->ledger, &active, NULL);
    return found == 0 || (found == 1 && strcmp(active.id, run->id) != 0);
}

int line_tiles(struct line *line, struct line_tiles *out, struct error *err)
{
    struct picture picture = {0};
    struct run_record run = run_copy(line);
    if (run.id[0] == '\0' || run.phase == PHASE_SNAPSHOT)
        return 0;
    int result = picture_open(&picture, &run, err);
    if (result == 0 && !look_at_stations(line, &picture))
        result = look_at_ledger(line, &picture, err);
    if (result == 0)
        result = describe(&picture, out, err);
    picture_close(&picture);
    return result < 0 && is_over(line, &run) ? 0 : result;
}

void line_tiles_free(struct line_tiles *tiles)
{
    free(tiles->tiles);
    *tiles = (struct line_tiles){0};
}
