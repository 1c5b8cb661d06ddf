/* What the files of the HTTP server share.
 *
 * Threads: libmicrohttpd's serve requests; each connection belongs to one of them for its life. The
 * sweep is a thread of its own. Any other thread may call http_resume. */
#ifndef REFRESHD_DAEMON_HTTP_INTERNAL_H
#define REFRESHD_DAEMON_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

#include "daemon/http.h"
#include "daemon/http_rate.h"

/* Whether a call waits; whoever of the serving thread and http_resume comes second makes
 * libmicrohttpd go on. */
enum { CALL_RUNNING, CALL_SUSPENDED, CALL_RESUMED };

struct http_call {
    struct http *http;
    struct MHD_Connection *mhd;
    struct desk *desk;
    const struct http_path *path; /* NULL: no route, `refusal` says why */
    const struct refusal *refusal;
    unsigned retry_after; /* seconds, with refuse_rate */
    bool begun;           /* its route has been called */
    bool has_nul;         /* an escape in the target stands for a NUL */
    size_t body_bytes;
    _Atomic int waiting;
    alignas(max_align_t) unsigned char state[HTTP_STATE_BYTES];
};

/* One TCP connection. `due` is in milliseconds of crowd_now; the rest is the serving
 * thread's, the links are guarded by the shard's lock. */
struct http_connection {
    struct http_call call; /* the request under way: one at a time; its http and mhd are for ever */
    struct http_connection *previous, *next;
    struct shard *shard;
    int fd;
    uint64_t client; /* whose rate it is */
    _Atomic uint64_t due;
};

#define DUE_NEVER UINT64_MAX

#define SHARDS 16
struct shard {
    pthread_mutex_t lock;
    struct http_connection *first;
};

struct http_crowd {
    struct shard shards[SHARDS];
    unsigned most;
    uint64_t patience; /* milliseconds */
    _Atomic unsigned open;
    pthread_t thread;
    pthread_mutex_t lock; /* guards `stopping` */
    pthread_cond_t wake;
    bool stopping;
    bool running;
};

/* What a serving thread has of its own. */
struct desk {
    struct http_desk public;
    struct http *http;
    struct desk *next;
    _Atomic bool busy;   /* a route is running; see http_close */
    struct buffer body;  /* lent to each reply in turn */
    struct buffer small; /* the body compressed */
    z_stream deflate;
    bool deflate_ready;
};

struct http {
    struct http_settings settings;
    struct MHD_Daemon *mhd;
    int listener;
    unsigned port;
    struct http_crowd crowd;
    struct rate *rate;
    _Atomic bool closing;
    pthread_mutex_t lock; /* guards the two below */
    pthread_cond_t resumed;
    struct desk *desks;
    unsigned suspended;
    struct error start; /* what libmicrohttpd said while starting */
    _Atomic bool started;
};

/* --- http.c --- */

/* http_continue: a suspended call goes on. Any thread; once for each suspension. */
void http_continue(struct http *http, struct MHD_Connection *mhd);

/* --- http_connections.c --- */

/* crowd_open: as many connections as the limit of open files allows, at most `most`; the
 * sweep begins. */
int crowd_open(struct http_crowd *crowd, unsigned most, double timeout, struct error *err);
void crowd_close(struct http_crowd *crowd);

/* crowd_notify: for MHD_OPTION_NOTIFY_CONNECTION, with struct http as its context. */
void crowd_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                  enum MHD_ConnectionNotificationCode code);

/* http_connection_of: NULL when there was no memory for it. */
struct http_connection *http_connection_of(struct MHD_Connection *mhd);

/* http_connection_renew: the client has the whole timeout again. http_connection_hold: it waits for
 * us. */
void http_connection_renew(struct http_connection *connection, const struct http_crowd *crowd);
void http_connection_hold(struct http_connection *connection);

/* --- http_call.c: callbacks of libmicrohttpd, with struct http as their context --- */

enum MHD_Result call_handle(void *context, struct MHD_Connection *mhd, const char *url,
                            const char *method, const char *version, const char *upload,
                            size_t *upload_bytes, void **call);
void call_completed(void *context, struct MHD_Connection *mhd, void **call,
                    enum MHD_RequestTerminationCode code);
size_t call_unescape(void *context, struct MHD_Connection *mhd, char *text);

/* --- http_desks.c --- */

/* desk_mine: the calling thread's. NULL and err: it can't be made now. */
struct desk *desk_mine(struct http *http, struct error *err);
void desks_close(struct http *http);

/* --- http_reply.c --- */

/* A request that no route sees, and what it is told. */
struct refusal {
    unsigned status;
    const char *body;
};
extern const struct refusal refuse_nul, refuse_path, refuse_method, refuse_body, refuse_rate,
    refuse_header, refuse_memory, refuse_closing;

/* reply_send: queue the reply; its body is taken over. reply_refuse: queue that. */
enum MHD_Result reply_send(struct http_call *call, struct http_reply *reply);
enum MHD_Result reply_refuse(struct http_call *call, const struct refusal *refusal);

/* --- http_gzip.c --- */

/* gzip_accepted: by the value of Accept-Encoding (RFC 9110, 12.5.3); NULL = not given. */
bool gzip_accepted(const char *accept_encoding);

/* gzip_body: desk->small becomes body, compressed. false: it can't be, or would not be smaller. */
bool gzip_body(struct desk *desk, const struct buffer *body);
void gzip_end(struct desk *desk);

#endif
