#include "config/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/entry.h"
#include "config/value.h"

static struct config_entry *entry_of(const struct config *config, const struct config_key *key)
{
    return &config->entries[key - config_keys];
}

int config_put(struct config *config, const struct config_key *key, const char *text, unsigned line,
               struct error *err)
{
    struct config_entry *entry = entry_of(config, key);
    char *copy = strdup(text);
    if (copy == NULL)
        return error_memory(err, key->name);
    if (value_store(config, key, copy, err) != 0) {
        free(copy);
        return -1;
    }
    free(entry->text);
    entry->text = copy;
    entry->line = line;
    return 0;
}

/* A host name is taken as it is; one that is no good as a word leaves the name empty. */
static int set_host_name(struct config *config, struct error *err)
{
    char name[256];
    struct error refused;
    if (config->peers.name[0] != '\0' || gethostname(name, sizeof name) != 0)
        return 0;
    name[sizeof name - 1] = '\0';
    if (config_put(config, config_key_find("peers", "name"), name, 0, &refused) == 0 ||
        refused.code == ERROR_CONFIG)
        return 0;
    return error_memory(err, "the host's name");
}

int config_begin(struct config **out, struct error *err)
{
    struct config *config = calloc(1, sizeof *config);
    if (config == NULL)
        return error_memory(err, "the configuration");
    config->entries = calloc(config_key_count, sizeof *config->entries);
    if (config->entries == NULL) {
        error_memory(err, "the configuration");
        goto fail;
    }
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_put(config, &config_keys[i], config_keys[i].fallback, 0, err) != 0)
            goto fail;
    }
    *out = config;
    return 0;
fail:
    config_free(config);
    return -1;
}

int config_finish(struct config *config, struct error *err)
{
    return set_host_name(config, err);
}

int config_default(struct config **out, struct error *err)
{
    struct config *config;
    if (config_begin(&config, err) != 0)
        return -1;
    if (config_finish(config, err) != 0) {
        config_free(config);
        return -1;
    }
    *out = config;
    return 0;
}

int config_set(struct config *config, const char *section, const char *name, const char *value,
               struct error *err)
{
    const struct config_key *key = config_key_find(section, name);
    if (key == NULL)
        return config_section_exists(section) ? config_key_unknown(section, name, err)
                                              : config_section_unknown(section, err);
    return config_put(config, key, value, 0, err);
}

const char *config_text(const struct config *config, const char *section, const char *name)
{
    const struct config_key *key = config_key_find(section, name);
    return key == NULL ? NULL : entry_of(config, key)->text;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; config->entries != NULL && i < config_key_count; i++) {
        value_free(config, &config_keys[i]);
        free(config->entries[i].text);
    }
    config_free_report(config);
    free(config->entries);
    free(config->path);
    free(config);
}
