/* The table of providers alone, so that a test build can link another one in its place. */
#include "geocoder/gazetteer.h"

const struct geocoder_provider *const geocoder_providers[] = {
    &gazetteer_provider,
    NULL,
};
