/* Clients of the stub, told apart by the first word of their User-Agent, and the rate that each is
 * held to: replies come one after another, so many points a second. */
#ifndef REFRESHD_TESTS_STUB_CLIENTS_H
#define REFRESHD_TESTS_STUB_CLIENTS_H

#include "tests/stub/request.h"

#define CLIENTS_LIMIT 16 /* the last of them stands for all others */

struct client {
    char name[64];  /* "-" = it does not say */
    double free_at; /* clock_monotonic, when its next reply may go */
};
struct clients {
    double rate; /* points per second and client; 0 = unlimited */
    size_t count;
    struct client client[CLIENTS_LIMIT];
};

struct client *clients_find(struct clients *clients, struct text user_agent);

/* clients_delay: milliseconds that the reply to a request with so many points has to wait. */
unsigned clients_delay(const struct clients *clients, struct client *client, size_t points);

#endif
