#include "geocache/reader.h"

#include <stdlib.h>
#include <string.h>

#define OWN_LINES 128 /* bytes: what one thread writes shares no cache line with another's */

int geocache_reader_open(struct geocache_reader **out, struct geocache *cache,
                         struct geocache_error *error)
{
    struct error err;
    const size_t bytes = (sizeof(struct geocache_reader) + OWN_LINES - 1) / OWN_LINES * OWN_LINES;
    struct geocache_reader *reader = aligned_alloc(OWN_LINES, bytes);
    if (reader == NULL) {
        error_memory(&err, "a reader");
        return report(error, &err);
    }
    memset(reader, 0, bytes);
    if (answers_room(&reader->answers, 1, &err) != 0 ||
        follow_reader_open(&reader->follow, cache->follower, &err) != 0) {
        geocache_reader_close(reader);
        return report(error, &err);
    }
    *out = reader;
    return 0;
}

void geocache_reader_close(struct geocache_reader *reader)
{
    if (reader == NULL)
        return;
    follow_reader_close(reader->follow);
    answers_free(&reader->answers);
    free(reader->points);
    free(reader->hits);
    free(reader);
}

static void describe(struct geocache_reader *reader, const struct manifest *manifest)
{
    struct cache_figures figures = manifest_figures(manifest);
    memcpy(reader->run, manifest->run, sizeof reader->run);
    (void)pair_id_format(&manifest->digest, reader->digest);
    reader->info = (struct geocache_info){
        .generation = manifest->generation,
        .published = manifest->published,
        .run = reader->run,
        .digest = reader->digest,
        .entries = figures.entries,
        .found = figures.outcomes[OUTCOME_FOUND],
        .none = figures.outcomes[OUTCOME_NONE],
        .unsure = figures.outcomes[OUTCOME_UNSURE],
        .oldest = figures.oldest,
        .newest = figures.newest,
        .tiles = figures.tiles,
        .tiles_nonempty = figures.tiles_nonempty,
        .index_bytes = figures.index_bytes,
        .data_bytes = figures.data_bytes,
    };
}

const struct geocache_info *geocache_info(struct geocache_reader *reader)
{
    const struct cache *cache = follow_hold(reader->follow);
    if (cache != NULL)
        describe(reader, cache_manifest(cache));
    else
        reader->info = (struct geocache_info){.run = "", .digest = ""};
    follow_let_go(reader->follow);
    return &reader->info;
}
