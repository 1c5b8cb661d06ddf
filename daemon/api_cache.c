#include "daemon/api_cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"

#define SHORTEST_LIFE 0.5  /* seconds */
#define LIFE_FOR_EFFORT 20 /* times what making it took */

/* The lock guards the rest; it is not held while a document is made. */
struct shelf {
    pthread_mutex_t lock;
    struct buffer text; /* empty: none yet */
    double until;       /* clock_monotonic: fresh before */
    bool making;
};

struct api_cache {
    struct shelf shelves[API_DOCUMENTS];
};

int api_cache_create(struct api_cache **out, struct error *err)
{
    struct api_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return error_memory(err, "the documents of the API");
    for (int i = 0; i < API_DOCUMENTS; i++)
        (void)pthread_mutex_init(&cache->shelves[i].lock, NULL);
    *out = cache;
    return 0;
}

void api_cache_free(struct api_cache *cache)
{
    if (cache == NULL)
        return;
    for (int i = 0; i < API_DOCUMENTS; i++) {
        buffer_free(&cache->shelves[i].text);
        (void)pthread_mutex_destroy(&cache->shelves[i].lock);
    }
    free(cache);
}

/* 1 = out has it, 0 = the caller is to make it (and, when *mine, to put it on the shelf), -1. */
static int take(struct shelf *shelf, struct buffer *out, bool *mine, struct error *err)
{
    int result = 0;
    (void)pthread_mutex_lock(&shelf->lock);
    bool there = shelf->text.used > 0;
    if (there && (shelf->making || clock_monotonic() < shelf->until))
        result = buffer_append(out, shelf->text.data, shelf->text.used, err) == 0 ? 1 : -1;
    *mine = result == 0 && !shelf->making;
    if (*mine)
        shelf->making = true;
    (void)pthread_mutex_unlock(&shelf->lock);
    return result;
}

/* Keep what was made: the end of out from `start` on; nothing, when that failed. A document that
 * could not be kept is made again for the next reader. */
static void put(struct shelf *shelf, const struct buffer *out, size_t start, double effort)
{
    double life = effort * LIFE_FOR_EFFORT;
    (void)pthread_mutex_lock(&shelf->lock);
    buffer_clear(&shelf->text);
    if (out->used > start &&
        buffer_append(&shelf->text, out->data + start, out->used - start, NULL) != 0)
        buffer_clear(&shelf->text);
    shelf->until = clock_monotonic() + (life > SHORTEST_LIFE ? life : SHORTEST_LIFE);
    shelf->making = false;
    (void)pthread_mutex_unlock(&shelf->lock);
}

int api_cache_read(struct api_cache *cache, enum api_document which, api_maker *make,
                   const void *context, struct buffer *out, struct error *err)
{
    struct shelf *shelf = &cache->shelves[which];
    bool mine;
    int found = take(shelf, out, &mine, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    size_t start = out->used;
    double from = clock_monotonic();
    int result = make(context, out, err);
    if (result != 0)
        out->used = start;
    if (mine)
        put(shelf, out, start, clock_monotonic() - from);
    return result;
}
