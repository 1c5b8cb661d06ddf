/* Inside the line. Private to line*.c.
 *
 * Threads: the callers' (line.c), the conductor (line_conductor.c), and while a run is being
 * refreshed the rebuild thread (line_rebuild.c), the writer and the workers. The callers' threads
 * only wish; the conductor alone writes the run's record to the ledger and starts and stops the
 * other threads.
 *
 * line.lock guards every field below it in struct line and those marked so in struct refresh. It is
 * never held over a call that waits for another thread or writes to a disk. Events are reported
 * without it. */
#ifndef REFRESHD_STAGES_LINE_INTERNAL_H
#define REFRESHD_STAGES_LINE_INTERNAL_H

#include <pthread.h>

#include "cachefmt/cache.h"
#include "stages/coordination.h"
#include "stages/geocode.h"
#include "stages/limiter.h"
#include "stages/line.h"
#include "stages/merged.h"
#include "stages/pulse.h"
#include "stages/report.h"
#include "stages/snapshot.h"
#include "stages/writer.h"

#define BUDGET_REASON LINE_BUDGET_REASON

/* What the caller wants of the conductor. */
enum wish {
    WISH_REST,
    WISH_WORK,
    WISH_PAUSE,
    WISH_CANCEL,
    WISH_FAIL,
    WISH_CLOSE,
};

/* Figures at one moment, for rates over the last seconds. */
struct sample {
    double time;
    uint64_t answered, sent;
    uint64_t busy_ns[STATION_COUNT];
};
#define SAMPLES 24
#define SAMPLE_INTERVAL 0.25 /* seconds at least */

struct refresh;

/* The threads of the line whose pulse is felt; the workers have their own (geocode_silence). */
enum line_thread { THREAD_CONDUCTOR, THREAD_WRITER, THREAD_REBUILD, LINE_THREADS };

struct line {
    struct line_settings settings; /* its texts are copies; rate is guarded by the lock */
    char *points_directory, *answers_directory, *folded_directory;
    struct ledger *ledger;
    struct limiter *limiter;
    struct control control;
    struct control reports; /* its stop ends reports that are being made */
    struct geocode_figures figures;
    struct meter meters[STATION_COUNT];
    struct pulse pulses[LINE_THREADS];
    struct snapshot_progress snapshot_progress;
    const struct coordination *coordination;
    pthread_t conductor;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* any of the below */
    enum wish wish;
    char pause_reason[600], fail_reason[600];
    char occupied[200];      /* what keeps everybody from beginning a run, or "" */
    bool parameters_changed; /* by line_set, not saved yet */
    bool pace_changed;       /* line_repace */
    bool working;            /* the conductor is at the run */
    double work_since;       /* clock_monotonic, while working */
    bool active;
    struct run_record run; /* while active; counts as of the last reload */
    struct run_record last_run;
    uint64_t generation; /* published */
    uint32_t tiles;      /* of the grid */
    uint32_t untouched;  /* tiles of the active run that are not rebuilt */
    struct refresh *refresh;
    struct sample samples[SAMPLES]; /* a ring */
    unsigned sample_count, sample_next;
};

/* What a run refreshes. merged.tiles points into the run's record. */
struct run_input {
    struct cache *base, *folded; /* folded may be NULL */
    struct merged merged;        /* the two */
};

/* The machinery of the refresh phase, from its start to its stop. */
struct refresh {
    struct line *line;
    struct run_record run; /* as it was at the start */
    struct run_input input;
    uint64_t *first_ordinal_of_tile;
    struct tables *tables; /* what the run counts, or NULL */
    struct geocoder *geocoder;
    struct claims *claims;
    struct channel *channel;
    struct answer_log *log;
    struct writer *writer;
    pthread_t rebuild_thread;
    bool rebuild_started;
    pthread_cond_t tiles_changed; /* with line.lock */
    struct coordination_site site;
    bool *done; /* site.done */
    bool
        *replaced; /* shares with other answers than those that count; the writer's until its end */

