#include "cachefmt/address.h"

#define BEGINNINGS 64

const char *const address_field_names[FIELD_COUNT] = {
    "label",  "name",  "housenumber", "street",  "district",    "city",
    "county", "state", "postcode",    "country", "countrycode",
};

const char *const outcome_names[OUTCOME_COUNT] = {"found", "none", "unsure"};

bool address_equal(const struct address *a, const struct address *b)
{
    for (int f = 0; f < FIELD_COUNT; f++) {
        if (!slice_equal(a->field[f], b->field[f]))
            return false;
    }
    return true;
}

bool address_is_empty(const struct address *address)
{
    for (int f = 0; f < FIELD_COUNT; f++) {
        if (address->field[f].length != 0)
            return false;
    }
    return true;
}

static bool in_word(char c)
{
    unsigned char byte = (unsigned char)c;
    unsigned char small = byte | 0x20;
    return (small >= 'a' && small <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80;
}

static bool stands_at(struct slice field, struct slice label, uint32_t at)
{
    if (field.length > label.length - at)
        return false;
    uint32_t end = at + field.length;
    if (end < label.length && in_word(label.data[end]))
        return false;
    return memcmp(field.data, label.data + at, field.length) == 0;
}

/* The fields that begin with a byte, one bit each, found by the byte's low bits: those of a few
 * other bytes are among them. */
struct beginnings {
    uint16_t fields[BEGINNINGS];
};

static uint16_t *beginning(struct beginnings *beginnings, char byte)
{
    return &beginnings->fields[(unsigned char)byte % BEGINNINGS];
}

static bool find_beginnings(const struct address *address, struct beginnings *found)
{
    bool any = false;
    *found = (struct beginnings){0};
    for (unsigned f = FIELD_LABEL + 1; f < FIELD_COUNT; f++) {
        struct slice field = address->field[f];
        if (field.length == 0 || field.length > address->field[FIELD_LABEL].length)
            continue;
        *beginning(found, field.data[0]) |= (uint16_t)(1u << f);
        any = true;
    }
    return any;
}

/* longest_at: of those fields the one that stands at `at`, the longest, then the first; FIELD_LABEL
 * when none does. */
static unsigned longest_at(const struct address *address, unsigned fields, uint32_t at)
{
    unsigned longest = FIELD_LABEL;
    uint32_t length = 0;
    for (; fields != 0; fields &= fields - 1) {
        unsigned f = (unsigned)__builtin_ctz(fields);
        if (address->field[f].length > length &&
            stands_at(address->field[f], address->field[FIELD_LABEL], at)) {
            longest = f;
            length = address->field[f].length;
        }
    }
    return longest;
}

int address_fold(struct address *address, struct buffer *text, struct error *err)
{
    struct slice label = address->field[FIELD_LABEL];
    struct beginnings beginnings;
    if (label.length == 0 || !find_beginnings(address, &beginnings))
        return 0;
    if (buffer_reserve(text, label.length, err) != 0)
        return -1;
    char *folded = (char *)text->data + text->used;
    uint32_t length = 0;
    bool differs = false;
    for (uint32_t at = 0; at < label.length;) {
        unsigned fields = *beginning(&beginnings, label.data[at]);
        unsigned field = fields == 0 ? FIELD_LABEL : longest_at(address, fields, at);
        char last = label.data[at];
        if (field == FIELD_LABEL) {
            folded[length++] = last;
            at++;
        } else {
            folded[length++] = (char)(FIELD_MARKER_BASE + field);
            at += address->field[field].length;
            last = label.data[at - 1];
            differs = true;
        }
        /* The rest of a word, which no field can begin in. */
        while (in_word(last) && at < label.length)
            folded[length++] = last = label.data[at++];
    }
    if (!differs)
        return 0;
    text->used += length;
    address->field[FIELD_LABEL] = (struct slice){folded, length};
    return 0;
}

int address_unfold(const struct address *address, struct buffer *out, struct error *err)
{
    struct slice label = address->field[FIELD_LABEL];
    if (label.length == 0)
        return 0;
    uint32_t plain = 0; /* start of the run not copied yet */
    for (uint32_t at = 0; at < label.length; at++) {
        unsigned char byte = (unsigned char)label.data[at];
        if (byte < FIELD_MARKER_BASE)
            continue;
        if (buffer_append(out, label.data + plain, at - plain, err) != 0)
            return -1;
        plain = at + 1;
        unsigned field = byte - FIELD_MARKER_BASE;
        if (field == FIELD_LABEL || field >= FIELD_COUNT)
            continue;
        struct slice text = address->field[field];
        if (buffer_append(out, text.data, text.length, err) != 0)
            return -1;
    }
    return buffer_append(out, label.data + plain, label.length - plain, err);
}
