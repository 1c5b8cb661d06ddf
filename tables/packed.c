#include "tables/packed.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/text.h"

static inline double plain_zero(double number)
{
    return number + 0.0; /* -0 + 0 is 0 */
}

uint32_t packed_cut(const struct value *text)
{
    uint32_t length = TABLE_TEXT_BYTES;
    while (length > 1 && ((unsigned char)text->data[length] & 0xC0) == 0x80)
        length--;
    return length;
}

size_t packed_size(const struct value *values, unsigned count)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += values[i].kind == VALUE_TEXT     ? 2 + (size_t)packed_kept(&values[i])
                 : values[i].kind == VALUE_NUMBER ? PACKED_NUMBER_BYTES
                                                  : 1;
    return bytes;
}

unsigned char *packed_put(unsigned char *at, const struct value *values, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct value *value = &values[i];
        if (value->kind == VALUE_TEXT) {
            uint32_t length = packed_kept(value);
            *at++ = PACKED_TEXT;
            *at++ = (unsigned char)length;
            memcpy(at, value->data, length);
            at += length;
        } else if (value->kind == VALUE_NUMBER) {
            double number = plain_zero(value->number);
            *at++ = PACKED_NUMBER;
            memcpy(at, &number, sizeof number);
            at += sizeof number;
        } else {
            *at++ = value->number != 0 ? PACKED_TRUE : PACKED_FALSE;
        }
    }
    return at;
}

uint64_t packed_hash(const struct value *values, unsigned count)
{
    uint64_t hash = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct value *value = &values[i];
        if (value->kind == VALUE_TEXT) {
            hash = XXH3_64bits_withSeed(value->data, packed_kept(value), hash);
        } else {
            double number = plain_zero(value->number);
            hash = XXH3_64bits_withSeed(&number, sizeof number, hash + value->kind);
        }
    }
    return hash;
}

static const unsigned char *get_number(const unsigned char *at, const unsigned char *end,
                                       struct value *value)
{
    if (end - at < 8)
        return NULL;
    double number;
    memcpy(&number, at, sizeof number);
    *value = value_number(number);
    return value->kind == VALUE_MISSING || (number == 0 && signbit(number)) ? NULL : at + 8;
}

static const unsigned char *get_text(const unsigned char *at, const unsigned char *end,
                                     struct value *value)
{
    if (at == end || *at == 0 || end - at - 1 < *at)
        return NULL;
    const char *text = (const char *)at + 1;
    *value = value_text((struct slice){text, *at});
    return memchr(text, 0, *at) == NULL && text_is_utf8(text, *at) ? at + 1 + *at : NULL;
}

const unsigned char *packed_get(const unsigned char *at, const unsigned char *end, unsigned count,
                                struct value *values)
{
    for (unsigned i = 0; i < count && at != NULL; i++) {
        unsigned char tag = at < end ? *at++ : 0;
        if (tag == PACKED_NUMBER)
            at = get_number(at, end, &values[i]);
        else if (tag == PACKED_TEXT)
            at = get_text(at, end, &values[i]);
        else if (tag == PACKED_FALSE || tag == PACKED_TRUE)
            values[i] = value_truth(tag == PACKED_TRUE);
        else
            return NULL;
    }
    return at;
}

/* For bytes of our own making. */
static const unsigned char *next(const unsigned char *at, struct value *value)
{
    return packed_get(at, at + PACKED_TEXT_BYTES, 1, value);
}

static int compare_texts(const struct value *a, const struct value *b)
{
    uint32_t both = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->data, b->data, both);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

int packed_compare(const unsigned char *a, const unsigned char *b, unsigned count)
{
    static const int rank[] = {[VALUE_TRUTH] = 0, [VALUE_NUMBER] = 1, [VALUE_TEXT] = 2};
    for (unsigned i = 0; i < count; i++) {
        struct value left, right;
        a = next(a, &left);
        b = next(b, &right);
        int order = rank[left.kind] - rank[right.kind];
        if (order == 0)
            order = left.kind == VALUE_TEXT
                        ? compare_texts(&left, &right)
                        : (left.number > right.number) - (left.number < right.number);
        if (order != 0)
            return order;
    }
    return 0;
}

static cJSON *value_json(const struct value *value)
{
    char text[TABLE_TEXT_BYTES + 1];
    if (value->kind == VALUE_NUMBER)
        return cJSON_CreateNumber(value->number);
    if (value->kind == VALUE_TRUTH)
        return cJSON_CreateBool(value->number != 0);
    memcpy(text, value->data, value->length);
    text[value->length] = '\0';
    return cJSON_CreateString(text);
}

cJSON *packed_json(const unsigned char *packed, unsigned count)
{
    struct value value;
    if (count == 1) {
        (void)next(packed, &value);
        return value_json(&value);
    }
    cJSON *list = cJSON_CreateArray();
    for (unsigned i = 0; i < count && list != NULL; i++) {
        packed = next(packed, &value);
        cJSON *item = value_json(&value);
        if (item == NULL || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            cJSON_Delete(list);
            return NULL;
        }
    }
    return list;
}

bool packed_add(cJSON *object, const unsigned char *packed, const char *const *names,
                unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct value value;
        packed = next(packed, &value);
        cJSON *item = value_json(&value);
        if (item == NULL || !cJSON_AddItemToObject(object, names[i], item)) {
            cJSON_Delete(item);
            return false;
        }
    }
    return true;
}
