/* A geocoder for tests, told what to do by the path of its `url`, for example
 * http://stub.invalid/latency_ms=5&log=/tmp/asked&empty=10&fail=100&version=2
 *
 *   latency_ms=N  a request is answered N milliseconds after it was asked
 *   log=PATH      before answering, append the 8-byte Morton code of every point asked to PATH
 *   empty=K       one point in K (by its coordinates) has no address
 *   fail=K        one point in K fails for good
 *   flaky=K       one point in K fails with a transient cause the first time it is asked
 *   version=N     street names carry N, so that versions differ
 *   move=K        one point in K is in another country since the version before */
#ifndef REFRESHD_TESTS_STUB_PROVIDER_H
#define REFRESHD_TESTS_STUB_PROVIDER_H

#include "geocoder/geocoder.h"

extern const struct geocoder_provider stub_provider;

#endif
