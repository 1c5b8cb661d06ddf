/* The documents behind the dashboard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "daemon/api_json.h"

static void expect(cJSON *document, const char *text)
{
    assert_non_null(document);
    char *printed = cJSON_PrintUnformatted(document);
    assert_string_equal(printed, text);
    cJSON_free(printed);
    cJSON_Delete(document);
}

#define COLUMNS                                                                                    \
    "\"columns\":[\"id\",\"entries\",\"found\",\"none\",\"unsure\",\"oldest\",\"newest\","         \
    "\"mean\",\"bytes\",\"built\",\"state\",\"done\"]"

static void tiles_are_rows_of_what_the_census_and_the_run_say(void **state)
{
    (void)state;
    struct census_tile tiles[2] = {
        {.entries = 3,
         .outcomes = {[OUTCOME_FOUND] = 2, [OUTCOME_UNSURE] = 1},
         .oldest = 1600000000,
         .newest = 4294967295u,
         .mean = 1700000000,
         .bytes = 5000000000u,
         .built = 7},
        {0},
    };
    struct line_tile progress[2] = {{LINE_TILE_ASKING, 1.0 / 3}, {LINE_TILE_OUTSIDE, 0}};
    struct census_view view = {.generation = 8, .grid = {1, 2}, .complete = true, .tiles = tiles};
    struct line_tiles run = {.run = "R", .grid = {1, 2}, .tiles = progress};
    expect(tiles_json(&view, (struct grid){24, 24}, &run),
           "{\"generation\":8,\"complete\":true,\"run\":\"R\",\"grid\":{\"rows\":1,\"columns\":2}"
           "," COLUMNS ",\"tiles\":[[0,3,2,0,1,1600000000,4294967295,1700000000,5000000000,7,"
           "\"asking\",0.333],[1,0,0,0,0,0,0,0,0,0,null,0]]}");
    view.complete = false;
    run.grid.columns = 3; /* of another cache */
    expect(tiles_json(&view, (struct grid){24, 24}, &run),
           "{\"generation\":8,\"complete\":false,\"run\":null,\"grid\":{\"rows\":1,\"columns\":2}"
           "," COLUMNS ",\"tiles\":[[0,3,2,0,1,1600000000,4294967295,1700000000,5000000000,7,"
           "null,0],[1,0,0,0,0,0,0,0,0,0,null,0]]}");
}

static void without_a_generation_all_tiles_are_empty(void **state)
{
    (void)state;
    cJSON *document = tiles_json(NULL, (struct grid){24, 24}, NULL);
    assert_non_null(document);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(document, "tiles")), 576);
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(document, "generation")) == 0);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(document, "complete")));
    cJSON_Delete(document);
}

static void history_is_a_row_a_sample(void **state)
{
    (void)state;
    const struct history_sample samples[2] = {{1700000000, 12.346f, 3, 0.5f},
                                              {1700000005, 0, 0, 0}};
    expect(history_json(samples, 2),
           "{\"interval\":5,\"columns\":[\"time\",\"points_per_s\",\"requests_per_s\","
           "\"lookups_per_s\"],\"samples\":[[1700000000,12.35,3,0.5],[1700000005,0,0,0]]}");
}

static void generations_are_those_of_the_command(void **state)
{
    (void)state;
    const struct generation_row rows[2] = {
        {.generation = 2,
         .run = "R",
         .published = 1700000000,
         .entries = 9,
         .bytes = 80,
         .current = true},
        {.generation = 1, .published = 1600000000},
    };
    expect(generations_json(rows, 2),
           "{\"generations\":[{\"generation\":2,\"run\":\"R\",\"published\":1700000000,"
           "\"entries\":9,\"bytes\":80,\"current\":true},{\"generation\":1,\"run\":null,"
           "\"published\":1600000000,\"entries\":0,\"bytes\":0,\"current\":false}]}");
    expect(generations_json(NULL, 0), "{\"generations\":[]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_are_rows_of_what_the_census_and_the_run_say),
        cmocka_unit_test(without_a_generation_all_tiles_are_empty),
        cmocka_unit_test(history_is_a_row_a_sample),
        cmocka_unit_test(generations_are_those_of_the_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
