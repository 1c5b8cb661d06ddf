#include <immintrin.h>
#include <string.h>

#include "quadtree/search.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi2,popcnt")
#endif

#define LANES 4
#define SEARCH_ONE search_one_avx2
#define SEARCH_GROUP search_group_avx2
#include "quadtree/nearby.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
