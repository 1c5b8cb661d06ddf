/* One value of the configuration: from its text to its field. */
#ifndef REFRESHD_CONFIG_VALUE_H
#define REFRESHD_CONFIG_VALUE_H

#include "config/config.h"
#include "config/key.h"

/* value_store: check text against key and write the key's field of config. The text must outlive
 * the field, which may point to it. A list frees the list before it. On failure the field is
 * unchanged and err says what would be right. */
int value_store(struct config *config, const struct config_key *key, const char *text,
                struct error *err);

/* value_free: free what the field owns besides the text. */
void value_free(struct config *config, const struct config_key *key);

#endif
