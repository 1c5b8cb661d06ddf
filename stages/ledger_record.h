/* The values of the ledger as bytes: a version, then varints, doubles and length-prefixed bytes in
 * a fixed order. New fields are added at the end together with a new version. A reader refuses
 * versions above its own. The checksum around a value is ledger_store's. Internal to
 * stages/ledger*.c. */
#ifndef REFRESHD_STAGES_LEDGER_RECORD_H
#define REFRESHD_STAGES_LEDGER_RECORD_H

#include "stages/ledger.h"

/* A value being written. Begin with record_begin; a failed allocation is remembered and found at
 * record_end. */
struct record {
    struct buffer bytes;
    bool failed;
};

void record_begin(struct record *record, unsigned version);
void record_number(struct record *record, uint64_t number);
void record_double(struct record *record, double number);
void record_bytes(struct record *record, const void *data, size_t bytes);
void record_text(struct record *record, const char *text);

/* record_end: 0, or -1 when memory ran out on the way. */
int record_end(const struct record *record, struct error *err);
void record_free(struct record *record);

/* A value being read. Anything that doesn't fit makes it broken and reads as 0. */
struct view {
    const unsigned char *at;
    const unsigned char *end;
    bool broken;
};

uint64_t view_number(struct view *view, uint64_t limit);
double view_double(struct view *view);
/* view_bytes: as many bytes as were written, at most room, into out; returns how many. */
size_t view_bytes(struct view *view, void *out, size_t room);
void view_text(struct view *view, char *out, size_t room);

/* view_complete: nothing broken and nothing left. */
bool view_complete(const struct view *view);

/* The records. number is the run's number, under which its failures and report are kept. The
 * version is read by the caller already. */
#define RUN_RECORD_VERSION 1
#define TILE_RECORD_VERSION 1
void run_record_write(struct record *record, uint64_t number, const struct run_record *run);
bool run_record_read(struct view *view, uint64_t *number, struct run_record *run);
void tile_record_write(struct record *record, const struct tile_record *tile);
bool tile_record_read(struct view *view, struct tile_record *tile);

#endif
