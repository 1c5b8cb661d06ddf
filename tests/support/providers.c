/* The table of providers of the test build of refreshd: the real ones and the stub. Linked in
 * place of geocoder/providers.c. */
#include "geocoder/providers.h"
#include "tests/support/stub_provider.h"

const struct geocoder_provider *const geocoder_providers[] = {
    &gazetteer_provider,
    &nominatim_provider,
    &photon_provider,
    &pelias_provider,
    &addok_provider,
    &mapbox_provider,
    &here_provider,
    &opencage_provider,
    &google_provider,
    &stub_provider,
    NULL,
};
