#include "daemon/reverse_place.h"

#define LITERAL(text)                                                                              \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
#define KIND(category, type, rank, importance, addresstype, coded_type, named, reach)              \
    {                                                                                              \
        LITERAL("\"" category "\",\"type\":\"" type "\",\"place_rank\":" rank                      \
                ",\"importance\":" importance ",\"addresstype\":\"" addresstype "\""),             \
            LITERAL("\"osm_key\":\"" category "\",\"osm_value\":\"" type                           \
                    "\",\"type\":\"" coded_type "\""),                                             \
            named, reach                                                                           \
    }

enum kind {
    KIND_HOUSE,
    KIND_LOCALITY,
    KIND_STREET,
    KIND_DISTRICT,
    KIND_CITY,
    KIND_POSTCODE,
    KIND_COUNTY,
    KIND_STATE,
    KIND_COUNTRY,
    KINDS
};

/* Ranks are Nominatim's; the importance is what it gives a place that it has none for, 0.40001
 * less the rank over 75. */
static const struct reverse_kind kinds[KINDS] = {
    [KIND_HOUSE] = KIND("place", "house", "30", "0.00001", "place", "house", "place", 500),
    [KIND_LOCALITY] =
        KIND("place", "locality", "25", "0.06667667", "locality", "locality", "locality", 10000),
    [KIND_STREET] = KIND("highway", "road", "26", "0.05334333", "road", "street", "road", 10000),
    [KIND_DISTRICT] =
        KIND("place", "suburb", "19", "0.14667667", "suburb", "district", "suburb", 100000),
    [KIND_CITY] = KIND("place", "city", "16", "0.18667667", "city", "city", "city", 800000),
    [KIND_POSTCODE] =
        KIND("place", "postcode", "21", "0.12001", "postcode", "locality", "postcode", 500000),
    [KIND_COUNTY] =
        KIND("boundary", "administrative", "12", "0.24001", "county", "county", "county", 3500000),
    [KIND_STATE] =
        KIND("boundary", "administrative", "8", "0.29334333", "state", "state", "state", 13000000),
    [KIND_COUNTRY] = KIND("boundary", "administrative", "4", "0.34667667", "country", "country",
                          "country", 35000000),
};

/* The least zoom that shows a field; a name depends on the rest. */
static const unsigned char least_zoom[FIELD_COUNT] = {
    [FIELD_LABEL] = 18,    [FIELD_NAME] = 18,   [FIELD_HOUSENUMBER] = 18, [FIELD_STREET] = 16,
    [FIELD_DISTRICT] = 13, [FIELD_CITY] = 10,   [FIELD_COUNTY] = 8,       [FIELD_STATE] = 5,
    [FIELD_POSTCODE] = 12, [FIELD_COUNTRY] = 0, [FIELD_COUNTRYCODE] = 0,
};
#define LOCALITY_ZOOM 15u

static const struct {
    enum address_field field;
    enum kind kind;
} most_detailed_first[] = {
    {FIELD_HOUSENUMBER, KIND_HOUSE},   {FIELD_STREET, KIND_STREET},
    {FIELD_DISTRICT, KIND_DISTRICT},   {FIELD_CITY, KIND_CITY},
    {FIELD_POSTCODE, KIND_POSTCODE},   {FIELD_COUNTY, KIND_COUNTY},
    {FIELD_STATE, KIND_STATE},         {FIELD_COUNTRY, KIND_COUNTRY},
    {FIELD_COUNTRYCODE, KIND_COUNTRY}, {FIELD_NAME, KIND_LOCALITY},
    {FIELD_LABEL, KIND_LOCALITY},
};

static bool names_another(const struct address *address)
{
    for (unsigned f = FIELD_HOUSENUMBER; f < FIELD_COUNT; f++) {
        if (slice_equal(address->field[f], address->field[FIELD_NAME]))
            return true;
    }
    return false;
}

static bool is_on_street(const struct address *address)
{
    return address->field[FIELD_HOUSENUMBER].length != 0 ||
           address->field[FIELD_STREET].length != 0;
}

static bool has_digit(struct slice text)
{
    for (uint32_t i = 0; i < text.length; i++) {
        if (text.data[i] >= '0' && text.data[i] <= '9')
            return true;
    }
    return false;
}

/* A name without a street is that of a settlement or a lake, unless a number in it makes it likely
 * to be a whole address. */
static bool shows_name(const struct address *address, unsigned zoom, bool own)
{
    struct slice name = address->field[FIELD_NAME];
    if (name.length == 0)
        return false;
    if (zoom >= least_zoom[FIELD_NAME])
        return true;
    return zoom >= LOCALITY_ZOOM && own && !is_on_street(address) && !has_digit(name);
}

static bool choose_kind(const struct address *address, struct reverse_place *place)
{
    if (place->has_own_name) {
        place->detail = FIELD_NAME;
        place->kind = &kinds[is_on_street(address) ? KIND_HOUSE : KIND_LOCALITY];
        return true;
    }
    for (size_t i = 0; i < sizeof most_detailed_first / sizeof *most_detailed_first; i++) {
        if (!reverse_place_shows(place, most_detailed_first[i].field))
            continue;
        place->detail = most_detailed_first[i].field;
        place->kind = &kinds[most_detailed_first[i].kind];
        return true;
    }
    return false;
}

bool reverse_place_choose(const struct address *address, unsigned zoom, struct reverse_place *out)
{
    struct reverse_place place = {0};
    for (unsigned f = 0; f < FIELD_COUNT; f++) {
        if (f != FIELD_NAME && address->field[f].length != 0 && zoom >= least_zoom[f])
            place.kept |= 1u << f;
    }
    bool own = address->field[FIELD_NAME].length != 0 && !names_another(address);
    if (shows_name(address, zoom, own)) {
        place.kept |= 1u << FIELD_NAME;
        place.has_own_name = own;
    }
    if (!choose_kind(address, &place))
        return false;
    if (reverse_place_shows(&place, FIELD_NAME))
        place.name = address->field[FIELD_NAME];
    else if (place.detail != FIELD_HOUSENUMBER && place.detail != FIELD_LABEL)
        place.name = address->field[place.detail];
    *out = place;
    return true;
}
