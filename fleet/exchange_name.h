/* The names of things that peers exchange: the path of a request (exchange.h). A name has exactly
 * one path, and a path that is not of this form names nothing. */
#ifndef REFRESHD_FLEET_EXCHANGE_NAME_H
#define REFRESHD_FLEET_EXCHANGE_NAME_H

#include "cachefmt/manifest.h"

#define EXCHANGE_PATH_BYTES 112

enum exchange_kind {
    EXCHANGE_ANSWERS,
    EXCHANGE_LEARNED,
    EXCHANGE_MANIFEST,
    EXCHANGE_INDEX, /* of a pair */
    EXCHANGE_DATA,
};

struct exchange_name {
    enum exchange_kind kind;
    char run[RUN_ID_BYTES]; /* of answers and learned points */
    uint32_t number;        /* share of answers, tile of a pair */
    struct pair_id digest;  /* or the id of a pair */
};

/* exchange_name_parse: false for everything that exchange_name_print does not make. */
bool exchange_name_parse(const char *path, struct exchange_name *out);

/* exchange_name_print: its path. Returns out. The run must be one (exchange_run_is_valid). */
char *exchange_name_print(const struct exchange_name *name, char out[EXCHANGE_PATH_BYTES]);

/* exchange_run_is_valid: could it be the id of a run ("20261121T020000Z-1f3a")? Letters, digits and
 * hyphens, nothing that means anything in a path. */
bool exchange_run_is_valid(const char *run);

#endif
