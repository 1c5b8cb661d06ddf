#include "fleet/documents.h"

#include <string.h>

#include "fleet/json_fields.h"

#define LARGEST UINT64_C(9007199254740992) /* whole numbers that JSON numbers hold */

/* --- wish --------------------------------------------------------------------------- */

int wish_document_read(struct wish_document *out, const char *key, const char *text,
                       struct error *err)
{
    struct fields fields;
    struct wish_document wish = {0};
    cJSON *root;
    if (fields_parse(&fields, &root, key, text, err) != 0)
        return -1;
    fields_run(&fields, "run", wish.run);
    wish.seq = fields_whole(&fields, "seq", LARGEST);
    wish.paused = fields_flag(&fields, "paused");
    wish.forced = fields_flag(&fields, "forced");
    fields_text(&fields, "reason", wish.reason, sizeof wish.reason);
    wish.change.rate = fields_number(&fields, "rate", -1, 1e12);
    wish.change.finish_within = fields_number(&fields, "finish_within", -1, 1e12);
    wish.change.workers = (int)fields_number(&fields, "workers", -1, 1e6);
    wish.change.concurrency = (int)fields_number(&fields, "concurrency", -1, 1e6);
    cJSON_Delete(root);
    if (fields_done(&fields, err) != 0)
        return -1;
    *out = wish;
    return 0;
}

int wish_document_print(const struct wish_document *wish, char **text, struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(document, "run", wish->run);
    (void)cJSON_AddNumberToObject(document, "seq", (double)wish->seq);
    (void)cJSON_AddBoolToObject(document, "paused", wish->paused);
    (void)cJSON_AddBoolToObject(document, "forced", wish->forced);
    (void)cJSON_AddStringToObject(document, "reason", wish->reason);
    (void)cJSON_AddNumberToObject(document, "rate", wish->change.rate);
    (void)cJSON_AddNumberToObject(document, "finish_within", wish->change.finish_within);
    (void)cJSON_AddNumberToObject(document, "workers", wish->change.workers);
    (void)cJSON_AddNumberToObject(document, "concurrency", wish->change.concurrency);
    return fields_print(document, 9, text, err);
}

/* --- how a run ended ------------------------------------------------------------------ */

int decision_document_read(struct decision_document *out, const char *key, const char *text,
                           struct error *err)
{
    struct fields fields;
    struct decision_document decision = {0};
    cJSON *root;
    if (fields_parse(&fields, &root, key, text, err) != 0)
        return -1;
    fields_run(&fields, "run", decision.run);
    fields_digest(&fields, "digest", &decision.digest);
    decision.generation = fields_whole(&fields, "generation", LARGEST);
    decision.started_at = (uint32_t)fields_whole(&fields, "started_at", UINT32_MAX);
    decision.at_ms = (int64_t)fields_whole(&fields, "at", LARGEST);
    fields_text(&fields, "decider", decision.decider, sizeof decision.decider);
    cJSON_Delete(root);
    if (fields_done(&fields, err) != 0)
        return -1;
    *out = decision;
    return 0;
}

int decision_document_print(const struct decision_document *decision, char **text,
                            struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(document, "run", decision->run);
    fields_add_digest(document, "digest", &decision->digest);
    (void)cJSON_AddNumberToObject(document, "generation", (double)decision->generation);
    (void)cJSON_AddNumberToObject(document, "started_at", decision->started_at);
    (void)cJSON_AddNumberToObject(document, "at", (double)decision->at_ms);
    (void)cJSON_AddStringToObject(document, "decider", decision->decider);
    return fields_print(document, 6, text, err);
}

int ended_document_read(struct ended_document *out, const char *key, const char *text,
                        struct error *err)
{
    struct fields fields;
    struct ended_document ended = {0};
    cJSON *root;
    if (fields_parse(&fields, &root, key, text, err) != 0)
        return -1;
    fields_run(&fields, "run", ended.run);
    ended.failed = fields_flag(&fields, "failed");
    ended.started_at = (uint32_t)fields_whole(&fields, "started_at", UINT32_MAX);
    fields_text(&fields, "reason", ended.reason, sizeof ended.reason);
    cJSON_Delete(root);
    if (fields_done(&fields, err) != 0)
        return -1;
    *out = ended;
    return 0;
}

int ended_document_print(const struct ended_document *ended, char **text, struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(document, "run", ended->run);
    (void)cJSON_AddBoolToObject(document, "failed", ended->failed);
    (void)cJSON_AddNumberToObject(document, "started_at", ended->started_at);
    (void)cJSON_AddStringToObject(document, "reason", ended->reason);
    return fields_print(document, 4, text, err);
}

/* --- learned points ------------------------------------------------------------------- */

