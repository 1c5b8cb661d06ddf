/* What the network providers share: their state and sessions, building queries, and reading replies
 * with bounds. A provider's own file holds only its paths, its parameters, its table of fields and
 * its ways of saying no. Threads: a network is read-only once it is open; a session belongs to one
 * worker. */
#ifndef REFRESHD_GEOCODER_NETWORK_H
#define REFRESHD_GEOCODER_NETWORK_H

#include <cjson/cJSON.h>
#include <string.h>

#include "geocoder/geocoder.h"
#include "geocoder/json_tree.h"

struct network {
    const struct geocoder_settings *settings;
    char *key; /* "" = none */
};

struct network_session {
    const struct network *network;
    struct buffer text;    /* what answers point to besides the tree: cleaned texts, numbers, folded
                            * labels, joined words, details. Emptied by read_begin, which also makes
                            * all the room an honest reader needs: never moved before the next one. */
    struct json_tree tree; /* the last reply */
    size_t limit;          /* longest body that is read as the last reply */
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
/* A length in kilometres, of metres: "0.05". Rounded up to a metre; 0 appends nothing. */
int query_kilometres(struct geocoder_request *request, const char *name, double metres,
                     struct error *err);
/* "LAT,LON" */
int query_point(struct geocoder_request *request, const char *name, struct point point,
                struct error *err);

/* --- replies (network_reply.c) ------------------------------------------------------------- */

/* read_begin: forget the reply before; make room for what answers of this one point to: for each
 * byte of the reply three, and ANSWER_ROOM for each answer. */
#define ANSWER_ROOM 1024u
int read_begin(struct network_session *session, const struct geocoder_reply *reply, size_t count,
               struct error *err);

/* read_json: the body as a tree, kept in the session. NULL when it is no JSON within bounds (size,
 * nesting, number of values, valid UTF-8, no NUL in a text); *why then says what is wrong. */
const cJSON *read_json(struct network_session *session, const struct geocoder_reply *reply,
                       const char **why);

/* read_object: how reading most replies begins: read_begin, fail_status unless the status is 2xx,
 * fail_bad unless the body is a JSON object. *tree is NULL when all answers are settled so. */
int read_object(struct network_session *session, const struct geocoder_reply *reply, size_t count,
                const cJSON **tree, struct answer *answers, struct error *err);

/* --- saying no (network_failure.c) ---------------------------------------------------------- */

#define DETAIL_BYTES 200u /* longest detail kept */

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

/* fail_status: fail_all by the HTTP status of a reply that is not 2xx, with the provider's own
 * message out of the body as detail where it has one. A refusal (403, 429) whose message speaks of
 * a quota or of a limit by day or month is CAUSE_QUOTA. */
void fail_status(struct network_session *session, const struct geocoder_reply *reply, size_t count,
                 struct answer *answers);

/* fail_bad: fail_all with CAUSE_BAD_REPLY, transient. */
void fail_bad(struct network_session *session, const struct geocoder_reply *reply, size_t count,
              const char *why, struct answer *answers);

/* reply_message: what a provider says went wrong, out of the shapes in which providers say it
 * ("error", "message", "error_message", "errors": [..], {"error": {"message": ..}}, ...), or NULL.
 * Lives as long as the tree. */
const char *reply_message(const cJSON *tree);

/* speaks_of_quota: whether a message is about a used up quota and not about too fast a pace. */
bool speaks_of_quota(const char *message);

/* --- fields and answers (network_fields.c) -------------------------------------------------- */

/* Where a provider's reply keeps a field: the first of these names that holds a text that is not
 * empty (numbers count as text). No name stands in a table twice. The table ends with an entry
 * whose names[0] is NULL; it is read fastest when its order is that of replies. */
#define FIELD_NAMES 6
struct json_field {
    enum address_field field;
    const char *names[FIELD_NAMES + 1]; /* in order of preference, then NULL */
};

/* read_fields: gather the fields of an address (zeroed to begin with) from a JSON object (anything
 * else, or NULL, holds none) by a table, without the spaces around a text. A field that is there
 * already stays. Call once for each object that holds fields, then finish_address. */
void read_fields(struct network_session *session, const cJSON *object,
                 const struct json_field *table, struct address *address);

/* finish_address: the answer out of what read_fields gathered: control characters become spaces,
 * the country code two letters in lower case, fields over FIELD_BYTES_LIMIT are dropped, the label
 * is folded. An address with no field at all becomes ANSWER_EMPTY, and so does one whose position
 * (NULL = the reply gave none) is farther from the question than max_distance. status is the
 * reply's, distance_m that of the position. */
int finish_address(struct network_session *session, const struct geocoder_reply *reply,
                   struct point question, const struct point *position, struct address *address,
                   struct answer *answer, struct error *err);

/* read_features: the answer out of the first feature of a GeoJSON FeatureCollection: its properties
 * by a table, its geometry as position; none at all is ANSWER_EMPTY. */
int read_features(struct network_session *session, const struct geocoder_reply *reply,
                  const cJSON *collection, const struct json_field *table, struct point question,
                  struct answer *answer, struct error *err);

/* answer_empty: the geocoder knows no address there. */
void answer_empty(const struct geocoder_reply *reply, struct answer *answer);

/* json_position: degrees out of two JSON values (numbers or texts); false when they are none. */
bool json_position(const cJSON *lat, const cJSON *lon, struct point *out);

/* json_coordinates: of a GeoJSON geometry, [LON, LAT]; false when it has none. */
bool json_coordinates(const cJSON *geometry, struct point *out);

/* text_is: whether two texts are equal; strcmp is only asked where their first bytes are. */
static inline bool text_is(const char *text, const char *other)
{
    return text[0] == other[0] && strcmp(text, other) == 0;
}

/* json_member: the first member of that name; NULL when there is none, or no object. */
const cJSON *json_member(const cJSON *object, const char *name);

/* first_of: the first element of the array that is the member of that name, *first = NULL when the
 * array is empty. False when there is no such array, or the element is not an object. */
bool first_of(const cJSON *object, const char *name, const cJSON **first);

/* json_slice: a text of a tree without the blanks around it; empty when value is no text. */
struct slice json_slice(const cJSON *value);

/* json_text: the text of a member, or NULL when there is none or it is empty. */
const char *json_text(const cJSON *object, const char *name);

#endif
