#include "tests/unit/line_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cachefmt/generation.h"
#include "cachefmt/transfer.h"
#include "quadtree/morton.h"
#include "stages/pointfile.h"
#include "tests/unit/patience.h"

#define ROWS 97
#define LAT_STEP 12000000
#define LON_STEP 80000000

static struct rig *current;

struct point rig_point(unsigned number)
{
    return (struct point){.lat = -600000000 + (int32_t)(number % ROWS) * LAT_STEP,
                          .lon = -1700000000 + (int32_t)(number / ROWS) * LON_STEP};
}

unsigned rig_number(struct point point)
{
    return (unsigned)((point.lon + 1700000000) / LON_STEP * ROWS +
                      (point.lat + 600000000) / LAT_STEP);
}

/* --- the geocoder ---------------------------------------------------------------- */

struct session {
    char text[256][64];
};

static bool one_in(unsigned every, unsigned number)
{
    return every != 0 && number % every == 0;
}

static int session_open(void *state, void **session, struct error *err)
{
    (void)state;
    *session = calloc(1, sizeof(struct session));
    return *session != NULL ? 0 : error_memory(err, "a session");
}

static const struct slice told = {"told to", 7};

/* What the geocoder says of its trouble as a whole, or of a point that always fails. */
static bool fail_point(unsigned number, struct answer *answer)
{
    struct rig_geocoder *geocoder = &current->geocoder;
    unsigned trouble = geocoder->trouble;
    *answer = (struct answer){.kind = ANSWER_FAILED, .transient = true, .detail = told};
    if (geocoder->asked_down[number]) {
        answer->cause = CAUSE_CONNECT;
    } else if (trouble == RIG_DOWN || one_in(geocoder->broken_every, number)) {
        answer->cause = CAUSE_RESET;
    } else if (trouble == RIG_QUOTA) {
        answer->cause = CAUSE_QUOTA;
        answer->status = 402;
    } else if (trouble == RIG_BUSY) {
        answer->cause = CAUSE_HTTP_429;
        answer->status = 429;
    } else if (one_in(geocoder->error_every, number)) {
        answer->cause = CAUSE_HTTP_5XX;
        answer->status = 500;
    } else {
        return false;
    }
    return true;
}

static void answer_point(struct session *session, size_t place, unsigned number,
                         struct answer *answer)
{
    struct rig_geocoder *geocoder = &current->geocoder;
    unsigned before = atomic_fetch_add(&geocoder->asked[number], 1);
    if (fail_point(number, answer))
        return;
    *answer = (struct answer){.kind = ANSWER_FOUND};
    if (one_in(geocoder->fail_every, number) ||
        (before == 0 && one_in(geocoder->flaky_every, number))) {
        answer->kind = ANSWER_FAILED;
        answer->transient = !one_in(geocoder->fail_every, number);
        answer->cause = answer->transient ? CAUSE_TIMEOUT : CAUSE_BAD_REQUEST;
        answer->detail = told;
    } else if (one_in(geocoder->empty_every, number)) {
        answer->kind = ANSWER_EMPTY;
    } else {
        char *text = session->text[place];
        int length = snprintf(text, 64, "Street %u v%u", number, geocoder->version);
        answer->address.field[FIELD_STREET] = (struct slice){text, (uint32_t)length};
        answer->address.field[FIELD_COUNTRYCODE] =
            (struct slice){one_in(geocoder->move_every, number) ? "xx" : "ol", 2};
    }
}

static int answer(void *session, const struct point *points, size_t count, struct answer *answers,
                  struct error *err)
{
    (void)err;
    assert_true(count <= 256);
    atomic_fetch_add(&current->geocoder.requests, 1);
    if (atomic_load(&current->geocoder.distant))
        atomic_fetch_sub(&current->geocoder.in_flight, 1);
    for (size_t i = 0; i < count; i++)
        answer_point(session, i, rig_number(points[i]), &answers[i]);
    return 0;
}

static unsigned latency(void *session, const struct point *points, size_t count)
{
    (void)session;
    for (size_t i = 0; i < count; i++)
        current->geocoder.asked_down[rig_number(points[i])] = current->geocoder.trouble == RIG_DOWN;
    unsigned now = atomic_fetch_add(&current->geocoder.in_flight, 1) + 1;
    unsigned most = atomic_load(&current->geocoder.in_flight_most);
    while (now > most &&
           !atomic_compare_exchange_weak(&current->geocoder.in_flight_most, &most, now)) {
    }
    return current->geocoder.latency_ms;
}

static void close_state(void *state)
{
    (void)state;
}

