/* A tally as bytes:
 *
 *   varint   version, 1
 *   varint   tables; each:
 *              8 bytes: XXH3 of the table's text
 *              varint: skipped records
 *              its cells (cells_bytes.c)
 *   8 bytes  XXH3 of all before */
#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "tables/tally_inside.h"

#define VERSION 1
#define CHECKSUM_BYTES ((size_t)8)

static uint64_t text_hash(const struct table *table)
{
    return XXH3_64bits(table->text, strlen(table->text));
}

static int write_table(const struct count *count, struct buffer *out, struct error *err)
{
    if (buffer_reserve(out, 8 + VARINT_LIMIT, err) != 0)
        return -1;
    unsigned char *at = out->data + out->used;
    bytes_put64(at, text_hash(count->table));
    at = varint_put(at + 8, count->skipped);
    out->used = (size_t)(at - out->data);
    return cells_write(count->cells, out, err);
}

int tally_write(const struct tally *tally, struct buffer *out, struct error *err)
{
    size_t start = out->used;
    if (buffer_reserve(out, 2 * VARINT_LIMIT, err) != 0)
        return -1;
    unsigned char *at = varint_put(out->data + out->used, VERSION);
    at = varint_put(at, tally->tables->count);
    out->used = (size_t)(at - out->data);
    for (size_t i = 0; i < tally->tables->count; i++)
        if (write_table(&tally->count[i], out, err) != 0)
            return -1;
    if (buffer_reserve(out, CHECKSUM_BYTES, err) != 0)
        return -1;
    bytes_put64(out->data + out->used, XXH3_64bits(out->data + start, out->used - start));
    out->used += CHECKSUM_BYTES;
    return 0;
}

static int corrupt(const char *name, const char *what, struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "%s: the counts of a report %s", name, what);
}

static int read_table(struct count *count, const unsigned char **at, const unsigned char *end,
                      const char *name, struct error *err)
{
    if (end - *at < 8)
        return corrupt(name, "end too soon", err);
    if (bytes_get64(*at) != text_hash(count->table))
        return corrupt(name, "are of other tables", err);
    *at = varint_get(*at + 8, end, &count->skipped);
    if (*at == NULL)
        return corrupt(name, "end too soon", err);
    return cells_read(count->cells, at, end, err) == 0 ? 0 : error_prefix(err, "%s", name);
}

static int read_tables(struct tally *tally, const unsigned char *at, const unsigned char *end,
                       const char *name, struct error *err)
{
    uint64_t version, count;
    at = varint_get(at, end, &version);
    if (at == NULL || version != VERSION)
        return corrupt(name, "are of no version that is known", err);
    at = varint_get(at, end, &count);
    if (at == NULL || count != tally->tables->count)
        return corrupt(name, "are of other tables", err);
    for (size_t i = 0; i < count; i++)
        if (read_table(&tally->count[i], &at, end, name, err) != 0)
            return -1;
    return at == end ? 0 : corrupt(name, "go on behind their end", err);
}

int tally_read(struct tally **out, const struct tables *tables, const void *data, size_t bytes,
               const char *name, struct error *err)
{
    const unsigned char *at = data;
    if (bytes < CHECKSUM_BYTES)
        return corrupt(name, "end too soon", err);
    size_t body = bytes - CHECKSUM_BYTES;
    if (XXH3_64bits(at, body) != bytes_get64(at + body))
        return corrupt(name, "are damaged (checksum)", err);
    struct tally *tally;
    if (tally_create(&tally, tables, err) != 0)
        return -1;
    if (read_tables(tally, at, at + body, name, err) != 0) {
        tally_free(tally);
        return -1;
    }
    *out = tally;
    return 0;
}
