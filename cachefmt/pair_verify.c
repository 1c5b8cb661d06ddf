#include <stdlib.h>
#include <string.h>

#include "cachefmt/pair_reader.h"
#include "quadtree/morton.h"

static int verify_checksums(const struct pair *pair, struct error *err)
{
    const struct pair_section *table = &pair->data_header.section[SECTION_SEGMENT_TABLE];
    if (pair_check_index(pair, err) != 0 || pair_segments(pair, err) != 0)
        return -1;
    if (!checksum_equal(checksum_of(pair->data + table->offset, table->bytes), table->checksum))
        return pair_corrupt(pair->data_name, "the checksum of its segment table does not match",
                            err);
    for (uint32_t s = 0; s < pair->checks->segments; s++) {
        if (pair_check_segment(pair, &pair->checks->slots[s].where, err) != 0)
            return -1;
    }
    return 0;
}

static int verify_points(const struct pair *pair, const struct quadtree *tree, struct error *err)
{
    struct box box = grid_tile_box(pair->info.grid, pair->info.tile);
    uint64_t before = 0;
    for (size_t row = 0; row < tree->count; row++) {
        struct point point = tree->points[row];
        uint64_t code = morton_encode(point);
        if (!point_is_valid(point) || !box_contains(box, point))
            return error_set(err, ERROR_CORRUPT, "%s: row %zu is not in tile %u; " PAIR_ADVICE,
                             pair->index_name, row, pair->info.tile);
        if (row > 0 && code <= before)
            return error_set(err, ERROR_CORRUPT, "%s: row %zu is out of order; " PAIR_ADVICE,
                             pair->index_name, row);
        before = code;
    }
    size_t end = pair->index_header.section[SECTION_POINTS].bytes / sizeof *tree->points;
    for (size_t at = tree->count; at < end; at++) {
        if (tree->points[at].lat != 0 || tree->points[at].lon != 0)
            return pair_corrupt(pair->index_name, "the space behind its points is not zero", err);
    }
    return 0;
}

static int verify_directory(const struct pair *pair, const struct quadtree *tree, struct error *err)
{
    size_t bytes = quadtree_directory_bytes(tree->count);
    if (bytes == 0)
        return 0;
    uint64_t *directory = malloc(bytes);
    if (directory == NULL)
        return error_memory(err, pair->index_name);
    quadtree_build(tree->points, tree->count, directory);
    int differs = memcmp(directory, tree->directory, bytes);
    free(directory);
    if (differs != 0)
        return pair_corrupt(pair->index_name, "the directory is not that of its points", err);
    return 0;
}

static int verify_text(const struct pair *pair, struct error *err)
{
    uint64_t row = 0;
    while (row < pair->info.entries) {
        const struct segment_slot *slot;
        if (pair_segment(pair, row, &slot, err) != 0)
            return -1;
        if (!segment_text_is_valid(&slot->segment))
            return error_set(err, ERROR_CORRUPT,
                             "%s: the segment at row %llu holds text that is not UTF-8 or too "
                             "long; " PAIR_ADVICE,
                             pair->data_name, (unsigned long long)slot->where.first_row);
        row = slot->where.first_row + slot->where.rows;
    }
    return 0;
}

/* Decode every entry and count again what the header says. */
static int verify_entries(const struct pair *pair, struct error *err)
{
    struct pair_info seen = {.oldest = UINT32_MAX};
    struct pair_cursor cursor;
    struct entry entry;
    int more;
    pair_walk(&cursor, pair, 0);
    while ((more = pair_next(&cursor, &entry, err)) == 1) {
        seen.outcomes[entry.outcome]++;
        seen.oldest = entry.refreshed_at < seen.oldest ? entry.refreshed_at : seen.oldest;
        seen.newest = entry.refreshed_at > seen.newest ? entry.refreshed_at : seen.newest;
    }
    if (more < 0)
        return -1;
    if (memcmp(seen.outcomes, pair->info.outcomes, sizeof seen.outcomes) != 0 ||
        seen.oldest != pair->info.oldest || seen.newest != pair->info.newest)
        return pair_corrupt(pair->data_name, "its entries are not those that the header counts",
                            err);
    return 0;
}

int pair_verify(const struct pair *pair, bool deep, struct error *err)
{
    if (verify_checksums(pair, err) != 0)
        return -1;
    if (!deep)
        return 0;
    const struct quadtree *tree;
    if (pair_quadtree(pair, &tree, err) != 0 || verify_points(pair, tree, err) != 0 ||
        verify_directory(pair, tree, err) != 0 || verify_text(pair, err) != 0)
        return -1;
    return verify_entries(pair, err);
}
