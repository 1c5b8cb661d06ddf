#define FUZZED_PROVIDER google_provider
#include "tests/fuzz/reply_fuzz.h"
