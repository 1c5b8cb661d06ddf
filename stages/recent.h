/* How many points were granted lately: a window that slides over the last second and a bit, so that
 * what is spread by the network on its way still keeps to the second. Not locked: the limiter owns
 * it. Times are clock_monotonic seconds and never go back. */
#ifndef REFRESHD_STAGES_RECENT_H
#define REFRESHD_STAGES_RECENT_H

#include <stddef.h>

#define RECENT_SECONDS 1.03
#define RECENT_SLICE 0.005 /* grants so near together count as one, at the moment of the last */
#define RECENT_SLICES 256  /* more than fit into the window */

struct recent {
    struct {
        double first, last;
        double points;
    } slices[RECENT_SLICES]; /* a ring */
    size_t oldest, count;
    double points; /* in the window */
};

void recent_add(struct recent *recent, double now, double points);

/* recent_points: how many are in the window that ends now. */
double recent_points(struct recent *recent, double now);

/* recent_pace: points per second over as much of the window as there has been. */
double recent_pace(struct recent *recent, double now);

/* recent_wait: seconds until `points` more make no more than `limit` in the window. points is at
 * most limit. */
double recent_wait(struct recent *recent, double now, double points, double limit);

#endif
