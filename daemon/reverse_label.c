#include "daemon/reverse_label.h"

#include "cachefmt/json_text.h"

static int append_slice(struct buffer *out, struct slice text, struct error *err)
{
    return buffer_append_json_text(out, text.data, text.length, err);
}

/* marked_field: the field that a byte of a folded label stands for; FIELD_LABEL = none. */
static enum address_field marked_field(char byte)
{
    unsigned value = (unsigned char)byte;
    if (value <= FIELD_MARKER_BASE || value - FIELD_MARKER_BASE >= FIELD_COUNT)
        return FIELD_LABEL;
    return (enum address_field)(value - FIELD_MARKER_BASE);
}

static bool is_marker(char byte)
{
    return (unsigned char)byte >= FIELD_MARKER_BASE;
}

/* --- the whole label ----------------------------------------------------------- */

static size_t whole_length(const struct address *address)
{
    struct slice label = address->field[FIELD_LABEL];
    size_t length = 0;
    for (uint32_t at = 0; at < label.length; at++) {
        enum address_field field = marked_field(label.data[at]);
        length += field == FIELD_LABEL ? 1 : address->field[field].length;
    }
    return length;
}

static int print_whole(const struct address *address, struct buffer *out, struct error *err)
{
    struct slice label = address->field[FIELD_LABEL];
    uint32_t plain = 0;
    for (uint32_t at = 0; at <= label.length; at++) {
        if (at < label.length && !is_marker(label.data[at]))
            continue;
        if (buffer_append_json_text(out, label.data + plain, at - plain, err) != 0)
            return -1;
        plain = at + 1;
        if (at == label.length)
            break;
        enum address_field field = marked_field(label.data[at]);
        if (field != FIELD_LABEL && append_slice(out, address->field[field], err) != 0)
            return -1;
    }
    return 0;
}

/* --- a cut label --------------------------------------------------------------- */

/* A cut label: each shown field once at most, behind what separates it from the one before. */
struct cut_label {
    unsigned count;
    struct {
        enum address_field field;
        struct slice separator;
    } part[FIELD_COUNT];
    struct slice end; /* what closes the label, such as a bracket */
};

/* What lies between two fields of a label that are shown, before the first and behind the last. */
struct gap {
    uint32_t start;
    bool is_edge;
    bool has_comma;
    bool is_torn; /* words or a field are left out of it */
};

static bool in_word(char c)
{
    unsigned char byte = (unsigned char)c;
    unsigned char small = byte | 0x20;
    return (small >= 'a' && small <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80;
}

/* take_field: a field of `left` with the text of `field`, taken out of it: one text may stand for a
 * city and for its state. FIELD_LABEL = none. */
static enum address_field take_field(const struct address *address, enum address_field field,
                                     unsigned *left)
{
    enum address_field taken = field;
    if ((*left >> field & 1) == 0) {
        for (taken = FIELD_COUNTRYCODE; taken > FIELD_LABEL; taken--) {
            if ((*left >> taken & 1) != 0 &&
                slice_equal(address->field[taken], address->field[field]))
                break;
        }
    }
    if (taken != FIELD_LABEL)
        *left &= ~(1u << taken);
    return taken;
}

static struct slice separator(struct slice label, const struct gap *gap, uint32_t end)
{
    if (!gap->is_torn)
        return (struct slice){label.data + gap->start, end - gap->start};
    if (gap->is_edge)
        return (struct slice){0};
    return gap->has_comma ? (struct slice){", ", 2} : (struct slice){" ", 1};
}

/* cut: false when the label lacks the most detailed field that is shown. */
static bool cut(const struct address *address, const struct reverse_place *place,
                struct cut_label *out)
{
    struct slice label = address->field[FIELD_LABEL];
    unsigned left = place->kept;
    struct gap gap = {.is_edge = true};
    if (label.length == 0)
        return false;
    out->count = 0;
    for (uint32_t at = 0; at < label.length; at++) {
        char byte = label.data[at];
        if (!is_marker(byte)) {
            gap.has_comma = gap.has_comma || byte == ',';
            gap.is_torn = gap.is_torn || in_word(byte);
            continue;
        }
        enum address_field field = marked_field(byte);
        if (field != FIELD_LABEL)
            field = take_field(address, field, &left);
        if (field == FIELD_LABEL) {
            gap.is_torn = true;
            continue;
        }
        out->part[out->count].field = field;
        out->part[out->count++].separator = separator(label, &gap, at);
        gap = (struct gap){.start = at + 1};
    }
    gap.is_edge = true; /* nothing follows, as nothing went before the first */
    out->end = separator(label, &gap, label.length);
    return (left >> place->detail & 1) == 0;
}

static int print_cut(const struct address *address, const struct cut_label *label,
                     struct buffer *out, struct error *err)
{
    for (unsigned i = 0; i < label->count; i++) {
        if (append_slice(out, label->part[i].separator, err) != 0 ||
            append_slice(out, address->field[label->part[i].field], err) != 0)
            return -1;
    }
    return append_slice(out, label->end, err);
}

/* --- a line of the fields ------------------------------------------------------ */

static const enum address_field line_order[] = {
    FIELD_NAME,   FIELD_HOUSENUMBER, FIELD_STREET,   FIELD_DISTRICT, FIELD_CITY,
    FIELD_COUNTY, FIELD_STATE,       FIELD_POSTCODE, FIELD_COUNTRY,
};

/* The names of some geocoders hold the street and the number. */
static bool is_in_name(const struct address *address, enum address_field field)
{
    struct slice name = address->field[FIELD_NAME], street = address->field[FIELD_STREET];
    return (field == FIELD_HOUSENUMBER || field == FIELD_STREET) && street.length != 0 &&
           memmem(name.data, name.length, street.data, street.length) != NULL;
}

static int print_line(const struct address *address, const struct reverse_place *place,
                      struct buffer *out, struct error *err)
{
    if (place->detail == FIELD_COUNTRYCODE)
        return append_slice(out, address->field[FIELD_COUNTRYCODE], err);
    struct slice last = {0};
    for (size_t i = 0; i < sizeof line_order / sizeof *line_order; i++) {
        enum address_field field = line_order[i];
        struct slice text = address->field[field];
        if (!reverse_place_shows(place, field) || slice_equal(text, last) ||
            (reverse_place_shows(place, FIELD_NAME) && is_in_name(address, field)))
            continue;
        if ((last.length != 0 && append_literal(out, ", ", err) != 0) ||
            append_slice(out, text, err) != 0)
            return -1;
        last = text;
    }
    return 0;
}

int reverse_label_print(const struct address *address, const struct reverse_place *place,
                        struct buffer *out, struct error *err)
{
    struct cut_label label;
    /* No honest label is longer; one of a damaged pair must not fill the memory. */
    if (reverse_place_shows(place, FIELD_LABEL) && whole_length(address) <= FIELD_BYTES_LIMIT)
        return print_whole(address, out, err);
    if (cut(address, place, &label))
        return print_cut(address, &label, out, err);
    return print_line(address, place, out, err);
}
