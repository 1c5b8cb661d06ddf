/* A value of the table language: a number, a text, a truth, or missing. */
#ifndef REFRESHD_TABLES_VALUE_H
#define REFRESHD_TABLES_VALUE_H

#include <math.h>

#include "cachefmt/address.h"

enum value_kind { VALUE_MISSING, VALUE_NUMBER, VALUE_TEXT, VALUE_TRUTH };

/* 16 bytes, so that it travels in registers. */
struct value {
    union {
        double number;    /* finite; of a truth 0 or 1 */
        const char *data; /* of a text: UTF-8, somebody else's bytes */
    };
    uint32_t length; /* of a text: its bytes, never 0 */
    enum value_kind kind;
};

/* value_slice: of a text. */
static inline struct slice value_slice(struct value value)
{
    return (struct slice){value.data, value.length};
}

static inline struct value value_missing(void)
{
    return (struct value){.kind = VALUE_MISSING};
}

/* value_number: nan and infinities are missing. */
static inline struct value value_number(double number)
{
    return isfinite(number) ? (struct value){.kind = VALUE_NUMBER, .number = number}
                            : value_missing();
}

static inline struct value value_truth(bool truth)
{
    return (struct value){.kind = VALUE_TRUTH, .number = truth};
}

/* value_text: an empty text is missing. */
static inline struct value value_text(struct slice text)
{
    return text.length > 0
               ? (struct value){.kind = VALUE_TEXT, .data = text.data, .length = text.length}
               : value_missing();
}

#endif
