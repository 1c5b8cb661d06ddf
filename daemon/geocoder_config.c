#include "daemon/geocoder_config.h"

#include <string.h>

struct geocoder_settings geocoder_config(const struct config *config)
{
    return (struct geocoder_settings){
        .provider = config->geocoder.provider,
        .url = config->geocoder.url,
        .key_file = config->geocoder.key_file,
        .ca_file = config->geocoder.ca_file,
        .language = config->geocoder.language,
        .user_agent = config->geocoder.user_agent,
        .timeout = config->geocoder.timeout,
        .max_distance = config->geocoder.max_distance,
        .batch = config->geocoder.batch,
        .storage_permitted = config->geocoder.storage_permitted,
    };
}

/* The geocoder names a key as "[geocoder] NAME: ", but it does not know the file. */
static void locate(const struct config *config, struct error *err)
{
    static const char section[] = "[geocoder] ";
    char name[32];
    const char *at = err->message + sizeof section - 1;
    size_t length = strcspn(at, ":");
    if (strncmp(err->message, section, sizeof section - 1) != 0 || length >= sizeof name ||
        strncmp(at + length, ": ", 2) != 0)
        return;
    memcpy(name, at, length);
    name[length] = '\0';
    if (config_text(config, "geocoder", name) == NULL)
        return;
    memmove(err->message, at + length + 2, strlen(at + length + 2) + 1);
    config_locate(config, "geocoder", name, err);
}

int geocoder_config_check(const struct config *config, struct error *err)
{
    struct geocoder_settings settings = geocoder_config(config);
    struct geocoder *geocoder;
    if (geocoder_open(&geocoder, &settings, err) != 0) {
        locate(config, err);
        return -1;
    }
    geocoder_close(geocoder);
    return 0;
}

const char *geocoder_config_warning(const struct config *config)
{
    struct geocoder_settings settings = geocoder_config(config);
    return geocoder_storage_warning(&settings);
}
