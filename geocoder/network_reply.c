/* A reply's bytes as a tree, once they are known to be harmless. */
#include "geocoder/network.h"

#include <string.h>

#include "base/text.h"

int read_begin(struct network_session *session, const struct geocoder_reply *reply, size_t count,
               struct error *err)
{
    cJSON_Delete(session->tree);
    session->tree = NULL;
    session->limit = GEOCODER_REPLY_BYTES(count);
    buffer_clear(&session->text);
    size_t size = reply->size < session->limit ? reply->size : session->limit;
    return buffer_reserve(&session->text, 3 * size + ANSWER_ROOM * (count + 1), err);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* skip_escape: from the backslash at `at` to the byte behind the escape; NULL when it stands for
 * NUL, or for nothing. cJSON takes broken ones for NUL, which would cut the text. */
static const char *skip_escape(const char *at, const char *end)
{
    if (end - at < 2)
        return NULL;
    if (at[1] != 'u')
        return at + 2;
    if (end - at < 6 || memcmp(at + 2, "0000", 4) == 0)
        return NULL;
    for (int i = 2; i < 6; i++) {
        if (!is_hex(at[i]))
            return NULL;
    }
    return at + 6;
}

/* skip_text: from behind the quote that opens a text to behind the one that closes it. */
static const char *skip_text(const char *at, const char *end)
{
    while (at != NULL && at < end) {
        if (*at == '"')
            return at + 1;
        at = *at == '\\' ? skip_escape(at, end) : at + 1;
    }
    return NULL;
}

/* check_shape: what is wrong with the texts and the nesting of a body, or NULL. */
static const char *check_shape(const char *at, const char *end)
{
    unsigned depth = 0;
    while (at < end) {
        char c = *at++;
        if (c == '"') {
            at = skip_text(at, end);
            if (at == NULL)
                return "the reply is no JSON: a text in it is broken";
        } else if (c == '{' || c == '[') {
            if (++depth > REPLY_NESTING)
                return "the reply is nested too deep";
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return depth == 0 ? NULL : "the reply is no JSON: it ends early";
}

static const char *check_body(const struct geocoder_reply *reply, size_t limit)
{
    if (reply->size == 0)
        return "the reply is empty";
    if (reply->size > limit)
        return "the reply is too long";
    if (memchr(reply->body, '\0', reply->size) != NULL)
        return "the reply holds a NUL";
    if (!text_is_utf8(reply->body, reply->size))
        return "the reply is not UTF-8";
    return check_shape(reply->body, reply->body + reply->size);
}

static bool only_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at == end;
}

const cJSON *read_json(struct network_session *session, const struct geocoder_reply *reply,
                       const char **why)
{
    const char *rest = NULL;
    cJSON_Delete(session->tree);
    session->tree = NULL;
    *why = check_body(reply, session->limit);
    if (*why != NULL)
        return NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts(reply->body, reply->size, &rest, 0);
    if (tree == NULL || !only_space(rest, reply->body + reply->size)) {
        cJSON_Delete(tree);
        *why = "the reply is no JSON";
        return NULL;
    }
    session->tree = tree;
    return tree;
}

int read_object(struct network_session *session, const struct geocoder_reply *reply, size_t count,
                const cJSON **tree, struct answer *answers, struct error *err)
{
    bool transient;
    const char *why;
    const cJSON *object;
    *tree = NULL;
    if (read_begin(session, reply, count, err) != 0)
        return -1;
    if (status_cause(reply->status, &transient) != CAUSE_NONE) {
        fail_status(session, reply, count, answers);
        return 0;
    }
    object = read_json(session, reply, &why);
    if (cJSON_IsObject(object))
        *tree = object;
    else
        fail_bad(session, reply, count, object == NULL ? why : "the reply is no JSON object",
                 answers);
    return 0;
}
