#include "daemon/fleet_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/json_maker.h"
#include "daemon/protocol.h"

/* Zero is no digest. */
static void add_digest(struct json_maker *maker, const char *name, const struct pair_id *digest)
{
    static const struct pair_id none;
    char text[2 * PAIR_ID_BYTES + 1] = "";
    if (memcmp(digest, &none, sizeof none) != 0)
        (void)pair_id_format(digest, text);
    json_add_text(maker, name, text);
}

cJSON *fleet_json(const struct fleet_status *fleet)
{
    struct json_maker document = json_make();
    json_add_text(&document, "run", fleet->run);
    json_add_text(&document, "phase", fleet_phase_names[fleet->phase]);
    json_add_text(&document, "detail", fleet->detail);
    json_add_count(&document, "members", fleet->members);
    json_add_count(&document, "ready", fleet->ready);
    json_add_count(&document, "live", fleet->live);
    json_add_figure(&document, "switch_at", fleet->switch_at > 0 ? fleet->switch_at : NAN);
    add_digest(&document, "digest", &fleet->digest);
    json_add_flag(&document, "current", fleet->current);
    json_add_flag(&document, "paused", fleet->paused);
    json_add_count(&document, "shares", fleet->shares);
    json_add_count(&document, "shares_done", fleet->shares_done);
    json_add_count(&document, "fetched", fleet->shares_fetched);
    json_add_count(&document, "bytes_fetched", fleet->bytes_fetched);
    json_add_count(&document, "bytes_served", fleet->bytes_served);
    json_add_figure(&document, "rate_share", fleet->rate_share);
    return json_end(&document);
}

static cJSON *peer_json(const struct fleet_peer *peer)
{
    struct json_maker document = json_make();
    json_add_text(&document, "name", peer->name);
    json_add_text(&document, "advertise", peer->advertise);
    json_add_flag(&document, "live", peer->live);
    json_add_flag(&document, "self", peer->self);
    json_add_flag(&document, "member", peer->member);
    json_add_count(&document, "generation", peer->generation);
    add_digest(&document, "digest", &peer->digest);
    json_add_count(&document, "point_files_done", peer->point_files_done);
    json_add_count(&document, "point_files_held", peer->point_files_held);
    json_add_figure(&document, "lag_s", peer->lag);
    json_add_count(&document, "last_seen", peer->last_seen);
    json_add_figure(&document, "clock_ahead_s", peer->clock_ahead);
    json_add_text(&document, "state", peer->state);
    json_add_text(&document, "differs", peer->differs);
    return json_end(&document);
}

cJSON *peers_json(const struct fleet_peer *peers, size_t count)
{
    cJSON *list = cJSON_CreateArray();
    bool failed = list == NULL;
    for (size_t i = 0; i < count && !failed; i++) {
        cJSON *item = peer_json(&peers[i]);
        failed = item == NULL || !cJSON_AddItemToArray(list, item);
        if (failed)
            cJSON_Delete(item);
    }
    if (!failed)
        return list;
    cJSON_Delete(list);
    return NULL;
}

cJSON *peers_now(struct fleet *fleet, const char *name, struct error *err)
{
    struct fleet_peer *peers = NULL;
    size_t count = 0;
    struct fleet_status status = {0};
    if (fleet != NULL && fleet_peers(fleet, &peers, &count, err) != 0)
        return NULL;
    if (fleet != NULL)
        fleet_status(fleet, &status);
    struct json_maker document = json_make();
    json_add_text(&document, "fleet", fleet != NULL ? name : "");
    json_add_count(&document, "point_files", status.shares);
    json_add(&document, "peers", peers_json(peers, count));
    free(peers);
    cJSON *made = json_end(&document);
    if (made == NULL)
        error_memory(err, "the list of peers");
    return made;
}

void fleet_show_run(struct line_status *status, const struct fleet_status *fleet)
{
    bool idle = status->state == LINE_IDLE || status->state == LINE_FAILED;
    if (!idle || fleet->run[0] == '\0' || fleet->phase == FLEET_LEFT_OUT ||
        fleet->phase == FLEET_IDLE || strcmp(status->last_run.id, fleet->run) == 0)
        return;
    status->state = fleet->paused ? LINE_PAUSED : LINE_SNAPSHOT;
    memcpy(status->run.id, fleet->run, sizeof status->run.id);
    status->run.parameters.shares = fleet->shares;
    (void)snprintf(status->reason, sizeof status->reason, "%s",
                   fleet->paused ? PAUSED_BY_OPERATOR : fleet->detail);
}
