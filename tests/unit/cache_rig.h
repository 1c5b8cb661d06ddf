/* A cache directory of one's own whose entries say which generation built them. One rig a process
 * at a time. */
#ifndef REFRESHD_TESTS_CACHE_RIG_H
#define REFRESHD_TESTS_CACHE_RIG_H

#include "cachefmt/cache.h"

#define CACHE_RIG_ROWS 10 /* entries of each tile */

extern const struct grid cache_rig_grid; /* 2x2 */
extern char cache_rig_directory[200];

/* cache_rig_open, _close: set-up and teardown of one test. */
int cache_rig_open(void **state);
int cache_rig_close(void **state);

/* cache_rig_path: of a name in the directory; valid until the next call. */
const char *cache_rig_path(const char *name);

/* cache_rig_build_pair: CACHE_RIG_ROWS entries, the first 8 units east of cache_rig_first_point
 * and 8 apart. Each has the city "City BUILT" and the date BUILT. */
int cache_rig_build_pair(const char *index, const char *data, struct grid of, uint32_t tile,
                         uint64_t built, struct pair_info *info, struct error *err);
struct point cache_rig_first_point(struct grid of, uint32_t tile);

/* cache_rig_publish: a generation whose tiles in mask are new and whose others are the current
 * ones. cache_rig_must_publish: the same on cache_rig_grid, or the test fails. */
int cache_rig_publish(struct grid of, uint64_t generation, uint64_t mask, struct error *err);
void cache_rig_must_publish(uint64_t generation, uint64_t mask);

struct cache *cache_rig_must_open(struct cache *previous);

/* cache_rig_generation_of: the generation that an entry says it is of; UINT64_MAX when it is not
 * whole. */
uint64_t cache_rig_generation_of(const struct cache *cache, uint32_t tile, uint64_t row);

#endif
