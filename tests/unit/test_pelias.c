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
    rig_provider_open(&rig, &(struct geocoder_settings){.provider = "pelias"});
}

static const char good[] =
    "{\"geocoding\":{\"version\":\"0.2\",\"query\":{\"size\":1},\"warnings\":[\"radius\"],"
    "\"errors\":[]},\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\","
    "\"geometry\":{\"type\":\"Point\",\"coordinates\":[13.38886,52.51703]},\"properties\":{"
    "\"id\":\"x\",\"gid\":\"osm:x\",\"layer\":\"address\",\"name\":\"Unter den Linden 17\","
    "\"housenumber\":\"17\",\"street\":\"Unter den Linden\",\"postalcode\":\"10117\","
    "\"confidence\":0.8,\"distance\":0.01,\"country_a\":\"DEU\",\"country\":\"Germany\","
    "\"region\":\"Land\",\"county\":\"Kreis\",\"locality\":\"Berlin\","
    "\"borough\":\"Mitte\",\"neighbourhood\":\"Friedrichstadt\","
    "\"label\":\"Unter den Linden 17, Berlin, Germany\"}}]}";

static void asks_for_the_nearest_address(void **state)
{
    (void)state;
    open_plain();
    rig_expect_asked(&rig, "/v1/reverse?point.lat=52.5170365&point.lon=13.3888599&size=1");
    rig_provider_open(&rig, &(struct geocoder_settings){
                                .provider = "pelias", .language = "de", .max_distance = 0.5});
    rig_expect_asked(&rig, "/v1/reverse?point.lat=52.5170365&point.lon=13.3888599&size=1"
                           "&boundary.circle.radius=0.001&lang=de");
    rig_provider_open(&rig, &(struct geocoder_settings){.provider = "pelias", .key_file = "own"});
    rig_expect_asked(&rig, "/v1/reverse?point.lat=52.5170365&point.lon=13.3888599&size=1"
                           "&api_key=s3cret%2FKey");
}

static void an_address_is_found(void **state)
{
    (void)state;
    open_plain();
    (void)rig_read(&rig, 200, good);
    rig_expect_found(&rig, FIELD_LABEL, "Unter den Linden 17, Berlin, Germany", FIELD_NAME,
                     "Unter den Linden 17", FIELD_HOUSENUMBER, "17", FIELD_STREET,
                     "Unter den Linden", FIELD_DISTRICT, "Mitte", FIELD_CITY, "Berlin",
                     FIELD_COUNTY, "Kreis", FIELD_STATE, "Land", FIELD_POSTCODE, "10117",
                     FIELD_COUNTRY, "Germany", FIELD_COUNTRYCODE, "de", -1);
    (void)rig_read(&rig, 200,
                   "{\"features\":[{\"properties\":{\"country_a\":\"XKX\","
                   "\"country_code\":\"XK\",\"locality\":\"Peja\"}}]}");
    rig_expect_found(&rig, FIELD_CITY, "Peja", FIELD_COUNTRYCODE, "xk", -1);
    rig_provider_close(&rig);
}

static void nothing_is_empty(void **state)
{
    (void)state;
    open_plain();
    (void)rig_read(&rig, 200, "{\"geocoding\":{},\"features\":[]}");
    rig_expect_empty(&rig);
    rig_provider_close(&rig);
}

static void listed_errors_are_failures(void **state)
{
    (void)state;
    open_plain();
    (void)rig_read(&rig, 200,
                   "{\"geocoding\":{\"errors\":[\"Request Timeout after 5000ms\"]},"
                   "\"features\":[]}");
    rig_expect_failed(&rig, CAUSE_BAD_REPLY, true, 200, "Request Timeout");
    (void)rig_read(&rig, 502, "{\"geocoding\":{\"errors\":[\"no backend\"]}}");
    rig_expect_failed(&rig, CAUSE_HTTP_5XX, true, 502, "no backend");
    (void)rig_read(&rig, 400, "{\"geocoding\":{\"errors\":[\"missing param 'point.lat'\"]}}");
    rig_expect_failed(&rig, CAUSE_BAD_REQUEST, false, 400, "missing param");
    (void)rig_read(&rig, 403, "{\"meta\":1,\"error\":\"monthly limit exceeded\"}");
    rig_expect_failed(&rig, CAUSE_QUOTA, false, 403, "monthly limit");
    (void)rig_read(&rig, 429,
                   "{\"results\":{\"error\":1},\"error\":{\"type\":\"QpsExceeded\","
                   "\"message\":\"Queries per second exceeded\"}}");
    rig_expect_failed(&rig, CAUSE_HTTP_429, true, 429, "Queries per second");
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
        cmocka_unit_test(nothing_is_empty),
        cmocka_unit_test(listed_errors_are_failures),
        cmocka_unit_test(survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
