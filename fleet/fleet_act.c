/* What the protocol says, done. */
#include "fleet/fleet_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/gather.h"
#include "tables/tables.h"

#define LONGEST_ROW 65536 /* bytes of a learned point as CSV */
#define END_WAIT 0.1      /* seconds between looks while the line ends a run */

/* --- transactions of a run --------------------------------------------------------------- */

static void begin(struct etcd_txn *txn, const struct fleet *fleet, const struct fleet_view *view)
{
    char key[FLEET_KEY_BYTES];
    etcd_txn_begin(txn);
    etcd_compare_created(txn, view_key(key, fleet->prefix, "run"), view->run_created);
}

/* A transaction that is lost to others is no failure: the next look shows what they did. */
static int commit(struct fleet *fleet, struct etcd_txn *txn, struct error *err)
{
    return etcd_commit(fleet->etcd, txn, NULL, err) < 0 ? -1 : 0;
}

/* Put a document of the run; text is freed. */
static int put_text(struct fleet *fleet, struct etcd_txn *txn, const char *key, char *text,
                    int64_t lease, struct error *err)
{
    etcd_put(txn, key, text, lease);
    free(text);
    return commit(fleet, txn, err);
}

/* --- a decision ------------------------------------------------------------------------------- */

/* Seconds that the decider's clock is ahead of ours; NAN = not known. */
static double ahead_of_us(struct fleet *fleet, const char *name)
{
    struct membership_peer *peers;
    size_t count;
    double ahead = NAN;
    if (strcmp(name, fleet->settings.name) == 0)
        return 0;
    if (membership_peers(fleet->membership, &peers, &count, NULL) != 0)
        return NAN;
    for (size_t i = 0; i < count; i++)
        if (strcmp(peers[i].name, name) == 0)
            ahead = peers[i].clock_ahead;
    membership_peers_free(peers, count);
    return ahead;
}

/* The moment of the switch by our monotonic clock. When the clocks can't be compared the decision
 * counts as made when we saw it. */
static double moment(struct fleet *fleet, const struct decision_document *decision, double delay)
{
    double ahead = ahead_of_us(fleet, decision->decider);
    double left = isnan(ahead) ? delay : (double)decision->at_ms / 1000 - ahead - clock_wall();
    if (left > delay)
        left = delay;
    return left > 0 ? clock_monotonic() + left : 0;
}

static void give_verdict(struct fleet *fleet, const struct agreement *agreement)
{
    (void)pthread_mutex_lock(&fleet->lock);
    if (fleet->verdict.waiting && !fleet->verdict.given) {
        fleet->verdict.agreement = *agreement;
        fleet->verdict.given = true;
        (void)pthread_cond_broadcast(&fleet->changed);
    }
    (void)pthread_mutex_unlock(&fleet->lock);
}

static int do_switch(struct fleet *fleet, const struct fleet_view *view)
{
    const struct decision_document *decision = &view->current;
    struct agreement agreement = {
        .kind = AGREED_SWITCH,
        .when = moment(fleet, decision, fleet->joined.run.switch_delay),
        .published = (uint32_t)(decision->at_ms / 1000),
    };
    give_verdict(fleet, &agreement);
    return 0;
}

static int decide(struct fleet *fleet, const struct fleet_view *view,
                  const struct protocol_step *step, struct error *err)
{
    char key[FLEET_KEY_BYTES];
    char *text;
    struct etcd_txn txn;
    struct decision_document decision = {
        .digest = step->digest,
        .generation = view->run.generation,
        .started_at = view->run.started_at,
        .at_ms = (int64_t)((clock_wall() + view->run.switch_delay) * 1000),
    };
    memcpy(decision.run, view->run.id, sizeof decision.run);
    memcpy(decision.decider, fleet->self_name, sizeof decision.decider);
    if (decision_document_print(&decision, &text, err) != 0)
        return -1;
    begin(&txn, fleet, view);
    etcd_compare_read(&txn, view_key(key, fleet->prefix, "wish"), view->wish_modified);
    for (size_t i = 0; i < view->peer_count; i++)
        if (view->peers[i].has_ready && view->peers[i].member && !view->peers[i].out)
            etcd_compare_modified(
                &txn,
                view_run_key(key, fleet->prefix, view->run.id, "ready/%s", view->peers[i].name),
                view->peers[i].ready_modified);
    etcd_delete(&txn, view_key(key, fleet->prefix, "run"));
    return put_text(fleet, &txn, view_key(key, fleet->prefix, "current"), text, 0, err);
}

