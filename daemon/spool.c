#include "daemon/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where O_TMPFILE is not known (some network file systems): a name that is removed at once. */
static int open_unnamed(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    char *path = NULL;
    if (asprintf(&path, "%s/spool.XXXXXX", directory) < 0) {
        errno = ENOMEM;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path);
    free(path);
    return fd;
}

FILE *spool_open(const char *directory, struct error *err)
{
    int fd = open_unnamed(directory);
    FILE *file = fd >= 0 ? fdopen(fd, "w+") : NULL;
    if (file == NULL) {
        error_io(err, errno, "make a temporary file in", directory);
        if (fd >= 0)
            (void)close(fd);
    }
    return file;
}

int spool_finish(FILE *file, int *fd, uint64_t *bytes, struct error *err)
{
    struct stat st;
    int kept = -1;
    if (fflush(file) != 0 || ferror(file) || fstat(fileno(file), &st) != 0 ||
        (kept = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3)) < 0) {
        error_io(err, errno, "write", "a temporary file");
        (void)fclose(file);
        return -1;
    }
    (void)fclose(file);
    *fd = kept;
    *bytes = (uint64_t)st.st_size;
    return 0;
}
