/* What was meant by a key or section that does not exist. */
#include <string.h>

#include "base/text.h"
#include "config/key.h"

int config_key_unknown(const char *section, const char *name, struct error *err)
{
    const char *meant = NULL;
    const char *elsewhere = NULL;
    unsigned least = TEXT_FAR;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (strcmp(key->section, section) == 0) {
            if (text_nearer(name, key->name, &least))
                meant = key->name;
        } else if (elsewhere == NULL && strcmp(key->name, name) == 0) {
            elsewhere = key->section;
        }
    }
    if (elsewhere != NULL)
        return error_set(err, ERROR_CONFIG, "[%s] has no key \"%s\"; it belongs to [%s]", section,
                         name, elsewhere);
    if (strcmp(section, CONFIG_REPORT_SECTION) == 0)
        return error_set(err, ERROR_CONFIG, "[report] has no keys; its lines are tables");
    if (meant != NULL)
        return error_set(err, ERROR_CONFIG, "[%s] has no key \"%s\"; did you mean \"%s\"?", section,
                         name, meant);
    return error_set(err, ERROR_CONFIG, "[%s] has no key \"%s\"", section, name);
}

int config_section_unknown(const char *section, struct error *err)
{
    const char *meant = NULL;
    unsigned least = TEXT_FAR;
    for (size_t i = 0; i < config_key_count; i++) {
        if (text_nearer(section, config_keys[i].section, &least))
            meant = config_keys[i].section;
    }
    if (text_nearer(section, CONFIG_REPORT_SECTION, &least))
        meant = CONFIG_REPORT_SECTION;
    if (meant != NULL)
        return error_set(err, ERROR_CONFIG, "there is no section [%s]; did you mean [%s]?", section,
                         meant);
    return error_set(err, ERROR_CONFIG,
                     "there is no section [%s]; use cache, refresh, gate, geocoder, lookup, http, "
                     "control, peers or report",
                     section);
}
