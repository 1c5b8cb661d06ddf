#include "base/text.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *text)
{
    while (is_digit(*text))
        text++;
    return text;
}

/* skip_decimal: the end of `12`, `12.5`, `.5` or `12.`; text itself when it is none of them. */
static const char *skip_decimal(const char *text)
{
    const char *whole = skip_digits(text);
    if (*whole != '.')
        return whole;
    const char *end = skip_digits(whole + 1);
    return end - text == 1 ? text : end;
}

/* skip_exponent: the end of `e12` or `E-3`; text itself when it is none. */
static const char *skip_exponent(const char *text)
{
    if (*text != 'e' && *text != 'E')
        return text;
    const char *digits = text + 1;
    if (*digits == '-' || *digits == '+')
        digits++;
    const char *end = skip_digits(digits);
    return end == digits ? text : end;
}

/* The point is the decimal sign whatever locale the calling program has set. */
static double decimal_value(const char *text, char **end)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return strtod(text, end);
    double value = strtod_l(text, end, plain);
    freelocale(plain);
    return value;
}

bool text_parse_unsigned(const char *text, uint64_t limit, uint64_t *out)
{
    uint64_t value = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (!is_digit(*text))
            return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
        if (value > limit)
            return false;
    }
    *out = value;
    return true;
}

bool text_parse_double(const char *text, double *out)
{
    const char *start = *text == '-' || *text == '+' ? text + 1 : text;
    const char *end = skip_decimal(start);
    if (end == start || *skip_exponent(end) != '\0')
        return false;
    char *stopped;
    double value = decimal_value(text, &stopped);
    if (*stopped != '\0' || !isfinite(value))
        return false;
    *out = value;
    return true;
}

/* parse_measure: a decimal without sign or exponent, followed by one of units. */
static bool parse_measure(const char *text, const struct unit *units, double *out)
{
    const char *end = skip_decimal(text);
    if (end == text)
        return false;
    while (units->name != NULL && strcmp(end, units->name) != 0)
        units++;
    if (units->name == NULL)
        return false;
    char *stopped;
    double value = decimal_value(text, &stopped);
    if (stopped != end || !isfinite(value * units->factor))
        return false;
    *out = value * units->factor;
    return true;
}

bool text_parse_duration(const char *text, double *seconds)
{
    static const struct unit units[] = {
        {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {NULL, 0},
    };
    if (strcmp(text, "0") == 0) {
        *seconds = 0;
        return true;
    }
    return parse_measure(text, units, seconds);
}

bool text_parse_size(const char *text, uint64_t *bytes)
{
    static const char letters[] = "KMGT";
    size_t length = strlen(text);
    char digits[24];
    unsigned shift = 0;
    if (length == 0 || length >= sizeof digits)
        return false;
    memcpy(digits, text, length + 1);
    const char *letter = strchr(letters, digits[length - 1]);
    if (letter != NULL) {
        shift = 10 * (unsigned)(letter - letters + 1);
        digits[length - 1] = '\0';
    }
    uint64_t count;
    if (!text_parse_unsigned(digits, UINT64_MAX >> shift, &count))
        return false;
    *bytes = count << shift;
    return true;
}

bool text_parse_percent(const char *text, double *share)
{
    static const struct unit units[] = {{"%", 1}, {NULL, 0}};
    double percent;
    if (!parse_measure(text, units, &percent) || percent > 100)
        return false;
    *share = percent / 100;
    return true;
}

bool text_parse_distance(const char *text, double *metres)
{
    static const struct unit units[] = {{"", 1}, {"m", 1}, {"km", 1000}, {NULL, 0}};
    return parse_measure(text, units, metres);
}
