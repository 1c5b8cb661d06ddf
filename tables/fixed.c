#include "tables/fixed.h"

#include <stddef.h>
#include <string.h>

double fixed_value(const struct fixed *sum)
{
    struct fixed size = *sum;
    bool negative = size.high >> 63;
    if (negative) {
        size.low = -size.low;
        size.high = ~size.high + (size.low == 0);
    }
    uint64_t words[3] = {(uint64_t)size.low, (uint64_t)(size.low >> 64), size.high};
    int top = words[2] != 0 ? 2 : words[1] != 0 ? 1 : 0;
    if (words[top] == 0)
        return 0;
    /* The 64 leading bits; whatever is behind them is in the last one, for the rounding. */
    int shift = __builtin_clzll(words[top]);
    uint64_t leading = words[top] << shift;
    bool rest = false;
    if (top > 0) {
        leading |= shift > 0 ? words[top - 1] >> (64 - shift) : 0;
        rest = words[top - 1] << shift != 0 || (top == 2 && words[0] != 0);
    }
    double value = ldexp((double)(leading | rest), 64 * top - shift - 50);
    return negative ? -value : value;
}

unsigned char *fixed_put(unsigned char *at, const struct fixed *sum)
{
    unsigned char bytes[FIXED_BYTES];
    memcpy(bytes, &sum->low, 16);
    memcpy(bytes + 16, &sum->high, 8);
    unsigned char sign = sum->high >> 63 ? 0xFF : 0;
    size_t count = FIXED_BYTES;
    while (count > 1 && bytes[count - 1] == sign && (bytes[count - 2] ^ sign) < 0x80)
        count--;
    if (count == 1 && bytes[0] == 0)
        count = 0;
    *at++ = (unsigned char)count;
    memcpy(at, bytes, count);
    return at + count;
}

const unsigned char *fixed_get(const unsigned char *at, const unsigned char *end, struct fixed *sum)
{
    if (at == NULL || at == end || *at > FIXED_BYTES || end - at - 1 < *at)
        return NULL;
    size_t count = *at++;
    unsigned char bytes[FIXED_BYTES];
    memset(bytes, count > 0 && at[count - 1] >= 0x80 ? 0xFF : 0, sizeof bytes);
    memcpy(bytes, at, count);
    memcpy(&sum->low, bytes, 16);
    memcpy(&sum->high, bytes + 16, 8);
    return at + count;
}
