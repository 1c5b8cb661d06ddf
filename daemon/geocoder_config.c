#include "daemon/geocoder_config.h"

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

int geocoder_config_check(const struct config *config, struct error *err)
{
    struct geocoder_settings settings = geocoder_config(config);
    struct geocoder *geocoder;
    if (geocoder_open(&geocoder, &settings, err) != 0)
        return -1;
    geocoder_close(geocoder);
    return 0;
}

const char *geocoder_config_warning(const struct config *config)
{
    struct geocoder_settings settings = geocoder_config(config);
    return geocoder_storage_warning(&settings);
}
