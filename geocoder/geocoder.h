/* Geocoders: who answers the questions. One file per provider, one table of providers.
 *
 *   geocoder_open(&geocoder, &settings, err);      once per run, shared by all workers
 *   geocoder->provider->answer(...)                from any worker thread
 *   geocoder_close(geocoder);
 *
 * A provider turns points into answers. There are no threads, no waiting and no retries here:
 * that is the workers' business (stages/geocode.c). */
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
    CAUSE_QUOTA,
    CAUSE_MISSING_ROW,
    CAUSE_INTERNAL,
    CAUSE_COUNT
};
extern const char *const failure_cause_names[CAUSE_COUNT];

struct answer {
    enum answer_kind kind;
    struct address address; /* found only; label folded; slices live until the next call on
                             * the same session, or for ever: copy before asking again */
    enum failure_cause cause;
    bool transient;      /* failed only: worth asking again */
    uint16_t status;     /* last reply's HTTP status, 0 = none */
    struct slice detail; /* failed only: one line for a person; lifetime as address */
};

struct geocoder_settings {
    const char *provider;
    const char *url;
    const char *key_file;
    const char *language;
    const char *user_agent;
    double max_distance; /* metres; 0 = any. An address farther away counts as empty */
};

struct geocoder_provider {
    const char *name;
    const char *help;
    unsigned largest_batch; /* most points in one request */

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
};

struct geocoder {
    const struct geocoder_provider *provider;
    void *state;
};

/* The table of providers, ending in NULL (providers.c). */
extern const struct geocoder_provider *const geocoder_providers[];

/* geocoder_find: the provider of that name, or NULL. */
const struct geocoder_provider *geocoder_find(const char *name);

/* geocoder_open: ERROR_CONFIG names an unknown provider and lists the known ones. */
int geocoder_open(struct geocoder **out, const struct geocoder_settings *settings,
                  struct error *err);
void geocoder_close(struct geocoder *geocoder); /* NULL is allowed */

#endif