static int abort_run(struct fleet *fleet, const struct fleet_view *view,
                     const struct protocol_step *step, struct error *err)
{
    char key[FLEET_KEY_BYTES];
    char *text;
    struct etcd_txn txn;
    struct ended_document ended = {.failed = true, .started_at = view->run.started_at};
    memcpy(ended.run, view->run.id, sizeof ended.run);
    (void)snprintf(ended.reason, sizeof ended.reason, "%s", step->detail);
    if (ended_document_print(&ended, &text, err) != 0)
        return -1;
    begin(&txn, fleet, view);
    for (size_t i = 0; i < view->peer_count; i++) {
        const struct view_peer *peer = &view->peers[i];
        const char *run = view->run.id;
        if (peer->has_ready)
            etcd_compare_modified(&txn,
                                  view_run_key(key, fleet->prefix, run, "ready/%s", peer->name),
                                  peer->ready_modified);
        if (peer->out)
            etcd_compare_modified(&txn, view_run_key(key, fleet->prefix, run, "out/%s", peer->name),
                                  peer->out_modified);
    }
    etcd_delete(&txn, view_key(key, fleet->prefix, "run"));
    return put_text(fleet, &txn, view_key(key, fleet->prefix, "ended"), text, 0, err);
}

static int make_ready(struct fleet *fleet, const struct fleet_view *view,
                      const struct protocol_self *self, const struct protocol_step *step,
                      struct error *err)
{
    char key[FLEET_KEY_BYTES];
    char *text;
    struct etcd_txn txn;
    const char *run = view->run.id;
    int64_t lease = membership_lease(fleet->membership);
    if (lease == 0)
        return error_set(err, ERROR_UNREACHABLE, "this peer is no member now");
    if (digest_document_print(&step->digest, &text, err) != 0)
        return -1;
    begin(&txn, fleet, view);
    etcd_compare_read(&txn, view_run_key(key, fleet->prefix, run, "reopened"), self->reopened);
    etcd_compare_absent(&txn, view_run_key(key, fleet->prefix, run, "out/%s", self->name));
    return put_text(fleet, &txn, view_run_key(key, fleet->prefix, run, "ready/%s", self->name),
                    text, lease, err);
}

static int unready(struct fleet *fleet, const struct fleet_view *view,
                   const struct protocol_self *self, struct error *err)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_txn txn;
    etcd_txn_begin(&txn);
    etcd_delete(&txn, view_run_key(key, fleet->prefix, view->run.id, "ready/%s", self->name));
    return commit(fleet, &txn, err);
}

/* --- claims ---------------------------------------------------------------------------- */

static int delete_claims(struct fleet *fleet, const struct fleet_view *view,
                         const struct etcd_range *claims, struct error *err)
{
    char own[FLEET_NAME_BYTES + MEMBERSHIP_INSTANCE_BYTES], key[FLEET_KEY_BYTES];
    (void)snprintf(own, sizeof own, "%s %s", fleet->self_name,
                   membership_instance(fleet->membership));
    for (size_t i = 0; i < claims->count;) {
        struct etcd_txn txn;
        etcd_txn_begin(&txn);
        etcd_compare_created(&txn, view_key(key, fleet->prefix, "run"), view->run_created);
        for (; i < claims->count && txn.changes < ETCD_TXN_OPERATIONS; i++)
            if (strcmp(claims->pairs[i].value, own) == 0)
                etcd_delete(&txn, claims->pairs[i].key);
        if (etcd_commit(fleet->etcd, &txn, NULL, err) < 0)
            return -1;
    }
    return 0;
}

