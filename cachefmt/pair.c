#include "cachefmt/pair.h"

#include <stdlib.h>

#include "cachefmt/pair_reader.h"
#include "quadtree/morton.h"

int pair_corrupt(const char *file, const char *what, struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "%s: %s; " PAIR_ADVICE, file, what);
}

void *pair_allocate_lines(size_t bytes)
{
    void *memory = aligned_alloc(PAIR_ALIGNMENT, bytes);
    return memory == NULL ? NULL : memset(memory, 0, bytes);
}

static struct pair_checks *checks_create(void)
{
    struct pair_checks *checks = pair_allocate_lines(sizeof *checks);
    if (checks == NULL)
        return NULL;
    if (pthread_mutex_init(&checks->lock, NULL) != 0) {
        free(checks);
        return NULL;
    }
    return checks;
}

static void checks_free(struct pair_checks *checks)
{
    if (checks == NULL)
        return;
    (void)pthread_mutex_destroy(&checks->lock);
    free(checks->slots);
    free(checks);
}

static struct pair_info info_of(const struct pair_header *index, const struct pair_header *data)
{
    struct pair_info info = {
        .tile = index->tile,
        .grid = {index->rows, index->columns},
        .entries = index->entries,
        .oldest = index->oldest,
        .newest = index->newest,
        .index_bytes = index->file_bytes,
        .data_bytes = data->file_bytes,
        .id = index->id,
    };
    memcpy(info.outcomes, index->outcomes, sizeof info.outcomes);
    return info;
}

/* Check the headers of a pair whose regions are set, and fill in the rest. */
static int read_headers(struct pair *pair, size_t index_bytes, size_t data_bytes, struct error *err)
{
    if (pair_header_read(&pair->index_header, PAIR_INDEX, pair->index, index_bytes,
                         pair->index_name, err) != 0 ||
        pair_header_read(&pair->data_header, PAIR_DATA, pair->data, data_bytes, pair->data_name,
                         err) != 0 ||
        pair_header_match(&pair->index_header, &pair->data_header, pair->index_name,
                          pair->data_name, err) != 0)
        return -1;
    const struct pair_section *sections = pair->index_header.section;
    pair->tree = quadtree_view(
        (const struct point *)(const void *)(pair->index + sections[SECTION_POINTS].offset),
        pair->index_header.entries,
        (const uint64_t *)(const void *)(pair->index + sections[SECTION_DIRECTORY].offset));
    pair->info = info_of(&pair->index_header, &pair->data_header);
    return 0;
}

static struct pair *pair_allocate(const char *index_name, const char *data_name)
{
    struct pair *pair = pair_allocate_lines(sizeof *pair);
    if (pair == NULL)
        return NULL;
    pair->index_name = strdup(index_name);
    pair->data_name = strdup(data_name);
    pair->checks = checks_create();
    if (pair->index_name == NULL || pair->data_name == NULL || pair->checks == NULL) {
        pair_close(pair);
        return NULL;
    }
    return pair;
}

int pair_open(struct pair **out, const char *index_path, const char *data_path, struct error *err)
{
    struct pair *pair = pair_allocate(index_path, data_path);
    if (pair == NULL)
        return error_memory(err, index_path);
    if (mapping_open(&pair->index_mapping, index_path, err) != 0 ||
        mapping_open(&pair->data_mapping, data_path, err) != 0)
        goto fail;
    pair->index = pair->index_mapping.data;
    pair->data = pair->data_mapping.data;
    if (read_headers(pair, pair->index_mapping.bytes, pair->data_mapping.bytes, err) != 0)
        goto fail;
    *out = pair;
    return 0;
fail:
    pair_close(pair);
    return -1;
}

int pair_open_memory(struct pair **out, const void *index, size_t index_bytes, const void *data,
                     size_t data_bytes, const char *name, struct error *err)
{
    struct pair *pair = pair_allocate(name, name);
    if (pair == NULL)
        return error_memory(err, name);
    pair->index = index;
    pair->data = data;
    if (read_headers(pair, index_bytes, data_bytes, err) != 0) {
        pair_close(pair);
        return -1;
    }
    *out = pair;
    return 0;
}

void pair_close(struct pair *pair)
{
    if (pair == NULL)
        return;
    checks_free(pair->checks);
    mapping_close(&pair->data_mapping);
    mapping_close(&pair->index_mapping);
    free(pair->data_name);
    free(pair->index_name);
    free(pair);
}

const struct pair_info *pair_info(const struct pair *pair)
{
    return &pair->info;
}

int pair_check_index(const struct pair *pair, struct error *err)
{
    for (int s = 0; s < PAIR_SECTIONS; s++) {
        const struct pair_section *section = &pair->index_header.section[s];
        struct checksum sum = checksum_of(pair->index + section->offset, section->bytes);
        if (!checksum_equal(sum, section->checksum))
            return pair_corrupt(pair->index_name,
                                s == SECTION_POINTS
                                    ? "the checksum of its points does not match"
                                    : "the checksum of its directory does not match",
                                err);
    }
    return 0;
}

int pair_quadtree(const struct pair *pair, const struct quadtree **out, struct error *err)
{
    struct pair_checks *checks = pair->checks;
    if (!atomic_load_explicit(&checks->index_good, memory_order_acquire)) {
        if (pair_check_index(pair, err) != 0)
            return -1;
        atomic_store_explicit(&checks->index_good, true, memory_order_release);
    }
    *out = &pair->tree;
    return 0;
}

