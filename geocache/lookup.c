#include <stdio.h>
#include <stdlib.h>

#include "geocache/reader.h"

static bool normalise(int32_t lat, int32_t lon, struct point *out)
{
    *out = (struct point){lat, lon == LONGITUDE_LIMIT ? -LONGITUDE_LIMIT : lon};
    return point_is_valid(*out);
}

static int refuse(struct geocache_error *error, const char *what, double lat, double lon)
{
    struct error err;
    error_set(
        &err, ERROR_VALUE,
        "%s out of range: latitude %.10g is to be from -90 to 90 degrees, longitude %.10g from "
        "-180 to 180",
        what, lat, lon);
    return report(error, &err);
}

static int refuse_radius(struct geocache_error *error, double radius)
{
    struct error err;
    error_set(&err, ERROR_VALUE, "the radius %.10g is to be 0 m or more", radius);
    return report(error, &err);
}

/* --- one ------------------------------------------------------------------------------------ */

/* The status; *err when it is GEOCACHE_FAILED. */
static int answer_one(struct answers *answers, const struct cache *cache, struct point point,
                      double radius, struct error *err)
{
    struct cache_hit hit;
    int found = cache == NULL ? 0 : cache_nearest(cache, point, radius, &hit, err);
    if (found < 0)
        return GEOCACHE_FAILED;
    if (found == 0)
        answers_set_miss(answers, 0, GEOCACHE_MISS,
                         cache == NULL ? 0 : cache_manifest(cache)->generation);
    else if (answers_set(answers, 0, cache, &hit, err) != 0)
        return GEOCACHE_FAILED;
    answers_finish(answers, 1);
    return answers->results[0].status;
}

static int look_up(struct geocache_reader *reader, struct point point, double radius,
                   const struct geocache_result **out, struct geocache_error *error)
{
    struct error err;
    if (!(radius >= 0))
        return refuse_radius(error, radius);
    reader->batch = 0;
    buffer_clear(&reader->answers.text);
    const struct cache *cache = follow_hold(reader->follow);
    int status = answer_one(&reader->answers, cache, point, radius, &err);
    follow_let_go(reader->follow);
    if (status == GEOCACHE_FAILED)
        return report(error, &err);
    *out = &reader->answers.results[0];
    return status;
}

int geocache_lookup_e7(struct geocache_reader *reader, int32_t lat, int32_t lon, double radius,
                       const struct geocache_result **out, struct geocache_error *error)
{
    struct point point;
    if (!normalise(lat, lon, &point))
        return refuse(error, "coordinates", (double)lat / POINT_UNITS_PER_DEGREE,
                      (double)lon / POINT_UNITS_PER_DEGREE);
    return look_up(reader, point, radius, out, error);
}

int geocache_lookup(struct geocache_reader *reader, double lat, double lon, double radius,
                    const struct geocache_result **out, struct geocache_error *error)
{
    struct point point;
    if (!point_from_degrees(lat, lon, &point))
        return refuse(error, "coordinates", lat, lon);
    return look_up(reader, point, radius, out, error);
}

int geocache_point_from_degrees(struct geocache_point *out, double lat, double lon,
                                struct geocache_error *error)
{
    struct point point;
    if (!point_from_degrees(lat, lon, &point))
        return refuse(error, "coordinates", lat, lon);
    *out = (struct geocache_point){point.lat, point.lon};
    return 0;
}

/* --- many ----------------------------------------------------------------------------------- */

static int batch_room(struct geocache_reader *reader, size_t count, struct error *err)
{
    if (answers_room(&reader->answers, count, err) != 0)
        return -1;
    if (count <= reader->room)
        return 0;
    struct point *points = malloc(count * sizeof *points);
    struct cache_hit *hits = malloc(count * sizeof *hits);
    if (points == NULL || hits == NULL) {
        free(points);
        free(hits);
        return error_memory(err, "a batch of lookups");
    }
    free(reader->points);
    free(reader->hits);
    reader->points = points;
    reader->hits = hits;
    reader->room = count;
    return 0;
}

static int take_points(struct geocache_reader *reader, const struct geocache_point *points,
                       size_t count, struct geocache_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (normalise(points[i].lat, points[i].lon, &reader->points[i]))
            continue;
        char what[40];
        (void)snprintf(what, sizeof what, "point %zu", i);
        return refuse(error, what, (double)points[i].lat / POINT_UNITS_PER_DEGREE,
                      (double)points[i].lon / POINT_UNITS_PER_DEGREE);
    }
    return 0;
}

/* Result i; a damaged file fails it alone. 0, 1 when it failed, -1 when memory ran out. */
static int answer_of_batch(struct geocache_reader *reader, const struct cache *cache, size_t i,
                           int found, struct error *err)
{
    const struct cache_hit *hit = &reader->hits[i];
    uint64_t generation = cache_manifest(cache)->generation;
    if (found == 0) {
        answers_set_miss(&reader->answers, i, GEOCACHE_MISS, generation);
        return 0;
    }
    if (found > 0 && answers_set(&reader->answers, i, cache, hit, err) == 0)
        return 0;
    if (err->code == ERROR_MEMORY)
        return -1;
    answers_set_miss(&reader->answers, i, GEOCACHE_FAILED, generation);
    return 1;
}

/* 0 and -1 as geocache_lookup_batch; 1: some failed, err is that of the first. */
static int answer_batch(struct geocache_reader *reader, const struct cache *cache, size_t count,
                        double radius, struct error *err)
{
    struct error own;
    bool together =
        cache_nearest_batch(cache, reader->points, count, radius, reader->hits, err) == 0;
    if (!together && err->code == ERROR_MEMORY)
        return -1;
    int result = 0;
    for (size_t i = 0; i < count; i++) {
        struct cache_hit *hit = &reader->hits[i];
        int found = together ? hit->row != UINT64_MAX
                             : cache_nearest(cache, reader->points[i], radius, hit, &own);
        int answered = answer_of_batch(reader, cache, i, found, &own);
        if (answered != 0 && result == 0)
            *err = own;
        if (answered < 0) {
            *err = own;
            return -1;
        }
        result |= answered;
    }
    return result;
}

int geocache_lookup_batch(struct geocache_reader *reader, const struct geocache_point *points,
                          size_t count, double radius, struct geocache_error *error)
{
    struct error err;
    reader->batch = 0;
    if (!(radius >= 0))
        return refuse_radius(error, radius);
    if (batch_room(reader, count, &err) != 0)
        return report(error, &err);
    if (take_points(reader, points, count, error) != 0)
        return -1;
    const struct cache *cache = follow_hold(reader->follow);
    int result = 0;
    for (size_t i = 0; cache == NULL && i < count; i++)
        answers_set_miss(&reader->answers, i, GEOCACHE_MISS, 0);
    if (cache != NULL)
        result = answer_batch(reader, cache, count, radius, &err);
    follow_let_go(reader->follow);
    if (result != 0)
        (void)report(error, &err);
    if (result < 0)
        return -1;
    answers_finish(&reader->answers, count);
    reader->batch = count;
    return result;
}

const struct geocache_result *geocache_batch_result(const struct geocache_reader *reader, size_t i)
{
    return i < reader->batch ? &reader->answers.results[i] : NULL;
}