static const struct geocoder_provider local_provider = {
    .name = "rig",
    .largest_batch = 100,
    .close = close_state,
    .session_open = session_open,
    .session_close = free,
    .answer = answer,
};

static const struct geocoder_provider distant_provider = {
    .name = "rig",
    .largest_batch = 100,
    .close = close_state,
    .session_open = session_open,
    .session_close = free,
    .answer = answer,
    .latency = latency,
};

int rig_geocoder_open(struct geocoder **out, const struct geocoder_settings *settings,
                      struct error *err)
{
    (void)settings;
    struct geocoder *geocoder = calloc(1, sizeof *geocoder);
    if (geocoder == NULL)
        return error_memory(err, "the geocoder");
    geocoder->provider = current->geocoder.distant ? &distant_provider : &local_provider;
    *out = geocoder;
    return 0;
}

/* --- the rig ----------------------------------------------------------------------- */

static void on_event(void *context, int level, const char *name, const char *text)
{
    struct rig *rig = context;
    (void)level;
    if (getenv("RIG_EVENTS") != NULL)
        fprintf(stderr, "%d %s %s\n", level, name, text);
    if (strcmp(name, "run_published") == 0)
        atomic_fetch_add(&rig->events_published, 1);
    if (strcmp(name, "worker_failed") == 0)
        atomic_fetch_add(&rig->events_failed, 1);
}

static void import(struct rig *rig)
{
    char path[96];
    struct error err;
    struct import_result result;
    (void)snprintf(path, sizeof path, "%s/points.csv", rig->root);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "lat,lon,street,countrycode,refreshed_at\n");
    for (unsigned i = 0; i < rig->count; i++) {
        struct point point = rig_point(i);
        fprintf(file, "%.7f,%.7f,Old Street %u,ol,%u\n", point.lat / 1e7, point.lon / 1e7, i,
                RIG_OLD_DATE);
    }
    fclose(file);
    struct import_options options = {
        .directory = rig->cache,
        .grid = {24, 24},
        .format = FORMAT_CSV,
        .name = "points",
        .keep = 3,
    };
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    if (cache_import(&options, fd, &result, &err) != 0)
        fail_msg("%s", err.message);
    close(fd);
    assert_int_equal(result.entries, rig->count);
}

struct rig *rig_open(unsigned count)
{
    struct rig *rig = calloc(1, sizeof *rig);
    const char *directory = getenv("TMPDIR");
    assert_non_null(rig);
    assert_true(count <= RIG_POINTS_LIMIT);
    rig->count = count;
    (void)snprintf(rig->root, sizeof rig->root, "%.40s/line-XXXXXX",
                   directory != NULL ? directory : "/tmp");
    assert_non_null(mkdtemp(rig->root));
    (void)snprintf(rig->cache, sizeof rig->cache, "%s/cache", rig->root);
    (void)snprintf(rig->state, sizeof rig->state, "%s/state", rig->root);
    (void)snprintf(rig->points, sizeof rig->points, "%s/points", rig->state);
    (void)snprintf(rig->answers, sizeof rig->answers, "%s/answers", rig->state);
    (void)snprintf(rig->ledger, sizeof rig->ledger, "%s/ledger", rig->state);
    assert_int_equal(mkdir(rig->cache, 0700), 0);
    rig->settings = (struct line_settings){
        .cache_directory = rig->cache,
        .state_directory = rig->state,
        .keep_generations = 3,
        .geocoder = {.provider = "rig", .batch = 1},
        .retries = 2,
        .gate = {.max_lost = 0.01,
                 .max_country_changed = 0.02,
                 .max_changed = 1,
                 .max_failed = 0.05},
        .event = on_event,
        .context = rig,
        .open_geocoder = rig_geocoder_open,
    };
    rig->parameters = (struct run_parameters){.workers = 3, .concurrency = 8, .shares = 64};
    rig->geocoder.version = 1;
    current = rig;
    import(rig);
    return rig;
}

void rig_close(struct rig *rig)
{
    char command[128];
    rig_line_close(rig);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", rig->root);
    assert_int_equal(system(command), 0);
    current = NULL;
    free(rig);
}

static void (*leave_first)(void);

static int close_what_is_left(void **state)
{
    (void)state;
    if (leave_first != NULL)
        leave_first();
    if (current != NULL)
        rig_close(current);
    return 0;
}

int rig_run_group_leaving(const struct CMUnitTest *tests, size_t count, void (*leave)(void))
{
    struct CMUnitTest *closing = calloc(count, sizeof *closing);
    if (closing == NULL)
        return 1;
    leave_first = leave;
    for (size_t i = 0; i < count; i++) {
        closing[i] = tests[i];
        closing[i].teardown_func = close_what_is_left;
    }
    int failed = _cmocka_run_group_tests("tests", closing, count, NULL, NULL);
    free(closing);
    return failed;
}

