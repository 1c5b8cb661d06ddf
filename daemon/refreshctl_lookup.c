/* refreshctl lookup: one point, or the two words that each line of standard input holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cachefmt/transfer.h"
#include "daemon/refreshctl_lookup.h"
#include "daemon/refreshctl_session.h"
#include "daemon/refreshctl_text.h"
#include "stages/lookup.h"

/* What the daemon has learned, where it can be read. Without it lookups find what is published. */
static void open_learned(struct lookup *lookup, const char *state_directory)
{
    char *path;
    if (asprintf(&path, "%s/learned", state_directory) < 0)
        return;
    if (learned_open(&lookup->learned, path, true, NULL) != 0)
        lookup->learned = NULL;
    else if (learned_reader_open(&lookup->learned_reader, lookup->learned, NULL) != 0)
        lookup->learned_reader = NULL;
    free(path);
}

int lookup_open(struct lookup *lookup, struct session *session, const char *radius,
                struct error *err)
{
    memset(lookup, 0, sizeof *lookup);
    lookup->json = session->json;
    /* No thread: every batch looks for a switch before it begins. */
    struct follow_settings settings = {.directory = session_cache(session, err), .interval = -1};
    if (settings.directory == NULL || (radius == NULL && session_config(session, err) != 0))
        return -1;
    if (radius == NULL)
        lookup->radius = session->config->lookup.radius;
    else if (!text_parse_distance(radius, &lookup->radius))
        return error_set(err, ERROR_USAGE, "--radius: %.60s is not a distance such as 50m", radius);
    if (follower_open(&lookup->follower, &settings, err) != 0)
        return -1;
    if (session->cache_directory == NULL)
        open_learned(lookup, session->config->refresh.state_directory);
    return follow_reader_open(&lookup->reader, lookup->follower, err);
}

void lookup_close(struct lookup *lookup)
{
    follow_reader_close(lookup->reader);
    learned_reader_close(lookup->learned_reader);
    learned_close(lookup->learned);
    follower_close(lookup->follower);
    buffer_free(&lookup->text);
}

int lookup_hold(struct lookup *lookup, struct error *err)
{
    if (lookup->learned_reader != NULL && learned_begin(lookup->learned_reader, err) != 0)
        return -1;
    if (follow_look(lookup->follower, err) < 0) {
        if (lookup->learned_reader != NULL)
            learned_end(lookup->learned_reader);
        return -1;
    }
    lookup->cache = follow_hold(lookup->reader);
    return 0;
}

void lookup_let_go(struct lookup *lookup)
{
    lookup->cache = NULL;
    follow_let_go(lookup->reader);
    if (lookup->learned_reader != NULL)
        learned_end(lookup->learned_reader);
}

int lookup_point(const char *lat, const char *lon, struct point *out, struct error *err)
{
    if (!text_parse_degrees(lat, 90, &out->lat))
        return error_set(err, ERROR_USAGE, "latitude: %.60s is not from -90 to 90 degrees", lat);
    if (!text_parse_degrees(lon, 180, &out->lon))
        return error_set(err, ERROR_USAGE, "longitude: %.60s is not from -180 to 180 degrees", lon);
    if (out->lon == LONGITUDE_LIMIT)
        out->lon = -LONGITUDE_LIMIT;
    return 0;
}

/* Fields in the order of a postal line, for an address without a label. */
static int append_fields(const struct address *address, struct buffer *out, struct error *err)
{
    static const enum address_field order[] = {FIELD_NAME,   FIELD_HOUSENUMBER, FIELD_STREET,
                                               FIELD_CITY,   FIELD_POSTCODE,    FIELD_STATE,
                                               FIELD_COUNTRY};
    enum address_field last = FIELD_COUNT;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct slice text = address->field[order[i]];
        if (text.length == 0)
            continue;
        const char *between = last == FIELD_COUNT ? "" : last == FIELD_HOUSENUMBER ? " " : ", ";
        if (buffer_append(out, between, strlen(between), err) != 0 ||
            buffer_append(out, text.data, text.length, err) != 0)
            return -1;
        last = order[i];
    }
    return 0;
}

/* Control characters of an address would move the cursor of a terminal. */
static void print_plain(const struct buffer *text)
{
    for (size_t i = 0; i < text->used; i++) {
        unsigned char c = text->data[i];
        (void)putchar(c < 0x20 || c == 0x7f ? ' ' : c);
    }
}

