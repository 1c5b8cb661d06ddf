#include "fleet/shares_holders.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/shares_documents.h"

#define NAME_BYTES 72
#define ADDRESS_BYTES 264
#define REST_FIRST 0.5 /* seconds */
#define REST_LONGEST 8.0
#define ABSENT_REST 5.0

struct holder {
    char name[NAME_BYTES], address[ADDRESS_BYTES];
    char instance[SHARE_INSTANCE_BYTES]; /* of who is live */
    char held_instance[SHARE_INSTANCE_BYTES];
    unsigned char *held; /* a bit for each share; NULL = it said nothing */
    bool live, seen;
    double rest, resting_until;
};

/* A peer that did not have a share when it was asked. */
struct refusal {
    uint32_t share, peer;
    double until;
};

struct shares_holders {
    uint32_t shares;
    uint32_t self;
    struct holder *holder;
    uint32_t count, room;
    struct refusal *refusal;
    size_t refusals, refusal_room;
};

int shares_holders_create(struct shares_holders **out, uint32_t shares, const char *self,
                          struct error *err)
{
    struct shares_holders *holders = calloc(1, sizeof *holders);
    if (holders == NULL)
        return error_memory(err, "the peers");
    holders->shares = shares;
    holders->self = shares_holders_peer(holders, self);
    if (holders->self == UINT32_MAX) {
        shares_holders_free(holders);
        return error_memory(err, "the peers");
    }
    *out = holders;
    return 0;
}

void shares_holders_free(struct shares_holders *holders)
{
    if (holders == NULL)
        return;
    for (uint32_t i = 0; i < holders->count; i++)
        free(holders->holder[i].held);
    free(holders->holder);
    free(holders->refusal);
    free(holders);
}

static bool copy_text(char *out, size_t room, const char *text)
{
    size_t length = strlen(text);
    if (length >= room)
        return false;
    memcpy(out, text, length + 1);
    return true;
}

uint32_t shares_holders_peer(struct shares_holders *holders, const char *name)
{
    for (uint32_t i = 0; i < holders->count; i++) {
        if (strcmp(holders->holder[i].name, name) == 0)
            return i;
    }
    if (holders->count == holders->room) {
        uint32_t room = holders->room == 0 ? 8 : holders->room * 2;
        struct holder *larger = reallocarray(holders->holder, room, sizeof *larger);
        if (larger == NULL)
            return UINT32_MAX;
        holders->holder = larger;
        holders->room = room;
    }
    struct holder *holder = &holders->holder[holders->count];
    memset(holder, 0, sizeof *holder);
    if (!copy_text(holder->name, sizeof holder->name, name))
        return UINT32_MAX;
    return holders->count++;
}

const char *shares_holders_name(const struct shares_holders *holders, uint32_t peer)
{
    return peer < holders->count ? holders->holder[peer].name : "?";
}

const char *shares_holders_address(const struct shares_holders *holders, uint32_t peer)
{
    return holders->holder[peer].address;
}

/* --- what they say ------------------------------------------------------------------------- */

void shares_holders_live_begin(struct shares_holders *holders)
{
    for (uint32_t i = 0; i < holders->count; i++)
        holders->holder[i].seen = false;
}

void shares_holders_live(struct shares_holders *holders, const char *name, const char *address,
                         const char *instance)
{
    uint32_t peer = shares_holders_peer(holders, name);
    if (peer == UINT32_MAX)
        return;
    struct holder *holder = &holders->holder[peer];
    if (!copy_text(holder->address, sizeof holder->address, address) ||
        !copy_text(holder->instance, sizeof holder->instance, instance))
        return;
    holder->seen = true;
    holder->live = true;
}

void shares_holders_live_end(struct shares_holders *holders)
{
    for (uint32_t i = 0; i < holders->count; i++)
        holders->holder[i].live = holders->holder[i].seen;
}

uint32_t shares_holders_rank(const struct shares_holders *holders, uint32_t *live)
{
    uint32_t rank = 0;
    *live = 1;
    for (uint32_t i = 0; i < holders->count; i++) {
        if (i == holders->self || !holders->holder[i].live)
            continue;
        rank += strcmp(holders->holder[i].name, holders->holder[holders->self].name) < 0;
        (*live)++;
    }
    return rank;
}

void shares_holders_held(struct shares_holders *holders, const char *name, const char *text)
{
    uint32_t peer = shares_holders_peer(holders, name);
    if (peer == UINT32_MAX)
        return;
    struct holder *holder = &holders->holder[peer];
    if (holder->held == NULL)
        holder->held = calloc(1, (size_t)holders->shares / 8 + 1);
    if (holder->held == NULL ||
        !share_held_parse(text, holders->shares, holder->held, holder->held_instance))
        holder->held_instance[0] = '\0';
}

