/* A small cache, a state directory and a geocoder of one's own, for the tests of the line. The
 * geocoder counts how often each point was asked. One rig a process at a time. */
#ifndef REFRESHD_TESTS_LINE_RIG_H
#define REFRESHD_TESTS_LINE_RIG_H

#include <stdatomic.h>

#include "cachefmt/cache.h"
#include "stages/line.h"

#define RIG_POINTS_LIMIT 4000
#define RIG_OLD_DATE 1600000000u

/* What may be wrong with the geocoder as a whole. */
enum rig_trouble {
    RIG_WELL,
    RIG_DOWN,  /* no connection; what was asked before is reset */
    RIG_QUOTA, /* used up */
    RIG_BUSY,  /* HTTP 429 */
};

/* What the geocoder does; every K-th point by its number, 0 = none. */
struct rig_geocoder {
    _Atomic unsigned latency_ms; /* of a geocoder opened with `distant` */
    _Atomic unsigned version;
    _Atomic unsigned empty_every, fail_every, flaky_every, move_every;
    _Atomic unsigned broken_every, error_every; /* reset, HTTP 500, whenever they are asked */
    _Atomic unsigned trouble;                   /* enum rig_trouble */
    _Atomic bool asked_down[RIG_POINTS_LIMIT];
    _Atomic bool distant; /* read when the geocoder is opened */
    _Atomic unsigned in_flight_most, in_flight;
    _Atomic unsigned requests;
    _Atomic unsigned asked[RIG_POINTS_LIMIT];
};

struct rig {
    char root[64];
    char cache[80], state[80], points[96], answers[96], ledger[96];
    unsigned count;
    struct rig_geocoder geocoder;
    struct line_settings settings;
    struct line *line;
    struct run_parameters parameters;
    _Atomic unsigned events_published, events_failed;
};

/* rig_open: a cache of `count` entries in about 100 tiles, all of country "ol". rig_close also
 * closes its line. */
struct rig *rig_open(unsigned count);
void rig_close(struct rig *rig);

/* rig_run_tests: run these tests as a group and close what one that failed has left open, so that
 * the ones after it run as ever; leave(), unless NULL, does it for what stands on the rig. */
#define rig_run_tests(tests) rig_run_group(tests, sizeof(tests) / sizeof((tests)[0]))
#define rig_run_tests_leaving(tests, leave)                                                        \
    rig_run_group_leaving(tests, sizeof(tests) / sizeof((tests)[0]), leave)
struct CMUnitTest;
int rig_run_group(const struct CMUnitTest *tests, size_t count);
int rig_run_group_leaving(const struct CMUnitTest *tests, size_t count, void (*leave)(void));

struct point rig_point(unsigned number);
unsigned rig_number(struct point point);

/* rig_geocoder_open: the geocoder of the rig that is open (line_settings.open_geocoder). */
int rig_geocoder_open(struct geocoder **out, const struct geocoder_settings *settings,
                      struct error *err);

/* rig_line: open the line of the rig, after the one that is open is closed. */
struct line *rig_line(struct rig *rig);
void rig_line_close(struct rig *rig);

/* rig_start: begin a run that must begin. */
void rig_start(struct rig *rig, struct line *line);

/* rig_wait: until the line is in that state and nothing drains; fails after PATIENCE. */
void rig_wait(struct line *line, enum line_state state, struct line_status *status);

/* rig_asked: how often all points were asked; *most is the most often any one was. */
unsigned rig_asked(const struct rig *rig, unsigned *most);

/* rig_entry: the published entry of a point; street is a copy. */
struct rig_entry {
    enum outcome outcome;
    uint32_t refreshed_at;
    char street[64], countrycode[8];
};
struct rig_entry rig_entry(struct rig *rig, unsigned number);

/* A run of the rig in its refresh phase, without a line: every point selected, point files
 * written. For the tests of single stations. */
struct rig_run {
    struct ledger *ledger;
    struct run_record run;
    struct cache *base;
    uint64_t *first_ordinal_of_tile;
    uint32_t tiles;
};
void rig_run_open(struct rig *rig, struct rig_run *out);
void rig_run_close(struct rig_run *run);

/* rig_answer: an answer to the point of that ordinal of the run: found, with a street. */
struct settled_answer rig_answer(const struct rig_run *run, uint64_t ordinal);

/* rig_commit: answer ordinals [first, end) of the run, which must be of one share, and commit them
 * as one batch. */
void rig_commit(struct rig *rig, struct rig_run *run, uint64_t first, uint64_t end);

uint64_t rig_generation(struct rig *rig);
bool rig_exists(const char *path);

#endif
