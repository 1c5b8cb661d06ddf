#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "fleet/membership_internal.h"

#define BEATS 4.0    /* in a lease */
#define RETRIES 16.0 /* in a lease, while etcd does not answer or the name is taken */
#define AT_ONCE 2    /* times in a row that a beat is repeated without a pause */

#define PROCESS_BYTES 17

struct heart {
    struct membership *membership;
    char process[PROCESS_BYTES]; /* which process of our instance we are */
    bool known;                  /* modified says what peers/NAME is, as far as we know */
    bool was_joined;             /* by this process */
    int64_t modified;            /* its mod_revision; 0 = there is none */
    int64_t granted;             /* a lease of ours that may live; 0 = none */
    double sent;                 /* when the present heartbeat was, clock_monotonic */
    bool taken_told;
    int64_t shown_lease;
    uint64_t shown_epoch;
};

enum beat { BEAT_DONE, BEAT_AGAIN, BEAT_FAILED };

/* --- what the others see --------------------------------------------------------------------- */

static void joined(struct heart *heart)
{
    struct membership *membership = heart->membership;
    (void)pthread_mutex_lock(&membership->lock);
    if (membership->lease != 0 &&
        (membership->lease != heart->granted || clock_monotonic() >= membership->lease_end))
        membership->epoch++;
    membership->lease = heart->granted;
    membership->lease_end = heart->sent + membership->settings.lease;
    membership->answered = clock_monotonic();
    (void)pthread_mutex_unlock(&membership->lock);
    heart->taken_told = false;
    heart->was_joined = true;
}

static void lost(struct heart *heart)
{
    struct membership *membership = heart->membership;
    (void)pthread_mutex_lock(&membership->lock);
    if (membership->lease != 0)
        membership->epoch++;
    membership->lease = 0;
    membership->answered = clock_monotonic();
    (void)pthread_mutex_unlock(&membership->lock);
}

static void tell_changes(struct heart *heart)
{
    struct membership *membership = heart->membership;
    int64_t lease = membership_lease(membership);
    uint64_t epoch = membership_epoch(membership);
    if (lease == heart->shown_lease && epoch == heart->shown_epoch)
        return;
    heart->shown_lease = lease;
    heart->shown_epoch = epoch;
    membership->settings.changed(membership->settings.context);
}

/* --- our name -------------------------------------------------------------------------------- */

static void tell_taken(struct heart *heart)
{
    const struct membership_settings *settings = &heart->membership->settings;
    char text[300];
    if (heart->taken_told)
        return;
    heart->taken_told = true;
    (void)snprintf(text, sizeof text,
                   "name=%s reason=\"another live peer of the fleet has this name\"",
                   settings->name);
    settings->event(settings->context, 0, "name_taken", text);
}

static bool says(const cJSON *document, const char *name, const char *text)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(document, name);
    return cJSON_IsString(item) && strcmp(item->valuestring, text) == 0;
}

/* What our earlier process claimed stays ours when we go on with its lease. */
static void take_over(struct heart *heart, const struct etcd_pair *pair, const cJSON *document)
{
    const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(document, "lease");
    if (cJSON_IsNumber(seconds) && seconds->valuedouble == heart->membership->settings.lease)
        heart->granted = pair->lease;
}

/* May we write over the record? One without a lease is nobody's. One of our instance by a process
 * that came after us says that our state directory was copied: that one has the name now. */
static bool examine(struct heart *heart, const struct etcd_pair *pair)
{
    cJSON *document = cJSON_Parse(pair->value);
    bool ours = says(document, "instance", heart->membership->instance);
    bool of_us = ours && says(document, "process", heart->process);
    bool allowed = pair->lease == 0 || of_us || (ours && !heart->was_joined);
    if (allowed && ours && !of_us)
        take_over(heart, pair, document);
    if (allowed)
        heart->modified = pair->mod_revision;
    if (!of_us || pair->lease != heart->granted)
        lost(heart);
    cJSON_Delete(document);
    return allowed;
}

static enum beat look(struct heart *heart)
{
    struct membership *membership = heart->membership;
    struct etcd_range range;
    if (etcd_get(membership->heart_etcd, membership->peer_key, &range, NULL) != 0)
        return BEAT_FAILED;
    membership_answered(membership);
    heart->modified = 0;
    if (range.count == 0)
        lost(heart);
    heart->known = range.count == 0 || examine(heart, &range.pairs[0]);
    etcd_range_free(&range);
    if (heart->known)
        return BEAT_DONE;
    tell_taken(heart);
    return BEAT_FAILED;
}

