#include "cachefmt/pair_segment_builder.h"

#include <stdlib.h>
#include <xxhash.h>

static int records_reserve(struct segment_builder *builder, struct error *err)
{
    if (builder->rows < builder->rows_room)
        return 0;
    uint32_t room = builder->rows_room == 0 ? 1024 : 2 * builder->rows_room;
    uint32_t *larger = realloc(builder->records, room * (ROW_COLUMNS * sizeof *larger));
    if (larger == NULL)
        return error_memory(err, "the rows of a segment");
    builder->records = larger;
    builder->rows_room = room;
    return 0;
}

static inline int find_text(struct segment_builder *builder, unsigned field, struct slice text,
                            bool *repeats, struct error *err)
{
    struct dictionary *dictionary = &builder->dictionary[field];
    uint32_t before = dictionary->text_used;
    if (dictionary_number(dictionary, text, repeats, err) != 0)
        return -1;
    builder->text_bytes += dictionary->text_used - before;
    return 0;
}

static inline int find_place(struct segment_builder *builder, const struct address *address,
                             struct error *err)
{
    uint32_t place[PLACE_TEXTS];
    uint32_t any = 0;
    bool same = true;
    for (unsigned i = 0; i < PLACE_TEXTS; i++) {
        unsigned field = PLACE_FIRST + i;
        bool repeats;
        if (find_text(builder, field, address->field[field], &repeats, err) != 0)
            return -1;
        same &= repeats;
        place[i] = builder->dictionary[field].previous;
        any |= place[i];
    }
    if (same)
        return 0;
    builder->place = 0;
    return any == 0 ? 0 : place_find(&builder->places, place, &builder->place, err);
}

int segment_builder_add(struct segment_builder *builder, const struct entry *entry,
                        struct error *err)
{
    if (records_reserve(builder, err) != 0)
        return -1;
    uint32_t *record = builder->records + (size_t)builder->rows * ROW_COLUMNS;
    record[COLUMN_OUTCOME] = (uint32_t)entry->outcome;
    record[COLUMN_DATE] = entry->refreshed_at;
    for (unsigned c = COLUMN_HOUSENUMBER; c < COLUMN_HOUSENUMBER + ROW_TEXTS; c++) {
        unsigned field = row_fields[c];
        bool repeats;
        if (find_text(builder, field, entry->address.field[field], &repeats, err) != 0)
            return -1;
        record[c] = builder->dictionary[field].previous;
    }
    if (find_place(builder, &entry->address, err) != 0)
        return -1;
    record[COLUMN_PLACE] = builder->place;
    builder->rows++;
    return 0;
}

static int append_offsets(struct buffer *out, const struct dictionary *dictionary,
                          struct error *err)
{
    static const uint32_t none = 0;
    if (dictionary->strings == 0)
        return buffer_append(out, &none, sizeof none, err);
    return buffer_append(out, dictionary->offsets,
                         ((size_t)dictionary->strings + 1) * sizeof *dictionary->offsets, err);
}

/* Fill builder->tables with everything of the segment that comes before its text. */
static int encode_tables(struct segment_builder *builder, struct segment_header *header,
                         struct error *err)
{
    static const unsigned char slack[TABLE_SLACK];
    struct buffer *out = &builder->tables;
    buffer_clear(out);
    *header = (struct segment_header){.rows = builder->rows, .places = builder->places.count};
    if (buffer_append(out, header, sizeof *header, err) != 0)
        return -1;
    header->rows_table = (uint32_t)out->used;
    if (table_append(out, builder->records, builder->rows, ROW_COLUMNS, err) != 0)
        return -1;
    header->places_table = (uint32_t)out->used;
    if (builder->places.count > 0 &&
        table_append(out, builder->places.places, builder->places.count, PLACE_TEXTS, err) != 0)
        return -1;
    for (int f = 0; f < FIELD_COUNT; f++) {
        header->dictionary[f].strings = builder->dictionary[f].strings;
        header->dictionary[f].offsets = (uint32_t)out->used;
        if (append_offsets(out, &builder->dictionary[f], err) != 0)
            return -1;
    }
    if (buffer_append(out, slack, sizeof slack, err) != 0)
        return -1;
    uint32_t end = (uint32_t)out->used;
    for (int f = 0; f < FIELD_COUNT; f++) {
        header->dictionary[f].text = end;
        header->dictionary[f].text_bytes = builder->dictionary[f].text_used;
        end += builder->dictionary[f].text_used;
    }
    memcpy(out->data, header, sizeof *header);
    return 0;
}

static int write_part(struct durable_file *file, XXH3_state_t *state, const void *data,
                      size_t bytes, struct error *err)
{
    if (bytes == 0)
        return 0;
    (void)XXH3_128bits_update(state, data, bytes);
    return durable_write(file, data, bytes, err);
}

static int write_parts(const struct segment_builder *builder, struct durable_file *file,
                       XXH3_state_t *state, struct error *err)
{
    static const unsigned char zeros[8];
    uint64_t start = durable_size(file);
    if (write_part(file, state, builder->tables.data, builder->tables.used, err) != 0)
        return -1;
    for (int f = 0; f < FIELD_COUNT; f++) {
        const struct dictionary *dictionary = &builder->dictionary[f];
        if (write_part(file, state, dictionary->text, dictionary->text_used, err) != 0)
            return -1;
    }
    uint64_t bytes = durable_size(file) - start;
    return write_part(file, state, zeros, (size_t)(-bytes & 7), err);
}

static void segment_builder_clear(struct segment_builder *builder)
{
    builder->rows = 0;
    builder->text_bytes = 0;
    builder->place = 0;
    place_clear(&builder->places);
    for (int f = 0; f < FIELD_COUNT; f++)
        dictionary_clear(&builder->dictionary[f]);
}

int segment_builder_write(struct segment_builder *builder, struct durable_file *file,
                          struct pair_segment_row *where, struct error *err)
{
    struct segment_header header;
    uint64_t offset = durable_size(file);
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL)
        return error_memory(err, "a checksum");
    (void)XXH3_128bits_reset(state);
    int result = encode_tables(builder, &header, err);
    if (result == 0)
        result = write_parts(builder, file, state, err);
    if (result == 0) {
        *where = (struct pair_segment_row){
            .offset = offset,
            .bytes = durable_size(file) - offset,
            .rows = builder->rows,
            .checksum = checksum_from(state),
        };
        segment_builder_clear(builder);
    }
    (void)XXH3_freeState(state);
    return result;
}

void segment_builder_free(struct segment_builder *builder)
{
    free(builder->records);
    place_free(&builder->places);
    for (int f = 0; f < FIELD_COUNT; f++)
        dictionary_free(&builder->dictionary[f]);
    buffer_free(&builder->tables);
}
