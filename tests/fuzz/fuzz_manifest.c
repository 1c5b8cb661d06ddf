/* Any bytes as a manifest: refused, or understood and printed back to the same meaning. */
#include <stdlib.h>
#include <string.h>

#include "cachefmt/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct manifest *manifest;
    if (manifest_parse(&manifest, (const char *)data, size, "input", &err) != 0) {
        if (err.code == ERROR_NONE || err.message[0] == '\0')
            abort();
        return 0;
    }
    char *text;
    struct manifest *again;
    if (manifest_print(manifest, &text, &err) != 0 ||
        manifest_parse(&again, text, strlen(text), "canonical", &err) != 0 ||
        memcmp(&manifest->digest, &again->digest, sizeof again->digest) != 0)
        abort();
    (void)manifest_figures(manifest);
    manifest_free(manifest);
    manifest_free(again);
    free(text);
    return 0;
}
