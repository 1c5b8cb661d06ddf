/* The documents in etcd as structs. Every field that is read is checked; what is unknown is let
 * pass, so that a newer peer may say more. Errors are ERROR_CORRUPT and name the key. Printing
 * gives text that the caller frees. Keys: PROTOCOL.md. */
#ifndef REFRESHD_FLEET_DOCUMENTS_H
#define REFRESHD_FLEET_DOCUMENTS_H

#include <cjson/cJSON.h>

#include "fleet/fleet.h"

#define FLEET_MEMBERS_LIMIT 100 /* a decision compares the documents of all of them in one step */

typedef char fleet_name[FLEET_NAME_BYTES];

/* run: everything that shapes the run's output, and who takes part. */
struct run_document {
    char id[RUN_ID_BYTES];
    struct pair_id base_digest;
    uint64_t generation; /* number of the new one, where it is free */
    struct grid grid;
    uint32_t started_at;               /* unix seconds, the starter's clock */
    struct run_parameters parameters;  /* tables NULL: they are below */
    bool has_tables;                   /* false: its starter's version knows none */
    char tables[RUN_TABLES_BYTES + 1]; /* what the run counts; "" = nothing */
    char retry_of[RUN_ID_BYTES];       /* parameters.retry_failed */
    struct gate_limits gate;
    char provider[32];
    char language[64];
    double max_distance; /* metres; 0 = any */
    bool quorum;
    double switch_delay; /* seconds */
    fleet_name starter;
    fleet_name members[FLEET_MEMBERS_LIMIT];
    size_t member_count;
};

/* wish: what operators want of the run. Absent: nothing but what the run says. */
struct wish_document {
    char run[RUN_ID_BYTES];
    uint64_t seq; /* of the first 1, each later one more */
    bool paused, forced;
    char reason[200];
    struct line_change change; /* negative = as the run says; all since the run began */
};

/* current: the last decision. */
struct decision_document {
    char run[RUN_ID_BYTES];
    struct pair_id digest;
    uint64_t generation;
    uint32_t started_at; /* of the run */
    int64_t at_ms;       /* unix milliseconds by the decider's clock: the moment of the switch */
    fleet_name decider;
};

/* ended: the last run that ended without a generation. */
struct ended_document {
    char run[RUN_ID_BYTES];
    bool failed; /* else cancelled */
    uint32_t started_at;
    char reason[400];
};

/* learned/NAME: a peer's learned points. entries 0: none, no digest. */
struct learned_document {
    struct pair_id digest;
    uint64_t entries;
};

/* input: the sets that are folded in, by ascending digest. */
struct input_document {
    struct pair_id sets[FLEET_MEMBERS_LIMIT];
    size_t count;
};

int run_document_read(struct run_document *out, const char *key, const char *text,
                      struct error *err);
int run_document_print(const struct run_document *run, char **text, struct error *err);
/* What shapes outcomes, gate and switch, as it also stands in peers/NAME: provider, language,
 * max_distance, gate, quorum, switch_delay. Reading gives what is there and zeros for the rest. */
void run_document_add_settings(const struct run_document *run, cJSON *document);
void run_document_read_settings(struct run_document *out, const cJSON *document);
int wish_document_read(struct wish_document *out, const char *key, const char *text,
                       struct error *err);
int wish_document_print(const struct wish_document *wish, char **text, struct error *err);
int decision_document_read(struct decision_document *out, const char *key, const char *text,
                           struct error *err);
int decision_document_print(const struct decision_document *decision, char **text,
                            struct error *err);
int ended_document_read(struct ended_document *out, const char *key, const char *text,
                        struct error *err);
int ended_document_print(const struct ended_document *ended, char **text, struct error *err);
int learned_document_read(struct learned_document *out, const char *key, const char *text,
                          struct error *err);
int learned_document_print(const struct learned_document *learned, char **text, struct error *err);
int input_document_read(struct input_document *out, const char *key, const char *text,
                        struct error *err);
int input_document_print(const struct input_document *input, char **text, struct error *err);

/* points, ready/NAME: {"digest":..}. */
int digest_document_read(struct pair_id *out, const char *key, const char *text, struct error *err);
int digest_document_print(const struct pair_id *digest, char **text, struct error *err);

/* What peers read of one another's record (peers/NAME), as far as it is there. */
struct peer_document {
    char advertise[FLEET_ADDRESS_BYTES];
    uint64_t generation, next; /* published, 0 = none; the number a new one would get */
    struct pair_id digest;     /* of the published generation; zero = none */
    struct grid grid;
    uint64_t learned;
    char state[24];
    char run[RUN_ID_BYTES];     /* of its line; the last one when none is active */
    char applied[RUN_ID_BYTES]; /* of the last decision that it has carried out; "" = none */
    uint32_t done, held;
};
void peer_document_read(struct peer_document *out, const cJSON *document);
void peer_document_add(const struct peer_document *peer, cJSON *document);

#endif