/* --- a heartbeat ----------------------------------------------------------------------------- */

static enum beat keep_lease(struct heart *heart)
{
    struct membership *membership = heart->membership;
    heart->sent = clock_monotonic();
    if (heart->granted != 0) {
        int kept = etcd_lease_keep(membership->heart_etcd, heart->granted, NULL);
        if (kept != 0)
            return kept > 0 ? BEAT_DONE : BEAT_FAILED;
        heart->granted = heart->modified = 0;
        lost(heart);
        tell_changes(heart);
    }
    heart->sent = clock_monotonic();
    return etcd_lease_grant(membership->heart_etcd, membership->settings.lease, &heart->granted,
                            NULL) == 0
               ? BEAT_DONE
               : BEAT_FAILED;
}

static char *print_document(const struct heart *heart)
{
    const struct membership *membership = heart->membership;
    const struct membership_settings *settings = &membership->settings;
    struct timespec now;
    char *text = NULL;
    cJSON *document = cJSON_CreateObject();
    if (cJSON_AddStringToObject(document, "name", settings->name) != NULL &&
        cJSON_AddStringToObject(document, "instance", membership->instance) != NULL &&
        cJSON_AddStringToObject(document, "process", heart->process) != NULL &&
        cJSON_AddStringToObject(document, "advertise", settings->advertise) != NULL &&
        cJSON_AddNumberToObject(document, "lease", settings->lease) != NULL) {
        settings->describe(settings->context, document);
        (void)clock_gettime(CLOCK_REALTIME, &now);
        double clock = (double)now.tv_sec * 1e3 + (double)(now.tv_nsec / 1000000);
        if (cJSON_AddNumberToObject(document, "clock", clock) != NULL)
            text = cJSON_PrintUnformatted(document);
    }
    cJSON_Delete(document);
    return text;
}

static int put_record(struct heart *heart, int64_t *revision, struct error *err)
{
    struct membership *membership = heart->membership;
    struct etcd_txn txn;
    char *text = print_document(heart);
    if (text == NULL)
        return error_memory(err, "our record");
    etcd_txn_begin(&txn);
    etcd_compare_read(&txn, membership->peer_key, heart->modified);
    etcd_put(&txn, membership->peer_key, text, heart->granted);
    etcd_put(&txn, membership->seen_key, text, 0);
    free(text);
    return etcd_commit(membership->heart_etcd, &txn, revision, err);
}

static enum beat beat(struct heart *heart)
{
    struct error err = {0};
    int64_t revision = 0;
    if (!heart->known && look(heart) != BEAT_DONE)
        return BEAT_FAILED;
    if (keep_lease(heart) != BEAT_DONE)
        return BEAT_FAILED;
    int put = put_record(heart, &revision, &err);
    if (put == 1) {
        heart->modified = revision;
        joined(heart);
        return BEAT_DONE;
    }
    /* It may have been written all the same, or be gone, or somebody else's. */
    heart->known = false;
    if (put == 0)
        return BEAT_AGAIN;
    if (err.code != ERROR_MISSING)
        return BEAT_FAILED;
    heart->granted = 0;
    lost(heart);
    return BEAT_AGAIN;
}

/* --- the thread ------------------------------------------------------------------------------ */

/* When to beat again. A lease that is about to end is noticed in time. */
static double next_time(struct heart *heart, enum beat result, unsigned in_row)
{
    double lease = heart->membership->settings.lease;
    if (result == BEAT_DONE)
        return heart->sent + lease / BEATS;
    if (result == BEAT_AGAIN && in_row < AT_ONCE)
        return clock_monotonic();
    return clock_monotonic() + lease / RETRIES;
}

static void name_process(char out[PROCESS_BYTES])
{
    unsigned char bytes[(PROCESS_BYTES - 1) / 2] = {0};
    (void)getrandom(bytes, sizeof bytes, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void *membership_heart(void *argument)
{
    struct heart heart = {.membership = argument};
    unsigned in_row = 0;
    double next;
    name_process(heart.process);
    heart.shown_epoch = membership_epoch(heart.membership);
    do {
        enum beat result = beat(&heart);
        in_row = result == BEAT_AGAIN ? in_row + 1 : 0;
        tell_changes(&heart);
        next = next_time(&heart, result, in_row);
    } while (membership_pause(heart.membership, next, true));
    return NULL;
}
