#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/url.h"

#define DESCRIPTION_BYTES 200

static void *field_of(struct config *config, const struct config_key *key)
{
    return (char *)config + key->offset;
}

static bool within(const struct config_key *key, double value)
{
    return value >= key->least && value <= key->most;
}

/* --- parsers, one a type: true, and the field is written, when text is a value of key --- */

static bool parse_text(const struct config_key *key, const char *text, void *field)
{
    size_t bytes = strlen(text);
    if (!within(key, (double)bytes) || !text_is_utf8(text, bytes))
        return false;
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7F)
            return false;
    }
    *(const char **)field = text;
    return true;
}

static bool parse_word(const struct config_key *key, const char *text, void *field)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";
    return text[strspn(text, allowed)] == '\0' && parse_text(key, text, field);
}

static bool parse_count(const struct config_key *key, const char *text, void *field)
{
    uint64_t value;
    if (!text_parse_unsigned(text, (uint64_t)key->most, &value) || !within(key, (double)value))
        return false;
    *(unsigned *)field = (unsigned)value;
    return true;
}

static bool parse_measure(const struct config_key *key, const char *text, void *field,
                          bool (*parse)(const char *, double *))
{
    double value;
    if (!parse(text, &value) || !within(key, value))
        return false;
    *(double *)field = value;
    return true;
}

static bool parse_number(const struct config_key *key, const char *text, void *field)
{
    return parse_measure(key, text, field, text_parse_double);
}

static bool parse_duration(const struct config_key *key, const char *text, void *field)
{
    return parse_measure(key, text, field, text_parse_duration);
}

static bool parse_percent(const struct config_key *key, const char *text, void *field)
{
    return parse_measure(key, text, field, text_parse_percent);
}

static bool parse_distance(const struct config_key *key, const char *text, void *field)
{
    return parse_measure(key, text, field, text_parse_distance);
}

static bool parse_size(const struct config_key *key, const char *text, void *field)
{
    uint64_t bytes;
    if (!text_parse_size(text, &bytes) || !within(key, (double)bytes))
        return false;
    *(double *)field = (double)bytes;
    return true;
}

static bool parse_choice(const struct config_key *key, const char *text, void *field)
{
    for (int i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(key->choices[i], text) == 0) {
            *(int *)field = i;
            return true;
        }
    }
    return false;
}

static bool parse_flag(const struct config_key *key, const char *text, void *field)
{
    (void)key;
    bool yes = strcmp(text, "yes") == 0;
    if (!yes && strcmp(text, "no") != 0)
        return false;
    *(bool *)field = yes;
    return true;
}

static bool parse_grid(const struct config_key *key, const char *text, void *field)
{
    char rows_text[8];
    uint64_t rows;
    uint64_t columns;
    const char *middle = strchr(text, 'x');
    if (middle == NULL || (size_t)(middle - text) >= sizeof rows_text)
        return false;
    memcpy(rows_text, text, (size_t)(middle - text));
    rows_text[middle - text] = '\0';
    if (!text_parse_unsigned(rows_text, (uint64_t)key->most, &rows) ||
        !text_parse_unsigned(middle + 1, (uint64_t)key->most, &columns) ||
        !within(key, (double)rows) || !within(key, (double)columns))
        return false;
    *(struct config_grid *)field = (struct config_grid){(unsigned)rows, (unsigned)columns};
    return true;
}

static bool parse_url(const struct config_key *key, const char *text, void *field)
{
    return (text[0] == '\0' || url_is_base(text)) && parse_text(key, text, field);
}

static bool parse_address(const struct config_key *key, const char *text, void *field)
{
    return (text[0] == '\0' || url_is_address(text)) && parse_text(key, text, field);
}

typedef bool (*value_parser)(const struct config_key *key, const char *text, void *field);

