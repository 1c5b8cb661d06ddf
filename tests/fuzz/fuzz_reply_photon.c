#define FUZZED_PROVIDER photon_provider
#define SINGLE_REPLY                                                                               \
    "{\"features\":[{\"geometry\":{\"coordinates\":[13,52.1]},\"properties\":{\"name\":"           \
    "\"n\",\"housenumber\":\"1\",\"street\":\"High St\",\"city\":\"Bath\",\"countrycode\":\"GB"    \
    "\",\"country\":\"Britain\"}}]}"
#define BATCH_REPLY NULL
#include "tests/fuzz/reply_fuzz.h"
