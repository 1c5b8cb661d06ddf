/* A transport over the network on a loop of its own, a server that follows a script, and what was
 * brought. The provider asks with the point's latitude as a number and takes the reply as a name.
 */
#ifndef REFRESHD_TESTS_NETWORK_RIG_H
#define REFRESHD_TESTS_NETWORK_RIG_H

#include "stages/geocode_internal.h"
#include "tests/unit/http_script.h"

#define NETWORK_RIG_KEY "SecretKey123" /* may be in no error */
#define NETWORK_RIG_SLOTS 64

extern _Atomic bool network_rig_posting; /* requests have a body; network_rig_make unsets it */

struct network_outcome {
    struct request request;
    struct point point;
    unsigned times; /* done was called */
    bool no_answer; /* done had no answers */
    struct answer answer;
    char text[400]; /* the reply, or the detail */
};

struct network_rig {
    struct http_script script;
    uv_loop_t loop;
    uv_timer_t alarm;
    char url[100];
    struct geocoder geocoder;
    struct transport *transport;
    struct network_outcome slots[NETWORK_RIG_SLOTS];
    unsigned done;
    unsigned again; /* more requests to be made by done itself */
    unsigned wrong; /* echoes that are not of their request */
    unsigned failed;
};

/* network_rig_make: without a server and a transport; url is to be set. */
struct network_rig *network_rig_make(void);

/* network_rig_open: the transport to url. */
void network_rig_open(struct network_rig *rig);

/* network_rig_script: with a server that follows these steps, and a base url that has a path of its
 * own; opened. */
struct network_rig *network_rig_script(const struct step *steps, size_t count);
#define NETWORK_RIG(...)                                                                           \
    network_rig_script((const struct step[]){__VA_ARGS__},                                         \
                       sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))

void network_rig_start(struct network_rig *rig, unsigned slot, int number);

/* network_rig_run_for: for so long, or until so many requests are done; returns how many turns the
 * loop took. */
unsigned network_rig_run_for(struct network_rig *rig, double seconds, unsigned until_done);

void network_rig_run_until(struct network_rig *rig, unsigned done);

/* network_rig_ask: one request, out of slot 0, and what came of it. */
const struct network_outcome *network_rig_ask(struct network_rig *rig);

void network_rig_close(struct network_rig *rig);

#endif
