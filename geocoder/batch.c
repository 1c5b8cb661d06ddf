#include "geocoder/batch.h"

#include "base/text.h"

void expect_rows(struct network_session *session, const struct geocoder_reply *reply, size_t count,
                 struct answer *answers)
{
    fail_all(session, reply, count, CAUSE_MISSING_ROW, true,
             "the reply to a batch has no row for this point", answers);
}

static unsigned item_status(const cJSON *item)
{
    static const char *const names[] = {"status", "statusCode", "code"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const cJSON *value = json_member(item, names[i]);
        if (cJSON_IsNumber(value) && value->valuedouble >= 400 && value->valuedouble < 600)
            return (unsigned)value->valuedouble;
    }
    return 0;
}

void fail_item(struct network_session *session, const struct geocoder_reply *reply,
               const cJSON *item, struct answer *answer)
{
    const char *message = reply_message(item);
    unsigned status = item_status(item);
    bool transient = true;
    enum failure_cause cause = CAUSE_BAD_REPLY;
    if (status != 0)
        cause = status_cause(status, &transient);
    if (message != NULL && speaks_of_quota(message))
        cause = CAUSE_QUOTA;
    fail_one(session, reply, cause, transient,
             message != NULL ? message : "the reply holds no answer for this point", answer);
}

void fail_items(struct network_session *session, const struct geocoder_reply *reply,
                const cJSON *tree, size_t count, struct answer *answers)
{
    fail_item(session, reply, tree, &answers[0]);
    for (size_t i = 1; i < count; i++)
        answers[i] = answers[0];
}

int body_degrees(struct geocoder_request *request, int32_t degrees, struct error *err)
{
    char text[16];
    return buffer_append(&request->body, text, text_format_degrees(degrees, text), err);
}
