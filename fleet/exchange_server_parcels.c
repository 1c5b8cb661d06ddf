/* Compressed bytes, the last asked for kept a while: what a client takes up again is the same, and
 * several clients that ask for the same thing share it. */
#include "fleet/exchange_internal.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define LEVEL 3
#define IDLE_BYTES ((size_t)8 << 20) /* kept though nobody uses them */

void parcels_open(struct parcels *parcels)
{
    *parcels = (struct parcels){0};
    (void)pthread_mutex_init(&parcels->lock, NULL);
}

static void unlink_parcel(struct parcels *parcels, struct parcel *parcel)
{
    if (parcel->previous != NULL)
        parcel->previous->next = parcel->next;
    else
        parcels->first = parcel->next;
    if (parcel->next != NULL)
        parcel->next->previous = parcel->previous;
    else
        parcels->last = parcel->previous;
    parcel->previous = parcel->next = NULL;
}

static void put_first(struct parcels *parcels, struct parcel *parcel)
{
    parcel->next = parcels->first;
    if (parcel->next != NULL)
        parcel->next->previous = parcel;
    else
        parcels->last = parcel;
    parcels->first = parcel;
}

static void parcel_free(struct parcel *parcel)
{
    free(parcel->data);
    free(parcel);
}

void parcels_close(struct parcels *parcels)
{
    while (parcels->first != NULL) {
        struct parcel *parcel = parcels->first;
        unlink_parcel(parcels, parcel);
        parcel_free(parcel);
    }
    (void)pthread_mutex_destroy(&parcels->lock);
}

static bool same_name(const struct exchange_name *a, const struct exchange_name *b)
{
    return a->kind == b->kind && a->number == b->number && strcmp(a->run, b->run) == 0 &&
           pair_id_equal(&a->digest, &b->digest);
}

/* With the lock held. */
static struct parcel *take(struct parcels *parcels, const struct exchange_name *name)
{
    struct parcel *parcel = parcels->first;
    while (parcel != NULL && !same_name(&parcel->name, name))
        parcel = parcel->next;
    if (parcel == NULL)
        return NULL;
    if (parcel->users++ == 0)
        parcels->idle_bytes -= parcel->bytes;
    unlink_parcel(parcels, parcel);
    put_first(parcels, parcel);
    return parcel;
}

struct parcel *parcels_take(struct parcels *parcels, const struct exchange_name *name)
{
    (void)pthread_mutex_lock(&parcels->lock);
    struct parcel *parcel = take(parcels, name);
    (void)pthread_mutex_unlock(&parcels->lock);
    return parcel;
}

static struct parcel *compress(const struct exchange_name *name, const void *data, size_t bytes,
                               struct error *err)
{
    size_t room = ZSTD_compressBound(bytes);
    struct parcel *parcel = calloc(1, sizeof *parcel);
    unsigned char *packed = malloc(room);
    size_t used = packed == NULL ? 0 : ZSTD_compress(packed, room, data, bytes, LEVEL);
    if (parcel == NULL || packed == NULL || ZSTD_isError(used)) {
        free(parcel);
        free(packed);
        (void)error_memory(err, "a compressed reply");
        return NULL;
    }
    unsigned char *fitting = realloc(packed, used);
    if (fitting != NULL)
        packed = fitting;
    parcel->data = packed;
    parcel->bytes = used;
    parcel->name = *name;
    parcel->users = 1;
    return parcel;
}

int parcels_add(struct parcels *parcels, const struct exchange_name *name, const void *data,
                size_t bytes, struct parcel **out, struct error *err)
{
    struct parcel *made = compress(name, data, bytes, err);
    if (made == NULL)
        return -1;
    (void)pthread_mutex_lock(&parcels->lock);
    struct parcel *parcel = take(parcels, name);
    if (parcel == NULL)
        put_first(parcels, made);
    (void)pthread_mutex_unlock(&parcels->lock);
    if (parcel != NULL)
        parcel_free(made);
    *out = parcel != NULL ? parcel : made;
    return 0;
}

void parcels_give(struct parcels *parcels, struct parcel *parcel)
{
    (void)pthread_mutex_lock(&parcels->lock);
    if (--parcel->users == 0)
        parcels->idle_bytes += parcel->bytes;
    struct parcel *at = parcels->last;
    while (at != NULL && parcels->idle_bytes > IDLE_BYTES) {
        struct parcel *before = at->previous;
        if (at->users == 0) {
            parcels->idle_bytes -= at->bytes;
            unlink_parcel(parcels, at);
            parcel_free(at);
        }
        at = before;
    }
    (void)pthread_mutex_unlock(&parcels->lock);
}
