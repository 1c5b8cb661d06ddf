#include "cachefmt/pair_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/mapping.h"
#include "cachefmt/pair_segment_builder.h"
#include "quadtree/morton.h"

#define POINTS_AT_ONCE 4096

struct pair_builder {
    struct durable_file *index, *data;
    char *index_path, *data_path, *index_temporary;
    struct grid grid;
    uint32_t tile;
    struct box box; /* of the tile */
    uint64_t entries;
    uint64_t outcomes[OUTCOME_COUNT];
    uint32_t oldest, newest;
    uint64_t last_code;
    XXH3_state_t *points_state;
    struct segment_builder segment;
    struct buffer table; /* of struct pair_segment_row */
    uint64_t segment_first;
    unsigned waiting; /* points not written yet */
    struct point points[POINTS_AT_ONCE];
};

void pair_builder_abort(struct pair_builder *builder)
{
    if (builder == NULL)
        return;
    durable_abort(builder->index);
    durable_abort(builder->data);
    segment_builder_free(&builder->segment);
    buffer_free(&builder->table);
    (void)XXH3_freeState(builder->points_state);
    free(builder->index_path);
    free(builder->data_path);
    free(builder->index_temporary);
    free(builder);
}

int pair_builder_create(struct pair_builder **out, const char *index_path, const char *data_path,
                        struct grid grid, uint32_t tile, struct error *err)
{
    static const unsigned char no_header[PAIR_HEADER_BYTES];
    if (grid.rows == 0 || grid.rows > GRID_SIDE_LIMIT || grid.columns == 0 ||
        grid.columns > GRID_SIDE_LIMIT || tile >= grid_tiles(grid))
        return error_set(err, ERROR_VALUE, "%s: there is no tile %u on a grid of %ux%u", index_path,
                         tile, grid.rows, grid.columns);
    struct pair_builder *builder = calloc(1, sizeof *builder);
    if (builder == NULL)
        return error_memory(err, index_path);
    builder->grid = grid;
    builder->tile = tile;
    builder->box = grid_tile_box(grid, tile);
    builder->oldest = UINT32_MAX;
    builder->index_path = strdup(index_path);
    builder->data_path = strdup(data_path);
    if (asprintf(&builder->index_temporary, "%s.tmp", index_path) < 0)
        builder->index_temporary = NULL;
    builder->points_state = XXH3_createState();
    if (builder->index_path == NULL || builder->data_path == NULL ||
        builder->index_temporary == NULL || builder->points_state == NULL) {
        error_memory(err, index_path);
        goto fail;
    }
    (void)XXH3_128bits_reset(builder->points_state);
    if (durable_create(&builder->index, index_path, err) != 0 ||
        durable_create(&builder->data, data_path, err) != 0 ||
        durable_write(builder->index, no_header, sizeof no_header, err) != 0 ||
        durable_write(builder->data, no_header, sizeof no_header, err) != 0)
        goto fail;
    *out = builder;
    return 0;
fail:
    pair_builder_abort(builder);
    return -1;
}

static int write_points(struct pair_builder *builder, struct error *err)
{
    size_t bytes = builder->waiting * sizeof *builder->points;
    (void)XXH3_128bits_update(builder->points_state, builder->points, bytes);
    builder->waiting = 0;
    return durable_write(builder->index, builder->points, bytes, err);
}

/* The points that wait, and zeros to the end of their section. */
static int write_last_points(struct pair_builder *builder, struct error *err)
{
    if (write_points(builder, err) != 0)
        return -1;
    uint64_t bytes = pair_points_bytes(builder->entries);
    builder->waiting = (unsigned)(bytes / sizeof *builder->points - builder->entries);
    memset(builder->points, 0, builder->waiting * sizeof *builder->points);
    return write_points(builder, err);
}

static int write_segment(struct pair_builder *builder, struct error *err)
{
    struct pair_segment_row where;
    if (segment_builder_write(&builder->segment, builder->data, &where, err) != 0)
        return -1;
    where.first_row = builder->segment_first;
    builder->segment_first += where.rows;
    return buffer_append(&builder->table, &where, sizeof where, err);
}

static int refuse(const struct pair_builder *builder, const struct entry *entry, const char *why,
                  struct error *err)
{
    return error_set(err, ERROR_VALUE, "%s: the entry at lat %d, lon %d (1e-7 degree) %s",
                     builder->index_path, entry->point.lat, entry->point.lon, why);
}

static int check_entry(const struct pair_builder *builder, const struct entry *entry, uint64_t code,
                       struct error *err)
{
    if (!point_is_valid(entry->point) || entry->point.lat < builder->box.south ||
        entry->point.lat > builder->box.north || entry->point.lon < builder->box.west ||
        entry->point.lon > builder->box.east)
        return refuse(builder, entry, "is not in the tile", err);
    if (builder->entries > 0 && code <= builder->last_code)
        return refuse(builder, entry, "does not follow the one before in Morton order", err);
    if ((unsigned)entry->outcome >= OUTCOME_COUNT)
        return refuse(builder, entry, "has an unknown outcome", err);
    for (int f = 0; f < FIELD_COUNT; f++) {
        if (entry->address.field[f].length > FIELD_BYTES_LIMIT)
            return refuse(builder, entry, "has a field of more than 64 KB", err);
    }
    return 0;
}

