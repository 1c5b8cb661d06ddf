/* Any bytes as a tally: refused, or one that merges with itself, gives JSON and is written to bytes
 * that read back to the same. Every other input has its head and checksum put right first, so that
 * the checks behind them are reached. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "tables/tally.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input says which. */
static const char *const texts[] = {
    "t = sum[countrycode] of 1",
    "t = mean of latency_ms",
    "t = count[changed, hour]",
    "t = maximum(3)[city] of lat, lon weight latency_ms",
    "t = sample(4) of old_label, changed",
    "t = collection(2)[tile] of city",
    "t = quantile(5)[provider] of latency_ms",
    "t = top(2)[countrycode] of city weight bytes",
    "t = unique(16)[countrycode] of city",
};
#define TEXTS (sizeof texts / sizeof texts[0])

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct buffer bytes_of(const struct tally *tally)
{
    struct buffer bytes = {0};
    check(tally_write(tally, &bytes, NULL) == 0);
    return bytes;
}

static void use(const struct tables *tables, struct tally *tally)
{
    struct tally *again;
    struct error err;
    struct buffer first = bytes_of(tally);
    check(tally_read(&again, tables, first.data, first.used, "again", &err) == 0);
    struct buffer second = bytes_of(again);
    check(first.used == second.used && memcmp(first.data, second.data, first.used) == 0);
    check(tally_charge(tally) == tally_charge(again));
    check(tally_merge(again, tally, &err) == 0);
    cJSON *json = tally_json(again, &err);
    check(json != NULL);
    cJSON_Delete(json);
    buffer_free(&first);
    buffer_free(&second);
    tally_free(again);
}

/* The input behind the head of a tally of that table, and its checksum. */
static struct buffer dressed(const struct tables *tables, const uint8_t *data, size_t size)
{
    struct buffer bytes = {0};
    unsigned char head[11] = {1, 1}, sum[8];
    bytes_put64(head + 2, XXH3_64bits(tables->table[0].text, strlen(tables->table[0].text)));
    check(buffer_append(&bytes, head, sizeof head, NULL) == 0);
    check(buffer_append(&bytes, data, size, NULL) == 0);
    bytes_put64(sum, XXH3_64bits(bytes.data, bytes.used));
    check(buffer_append(&bytes, sum, sizeof sum, NULL) == 0);
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tables *tables[TEXTS];
    if (size < 1)
        return 0;
    size_t which = data[0] / 2 % TEXTS;
    if (tables[which] == NULL)
        check(tables_parse(&tables[which], texts[which], NULL) == 0);
    struct buffer bytes = {0};
    if (data[0] % 2 == 0)
        bytes = dressed(tables[which], data + 1, size - 1);
    else
        check(buffer_append(&bytes, data + 1, size - 1, NULL) == 0);
    struct tally *tally;
    struct error err = {0};
    if (tally_read(&tally, tables[which], bytes.data, bytes.used, "input", &err) == 0) {
        use(tables[which], tally);
        tally_free(tally);
    } else {
        check(err.code == ERROR_CORRUPT && strstr(err.message, "input") != NULL);
    }
    buffer_free(&bytes);
    return 0;
}
