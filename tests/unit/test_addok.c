#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/batch_rig.h"

#define FEATURE(properties)                                                                        \
    "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"geometry\":{\"type\":"  \
    "\"Point\",\"coordinates\":[13.3888,52.5171]},\"properties\":{" properties "}}]}"
#define HEADER                                                                                     \
    "latitude,longitude,result_latitude,result_longitude,result_label,result_distance,"            \
    "result_type,result_housenumber,result_name,result_street,result_postcode,result_city,"        \
    "result_context,result_status\r\n"

static const struct geocoder_settings single = {.provider = "addok", .batch = 1};
static const struct geocoder_settings batches = {.provider = "addok"};

/* Row i of a good reply. */
static const char *const rows[] = {
    "40,2,40.0001,2.0001,1 Rue A 75001 Paris,12,housenumber,1,1 Rue A,Rue A,75001,Paris,"
    "\"75, Paris, Île-de-France\",ok",
    "41,1.5,41,1.5,\"2 Rue \"\"B\"\", 2\",0,housenumber,2,,\"Rue \"\"B\"\"\",,,,ok",
    "42,1,42,1,Le Hameau 38000 Grenoble,3,locality,,Le Hameau,,38000,Grenoble,"
    "\"38, Isère, Auvergne-Rhône-Alpes\",ok",
    "43,0.5,43,0.5,4 Rue D,1,housenumber,4,4 Rue D,Rue D,,Pau,,ok",
};
static const char *const labels[] = {"1 Rue A 75001 Paris", "2 Rue \"B\", 2",
                                     "Le Hameau 38000 Grenoble", "4 Rue D"};

/* A reply with these rows, ended by a null pointer; read at once. */
static void read_rows(struct batch_rig *rig, const char *line_end, ...)
{
    char body[8192] = HEADER;
    const char *row;
    va_list rest;
    va_start(rest, line_end);
    while ((row = va_arg(rest, const char *)) != NULL) {
        size_t used = strlen(body);
        assert_true(snprintf(body + used, sizeof body - used, "%s%s", row, line_end) > 0);
    }
    va_end(rest);
    batch_read(rig, 200, body);
}

static void one_point_is_asked_by_get(void **state)
{
    (void)state;
    struct provider_rig rig;
    rig_provider_open(&rig, &single);
    char *asked = rig_ask(&rig);
    assert_string_equal(asked, "/reverse/?lat=52.5170365&lon=13.3888599");
    free(asked);
    rig_provider_close(&rig);
}

static void a_feature_is_an_address(void **state)
{
    (void)state;
    struct provider_rig rig;
    rig_provider_open(&rig, &single);
    (void)rig_read(&rig, 200,
                   FEATURE("\"label\":\"22 Boulevard Flandrin 75116 Paris\",\"housenumber\":\"22\","
                           "\"name\":\"22 Boulevard Flandrin\",\"street\":\"Boulevard Flandrin\","
                           "\"type\":\"housenumber\",\"postcode\":\"75116\",\"city\":\"Paris\","
                           "\"district\":\"Paris 16e\",\"context\":\"75, Paris, Île-de-France\""));
    rig_expect_found(&rig, FIELD_LABEL, "22 Boulevard Flandrin 75116 Paris", FIELD_HOUSENUMBER,
                     "22", FIELD_STREET, "Boulevard Flandrin", FIELD_POSTCODE, "75116", FIELD_CITY,
                     "Paris", FIELD_DISTRICT, "Paris 16e", FIELD_COUNTY, "Paris", FIELD_STATE,
                     "Île-de-France", -1);
    rig_provider_close(&rig);
}

static void the_name_goes_where_the_type_says(void **state)
{
    (void)state;
    struct provider_rig rig;
    rig_provider_open(&rig, &single);
    (void)rig_read(&rig, 200, FEATURE("\"type\":\"street\",\"name\":\"Rue A\",\"city\":\"Lyon\""));
    rig_expect_found(&rig, FIELD_STREET, "Rue A", FIELD_CITY, "Lyon", -1);
    (void)rig_read(&rig, 200, FEATURE("\"name\":\"Rue A\",\"city\":\"Lyon\""));
    rig_expect_found(&rig, FIELD_STREET, "Rue A", FIELD_CITY, "Lyon", -1);
    (void)rig_read(&rig, 200, FEATURE("\"type\":\"municipality\",\"name\":\"Lyon\""));
    rig_expect_found(&rig, FIELD_CITY, "Lyon", -1);
    (void)rig_read(&rig, 200, FEATURE("\"type\":\"locality\",\"name\":\"Le Bas\""));
    rig_expect_found(&rig, FIELD_NAME, "Le Bas", -1);
    rig_provider_close(&rig);
}

