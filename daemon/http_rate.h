/* How many requests a second a client may make: a bucket of tokens for each address, in a table of
 * fixed size. A bucket holds one second's worth (at least one). When there are more clients than
 * room, the client whose bucket is fullest is forgotten: it has the least to lose.
 *
 *   rate_open(&rate, per_second, err);
 *   if (!rate_take(rate, client, now, &wait)) ...     refuse for `wait` seconds
 *   rate_close(rate); */
#ifndef REFRESHD_DAEMON_HTTP_RATE_H
#define REFRESHD_DAEMON_HTTP_RATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

struct rate;

int rate_open(struct rate **out, double per_second, struct error *err);
void rate_close(struct rate *rate); /* NULL is allowed */

/* rate_client: who that is: an IPv4 address, or the first 64 bits of an IPv6 address, which is what
 * one customer has. */
uint64_t rate_client(const struct sockaddr *address);

/* rate_take: one request at `now` (seconds, monotonic). false: too many; *wait is how many seconds
 * until the next may come. Any thread. */
bool rate_take(struct rate *rate, uint64_t client, double now, double *wait);

#endif