int pair_builder_add(struct pair_builder *builder, const struct entry *entry, struct error *err)
{
    uint64_t code = morton_encode(entry->point);
    if (check_entry(builder, entry, code, err) != 0 ||
        segment_builder_add(&builder->segment, entry, err) != 0)
        return -1;
    builder->last_code = code;
    builder->entries++;
    builder->outcomes[entry->outcome]++;
    if (entry->refreshed_at < builder->oldest)
        builder->oldest = entry->refreshed_at;
    if (entry->refreshed_at > builder->newest)
        builder->newest = entry->refreshed_at;
    builder->points[builder->waiting++] = entry->point;
    if (builder->waiting == POINTS_AT_ONCE && write_points(builder, err) != 0)
        return -1;
    if (segment_builder_is_full(&builder->segment))
        return write_segment(builder, err);
    return 0;
}

/* The directory is built over the points as they lie in the file just written, so that they need
 * not be kept in memory. */
static int write_directory(struct pair_builder *builder, struct pair_section *section,
                           struct error *err)
{
    size_t bytes = quadtree_directory_bytes(builder->entries);
    struct mapping mapping = {0};
    uint64_t *directory = malloc(bytes > 0 ? bytes : 1);
    if (directory == NULL)
        return error_memory(err, builder->index_path);
    int result = durable_flush(builder->index, err);
    if (result == 0)
        result = mapping_open(&mapping, builder->index_temporary, err);
    if (result == 0) {
        const void *points = mapping.data + PAIR_HEADER_BYTES;
        quadtree_build(points, builder->entries, directory);
        section->offset = durable_size(builder->index);
        section->bytes = bytes;
        section->checksum = checksum_of(directory, bytes);
        result = durable_write(builder->index, directory, bytes, err);
    }
    mapping_close(&mapping);
    free(directory);
    return result;
}

static struct pair_header header_of(const struct pair_builder *builder)
{
    struct pair_header header = {
        .rows = builder->grid.rows,
        .columns = builder->grid.columns,
        .tile = builder->tile,
        .entries = builder->entries,
        .oldest = builder->oldest,
        .newest = builder->newest,
    };
    memcpy(header.outcomes, builder->outcomes, sizeof header.outcomes);
    return header;
}

/* Write what follows the entries and fill in both headers. */
static int finish_bodies(struct pair_builder *builder, struct pair_header *index,
                         struct pair_header *data, struct error *err)
{
    struct pair_section *points = &index->section[SECTION_POINTS];
    struct pair_section *table = &data->section[SECTION_SEGMENT_TABLE];
    if (write_last_points(builder, err) != 0)
        return -1;
    points->offset = PAIR_HEADER_BYTES;
    points->bytes = pair_points_bytes(builder->entries);
    points->checksum = checksum_from(builder->points_state);
    if (write_directory(builder, &index->section[SECTION_DIRECTORY], err) != 0 ||
        (builder->segment.rows > 0 && write_segment(builder, err) != 0))
        return -1;
    table->offset = durable_size(builder->data);
    table->bytes = builder->table.used;
    table->checksum = checksum_of(builder->table.data, builder->table.used);
    if (durable_write(builder->data, builder->table.data, builder->table.used, err) != 0)
        return -1;
    index->file_bytes = durable_size(builder->index);
    data->file_bytes = durable_size(builder->data);
    pair_header_seal(index, data);
    return 0;
}

static struct pair_info info_of(const struct pair_builder *builder, const struct pair_header *index,
                                const struct pair_header *data)
{
    struct pair_info info = {
        .tile = builder->tile,
        .grid = builder->grid,
        .entries = builder->entries,
        .oldest = builder->oldest,
        .newest = builder->newest,
        .index_bytes = index->file_bytes,
        .data_bytes = data->file_bytes,
        .id = index->id,
    };
    memcpy(info.outcomes, builder->outcomes, sizeof info.outcomes);
    return info;
}

int pair_builder_commit(struct pair_builder *builder, struct pair_info *info, struct error *err)
{
    int result = -1;
    if (builder->entries == 0) {
        error_set(err, ERROR_STATE, "%s: a pair without entries can't be written",
                  builder->index_path);
        goto out;
    }
    struct pair_header index = header_of(builder);
    struct pair_header data = index;
    if (finish_bodies(builder, &index, &data, err) != 0 ||
        durable_overwrite(builder->index, 0, &index, sizeof index, err) != 0 ||
        durable_overwrite(builder->data, 0, &data, sizeof data, err) != 0)
        goto out;
    struct durable_file *index_file = builder->index;
    struct durable_file *data_file = builder->data;
    builder->index = NULL;
    builder->data = NULL;
    if (durable_commit_two(data_file, index_file, err) != 0)
        goto out;
    *info = info_of(builder, &index, &data);
    result = 0;
out:
    pair_builder_abort(builder);
    return result;
}
