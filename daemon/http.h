/* The HTTP server: libmicrohttpd with threads of its own. Read-only: GET and HEAD alone.
 *
 *   http_open(&http, &settings, err);      listens when it returns
 *   http_close(http);                      no request is being served any more
 *
 * A route is a function that fills a reply; it runs on one of the server's threads and must not
 * wait. A route that needs something that takes time returns HTTP_WAIT after it has arranged for
 * http_resume, from any thread: then the route is called again, on the same thread, or the
 * call is over because its client has left. What a client can cost is bounded: connections, bytes
 * of a header, time to finish a request, requests a second.
 *
 * http_close takes no new request, waits for the calls that wait to be resumed, answers them and
 * ends the threads. So whatever resumes calls (the learner) must be alive until http_close has
 * returned, and must resume each within a bounded time: learner_stop before it, learner_close after
 * it. */
#ifndef REFRESHD_DAEMON_HTTP_H
#define REFRESHD_DAEMON_HTTP_H

#include "base/buffer.h"
#include "base/error.h"
#include "daemon/http_services.h"

struct http;
struct http_call;
struct http_path;

/* How a desk is made and what it is told; all on the thread that has it, but `close`, which
 * http_close calls when the threads have ended. */
struct http_desks {
    int (*open)(struct http_desk *desk, const struct http_services *services, struct error *err);
    void (*close)(struct http_desk *desk);
    void (*replied)(struct http_desk *desk, unsigned status); /* a reply was queued */
};

/* Those of refreshd's routes (http_desk.c). */
extern const struct http_desks http_desks;

struct http_settings {
    const char *listen; /* HOST:PORT */
    unsigned threads;
    unsigned max_connections; /* in all */
    size_t max_header;        /* bytes of request line and headers: 431 above it */
    double timeout;           /* seconds in which a connection must finish a request */
    double client_rate;       /* requests per second and client address; 0 = no limit: 429 above */
    const struct http_path *paths;        /* the table of routes, ended by a NULL path */
    const struct http_desks *desks;       /* NULL: desks are zeroes */
    const struct http_services *services; /* what routes may use; outlives the server */
};

int http_open(struct http **out, const struct http_settings *settings, struct error *err);
void http_close(struct http *http); /* NULL is allowed */

/* http_port: the port listened on (of use when the configuration says 0). */
unsigned http_port(const struct http *http);

/* --- for routes -------------------------------------------------------------------- */

enum http_next { HTTP_REPLY, HTTP_WAIT };

struct http_reply {
    unsigned status;                /* 200 to begin with */
    const char *content_type;       /* static; "application/json; charset=utf-8" to begin with */
    const char *cache_control;      /* static; "no-store" to begin with */
    struct buffer body;             /* empty to begin with; the server's */
    const struct http_asset *asset; /* instead of body: bytes that live for ever */
};

/* Bytes embedded in the program. */
struct http_asset {
    const unsigned char *plain;
    size_t plain_bytes;
    const unsigned char *gzip; /* the same, compressed; NULL = none */
    size_t gzip_bytes;
    const char *etag;            /* static, with its quotes */
    const char *security_policy; /* Content-Security-Policy, static; NULL = none */
};

typedef enum http_next http_route(struct http_call *call, struct http_reply *reply);

struct http_path {
    const char *path;
    http_route *route;
};

/* The table of refreshd's routes (http_routes.c). */
extern const struct http_path http_paths[];

const struct http_services *http_services(const struct http_call *call);

/* http_connections: open now. Any thread. */
unsigned http_connections(const struct http_call *call);

/* http_desk: what this thread has of its own: readers, shard of the metrics. */
struct http_desk *http_desk(const struct http_call *call);

/* http_parameters: each parameter of the query, decoded, in the order given (value "" when there is
 * none); stops when `each` returns false. */
void http_parameters(const struct http_call *call,
                     bool (*each)(void *context, const char *name, const char *value),
                     void *context);

/* http_state: room for the route to remember what it waits for, zeroed at the first call of the
 * route; kept until the reply is queued. */
#define HTTP_STATE_BYTES 128
void *http_state(struct http_call *call);

/* http_resume: call the route of a call that returned HTTP_WAIT again. Any thread, once, also
 * before HTTP_WAIT has been returned. */
void http_resume(struct http_call *call);

#endif
