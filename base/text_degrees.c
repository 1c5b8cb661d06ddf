#include "base/text.h"

#include <string.h>

#define UNITS_PER_DEGREE 10000000u
#define DECIMALS 7

static const uint32_t powers_of_ten[DECIMALS + 1] = {1,     10,     100,     1000,
                                                     10000, 100000, 1000000, 10000000};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A magnitude cut to 1e-7 degree, and what was cut off. */
struct cut {
    uint64_t units;
    bool round_up; /* the first digit cut off is 5 or more */
    bool inexact;  /* some digit cut off is not 0 */
};

static bool finish(const struct cut *cut, bool negative, unsigned limit_degrees, int32_t *out)
{
    uint64_t limit = (uint64_t)limit_degrees * UNITS_PER_DEGREE;
    if (cut->units > limit || (cut->units == limit && cut->inexact))
        return false;
    int32_t value = (int32_t)(cut->units + cut->round_up);
    *out = negative ? -value : value;
    return true;
}

/* read_exponent: `e-3` up to the NUL; huge ones saturate, which keeps their meaning here. */
static bool read_exponent(const char *text, int64_t *exponent)
{
    bool negative = *text == '-';
    int64_t value = 0;
    if (*text == '-' || *text == '+')
        text++;
    if (!is_digit(*text))
        return false;
    for (; is_digit(*text); text++) {
        if (value < INT64_MAX / 100)
            value = value * 10 + (*text - '0');
    }
    *exponent = negative ? -value : value;
    return *text == '\0';
}

/* parse_scientific: digits begins behind the sign of a decimal whose mantissa is known to be well
 * formed and to end at exponent_text. A digit's weight in units is 10^place. */
static bool parse_scientific(const char *digits, const char *exponent_text, bool negative,
                             unsigned limit_degrees, int32_t *out)
{
    int64_t exponent;
    if (!read_exponent(exponent_text, &exponent))
        return false;
    const char *point = memchr(digits, '.', (size_t)(exponent_text - 1 - digits));
    int64_t whole = point != NULL ? point - digits : exponent_text - 1 - digits;
    int64_t place = whole - 1 + exponent + DECIMALS;
    struct cut cut = {0, false, false};
    for (const char *at = digits; at < exponent_text - 1; at++) {
        if (at == point)
            continue;
        unsigned digit = (unsigned)(*at - '0');
        if (digit != 0 && place > 9)
            return false;
        if (place >= 0 && place <= 9)
            cut.units = cut.units * 10 + digit;
        else if (place < 0 && digit != 0) {
            cut.inexact = true;
            cut.round_up = cut.round_up || (place == -1 && digit >= 5);
        }
        place--;
    }
    for (; place >= 0 && cut.units != 0; place--)
        cut.units *= 10;
    return finish(&cut, negative, limit_degrees, out);
}

bool text_parse_degrees(const char *text, unsigned limit_degrees, int32_t *out)
{
    bool negative = *text == '-';
    const char *digits = text + (*text == '-' || *text == '+');
    const char *at = digits;
    uint64_t units = 0;
    /* Saturates at a value out of range, which may still come into range by an exponent. */
    for (; is_digit(*at); at++)
        units = units > UINT32_MAX ? units : units * 10 + (uint64_t)(*at - '0');
    ptrdiff_t seen = at - digits;
    struct cut cut = {units * UNITS_PER_DEGREE, false, false};
    if (*at == '.') {
        const char *fraction = ++at;
        for (units = 0; at - fraction < DECIMALS && is_digit(*at); at++)
            units = units * 10 + (uint64_t)(*at - '0');
        cut.units += units * powers_of_ten[DECIMALS - (at - fraction)];
        cut.round_up = *at >= '5' && *at <= '9';
        for (; is_digit(*at); at++)
            cut.inexact = cut.inexact || *at != '0';
        seen += at - fraction;
    }
    if (seen == 0)
        return false;
    if (*at == 'e' || *at == 'E')
        return parse_scientific(digits, at + 1, negative, limit_degrees, out);
    return *at == '\0' && finish(&cut, negative, limit_degrees, out);
}

size_t text_format_degrees(int32_t value, char out[16])
{
    uint32_t magnitude = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    uint32_t whole = magnitude / UNITS_PER_DEGREE;
    uint32_t fraction = magnitude % UNITS_PER_DEGREE;
    char *at = out;
    if (value < 0)
        *at++ = '-';
    if (whole >= 100)
        *at++ = (char)('0' + whole / 100);
    if (whole >= 10)
        *at++ = (char)('0' + whole / 10 % 10);
    *at++ = (char)('0' + whole % 10);
    if (fraction != 0) {
        *at = '.';
        for (unsigned place = DECIMALS; place > 0; fraction /= 10)
            at[place--] = (char)('0' + fraction % 10);
        for (at += DECIMALS; *at == '0'; at--)
            ;
        at++;
    }
    *at = '\0';
    return (size_t)(at - out);
}
