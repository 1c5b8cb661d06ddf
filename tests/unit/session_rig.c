#include "tests/unit/session_rig.h"

struct geocoder_settings rig_settings = {.provider = "nominatim"};
struct network_session *rig_session;

static char key[] = RIG_SESSION_KEY;
static struct network network = {.settings = &rig_settings, .key = key};

int rig_session_open(void **state)
{
    struct error err;
    void *opened = NULL;
    (void)state;
    int result = network_session_open(&network, &opened, &err);
    rig_session = opened;
    return result;
}

int rig_session_close(void **state)
{
    (void)state;
    network_session_close(rig_session);
    return 0;
}
