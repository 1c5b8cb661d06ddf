#include "stages/rebuild_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cachefmt/generation.h"
#include "cachefmt/pair_builder.h"
#include "quadtree/morton.h"

#define LETTERS 26u
#define COUNTRIES (LETTERS * LETTERS + 1) /* two letters, and all the rest */
#define ENTRIES_BETWEEN_LOOKS 4096        /* at control */

struct rebuild {
    const struct rebuild_settings *settings;
    struct tile_record *record;
    struct answer_stream answers;
    const struct settled_answer *answer; /* the next one, or NULL */
    uint64_t changed_by_country[COUNTRIES];
};

/* --- what changed ----------------------------------------------------------------- */

static unsigned country_index(struct slice code)
{
    if (code.length != 2)
        return COUNTRIES - 1;
    unsigned first = ((unsigned char)code.data[0] | 0x20u) - 'a';
    unsigned second = ((unsigned char)code.data[1] | 0x20u) - 'a';
    return first < LETTERS && second < LETTERS ? first * LETTERS + second : COUNTRIES - 1;
}

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

static void count_changes(struct rebuild *rebuild, const struct entry *old, const struct entry *new)
{
    struct tile_record *record = rebuild->record;
    bool had = has_address(old);
    record->compared += had;
    if (new->outcome == OUTCOME_UNSURE || (!had && new->outcome != OUTCOME_FOUND) ||
        address_equal(&old->address, &new->address))
        return;
    bool lost = had && new->outcome == OUTCOME_NONE;
    const struct address *shown = lost ? &old->address : &new->address;
    record->changed++;
    record->lost += lost;
    record->gained += !had;
    record->country_changed += had && !lost && country_differs(&old->address, &new->address);
    rebuild->changed_by_country[country_index(shown->field[FIELD_COUNTRYCODE])]++;
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

static int add_entry(struct rebuild *rebuild, struct pair_builder *builder, const struct entry *old,
                     struct error *err)
{
    const struct settled_answer *answer = rebuild->answer;
    rebuild->record->found_before += has_address(old);
    if (answer == NULL)
        return pair_builder_add(builder, old, err);
    uint64_t code = morton_encode(old->point);
    if (answer->code > code)
        return pair_builder_add(builder, old, err);
    if (answer->code < code)
        return no_entry(rebuild, err);
    if (answer->settled == SETTLED_FAILED) {
        rebuild->record->compared += has_address(old);
        if (pair_builder_add(builder, old, err) != 0)
            return -1;
    } else {
        struct entry new = renewed(old, answer);
        count_changes(rebuild, old, &new);
        if (pair_builder_add(builder, &new, err) != 0)
            return -1;
    }
    return next_answer(rebuild, err);
}

static int join(struct rebuild *rebuild, struct pair_builder *builder, struct error *err)
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
            if (control_ending(rebuild->settings->control))
                return error_set(err, ERROR_CANCELED, "the rebuild of tile %u was stopped",
                                 rebuild->record->tile);
        }
        if (add_entry(rebuild, builder, &entry, err) != 0)
            return -1;
    }
    if (more < 0)
        return -1;
    return rebuild->answer == NULL ? 0 : no_entry(rebuild, err);
}

/* --- the new pair ----------------------------------------------------------------- */

/* Every entry must have come over, and what was written must read back as it was meant. */
static int check_pair(struct rebuild *rebuild, uint64_t entries, struct error *err)
{
    const struct manifest_tile *row = &rebuild->record->row;
    struct pair *pair;
    if (row->info.entries != entries)
        return error_set(err, ERROR_CORRUPT,
                         "tile %u was rebuilt with %" PRIu64 " entries instead of %" PRIu64,
                         row->info.tile, row->info.entries, entries);
    if (generation_pair_open(&pair, rebuild->settings->cache_directory, row, err) != 0)
        return -1;
    int result = pair_verify(pair, false, err);
    pair_close(pair);
    return result;
}

static int build_pair(struct rebuild *rebuild, uint64_t entries, struct error *err)
{
    const struct rebuild_settings *settings = rebuild->settings;
    struct tile_record *record = rebuild->record;
    struct pair_builder *builder;
    char *index_path;
    char *data_path;
    int result = -1;
    record->found_before = 0; /* the join counts */
    if (generation_pair_paths(settings->cache_directory, record->tile, settings->generation,
                              &index_path, &data_path, err) != 0)
        return -1;
    if (pair_builder_create(&builder, index_path, data_path, cache_grid(settings->merged->base),
                            record->tile, err) != 0)
        goto out;
    if (join(rebuild, builder, err) != 0) {
        pair_builder_abort(builder);
        goto out;
    }
    pulse_beat(settings->pulse);
    record->row.built = settings->generation;
    if (pair_builder_commit(builder, &record->row.info, err) != 0)
        goto out;
    pulse_beat(settings->pulse);
    result = check_pair(rebuild, entries, err);
out:
    free(index_path);
    free(data_path);
    return result;
}

static int record_tile(struct rebuild *rebuild, struct error *err)
{
    struct country_count *countries = calloc(COUNTRIES, sizeof *countries);
    size_t used = 0;
    if (countries == NULL)
        return error_memory(err, "the report of a tile");
    for (unsigned i = 0; i < COUNTRIES; i++) {
        if (rebuild->changed_by_country[i] == 0)
            continue;
        if (i < COUNTRIES - 1) {
            countries[used].code[0] = (char)('a' + i / LETTERS);
            countries[used].code[1] = (char)('a' + i % LETTERS);
        }
        countries[used++].count = rebuild->changed_by_country[i];
    }
    int result =
        ledger_tile_rebuilt(rebuild->settings->ledger, rebuild->record, countries, used, err);
    free(countries);
    return result;
}

int rebuild_tile(const struct rebuild_settings *settings, uint32_t tile, struct tile_record *out,
                 struct error *err)
{
    uint64_t first = settings->first_ordinal_of_tile[tile];
    uint64_t end = settings->first_ordinal_of_tile[tile + 1];
    struct tile_record record = {.tile = tile,
                                 .row = cache_manifest(settings->merged->base)->tiles[tile]};
    struct rebuild rebuild = {.settings = settings, .record = &record};
    struct merged_tile counted;
    record.found_before = record.row.info.outcomes[OUTCOME_FOUND];
    if (merged_count(settings->merged, tile, &counted, err) != 0)
        return -1;
    answer_stream_open(&rebuild.answers, settings, first, end);
    int result = 0;
    if (first < end && counted.entries == 0)
        result =
            error_set(err, ERROR_CORRUPT, "points of tile %u were asked but it is empty", tile);
    else if (first < end || counted.folded > 0)
        result = build_pair(&rebuild, counted.entries, err);
    if (result == 0)
        result = record_tile(&rebuild, err);
    answer_stream_close(&rebuild.answers);
    if (result == 0)
        *out = record;
    return result;
}
