/* Texts of configurations, and a directory for those that must be files. */
#ifndef REFRESHD_TESTS_CONFIG_RIG_H
#define REFRESHD_TESTS_CONFIG_RIG_H

#include "config/config.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

extern char config_rig_directory[200];
extern char config_rig_path[240];     /* of a file in it, which may be there or not */
extern struct error config_rig_error; /* of the last load */

/* Set-up and tear-down of a group of tests. */
int config_rig_open(void **state);
int config_rig_close(void **state);

/* config_rig_write: make the file, with that text. */
void config_rig_write(const char *text);

/* config_rig_load: read the text as of a file x.conf. */
int config_rig_load(const char *text, struct config **config);

/* REFUSED(text, parts...): the text is an error whose message has all parts. */
#define REFUSED(text, ...)                                                                         \
    config_rig_refuse(text, (const char *const[]){__VA_ARGS__},                                    \
                      COUNT(((const char *const[]){__VA_ARGS__})))
void config_rig_refuse(const char *text, const char *const *parts, size_t count);

#endif
