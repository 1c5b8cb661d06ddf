/* Requests as they arrive: HTTP/1.0 and 1.1 out of a stream of bytes. */
#ifndef REFRESHD_TESTS_STUB_REQUEST_H
#define REFRESHD_TESTS_STUB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "quadtree/point.h"

struct text {
    const char *at;
    size_t length;
};

/* The texts point into the bytes that were parsed. */
struct request {
    struct text method, path, query, content_type, body;
    struct text whole; /* head and body; of HTTP/2 the body alone */
    struct text host, user_agent;
    bool old; /* HTTP/1.0 */
    bool keep_alive;
    bool expects_continue; /* the client waits for 100 before it sends the body */
};

enum { REQUEST_WRONG = -1, REQUEST_PARTIAL = 0 };

/* request_parse: the length of the request at the start of these bytes, REQUEST_PARTIAL when more
 * are needed (expects_continue is then set as soon as the head is there), REQUEST_WRONG. */
long request_parse(const char *data, size_t size, struct request *request);

bool text_is(struct text text, const char *word);

/* query_value: the raw value of NAME in the query; false when there is none. */
bool query_value(const struct request *request, const char *name, struct text *value);

/* parse_degrees: a decimal number of at most 24 characters, as 1e-7 degree. */
bool parse_degrees(struct text text, unsigned limit, int32_t *out);

/* parse_pair: "LAT,LON"; the comma may be written %2C. */
bool parse_pair(struct text text, struct point *point);

#endif
