/* How long tests wait for what must happen: long enough for a busy machine and for the slowdown
 * of the sanitizers. What must not take long is proven by a bound that a hanging program would
 * pass, not by a guess of a good machine's speed. */
#ifndef TESTS_UNIT_PATIENCE_H
#define TESTS_UNIT_PATIENCE_H

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define SLOW (SANITIZED ? 5 : 1)
#define PATIENCE (60.0 * SLOW) /* seconds */

#endif
