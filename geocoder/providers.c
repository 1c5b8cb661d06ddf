/* The table of providers alone, so that a test build can link another one in its place. */
#include "geocoder/providers.h"

const struct geocoder_provider *const geocoder_providers[] = {
    &gazetteer_provider, &nominatim_provider, &photon_provider,   &pelias_provider, &addok_provider,
    &mapbox_provider,    &here_provider,      &opencage_provider, &google_provider, NULL,
};