/* Segments lie one after the other from the header to the table, and so do their rows. */
static int check_segment_table(const struct pair *pair, const struct segment_slot *slots,
                               uint32_t segments, struct error *err)
{
    uint64_t offset = PAIR_HEADER_BYTES;
    uint64_t row = 0;
    uint64_t end = pair->data_header.section[SECTION_SEGMENT_TABLE].offset;
    for (uint32_t s = 0; s < segments; s++) {
        const struct pair_segment_row *where = &slots[s].where;
        if (where->offset != offset || where->bytes > end - offset || where->bytes % 8 != 0 ||
            where->first_row != row || where->rows == 0 || where->rows > PAIR_SEGMENT_ROWS)
            return pair_corrupt(pair->data_name, "the segment table is wrong", err);
        offset += where->bytes;
        row += where->rows;
    }
    if (offset != end || row != pair->info.entries)
        return pair_corrupt(pair->data_name, "the segment table is wrong", err);
    return 0;
}

static int read_segment_table(const struct pair *pair, struct error *err)
{
    const struct pair_section *section = &pair->data_header.section[SECTION_SEGMENT_TABLE];
    const unsigned char *table = pair->data + section->offset;
    if (!checksum_equal(checksum_of(table, section->bytes), section->checksum))
        return pair_corrupt(pair->data_name, "the checksum of its segment table does not match",
                            err);
    uint32_t segments = (uint32_t)(section->bytes / sizeof(struct pair_segment_row));
    struct segment_slot *slots = pair_allocate_lines(segments * sizeof *slots);
    if (slots == NULL)
        return error_memory(err, pair->data_name);
    for (uint32_t s = 0; s < segments; s++) {
        memcpy(&slots[s].where, table + s * sizeof slots->where, sizeof slots->where);
        slots[s].first_row = slots[s].where.first_row;
        slots[s].rows = slots[s].where.rows;
    }
    if (check_segment_table(pair, slots, segments, err) != 0) {
        free(slots);
        return -1;
    }
    pair->checks->slots = slots;
    pair->checks->segments = segments;
    return 0;
}

int pair_segments(const struct pair *pair, struct error *err)
{
    struct pair_checks *checks = pair->checks;
    if (atomic_load_explicit(&checks->table_good, memory_order_acquire))
        return 0;
    (void)pthread_mutex_lock(&checks->lock);
    int result = 0;
    if (!atomic_load_explicit(&checks->table_good, memory_order_relaxed)) {
        result = read_segment_table(pair, err);
        if (result == 0)
            atomic_store_explicit(&checks->table_good, true, memory_order_release);
    }
    (void)pthread_mutex_unlock(&checks->lock);
    return result;
}

int pair_check_segment(const struct pair *pair, const struct pair_segment_row *where,
                       struct error *err)
{
    if (checksum_equal(checksum_of(pair->data + where->offset, where->bytes), where->checksum))
        return 0;
    return error_set(err, ERROR_CORRUPT,
                     "%s: the checksum of the segment at row %llu does not match; " PAIR_ADVICE,
                     pair->data_name, (unsigned long long)where->first_row);
}

static int open_segment(const struct pair *pair, struct segment_slot *slot, struct error *err)
{
    const struct pair_segment_row *where = &slot->where;
    if (pair_check_segment(pair, where, err) != 0)
        return -1;
    if (segment_open(&slot->segment, pair->data + where->offset, where->bytes, where->rows))
        return 0;
    return error_set(err, ERROR_CORRUPT, "%s: the segment at row %llu is malformed; " PAIR_ADVICE,
                     pair->data_name, (unsigned long long)where->first_row);
}

/* The slot whose rows include row. A segment never has more than PAIR_SEGMENT_ROWS, and nearly all
 * have as many. */
static struct segment_slot *find_slot(const struct pair_checks *checks, uint64_t row)
{
    uint32_t low = (uint32_t)(row / PAIR_SEGMENT_ROWS);
    uint32_t high = checks->segments;
    if (row - checks->slots[low].first_row < checks->slots[low].rows)
        return &checks->slots[low];
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (checks->slots[middle].first_row <= row)
            low = middle;
        else
            high = middle;
    }
    return &checks->slots[low];
}

int pair_segment(const struct pair *pair, uint64_t row, const struct segment_slot **out,
                 struct error *err)
{
    if (pair_segments(pair, err) != 0)
        return -1;
    struct segment_slot *slot = find_slot(pair->checks, row);
    int result = 0;
    if (!atomic_load_explicit(&slot->good, memory_order_acquire)) {
        (void)pthread_mutex_lock(&pair->checks->lock);
        if (!atomic_load_explicit(&slot->good, memory_order_relaxed)) {
            result = open_segment(pair, slot, err);
            if (result == 0)
                atomic_store_explicit(&slot->good, true, memory_order_release);
        }
        (void)pthread_mutex_unlock(&pair->checks->lock);
    }
    if (result == 0)
        *out = slot;
    return result;
}

int pair_entry(const struct pair *pair, uint64_t row, struct entry *out, struct error *err)
{
    if (row >= pair->info.entries)
        return error_set(err, ERROR_VALUE, "%s: row %llu is behind the last of %llu",
                         pair->data_name, (unsigned long long)row,
                         (unsigned long long)pair->info.entries);
    const struct quadtree *tree;
    const struct segment_slot *slot;
    if (pair_quadtree(pair, &tree, err) != 0 || pair_segment(pair, row, &slot, err) != 0)
        return -1;
    struct point point = tree->points[row]; /* early: its cache miss passes during the decoding */
    if (!segment_entry(&slot->segment, (uint32_t)(row - slot->first_row), out))
        return pair_corrupt(pair->data_name, "a row refers to something that is not there", err);
    out->point = point;
    return 0;
}