static void a_context_of_another_kind_is_left_alone(void **state)
{
    (void)state;
    struct provider_rig rig;
    rig_provider_open(&rig, &single);
    (void)rig_read(&rig, 200, FEATURE("\"name\":\"A\",\"context\":\"2A, Corse\""));
    rig_expect_found(&rig, FIELD_STREET, "A", FIELD_STATE, "Corse", -1);
    static const char *const others[] = {"Paris, Île-de-France", "1, a, b", "75, a, b, c", "75",
                                         "7500, a, b",           ", , "};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char body[400];
        (void)snprintf(body, sizeof body, FEATURE("\"name\":\"A\",\"context\":\"%s\""), others[i]);
        (void)rig_read(&rig, 200, body);
        rig_expect_found(&rig, FIELD_STREET, "A", -1);
    }
    rig_provider_close(&rig);
}

static void one_point_without_an_address_is_empty(void **state)
{
    (void)state;
    struct provider_rig rig;
    rig_provider_open(
        &rig, &(struct geocoder_settings){.provider = "addok", .batch = 1, .max_distance = 5});
    (void)rig_read(&rig, 200, "{\"type\":\"FeatureCollection\",\"features\":[]}");
    rig_expect_empty(&rig);
    (void)rig_read(&rig, 200, FEATURE("\"label\":\"too far\""));
    rig_expect_empty(&rig);
    (void)rig_read(&rig, 200, "{\"features\":[{\"geometry\":{}}]}");
    rig_expect_failed(&rig, CAUSE_BAD_REPLY, true, 200, "no answer");
    (void)rig_read(&rig, 200, "{\"features\":[null]}");
    rig_expect_failed(&rig, CAUSE_BAD_REPLY, true, 200, "no answer");
    (void)rig_read(&rig, 200, "{\"code\":400,\"message\":\"lat: bad\"}");
    rig_expect_failed(&rig, CAUSE_BAD_REQUEST, false, 200, "lat: bad");
    rig_provider_close(&rig);
}

static void one_reply_is_survived(void **state)
{
    (void)state;
    struct provider_rig rig;
    rig_provider_open(&rig, &single);
    rig_survives(&rig, FEATURE("\"label\":\"1 Rue A\",\"street\":\"Rue A\""));
    rig_provider_close(&rig);
}

static void a_batch_is_asked_as_a_file(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    rig.count = 2;
    rig.points[1] = (struct point){-5, -1800000000};
    for (int again = 0; again < 2; again++) {
        char *asked = batch_ask(&rig);
        assert_string_equal(
            asked, "/reverse/csv/?|multipart/form-data; boundary=refreshd-points|"
                   "--refreshd-points\r\n"
                   "Content-Disposition: form-data; name=\"data\"; filename=\"data.csv\"\r\n"
                   "Content-Type: text/csv\r\n\r\n"
                   "latitude,longitude\r\n40,2\r\n-0.0000005,-180\r\n\r\n--refreshd-points--\r\n");
        free(asked);
    }
    batch_close(&rig);
}

static void rows_are_answers(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    static const char *const line_ends[] = {"\r\n", "\n", "\n\n"};
    for (size_t i = 0; i < sizeof line_ends / sizeof line_ends[0]; i++) {
        read_rows(&rig, line_ends[i], rows[0], rows[1], rows[2], rows[3], NULL);
        for (size_t k = 0; k < 4; k++)
            batch_expect_label(&rig, k, labels[k]);
        batch_expect_field(&rig, 0, FIELD_HOUSENUMBER, "1");
        batch_expect_field(&rig, 0, FIELD_STREET, "Rue A");
        batch_expect_field(&rig, 0, FIELD_NAME, "");
        batch_expect_field(&rig, 0, FIELD_STATE, "Île-de-France");
        batch_expect_field(&rig, 0, FIELD_COUNTRYCODE, "");
        batch_expect_field(&rig, 1, FIELD_STREET, "Rue \"B\"");
        batch_expect_field(&rig, 2, FIELD_NAME, "Le Hameau");
        batch_expect_field(&rig, 2, FIELD_STREET, "");
        batch_expect_field(&rig, 3, FIELD_CITY, "Pau");
    }
    batch_close(&rig);
}

