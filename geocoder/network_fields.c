/* From the members of JSON objects to the fields of an address. */
#include "geocoder/network.h"

#include <emmintrin.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "geocoder/country.h"

#define NUMBER_ROOM 32

static bool is_blank(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7f;
}

/* trimmed: a text without the blanks around it. */
static inline struct slice trimmed(const cJSON *value)
{
    const char *text = value->valuestring;
    uint32_t length = (uint32_t)value->valueint;
    for (; length > 0 && is_blank(text[0]); text++)
        length--;
    while (length > 0 && is_blank(text[length - 1]))
        length--;
    return (struct slice){text, length};
}

struct slice json_slice(const cJSON *value)
{
    return cJSON_IsString(value) ? trimmed(value) : (struct slice){NULL, 0};
}

const cJSON *json_member(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_IsObject(object) ? object->child : NULL;
    while (member != NULL && !text_is(member->string, name))
        member = member->next;
    return member;
}

/* number_text: a number as people write it, kept in the session. */
static struct slice number_text(struct network_session *session, double number)
{
    char text[NUMBER_ROOM];
    if (!isfinite(number))
        return (struct slice){NULL, 0};
    int length = snprintf(text, sizeof text, "%.15g", number);
    struct buffer *kept = &session->text;
    if (length <= 0 || (size_t)length > kept->room - kept->used ||
        buffer_append(kept, text, (size_t)length, NULL) != 0)
        return (struct slice){NULL, 0};
    return (struct slice){(const char *)kept->data + kept->used - (size_t)length, (uint32_t)length};
}

/* rank_of: the place of a name among those of an entry; FIELD_NAMES when it is not there. */
static inline unsigned rank_of(const struct json_field *entry, const char *name)
{
    unsigned i = 0;
    do {
        if (text_is(entry->names[i], name))
            return i;
    } while (entry->names[++i] != NULL);
    return FIELD_NAMES;
}

/* find_name: the entry of a table that has this name, and its rank there; NULL when none has. The
 * search begins at the likely entry. */
static const struct json_field *find_name(const struct json_field *table,
                                          const struct json_field *likely, const char *name,
                                          unsigned *rank)
{
    const struct json_field *entry;
    for (entry = likely; entry->names[0] != NULL; entry++) {
        if ((*rank = rank_of(entry, name)) < FIELD_NAMES)
            return entry;
    }
    for (entry = table; entry != likely; entry++) {
        if ((*rank = rank_of(entry, name)) < FIELD_NAMES)
            return entry;
    }
    return NULL;
}

/* One pass over the members, because looking a name up is a walk each time. Replies mostly have
 * their members in one order, and tables have it too: an entry is likely followed by the next. */
void read_fields(struct network_session *session, const cJSON *object,
                 const struct json_field *table, struct address *address)
{
    unsigned ranks[FIELD_COUNT]; /* of the name a field is from */
    unsigned gathered = 0;       /* fields that are from this object, one bit each */
    const struct json_field *likely = table;
    if (!cJSON_IsObject(object))
        return;
    for (const cJSON *member = object->child; member != NULL; member = member->next) {
        unsigned rank;
        if (member->type != cJSON_String && member->type != cJSON_Number)
            continue;
        const struct json_field *entry = find_name(table, likely, member->string, &rank);
        if (entry == NULL)
            continue;
        likely = entry + 1;
        struct slice *field = &address->field[entry->field];
        unsigned bit = 1u << entry->field;
        if (field->length > 0 && ((gathered & bit) == 0 || rank >= ranks[entry->field]))
            continue;
        struct slice text = member->type == cJSON_String
                                ? trimmed(member)
                                : number_text(session, member->valuedouble);
        if (text.length == 0)
            continue;
        *field = text;
        ranks[entry->field] = rank;
        gathered |= bit;
    }
}

static bool is_control(unsigned char c, unsigned char next)
{
    return c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0);
}

/* may_be_control: whether one of 16 bytes is a control character, or may be the first of two. */
static bool may_be_control(__m128i bytes)
{
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    __m128i delete = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    __m128i lead = _mm_cmpeq_epi8(bytes, _mm_set1_epi8((char)0xc2));
    return _mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(delete, lead))) != 0;
}

/* bytes_of: all bytes of a text of 4 to 15 in no order, some twice. */
static __m128i bytes_of(struct slice text)
{
    uint64_t words[2];
    uint32_t halves[2];
    if (text.length >= sizeof words[0]) {
        memcpy(&words[0], text.data, sizeof words[0]);
        memcpy(&words[1], text.data + text.length - sizeof words[1], sizeof words[1]);
    } else {
        memcpy(&halves[0], text.data, sizeof halves[0]);
        memcpy(&halves[1], text.data + text.length - sizeof halves[1], sizeof halves[1]);
        words[0] = words[1] = halves[0] | (uint64_t)halves[1] << 32;
    }
    return _mm_set_epi64x((long long)words[1], (long long)words[0]);
}

static bool has_control_between(struct slice text, uint32_t start, uint32_t end)
{
    for (uint32_t i = start; i < end; i++) {
        unsigned char c = (unsigned char)text.data[i];
        unsigned char next = i + 1 < text.length ? (unsigned char)text.data[i + 1] : 0;
        if (is_control(c, next))
            return true;
    }
    return false;
}

static bool has_control(struct slice text)
{
    const uint32_t step = sizeof(__m128i);
    if (text.length < 4)
        return has_control_between(text, 0, text.length);
    if (text.length < step)
        return may_be_control(bytes_of(text)) && has_control_between(text, 0, text.length);
    for (uint32_t start = 0; start < text.length; start += step) {
        /* The last 16 bytes overlap those before. */
        if (start > text.length - step)
            start = text.length - step;
        if (may_be_control(_mm_loadu_si128((const __m128i *)(text.data + start))))
            return has_control_between(text, start, text.length);
    }
    return false;
}