static const struct {
    value_parser parse; /* NULL: store_list */
    const char *what;   /* what would be right; %s stands for the bounds or the choices */
} types[CONFIG_TYPES] = {
    [CONFIG_TEXT] = {parse_text, "text %s"},
    [CONFIG_PATH] = {parse_text, "a path %s"},
    [CONFIG_WORD] = {parse_word, "a word of letters, digits, '.', '_' and '-', %s"},
    [CONFIG_COUNT] = {parse_count, "a whole number %s"},
    [CONFIG_NUMBER] = {parse_number, "a number %s"},
    [CONFIG_DURATION] = {parse_duration, "a duration such as 250ms, 90s, 15m, 6h or 30d, %s"},
    [CONFIG_PERCENT] = {parse_percent, "a percentage such as 0.5%%, from 0%% to 100%%"},
    [CONFIG_DISTANCE] = {parse_distance, "a distance such as 50m or 1.5km, %s"},
    [CONFIG_SIZE] = {parse_size, "a size such as 8K or 2M, %s bytes"},
    [CONFIG_CHOICE] = {parse_choice, "%s"},
    [CONFIG_FLAG] = {parse_flag, "yes or no%.0s"},
    [CONFIG_GRID] = {parse_grid, "ROWSxCOLUMNS such as 24x24, each %s"},
    [CONFIG_URL] = {parse_url, "a URL that begins with http:// or https://, without user, query "
                               "or fragment"},
    [CONFIG_ADDRESS] = {parse_address, "HOST:PORT such as 127.0.0.1:8576 or [::1]:8576"},
    [CONFIG_URL_LIST] = {NULL, "https://HOST:PORT, or http:// for a loopback host, separated by "
                               "commas"},
};

/* --- messages --- */

static void describe_choices(const struct config_key *key, char out[DESCRIPTION_BYTES])
{
    size_t used = 0;
    for (size_t i = 0; key->choices[i] != NULL && used < DESCRIPTION_BYTES; i++) {
        const char *before = i == 0 ? "" : key->choices[i + 1] == NULL ? " or " : ", ";
        int length =
            snprintf(out + used, DESCRIPTION_BYTES - used, "%s%s", before, key->choices[i]);
        used += length > 0 ? (size_t)length : 0;
    }
}

static void describe_bounds(const struct config_key *key, char out[DESCRIPTION_BYTES])
{
    switch (key->type) {
    case CONFIG_TEXT:
    case CONFIG_PATH:
    case CONFIG_WORD:
        (void)snprintf(out, DESCRIPTION_BYTES, "of %.0f to %.0f bytes", key->least, key->most);
        break;
    case CONFIG_CHOICE:
        describe_choices(key, out);
        break;
    case CONFIG_DURATION:
        (void)snprintf(out, DESCRIPTION_BYTES, "from %gs to %.0fd", key->least, key->most / 86400);
        break;
    case CONFIG_DISTANCE:
        (void)snprintf(out, DESCRIPTION_BYTES, "from %gm to %.0fm", key->least, key->most);
        break;
    default:
        (void)snprintf(out, DESCRIPTION_BYTES, "from %.0f to %.0f", key->least, key->most);
        break;
    }
}

static int refuse(const struct config_key *key, const char *text, struct error *err)
{
    char bounds[DESCRIPTION_BYTES];
    char what[2 * DESCRIPTION_BYTES];
    describe_bounds(key, bounds);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(what, sizeof what, types[key->type].what, bounds);
#pragma GCC diagnostic pop
    return error_set(err, ERROR_CONFIG, "[%s] %s: \"%.100s\" is no good; use %s", key->section,
                     key->name, text, what);
}

/* --- lists --- */

static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        text[--length] = '\0';
    return text;
}

static void list_free(struct config_list *list)
{
    free(list->items);
    free(list->storage);
    *list = (struct config_list){NULL, 0, NULL};
}

static int store_list(const struct config_key *key, const char *text, struct config_list *field,
                      struct error *err)
{
    struct config_list list = {NULL, 0, strdup(text)};
    list.items = calloc((size_t)key->most, sizeof *list.items);
    if (list.storage == NULL || list.items == NULL) {
        error_memory(err, key->name);
        goto fail;
    }
    char *rest = list.storage;
    while (rest != NULL && *trim(list.storage) != '\0') {
        const char *item = trim(strsep(&rest, ","));
        if (!url_is_endpoint(item)) {
            refuse(key, item, err);
            goto fail;
        }
        if (list.count == (size_t)key->most) {
            error_set(err, ERROR_CONFIG, "[%s] %s: more than %.0f of them", key->section, key->name,
                      key->most);
            goto fail;
        }
        list.items[list.count++] = item;
    }
    list_free(field);
    *field = list;
    return 0;
fail:
    list_free(&list);
    return -1;
}

int value_store(struct config *config, const struct config_key *key, const char *text,
                struct error *err)
{
    void *field = field_of(config, key);
    if (key->type == CONFIG_URL_LIST)
        return store_list(key, text, field, err);
    return types[key->type].parse(key, text, field) ? 0 : refuse(key, text, err);
}

void value_free(struct config *config, const struct config_key *key)
{
    if (key->type == CONFIG_URL_LIST)
        list_free(field_of(config, key));
}
