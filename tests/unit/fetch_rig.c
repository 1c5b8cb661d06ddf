#include "tests/unit/fetch_rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "cachefmt/generation.h"
#include "tests/unit/cache_rig.h"

struct fetch_rig fetch_rig;

static const char *const names[] = {"set.csv", "set.csv.part", "x.idx",
                                    "x.dat",   "x.idx.part",   "x.dat.part"};

int fetch_rig_open(void **state)
{
    struct fetch_rig *rig = &fetch_rig;
    memset(rig, 0, sizeof *rig);
    if (cache_rig_open(state) != 0)
        return -1;
    cache_rig_must_publish(1, 15);
    exchange_rig_open(&rig->peer, FETCH_RIG_RECORD, "peer");
    rig->record_digest = rig->peer.record_digest;
    rig->client = exchange_rig_client("other");
    assert_int_equal(generation_current(cache_rig_directory, &rig->manifest, NULL), 0);
    (void)snprintf(rig->directory, sizeof rig->directory, "/tmp/fetch-XXXXXX");
    return mkdtemp(rig->directory) != NULL ? 0 : -1;
}

int fetch_rig_close(void **state)
{
    struct fetch_rig *rig = &fetch_rig;
    exchange_client_close(rig->client);
    exchange_rig_close(&rig->peer);
    manifest_free(rig->manifest);
    buffer_free(&rig->fetched);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(fetch_rig_path(names[i]));
    if (rmdir(rig->directory) != 0)
        return -1;
    return cache_rig_close(state);
}

const char *fetch_rig_path(const char *name)
{
    static char paths[8][100];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", fetch_rig.directory, name);
    return path;
}

bool fetch_rig_exists(const char *name)
{
    return access(fetch_rig_path(name), F_OK) == 0;
}

static struct exchange_sources sources(const char *const *addresses)
{
    struct exchange_sources made = {.addresses = addresses};
    while (addresses[made.count] != NULL)
        made.count++;
    return made;
}

static void assert_file(const char *name, const struct buffer *wanted)
{
    char *data;
    size_t bytes;
    assert_int_equal(read_whole_file(fetch_rig_path(name), 1 << 24, &data, &bytes, NULL), 0);
    assert_int_equal(bytes, wanted->used);
    assert_memory_equal(data, wanted->data, bytes);
    free(data);
}

int fetch_rig_answers(const char *const *addresses)
{
    struct fetch_rig *rig = &fetch_rig;
    struct exchange_sources from = sources(addresses);
    int result = exchange_fetch_answers(rig->client, &from, RIG_RUN, RIG_SHARE, &rig->record_digest,
                                        FETCH_RIG_RECORD, &rig->fetched, &rig->err);
    if (result == 0) {
        assert_int_equal(rig->fetched.used, rig->peer.record.used);
        assert_memory_equal(rig->fetched.data, rig->peer.record.data, rig->fetched.used);
    }
    return result;
}

int fetch_rig_learned(const char *const *addresses)
{
    struct fetch_rig *rig = &fetch_rig;
    struct exchange_sources from = sources(addresses);
    (void)unlink(fetch_rig_path("set.csv"));
    int result = exchange_fetch_learned(rig->client, &from, RIG_RUN, &rig->peer.csv_digest,
                                        rig->peer.csv.used, fetch_rig_path("set.csv"), &rig->err);
    assert_int_equal(fetch_rig_exists("set.csv"), result == 0);
    if (result == 0) {
        assert_false(fetch_rig_exists("set.csv.part"));
        assert_file("set.csv", &rig->peer.csv);
    }
    return result;
}

int fetch_rig_manifest(const char *const *addresses)
{
    struct fetch_rig *rig = &fetch_rig;
    struct exchange_sources from = sources(addresses);
    struct manifest *fetched;
    int result =
        exchange_fetch_manifest(rig->client, &from, &rig->manifest->digest, &fetched, &rig->err);
    if (result == 0) {
        assert_int_equal(fetched->published, rig->manifest->published);
        assert_memory_equal(&fetched->digest, &rig->manifest->digest, sizeof fetched->digest);
        manifest_free(fetched);
    }
    return result;
}

int fetch_rig_pair(const char *const *addresses)
{
    struct fetch_rig *rig = &fetch_rig;
    struct exchange_sources from = sources(addresses);
    (void)unlink(fetch_rig_path("x.idx"));
    (void)unlink(fetch_rig_path("x.dat"));
    int result = exchange_fetch_pair(rig->client, &from, &rig->manifest->tiles[1],
                                     fetch_rig_path("x.idx"), fetch_rig_path("x.dat"), &rig->err);
    assert_int_equal(fetch_rig_exists("x.idx") || fetch_rig_exists("x.dat"), result == 0);
    if (result == 0) {
        struct buffer index = fetch_rig_file(false), data = fetch_rig_file(true);
        assert_file("x.idx", &index);
        assert_file("x.dat", &data);
        assert_false(fetch_rig_exists("x.idx.part") || fetch_rig_exists("x.dat.part"));
        buffer_free(&index);
        buffer_free(&data);
    }
    return result;
}

struct buffer fetch_rig_file(bool data)
{
    struct buffer out = {0};
    char *bytes;
    size_t count;
    assert_int_equal(read_whole_file(cache_rig_path(data ? "001.1.dat" : "001.1.idx"), 1 << 24,
                                     &bytes, &count, NULL),
                     0);
    assert_int_equal(buffer_append(&out, bytes, count, NULL), 0);
    free(bytes);
    return out;
}
