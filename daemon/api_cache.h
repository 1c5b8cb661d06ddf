/* Documents that many viewers ask for, each made anew twice a second at most: however many look at
 * a dashboard, the daemon works for one.
 *
 *   api_cache_create(&cache, err);
 *   api_cache_read(cache, API_TILES, make, context, &body, err);    any thread
 *   api_cache_free(cache);                                          nobody reads any more
 *
 * One thread makes a document; the others meanwhile get the one before and don't wait for it. One
 * that is dear to make is made less often, so that it costs a twentieth of a core at most. */
#ifndef REFRESHD_DAEMON_API_CACHE_H
#define REFRESHD_DAEMON_API_CACHE_H

#include "base/buffer.h"
#include "base/error.h"

enum api_document { API_STATUS, API_TILES, API_HISTORY, API_GENERATIONS, API_PEERS, API_DOCUMENTS };

struct api_cache;

int api_cache_create(struct api_cache **out, struct error *err);
void api_cache_free(struct api_cache *cache); /* NULL is allowed */

/* The maker appends the document to out. */
typedef int api_maker(const void *context, struct buffer *out, struct error *err);

/* api_cache_read: append the document to out. -1 when it has to be made and that fails: out is as
 * it was. */
int api_cache_read(struct api_cache *cache, enum api_document which, api_maker *make,
                   const void *context, struct buffer *out, struct error *err);

#endif
