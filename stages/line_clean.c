#include "stages/line_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/durable.h"
#include "cachefmt/generation.h"

static int remove_points(struct line *line, struct error *err)
{
    char *temporary;
    if (asprintf(&temporary, "%s.tmp", line->points_directory) < 0)
        return error_memory(err, "a file name");
    int result = durable_remove_directory(line->points_directory, err);
    if (result == 0)
        result = durable_remove_directory(temporary, err);
    free(temporary);
    return result;
}

int clean_up(struct line *line, struct error *err)
{
    struct error own;
    struct manifest *current;
    if (remove_points(line, err) != 0 || fold_remove(line, err) != 0 ||
        answer_log_remove(line->answers_directory, err) != 0)
        return -1;
    if (generation_current(line->settings.cache_directory, &current, &own) != 0) {
        if (own.code == ERROR_MISSING)
            return 0;
        if (err != NULL)
            *err = own;
        return -1;
    }
    manifest_free(current);
    return generation_prune(line->settings.cache_directory, line->settings.keep_generations, 0,
                            err);
}
