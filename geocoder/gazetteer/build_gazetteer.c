/* build_gazetteer INDEX DATA: the places on standard input (places.tsv) as a pair of one tile that
 * covers the world. Runs while refreshd is built; the pair is then embedded by embed.S. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/durable.h"
#include "base/text.h"
#include "cachefmt/pair_builder.h"
#include "quadtree/morton.h"

#define LARGEST_INPUT ((size_t)64 << 20)

struct place {
    uint64_t code;
    size_t line;
    struct point point;
    struct slice name, county, state, country, countrycode;
};

struct places {
    struct place *rows;
    size_t count;
    size_t room;
};

static struct slice slice_of(const char *text)
{
    return (struct slice){text, (uint32_t)strlen(text)};
}

static char *lower(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    }
    return text;
}

static int add_place(struct places *places, const struct place *place, struct error *err)
{
    if (places->count == places->room) {
        size_t room = places->room == 0 ? 1024 : places->room * 2;
        struct place *larger = realloc(places->rows, room * sizeof *larger);
        if (larger == NULL)
            return error_memory(err, "places");
        places->rows = larger;
        places->room = room;
    }
    places->rows[places->count++] = *place;
    return 0;
}

/* take_line: a country, state or county changes what the following places lie in; a place is added.
 * The line's text stays, and the slices point to it. */
static int take_line(struct places *places, struct place *around, char *line, struct error *err)
{
    char *fields[4] = {NULL};
    size_t count = 0;
    while (line != NULL && count < 4)
        fields[count++] = strsep(&line, "\t");
    if (line != NULL || fields[0][0] == '\0' || fields[0][1] != '\0')
        return error_set(err, ERROR_VALUE, "too many fields, or no kind");
    char kind = fields[0][0];
    if (kind == 'C' && count == 3) {
        around->countrycode = slice_of(lower(fields[1]));
        around->country = slice_of(fields[2]);
        around->state = around->county = slice_of("");
    } else if (kind == 'S' && count == 2) {
        around->state = slice_of(fields[1]);
        around->county = slice_of("");
    } else if (kind == 'D' && count == 2) {
        around->county = slice_of(fields[1]);
    } else if (kind == 'P' && count == 4) {
        around->name = slice_of(fields[1]);
        if (!text_parse_degrees(fields[2], 90, &around->point.lat) ||
            !text_parse_degrees(fields[3], 180, &around->point.lon))
            return error_set(err, ERROR_VALUE, "no coordinates: %s %s", fields[2], fields[3]);
        if (around->point.lon == LONGITUDE_LIMIT)
            around->point.lon = -LONGITUDE_LIMIT;
        around->code = morton_encode(around->point);
        return add_place(places, around, err);
    } else {
        return error_set(err, ERROR_VALUE, "not a country, state, county or place");
    }
    return 0;
}

static int read_places(char *text, struct places *places, struct error *err)
{
    struct place around = {0};
    while (text != NULL && *text != '\0') {
        char *line = strsep(&text, "\n");
        around.line++;
        if (line[0] == '#')
            continue;
        if (take_line(places, &around, line, err) != 0)
            return error_prefix(err, "line %zu", around.line);
    }
    return 0;
}

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;
    if (a->code != b->code)
        return a->code < b->code ? -1 : 1;
    return a->line < b->line ? -1 : 1;
}

/* make_label: "City, State, Country", without what is empty or repeats the part before it. */
static int make_label(const struct place *place, struct buffer *text, struct error *err)
{
    const struct slice parts[] = {place->name, place->state, place->country};
    struct slice before = {NULL, 0};
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].length == 0 || slice_equal(parts[i], before))
            continue;
        if (before.length != 0 && buffer_append(text, ", ", 2, err) != 0)
            return -1;
        if (buffer_append(text, parts[i].data, parts[i].length, err) != 0)
            return -1;
        before = parts[i];
    }
    return 0;
}

static int add_entry(struct pair_builder *builder, const struct place *place, struct buffer *text,
                     struct error *err)
{
    struct entry entry = {.point = place->point, .outcome = OUTCOME_FOUND};
    struct slice *field = entry.address.field;
    buffer_clear(text);
    if (make_label(place, text, err) != 0)
        return -1;
    size_t length = text->used;
    if (buffer_reserve(text, length, err) != 0)
        return -1;
    field[FIELD_LABEL] = (struct slice){(const char *)text->data, (uint32_t)length};
    field[FIELD_CITY] = place->name;
    field[FIELD_COUNTY] = place->county;
    field[FIELD_STATE] = place->state;
    field[FIELD_COUNTRY] = place->country;
    field[FIELD_COUNTRYCODE] = place->countrycode;
    if (address_fold(&entry.address, text, err) != 0)
        return -1;
    return pair_builder_add(builder, &entry, err);
}

static int write_pair(const struct places *places, const char *index_path, const char *data_path,
                      struct error *err)
{
    struct pair_builder *builder;
    struct pair_info info;
    struct buffer text = {0};
    if (pair_builder_create(&builder, index_path, data_path, (struct grid){1, 1}, 0, err) != 0)
        return -1;
    for (size_t i = 0; i < places->count; i++) {
        const struct place *place = &places->rows[i];
        if (i > 0 && place->code == places->rows[i - 1].code)
            continue;
        if (add_entry(builder, place, &text, err) != 0) {
            error_prefix(err, "line %zu", place->line);
            pair_builder_abort(builder);
            buffer_free(&text);
            return -1;
        }
    }
    buffer_free(&text);
    return pair_builder_commit(builder, &info, err);
}

int main(int count, char **words)
{
    struct error err = {0};
    struct places places = {0};
    char *text = NULL;
    size_t bytes;
    int status = EXIT_FAILURE;
    if (count != 3) {
        (void)fputs("usage: build_gazetteer INDEX DATA <places.tsv\n", stderr);
        return 2;
    }
    if (read_whole_file("/dev/stdin", LARGEST_INPUT, &text, &bytes, &err) == 0 &&
        read_places(text, &places, &err) == 0) {
        qsort(places.rows, places.count, sizeof *places.rows, compare_places);
        if (write_pair(&places, words[1], words[2], &err) == 0)
            status = EXIT_SUCCESS;
    }
    if (status != EXIT_SUCCESS)
        (void)fprintf(stderr, "build_gazetteer: %s\n", err.message);
    free(places.rows);
    free(text);
    return status;
}
