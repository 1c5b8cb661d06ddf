/* What the providers with batches share: a reply has to account for every point by itself. */
#ifndef REFRESHD_GEOCODER_BATCH_H
#define REFRESHD_GEOCODER_BATCH_H

#include "geocoder/network.h"

/* expect_rows: every answer becomes CAUSE_MISSING_ROW, transient, until its row turns up. */
void expect_rows(struct network_session *session, const struct geocoder_reply *reply, size_t count,
                 struct answer *answers);

/* row_missing: whether no row has settled this answer yet. */
static inline bool row_missing(const struct answer *answer)
{
    return answer->kind == ANSWER_FAILED && answer->cause == CAUSE_MISSING_ROW;
}

/* fail_item: the reply says that this one point went wrong: by the HTTP status it gives the item
 * (`status`, `statusCode` or `code`), else transient; its message becomes the detail. */
void fail_item(struct network_session *session, const struct geocoder_reply *reply,
               const cJSON *item, struct answer *answer);

/* fail_items: the same for all, out of a reply that has no rows. */
void fail_items(struct network_session *session, const struct geocoder_reply *reply,
                const cJSON *tree, size_t count, struct answer *answers);

/* body_degrees: append a coordinate to a request's body. */
int body_degrees(struct geocoder_request *request, int32_t degrees, struct error *err);

/* body_literal: append a string constant to a request's body. */
#define body_literal(request, text, err)                                                           \
    buffer_append(&(request)->body, text, sizeof(text) - 1, err)

#endif
