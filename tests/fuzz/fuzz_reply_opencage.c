#define FUZZED_PROVIDER opencage_provider
#define SINGLE_REPLY                                                                               \
    "{\"status\":{\"code\":200,\"message\":\"OK\"},\"results\":[{\"formatted\":\"1 High St"        \
    ", Bath\",\"components\":{\"house_number\":\"1\",\"road\":\"High St\",\"city\":\"Bath\","      \
    "\"country_code\":\"gb\",\"country\":\"Britain\"},\"geometry\":{\"lat\":52.1,\"lng\":13"       \
    "}}]}"
#define BATCH_REPLY NULL
#include "tests/fuzz/reply_fuzz.h"
