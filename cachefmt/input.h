/* Bytes of a text input that is read row by row: a window over a file descriptor (or memory) that
 * slides forward and never holds more than one row and what was read ahead.
 *
 *   input_open(&input, fd, "places.csv", NULL, err);
 *   ... look at data[begin..end), move begin, input_fill() when a row is not complete ...
 *   input_close(&input);
 *
 * One thread at a time. */
#ifndef REFRESHD_CACHEFMT_INPUT_H
#define REFRESHD_CACHEFMT_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "cachefmt/address.h"

/* stop_wanted: was the flag raised? Then what its owner did afterwards, such as cutting the input
 * short, is not taken for the input's own end. */
static inline bool stop_wanted(const volatile int *stop)
{
    return stop != NULL && __atomic_load_n(stop, __ATOMIC_ACQUIRE) != 0;
}

/* A row may not be longer: every field at its limit, each byte written as \u0000, fits. */
#define INPUT_ROW_LIMIT ((size_t)5 * 1024 * 1024)

struct input {
    const char *name; /* for messages; belongs to the caller */
    const volatile int *stop;
    unsigned char *data;
    size_t begin, end, room; /* bytes not consumed yet are data[begin..end) */
    bool ended;              /* nothing comes after end */
    int fd;                  /* -1: from memory */
    const unsigned char *memory;
    size_t memory_left;
    size_t chunk; /* most bytes that one fill takes from memory */
};

/* input_open: read from fd, which stays the caller's. *stop becoming nonzero ends a read that a
 * signal interrupts with ERROR_CANCELED (NULL: never). Skips a UTF-8 byte order mark. */
int input_open(struct input *input, int fd, const char *name, const volatile int *stop,
               struct error *err);

/* input_open_memory: the same over bytes that outlive the input, handed out chunk by chunk. */
int input_open_memory(struct input *input, const void *data, size_t bytes, size_t chunk,
                      const char *name, struct error *err);

/* input_fill: read more behind end; data may move, begin then is 0. Returns 1 when bytes came, 0
 * when the input has ended, -1 on error; ERROR_VALUE: the row is longer than INPUT_ROW_LIMIT. */
int input_fill(struct input *input, struct error *err);

/* input_skip_line: consume to the end of the line, however long it is. Returns 0 or -1. */
int input_skip_line(struct input *input, struct error *err);

void input_close(struct input *input);

#endif
