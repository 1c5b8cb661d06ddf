/* Any bytes as a point file: refused, or understood. Every other input has its checksum put right
 * first, so that the checks behind it are reached. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "quadtree/morton.h"
#include "stages/pointfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char run[RUN_ID_BYTES] = "20261121T020000Z-1f3a";
    struct error err = {0};
    struct point_file file;
    if (size < 9)
        return 0;
    size_t bytes = size - 1;
    uint32_t shares = 1 + data[0] / 16;
    unsigned char *copy = malloc(bytes);
    if (copy == NULL)
        return 0;
    memcpy(copy, data + 1, bytes);
    if (data[0] % 2 == 0)
        bytes_put64(copy + bytes - 8, XXH3_64bits(copy, bytes - 8));
    int result = point_file_parse(copy, bytes, run, 12, shares, 0, "input", &file, &err);
    free(copy);
    if (result != 0) {
        if (err.code != ERROR_CORRUPT || strstr(err.message, "input") == NULL)
            abort();
        return 0;
    }
    for (uint32_t i = 0; i < file.count; i++)
        if (!point_is_valid(morton_decode(file.codes[i])) || file.old_outcomes[i] >= OUTCOME_COUNT)
            abort();
    point_file_free(&file);
    return 0;
}