int claims_release(struct fleet *fleet, const struct fleet_view *view, struct error *err)
{
    struct etcd_range claims;
    char key[FLEET_KEY_BYTES];
    view_run_key(key, fleet->prefix, view->run.id, "claim/");
    if (etcd_get_prefix(fleet->etcd, key, 0, &claims, err) != 0)
        return -1;
    int result = delete_claims(fleet, view, &claims, err);
    etcd_range_free(&claims);
    return result;
}

static int leave_out(struct fleet *fleet, const struct fleet_view *view,
                     const struct protocol_self *self, const char *why, struct error *err)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_txn txn;
    const char *run = view->run.id;
    begin(&txn, fleet, view);
    etcd_delete(&txn, view_run_key(key, fleet->prefix, run, "ready/%s", self->name));
    etcd_delete(&txn, view_run_key(key, fleet->prefix, run, "held/%s", self->name));
    etcd_put(&txn, view_run_key(key, fleet->prefix, run, "out/%s", self->name), why, 0);
    return commit(fleet, &txn, err);
}

/* --- catching up -------------------------------------------------------------------------------
 */

/* Addresses of live peers, those first that have published the digest. */
static size_t list_sources(const struct fleet_view *view, const struct protocol_self *self,
                           const struct pair_id *digest, const char *addresses[FLEET_PEERS_LIMIT])
{
    size_t count = 0;
    for (int others = 0; others < 2; others++) {
        for (size_t i = 0; i < view->peer_count; i++) {
            const struct view_peer *peer = &view->peers[i];
            bool first = peer->document.generation > 0 && digest != NULL &&
                         pair_id_equal(&peer->document.digest, digest);
            if (peer->live && first != (others == 1) && peer->document.advertise[0] != '\0' &&
                strcmp(peer->name, self->name) != 0)
                addresses[count++] = peer->document.advertise;
        }
    }
    return count;
}

static int fetch_generation(struct fleet *fleet, const struct fleet_view *view,
                            const struct protocol_self *self, const struct pair_id *digest,
                            uint64_t *generation, struct error *err)
{
    const char *addresses[FLEET_PEERS_LIMIT];
    struct exchange_sources sources = {addresses, list_sources(view, self, digest, addresses)};
    struct catch_up_settings settings = {
        .cache_directory = fleet->settings.cache_directory,
        .state_directory = fleet->settings.state_directory,
        .keep_generations = fleet->settings.keep_generations,
    };
    return catch_up(&settings, fleet->client, &sources, digest, &fleet->catching_up, generation,
                    err);
}

static int follow_generation(struct fleet *fleet, const struct fleet_view *view,
                             const struct protocol_self *self, const struct pair_id *digest,
                             struct error *err)
{
    char text[2 * PAIR_ID_BYTES + 1];
    uint64_t generation = 0;
    if (line_occupy(fleet->line, "the fleet's generation is being fetched", err) != 0)
        return -1;
    fleet_event(fleet, 2, "fleet_catching_up", "digest=%s", pair_id_format(digest, text));
    int result = fetch_generation(fleet, view, self, digest, &generation, err);
    line_vacate(fleet->line);
    if (result != 0)
        return -1;
    line_cache_changed(fleet->line);
    fleet_event(fleet, 2, "fleet_caught_up", "generation=%" PRIu64 " digest=%s", generation, text);
    return 0;
}

/* --- before the run begins here ------------------------------------------------------------------
 */

