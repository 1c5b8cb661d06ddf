#define FUZZED_PROVIDER nominatim_provider
#define SINGLE_REPLY                                                                               \
    "{\"lat\":\"52.1\",\"lon\":\"13\",\"display_name\":\"1, High St, Bath, GB\",\"address\""       \
    ":{\"house_number\":\"1\",\"road\":\"High St\",\"suburb\":\"Old\",\"city\":\"Bath\",\"post"    \
    "code\":\"B1\",\"country\":\"GB\",\"country_code\":\"gb\"}}"
#define BATCH_REPLY NULL
#include "tests/fuzz/reply_fuzz.h"
