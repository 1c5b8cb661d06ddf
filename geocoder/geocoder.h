/* Geocoders: who answers the questions. One file per provider, one table of providers.
 *
 *   geocoder_open(&geocoder, &settings, err);      once per run, shared by all workers
 *   geocoder->provider->session_open(...)          once per worker
 *   geocoder->provider->answer(...)                local providers: points to answers
 *   geocoder->provider->ask(...), ->read(...)      network providers: points to a request, the
 *                                                  reply to answers
 *   geocoder_close(geocoder);
 *
 * There are no threads, no waiting, no sockets and no retries here: that is the workers' business
 * (stages/geocode.c). */
#ifndef REFRESHD_GEOCODER_GEOCODER_H
#define REFRESHD_GEOCODER_GEOCODER_H

#include "base/error.h"
#include "cachefmt/address.h"

enum answer_kind {
    ANSWER_FOUND,  /* address is filled */
    ANSWER_EMPTY,  /* the geocoder knows no address there */
    ANSWER_FAILED, /* cause, status and detail say why */
};

/* Why a question failed. Names (failure_cause_names) are keys of `failures` in status. */
enum failure_cause {
    CAUSE_NONE,
    CAUSE_TIMEOUT,
    CAUSE_CONNECT,
    CAUSE_RESET,
    CAUSE_TLS,
    CAUSE_HTTP_4XX,
    CAUSE_HTTP_429,
    CAUSE_HTTP_5XX,
    CAUSE_BAD_REPLY,
    CAUSE_BAD_REQUEST,
    CAUSE_QUOTA, /* used up for now: pauses the run, costs no point its address */
    CAUSE_MISSING_ROW,
    CAUSE_INTERNAL,
    CAUSE_DENIED, /* the key or the user is refused: likewise */
    CAUSE_COUNT
};
extern const char *const failure_cause_names[CAUSE_COUNT];

struct answer {
    enum answer_kind kind;
    struct address address; /* found only; label folded; slices live until the next call on
                             * the same session, or for ever: copy before asking again */
    double distance_m;      /* found only: from the point to the place of the address; NAN = the
                             * geocoder does not say where that is */
    enum failure_cause cause;
    bool transient;      /* failed only: worth asking again */
    uint16_t status;     /* last reply's HTTP status, 0 = none */
    struct slice detail; /* failed only: one line for a person; lifetime as address */
};

/* What the configuration says. Any text may be NULL or "", which is not set. */
struct geocoder_settings {
    const char *provider;
    const char *url; /* base; the provider's path is added */
    const char *key_file;
    const char *ca_file; /* certificates to trust; not set = the system's */
    const char *language;
    const char *user_agent;
    double timeout;         /* seconds a request may take */
    double max_distance;    /* metres; 0 = any. An address farther away counts as empty */
    unsigned batch;         /* points per request, at most */
    bool storage_permitted; /* the user has a contract by which answers may be kept */
};

/* One HTTP request. Zeroed to begin with; the buffers are used again for the next one. */
struct geocoder_request {
    const char *path;         /* static; added to the base url */
    struct buffer query;      /* "a=b&c=d", percent-encoded, not NUL-terminated; may be empty */
    struct buffer body;       /* with content_type: a POST */
    const char *content_type; /* static; NULL = a GET */
};

struct geocoder_reply {
    unsigned status;  /* HTTP */
    const char *body; /* any bytes */
    size_t size;
};

/* The longest body that is read as the reply to a question about `points` points. */
#define GEOCODER_REPLY_BYTES(points) (((size_t)256 << 10) + ((size_t)32 << 10) * (points))

struct geocoder_provider {
    const char *name;
    const char *help;
    unsigned largest_batch; /* most points in one request */

    /* Network providers. */
    const char *url; /* base used when none is configured; NULL = there must be one */
    bool needs_key;
    const char *storage_terms; /* NULL, or why answers may not be kept without a contract, and what
                                * to set if there is one */

    /* settings outlives the state. */
    int (*open)(const struct geocoder_settings *settings, void **state, struct error *err);
    void (*close)(void *state);
    /* A session is one worker's private memory with the provider (scratch, caches). */
    int (*session_open)(void *state, void **session, struct error *err);
    void (*session_close)(void *session);

    /* Local providers answer on the calling thread: answers[i] belongs to points[i]. -1 only when
     * nothing could be answered at all (out of memory). */
    int (*answer)(void *session, const struct point *points, size_t count, struct answer *answers,
                  struct error *err);

    /* Local providers that stand in for a distant one: how long after being asked a request is
     * answered, milliseconds. NULL = at once. */
    unsigned (*latency)(void *session, const struct point *points, size_t count);

    /* Network providers: make the request that asks for these points (1 to batch of them). Several
     * requests of a session may be in flight. -1: out of memory. */
    int (*ask)(void *session, const struct point *points, size_t count,
               struct geocoder_request *request, struct error *err);

    /* Network providers: turn the reply to such a request into answers; answers[i] belongs to
     * points[i]. Every reply gives every point an answer, also a senseless one. -1: out of
     * memory. */
    int (*read)(void *session, const struct point *points, size_t count,
                const struct geocoder_reply *reply, struct answer *answers, struct error *err);
};

static inline bool geocoder_is_local(const struct geocoder_provider *provider)
{
    return provider->answer != NULL;
}

/* geocoder_batch: points in one request to this provider when `wanted` are configured. */
static inline unsigned geocoder_batch(const struct geocoder_provider *provider, unsigned wanted)
{
    unsigned points = wanted < provider->largest_batch ? wanted : provider->largest_batch;
    return points > 0 ? points : 1;
}

struct geocoder {
    const struct geocoder_provider *provider;
    void *state;
    struct geocoder_settings settings; /* its texts are owned, none is NULL, url is never empty for
                                        * a network provider and ends without a slash */
};

/* The table of providers, ending in NULL (providers.c). */
extern const struct geocoder_provider *const geocoder_providers[];

/* geocoder_find: the provider of that name, or NULL. */
const struct geocoder_provider *geocoder_find(const char *name);

/* geocoder_open: ERROR_CONFIG names what is wrong with the settings: an unknown provider (and lists
 * the known ones), a missing url, a key_file that is missing, empty or not a file, ... */
int geocoder_open(struct geocoder **out, const struct geocoder_settings *settings,
                  struct error *err);
void geocoder_close(struct geocoder *geocoder); /* NULL is allowed */

/* geocoder_storage_warning: what to tell a user whose provider's terms forbid keeping answers and
 * who has not said storage_permitted = yes; NULL when there is nothing to tell. */
const char *geocoder_storage_warning(const struct geocoder_settings *settings);

#endif
