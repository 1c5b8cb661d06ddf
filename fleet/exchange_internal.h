/* What the files of the exchange's server share.
 *
 * Threads: libmicrohttpd's; each connection belongs to one of them for its life. */
#ifndef REFRESHD_FLEET_EXCHANGE_INTERNAL_H
#define REFRESHD_FLEET_EXCHANGE_INTERNAL_H

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "fleet/exchange.h"
#include "fleet/exchange_name.h"

/* --- exchange_server_tls.c: who may come in ------------------------------------------ */

/* The three files as texts, checked: the key is the certificate's. */
struct exchange_credentials {
    char *ca, *cert, *key;
};
int credentials_read(struct exchange_credentials *out, const struct exchange_identity *identity,
                     struct error *err);
void credentials_free(struct exchange_credentials *credentials);

extern const char exchange_priorities[];

/* peer_demand: before the handshake: without a certificate of our authority that is valid now and
 * for clients, it fails. peer_is_trusted: is it valid still? */
void peer_demand(gnutls_session_t session);
bool peer_is_trusted(gnutls_session_t session);

/* --- exchange_server_guests.c: connections ------------------------------------------- */

struct guest {
    struct guests *guests;
    struct guest *previous, *next; /* newest first; guarded by guests->lock, as `at` is */
    pthread_t thread;              /* which serves it */
    int fd;
    gnutls_session_t session;
    double trusted_until; /* clock_monotonic; the serving thread's */
    bool known;           /* has shown its certificate; the serving thread's */
};

struct guests {
    pthread_mutex_t lock; /* guards first and links */
    struct guest *first;
    unsigned most;             /* of one thread */
    _Atomic uint64_t *refused; /* connections that ended unknown are counted here */
};

void guests_open(struct guests *guests, unsigned most, _Atomic uint64_t *refused);
void guests_close(struct guests *guests);

/* guests_notify: for MHD_OPTION_NOTIFY_CONNECTION, with struct guests as its context. When a thread
 * has nearly as many connections as it may, the oldest that has shown no certificate has to go: who
 * has none can't keep others out. */
void guests_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                   enum MHD_ConnectionNotificationCode code);

/* guest_let_in: NULL, and the connection is to be closed, when its certificate is not valid. */
struct guest *guest_let_in(struct MHD_Connection *mhd);

/* --- exchange_server_parcels.c: what is compressed ------------------------------------ */

/* Compressed bytes that replies share. */
struct parcel {
    struct parcel *previous, *next; /* last asked for first; guarded by parcels->lock, as users */
    struct exchange_name name;
    unsigned users;
    unsigned char *data;
    size_t bytes;
};

struct parcels {
    pthread_mutex_t lock; /* guards all */
    struct parcel *first, *last;
    size_t idle_bytes; /* of those that nobody uses */
};

void parcels_open(struct parcels *parcels);
void parcels_close(struct parcels *parcels); /* no parcel is in use */

/* parcels_take: the parcel of that name, or NULL. parcels_add: compress bytes into a new one; when
 * another thread was faster, its parcel. Both are given back with parcels_give. Memory beside what
 * is in use stays bounded. */
struct parcel *parcels_take(struct parcels *parcels, const struct exchange_name *name);
int parcels_add(struct parcels *parcels, const struct exchange_name *name, const void *data,
                size_t bytes, struct parcel **out, struct error *err);
void parcels_give(struct parcels *parcels, struct parcel *parcel);

/* --- exchange_server.c ----------------------------------------------------------------- */

struct exchange_server {
    struct exchange_shelves shelves;
    struct MHD_Daemon *mhd;
    int listener;
    unsigned port;
    struct guests guests;
    struct parcels parcels;
    _Atomic uint64_t requests, refused, bytes_sent;
    struct error start; /* what libmicrohttpd said while starting */
    _Atomic bool started;
};

/* --- exchange_server_things.c: off the shelves ----------------------------------------- */

/* A thing on its way: bytes in memory, of a parcel, or of a file. Zero it to begin with. */
struct thing {
    struct exchange_server *server;
    uint64_t bytes; /* all of it */
    uint64_t first; /* the reply begins here */
    struct parcel *parcel;
    struct buffer memory;
    int fd; /* -1 = none */
};

/* thing_find: 1 and *out, whose thing_drop is the caller's; 0 = unknown here; -1. */
int thing_find(struct exchange_server *server, const struct exchange_name *name, struct thing **out,
               struct error *err);
void thing_drop(void *thing); /* NULL is allowed */

/* thing_read: for MHD_create_response_from_callback. */
ssize_t thing_read(void *thing, uint64_t position, char *out, size_t room);

/* --- exchange_server_request.c: callback of libmicrohttpd, struct exchange_server its context */

enum MHD_Result request_handle(void *context, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_bytes, void **slot);

/* request_unescape: nothing in a path stands for anything else. */
size_t request_unescape(void *context, struct MHD_Connection *mhd, char *text);

#endif