static void rows_in_any_order_find_their_points(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    for (size_t turn = 0; turn < 24; turn++) {
        size_t order[4] = {0, 1, 2, 3};
        for (size_t i = 0, left = turn; i < 4; left /= 4 - i, i++) {
            size_t from = i + left % (4 - i);
            size_t moved = order[from];
            order[from] = order[i];
            order[i] = moved;
        }
        read_rows(&rig, "\n", rows[order[0]], rows[order[1]], rows[order[2]], rows[order[3]], NULL);
        for (size_t i = 0; i < 4; i++)
            batch_expect_label(&rig, i, labels[i]);
    }
    batch_close(&rig);
}

static void missing_rows_are_failures(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    for (size_t missing = 0; missing < 4; missing++) {
        const char *left[4] = {NULL};
        for (size_t i = 0, k = 0; i < 4; i++) {
            if (i != missing)
                left[k++] = rows[i];
        }
        read_rows(&rig, "\n", left[0], left[1], left[2], NULL);
        for (size_t i = 0; i < 4; i++) {
            if (i == missing)
                batch_expect_failed(&rig, i, CAUSE_MISSING_ROW, true, "no row");
            else
                batch_expect_label(&rig, i, labels[i]);
        }
    }
    read_rows(&rig, "\n", NULL);
    batch_expect_all_failed(&rig, CAUSE_MISSING_ROW, true, "no row");
    batch_close(&rig);
}

static void strange_and_repeated_rows_are_ignored(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    read_rows(&rig, "\n", "44,9,,,elsewhere,,,,,,,,,ok", rows[1], ",,,,nowhere,,,,,,,,,ok", rows[0],
              "40,2,,,the same again,,,,,,,,,ok", "x,2,,,no number,,,,,,,,,ok",
              "43.0000001,0.5,,,almost,,,,,,,,,ok", "43.00000,+0.50,,,the first,,,,,,,,,ok",
              rows[3], NULL);
    batch_expect_label(&rig, 0, labels[0]);
    batch_expect_label(&rig, 1, labels[1]);
    batch_expect_failed(&rig, 2, CAUSE_MISSING_ROW, true, "no row");
    batch_expect_label(&rig, 3, "the first");
    batch_close(&rig);
}

static void blank_rows_are_empty(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    read_rows(&rig, "\n", "40,2,,,,,,,,,,,,", "41,1.5,,,,,,,,,,,,not-found",
              "42,1,,,,,,,,,,,,skipped", "43,0.5,,,label,,,,,,,,,error", NULL);
    batch_expect_empty(&rig, 0);
    batch_expect_empty(&rig, 1);
    batch_expect_failed(&rig, 2, CAUSE_BAD_REQUEST, false, "skipped");
    batch_expect_failed(&rig, 3, CAUSE_BAD_REPLY, true, "error");
    batch_close(&rig);
}

static void broken_rows_cost_themselves_alone(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "40,2,,,short,,,,,,,,",
        "40,2,,,long,,,,,,,,,ok,more",
        "40,2,,,\"never closed,,,,,,,,,ok",
        "40,2,,,\"closed\" early,,,,,,,,,ok",
        "40,2,,,a \" inside,,,,,,,,,ok",
        "40,2,,,a \r inside,,,,,,,,,ok",
    };
    struct batch_rig rig;
    batch_open(&rig, &batches);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        read_rows(&rig, "\n", broken[i], rows[1], rows[2], rows[3], NULL);
        batch_expect_failed(&rig, 0, CAUSE_MISSING_ROW, true, "no row");
        for (size_t k = 1; k < 4; k++)
            batch_expect_label(&rig, k, labels[k]);
        read_rows(&rig, "\n", broken[i], rows[0], NULL);
        batch_expect_label(&rig, 0, labels[0]);
    }
    batch_close(&rig);
}

