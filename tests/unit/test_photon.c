#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/provider_rig.h"

static struct provider_rig rig;

static void open_plain(void)
{
    rig_provider_open(&rig, &(struct geocoder_settings){.provider = "photon"});
}

static const char good[] =
    "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"geometry\":{"
    "\"coordinates\":[13.38886,52.51703],\"type\":\"Point\"},\"properties\":{\"osm_id\":2809405,"
    "\"name\":\"Caf\u00e9\",\"housenumber\":\"17\",\"street\":\"Unter den Linden\","
    "\"district\":\"Mitte\",\"city\":\"Berlin\",\"county\":\"Kreis\",\"state\":\"Land\","
    "\"postcode\":\"10117\",\"country\":\"Deutschland\",\"countrycode\":\"DE\","
    "\"extent\":[13.38,52.52,13.39,52.51]}}]}";

static void asks_for_the_nearest_address(void **state)
{
    (void)state;
    open_plain();
    rig_expect_asked(&rig, "/reverse?lat=52.5170365&lon=13.3888599&limit=1");
    rig_provider_open(&rig, &(struct geocoder_settings){
                                .provider = "photon", .language = "de", .max_distance = 1250});
    rig_expect_asked(&rig, "/reverse?lat=52.5170365&lon=13.3888599&limit=1&radius=1.250&lang=de");
}

static void an_address_is_found(void **state)
{
    (void)state;
    open_plain();
    (void)rig_read(&rig, 200, good);
    rig_expect_found(&rig, FIELD_NAME, "Caf\u00e9", FIELD_HOUSENUMBER, "17", FIELD_STREET,
                     "Unter den Linden", FIELD_DISTRICT, "Mitte", FIELD_CITY, "Berlin",
                     FIELD_COUNTY, "Kreis", FIELD_STATE, "Land", FIELD_POSTCODE, "10117",
                     FIELD_COUNTRY, "Deutschland", FIELD_COUNTRYCODE, "de", -1);
    rig_provider_close(&rig);
}

static void nothing_or_far_away_is_empty(void **state)
{
    (void)state;
    rig_provider_open(&rig, &(struct geocoder_settings){.provider = "photon", .max_distance = 100});
    (void)rig_read(&rig, 200, "{\"type\":\"FeatureCollection\",\"features\":[]}");
    rig_expect_empty(&rig);
    (void)rig_read(&rig, 200, good);
    assert_int_equal(rig.answer.kind, ANSWER_FOUND);
    (void)rig_read(&rig, 200,
                   "{\"features\":[{\"geometry\":{\"coordinates\":[13.4,52.5]},"
                   "\"properties\":{\"city\":\"Berlin\"}}]}");
    rig_expect_empty(&rig);
    rig_provider_close(&rig);
}

static void a_400_is_worth_asking_again(void **state)
{
    (void)state;
    open_plain();
    (void)rig_read(&rig, 400, "{\"message\":\"all shards failed\"}");
    rig_expect_failed(&rig, CAUSE_BAD_REQUEST, true, 400, "all shards failed");
    (void)rig_read(&rig, 404, "{\"message\":\"no such path\"}");
    rig_expect_failed(&rig, CAUSE_BAD_REQUEST, false, 404, "no such path");
    rig_provider_close(&rig);
}

static void survives(void **state)
{
    (void)state;
    open_plain();
    rig_survives(&rig, good);
    rig_provider_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_for_the_nearest_address),
        cmocka_unit_test(an_address_is_found),
        cmocka_unit_test(nothing_or_far_away_is_empty),
        cmocka_unit_test(a_400_is_worth_asking_again),
        cmocka_unit_test(survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
