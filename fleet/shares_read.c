#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/shares_internal.h"

int shares_get_below(struct etcd *etcd, const char *prefix, const char *part, int64_t min_modified,
                     struct etcd_range *out, struct error *err)
{
    char *key;
    if (asprintf(&key, "%s%s", prefix, part) < 0)
        return error_memory(err, "a key");
    int result = etcd_get_prefix(etcd, key, min_modified, out, err);
    free(key);
    return result;
}

static void take_done(const struct shares_picture *picture, uint32_t share,
                      const struct etcd_pair *pair)
{
    struct share_done done;
    if (!share_done_parse(pair->value, &done))
        return;
    const struct share_outcome *before = shares_table_outcome(picture->table, share);
    if (before == NULL || before->modified != pair->mod_revision)
        shares_holders_renewed(picture->holders, share);
    struct share_outcome outcome = {
        .digest = done.digest,
        .by = shares_holders_peer(picture->holders, done.by),
        .mine = strcmp(done.by, picture->name) == 0,
        .modified = pair->mod_revision,
    };
    shares_table_done(picture->table, share, &outcome);
}

void shares_take_in(const struct shares_picture *picture, const struct etcd_range *range,
                    int64_t *reopened)
{
    for (size_t i = 0; i < range->count; i++) {
        const struct etcd_pair *pair = &range->pairs[i];
        uint32_t share;
        const char *name;
        switch (share_key_parse(pair->key, picture->prefix, picture->count, &share, &name)) {
        case SHARE_KEY_DONE:
            take_done(picture, share, pair);
            break;
        case SHARE_KEY_HELD:
            shares_holders_held(picture->holders, name, pair->value);
            break;
        case SHARE_KEY_REOPENED:
            *reopened = pair->mod_revision;
            break;
        default:
            break;
        }
    }
}

static void take_claims(struct shares *shares, const struct etcd_range *range, int64_t lease)
{
    shares_table_claims_begin(shares->table);
    for (size_t i = 0; i < range->count; i++) {
        const struct etcd_pair *pair = &range->pairs[i];
        uint32_t share;
        const char *name;
        if (share_key_parse(pair->key, shares->prefix, shares->count, &share, &name) !=
            SHARE_KEY_CLAIM)
            continue;
        enum share_claimer claimer = strcmp(pair->value, shares->owner) != 0 ? CLAIMER_OTHER
                                     : pair->lease == lease                  ? CLAIMER_WE
                                                                             : CLAIMER_EARLIER;
        shares_table_claim(shares->table, share, claimer, pair->mod_revision);
    }
    shares_table_claims_end(shares->table);
}

static struct shares_picture picture_of(const struct shares *shares)
{
    return (struct shares_picture){shares->prefix, shares->name, shares->count, shares->table,
                                   shares->holders};
}

/* All that is done: what is not among it was opened again. */
static int read_all_done(struct shares *shares, struct error *err)
{
    struct etcd_range all;
    int64_t unused;
    if (shares_get_below(shares->etcd, shares->prefix, "done/", 0, &all, err) != 0)
        return -1;
    (void)pthread_mutex_lock(&shares->lock);
    const struct shares_picture picture = picture_of(shares);
    shares_table_done_begin(shares->table);
    shares_take_in(&picture, &all, &unused);
    shares_table_done_end(shares->table);
    (void)pthread_mutex_unlock(&shares->lock);
    etcd_range_free(&all);
    return 0;
}

/* What was read is now known; the ledger agrees with it as far as nothing was concluded before. */
static void note_known(struct shares *shares, const struct shares_reading *reading)
{
    (void)pthread_mutex_lock(&shares->lock);
    shares_table_known(shares->table);
    shares->exhausted = false;
    if (!shares->concluded)
        shares_memory_agree(shares->memory, reading->reopened);
    (void)pthread_cond_broadcast(&shares->fetcher_wake);
    (void)pthread_mutex_unlock(&shares->lock);
}

/* Claims vanish without a trace, so all of them are read each time, and before what is done: a
 * claim that ended because its share was done is then seen as that. */
int shares_read(struct shares *shares, struct shares_reading *reading, int64_t lease,
                struct error *err)
{
    struct etcd_range claims, changes;
    struct shares_reading now = *reading;
    int64_t since = reading->revision == 0 ? 0 : reading->revision + 1;
    if (shares_get_below(shares->etcd, shares->prefix, "claim/", 0, &claims, err) != 0)
        return -1;
    if (shares_get_below(shares->etcd, shares->prefix, "", since, &changes, err) != 0) {
        etcd_range_free(&claims);
        return -1;
    }
    (void)pthread_mutex_lock(&shares->lock);
    const struct shares_picture picture = picture_of(shares);
    take_claims(shares, &claims, lease);
    shares_take_in(&picture, &changes, &now.reopened);
    bool reopened = since > 0 && now.reopened != reading->reopened;
    bool suspect = shares_table_suspect(shares->table);
    (void)pthread_mutex_unlock(&shares->lock);
    now.revision = changes.revision;
    etcd_range_free(&claims);
    etcd_range_free(&changes);
    if ((reopened || suspect) && read_all_done(shares, err) != 0)
        return -1;
    *reading = now;
    note_known(shares, &now);
    return 0;
}

int shares_run_ended(struct shares *shares, struct error *err)
{
    struct etcd_range range;
    if (etcd_get(shares->etcd, shares->run_key, &range, err) != 0)
        return -1;
    bool ours = range.count > 0 && range.pairs[0].create_revision == shares->run_created;
    etcd_range_free(&range);
    return ours ? 0 : 1;
}
