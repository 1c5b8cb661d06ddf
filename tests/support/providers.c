/* The table of providers of the test build of refreshd: the real ones and the stub. Linked in
 * place of geocoder/providers.c. */
#include "tests/support/stub_provider.h"

extern const struct geocoder_provider gazetteer_provider;

const struct geocoder_provider *const geocoder_providers[] = {
    &gazetteer_provider,
    &stub_provider,
    NULL,
};
