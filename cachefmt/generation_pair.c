#include <stdlib.h>
#include <string.h>

#include "cachefmt/generation_names.h"

static bool figures_equal(const struct pair_info *a, const struct pair_info *b)
{
    return a->tile == b->tile && a->grid.rows == b->grid.rows &&
           a->grid.columns == b->grid.columns && a->entries == b->entries &&
           memcmp(a->outcomes, b->outcomes, sizeof a->outcomes) == 0 && a->oldest == b->oldest &&
           a->newest == b->newest && a->index_bytes == b->index_bytes &&
           a->data_bytes == b->data_bytes;
}

int generation_pair_check(const struct pair *pair, const struct manifest_tile *of,
                          const char *index_path, struct error *err)
{
    const struct pair_info *found = pair_info(pair);
    const struct pair_info *row = &of->info;
    char theirs[2 * PAIR_ID_BYTES + 1];
    char ours[2 * PAIR_ID_BYTES + 1];
    if (!pair_id_equal(&found->id, &row->id))
        return error_set(
            err, ERROR_CORRUPT, "%s is not the pair that the manifest names: its id is %s, not %s",
            index_path, pair_id_format(&found->id, theirs), pair_id_format(&row->id, ours));
    if (!figures_equal(found, row))
        return error_set(err, ERROR_CORRUPT,
                         "%s: its tile, counts, dates or sizes are not those of the manifest",
                         index_path);
    return 0;
}

bool generation_row_same(const struct manifest_tile *a, const struct manifest_tile *b)
{
    return a->built == b->built && pair_id_equal(&a->info.id, &b->info.id) &&
           figures_equal(&a->info, &b->info);
}

int generation_pair_open(struct pair **out, const char *directory, const struct manifest_tile *row,
                         struct error *err)
{
    char *index_path;
    char *data_path;
    if (generation_pair_paths(directory, row->info.tile, row->built, &index_path, &data_path,
                              err) != 0)
        return -1;
    struct pair *pair;
    int result = pair_open(&pair, index_path, data_path, err);
    if (result == 0) {
        result = generation_pair_check(pair, row, index_path, err);
        if (result == 0)
            *out = pair;
        else
            pair_close(pair);
    }
    free(index_path);
    free(data_path);
    return result;
}
