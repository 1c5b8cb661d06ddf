#include <stdio.h>
#include <stdlib.h>

#include "fleet/shares_internal.h"

static void begin(const struct shares *shares, struct etcd_txn *txn)
{
    etcd_txn_begin(txn);
    etcd_compare_created(txn, shares->run_key, shares->run_created);
}

static int give_up(struct etcd_txn *txn, struct error *err)
{
    etcd_txn_drop(txn);
    return error_memory(err, "a transaction");
}

/* --- claims --------------------------------------------------------------------------------- */

static int add_claim(const struct shares *shares, struct etcd_txn *txn,
                     const struct share_candidate *candidate, int64_t lease)
{
    char *claim = share_key_claim(shares->prefix, candidate->share);
    char *done = share_key_done(shares->prefix, candidate->share);
    bool good = claim != NULL && done != NULL;
    if (good) {
        etcd_compare_read(txn, claim, candidate->modified);
        etcd_compare_absent(txn, done);
        etcd_put(txn, claim, shares->owner, lease);
    }
    free(claim);
    free(done);
    return good ? 0 : -1;
}

int shares_write_claims(struct shares *shares, const struct share_candidate *candidates,
                        size_t count, int64_t lease, struct error *err)
{
    struct etcd_txn txn;
    int64_t revision;
    begin(shares, &txn);
    for (size_t i = 0; i < count; i++) {
        if (add_claim(shares, &txn, &candidates[i], lease) != 0)
            return give_up(&txn, err);
    }
    int won = etcd_commit(shares->etcd, &txn, &revision, err);
    (void)pthread_mutex_lock(&shares->lock);
    for (size_t i = 0; won == 1 && i < count; i++)
        shares_table_claimed(shares->table, candidates[i].share, revision);
    (void)pthread_mutex_unlock(&shares->lock);
    return won;
}

/* --- what is done --------------------------------------------------------------------------- */

static int add_done(const struct shares *shares, struct etcd_txn *txn, uint32_t share,
                    const struct pair_id *digest)
{
    struct share_done document = {.digest = *digest};
    (void)snprintf(document.by, sizeof document.by, "%s", shares->name);
    char *claim = share_key_claim(shares->prefix, share);
    char *done = share_key_done(shares->prefix, share);
    char *text = share_done_print(&document);
    bool good = claim != NULL && done != NULL && text != NULL;
    if (good) {
        etcd_compare_absent(txn, done);
        etcd_put(txn, done, text, 0);
        etcd_delete(txn, claim);
    }
    free(claim);
    free(done);
    free(text);
    return good ? 0 : -1;
}

static void note_done(struct shares *shares, const uint32_t *list, const struct pair_id *digests,
                      size_t count, int64_t revision)
{
    (void)pthread_mutex_lock(&shares->lock);
    for (size_t i = 0; i < count; i++) {
        struct share_outcome outcome = {
            .digest = digests[i],
            .by = shares_holders_peer(shares->holders, shares->name),
            .mine = true,
            .modified = revision,
        };
        shares_table_done(shares->table, list[i], &outcome);
    }
    (void)pthread_mutex_unlock(&shares->lock);
}

int shares_write_done(struct shares *shares, const uint32_t *list, size_t count, struct error *err)
{
    struct pair_id digests[SHARES_WRITE_MOST];
    struct etcd_txn txn;
    int64_t revision;
    (void)pthread_mutex_lock(&shares->lock);
    for (size_t i = 0; i < count; i++)
        digests[i] = *shares_table_own_digest(shares->table, list[i]);
    (void)pthread_mutex_unlock(&shares->lock);
    begin(shares, &txn);
    for (size_t i = 0; i < count; i++) {
        if (add_done(shares, &txn, list[i], &digests[i]) != 0)
            return give_up(&txn, err);
    }
    int won = etcd_commit(shares->etcd, &txn, &revision, err);
    if (won == 1)
        note_done(shares, list, digests, count, revision);
    return won;
}