/* --- whom to ask --------------------------------------------------------------------------- */

static struct refusal *find_refusal(const struct shares_holders *holders, uint32_t share,
                                    uint32_t peer)
{
    for (size_t i = 0; i < holders->refusals; i++) {
        if (holders->refusal[i].share == share && holders->refusal[i].peer == peer)
            return &holders->refusal[i];
    }
    return NULL;
}

static bool claims_to_hold(const struct shares_holders *holders, uint32_t share, uint32_t by,
                           uint32_t peer)
{
    const struct holder *holder = &holders->holder[peer];
    if (peer == holders->self || !holder->live)
        return false;
    if (peer == by)
        return true;
    return holder->held != NULL && holder->held_instance[0] != '\0' &&
           strcmp(holder->held_instance, holder->instance) == 0 && share_bit(holder->held, share);
}

bool shares_holders_any(const struct shares_holders *holders, uint32_t share, uint32_t by)
{
    for (uint32_t i = 0; i < holders->count; i++) {
        if (claims_to_hold(holders, share, by, i) && find_refusal(holders, share, i) == NULL)
            return true;
    }
    return false;
}

static bool may_be_asked(const struct shares_holders *holders, uint32_t share, uint32_t by,
                         uint32_t peer, double now)
{
    if (!claims_to_hold(holders, share, by, peer) || now < holders->holder[peer].resting_until)
        return false;
    const struct refusal *refusal = find_refusal(holders, share, peer);
    return refusal == NULL || now >= refusal->until;
}

bool shares_holders_pick(const struct shares_holders *holders, uint32_t share, uint32_t by,
                         double now, uint64_t random, uint32_t *peer)
{
    uint32_t candidates = 0;
    if (by < holders->count && may_be_asked(holders, share, by, by, now)) {
        *peer = by;
        return true;
    }
    for (uint32_t i = 0; i < holders->count; i++)
        candidates += may_be_asked(holders, share, by, i, now);
    if (candidates == 0)
        return false;
    uint64_t chosen = random % candidates;
    for (uint32_t i = 0; i < holders->count; i++) {
        if (may_be_asked(holders, share, by, i, now) && chosen-- == 0)
            *peer = i;
    }
    return true;
}

/* --- what came of it ----------------------------------------------------------------------- */

static void remove_refusals(struct shares_holders *holders, uint32_t share, uint32_t peer)
{
    size_t kept = 0;
    for (size_t i = 0; i < holders->refusals; i++) {
        struct refusal refusal = holders->refusal[i];
        if (refusal.share != share || (peer != UINT32_MAX && refusal.peer != peer))
            holders->refusal[kept++] = refusal;
    }
    holders->refusals = kept;
}

static void refuse(struct shares_holders *holders, uint32_t share, uint32_t peer, double until)
{
    struct refusal *refusal = find_refusal(holders, share, peer);
    if (refusal != NULL) {
        refusal->until = until;
        return;
    }
    if (holders->refusals == holders->refusal_room) {
        size_t room = holders->refusal_room == 0 ? 16 : holders->refusal_room * 2;
        struct refusal *larger = reallocarray(holders->refusal, room, sizeof *larger);
        if (larger == NULL) /* it will be asked again too soon */
            return;
        holders->refusal = larger;
        holders->refusal_room = room;
    }
    holders->refusal[holders->refusals++] = (struct refusal){share, peer, until};
}

void shares_holders_gave(struct shares_holders *holders, uint32_t share, uint32_t peer)
{
    remove_refusals(holders, share, peer);
    holders->holder[peer].rest = 0;
}

void shares_holders_absent(struct shares_holders *holders, uint32_t share, uint32_t peer,
                           double now)
{
    refuse(holders, share, peer, now + ABSENT_REST);
    holders->holder[peer].rest = 0;
}

void shares_holders_corrupt(struct shares_holders *holders, uint32_t share, uint32_t peer)
{
    refuse(holders, share, peer, INFINITY);
}

void shares_holders_silent(struct shares_holders *holders, uint32_t peer, double now)
{
    struct holder *holder = &holders->holder[peer];
    holder->rest = holder->rest == 0 ? REST_FIRST : fmin(holder->rest * 2, REST_LONGEST);
    holder->resting_until = now + holder->rest;
}

void shares_holders_renewed(struct shares_holders *holders, uint32_t share)
{
    remove_refusals(holders, share, UINT32_MAX);
}
