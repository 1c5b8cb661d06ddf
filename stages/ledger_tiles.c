#include "stages/ledger_store.h"

#include "base/bytes.h"

#define TILE_KEY_BYTES 4

static int get_tile(struct work *work, uint32_t tile, struct tile_record *out, struct error *err)
{
    unsigned char key[TILE_KEY_BYTES];
    struct view view;
    bytes_put32_big(key, tile);
    int found = store_get(work, TABLE_TILES, key, sizeof key, TILE_RECORD_VERSION, &view, err);
    if (found == 1 && (!tile_record_read(&view, out) || out->tile != tile))
        return store_damaged(work->ledger, "a rebuilt tile makes no sense", err);
    return found;
}

static int put_tile(struct work *work, const struct tile_record *tile,
                    const struct counted *counted, struct error *err)
{
    struct run_record run;
    struct tile_record before;
    uint64_t number;
    if (active_need(work, &number, &run, err) != 0)
        return -1;
    int found = get_tile(work, tile->tile, &before, err);
    if (found < 0)
        return -1;
    run.counts.changed += tile->changed - (found == 1 ? before.changed : 0);
    run.counts.tiles_rebuilt += found == 0;
    unsigned char key[TILE_KEY_BYTES];
    struct record record;
    bytes_put32_big(key, tile->tile);
    tile_record_write(&record, tile);
    record_number(&record, 0); /* where earlier versions have what changed by country */
    if (store_put(work, TABLE_TILES, key, sizeof key, &record, err) != 0 ||
        tally_keep(work, tile->tile, counted, err) != 0)
        return -1;
    return active_put(work, number, &run, err);
}

int tile_drop(struct work *work, uint32_t tile, struct run_counts *counts, struct error *err)
{
    unsigned char key[TILE_KEY_BYTES];
    struct tile_record record;
    int found = get_tile(work, tile, &record, err);
    if (found != 1)
        return found;
    if (record.changed > counts->changed || counts->tiles_rebuilt == 0)
        return store_damaged(work->ledger, "rebuilt tiles and counts differ", err);
    counts->changed -= record.changed;
    counts->tiles_rebuilt--;
    bytes_put32_big(key, tile);
    if (store_delete(work, TABLE_TILES, key, sizeof key, err) != 0)
        return -1;
    return tally_drop(work, tile, err);
}

int ledger_tile_rebuilt(struct ledger *ledger, const struct tile_record *tile,
                        const struct counted *counted, struct error *err)
{
    struct work work;
    if (work_begin(&work, ledger, true, err) != 0)
        return -1;
    return work_end(&work, put_tile(&work, tile, counted, err), err);
}

int ledger_tile(struct ledger *ledger, uint32_t tile, struct tile_record *out, struct error *err)
{
    struct work work;
    struct tile_record found_tile;
    if (work_begin(&work, ledger, false, err) != 0)
        return -1;
    int found = work_end(&work, get_tile(&work, tile, &found_tile, err), err);
    if (found == 1)
        *out = found_tile;
    return found;
}
