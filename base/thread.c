#include <stdio.h>
#include <string.h>

#include "base/thread.h"

void thread_deafen(sigset_t *before)
{
    static const int own_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t others;
    (void)sigfillset(&others);
    for (unsigned i = 0; i < sizeof own_faults / sizeof own_faults[0]; i++)
        (void)sigdelset(&others, own_faults[i]);
    (void)pthread_sigmask(SIG_BLOCK, &others, before);
}

void thread_hear(const sigset_t *before)
{
    (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

int thread_start(pthread_t *thread, const char *name, void *(*body)(void *), void *argument,
                 struct error *err)
{
    char short_name[THREAD_NAME_LENGTH + 1];
    pthread_t made;
    sigset_t before;
    thread_deafen(&before);
    int failure = pthread_create(&made, NULL, body, argument);
    thread_hear(&before);
    if (failure != 0) {
        (void)error_set(err, ERROR_MEMORY, "cannot start thread %s: %s", name,
                        strerrordesc_np(failure));
        if (err != NULL)
            err->os_errno = failure;
        return -1;
    }
    (void)snprintf(short_name, sizeof short_name, "%s", name);
    (void)pthread_setname_np(made, short_name);
    *thread = made;
    return 0;
}
