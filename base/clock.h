/* The two clocks: wall time for dates that are kept, monotonic time for durations. */
#ifndef REFRESHD_BASE_CLOCK_H
#define REFRESHD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* clock_unix: wall clock, unix seconds. */
static inline uint32_t clock_unix(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec < 0 ? 0 : (uint32_t)now.tv_sec;
}

/* clock_wall: the same with fractions. */
static inline double clock_wall(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* clock_unix_ms: wall clock, unix milliseconds. */
static inline uint64_t clock_unix_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* clock_monotonic: seconds since some fixed moment; for differences only. */
static inline double clock_monotonic(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* clock_timespec: seconds of either clock, not negative, as the system calls take them. */
static inline struct timespec clock_timespec(double seconds)
{
    time_t whole = (time_t)seconds;
    return (struct timespec){.tv_sec = whole, .tv_nsec = (long)((seconds - (double)whole) * 1e9)};
}

#endif
