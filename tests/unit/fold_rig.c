#include "tests/unit/fold_rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/transfer.h"
#include "quadtree/morton.h"

static const struct grid world = {24, 24};

uint32_t fold_tile(struct point point)
{
    return grid_tile(world, point);
}

static int by_place(const void *left, const void *right)
{
    const struct fold_row *a = left;
    const struct fold_row *b = right;
    uint32_t tile_a = fold_tile(a->point);
    uint32_t tile_b = fold_tile(b->point);
    uint64_t code_a = morton_encode(a->point);
    uint64_t code_b = morton_encode(b->point);
    if (tile_a != tile_b)
        return tile_a < tile_b ? -1 : 1;
    return code_a == code_b ? 0 : code_a < code_b ? -1 : 1;
}

void fold_sort(struct fold_row *rows, size_t count)
{
    qsort(rows, count, sizeof *rows, by_place);
}

struct cache *fold_cache(const char *directory, const struct fold_row *rows, size_t count)
{
    char path[300];
    struct error err;
    struct import_result result;
    struct cache *cache = NULL;
    assert_int_equal(durable_make_directory(directory, &err), 0);
    (void)snprintf(path, sizeof path, "%s.csv", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "lat,lon,street,countrycode,outcome,refreshed_at\n");
    for (size_t i = 0; i < count; i++)
        fprintf(file, "%.7f,%.7f,%s,%s,%s,%u\n", rows[i].point.lat / 1e7, rows[i].point.lon / 1e7,
                rows[i].street, rows[i].street[0] != '\0' ? "ol" : "",
                outcome_names[rows[i].outcome], rows[i].date);
    assert_int_equal(fclose(file), 0);
    struct import_options options = {
        .directory = directory, .grid = world, .format = FORMAT_CSV, .name = path, .keep = 3};
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    if (cache_import(&options, fd, &result, &err) != 0 ||
        cache_open(&cache, directory, NULL, &err) != 0)
        fail_msg("%s", err.message);
    (void)close(fd);
    (void)unlink(path);
    assert_int_equal(result.entries, count);
    return cache;
}

size_t fold_union(const struct fold_row *base, size_t bases, const struct fold_row *over,
                  size_t overs, struct fold_row *out, size_t *folded)
{
    memcpy(out, base, bases * sizeof *out);
    size_t used = bases;
    *folded = 0;
    for (size_t i = 0; i < overs; i++) {
        size_t at = 0;
        while (at < bases && by_place(&out[at], &over[i]) != 0)
            at++;
        if (at < bases && out[at].date >= over[i].date)
            continue;
        out[at < bases ? at : used++] = over[i];
        ++*folded;
    }
    fold_sort(out, used);
    return used;
}

void fold_assert_entry(const struct entry *entry, const struct fold_row *row)
{
    struct slice street = entry->address.field[FIELD_STREET];
    assert_int_equal(entry->point.lat, row->point.lat);
    assert_int_equal(entry->point.lon, row->point.lon);
    assert_int_equal(entry->outcome, row->outcome);
    assert_int_equal(entry->refreshed_at, row->date);
    assert_int_equal(street.length, strlen(row->street));
    if (street.length > 0)
        assert_memory_equal(street.data, row->street, street.length);
}

static uint64_t next_random(void)
{
    static uint64_t seed = 88172645463325252u;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

void fold_rows(struct fold_row *rows, size_t count, uint32_t oldest, uint32_t newest,
               const char *street)
{
    for (size_t i = 0; i < count; i++) {
        int32_t tile = (int32_t)(next_random() % 5);
        rows[i].point.lat = 10000000 * (int32_t)(next_random() % 7) + (int32_t)i;
        rows[i].point.lon = 150000000 * tile + 1000000 * (int32_t)(next_random() % 100);
        rows[i].outcome = (enum outcome)(next_random() % OUTCOME_COUNT);
        rows[i].date = oldest + (uint32_t)(next_random() % (newest - oldest + 1));
        if (rows[i].outcome == OUTCOME_NONE)
            rows[i].street[0] = '\0';
        else
            (void)snprintf(rows[i].street, sizeof rows[i].street, "%s %zu", street, i);
    }
}
