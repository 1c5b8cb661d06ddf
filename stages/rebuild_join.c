/* The join of a tile's entries with their answers, and what changed. */
#include "stages/rebuild_internal.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "quadtree/morton.h"

#define ENTRIES_BETWEEN_LOOKS 4096 /* at control */

/* --- what changed ----------------------------------------------------------------- */

/* Both codes are known and differ: an address that had none yet is no sign of a wrong answer. */
static bool country_differs(const struct address *old, const struct address *new)
{
    struct slice before = old->field[FIELD_COUNTRYCODE];
    struct slice after = new->field[FIELD_COUNTRYCODE];
    return before.length > 0 && after.length > 0 &&
           (before.length != after.length ||
            strncasecmp(before.data, after.data, before.length) != 0);
}

/* An unsure entry still shows the address it was found with. */
static bool has_address(const struct entry *entry)
{
    return entry->outcome == OUTCOME_FOUND ||
           (entry->outcome == OUTCOME_UNSURE && !address_is_empty(&entry->address));
}

static struct changes count_changes(struct rebuild *rebuild, const struct entry *old,
                                    const struct entry *new)
{
    struct tile_record *record = rebuild->record;
    struct changes changes = {0};
    bool had = has_address(old);
    record->compared += had;
    if (new->outcome == OUTCOME_UNSURE || (!had && new->outcome != OUTCOME_FOUND) ||
        address_equal(&old->address, &new->address))
        return changes;
    changes.changed = true;
    changes.lost = had && new->outcome == OUTCOME_NONE;
    changes.gained = !had;
    changes.country_changed = had && !changes.lost && country_differs(&old->address, &new->address);
    record->changed++;
    record->lost += changes.lost;
    record->gained += changes.gained;
    record->country_changed += changes.country_changed;
    return changes;
}

/* --- the join --------------------------------------------------------------------- */

/* The entry after its answer. */
static struct entry renewed(const struct entry *old, const struct settled_answer *answer)
{
    struct entry entry = *old;
    switch (answer->settled) {
    case SETTLED_FOUND:
        entry.outcome = OUTCOME_FOUND;
        entry.address = answer->address;
        entry.refreshed_at = answer->answered_at;
        break;
    case SETTLED_NONE:
        entry.outcome = OUTCOME_NONE;
        memset(&entry.address, 0, sizeof entry.address);
        entry.refreshed_at = answer->answered_at;
        break;
    case SETTLED_UNSURE:
        entry.outcome = OUTCOME_UNSURE;
        break;
    default:
        break;
    }
    return entry;
}

static int next_answer(struct rebuild *rebuild, struct error *err)
{
    int more = answer_stream_next(&rebuild->answers, &rebuild->answer, err);
    if (more == 0)
        rebuild->answer = NULL;
    return more < 0 ? -1 : 0;
}

static int no_entry(const struct rebuild *rebuild, struct error *err)
{
    return error_set(err, ERROR_CORRUPT,
                     "%s: an answer for tile %u is for a point that generation %" PRIu64
                     " does not have",
                     rebuild->settings->answers_directory, rebuild->record->tile,
                     cache_manifest(rebuild->settings->merged->base)->generation);
}

static int add(struct pair_builder *builder, const struct entry *entry, struct error *err)
{
    return builder != NULL ? pair_builder_add(builder, entry, err) : 0;
}

static int add_entry(struct rebuild *rebuild, struct pair_builder *builder, const struct entry *old,
                     struct error *err)
{
    const struct settled_answer *answer = rebuild->answer;
    struct changes changes = {0};
    rebuild->record->found_before += has_address(old);
    if (answer == NULL)
        return add(builder, old, err);
    uint64_t code = morton_encode(old->point);
    if (answer->code > code)
        return add(builder, old, err);
    if (answer->code < code)
        return no_entry(rebuild, err);
    struct entry new = renewed(old, answer);
    if (answer->settled == SETTLED_FAILED)
        rebuild->record->compared += has_address(old);
    else
        changes = count_changes(rebuild, old, &new);
    if (add(builder, &new, err) != 0 ||
        (rebuild->tally != NULL && rebuild_observe(rebuild, old, &new, &changes, err) != 0))
        return -1;
    return next_answer(rebuild, err);
}

static bool is_stopped(const struct rebuild_settings *settings)
{
    return (settings->control != NULL && control_ending(settings->control)) ||
           (settings->until > 0 && clock_monotonic() > settings->until);
}

int rebuild_join(struct rebuild *rebuild, struct pair_builder *builder, struct error *err)
{
    struct merged_walk walk;
    struct entry entry;
    uint64_t entries = 0;
    int more;
    if (next_answer(rebuild, err) != 0)
        return -1;
    merged_walk(&walk, rebuild->settings->merged, rebuild->record->tile, false);
    while ((more = merged_next(&walk, &entry, err)) > 0) {
        if (entries++ % ENTRIES_BETWEEN_LOOKS == 0) {
            pulse_beat(rebuild->settings->pulse);
            rebuild->now = rebuild->beside ? clock_unix_ms() : 0;
            if (is_stopped(rebuild->settings))
                return error_set(err, ERROR_CANCELED, "the rebuild of tile %u was stopped",
                                 rebuild->record->tile);
        }
        if (builder == NULL && rebuild->answer == NULL)
            break;
        if (add_entry(rebuild, builder, &entry, err) != 0)
            return -1;
    }
    if (more < 0)
        return -1;
    return rebuild->answer == NULL ? 0 : no_entry(rebuild, err);
}
