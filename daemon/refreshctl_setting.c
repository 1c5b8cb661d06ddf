#include "daemon/refreshctl_setting.h"

#include <string.h>

#include "config/config.h"

static double value_of(const struct config *config, const char *name)
{
    if (strcmp(name, "rate") == 0)
        return config->geocoder.rate;
    if (strcmp(name, "concurrency") == 0)
        return config->geocoder.concurrency;
    if (strcmp(name, "workers") == 0)
        return config->refresh.workers;
    if (strcmp(name, "older_than") == 0)
        return config->refresh.older_than;
    return config->refresh.finish_within;
}

int setting_add(cJSON *arguments, const char *word, const char *section, const char *name,
                const char *value, struct error *err)
{
    struct config *scratch;
    if (value == NULL)
        return 0;
    if (config_default(&scratch, err) != 0)
        return -1;
    int result = config_set(scratch, section, name, value, err);
    if (result != 0)
        error_prefix(err, "%s", word);
    else if (cJSON_AddNumberToObject(arguments, name, value_of(scratch, name)) == NULL)
        result = error_memory(err, "a request");
    config_free(scratch);
    return result;
}
