#include "tests/unit/exchange_rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/durable.h"
#include "cachefmt/generation.h"
#include "fleet/catch_up.h"
#include "fleet/exchange_client_internal.h"
#include "tests/unit/cache_rig.h"
#include "tests/unit/certificates_rig.h"

#define CSV_BYTES 200000

void exchange_rig_fill(struct buffer *out, size_t bytes)
{
    uint32_t random = 12345;
    char word[16];
    while (out->used < bytes) {
        random = random * 1664525 + 1013904223;
        int length = snprintf(word, sizeof word, "%x,", random >> 16);
        if ((size_t)length > bytes - out->used)
            length = (int)(bytes - out->used);
        assert_int_equal(buffer_append(out, word, (size_t)length, NULL), 0);
    }
}

/* --- shelves --------------------------------------------------------------------------- */

static int look(struct exchange_rig *rig, bool same, struct error *err)
{
    unsigned before = atomic_fetch_add(&rig->asked, 1);
    if (atomic_load(&rig->fails) && before >= atomic_load(&rig->good))
        return error_set(err, ERROR_IO, "the disk is gone");
    return same;
}

static bool same(const struct pair_id *a, const struct pair_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static int answers(void *context, const char run[RUN_ID_BYTES], uint32_t share,
                   const struct pair_id *digest, struct buffer *out, struct error *err)
{
    struct exchange_rig *rig = context;
    int found = look(
        rig, strcmp(run, RIG_RUN) == 0 && share == RIG_SHARE && same(digest, &rig->record_digest),
        err);
    if (found == 1)
        found = buffer_append(out, rig->record.data, rig->record.used, err) == 0 ? 1 : -1;
    return found;
}

static int learned(void *context, const char run[RUN_ID_BYTES], const struct pair_id *digest,
                   char **path, struct error *err)
{
    struct exchange_rig *rig = context;
    int found = look(rig, strcmp(run, RIG_RUN) == 0 && same(digest, &rig->csv_digest), err);
    if (found == 1)
        *path = strdup(rig->csv_path);
    return found;
}

static int manifest(void *context, const struct pair_id *digest, struct buffer *out,
                    struct error *err)
{
    struct exchange_rig *rig = context;
    int found = look(rig, true, err);
    return found == 1 ? catch_up_shelf_manifest(rig->cache, digest, out, err) : found;
}

static int pair(void *context, uint32_t tile, const struct pair_id *id, bool data, int *fd,
                struct error *err)
{
    struct exchange_rig *rig = context;
    int found = look(rig, true, err);
    return found == 1 ? catch_up_shelf_pair(rig->cache, tile, id, data, fd, err) : found;
}

/* --- the peer -------------------------------------------------------------------------- */

static void make_things(struct exchange_rig *rig, size_t record_bytes)
{
    (void)snprintf(rig->directory, sizeof rig->directory, "/tmp/exchange-XXXXXX");
    assert_non_null(mkdtemp(rig->directory));
    (void)snprintf(rig->csv_path, sizeof rig->csv_path, "%s/set.csv", rig->directory);
    exchange_rig_fill(&rig->record, record_bytes);
    exchange_rig_fill(&rig->csv, CSV_BYTES);
    rig->record_digest = exchange_digest(rig->record.data, rig->record.used);
    rig->csv_digest = exchange_digest(rig->csv.data, rig->csv.used);
    assert_int_equal(durable_write_file(rig->csv_path, rig->csv.data, rig->csv.used, NULL), 0);
}

void exchange_rig_open(struct exchange_rig *rig, size_t record_bytes, const char *certificate)
{
    struct exchange_identity identity = certificates_rig_identity(certificate);
    struct exchange_shelves shelves = {rig, answers, learned, manifest, pair};
    struct error err;
    memset(rig, 0, sizeof *rig);
    rig->cache = cache_rig_directory;
    make_things(rig, record_bytes);
    if (exchange_server_open(&rig->server, "127.0.0.1:0", &identity, &shelves, &err) != 0)
        fail_msg("%s", err.message);
    (void)snprintf(rig->address, sizeof rig->address, "127.0.0.1:%u",
                   exchange_server_port(rig->server));
}

void exchange_rig_close(struct exchange_rig *rig)
{
    exchange_server_close(rig->server);
    buffer_free(&rig->record);
    buffer_free(&rig->csv);
    assert_int_equal(durable_remove_directory(rig->directory, NULL), 0);
}

const char *exchange_rig_path(const struct exchange_rig *rig, enum exchange_kind kind)
{
    static char path[EXCHANGE_PATH_BYTES];
    struct exchange_name name = {.kind = kind, .run = RIG_RUN, .number = RIG_SHARE};
    struct manifest *current;
    if (kind == EXCHANGE_ANSWERS) {
        name.digest = rig->record_digest;
    } else if (kind == EXCHANGE_LEARNED) {
        name.digest = rig->csv_digest;
    } else {
        assert_int_equal(generation_current(cache_rig_directory, &current, NULL), 0);
        name.number = 1;
        name.digest = kind == EXCHANGE_MANIFEST ? current->digest : current->tiles[1].info.id;
        manifest_free(current);
    }
    return exchange_name_print(&name, path);
}

struct exchange_client *exchange_rig_client(const char *certificate)
{
    struct exchange_client *client;
    struct exchange_client_settings settings = {.identity = certificates_rig_identity(certificate),
                                                .connect_timeout = 5,
                                                .stall_timeout = 0.5};
    assert_int_equal(exchange_client_open(&client, &settings, NULL), 0);
    return client;
}
