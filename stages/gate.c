#include "stages/gate.h"

#include <inttypes.h>
#include <stdio.h>

/* What is judged, of one tile or of all. */
struct figures {
    uint64_t compared, lost, changed, country_changed;
};

static bool exceeds(uint64_t part, uint64_t whole, double limit)
{
    return whole > 0 && (double)part > limit * (double)whole;
}

static int hold(char reason[600], const char *where, const char *rule, const char *what,
                uint64_t part, uint64_t whole, double limit)
{
    (void)snprintf(reason, 600, "%s%s: %" PRIu64 " of %" PRIu64 " points %s (%.3g%%, limit %.3g%%)",
                   rule, where, part, whole, what, 100.0 * (double)part / (double)whole,
                   100.0 * limit);
    return 1;
}

static int judge(const struct figures *figures, const struct gate_limits *limits, const char *where,
                 char reason[600])
{
    const uint64_t compared = figures->compared;
    if (exceeds(figures->lost, compared, limits->max_lost))
        return hold(reason, where, "max_lost", "found before were not found now", figures->lost,
                    compared, limits->max_lost);
    if (exceeds(figures->country_changed, compared, limits->max_country_changed))
        return hold(reason, where, "max_country_changed", "changed country",
                    figures->country_changed, compared, limits->max_country_changed);
    if (exceeds(figures->changed, compared, limits->max_changed))
        return hold(reason, where, "max_changed", "changed address", figures->changed, compared,
                    limits->max_changed);
    return 0;
}

/* Addresses where there was none before are no change for the worse. */
static struct figures figures_of(const struct tile_record *tile)
{
    return (struct figures){
        .compared = tile->compared,
        .lost = tile->lost,
        .changed = tile->changed > tile->gained ? tile->changed - tile->gained : 0,
        .country_changed = tile->country_changed,
    };
}

int gate_check_tile(const struct tile_record *tile, const struct gate_limits *limits,
                    char reason[600])
{
    char where[32];
    if (tile->compared <= GATE_TILE_ENTRIES)
        return 0;
    struct figures figures = figures_of(tile);
    (void)snprintf(where, sizeof where, " in tile %u", tile->tile);
    return judge(&figures, limits, where, reason);
}

static int reconcile(const struct run_counts *counts, struct error *err)
{
    const uint64_t *settled = counts->settled;
    uint64_t answered = settled[SETTLED_FOUND] + settled[SETTLED_NONE] + settled[SETTLED_UNSURE] +
                        settled[SETTLED_FAILED];
    if (answered + counts->carried == counts->total)
        return 0;
    return error_set(err, ERROR_CORRUPT,
                     "the run's counts do not reconcile: %" PRIu64 " found + %" PRIu64
                     " none + %" PRIu64 " unsure + %" PRIu64 " failed + %" PRIu64
                     " carried are not %" PRIu64 " points; cancel it and start it again",
                     settled[SETTLED_FOUND], settled[SETTLED_NONE], settled[SETTLED_UNSURE],
                     settled[SETTLED_FAILED], counts->carried, counts->total);
}

int gate_check(struct ledger *ledger, const struct run_record *run,
               const struct gate_limits *limits, char reason[600], struct error *err)
{
    struct figures sum = {0};
    char tile_reason[600];
    int tile_held = 0;
    if (reconcile(&run->counts, err) != 0)
        return -1;
    for (uint32_t tile = 0; tile < grid_tiles(run->grid); tile++) {
        struct tile_record record;
        int known = ledger_tile(ledger, tile, &record, err);
        if (known < 0)
            return -1;
        if (known == 0)
            continue;
        struct figures figures = figures_of(&record);
        sum.compared += figures.compared;
        sum.lost += figures.lost;
        sum.changed += figures.changed;
        sum.country_changed += figures.country_changed;
        if (tile_held == 0)
            tile_held = gate_check_tile(&record, limits, tile_reason);
    }
    uint64_t failed = run->counts.settled[SETTLED_FAILED];
    if (exceeds(failed, run->counts.selected, limits->max_failed))
        return hold(reason, "", "max_failed", "failed", failed, run->counts.selected,
                    limits->max_failed);
    if (judge(&sum, limits, "", reason) != 0)
        return 1;
    if (tile_held != 0)
        (void)snprintf(reason, 600, "%s", tile_reason);
    return tile_held;
}
