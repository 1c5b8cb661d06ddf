#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"

#define ENDPOINTS "[peers]\nendpoints = https://a.example:2379\n"
#define REST "listen = 127.0.0.1:8577\nca_file = @\ncert_file = @\nkey_file = @\n"

static char file[200];
static struct error err;

static int make_file(void **state)
{
    (void)state;
    (void)snprintf(file, sizeof file, "/tmp/check-peers-XXXXXX");
    int fd = mkstemp(file);
    return fd < 0 || write(fd, "x\n", 2) != 2 || close(fd) != 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

/* check: what config_check says of this text, with @ for a file that has something in it. */
static int check(const char *text)
{
    char filled[2000] = "";
    size_t used = 0;
    struct config *config;
    for (; *text != '\0'; text++) {
        int length = snprintf(filled + used, sizeof filled - used, *text == '@' ? "%s" : "%.1s",
                              *text == '@' ? file : text);
        used += (size_t)length;
    }
    memset(&err, 0, sizeof err);
    assert_int_equal(config_load_text("x.conf", filled, used, &config, &err), 0);
    int result = config_check(config, &err);
    config_free(config);
    return result;
}

static void assert_refused(const char *text, const char *const *parts)
{
    if (check(text) == 0)
        fail_msg("accepted: %s", text);
    assert_int_equal(err.code, ERROR_CONFIG);
    for (; *parts != NULL; parts++)
        if (strstr(err.message, *parts) == NULL)
            fail_msg("\"%s\" is not in: %s", *parts, err.message);
}

#define REFUSED(text, ...) assert_refused(text, (const char *const[]){__VA_ARGS__, NULL})

static void alone_nothing_is_needed(void **state)
{
    (void)state;
    assert_int_equal(check("[refresh]\npublish = tile\n[peers]\nadvertise = 0.0.0.0:1\n"), 0);
}

static void a_whole_fleet_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(check(ENDPOINTS "name = a\nadvertise = a.example:8577\n" REST), 0);
    assert_int_equal(check("[peers]\nendpoints = http://127.0.0.1:2379\nname = a\n"
                           "advertise = [::1]:8577\n" REST),
                     0);
}

static void everything_missing_is_named_at_once(void **state)
{
    (void)state;
    REFUSED(ENDPOINTS "name = a\n", "x.conf line 2: [peers] endpoints", "advertise (", "listen (",
            "ca_file (", "cert_file (", "key_file (", "leave endpoints empty");
    assert_null(strstr(err.message, "name ("));
    REFUSED("[peers]\nname = a\nendpoints = http://127.0.0.1:2379\nadvertise = a:1\nlisten = a:1\n"
            "ca_file = @\nkey_file = @\n",
            "x.conf line 3: [peers] endpoints", "cert_file (");
    assert_null(strstr(err.message, "key_file ("));
}

static void tiles_are_not_published_one_by_one(void **state)
{
    (void)state;
    REFUSED("[refresh]\nworkers = 2\npublish = tile\n" ENDPOINTS "name = a\nadvertise = a:1\n" REST,
            "x.conf line 3: [refresh] publish", "use run", "[peers] endpoints");
}

static void no_wildcard_is_advertised(void **state)
{
    (void)state;
    REFUSED(ENDPOINTS "name = a\nadvertise = 0.0.0.0:8577\n" REST,
            "x.conf line 4: [peers] advertise", "0.0.0.0:8577", "reach");
    REFUSED(ENDPOINTS "name = a\nadvertise = [::]:8577\n" REST, "x.conf line 4: [peers] advertise");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_nothing_is_needed),
        cmocka_unit_test(a_whole_fleet_is_accepted),
        cmocka_unit_test(everything_missing_is_named_at_once),
        cmocka_unit_test(tiles_are_not_published_one_by_one),
        cmocka_unit_test(no_wildcard_is_advertised),
    };
    return cmocka_run_group_tests_name("check_peers", tests, make_file, remove_file);
}
