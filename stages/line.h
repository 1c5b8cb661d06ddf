/* The line: snapshot, geocode, write, rebuild, publish under one roof. The daemon owns one line;
 * the line owns the ledger, the threads of the active run and their order of start and stop.
 *
 *   line_open(&line, &settings, err);      opens the ledger, repairs torn tails
 *   line_continue(line, err);              an unfinished, unpaused run goes on
 *   line_start / line_pause / ...          any time, from the daemon's thread
 *   line_close(line);                      stops cleanly (what is in flight is committed), frees
 *
 * A conductor thread of the line takes the run through its phases. All functions below return at
 * once (but line_open, line_close and those that walk the cache: line_start, line_plan) and may be
 * called from any thread: those that change something take turns. Errors inside a run never kill
 * the daemon: the run pauses with the reason. */
#ifndef REFRESHD_STAGES_LINE_H
#define REFRESHD_STAGES_LINE_H

#include "geocoder/geocoder.h"
#include "stages/gate.h"
#include "stages/geocode_figures.h"
#include "stages/learned.h"
#include "stages/ledger.h"
#include "stages/limiter.h"
#include "stages/station.h"

struct line_settings {
    const char *cache_directory;
    const char *state_directory;
    unsigned keep_generations;
    struct geocoder_settings geocoder;
    unsigned retries;
    double rate; /* points per second while no run asks; 0 = unlimited */
    struct gate_limits gate;
    struct learned *learned; /* folded into their tiles by every run; NULL = none. Not owned */
    int niceness;            /* of all threads of the line, above that of the caller */
    const struct coordination *coordination; /* who shares the runs; NULL = coordination_alone */
    /* Called from any thread of the line: one log line. name is a stable event name
     * ("run_started"), text is key=value pairs. level: 0 error, 1 warning, 2 info. */
    void (*event)(void *context, int level, const char *name, const char *text);
    void *context;
    /* NULL = geocoder_open. Tests bring their own geocoder. */
    int (*open_geocoder)(struct geocoder **out, const struct geocoder_settings *settings,
                         struct error *err);
};

/* How the reason of a pause for an overdrawn failure budget begins. */
#define LINE_BUDGET_REASON "failure budget"

enum line_state {
    LINE_IDLE,
    LINE_SNAPSHOT,
    LINE_REFRESHING,
    LINE_PAUSED,
    LINE_HELD,
    LINE_PUBLISHING,
    LINE_FAILED, /* the last run ended by an error and none was started since */
    LINE_STATES
};
extern const char *const line_state_names[LINE_STATES];

struct line_status {
    enum line_state state;
    struct run_record run; /* active, or id "" */
    bool draining;         /* a pause was asked for and something is still in flight */
    bool unreachable;      /* the geocoder, now */
    char reason[600];
    uint64_t generation; /* published; 0 = none */
    uint32_t tiles;      /* of the grid */
    uint32_t shares_active;
    uint64_t requests_sent, points_retried, points_in_flight;
    double requests_per_second, points_per_second;
    double rate;       /* in force; 0 = unlimited */
    double elapsed;    /* seconds */
    double eta;        /* seconds; < 0 = unknown */
    int deadline_fits; /* 1, 0, -1 = no deadline or unknown */
    struct {
        double busy; /* 0 to 1, over the last seconds */
        uint64_t queue;
    } stations[STATION_COUNT];
    enum station bottleneck;
    struct run_record last_run; /* newest ended, or id "" */
};

struct line;
struct coordination; /* stages/coordination.h */

int line_open(struct line **out, const struct line_settings *settings, struct error *err);
void line_close(struct line *line); /* NULL is allowed */

/* line_continue: take up the unfinished run, if there is one and it is not paused or held. */
int line_continue(struct line *line, struct error *err);

/* line_start: begin a run with these parameters (cutoff is computed from older_than). id gets its
 * name. When nothing is stale and nothing learned: *nothing is true, no run is made. A run that
 * finds nothing to do after all (what was learned is in other tiles than it was started for) ends
 * well without a new generation. ERROR_STATE when one is active. */
int line_start(struct line *line, const struct run_parameters *parameters, char id[RUN_ID_BYTES],
               bool *nothing, struct error *err);

/* line_join: begin a run that others began: the id, the date and the parameters (cutoff and all)
 * are theirs. The published generation must have base_digest (ERROR_STATE otherwise), its number is
 * ours; the new one gets `generation` or, when that is taken here, the next number. */
struct line_invitation {
    char id[RUN_ID_BYTES];
    struct run_parameters parameters;
    struct pair_id base_digest;
    uint64_t generation;
    uint32_t started_at;  /* unix seconds */
    const char *retry_of; /* parameters.retry_failed: whose failures; must be our last run */
    char provider[32];
};
int line_join(struct line *line, const struct line_invitation *invitation, struct error *err);

