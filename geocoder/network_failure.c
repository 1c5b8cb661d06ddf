/* How replies say no: by status, by message, and what of it a person gets to read. */
#include "geocoder/network.h"

#include <string.h>

#include "base/text.h"

#define MASK "***"

enum failure_cause status_cause(unsigned status, bool *transient)
{
    *transient = status == 408 || status == 425 || status == 429 || status >= 500;
    if (status >= 200 && status < 300)
        return CAUSE_NONE;
    switch (status) {
    case 400:
    case 404:
    case 405:
    case 413:
    case 414:
    case 422:
        return CAUSE_BAD_REQUEST;
    case 401:
    case 403:
        return CAUSE_DENIED;
    case 402:
        return CAUSE_QUOTA;
    case 429:
        return CAUSE_HTTP_429;
    default:
        return status >= 500 ? CAUSE_HTTP_5XX : CAUSE_HTTP_4XX;
    }
}

/* key_at: bytes of the key when it stands at the start of text, as it is or percent-encoded; 0 when
 * it does not. */
static size_t key_at(const char *text, const char *key)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = text;
    if (key[0] == '\0')
        return 0;
    for (; *key != '\0'; key++) {
        unsigned char byte = (unsigned char)*key;
        if (*at == *key)
            at++;
        else if (at[0] == '%' && (at[1] & ~0x20) == (digits[byte >> 4] & ~0x20) &&
                 (at[2] & ~0x20) == (digits[byte & 15] & ~0x20))
            at += 3;
        else
            return 0;
    }
    return (size_t)(at - text);
}

/* character_bytes: length of the UTF-8 character at text, or 0 when it is none or can't be printed
 * on one line. */
static size_t character_bytes(const char *text)
{
    unsigned char lead = (unsigned char)text[0];
    if (lead < 0x80)
        return lead >= 0x20 && lead != 0x7f ? 1 : 0;
    size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (strnlen(text, length) < length || !text_is_utf8(text, length))
        return 0;
    bool control = lead == 0xc2 && (unsigned char)text[1] < 0xa0;
    bool separator =
        lead == 0xe2 && (unsigned char)text[1] == 0x80 && ((unsigned char)text[2] & 0xfe) == 0xa8;
    return control || separator ? 0 : length;
}

/* make_detail: what of a message a person gets to read, kept in the session. */
static struct slice make_detail(struct network_session *session, const char *message)
{
    char detail[DETAIL_BYTES];
    size_t used = 0;
    const char *at = message == NULL ? "" : message;
    while (*at != '\0') {
        size_t key = key_at(at, session->network->key);
        size_t bytes = key > 0 ? 0 : character_bytes(at);
        const char *from = key > 0 ? MASK : bytes > 0 ? at : " ";
        size_t length = key > 0 ? sizeof MASK - 1 : bytes > 0 ? bytes : 1;
        at += key > 0 ? key : bytes > 0 ? bytes : 1;
        if (*from == ' ' && (used == 0 || detail[used - 1] == ' '))
            continue;
        if (used + length > sizeof detail)
            break;
        memcpy(detail + used, from, length);
        used += length;
    }
    while (used > 0 && detail[used - 1] == ' ')
        used--;
    if (used == 0 || buffer_append(&session->text, detail, used, NULL) != 0)
        return (struct slice){NULL, 0};
    return (struct slice){(const char *)session->text.data + session->text.used - used,
                          (uint32_t)used};
}

void fail_all(struct network_session *session, const struct geocoder_reply *reply, size_t count,
              enum failure_cause cause, bool transient, const char *detail, struct answer *answers)
{
    if (count == 0)
        return;
    fail_one(session, reply, cause, transient, detail, &answers[0]);
    for (size_t i = 1; i < count; i++)
        answers[i] = answers[0];
}

void fail_one(struct network_session *session, const struct geocoder_reply *reply,
              enum failure_cause cause, bool transient, const char *detail, struct answer *answer)
{
    *answer = (struct answer){
        .kind = ANSWER_FAILED,
        .cause = cause,
        .transient = transient,
        .status = (uint16_t)reply->status,
        .detail = make_detail(session, detail),
    };
}

void fail_bad(struct network_session *session, const struct geocoder_reply *reply, size_t count,
              const char *why, struct answer *answers)
{
    fail_all(session, reply, count, CAUSE_BAD_REPLY, true, why, answers);
}

/* message_of: a text itself, or the message inside an object. */
static const char *message_of(const cJSON *value)
{
    static const char *const names[] = {"message", "description", "title", "code", NULL};
    if (cJSON_IsArray(value))
        value = value->child;
    if (cJSON_IsString(value) && value->valuestring[0] != '\0')
        return value->valuestring;
    for (size_t i = 0; names[i] != NULL; i++) {
        const char *text = json_text(value, names[i]);
        if (text != NULL)
            return text;
    }
    return NULL;
}

const char *reply_message(const cJSON *tree)
{
    static const char *const names[] = {
        "error_message", "error_description",
        "error",         "errors",
        "message",       "detail",
        "cause",         "status",
        "title",         NULL,
    };
    if (!cJSON_IsObject(tree))
        return NULL;
    const char *message = message_of(json_member(json_member(tree, "geocoding"), "errors"));
    for (size_t i = 0; names[i] != NULL && message == NULL; i++)
        message = message_of(json_member(tree, names[i]));
    return message;
}

bool speaks_of_quota(const char *message)
{
    static const char *const words[] = {
        "quota", "daily", "per day", "monthly", "per month", "billing", "credits", NULL,
    };
    for (size_t i = 0; message != NULL && words[i] != NULL; i++) {
        if (strcasestr(message, words[i]) != NULL)
            return true;
    }
    return false;
}

/* plain_message: the body of a reply that is not JSON as a message: its text, unless it is a
 * page for a browser. The copy is in the session and ends in NUL. */
static const char *plain_message(struct network_session *session,
                                 const struct geocoder_reply *reply)
{
    size_t start = 0;
    while (start < reply->size && (unsigned char)reply->body[start] <= ' ')
        start++;
    if (start == reply->size)
        return NULL;
    if (reply->body[start] == '<')
        return "a page for a browser came instead of an answer";
    size_t length = reply->size - start;
    if (length > 4 * DETAIL_BYTES)
        length = 4 * DETAIL_BYTES;
    struct buffer *text = &session->text;
    size_t at = text->used;
    if (buffer_append(text, reply->body + start, length, NULL) != 0 ||
        buffer_append(text, "", 1, NULL) != 0)
        return NULL;
    return (const char *)text->data + at;
}

void fail_status(struct network_session *session, const struct geocoder_reply *reply, size_t count,
                 struct answer *answers)
{
    bool transient;
    const char *why;
    enum failure_cause cause = status_cause(reply->status, &transient);
    const cJSON *tree = read_json(session, reply, &why);
    const char *message = tree != NULL ? reply_message(tree) : plain_message(session, reply);
    if ((reply->status == 403 || reply->status == 429) && speaks_of_quota(message)) {
        cause = CAUSE_QUOTA;
        transient = false;
    }
    fail_all(session, reply, count, cause, transient, message, answers);
}
