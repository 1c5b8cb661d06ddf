/* The socket as a file: stale ones are replaced, live ones and other files are left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/server_socket.h"

struct place {
    char directory[64], path[96];
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    (void)snprintf(place->directory, sizeof place->directory, "/tmp/socket-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    (void)snprintf(place->path, sizeof place->path, "%s/socket", place->directory);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    (void)unlink(place->path);
    assert_int_equal(rmdir(place->directory), 0);
    free(place);
    return 0;
}

static void replaces_a_stale_one(void **state)
{
    const struct place *place = *state;
    struct error err;
    struct stat st;
    for (int i = 0; i < 2; i++) {
        int fd = -1;
        assert_int_equal(server_socket_bind(place->path, "", &fd, &err), 0);
        assert_int_equal(stat(place->path, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 0777, 0660);
        (void)close(fd);
    }
}

static void refuses_a_live_one(void **state)
{
    const struct place *place = *state;
    struct error err;
    int fd = -1, other = -1;
    assert_int_equal(server_socket_bind(place->path, "", &fd, &err), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(server_socket_bind(place->path, "", &other, &err), -1);
    assert_int_equal(err.code, ERROR_BUSY);
    assert_non_null(strstr(err.message, place->path));
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    (void)close(fd);
}

static void leaves_other_files_alone(void **state)
{
    const struct place *place = *state;
    struct error err;
    int fd = open(place->path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    (void)close(fd);
    assert_int_equal(server_socket_bind(place->path, "", &fd, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_size, 1);
}

static void refuses_an_unknown_group_and_a_long_path(void **state)
{
    const struct place *place = *state;
    struct error err;
    struct stat st;
    char path[200];
    int fd;
    assert_int_equal(server_socket_bind(place->path, "no-such-group-here", &fd, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
    assert_non_null(strstr(err.message, "no-such-group-here"));
    assert_int_equal(stat(place->path, &st), -1);
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_int_equal(server_socket_bind(path, "", &fd, &err), -1);
    assert_int_equal(err.code, ERROR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replaces_a_stale_one, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_live_one, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_other_files_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_an_unknown_group_and_a_long_path, setup, teardown),
    };
    return cmocka_run_group_tests_name("server_socket", tests, NULL, NULL);
}
