/* The table of a fleet's peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "daemon/refreshctl_peers.h"

/* The table of this reply must be exactly that. */
static void expect(const char *reply, const char *table)
{
    struct buffer text = {0};
    struct error err;
    cJSON *document = cJSON_Parse(reply);
    assert_non_null(document);
    assert_int_equal(peers_table(document, &text, &err), 0);
    assert_int_equal(buffer_append(&text, "", 1, &err), 0);
    assert_string_equal((const char *)text.data, table);
    buffer_free(&text);
    cJSON_Delete(document);
}

#define HEAD "   GENERATION  DONE  HELD      LAG LAST SEEN           LIVE DIGEST   STATE\n"

static void three_peers_in_a_run(void **state)
{
    (void)state;
    expect(
        "{\"fleet\":\"default\",\"point_files\":64,\"peers\":["
        "{\"name\":\"blue\",\"live\":true,\"self\":true,\"generation\":7,"
        "\"digest\":\"0123456789abcdef0123456789abcdef\",\"point_files_done\":32,"
        "\"point_files_held\":64,\"lag_s\":0,\"last_seen\":1700000000,\"clock_ahead_s\":0,"
        "\"state\":\"refreshing\",\"differs\":null},"
        "{\"name\":\"green-one\",\"live\":true,\"self\":false,\"generation\":1007,"
        "\"digest\":\"0123456789abcdef0123456789abcdef\",\"point_files_done\":16,"
        "\"point_files_held\":0,\"lag_s\":2,\"last_seen\":1700000000,\"clock_ahead_s\":30.2,"
        "\"state\":\"snapshot\",\"differs\":\"max_failed 1%, the run's is 5%\"},"
        "{\"name\":\"red\",\"live\":false,\"self\":false,\"generation\":0,\"digest\":null,"
        "\"point_files_done\":0,\"point_files_held\":0,\"lag_s\":7200,\"last_seen\":0,"
        "\"clock_ahead_s\":-3,\"state\":null,\"differs\":null}]}",
        "NAME     " HEAD
        "blue      *          7   50%  100%        - 2023-11-14 22:13:20 yes  01234567 refreshing\n"
        "green-one        1,007   25%    0%       2s 2023-11-14 22:13:20 yes  01234567 snapshot\n"
        "red                  0    0%    0%    2h 0m never               no   -        -\n"
        "green-one differs: max_failed 1%, the run's is 5%\n"
        "green-one: its clock is 30s ahead of ours\n"
        "red: its clock is 3s behind ours\n");
}

static void nothing_known_is_no_share(void **state)
{
    (void)state;
    expect("{\"peers\":[{\"name\":\"a\",\"live\":true,\"clock_ahead_s\":null}]}",
           "NAME" HEAD
           "a               0     -     -       0s never               yes  -        -\n");
    expect("{\"peers\":[]}", "NAME" HEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_peers_in_a_run),
        cmocka_unit_test(nothing_known_is_no_share),
    };
    return cmocka_run_group_tests_name("refreshctl_peers", tests, NULL, NULL);
}
