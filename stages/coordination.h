/* What a run needs of whoever shares it with us: who answers which point file, whose limits hold,
 * when the switch is. Alone nobody shares it (coordination_alone); a fleet puts its own behind the
 * same calls, and the stages never ask which of the two it is.
 *
 * All calls but `pace` and `settings` come from the conductor's thread and may wait; a call that
 * waits ends with ERROR_CANCELED within a second after control_ending. What a call is given is
 * valid during the call unless it says otherwise. */
#ifndef REFRESHD_STAGES_COORDINATION_H
#define REFRESHD_STAGES_COORDINATION_H

#include "stages/channel.h"
#include "stages/claim.h"
#include "stages/control.h"
#include "stages/gate.h"
#include "stages/learned.h"

/* The refresh phase as those who share it see it; everything in it outlives the claims. */
struct coordination_site {
    const struct run_record *run; /* as it was at the start of the phase */
    struct ledger *ledger;
    struct channel
        *channel; /* answers of others go in here as whole batches (answer_batch_adopt) */
    const struct control *control;
    const char *points_directory, *answers_directory;
    const bool *done; /* shares of which every answer is in the ledger; not after claims_open */
    /* Any thread, but not with a lock that the calls of the claims take: these are called with the
     * line's own lock held. wake: shares may be claimed, or claims_over or claims_settled has
     * become true. again: the phase is to stop and begin anew (prepare, claims_open), since what
     * the ledger has and what is claimed is not what the others know. fail: the run can't go on: it
     * pauses with this reason. */
    void (*wake)(void *context);
    void (*again)(void *context);
    void (*fail)(void *context, const struct error *err);
    void *context;
};

/* What becomes of a run whose tiles are all rebuilt. */
enum agreement_kind {
    AGREED_SWITCH,  /* rename the manifest at `when` */
    AGREED_FAILURE, /* the run ends without a generation, for `reason` */
    AGREED_AGAIN, /* what the tiles were rebuilt from is not what the others have any more: the run
                   * goes back to its refresh phase (prepare, claims_open) */
};
struct agreement {
    enum agreement_kind kind;
    double when;        /* clock_monotonic; past or 0 = at once */
    uint32_t published; /* unix seconds, the date of the generation; 0 = now */
    char reason[600];
};

struct coordination {
    void *context;
    const char *peer; /* what we are called among those who share runs; NULL = we are alone.
                       * Outlives the line */

    /* settings: any thread; never waits. The gate of this run into *limits, which holds our own
     * settings' when it is called; likewise language and max_distance of *geocoder (texts live as
     * long as the run is active). */
    void (*settings)(void *context, const struct run_record *run, struct gate_limits *limits,
                     struct geocoder_settings *geocoder);

    /* freeze: make the cache directory of the learned points that the run folds in, as
     * learned_freeze does; learned may be NULL. */
    int (*freeze)(void *context, const struct run_record *run, struct learned *learned,
                  const char *directory, uint64_t *count, const struct control *control,
                  struct error *err);

    /* snapshot_taken: the point files are durable; digest is one of all of them and of the folded
     * set. An error pauses the run. */
    int (*snapshot_taken)(void *context, const struct run_record *run, const struct pair_id *digest,
                          const struct control *control, struct error *err);

    /* prepare: the refresh phase is about to begin. What the ledger has of the run may be changed
     * (share_answers_drop) so that it is what all others have. */
    int (*prepare)(void *context, const struct run_record *run, struct ledger *ledger,
                   const char *answers_directory, const struct control *control, struct error *err);

    /* claims_open: the claims of the phase. The line frees them when writer and workers are gone
     * (claims_free); after it the site is not touched any more. */
    int (*claims_open)(void *context, struct claims **out, const struct coordination_site *site,
                       struct error *err);

    /* pace: which share (0 to 1) of the run's rate, and of the points left, is ours now. Any
     * thread; never waits. line_repace makes the line ask again. */
    double (*pace)(void *context, const struct run_record *run);

    /* agree: every tile is rebuilt, the gate was passed (or forced), the generation with this
     * digest is prepared: wait for the decision. May take days. */
    int (*agree)(void *context, const struct run_record *run, const struct pair_id *digest,
                 const struct control *control, struct agreement *out, struct error *err);

    /* switched: the manifest was renamed at unix time `at` (seconds). */
    void (*switched)(void *context, const struct run_record *run, const struct pair_id *digest,
                     double at);
};

/* coordination_alone: nobody shares the run. */
extern const struct coordination coordination_alone;

#endif
