/* Small pieces of text output shared by export and JSON replies. What transfer.h declares of it
 * is public; the rest is for export.c. */
#ifndef REFRESHD_CACHEFMT_JSON_TEXT_H
#define REFRESHD_CACHEFMT_JSON_TEXT_H

#include "base/buffer.h"
#include "cachefmt/address.h"

int buffer_append_unsigned(struct buffer *out, uint64_t value, struct error *err);

/* buffer_append_degrees: the shortest exact decimal. */
int buffer_append_degrees(struct buffer *out, int32_t value, struct error *err);

/* buffer_append_utf8: text with every byte that is not UTF-8, and every NUL, replaced by U+FFFD. */
int buffer_append_utf8(struct buffer *out, const char *text, size_t bytes, struct error *err);

/* append_address_members: the fields that are there as JSON members (`"name":"x","city":"y"`), the
 * label as given, unfolded; *any tells whether a member stands before and after, so that commas
 * come right. */
int append_address_members(struct buffer *out, const struct address *address, struct slice label,
                           bool *any, struct error *err);

/* append_literal: a string constant. */
#define append_literal(out, text, err) buffer_append(out, text, sizeof(text) - 1, err)

#endif
