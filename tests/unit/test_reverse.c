#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/text.h"
#include "tests/unit/reverse_rig.h"

static const struct cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);
    if (found == NULL)
        fail_msg("no member %s", name);
    return found;
}

static void expect_text(const cJSON *object, const char *name, const char *text)
{
    const cJSON *found = member(object, name);
    assert_true(cJSON_IsString(found));
    assert_string_equal(found->valuestring, text);
}

static void expect_number(const cJSON *object, const char *name, double number)
{
    const cJSON *found = member(object, name);
    assert_true(cJSON_IsNumber(found));
    assert_float_equal(found->valuedouble, number, 1e-9);
}

/* The members of an object, their names with commas between. */
static void expect_members(const cJSON *object, const char *names)
{
    char seen[512] = "";
    assert_true(cJSON_IsObject(object));
    for (const cJSON *child = object->child; child != NULL; child = child->next) {
        size_t used = strlen(seen);
        (void)snprintf(seen + used, sizeof seen - used, "%s%s", used == 0 ? "" : ",",
                       child->string);
    }
    assert_string_equal(seen, names);
}

static cJSON *parsed(const struct buffer *out)
{
    const char *end;
    assert_true(text_is_utf8((const char *)out->data, out->used));
    cJSON *tree = cJSON_ParseWithLengthOpts((const char *)out->data, out->used, &end, false);
    if (tree == NULL)
        fail_msg("no JSON: %.*s", (int)out->used, (const char *)out->data);
    assert_ptr_equal(end, out->data + out->used);
    return tree;
}

static cJSON *print_entry(const struct entry *entry, enum reverse_format format, unsigned zoom,
                          bool details)
{
    struct buffer out = {0};
    struct reverse_question question = {entry->point, format, zoom, details};
    assert_int_equal(reverse_print(&question, entry, 12.3456, &out, NULL), 0);
    cJSON *tree = parsed(&out);
    buffer_free(&out);
    return tree;
}

static cJSON *print(const struct told *told, enum reverse_format format, unsigned zoom,
                    bool details)
{
    struct buffer text = {0};
    struct entry entry = told_entry(told, &text);
    cJSON *tree = print_entry(&entry, format, zoom, details);
    buffer_free(&text);
    return tree;
}

#define ADDRESS "house_number,road,suburb,city,county,state,postcode,country,country_code"

static void expect_full_address(const cJSON *address)
{
    expect_members(address, ADDRESS);
    expect_text(address, "house_number", "12");
    expect_text(address, "road", "High Street");
    expect_text(address, "suburb", "Old Town");
    expect_text(address, "city", "Bath");
    expect_text(address, "county", "Somerset");
    expect_text(address, "state", "England");
    expect_text(address, "postcode", "BA1 2QR");
    expect_text(address, "country", "United Kingdom");
    expect_text(address, "country_code", "gb");
}

static void expect_box(const cJSON *box, bool text, const char *const corners[4])
{
    assert_int_equal(cJSON_GetArraySize(box), 4);
    for (int i = 0; i < 4; i++) {
        const cJSON *corner = cJSON_GetArrayItem(box, i);
        if (text) {
            assert_string_equal(corner->valuestring, corners[i]);
        } else {
            double value;
            assert_true(text_parse_double(corners[i], &value));
            assert_float_equal(corner->valuedouble, value, 1e-9);
        }
    }
}

static void json_and_jsonv2(void **state)
{
    (void)state;
    for (unsigned v2 = 0; v2 < 2; v2++) {
        cJSON *tree = print(&full_address, v2 ? REVERSE_JSONV2 : REVERSE_JSON, 18, true);
        expect_members(tree, v2 ? "place_id,licence,lat,lon,category,type,place_rank,importance,"
                                  "addresstype,name,display_name,address,boundingbox,distance_m,"
                                  "refreshed_at"
                                : "place_id,licence,lat,lon,class,type,place_rank,importance,"
                                  "addresstype,name,display_name,address,boundingbox,distance_m,"
                                  "refreshed_at");
        expect_text(tree, "lat", "52.1234567");
        expect_text(tree, "lon", "-0.5");
        expect_text(tree, v2 ? "category" : "class", "place");
        expect_text(tree, "type", "house");
        expect_text(tree, "addresstype", "place");
        expect_number(tree, "place_rank", 30);
        expect_number(tree, "importance", 0.00001);
        expect_text(tree, "name", "");
        expect_text(tree, "display_name", full_address.label);
        expect_full_address(member(tree, "address"));
        expect_box(member(tree, "boundingbox"), true,
                   (const char *const[]){"52.1234067", "52.1235067", "-0.50005", "-0.49995"});
        expect_number(tree, "distance_m", 12.346);
        expect_number(tree, "refreshed_at", 1790000000);
        cJSON_Delete(tree);
    }
}

