/* The control socket with a real client: requests in order, attachments, uploads, bad clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/refreshctl_client.h"
#include "daemon/server.h"
#include "daemon/spool.h"

#define ATTACHED 300000

struct fixture {
    char directory[64], path[96];
    uv_loop_t loop;
    uv_thread_t thread;
    uv_async_t stop;
    struct server *server;
    struct upload upload;
    struct connection *uploading;
    struct protocol_frames frames;
    uint64_t received;
    _Atomic unsigned gone;
};

static cJSON *ok(void)
{
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddTrueToObject(reply, "ok");
    return reply;
}

static void reply_with_file(struct connection *connection)
{
    struct error err;
    int fd;
    uint64_t bytes;
    FILE *file = spool_open("/tmp", &err);
    assert_non_null(file);
    for (int i = 0; i < ATTACHED; i++)
        (void)putc('a' + i % 26, file);
    assert_int_equal(spool_finish(file, &fd, &bytes, &err), 0);
    cJSON *reply = ok();
    cJSON_AddNumberToObject(reply, "attached", (double)bytes);
    connection_reply(connection, reply, fd, bytes);
}

static void on_upload(struct upload *upload, const unsigned char *data, size_t length)
{
    struct fixture *f = (struct fixture *)((char *)upload - offsetof(struct fixture, upload));
    const unsigned char *piece;
    size_t bytes;
    struct error err;
    int got;
    while ((got = protocol_frames_next(&f->frames, &data, &length, &piece, &bytes, &err)) > 0)
        f->received += bytes;
    if (got < 0) {
        connection_fail(f->uploading, &err);
    } else if (f->received > 2000000) {
        error_set(&err, ERROR_VALUE, "line 7: too much");
        connection_fail(f->uploading, &err);
    } else if (f->frames.ended) {
        cJSON *reply = ok();
        cJSON_AddNumberToObject(reply, "received", (double)f->received);
        connection_reply(f->uploading, reply, -1, 0);
    }
}

static void on_gone(struct upload *upload)
{
    struct fixture *f = (struct fixture *)((char *)upload - offsetof(struct fixture, upload));
    f->gone++;
}

static void on_request(void *context, struct connection *connection, const char *line,
                       size_t length)
{
    struct fixture *f = context;
    struct protocol_request request;
    struct error err;
    if (protocol_request_parse(&request, line, length, &err) != 0) {
        connection_fail(connection, &err);
        return;
    }
    if (strcmp(request.command, "file") == 0) {
        reply_with_file(connection);
    } else if (strcmp(request.command, "upload") == 0) {
        f->uploading = connection;
        f->received = 0;
        memset(&f->frames, 0, sizeof f->frames);
        connection_upload(connection, &f->upload, ok());
    } else {
        cJSON *reply = ok();
        cJSON_AddStringToObject(reply, "echo", request.command);
        cJSON_AddNumberToObject(reply, "uid", connection_peer(connection)->uid);
        connection_reply(connection, reply, -1, 0);
    }
    protocol_request_free(&request);
}

static void on_stop(uv_async_t *async)
{
    struct fixture *f = async->data;
    server_close(f->server);
    uv_close((uv_handle_t *)async, NULL);
}

static void run_loop(void *argument)
{
    struct fixture *f = argument;
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error err;
    (void)snprintf(f->directory, sizeof f->directory, "/tmp/server-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->path, sizeof f->path, "%s/run/socket", f->directory);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(uv_async_init(&f->loop, &f->stop, on_stop), 0);
    f->stop.data = f;
    f->upload.bytes = on_upload;
    f->upload.gone = on_gone;
    struct server_settings settings = {
        .path = f->path, .group = "", .request = on_request, .context = f};
    assert_int_equal(server_open(&f->server, &f->loop, &settings, &err), 0);
    assert_int_equal(server_begin(f->server, &err), 0);
    assert_int_equal(uv_thread_create(&f->thread, run_loop, f), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char parent[96];
    assert_int_equal(uv_async_send(&f->stop), 0);
    assert_int_equal(uv_thread_join(&f->thread), 0);
    server_free(f->server);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(stat(f->path, &st), -1);
    (void)snprintf(parent, sizeof parent, "%s/run", f->directory);
    assert_int_equal(rmdir(parent), 0);
    assert_int_equal(rmdir(f->directory), 0);
    free(f);
    return 0;
}

static struct client *client_of(const struct fixture *f)
{
    struct client *client = NULL;
    struct error err;
    assert_int_equal(client_open(&client, f->path, &err), 0);
    return client;
}

static void answers_in_order(void **state)
{
    struct fixture *f = *state;
    struct client *client = client_of(f);
    struct error err;
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    for (int i = 0; i < 100; i++) {
        char word[16];
        cJSON *reply;
        (void)snprintf(word, sizeof word, "c%d", i);
        assert_int_equal(client_call(client, word, cJSON_CreateObject(), &reply, &err), 0);
        assert_string_equal(cJSON_GetObjectItem(reply, "echo")->valuestring, word);
        assert_int_equal(cJSON_GetObjectItem(reply, "uid")->valueint, (int)getuid());
        cJSON_Delete(reply);
    }
    client_close(client);
}

static int raw_socket(const struct fixture *f)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s", f->path);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

/* Everything up to the end of the connection. */
static size_t read_to_end(int fd, char *out, size_t room)
{
    size_t used = 0;
    ssize_t got;
    while ((got = read(fd, out + used, room - 1 - used)) > 0)
        used += (size_t)got;
    out[used] = '\0';
    return used;
}

