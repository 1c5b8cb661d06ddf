/* Any bytes as the path of a request of a peer: refused, or the one path of what it names. */
#include <stdlib.h>
#include <string.h>

#include "fleet/exchange_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exchange_name name;
    char again[EXCHANGE_PATH_BYTES];
    char *path = malloc(size + 1);
    if (path == NULL)
        return 0;
    memcpy(path, data, size);
    path[size] = '\0';
    if (exchange_name_parse(path, &name) &&
        (strcmp(exchange_name_print(&name, again), path) != 0 || strstr(path, "..") != NULL))
        abort();
    free(path);
    return 0;
}