int shares_write_held(struct shares *shares, const unsigned char *bitmap, uint32_t held,
                      struct error *err)
{
    struct etcd_txn txn;
    char *key = share_key_held(shares->prefix, shares->name);
    char *text =
        share_held_print(bitmap, shares->count, held, membership_instance(shares->membership));
    begin(shares, &txn);
    int won = -1;
    if (key == NULL || text == NULL) {
        (void)give_up(&txn, err);
    } else {
        etcd_put(&txn, key, text, 0);
        won = etcd_commit(shares->etcd, &txn, NULL, err);
    }
    free(key);
    free(text);
    return won;
}

/* --- opening again -------------------------------------------------------------------------- */

/* What `reopened` says: its revision (0 = absent) and the count in it. */
static int read_reopened(struct shares *shares, const char *key, int64_t *modified,
                         unsigned long long *sum, struct error *err)
{
    struct etcd_range range;
    if (etcd_get(shares->etcd, key, &range, err) != 0)
        return -1;
    *modified = range.count > 0 ? range.pairs[0].mod_revision : 0;
    *sum = range.count > 0 ? strtoull(range.pairs[0].value, NULL, 10) : 0;
    etcd_range_free(&range);
    return 0;
}

static int add_reopening(struct shares *shares, struct etcd_txn *txn, uint32_t share)
{
    (void)pthread_mutex_lock(&shares->lock);
    const struct share_outcome *outcome = shares_table_outcome(shares->table, share);
    int64_t modified = outcome != NULL ? outcome->modified : 0;
    (void)pthread_mutex_unlock(&shares->lock);
    char *done = share_key_done(shares->prefix, share);
    if (done == NULL)
        return -1;
    etcd_compare_modified(txn, done, modified);
    etcd_delete(txn, done);
    free(done);
    return 0;
}

static int add_reopened(const struct shares *shares, struct etcd_txn *txn, const char *key,
                        int64_t modified, unsigned long long sum)
{
    char text[24], *ready;
    if (asprintf(&ready, "%sready/", shares->prefix) < 0)
        return -1;
    (void)snprintf(text, sizeof text, "%llu", sum);
    etcd_compare_read(txn, key, modified);
    etcd_put(txn, key, text, 0);
    etcd_delete_prefix(txn, ready);
    free(ready);
    return 0;
}

static int commit_reopened(struct shares *shares, const char *key, struct shares_reading *reading,
                           const uint32_t *list, size_t count, unsigned long long sum,
                           struct error *err)
{
    struct etcd_txn txn;
    int64_t revision;
    begin(shares, &txn);
    for (size_t i = 0; i < count; i++) {
        if (add_reopening(shares, &txn, list[i]) != 0)
            return give_up(&txn, err);
    }
    if (add_reopened(shares, &txn, key, reading->reopened, sum + count) != 0)
        return give_up(&txn, err);
    int won = etcd_commit(shares->etcd, &txn, &revision, err);
    if (won != 1)
        return won;
    reading->reopened = revision;
    (void)pthread_mutex_lock(&shares->lock);
    for (size_t i = 0; i < count; i++)
        shares_table_reopened(shares->table, list[i]);
    if (!shares->concluded)
        shares_memory_agree(shares->memory, revision);
    (void)pthread_mutex_unlock(&shares->lock);
    return 1;
}

int shares_write_reopened(struct shares *shares, struct shares_reading *reading,
                          const uint32_t *list, size_t count, struct error *err)
{
    unsigned long long sum;
    int64_t modified;
    int won = -1;
    char *key = share_key_reopened(shares->prefix);
    if (key == NULL)
        return error_memory(err, "a key");
    if (read_reopened(shares, key, &modified, &sum, err) == 0)
        won = modified != reading->reopened
                  ? 0
                  : commit_reopened(shares, key, reading, list, count, sum, err);
    free(key);
    return won;
}