static int gather(struct fleet *fleet, const struct fleet_view *view,
                  const struct protocol_self *self, struct error *err)
{
    char key[FLEET_KEY_BYTES];
    char *text;
    struct etcd_txn txn;
    struct learned_document learned = {0};
    int64_t modified = 0;
    for (size_t i = 0; i < view->peer_count; i++)
        if (strcmp(view->peers[i].name, self->name) == 0 && view->peers[i].has_learned)
            modified = view->peers[i].learned_modified;
    if (fleet->settings.learned != NULL &&
        gather_own(fleet->settings.learned, fleet->settings.state_directory, &learned.digest,
                   &learned.entries, err) != 0)
        return -1;
    if (learned_document_print(&learned, &text, err) != 0)
        return -1;
    begin(&txn, fleet, view);
    view_run_key(key, fleet->prefix, view->run.id, "learned/%s", self->name);
    etcd_compare_read(&txn, key, modified);
    return put_text(fleet, &txn, key, text, 0, err);
}

/* Bytes that a set may have at most: its peer says how many entries it holds. */
static uint64_t set_limit(const struct fleet_view *view, const struct pair_id *digest)
{
    uint64_t entries = 0;
    for (size_t i = 0; i < view->peer_count; i++) {
        const struct view_peer *peer = &view->peers[i];
        if (peer->has_learned && pair_id_equal(&peer->learned.digest, digest) &&
            peer->learned.entries > entries)
            entries = peer->learned.entries;
    }
    return (entries + 1) * LONGEST_ROW;
}

static int fetch_set(struct fleet *fleet, const struct fleet_view *view,
                     const struct protocol_self *self, const struct pair_id *digest,
                     struct error *err)
{
    const char *addresses[FLEET_PEERS_LIMIT];
    struct exchange_sources sources = {addresses, list_sources(view, self, NULL, addresses)};
    char *path;
    if (gather_has(fleet->settings.state_directory, digest))
        return 0;
    if (gather_path(fleet->settings.state_directory, digest, &path, err) != 0)
        return -1;
    int result = exchange_fetch_learned(fleet->client, &sources, view->run.id, digest,
                                        set_limit(view, digest), path, err);
    free(path);
    return result;
}

static int fetch_sets(struct fleet *fleet, const struct fleet_view *view,
                      const struct protocol_self *self, struct error *err)
{
    if (view->has_input) {
        for (size_t i = 0; i < view->input.count; i++)
            if (fetch_set(fleet, view, self, &view->input.sets[i], err) != 0)
                return -1;
        return 0;
    }
    for (size_t i = 0; i < view->peer_count; i++) {
        const struct view_peer *peer = &view->peers[i];
        if (peer->live && peer->has_learned && peer->learned.entries > 0 &&
            strcmp(peer->name, self->name) != 0 &&
            fetch_set(fleet, view, self, &peer->learned.digest, err) != 0)
            return -1;
    }
    return 0;
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct pair_id));
}

static void list_sets(const struct fleet *fleet, const struct fleet_view *view,
                      struct input_document *input)
{
    size_t unique = 0;
    for (size_t i = 0; i < view->peer_count && input->count < FLEET_MEMBERS_LIMIT; i++) {
        const struct view_peer *peer = &view->peers[i];
        if (peer->has_learned && peer->learned.entries > 0 &&
            gather_has(fleet->settings.state_directory, &peer->learned.digest))
            input->sets[input->count++] = peer->learned.digest;
    }
    qsort(input->sets, input->count, sizeof input->sets[0], compare_digests);
    for (size_t i = 0; i < input->count; i++)
        if (unique == 0 || !pair_id_equal(&input->sets[i], &input->sets[unique - 1]))
            input->sets[unique++] = input->sets[i];
    input->count = unique;
}

