#include "cachefmt/pair_header.h"

#include <stddef.h>
#include <xxhash.h>

static const char magics[2][8] = {
    [PAIR_INDEX] = {'R', 'F', 'D', 'I', 'N', 'D', 'E', 'X'},
    [PAIR_DATA] = {'R', 'F', 'D', 'D', 'A', 'T', 'A', '\n'},
};

static struct checksum checksum_of_hash(XXH128_hash_t hash)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    struct checksum sum;
    memcpy(sum.bytes, canonical.digest, sizeof sum.bytes);
    return sum;
}

struct checksum checksum_of(const void *data, size_t bytes)
{
    return checksum_of_hash(XXH3_128bits(data, bytes));
}

struct checksum checksum_from(const XXH3_state_t *state)
{
    return checksum_of_hash(XXH3_128bits_digest(state));
}

static struct checksum header_checksum(const struct pair_header *header)
{
    return checksum_of(header, offsetof(struct pair_header, checksum));
}

/* The pair id: what the entries are, through the checksums of everything that holds them. */
static struct pair_id header_id(const struct pair_header *index, const struct pair_header *data)
{
    enum { FIGURES = offsetof(struct pair_header, version) };
    enum { FIGURES_BYTES = offsetof(struct pair_header, file_bytes) - FIGURES };
    unsigned char content[FIGURES_BYTES + 2 * sizeof index->section];
    memcpy(content, (const unsigned char *)index + FIGURES, FIGURES_BYTES);
    memcpy(content + FIGURES_BYTES, index->section, sizeof index->section);
    memcpy(content + FIGURES_BYTES + sizeof index->section, data->section, sizeof data->section);
    struct checksum sum = checksum_of(content, sizeof content);
    struct pair_id id;
    memcpy(id.bytes, sum.bytes, sizeof id.bytes);
    return id;
}

static void header_stamp(struct pair_header *header, enum pair_file kind)
{
    memcpy(header->magic, magics[kind], sizeof header->magic);
    header->version = PAIR_VERSION;
    header->header_bytes = PAIR_HEADER_BYTES;
    header->reserved = 0;
    memset(header->zero, 0, sizeof header->zero);
}

void pair_header_seal(struct pair_header *index, struct pair_header *data)
{
    header_stamp(index, PAIR_INDEX);
    header_stamp(data, PAIR_DATA);
    index->id = header_id(index, data);
    data->id = index->id;
    index->checksum = header_checksum(index);
    data->checksum = header_checksum(data);
}

static int corrupt(const char *name, const char *what, struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "%s: %s; " PAIR_ADVICE, name, what);
}

static int check_figures(const struct pair_header *header, const char *name, struct error *err)
{
    if (header->rows == 0 || header->rows > GRID_SIDE_LIMIT || header->columns == 0 ||
        header->columns > GRID_SIDE_LIMIT || header->tile >= header->rows * header->columns)
        return corrupt(name, "the header's grid or tile is out of range", err);
    uint64_t left = header->entries;
    for (int o = 0; o < OUTCOME_COUNT; o++) {
        if (header->outcomes[o] > left)
            return corrupt(name, "the header's counts do not add up", err);
        left -= header->outcomes[o];
    }
    if (left != 0 || header->entries == 0 || header->oldest > header->newest)
        return corrupt(name, "the header's counts do not add up", err);
    return 0;
}

/* Sections lie one after the other from first to the end of the file, 8-byte aligned. */
static int check_sections(const struct pair_header *header, enum pair_file kind, const char *name,
                          struct error *err)
{
    const struct pair_section *section = header->section;
    uint64_t size = header->file_bytes;
    if (kind == PAIR_INDEX) {
        uint64_t points = pair_points_bytes(header->entries);
        if (header->entries > size / sizeof(struct point) ||
            section[SECTION_POINTS].bytes != points ||
            section[SECTION_POINTS].offset != PAIR_HEADER_BYTES ||
            section[SECTION_DIRECTORY].offset != PAIR_HEADER_BYTES + points ||
            section[SECTION_DIRECTORY].bytes != quadtree_directory_bytes(header->entries) ||
            size - PAIR_HEADER_BYTES < points ||
            size - PAIR_HEADER_BYTES - points != section[SECTION_DIRECTORY].bytes)
            return corrupt(name, "the header's sections do not fit the file", err);
        return 0;
    }
    const struct pair_section *table = &section[SECTION_SEGMENT_TABLE];
    if (table->bytes == 0 || table->bytes % sizeof(struct pair_segment_row) != 0 ||
        table->bytes > size || table->offset < PAIR_HEADER_BYTES || table->offset % 8 != 0 ||
        table->offset != size - table->bytes)
        return corrupt(name, "the header's sections do not fit the file", err);
    return 0;
}

