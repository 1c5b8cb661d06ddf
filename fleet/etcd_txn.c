#include <inttypes.h>
#include <string.h>

#include "fleet/etcd_internal.h"

#define VALUE_BYTES ((size_t)1 << 20) /* etcd takes requests of 1.5 MiB */

/* --- building ------------------------------------------------------------------------------- */

void etcd_txn_begin(struct etcd_txn *txn)
{
    *txn = (struct etcd_txn){0};
}

void etcd_txn_drop(struct etcd_txn *txn)
{
    buffer_free(&txn->compare);
    buffer_free(&txn->success);
}

/* Begin one more operation in list; false when the transaction has failed. */
static bool begin_operation(struct etcd_txn *txn, struct buffer *list, unsigned *count)
{
    if (txn->failed)
        return false;
    txn->failed = true;
    if (*count == ETCD_TXN_OPERATIONS)
        (void)error_set(&txn->failure, ERROR_STATE, "more than %d operations in one transaction",
                        ETCD_TXN_OPERATIONS);
    else
        txn->failed = *count > 0 && etcd_add(list, &txn->failure, ",") != 0;
    (*count)++;
    return !txn->failed;
}

static void compare(struct etcd_txn *txn, const char *key, const char *target, const char *member,
                    int64_t revision)
{
    struct buffer *list = &txn->compare;
    struct error *err = &txn->failure;
    if (!begin_operation(txn, list, &txn->comparisons))
        return;
    txn->failed = etcd_add(list, err, "{\"target\":\"%s\",\"result\":\"EQUAL\",", target) != 0 ||
                  etcd_add_text(list, "key", key, err) != 0 ||
                  etcd_add(list, err, ",\"%s\":\"%" PRId64 "\"}", member, revision) != 0;
}

static void compare_existing(struct etcd_txn *txn, const char *key, const char *target,
                             const char *member, int64_t revision)
{
    if (revision > 0) {
        compare(txn, key, target, member, revision);
    } else if (!txn->failed) {
        txn->failed = true;
        (void)error_set(&txn->failure, ERROR_STATE, "%s is compared with no revision", key);
    }
}

void etcd_compare_absent(struct etcd_txn *txn, const char *key)
{
    compare(txn, key, "CREATE", "create_revision", 0);
}

void etcd_compare_created(struct etcd_txn *txn, const char *key, int64_t create_revision)
{
    compare_existing(txn, key, "CREATE", "create_revision", create_revision);
}

void etcd_compare_modified(struct etcd_txn *txn, const char *key, int64_t mod_revision)
{
    compare_existing(txn, key, "MOD", "mod_revision", mod_revision);
}

void etcd_compare_read(struct etcd_txn *txn, const char *key, int64_t mod_revision)
{
    if (mod_revision == 0)
        etcd_compare_absent(txn, key);
    else
        etcd_compare_modified(txn, key, mod_revision);
}

void etcd_put(struct etcd_txn *txn, const char *key, const char *value, int64_t lease)
{
    struct buffer *list = &txn->success;
    struct error *err = &txn->failure;
    if (!begin_operation(txn, list, &txn->changes))
        return;
    if (strlen(value) > VALUE_BYTES)
        txn->failed = error_set(err, ERROR_VALUE, "the value of %s is too long", key) != 0;
    else
        txn->failed = etcd_add(list, err, "{\"request_put\":{") != 0 ||
                      etcd_add_text(list, "key", key, err) != 0 || etcd_add(list, err, ",") != 0 ||
                      etcd_add_text(list, "value", value, err) != 0 ||
                      etcd_add(list, err, ",\"lease\":\"%" PRId64 "\"}}", lease) != 0;
}

void etcd_delete(struct etcd_txn *txn, const char *key)
{
    struct buffer *list = &txn->success;
    struct error *err = &txn->failure;
    if (begin_operation(txn, list, &txn->changes))
        txn->failed = etcd_add(list, err, "{\"request_delete_range\":{") != 0 ||
                      etcd_add_text(list, "key", key, err) != 0 || etcd_add(list, err, "}}") != 0;
}

void etcd_delete_prefix(struct etcd_txn *txn, const char *prefix)
{
    struct buffer *list = &txn->success;
    struct error *err = &txn->failure;
    if (begin_operation(txn, list, &txn->changes))
        txn->failed = etcd_add(list, err, "{\"request_delete_range\":{") != 0 ||
                      etcd_add_range(list, prefix, NULL, err) != 0 ||
                      etcd_add(list, err, "}}") != 0;
}

/* --- committing ----------------------------------------------------------------------------- */

static int build(struct buffer *request, const struct etcd_txn *txn, struct error *err)
{
    buffer_clear(request);
    if (etcd_add(request, err, "{\"compare\":[") != 0 ||
        buffer_append(request, txn->compare.data, txn->compare.used, err) != 0 ||
        etcd_add(request, err, "],\"success\":[") != 0 ||
        buffer_append(request, txn->success.data, txn->success.used, err) != 0)
        return -1;
    return etcd_add(request, err, "]}");
}

static int read_outcome(const struct etcd_body *body, void *context, struct error *err)
{
    return etcd_read_txn(body, context, err);
}

static int commit(struct etcd *etcd, const struct etcd_txn *txn, struct etcd_outcome *outcome,
                  struct error *err)
{
    bool repeated = false;
    if (txn->failed) {
        if (err != NULL)
            *err = txn->failure;
        return -1;
    }
    if (build(&etcd->request, txn, err) != 0 ||
        etcd_call(etcd, "/v3/kv/txn", read_outcome, outcome, &repeated, err) != 0)
        return -1;
    if (outcome->succeeded)
        return 1;
    /* The comparison may have failed because of what the request before had done. */
    if (repeated)
        return error_set(err, ERROR_UNREACHABLE, "etcd: the reply to a transaction was lost");
    return 0;
}

int etcd_commit(struct etcd *etcd, struct etcd_txn *txn, int64_t *revision, struct error *err)
{
    struct etcd_outcome outcome;
    int result = commit(etcd, txn, &outcome, err);
    etcd_txn_drop(txn);
    if (result >= 0 && revision != NULL)
        *revision = outcome.revision;
    return result;
}
