/* Commands about the fleet. */
#include "daemon/commands.h"
#include "daemon/fleet_json.h"

cJSON *answer_peers(struct daemon *daemon, struct error *err)
{
    const char *name = daemon->started->peers.fleet;
    cJSON *reply = peers_now(daemon->fleet, name, err);
    if (reply == NULL || cJSON_AddTrueToObject(reply, "ok") != NULL)
        return reply;
    cJSON_Delete(reply);
    error_memory(err, "a reply");
    return NULL;
}