static void a_cut_reply_gives_no_point_another_address(void **state)
{
    (void)state;
    static const char *const cities[] = {"Paris", "", "Grenoble", "Pau"};
    struct batch_rig rig;
    char body[4096];
    (void)snprintf(body, sizeof body, HEADER "%s\r\n%s\r\n%s\r\n%s\r\n", rows[3], rows[0], rows[1],
                   rows[2]);
    batch_open(&rig, &batches);
    for (size_t size = 0; size <= strlen(body); size++) {
        size_t found = 0;
        batch_read_bytes(&rig, 200, body, size);
        for (size_t i = 0; i < 4; i++) {
            if (rig.answers[i].kind == ANSWER_FAILED) {
                assert_true(rig.answers[i].transient);
                continue;
            }
            found++;
            batch_expect_label(&rig, i, labels[i]);
            batch_expect_field(&rig, i, FIELD_CITY, cities[i]);
        }
        bool inside_character = (unsigned char)body[size] >= 0x80 && (body[size] & 0x40) == 0;
        assert_true(found > 0 || inside_character || size < strlen(HEADER) + strlen(rows[3]) + 2);
        assert_true(found < 4 || size + 4 >= strlen(body));
    }
    batch_close(&rig);
}

static void only_the_last_row_may_lack_its_line_end(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    rig.count = 2;
    batch_read(&rig, 200, "latitude,longitude,result_label\n40,2,x\n41,1.5,y");
    batch_expect_label(&rig, 0, "x");
    batch_expect_label(&rig, 1, "y");
    batch_read(&rig, 200, "latitude,longitude,result_label\n40,2,cut sho");
    batch_expect_all_failed(&rig, CAUSE_MISSING_ROW, true, "no row");
    batch_read(&rig, 200, "result_label,latitude,longitude\ny,41,1.5\nx,40,2");
    batch_expect_failed(&rig, 0, CAUSE_MISSING_ROW, true, "no row");
    batch_expect_label(&rig, 1, "y");
    batch_close(&rig);
}

static void headers_vary(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    batch_read(&rig, 200, "\xEF\xBB\xBFlatitude,longitude,result_label\r\n40,2,x\r\n");
    batch_expect_label(&rig, 0, "x");
    batch_read(&rig, 200, "longitude;latitude;result_label\n2;40;\"a;b\"\n1.5;41;a, b\n");
    batch_expect_label(&rig, 0, "a;b");
    batch_expect_label(&rig, 1, "a, b");
    batch_read(&rig, 200, "\"latitude\",\"longitude\",other,\"result_label\"\n40,2,;,\"l\n2\"\n");
    batch_expect_label(&rig, 0, "l 2");
    static const char *const wrong[] = {
        "",
        "\n",
        "latitude,longitude\n40,2\n",
        "latitude,result_label\n40,x\n",
        "longitude,result_label\n2,x\n",
        "lat,lon,result_label\n40,2,x\n",
        "<html>latitude,longitude,result_label</html>",
        "{\"message\":\"no\"}",
        "\"latitude,longitude,result_label\n40,2,x\n",
        "latitude,longitude,result_label\n40,2,\xff\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        batch_read(&rig, 200, wrong[i]);
        batch_expect_all_failed(&rig, CAUSE_BAD_REPLY, true, "");
    }
    batch_read_bytes(&rig, 200, "latitude,longitude,result_label\n40,2,\0\n", 39);
    batch_expect_all_failed(&rig, CAUSE_BAD_REPLY, true, "UTF-8");
    batch_close(&rig);
}

