#include <stdlib.h>
#include <string.h>

#include "fleet/exchange_client_internal.h"

#define MANIFEST_LIMIT ((uint64_t)4 << 20)

static int name_run(struct exchange_name *name, const char *run, struct error *err)
{
    if (!exchange_run_is_valid(run))
        return error_set(err, ERROR_VALUE, "\"%.60s\" is not the id of a run", run);
    memcpy(name->run, run, strlen(run) + 1);
    return 0;
}

static int explain(struct error *err, const struct exchange_name *name)
{
    char path[EXCHANGE_PATH_BYTES];
    return error_prefix(err, "cannot fetch %s", exchange_name_print(name, path));
}

static bool same(const struct pair_id *a, const struct pair_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static int wrong_digest(struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "its digest is another one");
}

/* --- what is compressed ------------------------------------------------------------------ */

struct packed {
    struct exchange_name name;
    struct unpack_sink unpack;
    struct memory_sink memory; /* answers */
    struct part part;          /* learned points */
};

static int fetch_packed(struct exchange_client *client, const char *address, struct packed *packed,
                        struct error *err)
{
    if (fetch_from(client, address, &packed->name, &packed->unpack.sink, err) != 0)
        return -1;
    return packed->unpack.ended ? 0 : error_set(err, ERROR_CORRUPT, "its end is missing");
}

static int answers_from(void *context, struct exchange_client *client, const char *address,
                        struct error *err)
{
    struct packed *packed = context;
    const struct buffer *data = &packed->memory.data;
    if (fetch_packed(client, address, packed, err) != 0)
        return -1;
    struct pair_id digest = exchange_digest(data->data, data->used);
    return same(&digest, &packed->name.digest) ? 0 : wrong_digest(err);
}

int exchange_fetch_answers(struct exchange_client *client, const struct exchange_sources *sources,
                           const char *run, uint32_t share, const struct pair_id *digest,
                           size_t limit, struct buffer *out, struct error *err)
{
    struct packed packed = {.name = {.kind = EXCHANGE_ANSWERS, .number = share, .digest = *digest}};
    if (name_run(&packed.name, run, err) != 0)
        return -1;
    memory_sink_open(&packed.memory, limit);
    if (unpack_sink_open(&packed.unpack, &packed.memory.sink, err) != 0)
        return -1;
    int result = each_source(client, sources, answers_from, &packed, err);
    unpack_sink_close(&packed.unpack);
    if (result == 0) {
        buffer_free(out);
        *out = packed.memory.data;
        return 0;
    }
    memory_sink_close(&packed.memory);
    return explain(err, &packed.name);
}

static int learned_from(void *context, struct exchange_client *client, const char *address,
                        struct error *err)
{
    struct packed *packed = context;
    struct pair_id digest;
    if (fetch_packed(client, address, packed, err) != 0 ||
        exchange_digest_file(packed->part.unfinished, &digest, err) != 0)
        return -1;
    return same(&digest, &packed->name.digest) ? 0 : wrong_digest(err);
}

int exchange_fetch_learned(struct exchange_client *client, const struct exchange_sources *sources,
                           const char *run, const struct pair_id *digest, uint64_t limit,
                           const char *path, struct error *err)
{
    struct packed packed = {.name = {.kind = EXCHANGE_LEARNED, .digest = *digest}};
    if (name_run(&packed.name, run, err) != 0 ||
        part_open(&packed.part, path, limit, false, err) != 0)
        return -1;
    int result = -1;
    if (unpack_sink_open(&packed.unpack, &packed.part.sink, err) == 0) {
        result = each_source(client, sources, learned_from, &packed, err);
        if (result != 0)
            (void)explain(err, &packed.name);
        unpack_sink_close(&packed.unpack);
    }
    if (result == 0 && (part_rename(&packed.part, err) != 0 || part_sync(&packed.part, err) != 0))
        result = -1;
    part_close(&packed.part);
    return result;
}

/* --- manifests --------------------------------------------------------------------------- */

struct manifest_errand {
    struct exchange_name name;
    struct memory_sink memory;
    struct manifest *manifest;
};

static int manifest_from(void *context, struct exchange_client *client, const char *address,
                         struct error *err)
{
    struct manifest_errand *errand = context;
    const struct buffer *text = &errand->memory.data;
    struct manifest *manifest;
    if (fetch_from(client, address, &errand->name, &errand->memory.sink, err) != 0 ||
        manifest_parse(&manifest, (const char *)text->data, text->used, "the manifest", err) != 0)
        return -1;
    if (!same(&manifest->digest, &errand->name.digest)) {
        manifest_free(manifest);
        return wrong_digest(err);
    }
    errand->manifest = manifest;
    return 0;
}

int exchange_fetch_manifest(struct exchange_client *client, const struct exchange_sources *sources,
                            const struct pair_id *digest, struct manifest **out, struct error *err)
{
    struct manifest_errand errand = {.name = {.kind = EXCHANGE_MANIFEST, .digest = *digest}};
    memory_sink_open(&errand.memory, MANIFEST_LIMIT);
    int result = each_source(client, sources, manifest_from, &errand, err);
    memory_sink_close(&errand.memory);
    if (result != 0)
        return explain(err, &errand.name);
    *out = errand.manifest;
    return 0;
}