static void geojson(void **state)
{
    (void)state;
    cJSON *tree = print(&full_address, REVERSE_GEOJSON, 18, true);
    expect_members(tree, "type,licence,features");
    expect_text(tree, "type", "FeatureCollection");
    assert_int_equal(cJSON_GetArraySize(member(tree, "features")), 1);
    const cJSON *feature = cJSON_GetArrayItem(member(tree, "features"), 0);
    expect_members(feature, "type,properties,bbox,geometry");
    expect_text(feature, "type", "Feature");
    const cJSON *properties = member(feature, "properties");
    expect_members(properties, "place_id,category,type,place_rank,importance,addresstype,name,"
                               "display_name,address,distance_m,refreshed_at");
    expect_text(properties, "display_name", full_address.label);
    expect_full_address(member(properties, "address"));
    expect_box(member(feature, "bbox"), false,
               (const char *const[]){"-0.50005", "52.1234067", "-0.49995", "52.1235067"});
    const cJSON *geometry = member(feature, "geometry");
    expect_text(geometry, "type", "Point");
    const cJSON *coordinates = member(geometry, "coordinates");
    assert_float_equal(cJSON_GetArrayItem(coordinates, 0)->valuedouble, -0.5, 1e-9);
    assert_float_equal(cJSON_GetArrayItem(coordinates, 1)->valuedouble, 52.1234567, 1e-9);
    cJSON_Delete(tree);
}

static void geocodejson(void **state)
{
    (void)state;
    cJSON *tree = print(&full_address, REVERSE_GEOCODEJSON, 17, true);
    expect_members(tree, "type,geocoding,features");
    expect_members(member(tree, "geocoding"), "version,attribution,licence");
    const cJSON *feature = cJSON_GetArrayItem(member(tree, "features"), 0);
    expect_members(feature, "type,properties,geometry");
    const cJSON *geocoding = member(member(feature, "properties"), "geocoding");
    expect_members(geocoding, "place_id,osm_key,osm_value,type,accuracy,label,name,street,district,"
                              "city,county,state,postcode,country,country_code,admin,distance_m,"
                              "refreshed_at");
    expect_text(geocoding, "type", "street");
    expect_number(geocoding, "accuracy", 12);
    expect_text(geocoding, "label",
                "High Street, Old Town, Bath BA1 2QR, Somerset, England, United Kingdom");
    expect_text(geocoding, "name", "High Street");
    expect_text(geocoding, "country_code", "gb");
    cJSON_Delete(tree);
    tree = print(&full_address, REVERSE_GEOCODEJSON, 18, false);
    feature = cJSON_GetArrayItem(member(tree, "features"), 0);
    expect_members(member(member(feature, "properties"), "geocoding"),
                   "place_id,osm_key,osm_value,type,accuracy,label,distance_m,refreshed_at");
    cJSON_Delete(tree);
}

static void zooms_cut_the_address(void **state)
{
    (void)state;
    static const char *const members[] = {
        [18] = ADDRESS,
        [17] = "road,suburb,city,county,state,postcode,country,country_code",
        [16] = "road,suburb,city,county,state,postcode,country,country_code",
        [15] = "suburb,city,county,state,postcode,country,country_code",
        [14] = "suburb,city,county,state,postcode,country,country_code",
        [13] = "suburb,city,county,state,postcode,country,country_code",
        [12] = "city,county,state,postcode,country,country_code",
        [11] = "city,county,state,country,country_code",
        [10] = "city,county,state,country,country_code",
        [9] = "county,state,country,country_code",
        [8] = "county,state,country,country_code",
        [7] = "state,country,country_code",
        [6] = "state,country,country_code",
        [5] = "state,country,country_code",
        [4] = "country,country_code",
        [3] = "country,country_code",
        [2] = "country,country_code",
        [1] = "country,country_code",
        [0] = "country,country_code",
    };
    for (unsigned zoom = 0; zoom <= 18; zoom++) {
        cJSON *tree = print(&full_address, REVERSE_JSONV2, zoom, true);
        expect_members(member(tree, "address"), members[zoom]);
        cJSON_Delete(tree);
        tree = print(&full_address, REVERSE_GEOJSON, zoom, false);
        const cJSON *feature = cJSON_GetArrayItem(member(tree, "features"), 0);
        assert_null(cJSON_GetObjectItem(member(feature, "properties"), "address"));
        cJSON_Delete(tree);
    }
}

/* A name of its own stands first in the address, where clients look for one. */
static void named_places(void **state)
{
    (void)state;
    struct told told = {.name = "The Crown", .street = "High Street", .countrycode = "GB"};
    cJSON *tree = print(&told, REVERSE_JSON, 18, true);
    expect_members(member(tree, "address"), "place,road,country_code");
    expect_text(tree, "name", "The Crown");
    cJSON_Delete(tree);
    told = (struct told){.name = "Loch Ness"};
    tree = print(&told, REVERSE_JSONV2, 15, true);
    expect_members(member(tree, "address"), "locality");
    expect_text(tree, "type", "locality");
    cJSON_Delete(tree);
    told = (struct told){.label = "Somewhere"};
    tree = print(&told, REVERSE_JSONV2, 18, true);
    expect_members(member(tree, "address"), "");
    expect_text(tree, "display_name", "Somewhere");
    cJSON_Delete(tree);
    tree = print(&told, REVERSE_JSONV2, 17, true);
    expect_text(tree, "error", "Unable to geocode");
    cJSON_Delete(tree);
}

