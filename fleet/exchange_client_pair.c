/* Both files of a pair. What is there of them may be of an earlier attempt or of another source; so
 * when the whole is not what was asked for, the same source is asked once more for all of it. */
#include <string.h>

#include "cachefmt/generation.h"
#include "fleet/exchange_client_internal.h"

struct pair_errand {
    const struct manifest_tile *row;
    struct exchange_name name;
    struct part index, data;
};

static int check(const struct pair_errand *errand, struct error *err)
{
    struct pair *pair;
    if (pair_open(&pair, errand->index.unfinished, errand->data.unfinished, err) != 0)
        return -1;
    int result = generation_pair_check(pair, errand->row, errand->index.unfinished, err);
    if (result == 0)
        result = pair_verify(pair, true, err);
    pair_close(pair);
    return result;
}

static int fetch_both(struct pair_errand *errand, struct exchange_client *client,
                      const char *address, struct error *err)
{
    struct exchange_name *name = &errand->name;
    name->kind = EXCHANGE_INDEX;
    if (fetch_from(client, address, name, &errand->index.sink, err) != 0)
        return -1;
    name->kind = EXCHANGE_DATA;
    if (fetch_from(client, address, name, &errand->data.sink, err) != 0)
        return -1;
    return check(errand, err);
}

static int forget_both(struct pair_errand *errand, struct error *err)
{
    return sink_restart(&errand->index.sink, err) == 0 && sink_restart(&errand->data.sink, err) == 0
               ? 0
               : -1;
}

static int pair_from(void *context, struct exchange_client *client, const char *address,
                     struct error *err)
{
    struct pair_errand *errand = context;
    bool inherited = errand->index.sink.have > 0 || errand->data.sink.have > 0;
    if (fetch_both(errand, client, address, err) == 0)
        return 0;
    if (err->code != ERROR_CORRUPT)
        return -1;
    struct error reason = *err;
    if (forget_both(errand, err) != 0)
        return -1;
    if (!inherited) {
        *err = reason;
        return -1;
    }
    return pair_from(context, client, address, err);
}

static int open_both(struct pair_errand *errand, const char *index_path, const char *data_path,
                     struct error *err)
{
    const struct pair_info *info = &errand->row->info;
    if (part_open(&errand->index, index_path, info->index_bytes, true, err) != 0)
        return -1;
    if (part_open(&errand->data, data_path, info->data_bytes, true, err) != 0) {
        part_close(&errand->index);
        return -1;
    }
    errand->index.sink.exact = errand->data.sink.exact = true;
    return 0;
}

static int commit(struct pair_errand *errand, struct error *err)
{
    return part_rename(&errand->data, err) == 0 && part_rename(&errand->index, err) == 0
               ? part_sync(&errand->index, err)
               : -1;
}

int exchange_fetch_pair(struct exchange_client *client, const struct exchange_sources *sources,
                        const struct manifest_tile *row, const char *index_path,
                        const char *data_path, struct error *err)
{
    struct pair_errand errand = {.row = row,
                                 .name = {.number = row->info.tile, .digest = row->info.id}};
    if (open_both(&errand, index_path, data_path, err) != 0)
        return -1;
    int result = each_source(client, sources, pair_from, &errand, err);
    if (result == 0)
        result = commit(&errand, err);
    else
        (void)error_prefix(err, "cannot fetch the pair of tile %u", row->info.tile);
    part_close(&errand.index);
    part_close(&errand.data);
    return result;
}
