/* Any bytes as a configuration: refused with file and line, or understood, printed and read back
 * to the same values. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *printed(const struct config *config, size_t *bytes)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    if (out == NULL || config_print(config, out) != 0 || fclose(out) != 0)
        abort();
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct config *config;
    struct config *again;
    char *text = malloc(size + 1);
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    if (config_load_text("input", text, size, &config, &err) != 0) {
        if (err.code != ERROR_CONFIG || strncmp(err.message, "input line ", 11) != 0)
            abort();
        free(text);
        return 0;
    }
    free(text);
    size_t first_bytes;
    size_t second_bytes;
    char *first = printed(config, &first_bytes);
    if (config_load_text("printed", first, first_bytes, &again, &err) != 0)
        abort();
    char *second = printed(again, &second_bytes);
    if (first_bytes != second_bytes || memcmp(first, second, first_bytes) != 0)
        abort();
    free(first);
    free(second);
    config_free(config);
    config_free(again);
    return 0;
}
