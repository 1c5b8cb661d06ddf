/* Sorting the keys of a run in memory. */
#ifndef REFRESHD_CACHEFMT_SORT_KEYS_H
#define REFRESHD_CACHEFMT_SORT_KEYS_H

#include <stddef.h>
#include <stdint.h>

struct sort_key {
    uint64_t code;
    uint32_t tile;
    uint32_t record; /* where the record lies, in units of 8 bytes */
};

/* sort_keys: by tile, then code; equal keys keep their order (radix sort). scratch holds as many;
 * its content is lost. */
void sort_keys(struct sort_key *keys, struct sort_key *scratch, size_t count);

#endif
