#include "stages/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBE_SECONDS 60 /* of processor time: pages that refer in a circle are never done */

enum { PROBE_SOUND = 0, PROBE_DAMAGED = 3, PROBE_OTHER_VERSION = 4 };

/* Read every row of a table. */
static int read_table(MDB_txn *txn, MDB_dbi table)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int result = mdb_cursor_open(txn, table, &cursor);
    if (result != 0)
        return result;
    while ((result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        for (size_t i = 0; i < value.mv_size; i += 512)
            (void)((const volatile unsigned char *)value.mv_data)[i];
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND ? 0 : result;
}

/* Every table, the list of free pages (0) and the list of tables (1) included. */
static int read_tables(MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int result = read_table(txn, 0);
    if (result == 0)
        result = read_table(txn, 1);
    if (result == 0)
        result = mdb_cursor_open(txn, 1, &cursor);
    if (result != 0)
        return result;
    while ((result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        char name[64] = "";
        MDB_dbi table;
        if (key.mv_size >= sizeof name)
            return MDB_CORRUPTED;
        for (size_t i = 0; i < key.mv_size; i++)
            name[i] = ((const char *)key.mv_data)[i];
        if ((result = mdb_dbi_open(txn, name, 0, &table)) != 0 ||
            (result = read_table(txn, table)) != 0)
            return result;
    }
    return result == MDB_NOTFOUND ? 0 : result;
}

static int probe(const char *directory)
{
    MDB_env *env;
    MDB_txn *txn;
    if (mdb_env_create(&env) != 0 || mdb_env_set_maxdbs(env, 128) != 0)
        return PROBE_SOUND;
    int result = mdb_env_open(env, directory, MDB_RDONLY | MDB_NOLOCK, 0);
    if (result == 0)
        result = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (result == 0)
        result = read_tables(txn);
    if (result == MDB_VERSION_MISMATCH)
        return PROBE_OTHER_VERSION;
    /* What the system refuses says nothing about the file: opening it will tell. */
    bool refused = result == ENOMEM || result == EACCES || result == EMFILE || result == ENFILE;
    return result == 0 || refused ? PROBE_SOUND : PROBE_DAMAGED;
}

static _Noreturn void child(const char *directory)
{
    static const int signals[] = {SIGBUS, SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGXCPU};
    struct rlimit none = {0, 0};
    struct rlimit processor = {PROBE_SECONDS, PROBE_SECONDS};
    /* Neither the child nor the locks it inherits may outlive a parent that is killed. */
    (void)close_range(STDERR_FILENO + 1, ~0u, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)setrlimit(RLIMIT_CPU, &processor);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void)signal(signals[i], SIG_DFL);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0)
        (void)dup2(null, STDERR_FILENO);
    _exit(probe(directory));
}

int environment_probe(const struct environment *environment, const char *directory,
                      struct error *err)
{
    struct stat status;
    if (stat(environment->path, &status) != 0 || status.st_size == 0)
        return 0;
    if (access(environment->path, R_OK | W_OK) != 0)
        return error_io(err, errno, "open", environment->path);
    pid_t pid = fork();
    if (pid < 0)
        return error_io(err, errno, "start a check of", environment->path);
    if (pid == 0)
        child(directory);
    int ended;
    while (waitpid(pid, &ended, 0) < 0)
        if (errno != EINTR)
            return error_io(err, errno, "wait for a check of", environment->path);
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == PROBE_SOUND)
        return 0;
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == PROBE_OTHER_VERSION)
        return environment_error(environment, MDB_VERSION_MISMATCH, "open", err);
    return environment_damaged(environment, "its pages don't hang together", err);
}
