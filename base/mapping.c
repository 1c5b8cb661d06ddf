#include "base/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int mapping_open(struct mapping *mapping, const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_io(err, errno, "open", path);
    struct stat status;
    struct mapping result = {NULL, 0};
    if (fstat(fd, &status) != 0) {
        error_io(err, errno, "read", path);
        goto fail;
    }
    if (!S_ISREG(status.st_mode)) {
        error_set(err, ERROR_IO, "%s is not a file", path);
        goto fail;
    }
    result.bytes = (size_t)status.st_size;
    if (result.bytes > 0) {
        void *address = mmap(NULL, result.bytes, PROT_READ, MAP_SHARED, fd, 0);
        if (address == MAP_FAILED) {
            error_io(err, errno, "map", path);
            goto fail;
        }
        result.data = address;
    }
    (void)close(fd);
    *mapping = result;
    return 0;
fail:
    (void)close(fd);
    return -1;
}

void mapping_close(struct mapping *mapping)
{
    if (mapping->data != NULL)
        (void)munmap((void *)(uintptr_t)mapping->data, mapping->bytes);
    mapping->data = NULL;
    mapping->bytes = 0;
}
