#define FUZZED_PROVIDER mapbox_provider
#include "tests/fuzz/reply_fuzz.h"
