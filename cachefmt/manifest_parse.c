#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cachefmt/manifest_text.h"

#define MANIFEST_BYTES_LIMIT ((size_t)4 << 20) /* 10000 tiles take 2.6 MB */

static int wrong(struct error *err, const char *name, const char *what)
{
    return error_set(err, ERROR_CORRUPT, "%s is damaged: %s is missing or wrong", name, what);
}

static bool get_number(const cJSON *object, const char *key, uint64_t limit, uint64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= (double)limit))
        return false;
    *out = (uint64_t)item->valuedouble;
    return (double)*out == item->valuedouble;
}

static bool get_id(const cJSON *object, const char *key, struct pair_id *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) && pair_id_parse(item->valuestring, out);
}

static int check_format(const cJSON *root, const char *name, struct error *err)
{
    uint64_t format;
    if (!get_number(root, "format", MANIFEST_NUMBER_LIMIT, &format) || format == 0)
        return wrong(err, name, "format");
    if (format > MANIFEST_FORMAT)
        return error_set(err, ERROR_VALUE,
                         "%s has format %llu, this refreshd reads formats up to %d; use the "
                         "refreshd that wrote it or a newer one, or import an export of its cache",
                         name, (unsigned long long)format, MANIFEST_FORMAT);
    return 0;
}

static int get_grid(const cJSON *root, const char *name, struct grid *out, struct error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, "grid");
    uint64_t rows;
    uint64_t columns;
    if (!get_number(item, "rows", GRID_SIDE_LIMIT, &rows) || rows == 0 ||
        !get_number(item, "columns", GRID_SIDE_LIMIT, &columns) || columns == 0)
        return wrong(err, name, "grid");
    *out = (struct grid){.rows = (uint32_t)rows, .columns = (uint32_t)columns};
    return 0;
}

static int get_head(struct manifest *manifest, const cJSON *root, const char *name,
                    struct error *err)
{
    uint64_t published;
    if (!get_number(root, "generation", MANIFEST_NUMBER_LIMIT, &manifest->generation))
        return wrong(err, name, "generation");
    if (!get_number(root, "published", UINT32_MAX, &published))
        return wrong(err, name, "published");
    manifest->published = (uint32_t)published;
    const cJSON *run = cJSON_GetObjectItemCaseSensitive(root, "run");
    if (!cJSON_IsString(run) || strlen(run->valuestring) >= RUN_ID_BYTES)
        return wrong(err, name, "run");
    memcpy(manifest->run, run->valuestring, strlen(run->valuestring) + 1);
    if (!get_id(root, "digest", &manifest->digest))
        return wrong(err, name, "digest");
    return 0;
}

static bool get_row(struct manifest_tile *row, const cJSON *item)
{
    uint64_t tile;
    if (!get_number(item, "tile", UINT32_MAX, &tile) || tile != row->info.tile)
        return false;
    uint64_t numbers[ROW_NUMBER_COUNT];
    if (get_number(item, "entries", 0, &numbers[ROW_ENTRIES]))
        return true; /* empty: the row says no more */
    for (unsigned i = 0; i < ROW_NUMBER_COUNT; i++) {
        bool date = i == ROW_OLDEST || i == ROW_NEWEST;
        if (!get_number(item, manifest_row_names[i], date ? UINT32_MAX : MANIFEST_NUMBER_LIMIT,
                        &numbers[i]))
            return false;
    }
    row->built = numbers[ROW_BUILT];
    row->info.entries = numbers[ROW_ENTRIES];
    row->info.outcomes[OUTCOME_FOUND] = numbers[ROW_FOUND];
    row->info.outcomes[OUTCOME_NONE] = numbers[ROW_NONE];
    row->info.outcomes[OUTCOME_UNSURE] = numbers[ROW_UNSURE];
    row->info.oldest = (uint32_t)numbers[ROW_OLDEST];
    row->info.newest = (uint32_t)numbers[ROW_NEWEST];
    row->info.index_bytes = numbers[ROW_INDEX_BYTES];
    row->info.data_bytes = numbers[ROW_DATA_BYTES];
    return get_id(item, "pair", &row->info.id);
}