/* clean: a copy of text with spaces in place of control characters. */
static int clean(struct network_session *session, struct slice *text, struct error *err)
{
    struct buffer *kept = &session->text;
    if (kept->room - kept->used < text->length)
        return error_memory(err, "the texts of a reply");
    char *copy = (char *)kept->data + kept->used;
    uint32_t length = 0;
    for (uint32_t i = 0; i < text->length; i++) {
        unsigned char c = (unsigned char)text->data[i];
        unsigned char next = i + 1 < text->length ? (unsigned char)text->data[i + 1] : 0;
        bool control = is_control(c, next);
        copy[length++] = control ? ' ' : (char)c;
        if (control && c == 0xc2)
            i++;
    }
    kept->used += length;
    *text = (struct slice){copy, length};
    return 0;
}

/* clean_country: two letters in lower case, also of a code of three. */
static int clean_country(struct network_session *session, struct slice *text, struct error *err)
{
    bool upper = false;
    if (text->length == 3) {
        const char alpha3[] = {text->data[0], text->data[1], text->data[2], '\0'};
        *text = country_code(alpha3);
    }
    for (uint32_t i = 0; i < text->length; i++)
        upper = upper || (text->data[i] >= 'A' && text->data[i] <= 'Z');
    if (!upper)
        return 0;
    if (clean(session, text, err) != 0)
        return -1;
    char *copy = (char *)session->text.data + session->text.used - text->length;
    for (uint32_t i = 0; i < text->length; i++) {
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] | 0x20);
    }
    return 0;
}

void answer_empty(const struct geocoder_reply *reply, struct answer *answer)
{
    *answer = (struct answer){.kind = ANSWER_EMPTY, .status = (uint16_t)reply->status};
}

int finish_address(struct network_session *session, const struct geocoder_reply *reply,
                   struct point question, const struct point *position, struct address *address,
                   struct answer *answer, struct error *err)
{
    double farthest = session->network->settings->max_distance;
    double distance = position != NULL ? point_distance(question, *position) : NAN;
    for (unsigned f = 0; f < FIELD_COUNT; f++) {
        struct slice *text = &address->field[f];
        if (text->length > FIELD_BYTES_LIMIT)
            *text = (struct slice){NULL, 0};
        else if (has_control(*text) && clean(session, text, err) != 0)
            return -1;
    }
    if (clean_country(session, &address->field[FIELD_COUNTRYCODE], err) != 0)
        return -1;
    if (address_is_empty(address) || (farthest > 0 && distance > farthest)) {
        answer_empty(reply, answer);
        return 0;
    }
    if (session->text.room - session->text.used < address->field[FIELD_LABEL].length)
        return error_memory(err, "the texts of a reply");
    if (address_fold(address, &session->text, err) != 0)
        return -1;
    *answer = (struct answer){.kind = ANSWER_FOUND,
                              .status = (uint16_t)reply->status,
                              .address = *address,
                              .distance_m = distance};
    return 0;
}

int read_features(struct network_session *session, const struct geocoder_reply *reply,
                  const cJSON *collection, const struct json_field *table, struct point question,
                  struct answer *answer, struct error *err)
{
    struct address address = {0};
    struct point position;
    const cJSON *feature;
    if (!first_of(collection, "features", &feature)) {
        fail_bad(session, reply, 1, "the reply holds no features", answer);
        return 0;
    }
    if (feature == NULL) {
        answer_empty(reply, answer);
        return 0;
    }
    const cJSON *properties = json_member(feature, "properties");
    if (!cJSON_IsObject(properties)) {
        fail_bad(session, reply, 1, "the reply holds a feature without properties", answer);
        return 0;
    }
    read_fields(session, properties, table, &address);
    bool placed = json_coordinates(json_member(feature, "geometry"), &position);
    return finish_address(session, reply, question, placed ? &position : NULL, &address, answer,
                          err);
}

static bool json_degrees(const cJSON *value, unsigned limit, double *degrees)
{
    int32_t units;
    if (cJSON_IsNumber(value)) {
        *degrees = value->valuedouble;
        return true;
    }
    if (!cJSON_IsString(value) || !text_parse_degrees(value->valuestring, limit, &units))
        return false;
    *degrees = (double)units / POINT_UNITS_PER_DEGREE;
    return true;
}

bool json_position(const cJSON *lat, const cJSON *lon, struct point *out)
{
    double lat_degrees, lon_degrees;
    return json_degrees(lat, 90, &lat_degrees) && json_degrees(lon, 180, &lon_degrees) &&
           point_from_degrees(lat_degrees, lon_degrees, out);
}

bool json_coordinates(const cJSON *geometry, struct point *out)
{
    const cJSON *coordinates = json_member(geometry, "coordinates");
    const cJSON *lon = cJSON_IsArray(coordinates) ? coordinates->child : NULL;
    return lon != NULL && json_position(lon->next, lon, out);
}

bool first_of(const cJSON *object, const char *name, const cJSON **first)
{
    const cJSON *array = json_member(object, name);
    if (!cJSON_IsArray(array) || (array->child != NULL && !cJSON_IsObject(array->child)))
        return false;
    *first = array->child;
    return true;
}

const char *json_text(const cJSON *object, const char *name)
{
    const cJSON *value = json_member(object, name);
    return cJSON_IsString(value) && value->valuestring[0] != '\0' ? value->valuestring : NULL;
}
