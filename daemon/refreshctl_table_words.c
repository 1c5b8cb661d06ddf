#include "daemon/refreshctl_table_words.h"

#include <string.h>

/* Each by itself first, so that a column counts from the beginning of its word. */
static int check(const char *word, struct error *err)
{
    struct tables *alone;
    if (tables_parse(&alone, word, err) == 0) {
        tables_free(alone);
        return 0;
    }
    if (err->code == ERROR_VALUE)
        err->code = ERROR_USAGE;
    return -1;
}

int table_words_parse(const char *const *words, size_t count, struct tables **out, char **text,
                      struct error *err)
{
    struct buffer all = {0};
    for (size_t i = 0; i < count; i++) {
        if (check(words[i], err) != 0 ||
            buffer_append(&all, words[i], strlen(words[i]), err) != 0 ||
            buffer_append(&all, "\n", 1, err) != 0)
            goto fail;
    }
    if (buffer_append(&all, "", 1, err) != 0 || tables_parse(out, (const char *)all.data, err) != 0)
        goto fail;
    if (text != NULL)
        *text = (char *)all.data;
    else
        buffer_free(&all);
    return 0;
fail:
    buffer_free(&all);
    if (err->code == ERROR_VALUE)
        err->code = ERROR_USAGE;
    return -1;
}