static int print_hit(struct lookup *lookup, const struct entry *entry, double distance,
                     struct error *err)
{
    buffer_clear(&lookup->text);
    if (lookup->json) {
        if (entry_print_json(entry, distance, &lookup->text, err) != 0)
            return -1;
        (void)fwrite(lookup->text.data, 1, lookup->text.used, stdout);
        (void)putchar('\n');
        return 0;
    }
    char lat[16], lon[16], date[FIGURE_BYTES];
    int made = entry->address.field[FIELD_LABEL].length > 0
                   ? address_unfold(&entry->address, &lookup->text, err)
                   : append_fields(&entry->address, &lookup->text, err);
    if (made != 0)
        return -1;
    print_plain(&lookup->text);
    text_format_degrees(entry->point.lat, lat);
    text_format_degrees(entry->point.lon, lon);
    (void)printf("\n  %s %s, %.1f m away, refreshed %s\n", lat, lon, distance,
                 figure_date(entry->refreshed_at, date));
    return 0;
}

static void print_miss(const struct lookup *lookup, const struct entry *entry, double distance)
{
    if (entry == NULL) {
        if (lookup->json)
            (void)puts("{\"address\":null}");
        else
            (void)printf("no address within %.10g m\n", lookup->radius);
        return;
    }
    char lat[16], lon[16], date[FIGURE_BYTES];
    text_format_degrees(entry->point.lat, lat);
    text_format_degrees(entry->point.lon, lon);
    if (lookup->json)
        (void)printf("{\"lat\":%s,\"lon\":%s,\"distance_m\":%.3f,\"refreshed_at\":%u,"
                     "\"outcome\":\"%s\",\"address\":null}\n",
                     lat, lon, distance, entry->refreshed_at, outcome_names[entry->outcome]);
    else
        (void)printf("no address within %.10g m: the geocoder knows none at %s %s (asked %s)\n",
                     lookup->radius, lat, lon, figure_date(entry->refreshed_at, date));
}

int lookup_answer(struct lookup *lookup, struct point point, const struct cache_hit *hit,
                  struct error *err)
{
    struct lookup_best best = {.found = false};
    if (hit != NULL) {
        if (cache_entry(lookup->cache, hit, &best.entry, err) != 0)
            return -1;
        best.distance = hit->distance;
        best.found = !lookup_is_unknown(&best.entry);
    }
    int learned = 0;
    if (lookup->learned_reader != NULL)
        learned = lookup_prefer_learned(lookup->learned_reader, point, lookup->radius, &best, err);
    if (learned < 0)
        return -1;
    if (hit == NULL && learned == 0) {
        print_miss(lookup, NULL, 0);
        return 1;
    }
    if (address_is_empty(&best.entry.address)) {
        print_miss(lookup, &best.entry, best.distance);
        return 1;
    }
    return print_hit(lookup, &best.entry, best.distance, err);
}

static int lookup_one(struct lookup *lookup, struct point point, struct error *err)
{
    struct cache_hit hit;
    if (lookup_hold(lookup, err) != 0)
        return -1;
    int result = cache_nearest(lookup->cache, point, lookup->radius, &hit, err);
    if (result >= 0)
        result = lookup_answer(lookup, point, result > 0 ? &hit : NULL, err);
    lookup_let_go(lookup);
    return result;
}

struct lookup_words {
    const char *radius;
    bool from_stdin;
};

static const struct command_option lookup_options[] = {
    {"--radius", "M", offsetof(struct lookup_words, radius),
     "How far away the entry may lie, such as 50m; [lookup] radius by default"},
    {"--stdin", NULL, offsetof(struct lookup_words, from_stdin),
     "Answer standard input, one LAT LON a line, in that order"},
    {NULL, NULL, 0, NULL}};

static int run_lookup(struct session *session, int argc, char **argv)
{
    const char *words[2];
    struct lookup_words given = {0};
    int count;
    int status = session_words(session, argc, argv, lookup_options, &given, words, 0, 2, &count);
    if (status != 0)
        return status;
    if (count != (given.from_stdin ? 0 : 2))
        return session_usage(session, given.from_stdin ? "lookup --stdin takes no point"
                                                       : "lookup needs a latitude and a longitude");
    struct point point = {0, 0};
    struct error err;
    if (!given.from_stdin && lookup_point(words[0], words[1], &point, &err) != 0)
        return session_fail(session, &err);
    struct lookup lookup;
    if (lookup_open(&lookup, session, given.radius, &err) != 0)
        return session_fail(session, &err);
    int result = given.from_stdin ? lookup_stream(&lookup, &err) : lookup_one(&lookup, point, &err);
    lookup_close(&lookup);
    if (result < 0)
        return session_fail(session, &err);
    return result == 0 ? EXIT_DONE : EXIT_FAILED;
}

const struct subcommand lookup_subcommands[] = {
    {"lookup", "[LAT LON]", lookup_options, "Find the entry nearest to a point",
     "Reads the cache directory itself, without refreshd. Negative numbers are plain words. A\n"
     "miss exits with 1, with --stdin when any of the points missed.",
     "lookup 51.3811 -2.3590", "012", run_lookup},
    {.name = NULL}};
