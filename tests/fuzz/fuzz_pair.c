/* Hostile pairs: whatever the bytes, reading them ends, stays inside them and gives no wrong
 * memory.
 *
 * The first byte of the input chooses how the rest becomes a pair. Odd: it is one, the index file's
 * length first. Even: it is a list of changes to a small pair that this program builds at its
 * start, whose checksums are then made right again, so that not every change is caught at the door.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/pair_builder.h"
#include "cachefmt/pair_header.h"
#include "quadtree/morton.h"

#define BASE_ENTRIES 300u
#define CHANGE_BYTES 4u /* file and high offset, low offset, how, value */

static char *base_index, *base_data;
static size_t base_index_bytes, base_data_bytes;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes);

static void must(int result, const struct error *err)
{
    if (result == 0)
        return;
    (void)fprintf(stderr, "fuzz_pair: %s\n", err->message);
    exit(1);
}

static void base_entry(struct entry *entry, unsigned i, char text[4][32])
{
    struct slice *field = entry->address.field;
    *entry = (struct entry){
        .point = morton_decode(morton_encode((struct point){487000000, 70000000}) + 977u * i),
        .outcome = i % 31 == 0 ? OUTCOME_UNSURE : OUTCOME_FOUND,
        .refreshed_at = 1795000000u + i * 7,
    };
    field[FIELD_LABEL] = (struct slice){"\xf7 \xf8, \xfa", 5 + i % 2};
    for (unsigned t = 0; t < 4; t++) {
        static const unsigned fields[] = {FIELD_HOUSENUMBER, FIELD_STREET, FIELD_CITY, FIELD_NAME};
        int length = snprintf(text[t], 32, "%c text %u", 'a' + (int)t, i * (t + 3) % (40 - 9 * t));
        if ((i + t) % 13 != 0)
            field[fields[t]] = (struct slice){text[t], (uint32_t)length};
    }
}

static void build_base(const char *index, const char *data)
{
    struct grid grid = {24, 24};
    struct pair_builder *builder;
    struct pair_info info;
    struct error err;
    must(pair_builder_create(&builder, index, data, grid, 444, &err), &err);
    for (unsigned i = 0; i < BASE_ENTRIES; i++) {
        char text[4][32];
        struct entry entry;
        base_entry(&entry, i, text);
        must(pair_builder_add(builder, &entry, &err), &err);
    }
    must(pair_builder_commit(builder, &info, &err), &err);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    char directory[] = "/tmp/fuzz-pair-XXXXXX";
    char index[64], data[64];
    struct error err;
    if (mkdtemp(directory) == NULL)
        return 1;
    (void)snprintf(index, sizeof index, "%s/p.idx", directory);
    (void)snprintf(data, sizeof data, "%s/p.dat", directory);
    build_base(index, data);
    must(read_whole_file(index, 1u << 20, &base_index, &base_index_bytes, &err), &err);
    must(read_whole_file(data, 1u << 20, &base_data, &base_data_bytes, &err), &err);
    (void)unlink(index);
    (void)unlink(data);
    (void)rmdir(directory);
    return 0;
}

/* Look at a string to its last byte, so that a slice outside its memory is noticed. */
static void touch(const struct entry *entry)
{
    for (int f = 0; f < FIELD_COUNT; f++) {
        struct slice text = entry->address.field[f];
        if (text.length > 0 && memchr(text.data, 0, text.length) == text.data + text.length)
            abort();
    }
}

static void read_everything(const struct pair *pair)
{
    const struct quadtree *tree;
    struct nearest nearest;
    struct entry entry;
    struct pair_cursor cursor, dates;
    struct buffer label = {0};
    pair_walk(&cursor, pair, 0);
    pair_walk(&dates, pair, 1);
    while (pair_next(&cursor, &entry, NULL) == 1) {
        touch(&entry);
        buffer_clear(&label);
        (void)address_unfold(&entry.address, &label, NULL);
    }
    while (pair_next_date(&dates, &entry, NULL) == 1)
        ;
    for (uint64_t row = 0; row < pair_info(pair)->entries; row += 41) {
        if (pair_entry(pair, row, &entry, NULL) == 0)
            touch(&entry);
    }
    if (pair_quadtree(pair, &tree, NULL) == 0) {
        (void)quadtree_nearest(tree, (struct point){487000100, 70000100}, 100, &nearest);
        (void)quadtree_nearest(tree, (struct point){-900000000, 1}, INFINITY, &nearest);
    }
    (void)pair_verify(pair, true, NULL);
    buffer_free(&label);
}

static void try_pair(unsigned char *index, size_t index_bytes, unsigned char *data,
                     size_t data_bytes)
{
    struct pair *pair;
    pair_reseal(index, index_bytes, data, data_bytes);
    if (pair_open_memory(&pair, index, index_bytes, data, data_bytes, "fuzz", NULL) != 0)
        return;
    read_everything(pair);
    pair_close(pair);
}

static void apply_changes(unsigned char *index, unsigned char *data, const uint8_t *changes,
                          size_t bytes)
{
    for (; bytes >= CHANGE_BYTES; changes += CHANGE_BYTES, bytes -= CHANGE_BYTES) {
        size_t offset = (size_t)(changes[0] & 0x3f) << 8 | changes[1];
        unsigned char *at = (changes[0] & 0xc0) == 0xc0 ? index + offset % base_index_bytes
                                                        : data + offset % base_data_bytes;
        *at = changes[2] % 2 == 0 ? changes[3] : (unsigned char)(*at + changes[3]);
    }
}

/* Regions of exactly their size, so that a step outside them is noticed. */
static unsigned char *copy_of(const void *from, size_t bytes)
{
    unsigned char *copy = malloc(bytes > 0 ? bytes : 1);
    if (copy == NULL)
        abort();
    if (bytes > 0)
        memcpy(copy, from, bytes);
    return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    if (bytes < 3)
        return 0;
    bool changes = input[0] % 2 == 0;
    size_t split = (size_t)input[1] << 8 | input[2];
    const uint8_t *rest = input + 3;
    bytes -= 3;
    split = split < bytes ? split : bytes;
    size_t index_bytes = changes ? base_index_bytes : split;
    size_t data_bytes = changes ? base_data_bytes : bytes - split;
    unsigned char *index = copy_of(changes ? (const void *)base_index : rest, index_bytes);
    unsigned char *data = copy_of(changes ? (const void *)base_data : rest + split, data_bytes);
    if (changes)
        apply_changes(index, data, rest, bytes);
    try_pair(index, index_bytes, data, data_bytes);
    free(index);
    free(data);
    return 0;
}
