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
    rig_provider_open(&rig, &(struct geocoder_settings){.provider = "nominatim"});
}

static const char good[] =
    "{\"place_id\":128497332,\"licence\":\"Data \u00a9 OpenStreetMap contributors\","
    "\"osm_type\":\"way\",\"osm_id\":280940520,\"lat\":\"52.5170\",\"lon\":\"13.3889\","
    "\"importance\":0.00001,\"name\":\"Caf\u00e9 Einstein\",\"display_name\":\"Caf\u00e9 Einstein, "
    "17, "
    "Unter den Linden, Mitte, Berlin, 10117, Deutschland\",\"address\":{\"amenity\":\"Caf\u00e9 "
    "Einstein\",\"house_number\":\"17\",\"road\":\" Unter den Linden \",\"suburb\":\"Mitte\","
    "\"borough\":\"Mitte\",\"city\":\"Berlin\",\"county\":\"Kreis\",\"state\":\"Land\","
    "\"ISO3166-2-lvl4\":\"DE-BE\",\"postcode\":10117,\"country\":\"Deutschland\","
    "\"country_code\":\"DE\"},\"boundingbox\":[\"52.5\",\"52.6\",\"13.3\",\"13.4\"]}";

static void asks_for_the_nearest_address(void **state)
{
    (void)state;
    open_plain();
    rig_expect_asked(
        &rig, "/reverse?format=jsonv2&lat=52.5170365&lon=13.3888599&zoom=18&addressdetails=1");
    rig_provider_open(
        &rig, &(struct geocoder_settings){.provider = "nominatim", .language = "de, en;q=0.5"});
    rig_expect_asked(&rig,
                     "/reverse?format=jsonv2&lat=52.5170365&lon=13.3888599&zoom=18&addressdetails=1"
                     "&accept-language=de%2C%20en%3Bq%3D0.5");
}

static void an_address_is_found(void **state)
{
    (void)state;
    open_plain();
    (void)rig_read(&rig, 200, good);
    rig_expect_found(&rig, FIELD_LABEL,
                     "Caf\u00e9 Einstein, 17, Unter den Linden, Mitte, Berlin, 10117, Deutschland",
                     FIELD_NAME, "Caf\u00e9 Einstein", FIELD_HOUSENUMBER, "17", FIELD_STREET,
                     "Unter den Linden", FIELD_DISTRICT, "Mitte", FIELD_CITY, "Berlin",
                     FIELD_COUNTY, "Kreis", FIELD_STATE, "Land", FIELD_POSTCODE, "10117",
                     FIELD_COUNTRY, "Deutschland", FIELD_COUNTRYCODE, "de", -1);
    assert_int_equal(rig.answer.status, 200);
    assert_true(rig.answer.address.field[FIELD_LABEL].length < 30); /* folded */
    rig_provider_close(&rig);
}

static void a_town_or_village_is_a_city(void **state)
{
    (void)state;
    open_plain();
    (void)rig_read(&rig, 200, "{\"address\":{\"village\":\"V\",\"town\":\"T\"}}");
    rig_expect_found(&rig, FIELD_CITY, "T", -1);
    (void)rig_read(&rig, 200, "{\"address\":{\"city\":\" \",\"village\":\"V\"}}");
    rig_expect_found(&rig, FIELD_CITY, "V", -1);
    (void)rig_read(&rig, 200, "{\"display_name\":\"Somewhere\",\"name\":null}");
    rig_expect_found(&rig, FIELD_LABEL, "Somewhere", -1);
    rig_provider_close(&rig);
}

static void no_address_is_empty(void **state)
{
    (void)state;
    open_plain();
    (void)rig_read(&rig, 200, "{\"error\":\"Unable to geocode\"}");
    rig_expect_empty(&rig);
    assert_int_equal(rig.answer.status, 200);
    (void)rig_read(&rig, 200, "{\"display_name\":\"\",\"address\":{}}");
    rig_expect_empty(&rig);
    rig_provider_close(&rig);
}

static void far_away_is_empty(void **state)
{
    (void)state;
    rig_provider_open(&rig,
                      &(struct geocoder_settings){.provider = "nominatim", .max_distance = 3});
    (void)rig_read(&rig, 200, good);
    rig_expect_empty(&rig);
    rig_provider_close(&rig);
    rig_provider_open(&rig,
                      &(struct geocoder_settings){.provider = "nominatim", .max_distance = 10});
    (void)rig_read(&rig, 200, good);
    assert_int_equal(rig.answer.kind, ANSWER_FOUND);
    (void)rig_read(&rig, 200, "{\"display_name\":\"Somewhere\"}");
    assert_int_equal(rig.answer.kind, ANSWER_FOUND);
    rig_provider_close(&rig);
}

static void errors_come_with_any_status(void **state)
{
    (void)state;
    open_plain();
    (void)rig_read(&rig, 200, "{\"error\":{\"code\":400,\"message\":\"bad lat\"}}");
    rig_expect_failed(&rig, CAUSE_BAD_REQUEST, false, 200, "bad lat");
    (void)rig_read(&rig, 400, "{\"error\":{\"code\":400,\"message\":\"bad lat\"}}");
    rig_expect_failed(&rig, CAUSE_BAD_REQUEST, false, 400, "bad lat");
    (void)rig_read(&rig, 200, "{\"error\":{\"message\":\"bad lon\"}}");
    rig_expect_failed(&rig, CAUSE_BAD_REQUEST, false, 200, "bad lon");
    (void)rig_read(&rig, 200, "{\"error\":{\"code\":500,\"message\":\"oops\"}}");
    rig_expect_failed(&rig, CAUSE_HTTP_5XX, true, 200, "oops");
    (void)rig_read(&rig, 200, "{\"error\":\"Too busy\"}");
    rig_expect_failed(&rig, CAUSE_BAD_REPLY, true, 200, "Too busy");
    (void)rig_read(&rig, 200, "{\"error\":\"Daily quota used up\"}");
    rig_expect_failed(&rig, CAUSE_QUOTA, false, 200, "Daily quota");
    (void)rig_read(&rig, 503, "Query took too long to process.");
    rig_expect_failed(&rig, CAUSE_HTTP_5XX, true, 503, "Query took too long");
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
        cmocka_unit_test(a_town_or_village_is_a_city),
        cmocka_unit_test(no_address_is_empty),
        cmocka_unit_test(far_away_is_empty),
        cmocka_unit_test(errors_come_with_any_status),
        cmocka_unit_test(survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
