/* Records that look the same to a table as the one before, which most do in the order of a run: the
 * table then does the same again, without working anything out. Internal to tally.
 *
 * Looking the same: every field that the table reads is bit for bit the same text or truth, or a
 * figure between two that gave the same value. A table with a field that can't be read so (the
 * place of a point, labels), or of a kind that looks at the place, never looks the same. */
#ifndef REFRESHD_TABLES_AGAIN_H
#define REFRESHD_TABLES_AGAIN_H

#include "tables/table.h"

#define AGAIN_INPUTS 6
#define AGAIN_TEXT_BYTES 32 /* of longer texts nothing is remembered */

enum again_read { AGAIN_TRUTH, AGAIN_FIGURE, AGAIN_WORD, AGAIN_ADDRESS, AGAIN_OLD_ADDRESS };

struct again_input {
    enum again_read read;
    unsigned offset; /* in struct observed, or which address field */
    const struct field *field;
    /* What the last record had there. */
    uint32_t length;
    char text[AGAIN_TEXT_BYTES];
    double least, greatest; /* NAN: it was missing */
    double value;           /* that both give */
    bool truth;
};

enum again_outcome { AGAIN_PASSED, AGAIN_SKIPPED, AGAIN_EMITTED };

struct again {
    bool decides;   /* all the fields of the condition are inputs, */
    bool usable;    /* and of all the rest, and the kind can do it */
    bool by_truths; /* the condition looks at nothing but truths */
    bool known;     /* a record was remembered */
    enum again_outcome outcome;
    double number, weight; /* of what was emitted */
    unsigned deciding;     /* inputs of the condition, the first ones */
    unsigned count;
    struct again_input input[AGAIN_INPUTS];
};

/* again_begin: for a table; remembers nothing yet. */
void again_begin(struct again *again, const struct table *table);

/* again_remember: the record to which the table did this. */
void again_remember(struct again *again, struct field_source *source, enum again_outcome outcome);

/* As memcmp, without a call for what is short: by two words that overlap. */
static inline bool again_bytes_same(const char *a, const char *b, uint32_t length)
{
    uint64_t left[2] = {0}, right[2] = {0};
    if (length > 16)
        return memcmp(a, b, length) == 0;
    if (length >= 8) {
        memcpy(&left[0], a, 8);
        memcpy(&right[0], b, 8);
        memcpy(&left[1], a + length - 8, 8);
        memcpy(&right[1], b + length - 8, 8);
    } else if (length >= 4) {
        memcpy(&left[0], a, 4);
        memcpy(&right[0], b, 4);
        memcpy(&left[1], a + length - 4, 4);
        memcpy(&right[1], b + length - 4, 4);
    } else if (length >= 2) {
        memcpy(&left[0], a, 2);
        memcpy(&right[0], b, 2);
        left[1] = (unsigned char)a[length - 1];
        right[1] = (unsigned char)b[length - 1];
    } else if (length == 1) {
        return *a == *b;
    }
    return left[0] == right[0] && left[1] == right[1];
}

static inline bool again_text_same(const struct again_input *input, const struct slice *text)
{
    return text->length == input->length &&
           again_bytes_same(text->data, input->text, input->length);
}

static inline bool again_input_same(const struct again_input *input,
                                    const struct observed *observed)
{
    const char *at = (const char *)observed + input->offset;
    double figure;
    switch (input->read) {
    case AGAIN_TRUTH:
        return observed->judged && *(const bool *)at == input->truth;
    case AGAIN_FIGURE:
        memcpy(&figure, at, sizeof figure);
        return (figure >= input->least && figure <= input->greatest) ||
               (isnan(figure) && isnan(input->least));
    case AGAIN_WORD:
        return again_text_same(input, (const struct slice *)(const void *)at);
    case AGAIN_ADDRESS:
        return again_text_same(input, &observed->entry->address.field[input->offset]);
    default:
        return observed->old != NULL &&
               again_text_same(input, &observed->old->address.field[input->offset]);
    }
}

/* again_passed: whether the table passed over the last record because of its truths alone. */
static inline bool again_passed(const struct again *again)
{
    return again->known && again->by_truths && again->outcome == AGAIN_PASSED;
}

/* again_same: whether the record looks to the table as the one remembered. */
static inline bool again_same(const struct again *again, const struct observed *observed)
{
    if (!again->known)
        return false;
    unsigned count = again->outcome == AGAIN_PASSED ? again->deciding : again->count;
    for (unsigned i = 0; i < count; i++)
        if (!again_input_same(&again->input[i], observed))
            return false;
    return true;
}

#endif