int rig_run_group(const struct CMUnitTest *tests, size_t count)
{
    return rig_run_group_leaving(tests, count, NULL);
}

struct line *rig_line(struct rig *rig)
{
    struct error err;
    rig_line_close(rig);
    if (line_open(&rig->line, &rig->settings, &err) != 0)
        fail_msg("%s", err.message);
    return rig->line;
}

void rig_line_close(struct rig *rig)
{
    line_close(rig->line);
    rig->line = NULL;
}

void rig_start(struct rig *rig, struct line *line)
{
    char id[RUN_ID_BYTES];
    struct error err;
    bool nothing = true;
    if (line_start(line, &rig->parameters, id, &nothing, &err) != 0)
        fail_msg("%s", err.message);
    assert_false(nothing);
}

void rig_wait(struct line *line, enum line_state state, struct line_status *status)
{
    double end = clock_monotonic() + PATIENCE;
    for (;;) {
        line_status(line, status);
        if (status->state == state && !status->draining)
            return;
        if (clock_monotonic() > end)
            fail_msg("waited for %s in state %s (%s)", line_state_names[state],
                     line_state_names[status->state], status->reason);
        usleep(2000);
    }
}

unsigned rig_asked(const struct rig *rig, unsigned *most)
{
    unsigned sum = 0;
    *most = 0;
    for (unsigned i = 0; i < rig->count; i++) {
        unsigned asked = rig->geocoder.asked[i];
        sum += asked;
        if (asked > *most)
            *most = asked;
    }
    return sum;
}

static void copy_field(const struct entry *entry, enum address_field field, char *out, size_t room)
{
    struct slice text = entry->address.field[field];
    (void)snprintf(out, room, "%.*s", (int)text.length, text.length > 0 ? text.data : "");
}

