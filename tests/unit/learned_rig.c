#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/generation.h"
#include "cachefmt/pair_builder.h"
#include "cachefmt/sorter.h"
#include "tests/unit/learned_rig.h"

static void open_table(struct learned_rig *rig)
{
    struct error err = {0};
    if (learned_open(&rig->learned, rig->table, false, &err) != 0 ||
        learned_reader_open(&rig->reader, rig->learned, &err) != 0)
        fail_msg("%s", err.message);
}

void learned_rig_open(struct learned_rig *rig)
{
    const char *parent = getenv("TMPDIR");
    memset(rig, 0, sizeof *rig);
    (void)snprintf(rig->root, sizeof rig->root, "%.40s/learned-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    assert_non_null(mkdtemp(rig->root));
    (void)snprintf(rig->table, sizeof rig->table, "%s/table", rig->root);
    (void)snprintf(rig->cache, sizeof rig->cache, "%s/cache", rig->root);
    open_table(rig);
}

static void close_table(struct learned_rig *rig)
{
    learned_reader_close(rig->reader);
    learned_close(rig->learned);
    rig->reader = NULL;
    rig->learned = NULL;
}

void learned_rig_again(struct learned_rig *rig)
{
    close_table(rig);
    open_table(rig);
}

void learned_rig_close(struct learned_rig *rig)
{
    close_table(rig);
    assert_int_equal(durable_remove_directory(rig->table, NULL), 0);
    assert_int_equal(durable_remove_directory(rig->cache, NULL), 0);
    assert_int_equal(rmdir(rig->root), 0);
}

struct entry learned_entry(struct point point, uint32_t date, const char *street,
                           enum outcome outcome)
{
    struct entry entry = {.point = point, .outcome = outcome, .refreshed_at = date};
    if (street != NULL)
        entry.address.field[FIELD_STREET] = (struct slice){street, (uint32_t)strlen(street)};
    return entry;
}

void learned_rig_put(struct learned_rig *rig, struct entry entry)
{
    struct error err = {0};
    if (learned_put(rig->learned, &entry, 1, &err) != 0)
        fail_msg("%s", err.message);
}

/* The pair of one tile out of the sorter, from an entry that was read already to the first of
 * another tile; *got as of sorter_next. */
static void build_tile(struct learned_rig *rig, struct manifest *manifest, struct sorter *sorter,
                       uint32_t *tile, struct entry *entry, int *got)
{
    char *index_path, *data_path;
    struct pair_builder *builder;
    uint32_t mine = *tile;
    struct manifest_tile *row = &manifest->tiles[mine];
    assert_int_equal(generation_pair_paths(rig->cache, mine, manifest->generation, &index_path,
                                           &data_path, NULL),
                     0);
    assert_int_equal(
        pair_builder_create(&builder, index_path, data_path, manifest->grid, mine, NULL), 0);
    while (*got == 1 && *tile == mine) {
        assert_int_equal(pair_builder_add(builder, entry, NULL), 0);
        *got = sorter_next(sorter, tile, entry, NULL);
    }
    row->built = manifest->generation;
    assert_int_equal(pair_builder_commit(builder, &row->info, NULL), 0);
    free(index_path);
    free(data_path);
}

void learned_rig_publish(struct learned_rig *rig, uint64_t generation, const struct entry *entries,
                         size_t count)
{
    struct manifest *manifest;
    struct sorter *sorter;
    struct entry entry;
    uint32_t tile;
    assert_int_equal(durable_make_directory(rig->cache, NULL), 0);
    assert_int_equal(manifest_create(&manifest, (struct grid){24, 24}, NULL), 0);
    assert_int_equal(sorter_create(&sorter, rig->cache, 0, NULL), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(
            sorter_add(sorter, grid_tile(manifest->grid, entries[i].point), &entries[i], NULL), 0);
    assert_int_equal(sorter_finish(sorter, NULL), 0);
    manifest->generation = generation;
    (void)snprintf(manifest->run, sizeof manifest->run, "test");
    int got = sorter_next(sorter, &tile, &entry, NULL);
    while (got == 1)
        build_tile(rig, manifest, sorter, &tile, &entry, &got);
    assert_int_equal(got, 0);
    manifest_seal(manifest);
    assert_int_equal(generation_publish(rig->cache, manifest, NULL), 0);
    sorter_free(sorter);
    manifest_free(manifest);
}

uint64_t learned_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return *state >> 33;
}
