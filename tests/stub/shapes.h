/* The providers' shapes: which points a request asks for, and the reply that tells their addresses.
 * shapes.c has what is asked one point at a time, shapes_batch.c the rest. */
#ifndef REFRESHD_TESTS_STUB_SHAPES_H
#define REFRESHD_TESTS_STUB_SHAPES_H

#include "tests/stub/place.h"
#include "tests/stub/reply.h"
#include "tests/stub/request.h"

struct row {
    struct point point;
    unsigned number;    /* of the point in the request, from 1 */
    struct text source; /* the CSV row that asked */
};

struct rows {
    struct row *row;
    size_t count, room;
    struct text header; /* of the CSV */
};

struct row *rows_add(struct rows *rows, struct point point);

/* What the geocoder knows. */
struct knowledge {
    unsigned version;
    unsigned empty; /* 1 point in so many has no address; 0 = none */
    bool nothing;   /* no point has one */
    int shift;      /* the address found stands so far north of the point, 1e-7 degree */
};

struct shape {
    const char *provider;
    const char *path;
    const char *key; /* the parameter a key comes in; NULL = none */

    /* read: the points asked for; false when the request makes no sense. */
    bool (*read)(const struct request *request, struct rows *rows);

    void (*write)(const struct rows *rows, const struct knowledge *knowledge, struct reply *reply);
};

/* shape_find: by path; `provider` decides between those that have the same one. NULL: there is no
 * such path. */
const struct shape *shape_find(struct text path, const char *provider);
extern const struct shape batch_shapes[]; /* the last one's path is NULL */

/* knows: fill place, false when there is no address. */
bool knows(const struct knowledge *knowledge, const struct row *row, struct place *place);

/* The list of HERE's items, and Mapbox's FeatureCollection, for one point. */
void write_here_items(const struct row *row, const struct knowledge *knowledge, struct buffer *out);
void write_mapbox(const struct row *row, const struct knowledge *knowledge, struct buffer *out);

#endif