struct rig_entry rig_entry(struct rig *rig, unsigned number)
{
    struct cache *cache;
    struct error err;
    struct cache_hit hit;
    struct entry entry;
    struct rig_entry out;
    if (cache_open(&cache, rig->cache, NULL, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(cache_nearest(cache, rig_point(number), 0.1, &hit, &err), 1);
    assert_int_equal(cache_entry(cache, &hit, &entry, &err), 0);
    out.outcome = entry.outcome;
    out.refreshed_at = entry.refreshed_at;
    copy_field(&entry, FIELD_STREET, out.street, sizeof out.street);
    copy_field(&entry, FIELD_COUNTRYCODE, out.countrycode, sizeof out.countrycode);
    cache_close(cache);
    return out;
}

uint64_t rig_generation(struct rig *rig)
{
    struct manifest *manifest;
    assert_int_equal(generation_current(rig->cache, &manifest, NULL), 0);
    uint64_t generation = manifest->generation;
    manifest_free(manifest);
    return generation;
}

bool rig_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* --- a run without a line ------------------------------------------------------------ */

/* The code of every entry in the order of the run. */
static uint64_t *list_codes(const struct rig *rig, const struct rig_run *run)
{
    uint64_t *codes = calloc(rig->count, sizeof *codes);
    size_t used = 0;
    assert_non_null(codes);
    for (uint32_t tile = 0; tile < run->tiles; tile++) {
        struct pair_cursor cursor;
        struct entry entry;
        run->first_ordinal_of_tile[tile] = used;
        if (cache_pair(run->base, tile) == NULL)
            continue;
        pair_walk(&cursor, cache_pair(run->base, tile), 0);
        while (pair_next(&cursor, &entry, NULL) > 0)
            codes[used++] = morton_encode(entry.point);
    }
    run->first_ordinal_of_tile[run->tiles] = used;
    assert_int_equal(used, rig->count);
    return codes;
}

static void write_points(const struct rig *rig, const struct rig_run *run, uint64_t *codes)
{
    struct error err;
    uint8_t *outcomes = calloc(rig->count, 1);
    assert_non_null(outcomes);
    assert_int_equal(mkdir(rig->points, 0700), 0);
    for (uint32_t share = 0; share < run->run.parameters.shares; share++) {
        uint64_t first = point_file_first(rig->count, run->run.parameters.shares, share);
        uint64_t end = point_file_first(rig->count, run->run.parameters.shares, share + 1);
        struct point_file file = {share, first, (uint32_t)(end - first), codes + first, outcomes};
        if (first < end && point_file_write(rig->points, run->run.id, run->run.parameters.shares,
                                            &file, NULL, &err) != 0)
            fail_msg("%s", err.message);
    }
    free(outcomes);
}

static void record_run(const struct rig *rig, struct rig_run *run)
{
    struct error err;
    struct run_counts counts = {.total = rig->count, .selected = rig->count};
    uint64_t *selected = calloc(run->tiles, sizeof *selected);
    assert_non_null(selected);
    for (uint32_t tile = 0; tile < run->tiles; tile++)
        selected[tile] = run->first_ordinal_of_tile[tile + 1] - run->first_ordinal_of_tile[tile];
    if (ledger_open(&run->ledger, rig->ledger, &err) != 0 ||
        ledger_run_begin(run->ledger, &run->run, &err) != 0 ||
        ledger_snapshot_done(run->ledger, &counts, selected, NULL, run->tiles, &err) != 0 ||
        ledger_run(run->ledger, &run->run, &err) != 1)
        fail_msg("%s", err.message);
    free(selected);
}

void rig_run_open(struct rig *rig, struct rig_run *out)
{
    struct error err;
    *out = (struct rig_run){.run = {.id = "20261121T020000Z-1f3a",
                                    .parameters = rig->parameters,
                                    .base_generation = 1,
                                    .generation = 2,
                                    .started_at = clock_unix(),
                                    .provider = "rig"}};
    assert_int_equal(mkdir(rig->state, 0700), 0);
    assert_int_equal(cache_open(&out->base, rig->cache, NULL, &err), 0);
    const struct manifest *manifest = cache_manifest(out->base);
    out->run.base_digest = manifest->digest;
    out->run.grid = manifest->grid;
    out->tiles = grid_tiles(manifest->grid);
    out->first_ordinal_of_tile = calloc((size_t)out->tiles + 1, sizeof(uint64_t));
    assert_non_null(out->first_ordinal_of_tile);
    uint64_t *codes = list_codes(rig, out);
    write_points(rig, out, codes);
    free(codes);
    record_run(rig, out);
}

void rig_run_close(struct rig_run *run)
{
    ledger_close(run->ledger);
    cache_close(run->base);
    free(run->first_ordinal_of_tile);
}

struct settled_answer rig_answer(const struct rig_run *run, uint64_t ordinal)
{
    static const char street[] = "New Street";
    struct pair_cursor cursor;
    struct entry entry;
    uint32_t tile = 0;
    while (run->first_ordinal_of_tile[tile + 1] <= ordinal)
        tile++;
    pair_walk(&cursor, cache_pair(run->base, tile), ordinal - run->first_ordinal_of_tile[tile]);
    assert_int_equal(pair_next(&cursor, &entry, NULL), 1);
    uint64_t points = run->run.counts.selected;
    uint32_t share = point_file_share(points, run->run.parameters.shares, ordinal);
    struct settled_answer answer = {
        .ordinal =
            (uint32_t)(ordinal - point_file_first(points, run->run.parameters.shares, share)),
        .code = morton_encode(entry.point),
        .settled = SETTLED_FOUND,
        .answered_at = 1700000000,
        .measure.attempts = 1,
    };
    answer.address.field[FIELD_STREET] = (struct slice){street, sizeof street - 1};
    answer.address.field[FIELD_COUNTRYCODE] = (struct slice){"ol", 2};
    return answer;
}

void rig_commit(struct rig *rig, struct rig_run *run, uint64_t first, uint64_t end)
{
    struct error err;
    struct answer_batch *batch;
    struct answer_log *log;
    uint64_t points = run->run.counts.selected;
    uint32_t share = point_file_share(points, run->run.parameters.shares, first);
    assert_int_equal(answer_batch_create(&batch, share, &err), 0);
    for (uint64_t ordinal = first; ordinal < end; ordinal++) {
        struct settled_answer answer = rig_answer(run, ordinal);
        assert_int_equal(answer_batch_add(batch, &answer, &err), 0);
    }
    assert_int_equal(answer_batch_seal(batch, &err), 0);
    assert_int_equal(answer_log_open(&log, rig->answers, run->run.log_end, &err), 0);
    struct slice bytes = answer_batch_bytes(batch);
    struct committed_batch committed = {.batch = batch};
    assert_int_equal(answer_log_append(log, bytes.data, bytes.length, &committed.place, &err), 0);
    assert_int_equal(answer_log_sync(log, &err), 0);
    run->run.log_end = answer_log_end(log);
    if (ledger_commit(run->ledger, &committed, 1, run->run.log_end, &err) != 0)
        fail_msg("%s", err.message);
    answer_log_close(log);
    answer_batch_free(batch);
}
