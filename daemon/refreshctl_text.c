#include "daemon/refreshctl_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

char *figure_count(double count, char out[FIGURE_BYTES])
{
    char digits[FIGURE_BYTES];
    size_t used = 0;
    int length = snprintf(digits, sizeof digits, "%.0f", count < 1e18 ? count : 1e18);
    for (int i = 0; i < length && used + 2 < FIGURE_BYTES; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return out;
}

char *figure_value(double value, int digits, char out[FIGURE_BYTES])
{
    char text[64];
    double size = fabs(value);
    if (value == round(value) && size < 1e15)
        return figure_count(value + 0.0, out);
    if (size >= 1e15 || size < 1e-6) {
        (void)snprintf(out, FIGURE_BYTES, "%.*g", digits, value);
        return out;
    }
    int decimals = digits - 1 - (int)floor(log10(size));
    (void)snprintf(text, sizeof text, "%.*f",
                   decimals < 1    ? 1
                   : decimals > 15 ? 15
                                   : decimals,
                   value);
    size_t length = strlen(text);
    while (text[length - 1] == '0')
        length--;
    text[text[length - 1] == '.' ? length - 1 : length] = '\0';
    const char *point = strchr(text, '.');
    (void)figure_count(trunc(strtod(text, NULL)), out);
    size_t used = strlen(out);
    if (point != NULL)
        (void)snprintf(out + used, FIGURE_BYTES - used, "%s", point);
    return out;
}

char *figure_bytes(double bytes, char out[FIGURE_BYTES])
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    size_t unit = 0;
    while (bytes >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1000;
        unit++;
    }
    (void)snprintf(out, FIGURE_BYTES, "%.*f %s", unit > 0 && bytes < 100 ? 1 : 0, bytes,
                   units[unit]);
    return out;
}

char *figure_rate(double per_second, char out[FIGURE_BYTES])
{
    if (per_second >= 10 || per_second == 0)
        return figure_count(per_second, out);
    (void)snprintf(out, FIGURE_BYTES, "%.2f", per_second);
    return out;
}

char *figure_date(double unix_seconds, char out[FIGURE_BYTES])
{
    time_t when = (time_t)unix_seconds;
    struct tm utc;
    if (when <= 0 || gmtime_r(&when, &utc) == NULL ||
        strftime(out, FIGURE_BYTES, "%Y-%m-%d %H:%M:%S", &utc) == 0)
        (void)snprintf(out, FIGURE_BYTES, "never");
    return out;
}

const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

double member_number(const cJSON *object, const char *name)
{
    const cJSON *item = member(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

const char *member_text(const cJSON *object, const char *name)
{
    const cJSON *item = member(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}
