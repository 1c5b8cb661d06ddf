/* A reply's bytes as a tree. */
#include "geocoder/network.h"

int read_begin(struct network_session *session, const struct geocoder_reply *reply, size_t count,
               struct error *err)
{
    session->limit = GEOCODER_REPLY_BYTES(count);
    buffer_clear(&session->text);
    size_t size = reply->size < session->limit ? reply->size : session->limit;
    return buffer_reserve(&session->text, 3 * size + ANSWER_ROOM * (count + 1), err);
}

const cJSON *read_json(struct network_session *session, const struct geocoder_reply *reply,
                       const char **why)
{
    if (reply->size > session->limit) {
        *why = "the reply is too long";
        return NULL;
    }
    return json_tree_read(&session->tree, reply->body, reply->size, why);
}

int read_object(struct network_session *session, const struct geocoder_reply *reply, size_t count,
                const cJSON **tree, struct answer *answers, struct error *err)
{
    bool transient;
    const char *why;
    *tree = NULL;
    if (read_begin(session, reply, count, err) != 0)
        return -1;
    if (status_cause(reply->status, &transient) != CAUSE_NONE) {
        fail_status(session, reply, count, answers);
        return 0;
    }
    const cJSON *object = read_json(session, reply, &why);
    if (cJSON_IsObject(object))
        *tree = object;
    else
        fail_bad(session, reply, count, object == NULL ? why : "the reply is no JSON object",
                 answers);
    return 0;
}
