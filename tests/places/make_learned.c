/* make_learned DIRECTORY: put found points into a table of learned points, made when missing. Lines
 * of standard input: latitude and longitude in 1e-7 degree, unix seconds, a street without spaces.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/learned.h"

#define AT_ONCE 1000

struct rows {
    struct entry entries[AT_ONCE];
    char streets[AT_ONCE][40];
    size_t count;
};

static int put(struct learned *learned, struct rows *rows, struct error *err)
{
    size_t count = rows->count;
    rows->count = 0;
    return count == 0 ? 0 : learned_put(learned, rows->entries, count, err);
}

static int put_all(struct learned *learned, struct rows *rows, struct error *err)
{
    int32_t lat, lon;
    uint32_t date;
    char street[40];
    while (scanf("%" SCNd32 " %" SCNd32 " %" SCNu32 " %39s", &lat, &lon, &date, street) == 4) {
        struct entry *entry = &rows->entries[rows->count];
        char *text = rows->streets[rows->count++];
        memcpy(text, street, sizeof street);
        *entry = (struct entry){.point = {lat, lon}, .refreshed_at = date};
        entry->address.field[FIELD_STREET] = (struct slice){text, (uint32_t)strlen(text)};
        if (rows->count == AT_ONCE && put(learned, rows, err) != 0)
            return -1;
    }
    return put(learned, rows, err);
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct learned *learned = NULL;
    struct rows *rows = calloc(1, sizeof *rows);
    if (argc != 2 || rows == NULL) {
        fprintf(stderr, "usage: make_learned DIRECTORY < ROWS\n");
        free(rows);
        return 2;
    }
    int result = learned_open(&learned, argv[1], false, &err);
    if (result == 0)
        result = put_all(learned, rows, &err);
    if (result != 0)
        fprintf(stderr, "make_learned: %s\n", err.message);
    else
        printf("%" PRIu64 "\n", learned_count(learned));
    learned_close(learned);
    free(rows);
    return result == 0 ? 0 : 1;
}
