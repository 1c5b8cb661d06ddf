/* The answers of a reader: results, their fields, and the bytes of their fields; private to
 * geocache/.
 *
 * The bytes of all hits lie one behind the other in one buffer, in the order of the results, each
 * field with a NUL behind it. So a field's length says where the next one is, and the pointers are
 * set when the buffer has stopped moving. */
#ifndef REFRESHD_GEOCACHE_ANSWERS_H
#define REFRESHD_GEOCACHE_ANSWERS_H

#include "cachefmt/cache.h"
#include "geocache/geocache.h"

struct answers {
    struct geocache_result *results;
    struct geocache_text *fields; /* FIELD_COUNT for each result */
    size_t room;                  /* results */
    struct buffer text;
};

/* answers_room: drop all answers and make room for count others. */
int answers_room(struct answers *answers, size_t count, struct error *err);
void answers_free(struct answers *answers);

/* answers_set_miss: result i is without an entry. */
void answers_set_miss(struct answers *answers, size_t i, enum geocache_status status,
                      uint64_t generation);

/* answers_set: result i is what this hit says: decoded and copied. In the order of i. */
int answers_set(struct answers *answers, size_t i, const struct cache *cache,
                const struct cache_hit *hit, struct error *err);

/* answers_finish: the first count results are set and nothing will be added: set the pointers. */
void answers_finish(struct answers *answers, size_t count);

#endif