int learned_document_read(struct learned_document *out, const char *key, const char *text,
                          struct error *err)
{
    struct fields fields;
    struct learned_document learned = {0};
    cJSON *root;
    if (fields_parse(&fields, &root, key, text, err) != 0)
        return -1;
    learned.entries = fields_whole(&fields, "entries", LARGEST);
    if (learned.entries > 0)
        fields_digest(&fields, "digest", &learned.digest);
    cJSON_Delete(root);
    if (fields_done(&fields, err) != 0)
        return -1;
    *out = learned;
    return 0;
}

int learned_document_print(const struct learned_document *learned, char **text, struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    (void)cJSON_AddNumberToObject(document, "entries", (double)learned->entries);
    if (learned->entries > 0)
        fields_add_digest(document, "digest", &learned->digest);
    return fields_print(document, learned->entries > 0 ? 2 : 1, text, err);
}

int input_document_read(struct input_document *out, const char *key, const char *text,
                        struct error *err)
{
    struct fields fields;
    struct input_document input = {0};
    cJSON *root;
    if (fields_parse(&fields, &root, key, text, err) != 0)
        return -1;
    const cJSON *item = fields_list(&fields, "sets", FLEET_MEMBERS_LIMIT);
    for (; item != NULL; item = item->next) {
        const char *digest = cJSON_GetStringValue(item);
        if (digest == NULL || !pair_id_parse(digest, &input.sets[input.count++]))
            fields_wrong(&fields, "sets");
    }
    cJSON_Delete(root);
    if (fields_done(&fields, err) != 0)
        return -1;
    *out = input;
    return 0;
}

int input_document_print(const struct input_document *input, char **text, struct error *err)
{
    char digest[2 * PAIR_ID_BYTES + 1];
    cJSON *document = cJSON_CreateObject();
    cJSON *sets = cJSON_AddArrayToObject(document, "sets");
    for (size_t i = 0; i < input->count; i++) {
        cJSON *item = cJSON_CreateString(pair_id_format(&input->sets[i], digest));
        if (item == NULL || !cJSON_AddItemToArray(sets, item)) {
            cJSON_Delete(item);
            cJSON_Delete(document);
            return error_memory(err, "a document for etcd");
        }
    }
    return fields_print(document, 1, text, err);
}

/* --- digests ----------------------------------------------------------------------------- */

int digest_document_read(struct pair_id *out, const char *key, const char *text, struct error *err)
{
    struct fields fields;
    struct pair_id digest;
    cJSON *root;
    if (fields_parse(&fields, &root, key, text, err) != 0)
        return -1;
    fields_digest(&fields, "digest", &digest);
    cJSON_Delete(root);
    if (fields_done(&fields, err) != 0)
        return -1;
    *out = digest;
    return 0;
}

int digest_document_print(const struct pair_id *digest, char **text, struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    fields_add_digest(document, "digest", digest);
    return fields_print(document, 1, text, err);
}

/* --- peers ------------------------------------------------------------------------------- */

void peer_document_read(struct peer_document *out, const cJSON *document)
{
    struct fields fields = {.document = document};
    struct peer_document peer = {0};
    fields_text(&fields, "advertise", peer.advertise, sizeof peer.advertise);
    peer.generation = fields_whole(&fields, "generation", LARGEST);
    peer.next = fields_whole(&fields, "next", LARGEST);
    peer.learned = fields_whole(&fields, "learned", LARGEST);
    peer.grid.rows = (uint32_t)fields_whole(&fields, "rows", GRID_SIDE_LIMIT);
    peer.grid.columns = (uint32_t)fields_whole(&fields, "columns", GRID_SIDE_LIMIT);
    peer.done = (uint32_t)fields_whole(&fields, "done", UINT32_MAX);
    peer.held = (uint32_t)fields_whole(&fields, "held", UINT32_MAX);
    fields_text(&fields, "state", peer.state, sizeof peer.state);
    fields_text(&fields, "run", peer.run, sizeof peer.run);
    fields_text(&fields, "applied", peer.applied, sizeof peer.applied);
    if (peer.generation > 0)
        fields_digest(&fields, "digest", &peer.digest);
    *out = peer;
}

void peer_document_add(const struct peer_document *peer, cJSON *document)
{
    (void)cJSON_AddNumberToObject(document, "generation", (double)peer->generation);
    (void)cJSON_AddNumberToObject(document, "next", (double)peer->next);
    (void)cJSON_AddNumberToObject(document, "learned", (double)peer->learned);
    (void)cJSON_AddNumberToObject(document, "rows", peer->grid.rows);
    (void)cJSON_AddNumberToObject(document, "columns", peer->grid.columns);
    (void)cJSON_AddNumberToObject(document, "done", peer->done);
    (void)cJSON_AddNumberToObject(document, "held", peer->held);
    (void)cJSON_AddStringToObject(document, "state", peer->state);
    (void)cJSON_AddStringToObject(document, "run", peer->run);
    (void)cJSON_AddStringToObject(document, "applied", peer->applied);
    if (peer->generation > 0)
        fields_add_digest(document, "digest", &peer->digest);
}
