#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geocoder/gazetteer.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct error err;

struct asking {
    struct geocoder *geocoder;
    void *session;
};

static struct asking begin(double max_distance)
{
    struct geocoder_settings settings = {.provider = "gazetteer", .max_distance = max_distance};
    struct asking asking;
    if (geocoder_open(&asking.geocoder, &settings, &err) != 0)
        fail_msg("%s", err.message);
    const struct geocoder_provider *provider = asking.geocoder->provider;
    assert_int_equal(provider->session_open(asking.geocoder->state, &asking.session, &err), 0);
    return asking;
}

static void end(struct asking *asking)
{
    asking->geocoder->provider->session_close(asking->session);
    geocoder_close(asking->geocoder);
}

static void ask_all(struct asking *asking, const struct point *points, size_t count,
                    struct answer *answers)
{
    if (asking->geocoder->provider->answer(asking->session, points, count, answers, &err) != 0)
        fail_msg("%s", err.message);
}

static struct answer ask(struct asking *asking, double lat, double lon)
{
    struct point point;
    struct answer answer;
    memset(&answer, 0xFF, sizeof answer);
    assert_true(point_from_degrees(lat, lon, &point));
    ask_all(asking, &point, 1, &answer);
    return answer;
}

static const char *text_of(const struct answer *answer, enum address_field field, char out[500])
{
    struct buffer plain = {0};
    struct slice slice = answer->address.field[field];
    if (field == FIELD_LABEL) {
        assert_int_equal(address_unfold(&answer->address, &plain, &err), 0);
        slice = (struct slice){(const char *)plain.data, (uint32_t)plain.used};
    }
    (void)snprintf(out, 500, "%.*s", (int)slice.length, slice.length == 0 ? "" : slice.data);
    buffer_free(&plain);
    return out;
}

static void assert_field(const struct answer *answer, enum address_field field,
                         const char *expected)
{
    char text[500];
    assert_string_equal(text_of(answer, field, text), expected);
}

static void known_places(void **state)
{
    (void)state;
    static const struct {
        double lat, lon;
        const char *city, *county, *region, *country, *countrycode, *label;
    } places[] = {
        {48.85341, 2.3488, "Paris", "Paris", "Île-de-France", "France", "fr",
         "Paris, Île-de-France, France"},
        {35.6895, 139.69171, "Tokyo", "", "Tokyo", "Japan", "jp", "Tokyo, Japan"},
        {42.35843, -71.05977, "Boston", "Suffolk County", "Massachusetts", "United States", "us",
         "Boston, Massachusetts, United States"},
        {1.28967, 103.85007, "Singapore", "", "", "Singapore", "sg", "Singapore"},
        {-18.14161, 178.44149, "Suva", "Rewa Province", "Central", "Fiji", "fj",
         "Suva, Central, Fiji"},
    };
    struct asking asking = begin(0);
    for (size_t i = 0; i < COUNT(places); i++) {
        struct answer answer = ask(&asking, places[i].lat, places[i].lon);
        assert_int_equal(answer.kind, ANSWER_FOUND);
        assert_int_equal(answer.cause, CAUSE_NONE);
        assert_int_equal(answer.status, 0);
        assert_int_equal(answer.detail.length, 0);
        assert_true(answer.distance_m < 2000);
        assert_field(&answer, FIELD_CITY, places[i].city);
        assert_field(&answer, FIELD_COUNTY, places[i].county);
        assert_field(&answer, FIELD_STATE, places[i].region);
        assert_field(&answer, FIELD_COUNTRY, places[i].country);
        assert_field(&answer, FIELD_COUNTRYCODE, places[i].countrycode);
        assert_field(&answer, FIELD_LABEL, places[i].label);
        assert_field(&answer, FIELD_STREET, "");
        assert_field(&answer, FIELD_HOUSENUMBER, "");
    }
    end(&asking);
}

static void nearest_and_not_beyond(void **state)
{
    (void)state;
    /* Half a kilometre off the place; Null Island is some 600 km from its nearest town. */
    struct asking near = begin(1000);
    struct answer answer = ask(&near, 48.858, 2.3488);
    assert_int_equal(answer.kind, ANSWER_FOUND);
    assert_true(answer.distance_m > 50 && answer.distance_m <= 1000);
    answer = ask(&near, 0, 0);
    assert_int_equal(answer.kind, ANSWER_EMPTY);
    assert_true(address_is_empty(&answer.address));
    assert_int_equal(answer.cause, CAUSE_NONE);
    end(&near);
    struct asking far = begin(1000000);
    answer = ask(&far, 0, 0);
    assert_int_equal(answer.kind, ANSWER_FOUND);
    assert_field(&answer, FIELD_COUNTRYCODE, "gh");
    end(&far);
}

static void the_ends_of_the_world(void **state)
{
    (void)state;
    struct asking asking = begin(0);
    struct answer answer = ask(&asking, 90, 0);
    assert_field(&answer, FIELD_COUNTRYCODE, "sj");
    struct answer turned = ask(&asking, 90, 123);
    assert_true(address_equal(&answer.address, &turned.address));
    answer = ask(&asking, -90, 0);
    assert_int_equal(answer.kind, ANSWER_FOUND);
    turned = ask(&asking, -90, -77);
    assert_true(address_equal(&answer.address, &turned.address));
    /* Taveuni lies on the antimeridian; from either side of it the same place is nearest. */
    answer = ask(&asking, -16.8, 179.999);
    turned = ask(&asking, -16.8, -179.999);
    assert_field(&answer, FIELD_COUNTRYCODE, "fj");
    assert_true(address_equal(&answer.address, &turned.address));
    end(&asking);
}

