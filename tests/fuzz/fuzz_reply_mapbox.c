#define FUZZED_PROVIDER mapbox_provider
#define SINGLE_REPLY                                                                               \
    "{\"batch\":[{\"features\":[{\"geometry\":{\"coordinates\":[13,52.1]},\"properties"            \
    "\":{\"full_address\":\"1 High St, Bath\",\"context\":{\"address\":{\"address_numbe"           \
    "r\":\"1\",\"street_name\":\"High St\"},\"locality\":{\"name\":\"W\"},\"place\":{\"name\":"    \
    "\"Bath\"},\"country\":{\"name\":\"GB\",\"country_code\":\"GB\"}}}}]}]}"
#define BATCH_REPLY                                                                                \
    "{\"batch\":[{\"features\":[{\"geometry\":{\"coordinates\":[13,52.1]},\"properties"            \
    "\":{\"full_address\":\"1 High St\",\"context\":{\"street\":{\"name\":\"High St\"}}}}]"        \
    "},{\"features\":[{\"properties\":{\"full_address\":\"b\"}}]},{\"features\":[{\"prop"          \
    "erties\":{\"place_formatted\":\"c\"}}]}]}"
#include "tests/fuzz/reply_fuzz.h"
