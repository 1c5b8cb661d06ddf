/* Base64 (RFC 4648, section 4), as etcd's JSON has keys and values. */
#ifndef REFRESHD_FLEET_BASE64_H
#define REFRESHD_FLEET_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* base64_append: the encoded bytes behind what buffer holds. */
int base64_append(struct buffer *buffer, const void *data, size_t bytes, struct error *err);

/* base64_decode: in place; *bytes becomes the length of what text (NUL-terminated) said, and a NUL
 * stands behind it. False, with text in pieces, when it is not base64 with its padding. */
bool base64_decode(char *text, size_t *bytes);

#endif
