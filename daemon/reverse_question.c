#include "daemon/reverse.h"

#include <string.h>

#include "base/text.h"
#include "daemon/reverse_place.h"

static const char *const format_names[REVERSE_FORMATS] = {
    [REVERSE_JSON] = "json",
    [REVERSE_JSONV2] = "jsonv2",
    [REVERSE_GEOJSON] = "geojson",
    [REVERSE_GEOCODEJSON] = "geocodejson",
};

void reverse_question_begin(struct reverse_parser *parser)
{
    *parser = (struct reverse_parser){
        .question = {.format = REVERSE_JSONV2, .zoom = REVERSE_ZOOM_MOST, .address_details = true}};
}

/* A plus sign in a query is a space when it arrives here. */
static const char *skip_spaces(const char *text)
{
    while (*text == ' ')
        text++;
    return text;
}

static int set_degrees(const char *name, const char *value, unsigned limit, int32_t *out,
                       struct error *err)
{
    if (text_parse_degrees(skip_spaces(value), limit, out))
        return 0;
    return error_set(err, ERROR_VALUE,
                     "Parameter '%s' must be a number of degrees from -%u to %u such as 8.25, "
                     "not '%.40s'",
                     name, limit, limit, value);
}

static int set_lat(struct reverse_parser *parser, const char *value, struct error *err)
{
    if (set_degrees("lat", value, 90, &parser->question.point.lat, err) != 0)
        return -1;
    parser->has_lat = true;
    return 0;
}

static int set_lon(struct reverse_parser *parser, const char *value, struct error *err)
{
    int32_t lon;
    if (set_degrees("lon", value, 180, &lon, err) != 0)
        return -1;
    parser->question.point.lon = lon == LONGITUDE_LIMIT ? -LONGITUDE_LIMIT : lon;
    parser->has_lon = true;
    return 0;
}

static int set_format(struct reverse_parser *parser, const char *value, struct error *err)
{
    for (unsigned format = 0; format < REVERSE_FORMATS; format++) {
        if (strcmp(value, format_names[format]) == 0) {
            parser->question.format = (enum reverse_format)format;
            return 0;
        }
    }
    return error_set(err, ERROR_VALUE,
                     "Parameter 'format' must be one of: json, jsonv2, geojson, geocodejson");
}

/* A whole number of any size; Nominatim takes the nearest zoom that there is. */
static int set_zoom(struct reverse_parser *parser, const char *value, struct error *err)
{
    const char *digits = skip_spaces(value);
    bool negative = *digits == '-';
    unsigned zoom = 0;
    digits += *digits == '-' || *digits == '+';
    bool any = *digits != '\0';
    for (; *digits >= '0' && *digits <= '9'; digits++) {
        if (zoom <= REVERSE_ZOOM_MOST)
            zoom = zoom * 10 + (unsigned)(*digits - '0');
    }
    if (!any || *digits != '\0')
        return error_set(err, ERROR_VALUE,
                         "Parameter 'zoom' must be a whole number from 0 to 18, not '%.40s'",
                         value);
    parser->question.zoom = negative ? 0 : zoom > REVERSE_ZOOM_MOST ? REVERSE_ZOOM_MOST : zoom;
    return 0;
}

static int set_address_details(struct reverse_parser *parser, const char *value, struct error *err)
{
    (void)err;
    parser->question.address_details = strcmp(value, "0") != 0;
    return 0;
}

int reverse_question_set(struct reverse_parser *parser, const char *name, const char *value,
                         struct error *err)
{
    static const struct {
        const char *name;
        int (*set)(struct reverse_parser *parser, const char *value, struct error *err);
    } parameters[] = {
        {"lat", set_lat},
        {"lon", set_lon},
        {"zoom", set_zoom},
        {"format", set_format},
        {"addressdetails", set_address_details},
    };
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        if (strcmp(name, parameters[i].name) == 0)
            return parameters[i].set(parser, value, err);
    }
    return 0;
}

int reverse_question_end(const struct reverse_parser *parser, struct error *err)
{
    if (!parser->has_lat)
        return error_set(err, ERROR_VALUE, "Parameter 'lat' is missing");
    if (!parser->has_lon)
        return error_set(err, ERROR_VALUE, "Parameter 'lon' is missing");
    return 0;
}
