/* What of an address the zoom of a question leaves, and what kind of place that is. Pure functions,
 * any thread. */
#ifndef REFRESHD_DAEMON_REVERSE_PLACE_H
#define REFRESHD_DAEMON_REVERSE_PLACE_H

#include "cachefmt/address.h"

#define REVERSE_ZOOM_MOST 18u

/* A kind of place as Nominatim classes it. The texts are JSON members. */
struct reverse_kind {
    struct slice class_values; /* the value of class or category, type, place_rank, importance,
                                  addresstype: without the name of the first */
    struct slice geocodejson;  /* osm_key, osm_value, type */
    const char *named;         /* the member of `address` that holds the entry's name */
    int32_t reach;             /* of its bounding box from the point, 1e-7 degree */
};

struct reverse_place {
    unsigned kept; /* one bit for each field that is shown; the label's: as it is, uncut */
    enum address_field detail; /* the most detailed of them */
    const struct reverse_kind *kind;
    struct slice name; /* of the place; empty: none */
    bool has_own_name; /* field name is shown and names nothing that another field names */
};

/* reverse_place_choose: false when the zoom leaves nothing of the address. */
bool reverse_place_choose(const struct address *address, unsigned zoom, struct reverse_place *out);

static inline bool reverse_place_shows(const struct reverse_place *place, enum address_field field)
{
    return (place->kept >> field & 1) != 0;
}

#endif
