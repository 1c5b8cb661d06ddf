#include "stages/claim.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One process: the mutex guards what is below it. */
struct own_claims {
    struct claims claims; /* first */
    pthread_mutex_t mutex;
    uint32_t shares;
    uint32_t lowest; /* no share below is free */
    uint32_t active;
    uint32_t free;
    unsigned char state[]; /* enum share_state */
};

static struct own_claims *own(struct claims *claims)
{
    return (struct own_claims *)claims;
}

static void own_free(struct claims *base)
{
    struct own_claims *claims = own(base);
    (void)pthread_mutex_destroy(&claims->mutex);
    free(claims);
}

static bool own_next(struct claims *base, uint32_t *share)
{
    struct own_claims *claims = own(base);
    (void)pthread_mutex_lock(&claims->mutex);
    while (claims->lowest < claims->shares && claims->state[claims->lowest] != SHARE_FREE)
        claims->lowest++;
    bool got = claims->lowest < claims->shares;
    if (got) {
        *share = claims->lowest++;
        claims->state[*share] = SHARE_CLAIMED;
        claims->free--;
        claims->active++;
    }
    (void)pthread_mutex_unlock(&claims->mutex);
    return got;
}

static void end_claim(struct own_claims *claims, uint32_t share, enum share_state state)
{
    (void)pthread_mutex_lock(&claims->mutex);
    if (share < claims->shares && claims->state[share] == SHARE_CLAIMED) {
        claims->state[share] = (unsigned char)state;
        claims->active--;
        claims->free += state == SHARE_FREE;
        if (state == SHARE_FREE && share < claims->lowest)
            claims->lowest = share;
    }
    (void)pthread_mutex_unlock(&claims->mutex);
}

static void own_give_back(struct claims *base, uint32_t share)
{
    end_claim(own(base), share, SHARE_FREE);
}

static void own_finish(struct claims *base, uint32_t share)
{
    end_claim(own(base), share, SHARE_FINISHED);
}

static void own_committed(struct claims *base, uint32_t share)
{
    (void)base;
    (void)share;
}

static uint32_t own_active(struct claims *base)
{
    struct own_claims *claims = own(base);
    (void)pthread_mutex_lock(&claims->mutex);
    uint32_t active = claims->active;
    (void)pthread_mutex_unlock(&claims->mutex);
    return active;
}

static bool own_over(struct claims *base)
{
    struct own_claims *claims = own(base);
    (void)pthread_mutex_lock(&claims->mutex);
    bool over = claims->free == 0;
    (void)pthread_mutex_unlock(&claims->mutex);
    return over;
}

static void own_copy(struct claims *base, unsigned char *out)
{
    struct own_claims *claims = own(base);
    (void)pthread_mutex_lock(&claims->mutex);
    memcpy(out, claims->state, claims->shares);
    (void)pthread_mutex_unlock(&claims->mutex);
}

static const struct claims_calls own_calls = {
    .next = own_next,
    .give_back = own_give_back,
    .finish = own_finish,
    .committed = own_committed,
    .active = own_active,
    .over = own_over,
    .copy = own_copy,
    .free = own_free,
};

int claims_create(struct claims **out, uint32_t shares, const bool *done, struct error *err)
{
    struct own_claims *claims = calloc(1, sizeof *claims + shares);
    if (claims == NULL || pthread_mutex_init(&claims->mutex, NULL) != 0) {
        free(claims);
        return error_memory(err, "the claims");
    }
    claims->claims.calls = &own_calls;
    claims->shares = shares;
    for (uint32_t i = 0; done != NULL && i < shares; i++)
        claims->state[i] = done[i] ? SHARE_FINISHED : SHARE_FREE;
    for (uint32_t i = 0; i < shares; i++)
        claims->free += claims->state[i] == SHARE_FREE;
    *out = &claims->claims;
    return 0;
}
