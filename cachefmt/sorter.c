#include "cachefmt/sorter.h"

#include <stdlib.h>

#include "cachefmt/sort_keys.h"
#include "cachefmt/sort_merge.h"
#include "cachefmt/sort_record.h"

#define MEMORY_DEFAULT ((size_t)64 * 1024 * 1024)
#define MEMORY_LEAST ((size_t)1024 * 1024) /* any one record fits */
#define MEMORY_MOST ((size_t)4 * 1024 * 1024 * 1024)
#define RECORD_ALIGNMENT 8

_Static_assert(SORT_RECORD_BODY_LIMIT + 256 < MEMORY_LEAST, "a record fits in the least memory");

/* Records grow from the arena's beginning, keys downwards from its end; the gap between stays as
 * large as the keys, because sorting them needs as much again. */
struct sorter {
    char *directory;
    unsigned char *arena;
    size_t arena_bytes;
    size_t used;           /* by records */
    struct sort_key *keys; /* the first one; one before the arena's end to begin with */
    size_t count;
    struct sort_merge *merge; /* NULL: everything fits */
    size_t next;              /* of keys, when everything fits */
    unsigned char *body;      /* of the record that is handed out, when merging */
    uint64_t repeated;
};

int sorter_create(struct sorter **out, const char *directory, size_t memory, struct error *err)
{
    if (memory == 0)
        memory = MEMORY_DEFAULT;
    memory = memory < MEMORY_LEAST ? MEMORY_LEAST : memory;
    memory = memory > MEMORY_MOST ? MEMORY_MOST : memory;
    struct sorter *sorter = calloc(1, sizeof *sorter);
    if (sorter == NULL)
        return error_memory(err, "sorting");
    sorter->arena_bytes = memory / sizeof(struct sort_key) * sizeof(struct sort_key);
    sorter->arena = malloc(sorter->arena_bytes);
    sorter->directory = strdup(directory);
    if (sorter->arena == NULL || sorter->directory == NULL) {
        sorter_free(sorter);
        return error_memory(err, "sorting");
    }
    sorter->keys = (struct sort_key *)(void *)(sorter->arena + sorter->arena_bytes);
    *out = sorter;
    return 0;
}

void sorter_free(struct sorter *sorter)
{
    if (sorter == NULL)
        return;
    sort_merge_free(sorter->merge);
    free(sorter->body);
    free(sorter->arena);
    free(sorter->directory);
    free(sorter);
}

static const struct sort_record *record_at(const struct sorter *sorter, const struct sort_key *key)
{
    return (const void *)(sorter->arena + (size_t)key->record * RECORD_ALIGNMENT);
}

/* Keys were added downwards: bring them into the order of arrival, then sort. */
static void sort_arena(struct sorter *sorter)
{
    struct sort_key *keys = sorter->keys;
    for (size_t low = 0, high = sorter->count; low + 1 < high; low++) {
        high--;
        struct sort_key key = keys[low];
        keys[low] = keys[high];
        keys[high] = key;
    }
    sort_keys(keys, keys - sorter->count, sorter->count);
}

static int spill(struct sorter *sorter, struct error *err)
{
    if (sorter->merge == NULL && sort_merge_create(&sorter->merge, sorter->directory, err) != 0)
        return -1;
    sort_arena(sorter);
    for (size_t i = 0; i < sorter->count; i++) {
        const struct sort_record *record = record_at(sorter, &sorter->keys[i]);
        if (sort_merge_write(sorter->merge, record, sizeof *record + record->bytes, err) != 0)
            return -1;
    }
    sorter->used = 0;
    sorter->count = 0;
    sorter->keys = (struct sort_key *)(void *)(sorter->arena + sorter->arena_bytes);
    return sort_merge_end_run(sorter->merge, err);
}

int sorter_add(struct sorter *sorter, uint32_t tile, const struct entry *entry, struct error *err)
{
    size_t body_bytes = sort_record_body_bytes(entry);
    if (body_bytes > SORT_RECORD_BODY_LIMIT)
        return error_set(err, ERROR_VALUE, "an address has a field over %zu bytes",
                         FIELD_BYTES_LIMIT);
    size_t bytes = sizeof(struct sort_record) + body_bytes;
    bytes = (bytes + RECORD_ALIGNMENT - 1) / RECORD_ALIGNMENT * RECORD_ALIGNMENT;
    size_t keys_bytes = 2 * (sorter->count + 1) * sizeof(struct sort_key);
    if (bytes + keys_bytes > sorter->arena_bytes - sorter->used && spill(sorter, err) != 0)
        return -1;
    struct sort_record *record = (void *)(sorter->arena + sorter->used);
    sort_record_encode(entry, tile, body_bytes, record, (unsigned char *)(record + 1));
    sorter->keys--;
    *sorter->keys =
        (struct sort_key){record->code, tile, (uint32_t)(sorter->used / RECORD_ALIGNMENT)};
    sorter->count++;
    sorter->used += bytes;
    return 0;
}

int sorter_finish(struct sorter *sorter, struct error *err)
{
    if (sorter->merge == NULL) {
        sort_arena(sorter);
        return 0;
    }
    if (sorter->count > 0 && spill(sorter, err) != 0)
        return -1;
    sorter->body = malloc(SORT_RECORD_BODY_LIMIT);
    if (sorter->body == NULL)
        return error_memory(err, "merging");
    return sort_merge_begin(sorter->merge, sorter->arena, sorter->arena_bytes, err);
}

static const struct sort_record *head(const struct sorter *sorter)
{
    if (sorter->merge != NULL)
        return sort_merge_head(sorter->merge);
    return sorter->next < sorter->count ? record_at(sorter, &sorter->keys[sorter->next]) : NULL;
}

/* Take the head's body, or drop it (body NULL). */
static int take(struct sorter *sorter, const unsigned char **body, struct error *err)
{
    if (sorter->merge == NULL) {
        if (body != NULL)
            *body = (const unsigned char *)(head(sorter) + 1);
        sorter->next++;
        return 0;
    }
    if (body != NULL)
        *body = sorter->body;
    return sort_merge_take(sorter->merge, body != NULL ? sorter->body : NULL, err);
}

int sorter_next(struct sorter *sorter, uint32_t *tile, struct entry *out, struct error *err)
{
    const struct sort_record *record = head(sorter);
    const unsigned char *body;
    if (record == NULL)
        return 0;
    struct sort_record best = *record;
    if (take(sorter, &body, err) != 0)
        return -1;
    while ((record = head(sorter)) != NULL && sort_record_same_point(record, &best)) {
        bool better = record->refreshed_at >= best.refreshed_at;
        if (better)
            best = *record;
        if (take(sorter, better ? &body : NULL, err) != 0)
            return -1;
        sorter->repeated++;
    }
    if (!sort_record_decode(&best, body, out))
        return error_set(err, ERROR_CORRUPT, "a scratch file in %s does not hold what was written",
                         sorter->directory);
    *tile = best.tile;
    return 1;
}

uint64_t sorter_repeated(const struct sorter *sorter)
{
    return sorter->repeated;
}

bool sorter_spilled(const struct sorter *sorter)
{
    return sorter->merge != NULL;
}
