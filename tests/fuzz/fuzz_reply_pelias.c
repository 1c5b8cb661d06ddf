#define FUZZED_PROVIDER pelias_provider
#define SINGLE_REPLY                                                                               \
    "{\"geocoding\":{\"errors\":[]},\"features\":[{\"geometry\":{\"coordinates\":[13,52"           \
    ".1]},\"properties\":{\"name\":\"1 High St\",\"label\":\"1 High St, Bath\",\"housenu"          \
    "mber\":\"1\",\"street\":\"High St\",\"locality\":\"Bath\",\"country_code\":\"GB\"}}]}"
#define BATCH_REPLY NULL
#include "tests/fuzz/reply_fuzz.h"
