#include "http_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "tests/unit/patience.h"

#define LONGEST_WAIT ((int)(PATIENCE * 1000)) /* milliseconds until a test gives up */

struct http_settings http_rig_settings(const struct http_path *paths)
{
    return (struct http_settings){.listen = "127.0.0.1:0",
                                  .threads = 2,
                                  .max_connections = 100,
                                  .max_header = 8192,
                                  .timeout = 20,
                                  .paths = paths};
}

struct http *http_rig_open(const struct http_settings *settings)
{
    struct http *http;
    struct error err;
    if (http_open(&http, settings, &err) != 0)
        fail_msg("%s", err.message);
    assert_true(http_port(http) > 0);
    return http;
}

int http_rig_connect(const struct http *http)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_port(http)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void http_rig_send(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t sent = send(fd, text, left, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the server need not read all of it */
        text += sent;
        left -= (size_t)sent;
    }
}

/* Whether there is something to read or an end before the deadline. */
static bool readable(int fd, int milliseconds)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    return poll(&waiting, 1, milliseconds) > 0;
}

static bool read_byte(int fd, struct buffer *reply)
{
    char byte;
    assert_true(readable(fd, LONGEST_WAIT));
    if (recv(fd, &byte, 1, 0) != 1)
        return false;
    assert_int_equal(buffer_append(reply, &byte, 1, NULL), 0);
    return true;
}

static bool ends_head(const struct buffer *reply)
{
    return reply->used >= 4 && memcmp(reply->data + reply->used - 4, "\r\n\r\n", 4) == 0;
}

char *http_rig_read_reply(int fd, bool head_only)
{
    struct buffer reply = {0};
    bool alive = true;
    while (alive && !ends_head(&reply))
        alive = read_byte(fd, &reply);
    assert_int_equal(buffer_append(&reply, "", 1, NULL), 0);
    if (!alive) {
        buffer_free(&reply);
        return NULL;
    }
    unsigned long body = strtoul(http_rig_header((char *)reply.data, "Content-Length"), NULL, 10);
    reply.used--;
    for (unsigned long i = 0; i < body && !head_only && alive; i++)
        alive = read_byte(fd, &reply);
    assert_true(alive);
    assert_int_equal(buffer_append(&reply, "", 1, NULL), 0);
    return (char *)reply.data;
}

char *http_rig_ask(const struct http *http, const char *request)
{
    int fd = http_rig_connect(http);
    http_rig_send(fd, request);
    char *reply = http_rig_read_reply(fd, strncmp(request, "HEAD", 4) == 0);
    assert_non_null(reply);
    (void)close(fd);
    return reply;
}

unsigned http_rig_status(const char *reply)
{
    assert_non_null(reply);
    assert_memory_equal(reply, "HTTP/1.", 7);
    return (unsigned)strtoul(reply + 9, NULL, 10);
}

const char *http_rig_header(const char *reply, const char *name)
{
    static _Thread_local char value[1024];
    size_t length = strlen(name);
    for (const char *line = reply; *line != '\0' && *line != '\r';) {
        const char *end = strstr(line, "\r\n");
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *from = line + length + 1 + (line[length + 1] == ' ');
            (void)snprintf(value, sizeof value, "%.*s", (int)(end - from), from);
            return value;
        }
        line = end + 2;
    }
    return "";
}

const char *http_rig_body(const char *reply)
{
    const char *end = strstr(reply, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

bool http_rig_ended(int fd, double seconds)
{
    char bytes[4096];
    double deadline = clock_monotonic() + seconds;
    while (clock_monotonic() < deadline)
        if (readable(fd, 50) && recv(fd, bytes, sizeof bytes, 0) <= 0)
            return true;
    return false;
}
