#include "stages/claim.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct claims {
    pthread_mutex_t mutex;
    uint32_t shares;
    uint32_t lowest; /* no share below is free */
    uint32_t active;
    unsigned char state[]; /* enum share_state */
};

int claims_create(struct claims **out, uint32_t shares, const bool *done, struct error *err)
{
    struct claims *claims = calloc(1, sizeof *claims + shares);
    if (claims == NULL || pthread_mutex_init(&claims->mutex, NULL) != 0) {
        free(claims);
        return error_memory(err, "the claims");
    }
    claims->shares = shares;
    for (uint32_t i = 0; done != NULL && i < shares; i++)
        claims->state[i] = done[i] ? SHARE_FINISHED : SHARE_FREE;
    *out = claims;
    return 0;
}

void claims_free(struct claims *claims)
{
    if (claims == NULL)
        return;
    (void)pthread_mutex_destroy(&claims->mutex);
    free(claims);
}

bool claims_next(struct claims *claims, uint32_t *share)
{
    (void)pthread_mutex_lock(&claims->mutex);
    while (claims->lowest < claims->shares && claims->state[claims->lowest] != SHARE_FREE)
        claims->lowest++;
    bool got = claims->lowest < claims->shares;
    if (got) {
        *share = claims->lowest++;
        claims->state[*share] = SHARE_CLAIMED;
        claims->active++;
    }
    (void)pthread_mutex_unlock(&claims->mutex);
    return got;
}

static void end_claim(struct claims *claims, uint32_t share, enum share_state state)
{
    (void)pthread_mutex_lock(&claims->mutex);
    if (share < claims->shares && claims->state[share] == SHARE_CLAIMED) {
        claims->state[share] = (unsigned char)state;
        claims->active--;
        if (state == SHARE_FREE && share < claims->lowest)
            claims->lowest = share;
    }
    (void)pthread_mutex_unlock(&claims->mutex);
}

void claims_return(struct claims *claims, uint32_t share)
{
    end_claim(claims, share, SHARE_FREE);
}

void claims_finish(struct claims *claims, uint32_t share)
{
    end_claim(claims, share, SHARE_FINISHED);
}

uint32_t claims_active(struct claims *claims)
{
    (void)pthread_mutex_lock(&claims->mutex);
    uint32_t active = claims->active;
    (void)pthread_mutex_unlock(&claims->mutex);
    return active;
}

void claims_copy(struct claims *claims, unsigned char *out)
{
    (void)pthread_mutex_lock(&claims->mutex);
    memcpy(out, claims->state, claims->shares);
    (void)pthread_mutex_unlock(&claims->mutex);
}
