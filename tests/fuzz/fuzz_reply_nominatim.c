#define FUZZED_PROVIDER nominatim_provider
#include "tests/fuzz/reply_fuzz.h"
