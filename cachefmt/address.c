#include "cachefmt/address.h"

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
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || byte >= 0x80;
}

static bool stands_at(struct slice field, struct slice label, uint32_t at)
{
    if (field.length > label.length - at || field.data[0] != label.data[at])
        return false;
    uint32_t end = at + field.length;
    if (end < label.length && in_word(label.data[end]))
        return false;
    return memcmp(field.data, label.data + at, field.length) == 0;
}

/* The fields that a label may repeat, in the order of the rule: longest first, then by number. */
struct candidates {
    int count;
    int field[FIELD_COUNT];
};

static struct candidates candidates_of(const struct address *address)
{
    struct candidates found = {0};
    uint32_t limit = address->field[FIELD_LABEL].length;
    for (int f = FIELD_LABEL + 1; f < FIELD_COUNT; f++) {
        uint32_t length = address->field[f].length;
        if (length == 0 || length > limit)
            continue;
        int place = found.count++;
        while (place > 0 && address->field[found.field[place - 1]].length < length) {
            found.field[place] = found.field[place - 1];
            place--;
        }
        found.field[place] = f;
    }
    return found;
}

static int field_at(const struct address *address, const struct candidates *candidates, uint32_t at)
{
    struct slice label = address->field[FIELD_LABEL];
    if (at > 0 && in_word(label.data[at - 1]))
        return -1;
    for (int i = 0; i < candidates->count; i++) {
        if (stands_at(address->field[candidates->field[i]], label, at))
            return candidates->field[i];
    }
    return -1;
}

int address_fold(struct address *address, struct buffer *text, struct error *err)
{
    struct slice label = address->field[FIELD_LABEL];
    struct candidates candidates = candidates_of(address);
    if (candidates.count == 0)
        return 0;
    if (buffer_reserve(text, label.length, err) != 0)
        return -1;
    char *folded = (char *)text->data + text->used;
    uint32_t length = 0;
    bool differs = false;
    for (uint32_t at = 0; at < label.length;) {
        int field = field_at(address, &candidates, at);
        if (field < 0) {
            folded[length++] = label.data[at++];
            continue;
        }
        folded[length++] = (char)(FIELD_MARKER_BASE + (unsigned)field);
        at += address->field[field].length;
        differs = true;
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