static int seal(struct fleet *fleet, const struct fleet_view *view, struct error *err)
{
    char key[FLEET_KEY_BYTES];
    char *text;
    struct etcd_txn txn;
    struct input_document input = {.count = 0};
    list_sets(fleet, view, &input);
    if (input_document_print(&input, &text, err) != 0)
        return -1;
    begin(&txn, fleet, view);
    view_run_key(key, fleet->prefix, view->run.id, "input");
    etcd_compare_absent(&txn, key);
    return put_text(fleet, &txn, key, text, 0, err);
}

static int join(struct fleet *fleet, const struct fleet_view *view, struct error *err)
{
    const struct run_document *run = &view->run;
    struct joined_run joined = {.run = *run, .input = view->input};
    struct line_invitation invitation = {
        .parameters = run->parameters,
        .base_digest = run->base_digest,
        .generation = run->generation,
        .started_at = run->started_at,
        .retry_of = run->parameters.retry_failed ? run->retry_of : NULL,
    };
    char differences[300];
    invitation.parameters.tables = run->has_tables ? run->tables : tables_of_a_run;
    memcpy(invitation.id, run->id, sizeof invitation.id);
    memcpy(invitation.provider, run->provider, sizeof invitation.provider);
    if (store_joined(fleet, &joined, err) != 0 || line_join(fleet->line, &invitation, err) != 0)
        return -1;
    fleet_event(fleet, 2, "fleet_run_joined", "run=%s members=%zu starter=%s", run->id,
                run->member_count, run->starter);
    fleet_differences(fleet, run, differences, sizeof differences);
    if (differences[0] != '\0')
        fleet_event(fleet, 1, "fleet_setting_differs", "run=%s settings=\"%s\"", run->id,
                    differences);
    return 0;
}

/* --- all of it
 * -------------------------------------------------------------------------------------- */

/* Of the run that the round looked at: somebody may have begun another one since. */
static int end_line(struct fleet *fleet, const struct protocol_self *self,
                    const struct protocol_step *step, struct error *err)
{
    struct error own;
    struct line_status status;
    line_status(fleet->line, &status);
    if (strcmp(status.run.id, self->line_run) != 0)
        return 0;
    int result =
        step->failed ? line_fail(fleet->line, step->detail, &own) : line_cancel(fleet->line, &own);
    if (result != 0 && own.code != ERROR_STATE) {
        if (err != NULL)
            *err = own;
        return -1;
    }
    struct timespec wait = clock_timespec(END_WAIT);
    (void)nanosleep(&wait, NULL);
    return 0;
}

int fleet_act(struct fleet *fleet, const struct fleet_view *view, const struct protocol_self *self,
              const struct protocol_step *step, struct error *err)
{
    struct agreement again = {.kind = AGREED_AGAIN};
    switch (step->action) {
    case PROTOCOL_SWITCH:
        return do_switch(fleet, view);
    case PROTOCOL_APPLIED:
        return store_applied(fleet, view->current.run, err);
    case PROTOCOL_CATCH_UP:
        return follow_generation(fleet, view, self, &step->digest, err);
    case PROTOCOL_END_LINE:
        return end_line(fleet, self, step, err);
    case PROTOCOL_LEAVE_OUT:
        return leave_out(fleet, view, self, step->detail, err);
    case PROTOCOL_GATHER:
        return gather(fleet, view, self, err);
    case PROTOCOL_FETCH:
        return fetch_sets(fleet, view, self, err);
    case PROTOCOL_SEAL:
        return seal(fleet, view, err);
    case PROTOCOL_JOIN:
        return join(fleet, view, err);
    case PROTOCOL_READY:
        return make_ready(fleet, view, self, step, err);
    case PROTOCOL_UNREADY:
        return unready(fleet, view, self, err);
    case PROTOCOL_AGAIN:
        give_verdict(fleet, &again);
        return 0;
    case PROTOCOL_DECIDE:
        return decide(fleet, view, step, err);
    case PROTOCOL_ABORT:
        return abort_run(fleet, view, step, err);
    case PROTOCOL_REST:
        break;
    }
    return 0;
}
