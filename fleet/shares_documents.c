#include "fleet/shares_documents.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cachefmt/manifest.h"

/* The share that text names, as share_key_claim and share_key_done write it. */
static bool parse_share(const char *text, uint32_t shares, uint32_t *share)
{
    uint64_t value = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits < 4 || digits > 10 || text[digits] != 0 || (digits > 4 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    *share = (uint32_t)value;
    return value < shares;
}

static const char *behind(const char *text, const char *beginning)
{
    size_t length = strlen(beginning);
    return strncmp(text, beginning, length) == 0 ? text + length : NULL;
}

enum share_key share_key_parse(const char *key, const char *prefix, uint32_t shares,
                               uint32_t *share, const char **name)
{
    const char *rest = behind(key, prefix);
    const char *last;
    if (rest == NULL)
        return SHARE_KEY_OTHER;
    if ((last = behind(rest, "claim/")) != NULL)
        return parse_share(last, shares, share) ? SHARE_KEY_CLAIM : SHARE_KEY_OTHER;
    if ((last = behind(rest, "done/")) != NULL)
        return parse_share(last, shares, share) ? SHARE_KEY_DONE : SHARE_KEY_OTHER;
    if (strcmp(rest, "reopened") == 0)
        return SHARE_KEY_REOPENED;
    if ((last = behind(rest, "held/")) == NULL || *last == 0)
        return SHARE_KEY_OTHER;
    *name = last;
    return SHARE_KEY_HELD;
}

static char *numbered_key(const char *prefix, const char *kind, uint32_t share)
{
    char *key;
    return asprintf(&key, "%s%s/%04u", prefix, kind, share) < 0 ? NULL : key;
}

char *share_key_claim(const char *prefix, uint32_t share)
{
    return numbered_key(prefix, "claim", share);
}

char *share_key_done(const char *prefix, uint32_t share)
{
    return numbered_key(prefix, "done", share);
}

char *share_key_held(const char *prefix, const char *name)
{
    char *key;
    return asprintf(&key, "%sheld/%s", prefix, name) < 0 ? NULL : key;
}

char *share_key_reopened(const char *prefix)
{
    char *key;
    return asprintf(&key, "%sreopened", prefix) < 0 ? NULL : key;
}

char *share_done_print(const struct share_done *done)
{
    char digest[2 * PAIR_ID_BYTES + 1];
    cJSON *document = cJSON_CreateObject();
    char *text = NULL;
    if (cJSON_AddStringToObject(document, "digest", pair_id_format(&done->digest, digest)) !=
            NULL &&
        cJSON_AddStringToObject(document, "by", done->by) != NULL)
        text = cJSON_PrintUnformatted(document);
    cJSON_Delete(document);
    return text;
}

bool share_done_parse(const char *text, struct share_done *out)
{
    cJSON *document = cJSON_Parse(text);
    const char *digest = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "digest"));
    const char *by = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "by"));
    bool good = digest != NULL && by != NULL && strlen(by) < sizeof out->by &&
                pair_id_parse(digest, &out->digest);
    if (good)
        memcpy(out->by, by, strlen(by) + 1);
    cJSON_Delete(document);
    return good;
}

char *share_held_print(const unsigned char *bitmap, uint32_t shares, uint32_t count,
                       const char *instance)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = ((size_t)shares + 3) / 4;
    char *hex = malloc(length + 1);
    cJSON *document = cJSON_CreateObject();
    char *text = NULL;
    if (hex == NULL)
        goto out;
    for (size_t i = 0; i < length; i++)
        hex[i] = digits[bitmap[i / 2] >> 4 * (i % 2) & 15];
    hex[length] = 0;
    if (cJSON_AddNumberToObject(document, "count", count) != NULL &&
        cJSON_AddStringToObject(document, "bitmap", hex) != NULL &&
        cJSON_AddStringToObject(document, "instance", instance) != NULL)
        text = cJSON_PrintUnformatted(document);
out:
    cJSON_Delete(document);
    free(hex);
    return text;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool parse_bitmap(const char *hex, uint32_t shares, unsigned char *bitmap)
{
    size_t length = ((size_t)shares + 3) / 4;
    if (strlen(hex) != length)
        return false;
    memset(bitmap, 0, ((size_t)shares + 7) / 8);
    for (size_t i = 0; i < length; i++) {
        int value = hex_value(hex[i]);
        if (value < 0)
            return false;
        bitmap[i / 2] |= (unsigned char)(value << 4 * (i % 2));
    }
    return true;
}

bool share_held_parse(const char *text, uint32_t shares, unsigned char *bitmap,
                      char instance[SHARE_INSTANCE_BYTES])
{
    cJSON *document = cJSON_Parse(text);
    const char *hex = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "bitmap"));
    const char *by = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "instance"));
    bool good = hex != NULL && by != NULL && strlen(by) < SHARE_INSTANCE_BYTES &&
                parse_bitmap(hex, shares, bitmap);
    if (good)
        memcpy(instance, by, strlen(by) + 1);
    cJSON_Delete(document);
    return good;
}
