/* /reverse as Nominatim answers it: the question out of its parameters, the reply out of an entry.
 * Pure functions, any thread. The forms are those of Nominatim's API
 * (https://nominatim.org/release-docs/latest/api/Reverse/ and .../Output/). */
#ifndef REFRESHD_DAEMON_REVERSE_H
#define REFRESHD_DAEMON_REVERSE_H

#include "base/buffer.h"
#include "cachefmt/address.h"

enum reverse_format {
    REVERSE_JSON,
    REVERSE_JSONV2,
    REVERSE_GEOJSON,
    REVERSE_GEOCODEJSON,
    REVERSE_FORMATS
};

struct reverse_question {
    struct point point;
    enum reverse_format format;
    unsigned zoom;        /* 0 to 18 */
    bool address_details; /* show the address's parts */
};

/* reverse_question_begin: the defaults. reverse_question_set: one parameter, decoded, in any order;
 * names that are not known are accepted and ignored, as Nominatim does; of a repeated one the last
 * counts. reverse_question_end: lat and lon must have been given. -1: ERROR_VALUE, the message says
 * which parameter is wrong and what would be right. */
struct reverse_parser {
    struct reverse_question question;
    bool has_lat, has_lon;
};
void reverse_question_begin(struct reverse_parser *parser);
int reverse_question_set(struct reverse_parser *parser, const char *name, const char *value,
                         struct error *err);
int reverse_question_end(const struct reverse_parser *parser, struct error *err);

/* reverse_print: append the reply for an entry with an address; distance in metres, negative when
 * there is none. The JSON is valid whatever the bytes of the address. When the zoom leaves nothing
 * of the address the reply is that of a miss. On failure out is as it was. */
int reverse_print(const struct reverse_question *question, const struct entry *entry,
                  double distance, struct buffer *out, struct error *err);

/* reverse_print_miss: {"error":"Unable to geocode"}. reverse_print_error: {"error":{"code":..,
 * "message":..}}. */
int reverse_print_miss(struct buffer *out, struct error *err);
int reverse_print_error(unsigned status, const char *message, struct buffer *out,
                        struct error *err);

#endif
