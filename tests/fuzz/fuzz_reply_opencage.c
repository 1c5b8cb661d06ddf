#define FUZZED_PROVIDER opencage_provider
#include "tests/fuzz/reply_fuzz.h"
