/* Every provider by name, for the tables of them (providers.c, and that of the test build). */
#ifndef REFRESHD_GEOCODER_PROVIDERS_H
#define REFRESHD_GEOCODER_PROVIDERS_H

#include "geocoder/geocoder.h"

extern const struct geocoder_provider gazetteer_provider, nominatim_provider, photon_provider,
    pelias_provider, addok_provider, mapbox_provider, here_provider, opencage_provider,
    google_provider;

#endif
