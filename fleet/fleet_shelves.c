/* What this peer serves to others: nothing but what it has whole. */
#include "fleet/fleet_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/gather.h"
#include "stages/pointfile.h"
#include "stages/share_answers.h"

/* 1 = read, 0 = not here. The run may end while we read: what is gone then is not here. */
static int read_answers(struct fleet *fleet, const struct run_record *run, uint32_t share,
                        struct buffer *out, struct error *err)
{
    struct error own;
    char *directory;
    uint64_t points = run->counts.selected;
    uint32_t shares = run->parameters.shares;
    uint64_t count =
        point_file_first(points, shares, share + 1) - point_file_first(points, shares, share);
    if (asprintf(&directory, "%s/answers", fleet->settings.state_directory) < 0)
        return error_memory(err, "a file name");
    int result =
        share_answers_read(line_ledger(fleet->line), directory, share, (uint32_t)count, out, &own);
    free(directory);
    if (result == 0)
        return 1;
    if (own.code == ERROR_MISSING || own.code == ERROR_CORRUPT)
        return 0;
    if (err != NULL)
        *err = own;
    return -1;
}

static int answers(void *context, const char run[RUN_ID_BYTES], uint32_t share,
                   const struct pair_id *digest, struct buffer *out, struct error *err)
{
    struct fleet *fleet = context;
    struct run_record record;
    int found = ledger_run(line_ledger(fleet->line), &record, err);
    if (found <= 0)
        return found;
    if (strcmp(record.id, run) != 0 || record.phase == PHASE_SNAPSHOT ||
        share >= record.parameters.shares)
        return 0;
    found = read_answers(fleet, &record, share, out, err);
    if (found <= 0)
        return found;
    struct pair_id own = share_answers_digest(out->data, out->used);
    return pair_id_equal(&own, digest);
}

static int learned(void *context, const char run[RUN_ID_BYTES], const struct pair_id *digest,
                   char **path, struct error *err)
{
    struct fleet *fleet = context;
    (void)run;
    if (!gather_has(fleet->settings.state_directory, digest))
        return 0;
    return gather_path(fleet->settings.state_directory, digest, path, err) == 0 ? 1 : -1;
}

static int shelf_manifest(void *context, const struct pair_id *digest, struct buffer *out,
                          struct error *err)
{
    struct fleet *fleet = context;
    return catch_up_shelf_manifest(fleet->settings.cache_directory, digest, out, err);
}

static int shelf_pair(void *context, uint32_t tile, const struct pair_id *id, bool data, int *fd,
                      struct error *err)
{
    struct fleet *fleet = context;
    return catch_up_shelf_pair(fleet->settings.cache_directory, tile, id, data, fd, err);
}

struct exchange_shelves shelves_of(struct fleet *fleet)
{
    return (struct exchange_shelves){
        .context = fleet,
        .answers = answers,
        .learned = learned,
        .manifest = shelf_manifest,
        .pair = shelf_pair,
    };
}
