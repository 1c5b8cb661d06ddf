#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fleet/exchange_client_internal.h"

#define BLOCK ((size_t)256 << 10)

static struct pair_id canonical(XXH128_hash_t hash)
{
    struct pair_id id;
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, hash);
    memcpy(id.bytes, bytes.digest, sizeof id.bytes);
    return id;
}

struct pair_id exchange_digest(const void *data, size_t bytes)
{
    return canonical(XXH3_128bits(data, bytes));
}

static int digest_blocks(int fd, const char *path, XXH3_state_t *state, unsigned char *block,
                         struct error *err)
{
    for (;;) {
        ssize_t got = read(fd, block, BLOCK);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR)
            return error_io(err, errno, "read", path);
        if (got > 0)
            (void)XXH3_128bits_update(state, block, (size_t)got);
    }
}

int exchange_digest_file(const char *path, struct pair_id *out, struct error *err)
{
    int result = -1;
    unsigned char *block = NULL;
    XXH3_state_t *state = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_io(err, errno, "open", path);
    block = malloc(BLOCK);
    state = XXH3_createState();
    if (block == NULL || state == NULL) {
        error_memory(err, path);
        goto out;
    }
    (void)XXH3_128bits_reset(state);
    result = digest_blocks(fd, path, state, block, err);
    if (result == 0)
        *out = canonical(XXH3_128bits_digest(state));
out:
    (void)XXH3_freeState(state);
    free(block);
    (void)close(fd);
    return result;
}
