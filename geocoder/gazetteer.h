/* The embedded gazetteer: the nearest populated place of GeoNames, out of a pair that is part of
 * the program (geocoder/gazetteer/), so that it works anywhere and at once. */
#ifndef REFRESHD_GEOCODER_GAZETTEER_H
#define REFRESHD_GEOCODER_GAZETTEER_H

#include "cachefmt/pair.h"
#include "geocoder/geocoder.h"

/* Local, any batch. city, county (admin2), state (admin1), country, countrycode and a label, as far
 * as the place has them. The slices of its answers live as long as the state. Beyond the settings'
 * max_distance a point has no address. */
extern const struct geocoder_provider gazetteer_provider;

/* gazetteer_pair_open: the places themselves, on a grid of one tile; pair_close ends it. */
int gazetteer_pair_open(struct pair **out, struct error *err);

#endif
