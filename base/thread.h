/* Threads that are deaf to signals.
 *
 * A signal is for the thread that the program chose to hear it (the daemon's main loop; in a
 * program that uses libgeocache, whatever that program decided), so every thread that we make has
 * all signals blocked from its first instruction on, but those that a fault of its own raises
 * (SIGSEGV and the like). Thread safe. */
#ifndef REFRESHD_BASE_THREAD_H
#define REFRESHD_BASE_THREAD_H

#include <pthread.h>
#include <signal.h>

#include "base/error.h"

#define THREAD_NAME_LENGTH 15 /* of the kernel; what is longer is cut */

/* thread_start: run body(argument) in a new thread, which shows as `name` in ps, top and gdb. The
 * caller joins or detaches *thread. On failure ERROR_MEMORY, "cannot start thread NAME: REASON",
 * and *thread is not written. */
int thread_start(pthread_t *thread, const char *name, void *(*body)(void *), void *argument,
                 struct error *err);

/* thread_deafen: block the signals in the calling thread, so that the threads which a library
 * starts in its name inherit that; *before gets the mask to give to thread_hear afterwards (NULL:
 * deaf for good). */
void thread_deafen(sigset_t *before);
void thread_hear(const sigset_t *before);

#endif
