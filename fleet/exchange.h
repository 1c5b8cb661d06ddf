/* The exchange: immutable things, named by digest, that peers fetch from one another over HTTPS
 * with mutual TLS. Every peer serves what it has; whoever fetched a thing serves it as well.
 *
 *   /answers/RUN/SHARE/DIGEST    all answers of a share (share_answers.h), zstd
 *   /learned/RUN/DIGEST          the learned points of one peer, as CSV, zstd
 *   /manifest/DIGEST             the manifest of a kept generation with this digest
 *   /pair/TILE/ID/idx, .../dat   the files of a pair, as they are
 *
 * Names are checked before anything is looked up: RUN is the id of a run, SHARE and TILE are
 * decimal, DIGEST and ID 32 hexadecimal digits. Unknown things are 404. A client whose certificate
 * is missing, expired, not yet valid or not of our authority gets no reply at all. */
#ifndef REFRESHD_FLEET_EXCHANGE_H
#define REFRESHD_FLEET_EXCHANGE_H

#include "cachefmt/manifest.h"

struct exchange_identity {
    const char *ca_file, *cert_file, *key_file;
};

/* --- the server: exchange_server*.c ------------------------------------------------------ */

/* Where the things are. Called from the server's threads; each call is independent. 1 = *out, 0 =
 * unknown here, -1. What is compressed is compressed by the server. */
struct exchange_shelves {
    void *context;
    int (*answers)(void *context, const char run[RUN_ID_BYTES], uint32_t share,
                   const struct pair_id *digest, struct buffer *out, struct error *err);
    /* path of a file, freed by the server */
    int (*learned)(void *context, const char run[RUN_ID_BYTES], const struct pair_id *digest,
                   char **path, struct error *err);
    int (*manifest)(void *context, const struct pair_id *digest, struct buffer *out,
                    struct error *err);
    /* an open file, closed by the server: a generation may be pruned meanwhile */
    int (*pair)(void *context, uint32_t tile, const struct pair_id *id, bool data, int *fd,
                struct error *err);
};

struct exchange_server;

/* exchange_server_open: listen on HOST:PORT (0.0.0.0 or [::] for all addresses) with TLS. The files
 * are read once, here. Errors name the address or file. */
int exchange_server_open(struct exchange_server **out, const char *listen,
                         const struct exchange_identity *identity,
                         const struct exchange_shelves *shelves, struct error *err);
void exchange_server_close(struct exchange_server *server); /* NULL is allowed */

/* exchange_server_port: the port it got, for PORT 0. */
unsigned exchange_server_port(const struct exchange_server *server);

struct exchange_figures {
    uint64_t requests;   /* of peers that are known by their certificate */
    uint64_t refused;    /* connections that ended without one */
    uint64_t bytes_sent; /* of things, as they went out */
};
struct exchange_figures exchange_server_figures(struct exchange_server *server);

/* --- the client: exchange_client*.c ------------------------------------------------------ */

/* One client for each thread. A fetch tries the sources in their order until one gives what was
 * asked for whole; a transfer that breaks is taken up where it stopped (Range), from the same
 * source first. What comes is checked against its digest before it is given to anybody, and never
 * written under a name that a peer chose. ERROR_MISSING: every source that answered does not have
 * it; ERROR_UNREACHABLE: some source did not answer and nobody else had it; ERROR_CORRUPT: what
 * came was not what was asked for; ERROR_CANCELED after exchange_client_interrupt. */
struct exchange_client;

struct exchange_client_settings {
    struct exchange_identity identity;
    double connect_timeout; /* seconds; 0 = 3 */
    double stall_timeout;   /* seconds without a byte; 0 = 10 */
};
int exchange_client_open(struct exchange_client **out,
                         const struct exchange_client_settings *settings, struct error *err);
void exchange_client_close(struct exchange_client *client);     /* NULL is allowed */
void exchange_client_interrupt(struct exchange_client *client); /* any thread; for good */

/* exchange_client_bytes: received so far, as they came in. Any thread. */
uint64_t exchange_client_bytes(const struct exchange_client *client);

/* HOST:PORT of peers that may have it, as they advertise. */
struct exchange_sources {
    const char *const *addresses;
    size_t count;
};

/* limit: bytes that the thing may have at most, uncompressed; more is ERROR_CORRUPT. */
int exchange_fetch_answers(struct exchange_client *client, const struct exchange_sources *sources,
                           const char *run, uint32_t share, const struct pair_id *digest,
                           size_t limit, struct buffer *out, struct error *err);
/* The three write to path (PATH.part meanwhile; a broken transfer goes on there), durable. */
int exchange_fetch_learned(struct exchange_client *client, const struct exchange_sources *sources,
                           const char *run, const struct pair_id *digest, uint64_t limit,
                           const char *path, struct error *err);
int exchange_fetch_manifest(struct exchange_client *client, const struct exchange_sources *sources,
                            const struct pair_id *digest, struct manifest **out, struct error *err);
/* Both files of a pair; checked by opening and reading all of it (pair_verify) against the row. */
int exchange_fetch_pair(struct exchange_client *client, const struct exchange_sources *sources,
                        const struct manifest_tile *row, const char *index_path,
                        const char *data_path, struct error *err);

/* exchange_digest_file: XXH3 128-bit of a file's bytes, canonical byte order. */
int exchange_digest_file(const char *path, struct pair_id *out, struct error *err);

#endif
