/* Which points a run asks: the one rule that planning and writing share, for learned entries as for
 * others. Internal to stages/snapshot*.c.
 *
 *   selection_open(&selection, ...);
 *   for each tile: selection_tile(&selection, tile, err)
 *       while ((count = selection_fill(&selection, codes, outcomes, room, err)) > 0) ...
 *   selection_close(&selection); */
#ifndef REFRESHD_STAGES_SNAPSHOT_SELECT_H
#define REFRESHD_STAGES_SNAPSHOT_SELECT_H

#include "stages/snapshot.h"

enum tile_choice {
    TILE_NONE, /* no entry of the tile is selected */
    TILE_ALL,  /* every entry is */
    TILE_SOME, /* only looking tells */
};

struct selection {
    const struct merged *merged;
    const struct run_parameters *parameters;
    const struct control *control;      /* NULL is allowed */
    struct snapshot_progress *progress; /* NULL is allowed */
    struct failure_walk *failures;      /* NULL: not only failures */
    uint32_t tile;
    enum tile_choice choice;
    bool filling; /* there may be more to fill */
    const struct point
        *points;             /* of a tile whose entries are all asked and found; else NULL, and */
    uint64_t row, rows;      /* what is left of them; */
    struct merged_walk walk; /* the others are walked */
};

int selection_open(struct selection *selection, const struct merged *merged,
                   const struct run_parameters *parameters, struct ledger *ledger,
                   const char *retry_of, const struct control *control,
                   struct snapshot_progress *progress, struct error *err);
void selection_close(struct selection *selection);

/* selection_choice: as much as the manifests alone tell. */
enum tile_choice selection_choice(const struct selection *selection, uint32_t tile);

/* selection_tile: stand before the tile's first entry. */
int selection_tile(struct selection *selection, uint32_t tile, struct error *err);

/* selection_fill: the next selected points of the tile, at most room; 0 = no more, -1 = error,
 * ERROR_CANCELED when control ends. */
int64_t selection_fill(struct selection *selection, uint64_t *codes, uint8_t *outcomes, size_t room,
                       struct error *err);

#endif
