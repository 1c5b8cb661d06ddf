#include "stages/pointfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "base/durable.h"
#include "quadtree/morton.h"

/*   0   8  magic "RFDPOINT"
 *   8   4  version, 1
 *   12  4  share
 *   16  4  shares
 *   20  4  count
 *   24  8  first ordinal
 *   32 32  run id, zeroes behind it
 *   64     count x 8: Morton codes
 *          count x 1: outcomes
 *   end 8  XXH3 64-bit of everything before */
#define MAGIC "RFDPOINT"
#define VERSION 1
#define HEADER_BYTES 64
#define CHECKSUM_BYTES 8
#define ROW_BYTES 9
#define ADVICE "cancel the run and start it again"

uint32_t point_file_share(uint64_t points, uint32_t shares, uint64_t ordinal)
{
    unsigned __int128 next = (unsigned __int128)(ordinal + 1) * shares - 1;
    return (uint32_t)(next / points);
}

char *point_file_path(const char *directory, uint32_t share)
{
    char *path;
    return asprintf(&path, "%s/%04u", directory, share) < 0 ? NULL : path;
}

static void make_header(unsigned char header[HEADER_BYTES], const char run[RUN_ID_BYTES],
                        uint32_t shares, const struct point_file *file)
{
    memset(header, 0, HEADER_BYTES);
    memcpy(header, MAGIC, 8);
    bytes_put32(header + 8, VERSION);
    bytes_put32(header + 12, file->share);
    bytes_put32(header + 16, shares);
    bytes_put32(header + 20, file->count);
    bytes_put64(header + 24, file->first_ordinal);
    memcpy(header + 32, run, strnlen(run, RUN_ID_BYTES - 1));
}

/* Write data and take it into the checksum. */
static int write_part(int fd, XXH3_state_t *checksum, const void *data, size_t bytes,
                      const char *path, struct error *err)
{
    const unsigned char *at = data;
    if (bytes > 0 && XXH3_64bits_update(checksum, data, bytes) != XXH_OK)
        return error_memory(err, path);
    while (bytes > 0) {
        ssize_t written = write(fd, at, bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_io(err, written < 0 ? errno : ENOSPC, "write", path);
        at += written;
        bytes -= (size_t)written;
    }
    return 0;
}

static int write_parts(int fd, const char *path, const char run[RUN_ID_BYTES], uint32_t shares,
                       const struct point_file *file, uint64_t *total, struct error *err)
{
    XXH3_state_t *checksum = XXH3_createState();
    if (checksum == NULL || XXH3_64bits_reset(checksum) != XXH_OK) {
        (void)XXH3_freeState(checksum);
        return error_memory(err, path);
    }
    unsigned char header[HEADER_BYTES];
    unsigned char sum[CHECKSUM_BYTES];
    size_t codes = (size_t)file->count * sizeof *file->codes;
    make_header(header, run, shares, file);
    int result = write_part(fd, checksum, header, sizeof header, path, err);
    if (result == 0)
        result = write_part(fd, checksum, file->codes, codes, path, err);
    if (result == 0)
        result = write_part(fd, checksum, file->old_outcomes, file->count, path, err);
    *total = XXH3_64bits_digest(checksum);
    bytes_put64(sum, *total);
    if (result == 0)
        result = write_part(fd, checksum, sum, sizeof sum, path, err);
    (void)XXH3_freeState(checksum);
    return result;
}

int point_file_write(const char *directory, const char run[RUN_ID_BYTES], uint32_t shares,
                     const struct point_file *file, uint64_t *checksum, struct error *err)
{
    uint64_t total = 0;
    char *path = point_file_path(directory, file->share);
    if (path == NULL)
        return error_memory(err, directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    int result = fd < 0 ? error_io(err, errno, "create", path)
                        : write_parts(fd, path, run, shares, file, &total, err);
    if (fd >= 0 && close(fd) != 0 && result == 0)
        result = error_io(err, errno, "close", path);
    free(path);
    if (result == 0 && checksum != NULL)
        *checksum = total;
    return result;
}

static int damaged(const char *name, const char *what, struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "%s: the point file is damaged (%s); " ADVICE, name, what);
}

static int foreign(const char *name, const char *what, struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "%s: the point file is not this run's (%s); " ADVICE, name,
                     what);
}

