#define FUZZED_PROVIDER photon_provider
#include "tests/fuzz/reply_fuzz.h"