static void far_addresses_are_empty(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &(struct geocoder_settings){.provider = "addok", .max_distance = 100});
    read_rows(&rig, "\n", "40,2,40.0005,2,near,,,,,,,,,", "41,1.5,41.001,1.5,far,1,,,,,,,,",
              "42,1,,,near,100,,,,,,,,", "43,0.5,,,far,100.5,,,,,,,,", NULL);
    batch_expect_label(&rig, 0, "near");
    assert_true(fabs(rig.answers[0].distance_m - 55.6) < 0.1);
    batch_expect_empty(&rig, 1);
    batch_expect_label(&rig, 2, "near");
    assert_true(rig.answers[2].distance_m == 100);
    batch_expect_empty(&rig, 3);
    read_rows(&rig, "\n", "40,2,,,unplaced,,,,,,,,,", "41,1.5,,,odd,-1,,,,,,,,",
              "42,1,,,odd,x,,,,,,,,", "43,0.5,43,0.5,there,1e9,,,,,,,,", NULL);
    for (size_t i = 0; i < 3; i++)
        assert_true(rig.answers[i].kind == ANSWER_FOUND && isnan(rig.answers[i].distance_m));
    assert_true(rig.answers[3].distance_m == 0);
    batch_close(&rig);
}

static void a_refused_batch_fails_whole(void **state)
{
    (void)state;
    struct batch_rig rig;
    batch_open(&rig, &batches);
    batch_read(&rig, 429, "");
    batch_expect_all_failed(&rig, CAUSE_HTTP_429, true, "");
    batch_read(&rig, 503, "<html>busy</html>");
    batch_expect_all_failed(&rig, CAUSE_HTTP_5XX, true, "");
    batch_read(&rig, 400, "{\"title\":\"Missing file\",\"description\":\"Missing file\"}");
    batch_expect_all_failed(&rig, CAUSE_BAD_REQUEST, false, "Missing file");
    batch_close(&rig);
}

static void a_flood_of_rows_ends(void **state)
{
    (void)state;
    struct batch_rig rig;
    size_t size = 250000;
    char *body = malloc(size);
    assert_non_null(body);
    (void)snprintf(body, size, "latitude,longitude,result_label\n");
    for (size_t used = strlen(body); used + 5 < size; used += 4)
        memcpy(body + used, "9,9\"", 5);
    batch_open(&rig, &batches);
    batch_read(&rig, 200, body);
    batch_expect_all_failed(&rig, CAUSE_MISSING_ROW, true, "no row");
    for (size_t used = strlen("latitude,longitude,result_label\n"); used + 7 < size; used += 6)
        memcpy(body + used, "9,9,x\n", 7);
    batch_read(&rig, 200, body);
    batch_expect_all_failed(&rig, CAUSE_MISSING_ROW, true, "no row");
    free(body);
    batch_close(&rig);
}

static void a_reply_over_the_limit_is_not_read(void **state)
{
    (void)state;
    struct batch_rig rig;
    static const char head[] = "latitude,longitude,result_label\n40,2,x\n";
    size_t size = GEOCODER_REPLY_BYTES(4) + 1;
    char *body = malloc(size);
    assert_non_null(body);
    memset(body, '\n', size);
    memcpy(body, head, strlen(head));
    batch_open(&rig, &batches);
    batch_read_bytes(&rig, 200, body, size - 1);
    batch_expect_label(&rig, 0, "x");
    batch_read_bytes(&rig, 200, body, size);
    batch_expect_all_failed(&rig, CAUSE_BAD_REPLY, true, "too long");
    free(body);
    batch_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_point_is_asked_by_get),
        cmocka_unit_test(a_feature_is_an_address),
        cmocka_unit_test(the_name_goes_where_the_type_says),
        cmocka_unit_test(a_context_of_another_kind_is_left_alone),
        cmocka_unit_test(one_point_without_an_address_is_empty),
        cmocka_unit_test(one_reply_is_survived),
        cmocka_unit_test(a_batch_is_asked_as_a_file),
        cmocka_unit_test(rows_are_answers),
        cmocka_unit_test(rows_in_any_order_find_their_points),
        cmocka_unit_test(missing_rows_are_failures),
        cmocka_unit_test(strange_and_repeated_rows_are_ignored),
        cmocka_unit_test(blank_rows_are_empty),
        cmocka_unit_test(broken_rows_cost_themselves_alone),
        cmocka_unit_test(a_cut_reply_gives_no_point_another_address),
        cmocka_unit_test(only_the_last_row_may_lack_its_line_end),
        cmocka_unit_test(headers_vary),
        cmocka_unit_test(far_addresses_are_empty),
        cmocka_unit_test(a_refused_batch_fails_whole),
        cmocka_unit_test(a_flood_of_rows_ends),
        cmocka_unit_test(a_reply_over_the_limit_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
