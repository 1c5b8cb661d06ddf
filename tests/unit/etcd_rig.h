/* A real etcd for tests: one member or three, on free loopback ports, with its data in memory
 * where there is room. Ends with the test program, whatever happens to that. */
#ifndef REFRESHD_TESTS_UNIT_ETCD_RIG_H
#define REFRESHD_TESTS_UNIT_ETCD_RIG_H

#include <sys/types.h>

#include "fleet/etcd.h"

#define ETCD_RIG_MEMBERS 3

struct etcd_rig {
    size_t members;
    char directory[80];
    pid_t pids[ETCD_RIG_MEMBERS]; /* 0 = not running */
    unsigned client_ports[ETCD_RIG_MEMBERS], peer_ports[ETCD_RIG_MEMBERS];
    char urls[ETCD_RIG_MEMBERS][40];
    const char *cert, *key, *ca; /* of a secure one */
    const char *endpoints[ETCD_RIG_MEMBERS];
    struct etcd_settings settings; /* all members, a timeout of a second */
};

/* etcd_rig_start: returns when every member answers; false when etcd could not be started. */
bool etcd_rig_start(struct etcd_rig *rig, size_t members);
/* etcd_rig_start_secure: one member that takes clients with a certificate of the authority only;
 * settings has the same files. */
bool etcd_rig_start_secure(struct etcd_rig *rig, const char *cert, const char *key, const char *ca);
void etcd_rig_stop(struct etcd_rig *rig);

/* etcd_rig_kill: at once. etcd_rig_pause: it keeps its connections, but says nothing, until
 * etcd_rig_go_on. etcd_rig_again: start a killed one again, with its data. */
void etcd_rig_kill(struct etcd_rig *rig, size_t member);
void etcd_rig_pause(struct etcd_rig *rig, size_t member);
void etcd_rig_go_on(struct etcd_rig *rig, size_t member);
bool etcd_rig_again(struct etcd_rig *rig, size_t member);

#endif
