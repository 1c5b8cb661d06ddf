/* Import and export: text files in and out of a cache directory (CSV after RFC 4180, NDJSON,
 * GeoJSON out only). Memory is bounded whatever the number of rows (external merge sort). */
#ifndef REFRESHD_CACHEFMT_TRANSFER_H
#define REFRESHD_CACHEFMT_TRANSFER_H

#include <stdio.h>

#include "cachefmt/cache.h"

enum transfer_format { FORMAT_CSV, FORMAT_NDJSON, FORMAT_GEOJSON };

/* transfer_format_parse: "csv", "ndjson", "geojson". */
bool transfer_format_parse(const char *text, enum transfer_format *out);

struct import_options {
    const char *directory; /* cache directory; the caller holds its lock */
    struct grid grid;      /* for a directory without a manifest; else the manifest's stays */
    enum transfer_format format;
    const char *name;         /* of the input, for messages ("places.csv", "standard input") */
    FILE *rejects;            /* NULL: the first bad row is the error. Else bad rows go here */
    size_t memory;            /* bytes for sorting; 0 = a sensible default */
    unsigned keep;            /* generations to keep */
    const volatile int *stop; /* not NULL: becoming nonzero cancels (ERROR_CANCELED) */
};

struct import_result {
    uint64_t generation;
    uint64_t rows;     /* rows read, header and blank lines aside */
    uint64_t entries;  /* entries published */
    uint64_t repeated; /* rows dropped because the point occurs again with a newer date or later */
    uint64_t rejected;
    struct pair_id digest;
};

/* cache_import: read rows from fd to its end and publish them as a new generation (all of it: the
 * input is the whole new content). Nothing is published on failure and no file is left. */
int cache_import(const struct import_options *options, int fd, struct import_result *result,
                 struct error *err);

struct export_options {
    enum transfer_format format;
    int64_t tile; /* only this tile; -1 = all */
    bool has_box; /* only points in box, edges inclusive */
    struct box box;
};

/* cache_export: stream entries in tile and Morton order. out is not closed; a failed write is
 * ERROR_IO. */
int cache_export(const struct cache *cache, const struct export_options *options, FILE *out,
                 struct error *err);

/* entry_print_json: append `{"lat":..,"lon":..,"distance_m":..,"refreshed_at":..,"outcome":..,
 * "address":{..}}` (no newline), the one form of an entry in JSON replies. distance < 0 leaves
 * distance_m out. */
int entry_print_json(const struct entry *entry, double distance, struct buffer *out,
                     struct error *err);

/* buffer_append_json_string: append text as a quoted JSON string (RFC 8259). */
int buffer_append_json_string(struct buffer *out, const char *text, size_t bytes,
                              struct error *err);

#endif
