#include "stages/coordination.h"

static void alone_settings(void *context, const struct run_record *run, struct gate_limits *limits,
                           struct geocoder_settings *geocoder)
{
    (void)context;
    (void)run;
    (void)limits;
    (void)geocoder;
}

static int alone_freeze(void *context, const struct run_record *run, struct learned *learned,
                        const char *directory, uint64_t *count, const struct control *control,
                        struct error *err)
{
    (void)context;
    (void)control;
    *count = 0;
    if (learned == NULL || learned_count(learned) == 0)
        return 0;
    return learned_freeze(learned, run->grid, directory, count, err);
}

static int alone_snapshot_taken(void *context, const struct run_record *run,
                                const struct pair_id *digest, const struct control *control,
                                struct error *err)
{
    (void)context;
    (void)run;
    (void)digest;
    (void)control;
    (void)err;
    return 0;
}

static int alone_prepare(void *context, const struct run_record *run, struct ledger *ledger,
                         const char *answers_directory, const struct control *control,
                         struct error *err)
{
    (void)context;
    (void)run;
    (void)ledger;
    (void)answers_directory;
    (void)control;
    (void)err;
    return 0;
}

static int alone_claims_open(void *context, struct claims **out,
                             const struct coordination_site *site, struct error *err)
{
    (void)context;
    return claims_create(out, site->run->parameters.shares, site->done, err);
}

static double alone_pace(void *context, const struct run_record *run)
{
    (void)context;
    (void)run;
    return 1;
}

static int alone_agree(void *context, const struct run_record *run, const struct pair_id *digest,
                       const struct control *control, struct agreement *out, struct error *err)
{
    (void)context;
    (void)run;
    (void)digest;
    (void)control;
    (void)err;
    *out = (struct agreement){.kind = AGREED_SWITCH};
    return 0;
}

static void alone_switched(void *context, const struct run_record *run,
                           const struct pair_id *digest, double at)
{
    (void)context;
    (void)run;
    (void)digest;
    (void)at;
}

const struct coordination coordination_alone = {
    .settings = alone_settings,
    .freeze = alone_freeze,
    .snapshot_taken = alone_snapshot_taken,
    .prepare = alone_prepare,
    .claims_open = alone_claims_open,
    .pace = alone_pace,
    .agree = alone_agree,
    .switched = alone_switched,
};