/* line_invite: an invitation to a run that begins now: its name, its date, the parameters with the
 * cutoff that older_than means now. The rest is zero. */
void line_invite(const struct run_parameters *parameters, struct line_invitation *out);

/* line_fail: end the active run without a generation: its result is RESULT_FAILED, for reason. */
int line_fail(struct line *line, const char *reason, struct error *err);

/* line_repace: the coordination's pace has changed. line_occupy: nobody may start a run until
 * line_vacate, because of what ("the fleet's generation is being fetched"); ERROR_STATE when a run
 * is active or somebody else occupies it, or is just beginning a run. For whoever changes the cache
 * directory; line_vacate looks at it again (line_cache_changed). */
void line_repace(struct line *line);
int line_occupy(struct line *line, const char *what, struct error *err);
void line_vacate(struct line *line);

/* line_plan: what a start with these parameters would do. points_per_second is measured from
 * earlier runs of the same provider; 0 = nothing measured yet. */
struct line_plan {
    uint64_t points, carried, requests, disk_bytes, disk_free;
    double points_per_second;
    double duration;   /* seconds; < 0 = unknown */
    int deadline_fits; /* 1, 0, -1 = no deadline or unknown */
};
int line_plan(struct line *line, const struct run_parameters *parameters, struct line_plan *plan,
              struct error *err);

/* line_pause: begin to drain; line_status says paused and not draining when nothing is in flight
 * any more. Durable. Pausing a paused run is fine. ERROR_STATE without a run, as below. */
int line_pause(struct line *line, const char *reason, struct error *err);
int line_resume(struct line *line, struct error *err);
int line_cancel(struct line *line, struct error *err);

/* line_publish: publish a held run; without force the gate is asked again first: *held tells. */
int line_publish(struct line *line, bool force, bool *held, struct error *err);

/* line_set: change the active run at once. Negative = leave. */
struct line_change {
    double rate, finish_within;
    int workers, concurrency;
};
int line_set(struct line *line, const struct line_change *change, struct error *err);

void line_status(struct line *line, struct line_status *status);

/* line_progress: whether the line gets on, for a watchdog. Cheap: it reads no disk. Any thread. */
struct line_progress {
    double silent;      /* seconds since the thread that was silent longest gave a sign of life; 0 =
                         * nobody works */
    const char *thread; /* which that is */
    uint64_t moved;     /* another number each time the run got on */
    bool due;           /* the run should get on: it asks or rebuilds, and nothing outside holds it
                         * up (geocoder unreachable, quiet it asked for) */
    double patience;    /* seconds that a run which is due may need for one step: a request that
                         * takes its whole time, a slow pace */
};
void line_progress(struct line *line, struct line_progress *progress);

/* line_tiles: what the active run has done, tile by tile. 1 = *out filled, the caller frees it with
 * line_tiles_free; 0 = no run is at its tiles (there is none, or it still takes the snapshot), -1.
 * Cheap while a run works; of one that is paused the ledger is read. Any thread. */
enum line_tile_state {
    LINE_TILE_OUTSIDE, /* the run asks nothing there */
    LINE_TILE_WAITING,
    LINE_TILE_ASKING,
    LINE_TILE_REBUILT,
};
struct line_tile {
    enum line_tile_state state;
    double done; /* share of its points whose point files are answered, 0 to 1 */
};
struct line_tiles {
    char run[RUN_ID_BYTES];
    struct grid grid;
    struct line_tile *tiles; /* grid_tiles(grid) of them */
};
int line_tiles(struct line *line, struct line_tiles *out, struct error *err);
void line_tiles_free(struct line_tiles *tiles); /* zeroes it */

/* line_is_active: a run exists (also paused or held): the cache must not be changed by others. */
bool line_is_active(struct line *line);

/* line_ledger: for history, failures and reports; reading is safe from any thread. */
struct ledger *line_ledger(struct line *line);

/* line_limiter: the pace of everybody who asks the geocoder; lives as long as the line. While the
 * workers of a run ask, the run's rate is in force, else that of the settings. */
struct limiter *line_limiter(struct line *line);

/* line_set_rate_at_rest: settings.rate from now on. */
void line_set_rate_at_rest(struct line *line, double rate);

/* line_figures: what everybody who asks the geocoder adds to; lives as long as the line. */
struct geocode_figures *line_figures(struct line *line);

/* line_cache_changed: the daemon imported or rolled back; look at the directory again. */
void line_cache_changed(struct line *line);

#endif
