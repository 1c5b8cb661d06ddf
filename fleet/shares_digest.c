/* What claimer and preparation have in common. */
#include <cjson/cJSON.h>

#include "fleet/shares_internal.h"
#include "stages/share_answers.h"

int shares_digest(struct shares_memory *memory, struct ledger *ledger,
                  const char *answers_directory, uint32_t share, uint32_t points,
                  struct pair_id *out, struct error *err)
{
    struct buffer record = {0};
    if (shares_memory_digest(memory, share, out))
        return 0;
    int result = share_answers_read(ledger, answers_directory, share, points, &record, err);
    if (result == 0) {
        *out = share_answers_digest(record.data, record.used);
        shares_memory_keep(memory, share, out);
    }
    buffer_free(&record);
    return result;
}

static const char *text_of(const cJSON *document, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, name));
    return text != NULL ? text : "";
}

int shares_list_live(struct membership *membership, struct shares_holders *holders,
                     pthread_mutex_t *lock, struct error *err)
{
    struct membership_peer *peers = NULL;
    size_t count = 0;
    if (membership_peers(membership, &peers, &count, err) != 0)
        return -1;
    (void)pthread_mutex_lock(lock);
    shares_holders_live_begin(holders);
    for (size_t i = 0; i < count; i++) {
        if (peers[i].live)
            shares_holders_live(holders, peers[i].name, text_of(peers[i].document, "advertise"),
                                text_of(peers[i].document, "instance"));
    }
    shares_holders_live_end(holders);
    (void)pthread_mutex_unlock(lock);
    membership_peers_free(peers, count);
    return 0;
}
