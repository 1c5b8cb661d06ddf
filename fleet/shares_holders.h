/* Who has the answers of which shares, and from whom to fetch next. Pure: no I/O, no clock, no
 * lock; the caller serialises. Times are clock_monotonic.
 *
 * A peer is taken for a holder of a share while it is live and either said that it has it (held/)
 * or is the one that finished it. A peer that was asked and did not have it is none, whatever it
 * says, until it gives it after all. */
#ifndef REFRESHD_FLEET_SHARES_HOLDERS_H
#define REFRESHD_FLEET_SHARES_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct shares_holders;

/* shares_holders_create: self, our own name, is never a holder. */
int shares_holders_create(struct shares_holders **out, uint32_t shares, const char *self,
                          struct error *err);
void shares_holders_free(struct shares_holders *holders); /* NULL is allowed */

/* shares_holders_peer: the number of the peer with this name, which is known from then on;
 * UINT32_MAX when out of memory. */
uint32_t shares_holders_peer(struct shares_holders *holders, const char *name);
const char *shares_holders_name(const struct shares_holders *holders, uint32_t peer);

/* Who is live, as read: begin, each, end. Everybody else is not. */
void shares_holders_live_begin(struct shares_holders *holders);
void shares_holders_live(struct shares_holders *holders, const char *name, const char *address,
                         const char *instance);
void shares_holders_live_end(struct shares_holders *holders);

/* shares_holders_rank: how many of those who are live come before us by name; *live: how many are,
 * with us. */
uint32_t shares_holders_rank(const struct shares_holders *holders, uint32_t *live);

/* shares_holders_held: held/NAME says so; text that makes no sense is as if it were not there. */
void shares_holders_held(struct shares_holders *holders, const char *name, const char *text);

/* shares_holders_any: is there a holder? by: who finished the share. */
bool shares_holders_any(const struct shares_holders *holders, uint32_t share, uint32_t by);

/* shares_holders_pick: whom to ask for it now: who finished it first, else any; `random` chooses.
 * False when there is nobody, or nobody who may be asked again already. */
bool shares_holders_pick(const struct shares_holders *holders, uint32_t share, uint32_t by,
                         double now, uint64_t random, uint32_t *peer);
const char *shares_holders_address(const struct shares_holders *holders, uint32_t peer);

/* What came of asking. absent: it does not have it. corrupt: it gave something else, and is not
 * asked for this share any more. silent: nothing came; the peer rests for a while. */
void shares_holders_gave(struct shares_holders *holders, uint32_t share, uint32_t peer);
void shares_holders_absent(struct shares_holders *holders, uint32_t share, uint32_t peer,
                           double now);
void shares_holders_corrupt(struct shares_holders *holders, uint32_t share, uint32_t peer);
void shares_holders_silent(struct shares_holders *holders, uint32_t peer, double now);

/* shares_holders_renewed: the share has other answers now: whoever did not have the old ones may
 * have these. */
void shares_holders_renewed(struct shares_holders *holders, uint32_t share);

#endif
