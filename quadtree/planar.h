/* The planar measure: the squares of the distances from a query to the points of a block, on a
 * plane, in single precision, several in each step. Compiled into each build of the search, with
 * LANES (64-bit ones in a vector: 2, 4 or 8) set before. */
#ifndef REFRESHD_QUADTREE_PLANAR_H
#define REFRESHD_QUADTREE_PLANAR_H

#include <immintrin.h>
#include <string.h>

#include "quadtree/search.h"

#define WIDTH (2 * LANES) /* numbers in a vector */
#define VECTORS (BLOCK / WIDTH)

typedef uint32_t integers __attribute__((vector_size(4 * WIDTH)));
typedef int32_t differences __attribute__((vector_size(4 * WIDTH)));
typedef float numbers __attribute__((vector_size(4 * WIDTH)));

#if LANES == 8
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODDS 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31

static inline numbers lesser(numbers a, numbers b)
{
    return (numbers)_mm512_min_ps((__m512)a, (__m512)b);
}

static inline float least_number(numbers a)
{
    return _mm512_reduce_min_ps((__m512)a);
}

/* Bit i: number i is at most limit. */
static inline uint32_t numbers_within(numbers a, float limit)
{
    return _mm512_cmp_ps_mask((__m512)a, _mm512_set1_ps(limit), _CMP_LE_OQ);
}
#elif LANES == 4
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14
#define ODDS 1, 3, 5, 7, 9, 11, 13, 15

static inline numbers lesser(numbers a, numbers b)
{
    return (numbers)_mm256_min_ps((__m256)a, (__m256)b);
}

static inline float least_number(numbers a)
{
    __m128 half =
        _mm_min_ps(_mm256_castps256_ps128((__m256)a), _mm256_extractf128_ps((__m256)a, 1));
    half = _mm_min_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_min_ss(half, _mm_movehdup_ps(half)));
}

static inline uint32_t numbers_within(numbers a, float limit)
{
    return (uint32_t)_mm256_movemask_ps(
        _mm256_cmp_ps((__m256)a, _mm256_set1_ps(limit), _CMP_LE_OQ));
}
#else
#define EVENS 0, 2, 4, 6
#define ODDS 1, 3, 5, 7

static inline numbers lesser(numbers a, numbers b)
{
    return (numbers)_mm_min_ps((__m128)a, (__m128)b);
}

static inline float least_number(numbers a)
{
    __m128 half = _mm_min_ps((__m128)a, _mm_movehl_ps((__m128)a, (__m128)a));
    return _mm_cvtss_f32(_mm_min_ss(half, _mm_shuffle_ps(half, half, 1)));
}

static inline uint32_t numbers_within(numbers a, float limit)
{
    return (uint32_t)_mm_movemask_ps(_mm_cmple_ps((__m128)a, _mm_set1_ps(limit)));
}
#endif

/* Numbers of latitude and longitude, by turns, from the query on. Where a difference does not fit
 * it wraps, and stays beyond 69 degrees. */
static inline numbers differences_from(integers centre, const struct point *points)
{
    integers here;
    memcpy(&here, points, sizeof here);
    return __builtin_convertvector((differences)(here - centre), numbers);
}

/* look: the planar square, in units, of each point of a block as seen from a query at whose
 * latitude the cosine is this; returns the least. */
static inline float look(const struct point *points, struct point query, float cosine_there,
                         numbers squares[VECTORS])
{
    typedef uint64_t pairs __attribute__((vector_size(4 * WIDTH)));
    const uint64_t lat = (uint32_t)query.lat;
    const uint64_t lon = (uint32_t)query.lon;
    const integers centre = (integers)((pairs){0} + (lat | lon << 32));
    const numbers cosine = cosine_there - (numbers){0};
    numbers least = {0};
#pragma GCC unroll 8
    for (size_t i = 0; i < VECTORS; i++) {
        numbers a = differences_from(centre, points + i * WIDTH);
        numbers b = differences_from(centre, points + i * WIDTH + LANES);
        numbers up = __builtin_shufflevector(a, b, EVENS);
        numbers right = __builtin_shufflevector(a, b, ODDS) * cosine;
        squares[i] = up * up + right * right;
        least = i == 0 ? squares[i] : lesser(squares[i], least);
    }
    return least_number(least);
}

/* Bit i: the square of point i is at most limit. */
static inline uint32_t within(const numbers squares[VECTORS], float limit)
{
    uint32_t near = 0;
#pragma GCC unroll 8
    for (size_t i = 0; i < VECTORS; i++)
        near |= numbers_within(squares[i], limit) << (i * WIDTH);
    return near;
}

#endif