static struct point random_point(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (struct point){
        (int32_t)((int64_t)(*random >> 33) % 1800000001 - 900000000),
        (int32_t)((int64_t)((*random * UINT64_C(2862933555777941757)) >> 32) % 3600000000 -
                  1800000000),
    };
}

/* A batch answers as single questions do, also where sizes do not divide and places repeat. */
static void batches_answer_as_single_questions_do(void **state)
{
    (void)state;
    enum { MOST = 1300 };
    struct point *points = calloc(MOST, sizeof *points);
    struct answer *answers = calloc(MOST, sizeof *answers);
    struct asking together = begin(300000);
    struct asking single = begin(300000);
    uint64_t random = 5;
    size_t empty = 0;
    assert_true(points != NULL && answers != NULL);
    for (size_t i = 0; i < MOST; i++)
        points[i] = i % 3 == 2 ? points[i / 2] : random_point(&random);
    static const size_t sizes[] = {0, 1, 255, 256, 257, MOST};
    for (size_t s = 0; s < COUNT(sizes); s++) {
        ask_all(&together, points, sizes[s], answers);
        for (size_t i = 0; i < sizes[s]; i++) {
            struct answer one;
            ask_all(&single, &points[i], 1, &one);
            assert_int_equal(one.kind, answers[i].kind);
            assert_true(address_equal(&one.address, &answers[i].address));
            empty += one.kind == ANSWER_EMPTY;
        }
    }
    assert_in_range(empty, 100, 2 * MOST - 100);
    end(&together);
    end(&single);
    free(points);
    free(answers);
}

/* A walk through a region answers as a stranger would who asks each question first. */
static void a_walk_answers_as_single_questions_do(void **state)
{
    (void)state;
    static const double limits[] = {0, 3000};
    for (size_t l = 0; l < COUNT(limits); l++) {
        struct asking walk = begin(limits[l]);
        struct geocoder *geocoder = walk.geocoder;
        for (int i = 0; i < 3000; i++) {
            struct point point = {488000000 + i * 997, 20000000 + (i * 7919) % 9000000};
            struct answer walked;
            struct answer fresh;
            ask_all(&walk, &point, 1, &walked);
            if (i % 10 != 0)
                continue;
            struct asking stranger = {geocoder, NULL};
            assert_int_equal(
                geocoder->provider->session_open(geocoder->state, &stranger.session, &err), 0);
            ask_all(&stranger, &point, 1, &fresh);
            assert_int_equal(walked.kind, fresh.kind);
            assert_true(address_equal(&walked.address, &fresh.address));
            assert_true(walked.kind != ANSWER_FOUND ||
                        fabs(walked.distance_m - fresh.distance_m) < 1e-3);
            geocoder->provider->session_close(stranger.session);
        }
        end(&walk);
    }
}

/* Slices stay as they are while other questions push places out of the session's memory. */
static void answers_outlive_later_questions(void **state)
{
    (void)state;
    struct asking asking = begin(0);
    struct answer paris = ask(&asking, 48.85341, 2.3488);
    uint64_t random = 9;
    for (int i = 0; i < 5000; i++) {
        struct point point = random_point(&random);
        struct answer answer;
        ask_all(&asking, &point, 1, &answer);
        assert_int_equal(answer.kind, ANSWER_FOUND);
    }
    assert_field(&paris, FIELD_LABEL, "Paris, Île-de-France, France");
    end(&asking);
}

static void *ask_much(void *context)
{
    struct geocoder *geocoder = context;
    void *session;
    uint64_t random = 77;
    uint64_t sum = 0;
    struct point points[64];
    struct answer answers[64];
    if (geocoder->provider->session_open(geocoder->state, &session, NULL) != 0)
        return NULL;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 64; i++)
            points[i] = random_point(&random);
        if (geocoder->provider->answer(session, points, 64, answers, NULL) != 0)
            return NULL;
        for (int i = 0; i < 64; i++)
            sum = sum * 31 + answers[i].address.field[FIELD_CITY].length;
    }
    geocoder->provider->session_close(session);
    uint64_t *result = malloc(sizeof *result);
    if (result != NULL)
        *result = sum;
    return result;
}

static void threads_share_one_gazetteer(void **state)
{
    (void)state;
    struct asking asking = begin(0);
    pthread_t threads[4];
    uint64_t *results[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_much, asking.geocoder), 0);
    for (size_t i = 0; i < 4; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_non_null(result);
        results[i] = result;
        assert_true(*results[i] == *results[0]);
    }
    for (size_t i = 0; i < 4; i++)
        free(results[i]);
    end(&asking);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_places),
        cmocka_unit_test(nearest_and_not_beyond),
        cmocka_unit_test(the_ends_of_the_world),
        cmocka_unit_test(batches_answer_as_single_questions_do),
        cmocka_unit_test(a_walk_answers_as_single_questions_do),
        cmocka_unit_test(answers_outlive_later_questions),
        cmocka_unit_test(threads_share_one_gazetteer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