int pair_header_read(struct pair_header *out, enum pair_file kind, const void *file, size_t bytes,
                     const char *name, struct error *err)
{
    struct pair_header header;
    if (bytes < sizeof header)
        return corrupt(name, "the file is too short for a pair's file", err);
    memcpy(&header, file, sizeof header);
    if (memcmp(header.magic, magics[kind], sizeof header.magic) != 0)
        return corrupt(name,
                       kind == PAIR_INDEX ? "this is not an index file of a pair"
                                          : "this is not a data file of a pair",
                       err);
    if (header.version != PAIR_VERSION || header.header_bytes != PAIR_HEADER_BYTES)
        return error_set(err, ERROR_CORRUPT,
                         "%s: format version %u, this program reads version %d; use the refreshd "
                         "that wrote the file or a newer one, or import an export of its cache",
                         name, header.version, PAIR_VERSION);
    if (!checksum_equal(header.checksum, header_checksum(&header)))
        return corrupt(name, "the header's checksum does not match", err);
    if (header.file_bytes != bytes)
        return error_set(err, ERROR_CORRUPT, "%s: the file has %zu bytes instead of %llu; %s", name,
                         bytes, (unsigned long long)header.file_bytes, PAIR_ADVICE);
    if (check_figures(&header, name, err) != 0 || check_sections(&header, kind, name, err) != 0)
        return -1;
    *out = header;
    return 0;
}

int pair_header_match(const struct pair_header *index, const struct pair_header *data,
                      const char *index_name, const char *data_name, struct error *err)
{
    if (!pair_id_equal(&index->id, &data->id))
        return error_set(err, ERROR_CORRUPT, "%s and %s belong to different pairs; %s", index_name,
                         data_name, PAIR_ADVICE);
    size_t from = offsetof(struct pair_header, version);
    size_t to = offsetof(struct pair_header, file_bytes);
    struct pair_id id = header_id(index, data);
    if (memcmp((const char *)index + from, (const char *)data + from, to - from) != 0 ||
        !pair_id_equal(&id, &index->id))
        return error_set(err, ERROR_CORRUPT, "%s and %s: the pair id does not match; %s",
                         index_name, data_name, PAIR_ADVICE);
    return 0;
}

static bool region_inside(uint64_t offset, uint64_t length, size_t bytes)
{
    return offset <= bytes && length <= bytes - offset;
}

static void reseal_section(struct pair_section *section, const unsigned char *file, size_t bytes)
{
    if (region_inside(section->offset, section->bytes, bytes))
        section->checksum = checksum_of(file + section->offset, section->bytes);
}

static void reseal_segments(const struct pair_section *table, unsigned char *file, size_t bytes)
{
    if (!region_inside(table->offset, table->bytes, bytes))
        return;
    for (uint64_t at = 0; table->bytes - at >= sizeof(struct pair_segment_row);
         at += sizeof(struct pair_segment_row)) {
        struct pair_segment_row row;
        memcpy(&row, file + table->offset + at, sizeof row);
        if (region_inside(row.offset, row.bytes, bytes))
            row.checksum = checksum_of(file + row.offset, row.bytes);
        memcpy(file + table->offset + at, &row, sizeof row);
    }
}

void pair_reseal(void *index, size_t index_bytes, void *data, size_t data_bytes)
{
    struct pair_header first, second;
    if (index_bytes < sizeof first || data_bytes < sizeof second)
        return;
    memcpy(&first, index, sizeof first);
    memcpy(&second, data, sizeof second);
    reseal_section(&first.section[SECTION_POINTS], index, index_bytes);
    reseal_section(&first.section[SECTION_DIRECTORY], index, index_bytes);
    reseal_segments(&second.section[SECTION_SEGMENT_TABLE], data, data_bytes);
    reseal_section(&second.section[SECTION_SEGMENT_TABLE], data, data_bytes);
    pair_header_seal(&first, &second);
    memcpy(index, &first, sizeof first);
    memcpy(data, &second, sizeof second);
}
