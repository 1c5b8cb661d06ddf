#include "daemon/surroundings.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILES_NEEDED 48
#define THREADS_NEEDED 8

/* --- files and threads -------------------------------------------------------------------- */

static int check_files(struct error *err)
{
    int files[FILES_NEEDED];
    unsigned count = 0;
    int reason = 0;
    int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (first < 0)
        reason = errno;
    else
        files[count++] = first;
    while (reason == 0 && count < FILES_NEEDED) {
        int next = fcntl(first, F_DUPFD_CLOEXEC, 0);
        if (next < 0)
            reason = errno;
        else
            files[count++] = next;
    }
    for (unsigned i = 0; i < count; i++)
        (void)close(files[i]);
    if (reason == 0)
        return 0;
    return error_set(err, ERROR_IO,
                     "only %u files can be opened (%s), %d are needed; raise the limit "
                     "(LimitNOFILE=, ulimit -n)",
                     count, strerrordesc_np(reason), FILES_NEEDED);
}

struct gathering {
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool may_end;
};

static void *wait_for_the_end(void *argument)
{
    struct gathering *gathering = argument;
    (void)pthread_mutex_lock(&gathering->lock);
    while (!gathering->may_end)
        (void)pthread_cond_wait(&gathering->over, &gathering->lock);
    (void)pthread_mutex_unlock(&gathering->lock);
    return NULL;
}

static int check_threads(struct error *err)
{
    struct gathering gathering = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    pthread_t threads[THREADS_NEEDED];
    unsigned count = 0;
    int reason = 0;
    while (reason == 0 && count < THREADS_NEEDED) {
        reason = pthread_create(&threads[count], NULL, wait_for_the_end, &gathering);
        count += reason == 0;
    }
    (void)pthread_mutex_lock(&gathering.lock);
    gathering.may_end = true;
    (void)pthread_cond_broadcast(&gathering.over);
    (void)pthread_mutex_unlock(&gathering.lock);
    for (unsigned i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    if (reason == 0)
        return 0;
    return error_set(err, ERROR_IO,
                     "only %u threads can be started (%s), %d are needed; raise the limits of "
                     "tasks and of memory (TasksMax= and LimitAS=, ulimit -u and -v)",
                     count, strerrordesc_np(reason), THREADS_NEEDED);
}

int surroundings_check(struct error *err)
{
    return check_files(err) == 0 ? check_threads(err) : -1;
}

/* --- advice ------------------------------------------------------------------------------- */

static int advise_owner(struct error *err)
{
    char space[4096];
    struct passwd entry;
    struct passwd *found = NULL;
    uid_t user = geteuid();
    if (getpwuid_r(user, &entry, space, sizeof space, &found) != 0)
        found = NULL;
    return error_suffix(err,
                        "; user %s (%lu), as which refreshd runs, must be able to read and write "
                        "there: give it to that user (chown -R), or configure another directory",
                        found != NULL ? found->pw_name : "number", (unsigned long)user);
}

int surroundings_advise(struct error *err)
{
    switch (err->os_errno) {
    case EROFS:
        return error_suffix(err, "; mount it writable, let the unit write there (ReadWritePaths=), "
                                 "or configure another directory");
    case EACCES:
    case EPERM:
        return advise_owner(err);
    case ENOTDIR:
        return error_suffix(err, "; a file is in the way: configure another directory");
    case EMFILE:
    case ENFILE:
        return error_suffix(err, "; raise the limit of open files (LimitNOFILE=, ulimit -n)");
    case EAGAIN:
        return error_suffix(err, "; raise the limit of tasks (TasksMax=, ulimit -u)");
    default:
        return -1;
    }
}
