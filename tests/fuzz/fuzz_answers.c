/* Any bytes as a record of answers: refused, or understood and encoded again to the same answers.
 * Every other input has its size and checksum put right first, so that the checks behind them are
 * reached. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "stages/answers_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read all of a record into batch (NULL = only read it); the number of rows, or -1. */
static int64_t read_all(const unsigned char *data, size_t size, struct answer_batch *batch)
{
    struct error err = {0};
    struct answer_reader reader = {0};
    struct settled_answer answer;
    int64_t rows = 0;
    int result = answer_reader_open(&reader, data, size, "input", &err);
    while (result == 0 && (result = answer_reader_next(&reader, &answer, &err)) == 1) {
        if (batch != NULL && answer_batch_add(batch, &answer, NULL) != 0)
            abort();
        rows++;
        result = 0;
        if (rows > answer_reader_rows(&reader))
            abort();
    }
    answer_reader_close(&reader);
    if (result == 0)
        return rows;
    if (err.code != ERROR_CORRUPT || strstr(err.message, "input") == NULL)
        abort();
    return -1;
}

static struct answer_batch *encode_again(const unsigned char *data, size_t size, int64_t rows)
{
    struct answer_batch *batch;
    if (answer_batch_create(&batch, bytes_get32(data + 16), NULL) != 0)
        abort();
    if (read_all(data, size, batch) != rows || answer_batch_seal(batch, NULL) != 0)
        abort();
    return batch;
}

/* The bytes depend on the answers alone. */
static void check_again(const unsigned char *data, size_t size, int64_t rows)
{
    struct answer_batch *once = encode_again(data, size, rows);
    struct slice bytes = answer_batch_bytes(once);
    struct answer_batch *twice =
        encode_again((const unsigned char *)bytes.data, bytes.length, rows);
    if (!slice_equal(bytes, answer_batch_bytes(twice)))
        abort();
    answer_batch_free(twice);
    answer_batch_free(once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t bytes = size - 1;
    unsigned char *copy = malloc(bytes + 1);
    if (copy == NULL)
        return 0;
    memcpy(copy, data + 1, bytes);
    bool whole = data[0] % 2 == 0;
    bool plain = data[0] % 4 == 0;
    if (whole && bytes >= ANSWERS_HEADER_BYTES + ANSWERS_CHECKSUM_BYTES) {
        memcpy(copy, ANSWERS_MAGIC, 8);
        bytes_put32(copy + 8, plain ? ANSWERS_VERSION_PLAIN : ANSWERS_VERSION);
        bytes_put32(copy + 12, (uint32_t)bytes);
        for (size_t at = 20; at < ANSWERS_HEADER_BYTES; at += 4)
            bytes_put32(copy + at, bytes_get32(copy + at) % 64);
        bytes_put64(copy + bytes - 8, XXH3_64bits(copy, bytes - 8));
    }
    int64_t rows = read_all(copy, bytes, NULL);
    if (rows >= 0)
        check_again(copy, bytes, rows);
    free(copy);
    return 0;
}
