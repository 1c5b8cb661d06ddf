#include "geocoder/network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define DEGREES_ROOM 16

void query_begin(struct geocoder_request *request, const char *path)
{
    request->path = path;
    request->content_type = NULL;
    buffer_clear(&request->query);
    buffer_clear(&request->body);
}

static bool is_unreserved(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* put: append bytes for which there is room. */
static void put(struct buffer *query, const char *text, size_t length)
{
    memcpy(query->data + query->used, text, length);
    query->used += length;
}

/* begin_pair: append "&NAME=", and make room for `more` bytes behind it. */
static int begin_pair(struct buffer *query, const char *name, size_t more, struct error *err)
{
    size_t length = strlen(name);
    if (buffer_reserve(query, length + 2 + more, err) != 0)
        return -1;
    if (query->used > 0)
        put(query, "&", 1);
    put(query, name, length);
    put(query, "=", 1);
    return 0;
}

int query_text(struct geocoder_request *request, const char *name, const char *value,
               struct error *err)
{
    static const char hex[] = "0123456789ABCDEF";
    struct buffer *query = &request->query;
    if (value == NULL || value[0] == '\0')
        return 0;
    if (begin_pair(query, name, strlen(value) * 3, err) != 0)
        return -1;
    for (const unsigned char *at = (const unsigned char *)value; *at != '\0'; at++) {
        if (is_unreserved(*at)) {
            query->data[query->used++] = *at;
        } else {
            const char encoded[] = {'%', hex[*at >> 4], hex[*at & 15]};
            put(query, encoded, sizeof encoded);
        }
    }
    return 0;
}

int query_degrees(struct geocoder_request *request, const char *name, int32_t degrees,
                  struct error *err)
{
    char text[DEGREES_ROOM];
    size_t length = text_format_degrees(degrees, text);
    if (begin_pair(&request->query, name, length, err) != 0)
        return -1;
    put(&request->query, text, length);
    return 0;
}

int query_kilometres(struct geocoder_request *request, const char *name, double metres,
                     struct error *err)
{
    char text[32];
    if (!(metres > 0) || metres > M_PI * EARTH_RADIUS_METRES)
        return 0;
    unsigned whole = (unsigned)ceil(metres);
    int length = snprintf(text, sizeof text, "%u.%03u", whole / 1000, whole % 1000);
    if (begin_pair(&request->query, name, (size_t)length, err) != 0)
        return -1;
    put(&request->query, text, (size_t)length);
    return 0;
}

int query_point(struct geocoder_request *request, const char *name, struct point point,
                struct error *err)
{
    char lat[DEGREES_ROOM];
    char lon[DEGREES_ROOM];
    size_t lat_length = text_format_degrees(point.lat, lat);
    size_t lon_length = text_format_degrees(point.lon, lon);
    if (begin_pair(&request->query, name, lat_length + 1 + lon_length, err) != 0)
        return -1;
    put(&request->query, lat, lat_length);
    put(&request->query, ",", 1);
    put(&request->query, lon, lon_length);
    return 0;
}
