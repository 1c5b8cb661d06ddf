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

/* The references of a dictionary's strings, whose text begins at `text`; strings that are too long
 * for one go to builder->long_strings. */
static int append_references(struct segment_builder *builder, const struct dictionary *dictionary,
                             uint32_t text, struct error *err)
{
    struct buffer *out = &builder->references;
    if (buffer_reserve(out, (size_t)dictionary->strings * sizeof(uint32_t), err) != 0)
        return -1;
    for (uint32_t id = 1; id <= dictionary->strings; id++) {
        uint32_t start = text + dictionary->offsets[id - 1];
        uint32_t length = dictionary->offsets[id] - dictionary->offsets[id - 1];
        uint32_t reference = start << REFERENCE_BITS | length;
        if (length >= REFERENCE_LONG) {
            const uint32_t record[LONG_FIELDS] = {start, length};
            uint32_t number = (uint32_t)(builder->long_strings.used / sizeof record);
            reference = number << REFERENCE_BITS | REFERENCE_LONG;
            if (buffer_append(&builder->long_strings, record, sizeof record, err) != 0)
                return -1;
        }
        memcpy(out->data + out->used, &reference, sizeof reference);
        out->used += sizeof reference;
    }
    return 0;
}

static const uint32_t *numbers_of(const struct buffer *buffer)
{
    return (const uint32_t *)(const void *)buffer->data;
}

/* Turn the places' string numbers into references; first[f] is where those of field f begin. */
static void resolve_places(struct segment_builder *builder, const uint32_t first[FIELD_COUNT])
{
    const uint32_t *references = numbers_of(&builder->references);
    uint32_t *id = builder->places.places;
    for (uint32_t p = 0; p < builder->places.count; p++) {
        for (unsigned i = 0; i < PLACE_TEXTS; i++, id++)
            *id = *id == 0 ? 0 : references[first[PLACE_FIRST + i] + *id - 1];
    }
}

/* Make the references of all fields, those of field f from first[f] on, and resolve the places. */
static int make_references(struct segment_builder *builder, uint32_t first[FIELD_COUNT],
                           uint32_t *text_bytes, struct error *err)
{
    uint32_t text = 0;
    buffer_clear(&builder->references);
    buffer_clear(&builder->long_strings);
    for (int f = 0; f < FIELD_COUNT; f++) {
        first[f] = (uint32_t)(builder->references.used / sizeof(uint32_t));
        if (append_references(builder, &builder->dictionary[f], text, err) != 0)
            return -1;
        text += builder->dictionary[f].text_used;
    }
    resolve_places(builder, first);
    *text_bytes = text;
    return 0;
}

static int append_tables(struct segment_builder *builder, struct segment_header *header,
                         const uint32_t first[FIELD_COUNT], struct error *err)
{
    struct buffer *out = &builder->tables;
    const uint32_t *references = numbers_of(&builder->references);
    if (table_append(out, builder->places.places, builder->places.count, PLACE_TEXTS, err) != 0)
        return -1;
    for (unsigned t = 0; t < ROW_TEXTS; t++) {
        unsigned field = row_fields[COLUMN_HOUSENUMBER + t];
        header->strings[t] = builder->dictionary[field].strings;
        const uint32_t *numbers = header->strings[t] > 0 ? references + first[field] : NULL;
        if (table_append(out, numbers, header->strings[t], 1, err) != 0)
            return -1;
    }
    header->long_strings =
        (uint32_t)(builder->long_strings.used / (LONG_FIELDS * sizeof(uint32_t)));
    if (table_append(out, numbers_of(&builder->long_strings), header->long_strings, LONG_FIELDS,
                     err) != 0)
        return -1;
    return table_append(out, builder->records, builder->rows, ROW_COLUMNS, err);
}

/* Fill builder->tables with everything of the segment that comes before its text. */
static int encode_tables(struct segment_builder *builder, struct error *err)
{
    static const unsigned char slack[TABLE_SLACK];
    struct buffer *out = &builder->tables;
    struct segment_header header = {.rows = builder->rows, .places = builder->places.count};
    uint32_t first[FIELD_COUNT];
    buffer_clear(out);
    if (make_references(builder, first, &header.text_bytes, err) != 0 ||
        buffer_append(out, &header, sizeof header, err) != 0 ||
        append_tables(builder, &header, first, err) != 0 ||
        buffer_append(out, slack, sizeof slack, err) != 0)
        return -1;
    header.text = (uint32_t)out->used;
    memcpy(out->data, &header, sizeof header);
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
    uint64_t offset = durable_size(file);
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL)
        return error_memory(err, "a checksum");
    (void)XXH3_128bits_reset(state);
    int result = encode_tables(builder, err);
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
    buffer_free(&builder->references);
    buffer_free(&builder->long_strings);
    buffer_free(&builder->tables);
}
