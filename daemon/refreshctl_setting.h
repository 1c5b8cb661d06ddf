/* Settings of a run as they are typed. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_SETTING_H
#define REFRESHD_DAEMON_REFRESHCTL_SETTING_H

#include <cjson/cJSON.h>

#include "base/error.h"

/* setting_add: put a value as typed into a request's arguments, checked by the configuration key
 * that it stands in for. word is how the user named it, for messages. A NULL value adds nothing. */
int setting_add(cJSON *arguments, const char *word, const char *section, const char *name,
                const char *value, struct error *err);

#endif
