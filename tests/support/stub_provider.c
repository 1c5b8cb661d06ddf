#include "tests/support/stub_provider.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quadtree/morton.h"

#define FLAKY_SLOTS (1u << 20)
#define STUB_BATCH 100
#define TEXT_ROOM 256

struct stub {
    unsigned latency_ms, empty, fail, flaky, version, move;
    int log;               /* fd, -1 = none */
    pthread_mutex_t mutex; /* guards seen */
    uint8_t *seen;         /* by hash: flaky points asked before */
};

struct stub_session {
    struct stub *stub;
    struct buffer text;
};

static uint64_t mix(uint64_t value)
{
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdULL;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53ULL;
    return value ^ value >> 33;
}

static unsigned option_number(const char *options, const char *name)
{
    char text[256];
    const char *at = options;
    size_t length = strlen(name);
    while (at != NULL && *at != '\0') {
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            (void)snprintf(text, sizeof text, "%s", at + length + 1);
            text[strcspn(text, "&")] = '\0';
            return (unsigned)strtoul(text, NULL, 10);
        }
        at = strchr(at, '&');
        at = at == NULL ? NULL : at + 1;
    }
    return 0;
}

static int option_log(const char *options, int *fd, struct error *err)
{
    const char *at = strstr(options, "log=");
    *fd = -1;
    if (at == NULL)
        return 0;
    char path[512];
    (void)snprintf(path, sizeof path, "%s", at + strlen("log="));
    path[strcspn(path, "&")] = '\0';
    *fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return *fd < 0 ? error_io(err, errno, "open", path) : 0;
}

static int stub_open(const struct geocoder_settings *settings, void **state, struct error *err)
{
    static const char base[] = "http://stub.invalid/";
    const char *options = "";
    if (settings->url != NULL && strncmp(settings->url, base, sizeof base - 1) == 0)
        options = settings->url + sizeof base - 1;
    struct stub *stub = calloc(1, sizeof *stub);
    if (stub == NULL)
        return error_memory(err, "the stub provider");
    stub->seen = calloc(FLAKY_SLOTS, 1);
    if (stub->seen == NULL || option_log(options, &stub->log, err) != 0) {
        free(stub->seen);
        free(stub);
        return -1;
    }
    stub->latency_ms = option_number(options, "latency_ms");
    stub->empty = option_number(options, "empty");
    stub->fail = option_number(options, "fail");
    stub->flaky = option_number(options, "flaky");
    stub->version = option_number(options, "version");
    stub->move = option_number(options, "move");
    (void)pthread_mutex_init(&stub->mutex, NULL);
    *state = stub;
    return 0;
}

static void stub_close(void *state)
{
    struct stub *stub = state;
    if (stub->log >= 0)
        (void)close(stub->log);
    (void)pthread_mutex_destroy(&stub->mutex);
    free(stub->seen);
    free(stub);
}

static int stub_session_open(void *state, void **session, struct error *err)
{
    struct stub_session *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_memory(err, "a stub session");
    made->stub = state;
    *session = made;
    return 0;
}

static void stub_session_close(void *session)
{
    struct stub_session *stub_session = session;
    buffer_free(&stub_session->text);
    free(stub_session);
}

static bool one_in(unsigned k, uint64_t hash, unsigned salt)
{
    return k != 0 && mix(hash + salt) % k == 0;
}

static bool first_time(struct stub *stub, uint64_t hash)
{
    (void)pthread_mutex_lock(&stub->mutex);
    uint8_t *seen = &stub->seen[hash % FLAKY_SLOTS];
    bool first = *seen == 0;
    *seen = 1;
    (void)pthread_mutex_unlock(&stub->mutex);
    return first;
}

static struct slice copy_text(struct buffer *text, const char *from)
{
    struct slice slice = {(const char *)text->data + text->used, (uint32_t)strlen(from)};
    (void)buffer_append(text, from, slice.length, NULL);
    return slice;
}

static void fill_address(const struct stub *stub, struct point point, uint64_t hash,
                         struct buffer *text, struct address *address)
{
    char word[64];
    char label[200];
    const char *country = point.lon < 0 ? "Westland" : "Eastland";
    const char *code = point.lon < 0 ? "wl" : "el";
    if (one_in(stub->move, hash, stub->version + 7)) {
        country = "Elsewhere";
        code = "xx";
    }
    unsigned number = (unsigned)(hash % 300) + 1;
    unsigned street = (unsigned)(mix((uint64_t)point.lat / 100000) % 500);
    (void)snprintf(label, sizeof label, "%u Street %u v%u, %s", number, street, stub->version,
                   country);
    (void)snprintf(word, sizeof word, "%u", number);
    address->field[FIELD_HOUSENUMBER] = copy_text(text, word);
    (void)snprintf(word, sizeof word, "Street %u v%u", street, stub->version);
    address->field[FIELD_STREET] = copy_text(text, word);
    address->field[FIELD_COUNTRY] = copy_text(text, country);
    address->field[FIELD_COUNTRYCODE] = copy_text(text, code);
    address->field[FIELD_LABEL] = copy_text(text, label);
}

static int answer_one(struct stub_session *session, struct point point, struct answer *answer,
                      struct error *err)
{
    struct stub *stub = session->stub;
    uint64_t hash = mix(morton_encode(point));
    *answer = (struct answer){.kind = ANSWER_FOUND, .status = 200};
    if (one_in(stub->fail, hash, 1)) {
        answer->kind = ANSWER_FAILED;
        answer->cause = CAUSE_BAD_REQUEST;
        answer->status = 400;
        answer->detail = (struct slice){"the stub was told to fail", 25};
    } else if (one_in(stub->flaky, hash, 2) && first_time(stub, hash)) {
        answer->kind = ANSWER_FAILED;
        answer->cause = CAUSE_TIMEOUT;
        answer->transient = true;
        answer->status = 0;
    } else if (one_in(stub->empty, hash, 3)) {
        answer->kind = ANSWER_EMPTY;
    } else {
        fill_address(stub, point, hash, &session->text, &answer->address);
        return address_fold(&answer->address, &session->text, err);
    }
    return 0;
}

static void log_questions(int fd, const struct point *points, size_t count)
{
    uint64_t codes[STUB_BATCH];
    for (size_t done = 0; done < count;) {
        size_t part = count - done < STUB_BATCH ? count - done : STUB_BATCH;
        for (size_t i = 0; i < part; i++)
            codes[i] = morton_encode(points[done + i]);
        if (write(fd, codes, part * sizeof codes[0]) != (ssize_t)(part * sizeof codes[0]))
            abort();
        done += part;
    }
}

static int stub_answer(void *session, const struct point *points, size_t count,
                       struct answer *answers, struct error *err)
{
    struct stub_session *stub_session = session;
    if (stub_session->stub->log >= 0)
        log_questions(stub_session->stub->log, points, count);
    buffer_clear(&stub_session->text);
    if (buffer_reserve(&stub_session->text, count * TEXT_ROOM * 2, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (answer_one(stub_session, points[i], &answers[i], err) != 0)
            return -1;
    return 0;
}

static unsigned stub_latency(void *session, const struct point *points, size_t count)
{
    (void)points;
    (void)count;
    return ((struct stub_session *)session)->stub->latency_ms;
}

const struct geocoder_provider stub_provider = {
    .name = "stub",
    .help = "test geocoder, told what to do by the options of url",
    .largest_batch = STUB_BATCH,
    .open = stub_open,
    .close = stub_close,
    .session_open = stub_session_open,
    .session_close = stub_session_close,
    .answer = stub_answer,
    .latency = stub_latency,
};
