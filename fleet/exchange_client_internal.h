/* What the files of the exchange's client share. One thread, but for `interrupted` and `bytes`. */
#ifndef REFRESHD_FLEET_EXCHANGE_CLIENT_INTERNAL_H
#define REFRESHD_FLEET_EXCHANGE_CLIENT_INTERNAL_H

#include <curl/curl.h>
#include <stdatomic.h>
#include <xxhash.h>
#include <zstd.h>

#include "fleet/exchange.h"
#include "fleet/exchange_name.h"

struct exchange_client {
    CURL *easy;
    CURLM *multi;
    double connect_timeout, stall_timeout; /* seconds */
    char reason[CURL_ERROR_SIZE];
    _Atomic bool interrupted;
    _Atomic uint64_t bytes;
};

/* --- exchange_sink.c: where bytes go --------------------------------------------------- */

/* Bytes in their order. take gets them, restart forgets all of them; errors that are not the
 * sender's fault have other codes than ERROR_MISSING, ERROR_UNREACHABLE and ERROR_CORRUPT. */
struct sink {
    uint64_t have; /* bytes taken */
    uint64_t most; /* more are ERROR_CORRUPT */
    bool exact;    /* less are, too */
    bool portable; /* what one source has begun another can go on with */
    int (*take)(struct sink *sink, const void *data, size_t bytes, struct error *err);
    int (*restart)(struct sink *sink, struct error *err);
};
int sink_take(struct sink *sink, const void *data, size_t bytes, struct error *err);
int sink_restart(struct sink *sink, struct error *err);

struct memory_sink {
    struct sink sink;
    struct buffer data;
};
void memory_sink_open(struct memory_sink *sink, uint64_t most);
void memory_sink_close(struct memory_sink *sink);

/* zstd: unpacks into another sink, whose `most` is the limit. */
struct unpack_sink {
    struct sink sink;
    struct sink *into;
    ZSTD_DCtx *context;
    void *block;
    bool ended; /* the frame is whole */
};
int unpack_sink_open(struct unpack_sink *sink, struct sink *into, struct error *err);
void unpack_sink_close(struct unpack_sink *sink);

/* --- exchange_part.c: a file on its way -------------------------------------------------- */

/* PATH.part; what an earlier attempt left is kept when it is portable. */
struct part {
    struct sink sink;
    char *path, *unfinished;
    int fd;
};
int part_open(struct part *part, const char *path, uint64_t most, bool portable, struct error *err);
/* part_rename: make it durable under its name; the caller syncs the directory (part_sync). */
int part_rename(struct part *part, struct error *err);
int part_sync(const struct part *part, struct error *err);
void part_close(struct part *part); /* what is unfinished stays */

/* --- exchange_client_transfer.c: one request --------------------------------------------- */

/* transfer: ask one source once, from sink->have on. 0 = whole; ERROR_MISSING: it does not have
 * it; ERROR_UNREACHABLE: no reply or a broken one; ERROR_CORRUPT: not what was asked for;
 * ERROR_CANCELED; others are ours. err is not NULL. */
int transfer(struct exchange_client *client, const char *address, const struct exchange_name *name,
             struct sink *sink, struct error *err);

/* transfer_pause: wait so many seconds; ERROR_CANCELED when interrupted. */
int transfer_pause(struct exchange_client *client, double seconds, struct error *err);

/* --- exchange_client_sources.c: until one has it ------------------------------------------ */

/* fetch_from: all of a thing from one source, taken up again as often as it breaks. */
int fetch_from(struct exchange_client *client, const char *address,
               const struct exchange_name *name, struct sink *sink, struct error *err);

/* each_source: try the sources in order until `from` returns 0. What is ERROR_MISSING,
 * ERROR_UNREACHABLE or ERROR_CORRUPT is that source's, anything else ends it. */
typedef int source_callback(void *context, struct exchange_client *client, const char *address,
                            struct error *err);
int each_source(struct exchange_client *client, const struct exchange_sources *sources,
                source_callback *from, void *context, struct error *err);

/* --- exchange_digest.c --------------------------------------------------------------------- */

struct pair_id exchange_digest(const void *data, size_t bytes);

#endif
