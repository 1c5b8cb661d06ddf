/* What the network providers share: their state and sessions, building queries, and reading replies
 * with bounds. A provider's own file holds only its paths, its parameters, its table of fields and
 * its ways of saying no. Threads: a network is read-only once it is open; a session belongs to one
 * worker. */
#ifndef REFRESHD_GEOCODER_NETWORK_H
#define REFRESHD_GEOCODER_NETWORK_H

#include <cjson/cJSON.h>

#include "geocoder/geocoder.h"

struct network {
    const struct geocoder_settings *settings;
    char *key; /* "" = none */
};

struct network_session {
    const struct network *network;
    struct buffer text; /* what answers point to besides the tree: folded labels, joined words,
                         * details. Cleared by read_begin, never moved before the next one. */
    cJSON *tree;        /* of the last reply, or NULL */
};

/* The open, close, session_open and session_close of every network provider. network_open reads the
 * key: key_file, trimmed of white space, or else the file geocoder-key in the directory that
 * CREDENTIALS_DIRECTORY names (systemd). An error names key and file, never the key itself. */
int network_open(const struct geocoder_settings *settings, void **state, struct error *err);
void network_close(void *state);
int network_session_open(void *state, void **session, struct error *err);
void network_session_close(void *session);

/* --- queries (network_query.c) ------------------------------------------------------------- */

/* Begin a GET of path, with an empty query and no body. */
void query_begin(struct geocoder_request *request, const char *path);

/* Append NAME=VALUE, percent-encoded (RFC 3986: all but unreserved characters); a NULL or empty
 * value appends nothing. */
int query_text(struct geocoder_request *request, const char *name, const char *value,
               struct error *err);
int query_degrees(struct geocoder_request *request, const char *name, int32_t degrees,
                  struct error *err);
/* "LAT,LON" */
int query_point(struct geocoder_request *request, const char *name, struct point point,
                struct error *err);

/* --- replies (network_reply.c) ------------------------------------------------------------- */

#define REPLY_NESTING 32u /* deepest JSON that is read */
#define DETAIL_BYTES 200u /* longest detail kept */

/* read_begin: forget the reply before; make room for what answers of this one point to. */
int read_begin(struct network_session *session, const struct geocoder_reply *reply, size_t count,
               struct error *err);

/* How a reply is judged by its HTTP status alone:
 *   2xx  none (CAUSE_NONE): the body tells
 *   429  http_429 transient      408, 425  http_4xx transient      402  quota
 *   401, 403  denied             5xx  http_5xx transient           other  http_4xx permanent
 * A 400, 404, 405, 413, 414, 422 is bad_request, permanent. */
enum failure_cause status_cause(unsigned status, bool *transient);

/* fail_all: every answer becomes that failure. detail (may be NULL) is cut to DETAIL_BYTES of
 * printable UTF-8 on one line, the key masked, and copied into the session. */
void fail_all(struct network_session *session, const struct geocoder_reply *reply, size_t count,
              enum failure_cause cause, bool transient, const char *detail, struct answer *answers);

/* fail_one: the same for one. */
void fail_one(struct network_session *session, const struct geocoder_reply *reply,
              enum failure_cause cause, bool transient, const char *detail, struct answer *answer);

/* read_json: the body as a tree, kept in the session. NULL when it is no JSON within bounds (size,
 * nesting, valid UTF-8, no NUL in a text); *why then says what is wrong. */
const cJSON *read_json(struct network_session *session, const struct geocoder_reply *reply,
                       const char **why);

/* Where a provider's reply keeps a field: the first of these names that holds a text that is not
 * empty (numbers count as text). The table ends with an entry whose names[0] is NULL. */
struct json_field {
    enum address_field field;
    const char *names[6];
};

/* read_address: fill an answer of kind ANSWER_FOUND from a JSON object by a table: spaces around a
 * text are cut, control characters become spaces, country codes lower case, the label folded,
 * fields over FIELD_BYTES_LIMIT dropped. An address with no field at all becomes ANSWER_EMPTY. Call
 * once for each object that holds fields, then finish_address. */
void read_fields(const cJSON *object, const struct json_field *table, struct address *address);

/* finish_address: clean and fold what read_fields gathered, and compare with max_distance when the
 * reply gave a position (NULL = it did not): farther becomes ANSWER_EMPTY. */
int finish_address(struct network_session *session, struct point question,
                   const struct point *position, struct address *address, struct answer *answer,
                   struct error *err);

/* json_position: degrees out of two JSON values (numbers or texts); false when they are none. */
bool json_position(const cJSON *lat, const cJSON *lon, struct point *out);

#endif
