/* Any bytes as the text of tables: refused in one line that says where, or understood, printed,
 * read back to the same, and counting whatever a record lacks. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tables/tally.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(const struct error *err)
{
    const char *column = strstr(err->message, "column ");
    if (err->code != ERROR_VALUE || column == NULL || strchr(err->message, '\n') != NULL ||
        strtoul(column + strlen("column "), NULL, 10) == 0)
        abort();
}

static void check_read_back(const struct tables *tables)
{
    struct tables *again;
    char *text = tables_text(tables);
    if (text == NULL || tables_parse(&again, text, NULL) != 0)
        abort();
    char *second = tables_text(again);
    if (second == NULL || strcmp(text, second) != 0)
        abort();
    free(text);
    free(second);
    tables_free(again);
}

static struct observed made_up(struct entry *entry, bool known)
{
    double some = known ? 2.5 : (double)NAN;
    struct slice word = {"word", known ? 4 : 0};
    entry->point = (struct point){485000000, 75000000};
    entry->refreshed_at = known ? 1700000000 : 0;
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        entry->address.field[f] = word;
    return (struct observed){
        .tile = 444,
        .entry = entry,
        .old = known ? entry : NULL,
        .outcome = word,
        .judged = known,
        .changed = known,
        .age_days = some,
        .distance_m = some,
        .latency_ms = some,
        .status = some,
        .attempts = some,
        .bytes = some,
        .cause = word,
        .provider = word,
        .peer = word,
        .bottleneck = word,
        .answered_s = some,
        .geocode_ms = some,
        .write_ms = some,
        .rebuild_ms = some,
    };
}

static void check_counting(const struct tables *tables)
{
    struct tally *tally;
    struct error err;
    struct entry entry = {0};
    if (tally_create(&tally, tables, &err) != 0)
        abort();
    for (unsigned i = 0; i < 4; i++) {
        struct observed observed = made_up(&entry, i % 2 == 0);
        observed.code = i;
        if (tally_take(tally, &observed, &err) != 0)
            abort();
    }
    cJSON *json = tally_json(tally, &err);
    if (json == NULL)
        abort();
    cJSON_Delete(json);
    tally_free(tally);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct tables *tables;
    char *text = malloc(size + 1);
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    if (tables_parse(&tables, text, &err) != 0) {
        check_refusal(&err);
    } else {
        check_read_back(tables);
        check_counting(tables);
        tables_free(tables);
    }
    free(text);
    return 0;
}
