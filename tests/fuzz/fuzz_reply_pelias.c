#define FUZZED_PROVIDER pelias_provider
#include "tests/fuzz/reply_fuzz.h"
