/* Every key of the configuration, as refreshd.conf(5) tells of it. */
#include <ctype.h>
#include <string.h>

#include "config/key.h"
#include "geocoder/geocoder.h"
#include "manuals/manuals.h"

static const char *const kinds[CONFIG_TYPES] = {
    [CONFIG_TEXT] = "text",
    [CONFIG_PATH] = "path",
    [CONFIG_WORD] = "word of letters, digits, `.`, `_` and `-`",
    [CONFIG_COUNT] = "whole number",
    [CONFIG_NUMBER] = "number",
    [CONFIG_DURATION] = "duration",
    [CONFIG_PERCENT] = "percentage",
    [CONFIG_DISTANCE] = "distance",
    [CONFIG_SIZE] = "size",
    [CONFIG_CHOICE] = "",
    [CONFIG_FLAG] = "`yes` or `no`",
    [CONFIG_GRID] = "rows and columns",
    [CONFIG_URL] = "URL",
    [CONFIG_ADDRESS] = "HOST:PORT",
    [CONFIG_URL_LIST] = "URLs with commas between them",
};

static void print_kind(const struct config_key *key, FILE *out)
{
    char text[200];
    int used = 0;
    if (key->type == CONFIG_COUNT)
        used = snprintf(text, sizeof text, "%s from %.0f to %.0f", kinds[key->type], key->least,
                        key->most);
    else if (key->type != CONFIG_CHOICE)
        used = snprintf(text, sizeof text, "%s", kinds[key->type]);
    for (size_t i = 0; key->type == CONFIG_CHOICE && key->choices[i] != NULL; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s`%s`", i == 0 ? "" : " or ",
                         key->choices[i]);
    (void)snprintf(text + used, sizeof text - (size_t)used, "; default: `%s`%s.",
                   key->fallback[0] != '\0' ? key->fallback : "empty", key->live ? "; live" : "");
    mdoc_text(out, text);
}

static void print_section(const char *section, FILE *out)
{
    (void)fprintf(out, ".Ss [%s]\\&\n.Bl -tag -width Ds\n", section);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (strcmp(key->section, section) != 0)
            continue;
        (void)fprintf(out, ".It Ic %s\n", key->name);
        mdoc_text(out, key->help);
        (void)fputs(".br\n", out);
        print_kind(key, out);
    }
    (void)fputs(".El\n", out);
}

void manual_keys(FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].section, section) == 0)
            continue;
        section = config_keys[i].section;
        print_section(section, out);
    }
}

void manual_providers(FILE *out)
{
    char text[600];
    for (size_t i = 0; geocoder_providers[i] != NULL; i++) {
        const struct geocoder_provider *provider = geocoder_providers[i];
        (void)fprintf(out, ".It Cm %s\n", provider->name);
        (void)snprintf(text, sizeof text, "%s.", provider->help);
        text[0] = (char)toupper((unsigned char)text[0]);
        mdoc_text(out, text);
        if (provider->url != NULL) {
            (void)snprintf(text, sizeof text, "`url` is %s unless it is set.", provider->url);
            mdoc_text(out, text);
        }
        if (provider->largest_batch > 1) {
            (void)snprintf(text, sizeof text, "`batch` may be up to %u.", provider->largest_batch);
            mdoc_text(out, text);
        }
    }
}
