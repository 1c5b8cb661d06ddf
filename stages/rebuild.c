#include "stages/rebuild_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cachefmt/generation.h"

/* --- the new pair ----------------------------------------------------------------- */

/* Every entry must have come over, and what was written must read back as it was meant. */
static int check_pair(struct rebuild *rebuild, uint64_t entries, struct error *err)
{
    const struct manifest_tile *row = &rebuild->record->row;
    struct pair *pair;
    if (row->info.entries != entries)
        return error_set(err, ERROR_CORRUPT,
                         "tile %u was rebuilt with %" PRIu64 " entries instead of %" PRIu64,
                         row->info.tile, row->info.entries, entries);
    if (generation_pair_open(&pair, rebuild->settings->cache_directory, row, err) != 0)
        return -1;
    int result = pair_verify(pair, false, err);
    pair_close(pair);
    return result;
}

static int build_pair(struct rebuild *rebuild, uint64_t entries, struct error *err)
{
    const struct rebuild_settings *settings = rebuild->settings;
    struct tile_record *record = rebuild->record;
    struct pair_builder *builder;
    char *index_path;
    char *data_path;
    int result = -1;
    record->found_before = 0; /* the join counts */
    if (generation_pair_paths(settings->cache_directory, record->tile, settings->generation,
                              &index_path, &data_path, err) != 0)
        return -1;
    if (pair_builder_create(&builder, index_path, data_path, cache_grid(settings->merged->base),
                            record->tile, err) != 0)
        goto out;
    if (rebuild_join(rebuild, builder, err) != 0) {
        pair_builder_abort(builder);
        goto out;
    }
    pulse_beat(settings->pulse);
    record->row.built = settings->generation;
    if (pair_builder_commit(builder, &record->row.info, err) != 0)
        goto out;
    pulse_beat(settings->pulse);
    result = check_pair(rebuild, entries, err);
out:
    free(index_path);
    free(data_path);
    return result;
}

/* --- the tile ------------------------------------------------------------------------- */

static int build_tile(struct rebuild *rebuild, struct error *err)
{
    const struct rebuild_settings *settings = rebuild->settings;
    uint32_t tile = rebuild->record->tile;
    bool asked = rebuild->answers.next < rebuild->answers.end;
    struct merged_tile counted;
    if (merged_count(settings->merged, tile, &counted, err) != 0)
        return -1;
    if (asked && counted.entries == 0)
        return error_set(err, ERROR_CORRUPT, "points of tile %u were asked but it is empty", tile);
    if (!asked && counted.folded == 0)
        return 0;
    return build_pair(rebuild, counted.entries, err);
}

static int record_tile(const struct rebuild *rebuild, const struct counting *counting,
                       struct error *err)
{
    struct buffer bytes = {0};
    struct counted counted = {.answers = counting->rebuild.count};
    int result = 0;
    if (counted.answers > 0)
        result = tally_write(counting->rebuild.tally, &bytes, err);
    counted.data = bytes.data;
    counted.bytes = bytes.used;
    if (result == 0)
        result = ledger_tile_rebuilt(rebuild->settings->ledger, rebuild->record, &counted, err);
    buffer_free(&bytes);
    return result;
}

int rebuild_tile(const struct rebuild_settings *settings, uint32_t tile, struct tile_record *out,
                 struct error *err)
{
    const uint64_t *first = &settings->first_ordinal_of_tile[tile];
    struct tile_record record = {.tile = tile,
                                 .row = cache_manifest(settings->merged->base)->tiles[tile]};
    struct rebuild rebuild = {.settings = settings, .record = &record};
    struct counting counting;
    record.found_before = record.row.info.outcomes[OUTCOME_FOUND];
    if (counting_start(&counting, settings, tile, err) != 0)
        return -1;
    answer_stream_open(&rebuild.answers, settings, NULL, first[0], first[1]);
    int result = build_tile(&rebuild, err);
    if (counting_wait(&counting, result == 0 ? err : NULL) != 0)
        result = -1;
    if (result == 0)
        result = record_tile(&rebuild, &counting, err);
    answer_stream_close(&rebuild.answers);
    counting_end(&counting);
    if (result == 0)
        *out = record;
    return result;
}
