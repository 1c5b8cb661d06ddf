#include "stages/lookup.h"

#include <stdlib.h>

struct lookups {
    struct follower *follower;
    struct learned *learned; /* NULL is allowed */
};

struct lookup_reader {
    const struct lookups *lookups;
    struct follow_reader *published;
    struct learned_reader *learned; /* NULL when the lookups have none */
    bool published_held, learned_begun;
};

int lookups_open(struct lookups **out, struct follower *follower, struct learned *learned,
                 struct error *err)
{
    struct lookups *lookups = malloc(sizeof *lookups);
    if (lookups == NULL)
        return error_memory(err, "lookups");
    *lookups = (struct lookups){follower, learned};
    *out = lookups;
    return 0;
}

void lookups_close(struct lookups *lookups)
{
    free(lookups);
}

int lookup_reader_open(struct lookup_reader **out, struct lookups *lookups, struct error *err)
{
    struct lookup_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return error_memory(err, "a reader");
    reader->lookups = lookups;
    if (follow_reader_open(&reader->published, lookups->follower, err) != 0 ||
        (lookups->learned != NULL &&
         learned_reader_open(&reader->learned, lookups->learned, err) != 0)) {
        lookup_reader_close(reader);
        return -1;
    }
    *out = reader;
    return 0;
}

void lookup_reader_close(struct lookup_reader *reader)
{
    if (reader == NULL)
        return;
    learned_reader_close(reader->learned);
    follow_reader_close(reader->published);
    free(reader);
}

static int find_published(const struct cache *cache, struct point point, double radius,
                          struct lookup_best *out, struct error *err)
{
    struct cache_hit hit;
    int found = cache_nearest(cache, point, radius, &hit, err);
    if (found <= 0)
        return found;
    if (cache_entry(cache, &hit, &out->entry, err) != 0)
        return -1;
    out->found = !lookup_is_unknown(&out->entry);
    out->distance = hit.distance;
    return 0;
}

int lookup_prefer_learned(struct learned_reader *reader, struct point point, double radius,
                          struct lookup_best *best, struct error *err)
{
    struct entry entry;
    double distance;
    if (best->found)
        radius = best->distance;
    int found = learned_nearest(reader, point, radius, &entry, &distance, err);
    if (found <= 0)
        return found;
    if (best->found && distance == best->distance && entry.refreshed_at <= best->entry.refreshed_at)
        return 0;
    *best = (struct lookup_best){true, distance, entry};
    return 1;
}

/* Begin a view of what is learned and hold the generation, in this order. When nothing is learned
 * no view is begun: what was there before was removed after every follow_hold gives the generation
 * that has it, and who sees the count after the removal sees that generation too. */
static int begin(struct lookup_reader *reader, const struct cache **cache, struct error *err)
{
    if (reader->learned != NULL && learned_count(reader->lookups->learned) > 0) {
        if (learned_begin(reader->learned, err) != 0)
            return -1;
        reader->learned_begun = true;
    }
    *cache = follow_hold(reader->published);
    reader->published_held = true;
    return 0;
}

int lookup_find(struct lookup_reader *reader, struct point point, double radius,
                struct lookup_found *out, struct error *err)
{
    const struct cache *cache;
    struct lookup_best best;
    int learned = 0;
    best.found = false;
    if (begin(reader, &cache, err) != 0 ||
        (cache != NULL && find_published(cache, point, radius, &best, err) != 0))
        return -1;
    if (reader->learned_begun)
        learned = lookup_prefer_learned(reader->learned, point, radius, &best, err);
    if (learned < 0)
        return -1;
    out->result = LOOKUP_MISS;
    out->learned = learned > 0;
    out->generation = cache != NULL ? cache_manifest(cache)->generation : 0;
    if (best.found) {
        out->result = best.entry.outcome == OUTCOME_NONE ? LOOKUP_KNOWN : LOOKUP_HIT;
        out->distance = best.distance;
        out->entry = best.entry;
    }
    return 0;
}

void lookup_end(struct lookup_reader *reader)
{
    if (reader->published_held)
        follow_let_go(reader->published);
    if (reader->learned_begun)
        learned_end(reader->learned);
    reader->published_held = reader->learned_begun = false;
}
