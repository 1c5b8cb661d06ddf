/* From the configuration to the geocoder's settings, and whether a geocoder opens with them. */
#ifndef REFRESHD_DAEMON_GEOCODER_CONFIG_H
#define REFRESHD_DAEMON_GEOCODER_CONFIG_H

#include "config/config.h"
#include "geocoder/geocoder.h"

/* geocoder_config: the settings; their texts are the configuration's. */
struct geocoder_settings geocoder_config(const struct config *config);

/* geocoder_config_check: open a geocoder with them and close it again, asking nothing: the provider
 * exists, has the url and the key that it needs. ERROR_CONFIG names the key that is wrong. */
int geocoder_config_check(const struct config *config, struct error *err);

/* geocoder_config_warning: what to tell a user about the provider's terms; NULL = nothing. */
const char *geocoder_config_warning(const struct config *config);

#endif