    /* line.lock; the conductor alone writes pool and reads it without the lock */
    struct geocode_pool *pool;
    uint8_t *tile_states;   /* enum tile_state of each tile */
    uint32_t tiles_pending; /* with points to ask or to fold in, not rebuilt */
    uint32_t tiles_ready;
    bool rebuild_closing;
    bool wake_wanted;  /* site.wake */
    bool again_wanted; /* site.again */
    bool failed;
    struct error failure;
};
enum tile_state { TILE_WAITING, TILE_READY, TILE_REBUILT };

/* --- line_events.c --------------------------------------------------------------- */

/* line_event: report one log line of the active run; the text begins with run=ID. */
void line_event(struct line *line, int level, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* line_tell: line_event with one value that is text: key="text", quotes in it escaped. */
void line_tell(struct line *line, int level, const char *name, const char *key, const char *text);

/* Something that comes and goes. Zero to begin with. */
struct line_spell {
    bool lasts, told;
    double since, next; /* when it began; not to be told again before */
    unsigned left_out;  /* spells that were not told */
};

/* line_tell_progress: once a minute. line_tell_geocoded: every point has its answer. */
void line_tell_progress(struct line *line);
void line_tell_geocoded(struct line *line, const struct run_record *run);

/* line_tell_circuit, line_tell_quiet: the geocoder can't be reached or wants quiet, and when that
 * is over; at most once a minute. */
void line_tell_circuit(struct line *line, struct line_spell *spell,
                       const struct circuit_view *circuit, double now);
void line_tell_quiet(struct line *line, struct line_spell *spell, const struct limiter_view *pace,
                     double now);

/* --- line.c --------------------------------------------------------------------- */

/* line_sleep: wait on `changed` for at most seconds. The lock is held. */
void line_sleep(struct line *line, double seconds);

/* line_batch: points in one request, as the settings and the provider have it. */
unsigned line_batch(const struct line *line);

/* line_look: read generation and grid of the published manifest. */
void line_look(struct line *line);

/* line_last_run: read the newest ended run. */
void line_last_run(struct line *line);

/* --- line_start.c, line_join.c --------------------------------------------------- */

/* place_take: from now to place_leave nobody else begins a run or changes the cache, because of
 * what is said. ERROR_STATE when a run is active or somebody else has it. */
int place_take(struct line *line, const char *what, struct error *err);
void place_leave(struct line *line);

/* run_begin: record a new run, with the tables of its parameters, and set it going; the caller has
 * the place. ERROR_VALUE: the tables are wrong. */
int run_begin(struct line *line, const struct run_record *run, struct error *err);

/* run_set_going: the conductor works at the run, unless somebody wished otherwise by now. */
void run_set_going(struct line *line);

/* --- line_record.c: the active run's record, on the conductor's thread ------------ */

struct run_record run_copy(struct line *line);

/* run_save: write the record as it is now to the ledger. */
int run_save(struct line *line, struct error *err);

/* run_reload: take the counts and the phase from the ledger. */
int run_reload(struct line *line, struct error *err);

int run_enter(struct line *line, enum run_phase phase, struct error *err);

/* run_stop: pause or hold the run. Memory has it even when the ledger can't be written. */
int run_stop(struct line *line, enum run_stop stop, const char *reason, struct error *err);

/* run_work_begins, run_work_ends: start and stop the clock of elapsed. run_work_goes_on: after an
 * end that was only a wait. */
void run_work_begins(struct line *line);
void run_work_ends(struct line *line);
void run_work_goes_on(struct line *line);

/* record_close: move the run to the history, then remove what it leaves behind. */
int record_close(struct line *line, enum run_result result, struct error *err);

/* run_give_up: end the run without a generation; reason NULL = as it is. On a full disk the ledger
 * may have no room for that: what the run occupies makes some. */
int run_give_up(struct line *line, enum run_result result, const char *reason, struct error *err);

/* run_limits: the gate of the run. Any thread. */
struct gate_limits run_limits(const struct line *line, const struct run_record *run);

/* --- line_publish.c ----------------------------------------------------------------- */

/* line_publish_run: prepare the generation, agree on the switch, switch at that moment, end the
 * run. */
int line_publish_run(struct line *line, struct error *err);

/* line_agree: wait for the decision of all who share the run; the wait is not work. */
int line_agree(struct line *line, const struct run_record *run, const struct pair_id *digest,
               struct agreement *agreement, struct error *err);

/* --- line_fold.c ------------------------------------------------------------------ */

/* run_input_open: what the run refreshes: its base generation and, from PHASE_REFRESH on, the
 * learned points that were frozen for it. ERROR_CORRUPT when either is not what the run began with.
 * run must outlive *out. */
int run_input_open(struct run_input *out, struct line *line, const struct run_record *run,
                   struct error *err);
void run_input_close(struct run_input *input); /* zeroes it */

/* fold_freeze: freeze what is learned now into STATE/folded, durable when it returns, and open it
 * in input; *folded says what it is. */
int fold_freeze(struct line *line, const struct run_record *run, struct run_input *input,
                struct folded_set *folded, struct error *err);

/* fold_forget: of what was frozen nothing is folded in: close and remove it. */
int fold_forget(struct line *line, struct run_input *input, struct folded_set *folded,
                struct error *err);

int fold_remove(struct line *line, struct error *err);

/* fold_forecast: add to the plan of a generation alone what the learned points of this moment would
 * add to it; nothing is written. */
int fold_forecast(struct line *line, const struct cache *base,
                  const struct run_parameters *parameters, struct snapshot_plan *plan,
                  struct error *err);

/* --- line_report.c ---------------------------------------------------------------- */

/* report_at_end: what the tables of the active run have counted, as the bytes of a tally; none when
 * it has no tables. For the conductor, when the stations have stopped; takes 15 s at most. 0, 1 =
 * not every answer could be counted, -1. */
int report_at_end(struct line *line, struct buffer *bytes, uint64_t *answers, struct error *err);

/* --- line_clean.c ----------------------------------------------------------------- */

/* clean_up: remove what belongs to no run: point files, answers, unpublished pairs. */
int clean_up(struct line *line, struct error *err);

/* --- line_conductor.c --------------------------------------------------------------- */

void *conductor_thread(void *line);

/* --- line_refresh.c ------------------------------------------------------------------ */

/* line_refresh: from the point files to every tile rebuilt; resumes where it stood. ERROR_CANCELED
 * when the wish changed. Everything it started has ended when it returns. */
int line_refresh(struct line *line, struct error *err);

/* refresh_fail: from any thread: the refresh can't go on. */
void refresh_fail(struct refresh *refresh, const struct error *err);

/* --- line_site.c --------------------------------------------------------------------- */

/* site_open_claims: the claims of the phase, by whoever shares the run. */
int site_open_claims(struct refresh *refresh, struct error *err);

/* site_again: from any thread: the phase is to begin anew. */
void site_again(struct refresh *refresh);

/* site_replace: likewise, because the ledger has other answers to a share than those that count.
 * The writer's thread. site_drop_replaced: take them back; when the stations have stopped. */
void site_replace(struct refresh *refresh, uint32_t share);
int site_drop_replaced(struct refresh *refresh, struct error *err);

/* --- line_rebuild.c ------------------------------------------------------------------ */

int rebuild_start(struct refresh *refresh, struct error *err);
void rebuild_stop(struct refresh *refresh); /* also when it was not started */

/* rebuild_ready: every answer of the tile is committed. Any thread. */
void rebuild_ready(struct refresh *refresh, uint32_t tile);

/* --- line_status.c ------------------------------------------------------------------- */

/* status_note_bottleneck: take figures now, unless some were taken just before, and note what they
 * say the line waits for in its control. */
void status_note_bottleneck(struct line *line);

/* status_reset: forget the samples, as work begins. */
void status_reset(struct line *line);

uint64_t settled_points(const struct run_counts *counts);

#endif