static int get_rows(struct manifest *manifest, const cJSON *root, const char *name,
                    struct error *err)
{
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(root, "tiles");
    uint32_t tile = 0;
    const cJSON *item = cJSON_IsArray(rows) ? rows->child : NULL;
    for (; tile < grid_tiles(manifest->grid) && item != NULL; tile++, item = item->next) {
        if (!get_row(&manifest->tiles[tile], item))
            break;
    }
    if (tile < grid_tiles(manifest->grid))
        return error_set(err, ERROR_CORRUPT,
                         "%s is damaged: the row of tile %u is missing or wrong", name, tile);
    return 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Equal but for white space between the words of JSON. The canonical text has no escapes, so a
 * quotation mark always begins or ends a string. */
static bool same_words(const char *text, size_t bytes, const char *canonical)
{
    bool quoted = false;
    size_t i = 0;
    for (;;) {
        while (!quoted && i < bytes && is_space(text[i]))
            i++;
        while (!quoted && is_space(*canonical))
            canonical++;
        if (i == bytes || *canonical == '\0')
            return i == bytes && *canonical == '\0';
        if (text[i] != *canonical)
            return false;
        quoted ^= text[i] == '"';
        i++;
        canonical++;
    }
}

/* What was understood, printed again, must be what was there: nothing else proves that no byte
 * was changed, added or ignored. */
static int check_text(const struct manifest *manifest, const char *text, size_t bytes,
                      const char *name, struct error *err)
{
    char place[32];
    const char *what = manifest_wrong(manifest, place);
    if (what != NULL)
        return wrong(err, name, what);
    char *canonical;
    if (manifest_print(manifest, &canonical, err) != 0)
        return -1;
    bool same = same_words(text, bytes, canonical);
    free(canonical);
    if (!same)
        return error_set(err, ERROR_CORRUPT,
                         "%s is damaged or was changed: its checksum does not match", name);
    return 0;
}

static int check_digest(struct manifest *manifest, const char *name, struct error *err)
{
    struct pair_id stated = manifest->digest;
    manifest_seal(manifest);
    if (memcmp(&stated, &manifest->digest, sizeof stated) != 0)
        return error_set(err, ERROR_CORRUPT,
                         "%s is damaged or was changed: its digest does not match", name);
    return 0;
}

int manifest_parse(struct manifest **out, const char *text, size_t bytes, const char *name,
                   struct error *err)
{
    struct manifest *manifest = NULL;
    struct grid grid;
    if (bytes > MANIFEST_BYTES_LIMIT)
        return error_set(err, ERROR_CORRUPT, "%s is larger than %zu bytes: not a manifest", name,
                         MANIFEST_BYTES_LIMIT);
    cJSON *root = cJSON_ParseWithLength(text, bytes);
    if (!cJSON_IsObject(root)) {
        error_set(err, ERROR_CORRUPT, "%s is damaged: not a JSON object", name);
        goto fail;
    }
    if (check_format(root, name, err) != 0 || get_grid(root, name, &grid, err) != 0 ||
        manifest_create(&manifest, grid, err) != 0 || get_head(manifest, root, name, err) != 0 ||
        get_rows(manifest, root, name, err) != 0 ||
        check_text(manifest, text, bytes, name, err) != 0 || check_digest(manifest, name, err) != 0)
        goto fail;
    cJSON_Delete(root);
    *out = manifest;
    return 0;
fail:
    cJSON_Delete(root);
    manifest_free(manifest);
    return -1;
}

static int read_bytes(int fd, const char *path, char *text, size_t room, size_t *bytes,
                      struct error *err)
{
    size_t used = 0;
    while (used < room) {
        ssize_t got = pread(fd, text + used, room - used, (off_t)used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_io(err, errno, "read", path);
        if (got == 0)
            break;
        used += (size_t)got;
    }
    *bytes = used;
    return 0;
}

int manifest_read_open(struct manifest **out, int fd, const char *path, struct error *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_io(err, errno, "read", path);
    if (!S_ISREG(status.st_mode))
        return error_set(err, ERROR_IO, "%s is not a file", path);
    size_t room = (size_t)status.st_size;
    if (room > MANIFEST_BYTES_LIMIT)
        room = MANIFEST_BYTES_LIMIT + 1; /* enough for manifest_parse to refuse it */
    char *text = malloc(room + 1);
    if (text == NULL)
        return error_memory(err, path);
    size_t bytes = 0;
    int result = read_bytes(fd, path, text, room, &bytes, err);
    if (result == 0)
        result = manifest_parse(out, text, bytes, path, err);
    free(text);
    return result;
}

int manifest_read(struct manifest **out, const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_io(err, errno, "open", path);
    int result = manifest_read_open(out, fd, path, err);
    (void)close(fd);
    return result;
}
