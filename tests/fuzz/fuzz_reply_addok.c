#define FUZZED_PROVIDER addok_provider
#include "tests/fuzz/reply_fuzz.h"
