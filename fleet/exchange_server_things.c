#include "fleet/exchange_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mapping.h"

/* --- off the shelves ------------------------------------------------------------------- */

static int pack(struct thing *thing, const struct exchange_name *name, const void *data,
                size_t bytes, struct error *err)
{
    if (parcels_add(&thing->server->parcels, name, data, bytes, &thing->parcel, err) != 0)
        return -1;
    thing->bytes = thing->parcel->bytes;
    return 1;
}

static bool find_parcel(struct thing *thing, const struct exchange_name *name)
{
    thing->parcel = parcels_take(&thing->server->parcels, name);
    if (thing->parcel == NULL)
        return false;
    thing->bytes = thing->parcel->bytes;
    return true;
}

static int find_answers(struct thing *thing, const struct exchange_name *name, struct error *err)
{
    const struct exchange_shelves *shelves = &thing->server->shelves;
    struct buffer record = {0};
    if (find_parcel(thing, name))
        return 1;
    int found =
        shelves->answers(shelves->context, name->run, name->number, &name->digest, &record, err);
    if (found == 1)
        found = pack(thing, name, record.data, record.used, err);
    buffer_free(&record);
    return found;
}

static int find_learned(struct thing *thing, const struct exchange_name *name, struct error *err)
{
    const struct exchange_shelves *shelves = &thing->server->shelves;
    struct mapping file;
    char *path;
    if (find_parcel(thing, name))
        return 1;
    int found = shelves->learned(shelves->context, name->run, &name->digest, &path, err);
    if (found != 1)
        return found;
    struct error own;
    if (mapping_open(&file, path, &own) == 0) {
        found = pack(thing, name, file.data, file.bytes, err);
        mapping_close(&file);
    } else {
        found = own.code == ERROR_MISSING ? 0 : -1; /* removed meanwhile */
        if (found < 0 && err != NULL)
            *err = own;
    }
    free(path);
    return found;
}

static int find_manifest(struct thing *thing, const struct exchange_name *name, struct error *err)
{
    const struct exchange_shelves *shelves = &thing->server->shelves;
    int found = shelves->manifest(shelves->context, &name->digest, &thing->memory, err);
    thing->bytes = thing->memory.used;
    return found;
}

static int find_file(struct thing *thing, const struct exchange_name *name, struct error *err)
{
    const struct exchange_shelves *shelves = &thing->server->shelves;
    bool data = name->kind == EXCHANGE_DATA;
    struct stat status;
    int found = shelves->pair(shelves->context, name->number, &name->digest, data, &thing->fd, err);
    if (found != 1)
        return found;
    if (fstat(thing->fd, &status) != 0)
        return error_io(err, errno, "read", "a file of a pair");
    thing->bytes = (uint64_t)status.st_size;
    return 1;
}

int thing_find(struct exchange_server *server, const struct exchange_name *name, struct thing **out,
               struct error *err)
{
    int (*const find[])(struct thing *, const struct exchange_name *, struct error *) = {
        [EXCHANGE_ANSWERS] = find_answers,   [EXCHANGE_LEARNED] = find_learned,
        [EXCHANGE_MANIFEST] = find_manifest, [EXCHANGE_INDEX] = find_file,
        [EXCHANGE_DATA] = find_file,
    };
    struct thing *thing = calloc(1, sizeof *thing);
    if (thing == NULL)
        return error_memory(err, "a reply");
    thing->server = server;
    thing->fd = -1;
    int found = find[name->kind](thing, name, err);
    if (found == 1)
        *out = thing;
    else
        thing_drop(thing);
    return found;
}

void thing_drop(void *context)
{
    struct thing *thing = context;
    if (thing == NULL)
        return;
    if (thing->parcel != NULL)
        parcels_give(&thing->server->parcels, thing->parcel);
    if (thing->fd >= 0)
        (void)close(thing->fd);
    buffer_free(&thing->memory);
    free(thing);
}

/* --- to the client --------------------------------------------------------------------- */

static ssize_t read_file(int fd, uint64_t at, char *out, size_t room)
{
    ssize_t got;
    do {
        got = pread(fd, out, room, (off_t)at);
    } while (got < 0 && errno == EINTR);
    return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

ssize_t thing_read(void *context, uint64_t position, char *out, size_t room)
{
    const struct thing *thing = context;
    const unsigned char *memory = thing->parcel != NULL ? thing->parcel->data : thing->memory.data;
    uint64_t at = thing->first + position;
    if (at >= thing->bytes)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (room > thing->bytes - at)
        room = (size_t)(thing->bytes - at);
    ssize_t got = (ssize_t)room;
    if (thing->fd >= 0)
        got = read_file(thing->fd, at, out, room);
    else
        memcpy(out, memory + at, room);
    if (got > 0)
        atomic_fetch_add_explicit(&thing->server->bytes_sent, (uint64_t)got, memory_order_relaxed);
    return got;
}
