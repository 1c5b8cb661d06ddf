#define FUZZED_PROVIDER here_provider
#include "tests/fuzz/reply_fuzz.h"
