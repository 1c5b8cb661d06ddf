/* What addok says of a place, the same in GeoJSON and in CSV, as an answer. Private to addok*.c. */
#ifndef REFRESHD_GEOCODER_ADDOK_ANSWER_H
#define REFRESHD_GEOCODER_ADDOK_ANSWER_H

#include "geocoder/network.h"

struct addok_place {
    struct address address; /* name and street as addok has them */
    struct slice type;      /* "housenumber", "street", "locality", "municipality", ... */
    struct slice context;   /* "38, Isère, Auvergne-Rhône-Alpes" */
};

/* addok_settle: name, street, city, county and state by the place's type and context. addok calls a
 * street's, a hamlet's or a town's own name `name`; the French address base gives number, name and
 * region of the département as context. */
void addok_settle(struct addok_place *place);

/* addok_read_csv: the reply to POST /reverse/csv/, which is 2xx. */
int addok_read_csv(struct network_session *session, const struct point *points, size_t count,
                   const struct geocoder_reply *reply, struct answer *answers, struct error *err);

#endif
