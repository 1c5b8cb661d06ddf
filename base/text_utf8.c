#include "base/text.h"

#include <emmintrin.h>

#define VECTOR 16u

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* sequence_length: bytes of the character at `at`, or 0 when it is not valid UTF-8. The second
 * byte's range is what keeps out overlong forms, surrogates and code points over U+10FFFF. */
static size_t sequence_length(const unsigned char *at, size_t room)
{
    unsigned char lead = at[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (length > room)
        return 0;
    unsigned char least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < least || at[1] > most)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if (!is_continuation(at[i]))
            return 0;
    }
    return length;
}

bool text_is_utf8(const char *text, size_t bytes)
{
    if (bytes == 0) /* text may be NULL */
        return true;
    const unsigned char *at = (const unsigned char *)text, *end = at + bytes;
    while (at < end) {
        unsigned others = 0; /* one bit for each of 16 bytes that is not ASCII */
        for (; (size_t)(end - at) >= VECTOR; at += VECTOR) {
            others = (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)at));
            if (others != 0)
                break;
        }
        if (others != 0)
            at += __builtin_ctz(others);
        if (at == end)
            break;
        size_t length = sequence_length(at, (size_t)(end - at));
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}
