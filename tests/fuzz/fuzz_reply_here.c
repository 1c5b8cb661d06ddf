#define FUZZED_PROVIDER here_provider
#define SINGLE_REPLY                                                                               \
    "{\"items\":[{\"title\":\"t\",\"resultType\":\"place\",\"address\":{\"label\":\"High St,"      \
    " Bath\",\"countryCode\":\"GBR\",\"street\":\"High St\",\"city\":\"Bath\"},\"position\":"      \
    "{\"lat\":52.1,\"lng\":13}}]}"
#define BATCH_REPLY                                                                                \
    "{\"results\":[{\"id\":\"2\",\"items\":[{\"address\":{\"label\":\"b\"}}]},{\"id\":\"1\",\"it"  \
    "ems\":[{\"address\":{\"label\":\"a, X\",\"city\":\"X\"},\"position\":{\"lat\":52.1,\"lng"     \
    "\":13}}]},{\"id\":3,\"items\":[{\"address\":{\"label\":\"c\"}}]}]}"
#include "tests/fuzz/reply_fuzz.h"