static int check_header(const unsigned char *data, size_t bytes, const char run[RUN_ID_BYTES],
                        uint64_t points, uint32_t shares, uint32_t share, const char *name,
                        struct error *err)
{
    if (bytes < HEADER_BYTES + CHECKSUM_BYTES || memcmp(data, MAGIC, 8) != 0)
        return damaged(name, "it does not begin as one", err);
    if (bytes_get32(data + 8) != VERSION)
        return error_set(err, ERROR_CORRUPT,
                         "%s: a point file of version %u, this refreshd reads version %d; let the "
                         "refreshd that wrote it end the run, or " ADVICE,
                         name, bytes_get32(data + 8), VERSION);
    size_t body = bytes - CHECKSUM_BYTES;
    if (bytes_get64(data + body) != XXH3_64bits(data, body))
        return damaged(name, "wrong checksum", err);
    uint64_t first = point_file_first(points, shares, share);
    uint64_t count = point_file_first(points, shares, share + 1) - first;
    struct point_file expected = {share, first, (uint32_t)count, NULL, NULL};
    unsigned char header[HEADER_BYTES];
    make_header(header, run, shares, &expected);
    if (memcmp(header + 32, data + 32, RUN_ID_BYTES) != 0)
        return foreign(name, "other run", err);
    if (count > UINT32_MAX || memcmp(header, data, HEADER_BYTES) != 0)
        return foreign(name, "other share of the points", err);
    if (body - HEADER_BYTES != count * ROW_BYTES)
        return damaged(name, "wrong size", err);
    return 0;
}

int point_file_parse(const void *data, size_t bytes, const char run[RUN_ID_BYTES], uint64_t points,
                     uint32_t shares, uint32_t share, const char *name, struct point_file *out,
                     struct error *err)
{
    const unsigned char *from = data;
    if (check_header(from, bytes, run, points, shares, share, name, err) != 0)
        return -1;
    uint32_t count = bytes_get32(from + 20);
    struct point_file file = {
        .share = share,
        .first_ordinal = bytes_get64(from + 24),
        .count = count,
        .codes = malloc(((size_t)count + 1) * sizeof *file.codes),
        .old_outcomes = malloc((size_t)count + 1),
    };
    if (file.codes == NULL || file.old_outcomes == NULL) {
        point_file_free(&file);
        return error_memory(err, name);
    }
    size_t codes = (size_t)count * sizeof *file.codes;
    memcpy(file.codes, from + HEADER_BYTES, codes);
    memcpy(file.old_outcomes, from + HEADER_BYTES + codes, count);
    for (uint32_t i = 0; i < count; i++)
        if (!point_is_valid(morton_decode(file.codes[i])) ||
            file.old_outcomes[i] >= OUTCOME_COUNT) {
            point_file_free(&file);
            return damaged(name, "an impossible point", err);
        }
    *out = file;
    return 0;
}

int point_file_read(const char *directory, const char run[RUN_ID_BYTES], uint64_t points,
                    uint32_t shares, uint32_t share, struct point_file *out, struct error *err)
{
    char *path = point_file_path(directory, share);
    if (path == NULL)
        return error_memory(err, directory);
    uint64_t count =
        point_file_first(points, shares, share + 1) - point_file_first(points, shares, share);
    size_t limit = HEADER_BYTES + CHECKSUM_BYTES + (size_t)count * ROW_BYTES;
    char *data;
    size_t bytes;
    int result = -1;
    if (read_whole_file(path, limit, &data, &bytes, err) == 0) {
        result = point_file_parse(data, bytes, run, points, shares, share, path, out, err);
        free(data);
    } else if (err != NULL && err->code == ERROR_VALUE) {
        damaged(path, "it is too long", err);
    } else if (err != NULL && err->code == ERROR_MISSING) {
        error_set(err, ERROR_CORRUPT, "%s: the point file is gone; " ADVICE, path);
    }
    free(path);
    return result;
}

void point_file_free(struct point_file *file)
{
    free(file->codes);
    free(file->old_outcomes);
    memset(file, 0, sizeof *file);
}
