/* The body of a fuzz target for one provider's reply parser. The first byte chooses how many points
 * were asked for, whether in a batch, the HTTP status, and whether the rest is the reply or changes
 * to an honest one. Whatever it is, every point gets an answer that makes sense, and its texts can
 * be read: UTF-8 without control characters, within the bounds of a field. A target defines
 * FUZZED_PROVIDER, SINGLE_REPLY, BATCH_REPLY (to POINTS points; NULL where there are no batches)
 * and includes this. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "geocoder/providers.h"

#define POINTS 3
#define KEY_TEXT "k3y"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const struct geocoder_provider *const provider = &FUZZED_PROVIDER;
static void *single_session, *batch_session;
static const char single_reply[] = SINGLE_REPLY;
static const char *const batch_reply = BATCH_REPLY;
static const struct point points[POINTS] = {{521000000, 130000000}, {0, -1800000000}, {-5, 7}};

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void *open_session(unsigned batch)
{
    static struct geocoder_settings settings[2];
    static char key_file[] = "/tmp/fuzz-key-XXXXXX";
    struct geocoder_settings *used = &settings[batch > 1];
    void *state, *session;
    int fd = mkstemp(key_file);
    demand(fd >= 0 && write(fd, KEY_TEXT, strlen(KEY_TEXT)) == (ssize_t)strlen(KEY_TEXT));
    (void)close(fd);
    *used = (struct geocoder_settings){.provider = provider->name,
                                       .url = "http://127.0.0.1:1",
                                       .key_file = key_file,
                                       .ca_file = "",
                                       .language = "",
                                       .user_agent = "",
                                       .max_distance = batch > 1 ? 5e6 : 0,
                                       .batch = batch};
    demand(provider->open(used, &state, NULL) == 0);
    demand(provider->session_open(state, &session, NULL) == 0);
    (void)unlink(key_file);
    memcpy(key_file + strlen(key_file) - 6, "XXXXXX", 6);
    return session;
}

static void check_text(struct slice text, size_t most)
{
    demand(text.length <= most);
    demand(text.length == 0 || text_is_utf8(text.data, text.length));
    for (uint32_t i = 0; i < text.length; i++)
        demand((unsigned char)text.data[i] >= ' ' && text.data[i] != 0x7f);
}

/* A label is folded: what it says is its text with the fields it points to put in. */
static void check_address(const struct address *address)
{
    struct buffer label = {0};
    demand(!address_is_empty(address));
    for (int field = 0; field < FIELD_COUNT; field++) {
        if (field != FIELD_LABEL)
            check_text(address->field[field], FIELD_BYTES_LIMIT);
    }
    demand(address_unfold(address, &label, NULL) == 0);
    check_text((struct slice){(const char *)label.data, (uint32_t)label.used}, FIELD_BYTES_LIMIT);
    buffer_free(&label);
}

static void check_answer(const struct answer *answer, unsigned status)
{
    demand(answer->kind == ANSWER_FAILED || answer->status == status);
    switch (answer->kind) {
    case ANSWER_FOUND:
        demand(status >= 200 && status < 300);
        check_address(&answer->address);
        return;
    case ANSWER_EMPTY:
        demand(status >= 200 && status < 300);
        return;
    case ANSWER_FAILED:
        demand(answer->cause > CAUSE_NONE && answer->cause < CAUSE_COUNT);
        check_text(answer->detail, 200);
        demand(answer->detail.length == 0 || memmem(answer->detail.data, answer->detail.length,
                                                    KEY_TEXT, strlen(KEY_TEXT)) == NULL);
        return;
    }
    abort();
}

static void check_reply(bool batch, size_t count, const struct geocoder_reply *reply,
                        struct answer *answers)
{
    memset(answers, 0xee, count * sizeof *answers);
    demand(provider->read(batch ? batch_session : single_session, points, count, reply, answers,
                          NULL) == 0);
    for (size_t i = 0; i < count; i++)
        check_answer(&answers[i], reply->status);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct answer answers[POINTS];
    (void)argc;
    (void)argv;
    single_session = open_session(1);
    batch_session = open_session(POINTS);
    struct geocoder_reply reply = {200, single_reply, strlen(single_reply)};
    check_reply(false, 1, &reply, answers);
    demand(answers[0].kind == ANSWER_FOUND);
    if (batch_reply == NULL)
        return 0;
    reply = (struct geocoder_reply){200, batch_reply, strlen(batch_reply)};
    check_reply(true, POINTS, &reply, answers);
    for (size_t i = 0; i < POINTS; i++)
        demand(answers[i].kind == ANSWER_FOUND);
    return 0;
}

/* Three bytes a change: where, and what stands there then. */
static char *changed(const char *honest, const uint8_t *data, size_t size)
{
    size_t length = strlen(honest);
    char *body = malloc(length);
    demand(body != NULL);
    memcpy(body, honest, length);
    for (; size >= 3; data += 3, size -= 3)
        body[(data[0] | (size_t)data[1] << 8) % length] = (char)data[2];
    return body;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t statuses[] = {200, 200, 200, 200, 429, 403, 503, 302};
    struct answer answers[POINTS];
    if (size < 1)
        return 0;
    bool batch = batch_reply != NULL && (data[0] & 1) != 0;
    size_t count = batch ? 1 + (data[0] >> 1) % POINTS : 1;
    struct geocoder_reply reply = {statuses[data[0] >> 3 & 7], (const char *)data + 1, size - 1};
    char *body = NULL;
    if ((data[0] & 0x80) != 0) {
        const char *honest = batch ? batch_reply : single_reply;
        count = batch ? POINTS : 1;
        body = changed(honest, data + 1, size - 1);
        reply.body = body;
        reply.size = strlen(honest);
    }
    check_reply(batch, count, &reply, answers);
    free(body);
    return 0;
}