static void at_the_edges(void **state)
{
    (void)state;
    struct told told = {.country = "Fiji"};
    struct buffer text = {0};
    struct entry entry = told_entry(&told, &text);
    entry.point = (struct point){-900000000, 1799999999};
    cJSON *tree = print_entry(&entry, REVERSE_JSON, 3, true);
    expect_text(tree, "lon", "179.9999999");
    expect_box(member(tree, "boundingbox"), true,
               (const char *const[]){"-90", "-86.5", "176.4999999", "180"});
    cJSON_Delete(tree);
    entry.point = (struct point){900000000, -1800000000};
    tree = print_entry(&entry, REVERSE_GEOJSON, 3, true);
    expect_box(member(cJSON_GetArrayItem(member(tree, "features"), 0), "bbox"), false,
               (const char *const[]){"-180", "86.5", "-176.5", "90"});
    cJSON_Delete(tree);
    buffer_free(&text);
}

static void place_ids(void **state)
{
    (void)state;
    struct told told = {.country = "Fiji"};
    struct buffer text = {0};
    struct entry entry = told_entry(&told, &text);
    double first = 0;
    for (int i = 0; i < 1000; i++) {
        entry.point.lat = i / 2;
        cJSON *tree = print_entry(&entry, REVERSE_JSON, 18, true);
        double id = member(tree, "place_id")->valuedouble;
        assert_ptr_equal(member(tree, "place_id"), tree->child);
        assert_true(id >= 1 && id < 9007199254740992.0);
        assert_true((i % 2 == 1) == (id == first));
        first = id;
        cJSON_Delete(tree);
    }
    buffer_free(&text);
}

/* Every byte in every field: the reply is JSON in UTF-8 all the same. */
static void hostile_bytes(void **state)
{
    (void)state;
    char bytes[256 + 8];
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    memcpy(bytes + 256, "\xE2\x80\xA8\xE2\x80\xA9\xE2\x80", 8);
    struct entry entry = {0};
    for (int field = 0; field < FIELD_COUNT; field++)
        entry.address.field[field] = (struct slice){bytes + field, sizeof bytes - 11};
    for (int format = 0; format < REVERSE_FORMATS; format++) {
        for (unsigned zoom = 0; zoom <= 18; zoom++)
            cJSON_Delete(print_entry(&entry, (enum reverse_format)format, zoom, true));
    }
}

static void odd_distances(void **state)
{
    (void)state;
    const double distances[] = {-1, 0.0 / 0.0, 1.0 / 0.0, -1.0 / 0.0, 1e300};
    struct buffer text = {0}, out = {0};
    struct entry entry = told_entry(&full_address, &text);
    struct reverse_question question = {entry.point, REVERSE_GEOCODEJSON, 18, true};
    for (size_t i = 0; i < sizeof distances / sizeof *distances; i++) {
        buffer_clear(&out);
        assert_int_equal(reverse_print(&question, &entry, distances[i], &out, NULL), 0);
        cJSON_Delete(parsed(&out));
        assert_null(memmem(out.data, out.used, "distance_m", 10));
        assert_null(memmem(out.data, out.used, "accuracy", 8));
    }
    buffer_free(&out);
    buffer_free(&text);
}

static void misses_and_errors(void **state)
{
    (void)state;
    struct buffer out = {0};
    assert_int_equal(reverse_print_miss(&out, NULL), 0);
    assert_int_equal(out.used, strlen("{\"error\":\"Unable to geocode\"}"));
    assert_memory_equal(out.data, "{\"error\":\"Unable to geocode\"}", out.used);
    buffer_clear(&out);
    assert_int_equal(reverse_print_error(400, "a \"b\" \xFF\n", &out, NULL), 0);
    cJSON *tree = parsed(&out);
    expect_number(member(tree, "error"), "code", 400);
    expect_text(member(tree, "error"), "message", "a \"b\" \xEF\xBF\xBD\n");
    cJSON_Delete(tree);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_and_jsonv2), cmocka_unit_test(geojson),
        cmocka_unit_test(geocodejson),     cmocka_unit_test(zooms_cut_the_address),
        cmocka_unit_test(named_places),    cmocka_unit_test(at_the_edges),
        cmocka_unit_test(place_ids),       cmocka_unit_test(hostile_bytes),
        cmocka_unit_test(odd_distances),   cmocka_unit_test(misses_and_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
