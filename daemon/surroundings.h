/* What refreshd needs of the machine before it begins, and what to do where the machine refuses. */
#ifndef REFRESHD_DAEMON_SURROUNDINGS_H
#define REFRESHD_DAEMON_SURROUNDINGS_H

#include "base/error.h"

/* surroundings_check: files can be opened and threads started, as many as every start needs. libuv
 * ends the process where it lacks them; here it is an error. */
int surroundings_check(struct error *err);

/* surroundings_advise: put behind the message of an error that a system call led to what an
 * administrator does about it; nothing where there is nothing to say. Returns -1. */
int surroundings_advise(struct error *err);

#endif
