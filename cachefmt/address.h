/* Addresses and entries as the whole project passes them around.
 *
 * The label of most addresses repeats the other fields ("12 High Street, Bath, England"). So that
 * it costs nothing to keep, everywhere inside refreshd a label is FOLDED: a substring that equals
 * another field of the same address is replaced with one byte 0xF5 + field number, which can't
 * occur in UTF-8. address_fold makes that form, at the two doors where text comes in (import and
 * geocoder replies); address_unfold undoes it where text goes out. The folded form is a pure
 * function of the address, so two addresses are equal exactly when their folded fields are. */
#ifndef REFRESHD_CACHEFMT_ADDRESS_H
#define REFRESHD_CACHEFMT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "quadtree/point.h"

enum address_field {
    FIELD_LABEL,
    FIELD_NAME,
    FIELD_HOUSENUMBER,
    FIELD_STREET,
    FIELD_DISTRICT,
    FIELD_CITY,
    FIELD_COUNTY,
    FIELD_STATE,
    FIELD_POSTCODE,
    FIELD_COUNTRY,
    FIELD_COUNTRYCODE,
    FIELD_COUNT
};

#define FIELD_MARKER_BASE 0xF5u /* marker of field f in a folded label: 0xF5 + f */
#define FIELD_BYTES_LIMIT ((size_t)64 * 1024)

/* Names as in geocodejson and in every file and reply: "label", "name", "housenumber", ... */
extern const char *const address_field_names[FIELD_COUNT];

/* Bytes owned by somebody else; length 0 means the field is missing (data may be NULL). */
struct slice {
    const char *data;
    uint32_t length;
};

struct address {
    struct slice field[FIELD_COUNT]; /* the label is folded */
};

enum outcome { OUTCOME_FOUND = 0, OUTCOME_NONE = 1, OUTCOME_UNSURE = 2, OUTCOME_COUNT };
extern const char *const outcome_names[OUTCOME_COUNT]; /* "found", "none", "unsure" */

struct entry {
    struct point point;
    enum outcome outcome;
    uint32_t refreshed_at; /* unix seconds; 0 = never */
    struct address address;
};

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.length == b.length &&
           (a.length == 0 || a.data == b.data || memcmp(a.data, b.data, a.length) == 0);
}

bool address_equal(const struct address *a, const struct address *b);
bool address_is_empty(const struct address *address);

/* address_fold: turn address->field[FIELD_LABEL], plain text so far, into its folded form, which
 * is appended to text when it differs; the slice then points into text, so text must already have
 * room (buffer_reserve of the label's length; folding never lengthens) when other slices point into
 * it. The rule, left to right over the label: at a position that a word can begin at (start of the
 * label, or the byte before is not an ASCII letter, digit or >= 0x80) take the longest other field
 * that stands there and ends where a word can end; equal lengths: the lower field number. */
int address_fold(struct address *address, struct buffer *text, struct error *err);

/* address_unfold: append the plain label to out (nothing when there is none). */
int address_unfold(const struct address *address, struct buffer *out, struct error *err);

#endif
