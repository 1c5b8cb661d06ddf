#define FUZZED_PROVIDER google_provider
#define SINGLE_REPLY                                                                               \
    "{\"status\":\"OK\",\"results\":[{\"formatted_address\":\"1 High St, Bath\",\"addres"          \
    "s_components\":[{\"long_name\":\"1\",\"short_name\":\"1\",\"types\":[\"street_number"         \
    "\"]},{\"long_name\":\"High St\",\"short_name\":\"High St\",\"types\":[\"route\"]},{\"l"       \
    "ong_name\":\"Britain\",\"short_name\":\"GB\",\"types\":[\"country\",\"political\"]}],"        \
    "\"geometry\":{\"location\":{\"lat\":52.1,\"lng\":13}}}]}"
#define BATCH_REPLY NULL
#include "tests/fuzz/reply_fuzz.h"
