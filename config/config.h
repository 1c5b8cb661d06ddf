/* The configuration: an INI file, every key of which has a default.
 *
 *   struct config *config;
 *   if (config_load("/etc/refreshd/refreshd.conf", &config, &err) != 0 ||
 *       config_check(config, &err) != 0)
 *       ...                                  err names file, line, key and what would be right
 *   ... config->refresh.workers ...
 *   config_free(config);
 *
 * The keys, their types, bounds, defaults and help stand in one table (config/key.h, keys.c); the
 * parser, --check-config, the example file and the manual are made from it. A loaded
 * configuration is not changed any more, so any thread may read it; a reload loads a new one.
 * All errors but ERROR_MEMORY are ERROR_CONFIG. Strings are never NULL: "" means not set. */
#ifndef REFRESHD_CONFIG_CONFIG_H
#define REFRESHD_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

#define CONFIG_DEFAULT_PATH "/etc/refreshd/refreshd.conf"

enum config_publish { CONFIG_PUBLISH_RUN, CONFIG_PUBLISH_TILE };
enum config_on_miss { CONFIG_ON_MISS_NONE, CONFIG_ON_MISS_FETCH };
enum config_switch { CONFIG_SWITCH_ALL, CONFIG_SWITCH_QUORUM };

struct config_grid {
    unsigned rows, columns;
};

struct config_list {
    const char **items;
    size_t count;
    char *storage;
};

/* A line of [report], NAME = TABLE, as the file has it, but for a comment behind it. What it means
 * is said by tables/, a floor beside this one. */
struct config_report {
    char *text; /* a character stands in the same column as in the file */
    unsigned line;
};

struct config_entry; /* a key's value as text, and where it was set */

/* Durations are seconds, percentages shares from 0 to 1, distances metres, sizes bytes. */
struct config {
    char *path; /* the file it was read from; NULL = defaults only */
    struct config_entry *entries;
    struct {
        const char *directory;
        struct config_grid grid;
        unsigned keep_generations;
    } cache;
    struct {
        const char *state_directory;
        unsigned point_files;
        unsigned workers;
        int publish;          /* enum config_publish */
        double older_than;    /* 0 = every entry */
        double finish_within; /* 0 = no deadline */
        double max_failed;
    } refresh;
    struct {
        double max_lost;
        double max_country_changed;
        double max_changed;
    } gate;
    struct {
        const char *provider; /* a word; whether such a provider exists is the geocoder's to say */
        const char *url;
        const char *key_file;
        const char *ca_file;
        const char *language;
        const char *user_agent;
        double rate; /* points per second; 0 = unlimited */
        unsigned concurrency;
        unsigned batch;
        double timeout;
        unsigned retries;
        double max_distance; /* 0 = any */
        bool storage_permitted;
    } geocoder;
    struct {
        double radius;
        int on_miss; /* enum config_on_miss */
        unsigned learned_max;
        double fetch_timeout;
    } lookup;
    struct {
        const char *listen; /* HOST:PORT; "" = off */
        unsigned threads;
        unsigned max_connections;
        double max_header; /* bytes */
        double timeout;
        double client_rate; /* requests per second and client; 0 = unlimited */
    } http;
    struct {
        const char *socket;
        const char *group;
    } control;
    struct {
        struct config_list endpoints; /* empty = alone */
        const char *fleet;
        const char *name;
        const char *advertise;
        const char *listen;
        const char *ca_file;
        const char *cert_file;
        const char *key_file;
        int switch_when; /* enum config_switch; the key is `switch` */
        double switch_delay;
        double lease;
    } peers;
    struct {
        struct config_report *lines; /* in the order of the file; names may repeat */
        size_t count;
    } report;
};

/* config_default: every key at its default. The caller owns *out. */
int config_default(struct config **out, struct error *err);

/* config_load: defaults, then what the file at path says. NULL is CONFIG_DEFAULT_PATH, which need
 * not exist: then the defaults hold. A path that is given must be readable. */
int config_load(const char *path, struct config **out, struct error *err);

/* config_load_text: as config_load, from NUL-terminated text of that many bytes; path is only
 * named in errors. */
int config_load_text(const char *path, const char *text, size_t bytes, struct config **out,
                     struct error *err);

/* config_check: what needs more than the file itself: the key and certificate files can be read
 * and hold something, where directories and the socket go there is nothing else, the group
 * exists; a fleet has all that it needs. Changes nothing. */
int config_check(const struct config *config, struct error *err);

/* config_locate: put the file, the line and the key before the message of an error that the value
 * of this key led to. Returns -1. */
int config_locate(const struct config *config, const char *section, const char *name,
                  struct error *err);

/* config_locate_report: the same for a line of [report]. */
int config_locate_report(const struct config *config, const struct config_report *line,
                         struct error *err);

/* config_set: give one key a new value as text; the same checks and messages as for a file. A
 * list is replaced. On failure config is unchanged. */
int config_set(struct config *config, const char *section, const char *name, const char *value,
               struct error *err);

/* config_text: the value in force as text; a list is joined by ", ". */
const char *config_text(const struct config *config, const char *section, const char *name);

void config_free(struct config *config); /* NULL is allowed */

/* config_print: every key with the value in force, as a file that config_load reads again.
 * config_example: every key with its help, commented out, at its default.
 * Both return -1 when out has an error. */
int config_print(const struct config *config, FILE *out);
int config_example(FILE *out);

#endif