static void answers_many_requests_at_once_and_a_client_that_only_sends(void **state)
{
    struct fixture *f = *state;
    char text[2000];
    int fd = raw_socket(f);
    static const char requests[] = "{\"command\":\"a\"}\n\n{\"command\":\"b\"}\r\nrubbish\n"
                                   "{\"command\":\"c\"}\n{\"command\":\"cut";
    assert_int_equal(write(fd, requests, sizeof requests - 1), sizeof requests - 1);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    read_to_end(fd, text, sizeof text);
    const char *a = strstr(text, "\"a\""), *b = strstr(text, "\"b\"");
    const char *bad = strstr(text, "\"ok\":false"), *c = strstr(text, "\"c\"");
    assert_true(a != NULL && a < b && b < bad && bad < c);
    assert_null(strstr(text, "cut"));
    (void)close(fd);
}

static void refuses_an_endless_line(void **state)
{
    struct fixture *f = *state;
    char text[2000];
    int fd = raw_socket(f);
    static char block[65536];
    memset(block, 'x', sizeof block);
    for (size_t sent = 0; sent < 2 * PROTOCOL_REQUEST_LIMIT; sent += sizeof block)
        if (send(fd, block, sizeof block, MSG_NOSIGNAL) < 0)
            break;
    read_to_end(fd, text, sizeof text);
    assert_non_null(strstr(text, "\"code\":\"usage\""));
    (void)close(fd);
}

static int count_letters(void *context, const void *data, size_t bytes)
{
    uint64_t *count = context;
    const char *text = data;
    for (size_t i = 0; i < bytes; i++)
        if (text[i] != (char)('a' + (*count)++ % 26))
            return 1;
    return 0;
}

static void sends_attachments_whole(void **state)
{
    struct client *client = client_of(*state);
    struct error err;
    for (int i = 0; i < 2; i++) {
        cJSON *reply;
        uint64_t count = 0;
        assert_int_equal(client_call(client, "file", NULL, &reply, &err), 0);
        uint64_t attached = (uint64_t)cJSON_GetObjectItem(reply, "attached")->valuedouble;
        assert_int_equal(attached, ATTACHED);
        assert_int_equal(client_attached(client, attached, count_letters, &count, &err), 0);
        assert_int_equal(count, ATTACHED);
        cJSON_Delete(reply);
    }
    client_close(client);
}

/* A descriptor that gives so many bytes. */
static int bytes_to_send(size_t bytes)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    for (size_t i = 0; i < bytes; i++)
        (void)putc('x', file);
    assert_int_equal(fflush(file), 0);
    int fd = dup(fileno(file));
    (void)fclose(file);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void takes_an_upload(void **state)
{
    struct client *client = client_of(*state);
    struct error err;
    cJSON *reply;
    int fd = bytes_to_send(1234567);
    assert_int_equal(client_call(client, "upload", NULL, &reply, &err), 0);
    cJSON_Delete(reply);
    assert_int_equal(client_upload(client, fd, "it", &reply, &err), 0);
    assert_int_equal(cJSON_GetObjectItem(reply, "received")->valueint, 1234567);
    cJSON_Delete(reply);
    (void)close(fd);
    client_close(client);
}

static void tells_a_client_that_is_still_sending(void **state)
{
    struct client *client = client_of(*state);
    struct error err;
    cJSON *reply;
    int fd = bytes_to_send(8000000);
    assert_int_equal(client_call(client, "upload", NULL, &reply, &err), 0);
    cJSON_Delete(reply);
    assert_int_equal(client_upload(client, fd, "it", &reply, &err), -1);
    assert_string_equal(err.message, "line 7: too much");
    (void)close(fd);
    client_close(client);
}

static void an_upload_that_is_cut_is_gone_not_done(void **state)
{
    struct fixture *f = *state;
    struct client *client = client_of(f);
    struct error err;
    cJSON *reply;
    assert_int_equal(client_call(client, "upload", NULL, &reply, &err), 0);
    cJSON_Delete(reply);
    client_close(client);
    for (int i = 0; i < 1000 && f->gone == 0; i++)
        (void)poll(NULL, 0, 10);
    assert_int_equal(f->gone, 1);
}

static void refuses_more_connections_than_it_can_hold(void **state)
{
    struct fixture *f = *state;
    int held[SERVER_CONNECTIONS];
    for (int i = 0; i < SERVER_CONNECTIONS; i++)
        held[i] = raw_socket(f);
    char text[2000];
    int fd = raw_socket(f);
    read_to_end(fd, text, sizeof text);
    assert_non_null(strstr(text, "\"code\":\"busy\""));
    (void)close(fd);
    for (int i = 0; i < SERVER_CONNECTIONS; i++)
        (void)close(held[i]);
}

static void nobody_there_is_unreachable(void **state)
{
    (void)state;
    struct client *client;
    struct error err;
    assert_int_equal(client_open(&client, "/tmp/no/such/socket", &err), -1);
    assert_int_equal(err.code, ERROR_UNREACHABLE);
    assert_non_null(strstr(err.message, "/tmp/no/such/socket"));
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(answers_in_order),
        WITH_SERVER(answers_many_requests_at_once_and_a_client_that_only_sends),
        WITH_SERVER(refuses_an_endless_line),
        WITH_SERVER(sends_attachments_whole),
        WITH_SERVER(takes_an_upload),
        WITH_SERVER(tells_a_client_that_is_still_sending),
        WITH_SERVER(an_upload_that_is_cut_is_gone_not_done),
        WITH_SERVER(refuses_more_connections_than_it_can_hold),
        cmocka_unit_test(nobody_there_is_unreachable),
    };
    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
