#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "fleet/documents.h"
#include "fleet/json_fields.h"

static struct run_document sample(void)
{
    struct run_document run = {
        .id = "20261121T020000Z-1f3a",
        .base_digest = {{1, 2, 3}},
        .generation = 7,
        .grid = {24, 24},
        .started_at = 1795226400,
        .parameters = {.cutoff = UINT32_MAX,
                       .older_than = 86400,
                       .rate = 12.5,
                       .workers = 4,
                       .concurrency = 16,
                       .shares = 4096},
        .has_tables = true,
        .tables = "all = count\nchanged = sum[countrycode] of 1 when changed\n",
        .gate = {0.01, 0.02, 1, 0.05},
        .provider = "nominatim",
        .language = "de",
        .max_distance = 250,
        .quorum = true,
        .switch_delay = 5,
        .starter = "alpha",
        .members = {"alpha", "beta", "gamma"},
        .member_count = 3,
    };
    return run;
}

static void a_run_survives_the_way_through_etcd(void **state)
{
    (void)state;
    struct error err;
    struct run_document run = sample(), again;
    char *text;
    assert_int_equal(run_document_print(&run, &text, &err), 0);
    assert_int_equal(run_document_read(&again, "run", text, &err), 0);
    free(text);
    assert_memory_equal(&again, &run, sizeof run);
    run.parameters.some_tiles = true;
    run.parameters.tiles[0] = 0xa5;
    run.parameters.tiles[71] = 0x3c;
    run.parameters.retry_failed = true;
    memcpy(run.retry_of, "20261120T020000Z-0001", 22);
    run.has_tables = false; /* as an earlier version says it */
    memset(run.tables, 0, sizeof run.tables);
    assert_int_equal(run_document_print(&run, &text, &err), 0);
    assert_null(strstr(text, "\"tables\""));
    assert_int_equal(run_document_read(&again, "run", text, &err), 0);
    free(text);
    assert_memory_equal(&again, &run, sizeof run);
}

/* Each field left out, or with a value of another kind, is found and named. */
static void what_is_wrong_is_named(void **state)
{
    (void)state;
    struct error err;
    struct run_document run = sample(), again;
    char *text;
    assert_int_equal(run_document_print(&run, &text, &err), 0);
    cJSON *document = cJSON_Parse(text);
    int count = cJSON_GetArraySize(document);
    cJSON_Delete(document);
    for (int i = 0; i < count; i++) {
        for (int kind = 0; kind < 3; kind++) {
            document = cJSON_Parse(text);
            cJSON *field = cJSON_DetachItemFromArray(document, i);
            char *name = field->string;
            if (kind > 0)
                cJSON_AddItemToObject(
                    document, name, kind == 1 ? cJSON_CreateNumber(-2) : cJSON_CreateString("\t"));
            char *broken = cJSON_PrintUnformatted(document);
            if (!(kind == 2 && (strcmp(name, "language") == 0 || strcmp(name, "provider") == 0 ||
                                strcmp(name, "starter") == 0 || strcmp(name, "tables") == 0)) &&
                !(kind == 0 && strcmp(name, "tables") == 0)) {
                assert_int_equal(run_document_read(&again, "/f/run", broken, &err), -1);
                assert_int_equal(err.code, ERROR_CORRUPT);
                assert_non_null(strstr(err.message, name));
                assert_non_null(strstr(err.message, "/f/run"));
            }
            free(broken);
            cJSON_Delete(field);
            cJSON_Delete(document);
        }
    }
    free(text);
}

static void small_documents(void **state)
{
    (void)state;
    struct error err;
    char *text;
    struct wish_document wish = {.run = "r1",
                                 .seq = 3,
                                 .paused = true,
                                 .reason = "paused by \"ops\"",
                                 .change = {2.5, -1, 7, -1}},
                         wish_again;
    assert_int_equal(wish_document_print(&wish, &text, &err), 0);
    assert_int_equal(wish_document_read(&wish_again, "wish", text, &err), 0);
    assert_memory_equal(&wish_again, &wish, sizeof wish);
    free(text);
    struct decision_document decision = {"r1", {{9}}, 8, 1795226400, 1795226405123, "beta"},
                             decision_again;
    assert_int_equal(decision_document_print(&decision, &text, &err), 0);
    assert_int_equal(decision_document_read(&decision_again, "current", text, &err), 0);
    assert_memory_equal(&decision_again, &decision, sizeof decision);
    free(text);
    struct ended_document ended = {"r1", true, 5, "digests differ"}, ended_again;
    assert_int_equal(ended_document_print(&ended, &text, &err), 0);
    assert_int_equal(ended_document_read(&ended_again, "ended", text, &err), 0);
    assert_memory_equal(&ended_again, &ended, sizeof ended);
    free(text);
    struct input_document input = {.sets = {{{1}}, {{2}}}, .count = 2}, input_again;
    assert_int_equal(input_document_print(&input, &text, &err), 0);
    assert_int_equal(input_document_read(&input_again, "input", text, &err), 0);
    assert_memory_equal(&input_again, &input, sizeof input);
    free(text);
    struct learned_document none = {.entries = 0}, learned = {{{7}}, 12}, learned_again;
    assert_int_equal(learned_document_print(&none, &text, &err), 0);
    assert_int_equal(learned_document_read(&learned_again, "learned", text, &err), 0);
    assert_true(learned_again.entries == 0);
    free(text);
    assert_int_equal(learned_document_print(&learned, &text, &err), 0);
    assert_int_equal(learned_document_read(&learned_again, "learned", text, &err), 0);
    assert_memory_equal(&learned_again, &learned, sizeof learned);
    free(text);
    struct pair_id digest = {{4, 5}}, digest_again;
    assert_int_equal(digest_document_print(&digest, &text, &err), 0);
    assert_int_equal(digest_document_read(&digest_again, "points", text, &err), 0);
    assert_memory_equal(&digest_again, &digest, sizeof digest);
    free(text);
    assert_int_equal(wish_document_read(&wish_again, "wish", "[1]", &err), -1);
    assert_int_equal(wish_document_read(&wish_again, "wish", "{", &err), -1);
    assert_int_equal(input_document_read(&input_again, "input", "{\"sets\":[1]}", &err), -1);
}

/* A run's id goes into keys and paths. */
static void ids_can_stand_in_paths(void **state)
{
    (void)state;
    assert_true(run_id_is_valid("20261121T020000Z-1f3a"));
    assert_false(run_id_is_valid(""));
    assert_false(run_id_is_valid("../x"));
    assert_false(run_id_is_valid("a/b"));
    assert_false(run_id_is_valid("0123456789012345678901234567890123456789"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_survives_the_way_through_etcd),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(small_documents),
        cmocka_unit_test(ids_can_stand_in_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
