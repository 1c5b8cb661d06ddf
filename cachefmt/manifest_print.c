#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "cachefmt/manifest_text.h"

const char *const manifest_row_names[ROW_NUMBER_COUNT] = {
    "built", "entries", "found", "none", "unsure", "oldest", "newest", "index_bytes", "data_bytes",
};

/* Only characters that JSON never escapes, so that a run has one spelling. */
static bool run_is_plain(const char run[RUN_ID_BYTES])
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    const char *end = memchr(run, '\0', RUN_ID_BYTES);
    return end != NULL && strspn(run, plain) == (size_t)(end - run);
}

static bool row_is_possible(const struct manifest_tile *row, uint64_t generation)
{
    const struct pair_info *info = &row->info;
    if (info->entries == 0)
        return true;
    uint64_t sum = 0;
    for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
        if (info->outcomes[i] > info->entries)
            return false;
        sum += info->outcomes[i];
    }
    return row->built > 0 && row->built <= generation && info->entries <= MANIFEST_NUMBER_LIMIT &&
           sum == info->entries && info->oldest <= info->newest &&
           info->index_bytes <= MANIFEST_NUMBER_LIMIT && info->data_bytes <= MANIFEST_NUMBER_LIMIT;
}

const char *manifest_wrong(const struct manifest *manifest, char text[32])
{
    if (manifest->generation == 0 || manifest->generation > MANIFEST_NUMBER_LIMIT)
        return "the generation";
    if (!run_is_plain(manifest->run))
        return "the run";
    for (uint32_t tile = 0; tile < grid_tiles(manifest->grid); tile++) {
        if (row_is_possible(&manifest->tiles[tile], manifest->generation))
            continue;
        (void)snprintf(text, 32, "tile %u", tile);
        return text;
    }
    return NULL;
}

__attribute__((format(printf, 3, 4))) static int append(struct buffer *out, struct error *err,
                                                        const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text)
        return error_set(err, ERROR_VALUE, "a manifest's line is too long");
    return buffer_append(out, text, (size_t)length, err);
}

static int print_head(const struct manifest *manifest, struct buffer *out, struct error *err)
{
    char digest[2 * PAIR_ID_BYTES + 1];
    return append(out, err,
                  "{\"format\":%d,\n\"generation\":%llu,\n\"run\":\"%s\",\n\"published\":%u,\n"
                  "\"grid\":{\"rows\":%u,\"columns\":%u},\n\"digest\":\"%s\",\n\"checksum\":\"",
                  MANIFEST_FORMAT, (unsigned long long)manifest->generation, manifest->run,
                  manifest->published, manifest->grid.rows, manifest->grid.columns,
                  pair_id_format(&manifest->digest, digest));
}

static int print_row(const struct manifest_tile *row, struct buffer *out, struct error *err)
{
    const struct pair_info *info = &row->info;
    if (info->entries == 0)
        return append(out, err, "{\"tile\":%u,\"entries\":0}", info->tile);
    const uint64_t numbers[ROW_NUMBER_COUNT] = {
        [ROW_BUILT] = row->built,
        [ROW_ENTRIES] = info->entries,
        [ROW_FOUND] = info->outcomes[OUTCOME_FOUND],
        [ROW_NONE] = info->outcomes[OUTCOME_NONE],
        [ROW_UNSURE] = info->outcomes[OUTCOME_UNSURE],
        [ROW_OLDEST] = info->oldest,
        [ROW_NEWEST] = info->newest,
        [ROW_INDEX_BYTES] = info->index_bytes,
        [ROW_DATA_BYTES] = info->data_bytes,
    };
    if (append(out, err, "{\"tile\":%u", info->tile) != 0)
        return -1;
    for (unsigned i = 0; i < ROW_NUMBER_COUNT; i++) {
        if (append(out, err, ",\"%s\":%llu", manifest_row_names[i],
                   (unsigned long long)numbers[i]) != 0)
            return -1;
    }
    char id[2 * PAIR_ID_BYTES + 1];
    return append(out, err, ",\"pair\":\"%s\"}", pair_id_format(&info->id, id));
}

static int print_rows(const struct manifest *manifest, struct buffer *out, struct error *err)
{
    uint32_t tiles = grid_tiles(manifest->grid);
    if (append(out, err, "\",\n\"tiles\":[\n") != 0)
        return -1;
    for (uint32_t tile = 0; tile < tiles; tile++) {
        if (print_row(&manifest->tiles[tile], out, err) != 0 ||
            append(out, err, tile + 1 < tiles ? ",\n" : "\n]}\n") != 0)
            return -1;
    }
    return 0;
}

/* The checksum is of the text around it; it goes in at position. A NUL ends the text. */
static int insert_checksum(struct buffer *out, size_t position, struct error *err)
{
    struct pair_id checksum;
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits(out->data, out->used));
    memcpy(checksum.bytes, hash.digest, PAIR_ID_BYTES);
    char text[2 * PAIR_ID_BYTES + 1];
    (void)pair_id_format(&checksum, text);
    size_t length = sizeof text - 1;
    if (buffer_reserve(out, sizeof text, err) != 0)
        return -1;
    memmove(out->data + position + length, out->data + position, out->used - position);
    memcpy(out->data + position, text, length);
    out->used += length;
    out->data[out->used] = '\0';
    return 0;
}

int manifest_print(const struct manifest *manifest, char **text, struct error *err)
{
    char place[32];
    const char *wrong = manifest_wrong(manifest, place);
    if (wrong != NULL)
        return error_set(err, ERROR_VALUE, "cannot write a manifest: %s is not possible", wrong);
    struct buffer out = {0};
    if (print_head(manifest, &out, err) != 0)
        goto fail;
    size_t position = out.used;
    if (print_rows(manifest, &out, err) != 0 || insert_checksum(&out, position, err) != 0)
        goto fail;
    *text = (char *)out.data;
    return 0;
fail:
    buffer_free(&out);
    return -1;
}
