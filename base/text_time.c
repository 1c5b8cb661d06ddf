#include "base/text.h"

#include <math.h>
#include <stdio.h>

/* read_digits: exactly count digits at *text, which moves behind them. */
static bool read_digits(const char **text, unsigned count, int *out)
{
    int value = 0;
    for (unsigned i = 0; i < count; i++) {
        char c = (*text)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *text += count;
    *out = value;
    return true;
}

static bool skip(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* days_before: days from 1970-01-01, by counting years from March so that leap days come last. */
static int64_t days_before(int year, int month, int day)
{
    int64_t shifted = year - (month <= 2);
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719468;
}

static bool read_date(const char **text, int64_t *days)
{
    int year;
    int month;
    int day;
    if (!read_digits(text, 4, &year) || !skip(text, '-') || !read_digits(text, 2, &month) ||
        !skip(text, '-') || !read_digits(text, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    *days = days_before(year, month, day);
    return true;
}

/* read_clock: HH:MM, HH:MM:SS or HH:MM:SS.fraction */
static bool read_clock(const char **text, int *seconds)
{
    int hour;
    int minute;
    int second = 0;
    if (!read_digits(text, 2, &hour) || !skip(text, ':') || !read_digits(text, 2, &minute))
        return false;
    if (skip(text, ':')) {
        if (!read_digits(text, 2, &second))
            return false;
        int tenth;
        if (skip(text, '.')) {
            if (!read_digits(text, 1, &tenth))
                return false;
            while (**text >= '0' && **text <= '9')
                (*text)++;
        }
    }
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *seconds = (hour * 60 + minute) * 60 + second;
    return true;
}

/* read_zone: nothing, Z, +HH, +HHMM or +HH:MM; seconds east of Greenwich. */
static bool read_zone(const char **text, int *east)
{
    int hours;
    int minutes = 0;
    *east = 0;
    if (**text == '\0' || skip(text, 'Z') || skip(text, 'z'))
        return true;
    int sign = **text == '-' ? -1 : 1;
    if (!skip(text, '+') && !skip(text, '-'))
        return false;
    if (!read_digits(text, 2, &hours))
        return false;
    if (**text != '\0') {
        (void)skip(text, ':');
        if (!read_digits(text, 2, &minutes))
            return false;
    }
    if (hours > 23 || minutes > 59)
        return false;
    *east = sign * (hours * 60 + minutes) * 60;
    return true;
}

bool text_parse_time(const char *text, uint32_t *unix_seconds)
{
    uint64_t plain;
    if (text_parse_unsigned(text, UINT32_MAX, &plain)) {
        *unix_seconds = (uint32_t)plain;
        return true;
    }
    int64_t days;
    int seconds = 0;
    int east = 0;
    if (!read_date(&text, &days))
        return false;
    if (skip(&text, 'T') || skip(&text, 't') || skip(&text, ' ')) {
        if (!read_clock(&text, &seconds) || !read_zone(&text, &east))
            return false;
    }
    int64_t result = days * 86400 + seconds - east;
    if (*text != '\0' || result < 0 || result > UINT32_MAX)
        return false;
    *unix_seconds = (uint32_t)result;
    return true;
}

char *text_format_duration(double seconds, char out[32])
{
    const size_t room = 32;
    if (!isfinite(seconds)) {
        (void)snprintf(out, room, "-");
        return out;
    }
    seconds = fmin(fmax(seconds, 0), 1e12);
    uint64_t whole = (uint64_t)(seconds + 0.5);
    unsigned long long days = whole / 86400;
    unsigned hours = (unsigned)(whole / 3600 % 24);
    unsigned minutes = (unsigned)(whole / 60 % 60);
    if (seconds >= 0.05 && seconds < 0.95)
        (void)snprintf(out, room, "%.1fs", seconds);
    else if (whole < 60)
        (void)snprintf(out, room, "%us", (unsigned)whole);
    else if (whole < 3600)
        (void)snprintf(out, room, "%um %02us", minutes, (unsigned)(whole % 60));
    else if (days == 0)
        (void)snprintf(out, room, "%uh %um", hours, minutes);
    else
        (void)snprintf(out, room, "%llud %uh", days, hours);
    return out;
}
