#include "cachefmt/export_row.h"

#include "cachefmt/json_text.h"
#include "cachefmt/row.h"

int export_begin(enum transfer_format format, struct buffer *out, struct error *err)
{
    if (format == FORMAT_GEOJSON)
        return append_literal(out, "{\"type\":\"FeatureCollection\",\"features\":[", err);
    if (format == FORMAT_NDJSON)
        return 0;
    for (int column = 0; column < COLUMN_COUNT; column++) {
        const char *name = column_names[column];
        if (buffer_append(out, name, strlen(name), err) != 0 ||
            buffer_append(out, column + 1 < COLUMN_COUNT ? "," : "\n", 1, err) != 0)
            return -1;
    }
    return 0;
}

int export_end(enum transfer_format format, struct buffer *out, struct error *err)
{
    return format == FORMAT_GEOJSON ? append_literal(out, "\n]}\n", err) : 0;
}

static int append_quoted_field(struct buffer *out, struct slice text, struct error *err)
{
    if (buffer_reserve(out, 2 * (size_t)text.length + 2, err) != 0)
        return -1;
    unsigned char *to = out->data + out->used;
    *to++ = '"';
    for (uint32_t i = 0; i < text.length; i++) {
        if (text.data[i] == '"')
            *to++ = '"';
        *to++ = (unsigned char)text.data[i];
    }
    *to++ = '"';
    out->used = (size_t)(to - out->data);
    return 0;
}

/* The field and the comma behind it. */
static int append_csv_field(struct buffer *out, struct slice text, struct error *err)
{
    bool quote = false;
    for (uint32_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        quote = quote || c == ',' || c == '"' || c == '\n' || c == '\r';
    }
    int result = quote ? append_quoted_field(out, text, err)
                       : buffer_append(out, text.data, text.length, err);
    return result == 0 ? append_literal(out, ",", err) : -1;
}

static int csv_row(const struct entry *entry, struct slice label, struct buffer *out,
                   struct error *err)
{
    const char *outcome = outcome_names[entry->outcome];
    if (buffer_append_degrees(out, entry->point.lat, err) != 0 ||
        append_literal(out, ",", err) != 0 ||
        buffer_append_degrees(out, entry->point.lon, err) != 0 ||
        append_literal(out, ",", err) != 0)
        return -1;
    for (int field = 0; field < FIELD_COUNT; field++) {
        struct slice text = field == FIELD_LABEL ? label : entry->address.field[field];
        if (append_csv_field(out, text, err) != 0)
            return -1;
    }
    if (buffer_append(out, outcome, strlen(outcome), err) != 0 ||
        append_literal(out, ",", err) != 0 ||
        buffer_append_unsigned(out, entry->refreshed_at, err) != 0)
        return -1;
    return append_literal(out, "\n", err);
}

/* `"label":"..",..,"outcome":"found","refreshed_at":1`; the members before it end with a comma. */
static int append_members(const struct entry *entry, struct slice label, struct buffer *out,
                          struct error *err)
{
    const char *outcome = outcome_names[entry->outcome];
    bool any = false;
    if (append_address_members(out, &entry->address, label, &any, err) != 0 ||
        (any && append_literal(out, ",", err) != 0) ||
        append_literal(out, "\"outcome\":\"", err) != 0 ||
        buffer_append(out, outcome, strlen(outcome), err) != 0 ||
        append_literal(out, "\",\"refreshed_at\":", err) != 0)
        return -1;
    return buffer_append_unsigned(out, entry->refreshed_at, err);
}

static int ndjson_row(const struct entry *entry, struct slice label, struct buffer *out,
                      struct error *err)
{
    if (append_literal(out, "{\"lat\":", err) != 0 ||
        buffer_append_degrees(out, entry->point.lat, err) != 0 ||
        append_literal(out, ",\"lon\":", err) != 0 ||
        buffer_append_degrees(out, entry->point.lon, err) != 0 ||
        append_literal(out, ",", err) != 0 || append_members(entry, label, out, err) != 0)
        return -1;
    return append_literal(out, "}\n", err);
}

static int geojson_row(const struct entry *entry, struct slice label, bool first,
                       struct buffer *out, struct error *err)
{
    if (buffer_append(out, first ? "\n" : ",\n", first ? 1 : 2, err) != 0 ||
        append_literal(out,
                       "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[",
                       err) != 0 ||
        buffer_append_degrees(out, entry->point.lon, err) != 0 ||
        append_literal(out, ",", err) != 0 ||
        buffer_append_degrees(out, entry->point.lat, err) != 0 ||
        append_literal(out, "]},\"properties\":{", err) != 0 ||
        append_members(entry, label, out, err) != 0)
        return -1;
    return append_literal(out, "}}", err);
}

int export_row(enum transfer_format format, const struct entry *entry, bool first,
               struct buffer *label, struct buffer *out, struct error *err)
{
    buffer_clear(label);
    if (address_unfold(&entry->address, label, err) != 0)
        return -1;
    struct slice plain = {(const char *)label->data, (uint32_t)label->used};
    switch (format) {
    case FORMAT_CSV:
        return csv_row(entry, plain, out, err);
    case FORMAT_NDJSON:
        return ndjson_row(entry, plain, out, err);
    case FORMAT_GEOJSON:
        break;
    }
    return geojson_row(entry, plain, first, out, err);
}
