/* Numbers as bytes: little-endian at fixed width, and LEB128 varints (DWARF 4, section 7.6).
 * Nothing here allocates; the caller has made room. */
#ifndef REFRESHD_BASE_BYTES_H
#define REFRESHD_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VARINT_LIMIT 10 /* most bytes of one varint */

static inline void bytes_put16(void *at, uint16_t value)
{
    memcpy(at, &value, sizeof value);
}

static inline void bytes_put32(void *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

static inline void bytes_put64(void *at, uint64_t value)
{
    memcpy(at, &value, sizeof value);
}

static inline uint16_t bytes_get16(const void *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint32_t bytes_get32(const void *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t bytes_get64(const void *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Big-endian, for keys whose byte order is their order. */
static inline void bytes_put32_big(void *at, uint32_t value)
{
    bytes_put32(at, __builtin_bswap32(value));
}

static inline void bytes_put64_big(void *at, uint64_t value)
{
    bytes_put64(at, __builtin_bswap64(value));
}

static inline uint32_t bytes_get32_big(const void *at)
{
    return __builtin_bswap32(bytes_get32(at));
}

static inline uint64_t bytes_get64_big(const void *at)
{
    return __builtin_bswap64(bytes_get64(at));
}

/* varint_put: write value; returns the byte behind it. */
static inline unsigned char *varint_put(unsigned char *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    *at++ = (unsigned char)value;
    return at;
}

/* varint_get: read from [at, end); returns the byte behind it, or NULL when it doesn't end there
 * or doesn't fit 64 bits. */
static inline const unsigned char *varint_get(const unsigned char *at, const unsigned char *end,
                                              uint64_t *value)
{
    uint64_t sum = 0;
    for (unsigned shift = 0; at != NULL && at < end && shift < 64; shift += 7) {
        unsigned char byte = *at++;
        if (shift == 63 && byte > 1)
            return NULL;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = sum;
            return at;
        }
    }
    return NULL;
}

/* zigzag: small magnitudes of either sign become small numbers. */
static inline uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

#endif
