/* Small pieces of text output shared by export and JSON replies; transfer.h declares more of it. */
#ifndef REFRESHD_CACHEFMT_JSON_TEXT_H
#define REFRESHD_CACHEFMT_JSON_TEXT_H

#include "base/buffer.h"
#include "cachefmt/address.h"

int buffer_append_unsigned(struct buffer *out, uint64_t value, struct error *err);

/* buffer_append_degrees: the shortest exact decimal. */
int buffer_append_degrees(struct buffer *out, int32_t value, struct error *err);

/* buffer_append_utf8: text with every byte that is not UTF-8, and every NUL, replaced by U+FFFD. */
int buffer_append_utf8(struct buffer *out, const char *text, size_t bytes, struct error *err);

/* buffer_append_json_text: the inside of a JSON string (RFC 8259), for strings put together from
 * pieces; bytes that are not UTF-8 become U+FFFD. */
int buffer_append_json_text(struct buffer *out, const char *text, size_t bytes, struct error *err);

/* buffer_append_metres: a distance with its millimetres, 0 or more. */
int buffer_append_metres(struct buffer *out, double metres, struct error *err);

/* append_address_members: the fields that are there as JSON members (`"name":"x","city":"y"`), the
 * label as given, unfolded; *any tells whether a member stands before and after, so that commas
 * come right. */
int append_address_members(struct buffer *out, const struct address *address, struct slice label,
                           bool *any, struct error *err);

/* append_literal: a string constant. */
#define append_literal(out, text, err) buffer_append(out, text, sizeof(text) - 1, err)

#endif
