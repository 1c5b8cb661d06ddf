/* Commands about the fleet. */
#include "daemon/commands.h"
#include "daemon/fleet_json.h"
#include "daemon/json_maker.h"

cJSON *answer_peers(struct daemon *daemon, struct error *err)
{
    (void)daemon;
    struct json_maker reply = json_make();
    json_add_flag(&reply, "ok", true);
    json_add_text(&reply, "fleet", "");
    json_add_count(&reply, "point_files", 0);
    json_add(&reply, "peers", peers_json(NULL, 0));
    cJSON *made = json_end(&reply);
    if (made == NULL)
        error_memory(err, "a reply");
    return made;
}
