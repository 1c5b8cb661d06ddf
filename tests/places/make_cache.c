/* make_cache DIRECTORY COUNT: a published cache of COUNT made-up points, without going through CSV.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cachefmt/generation.h"
#include "cachefmt/pair_builder.h"
#include "quadtree/morton.h"
#include "tests/places/places.h"

#define LONG_AGO 1600000000u

static const struct grid world = {24, 24};

struct codes {
    uint64_t *code; /* grouped by tile, sorted */
    uint64_t first_of_tile[577];
};

static int make_codes(const struct places *places, uint64_t count, struct codes *codes)
{
    uint64_t *code = malloc(count * sizeof *code);
    uint64_t *scratch = malloc(count * sizeof *scratch);
    uint64_t next[577] = {0};
    if (code == NULL || scratch == NULL)
        return -1;
    for (uint64_t i = 0; i < count; i++) {
        struct point point = places_point(places, i);
        scratch[i] = morton_encode(point);
        next[grid_tile(world, point) + 1]++;
    }
    for (uint32_t t = 0; t < 576; t++)
        next[t + 1] += next[t];
    for (uint32_t t = 0; t <= 576; t++)
        codes->first_of_tile[t] = next[t];
    for (uint64_t i = 0; i < count; i++)
        code[next[grid_tile(world, morton_decode(scratch[i]))]++] = scratch[i];
    for (uint32_t t = 0; t < 576; t++) {
        uint64_t first = codes->first_of_tile[t];
        quadtree_sort(code + first, scratch, codes->first_of_tile[t + 1] - first);
    }
    free(scratch);
    codes->code = code;
    return 0;
}

static int add_entries(struct pair_builder *builder, const struct places *places,
                       const uint64_t *code, uint64_t count, struct buffer *text, struct error *err)
{
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0 && code[i] == code[i - 1])
            continue;
        struct entry entry = {.point = morton_decode(code[i]), .refreshed_at = LONG_AGO};
        if (places_address(places, entry.point, 0, text, &entry.address, err) != 0 ||
            pair_builder_add(builder, &entry, err) != 0)
            return -1;
    }
    return 0;
}

static int build_tile(const char *directory, const struct places *places, uint32_t tile,
                      const uint64_t *code, uint64_t count, struct manifest_tile *row,
                      struct error *err)
{
    char *index_path;
    char *data_path;
    struct pair_builder *builder;
    struct buffer text = {0};
    if (generation_pair_paths(directory, tile, 1, &index_path, &data_path, err) != 0)
        return -1;
    int result = pair_builder_create(&builder, index_path, data_path, world, tile, err);
    if (result == 0) {
        result = add_entries(builder, places, code, count, &text, err);
        if (result == 0)
            result = pair_builder_commit(builder, &row->info, err);
        else
            pair_builder_abort(builder);
    }
    row->built = 1;
    buffer_free(&text);
    free(index_path);
    free(data_path);
    return result;
}

static int build(const char *directory, uint64_t count, struct error *err)
{
    struct places *places;
    struct codes codes;
    struct manifest *manifest;
    struct cache_lock *lock;
    if (places_open(&places, err) != 0 ||
        cache_lock_acquire(&lock, directory, "make_cache", NULL, err) != 0 ||
        manifest_create(&manifest, world, err) != 0)
        return -1;
    if (make_codes(places, count, &codes) != 0)
        return error_memory(err, "the points");
    for (uint32_t t = 0; t < 576; t++) {
        uint64_t first = codes.first_of_tile[t];
        uint64_t points = codes.first_of_tile[t + 1] - first;
        if (points > 0 && build_tile(directory, places, t, codes.code + first, points,
                                     &manifest->tiles[t], err) != 0)
            return -1;
    }
    manifest->generation = 1;
    (void)snprintf(manifest->run, sizeof manifest->run, "import");
    manifest->published = LONG_AGO;
    manifest_seal(manifest);
    return generation_publish(directory, manifest, err);
}

int main(int argc, char **argv)
{
    struct error err;
    if (argc != 3) {
        (void)fprintf(stderr, "make_cache DIRECTORY COUNT\n");
        return 2;
    }
    if (build(argv[1], strtoull(argv[2], NULL, 10), &err) != 0) {
        (void)fprintf(stderr, "make_cache: %s\n", err.message);
        return 1;
    }
    return 0;
}
