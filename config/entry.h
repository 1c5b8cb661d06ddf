/* What a configuration keeps of each key besides its field; for the files of this folder. */
#ifndef REFRESHD_CONFIG_ENTRY_H
#define REFRESHD_CONFIG_ENTRY_H

#include "config/config.h"
#include "config/key.h"

/* entries[i] belongs to config_keys[i]. */
struct config_entry {
    char *text;    /* the value in force; string fields point here */
    unsigned line; /* where the file sets it; 0 = a default */
};

/* config_begin: a configuration of defaults. config_put: set a key, remembering the line.
 * config_finish: fill in what depends on the machine, once the file has been read. */
int config_begin(struct config **out, struct error *err);
int config_put(struct config *config, const struct config_key *key, const char *text, unsigned line,
               struct error *err);
int config_finish(struct config *config, struct error *err);

/* config_prefix: put the file and line that set key before the message. Returns -1. */
int config_prefix(const struct config *config, const struct config_key *key, struct error *err);

/* config_put_report: one more line of [report], `length` bytes, of which a comment at the end is
 * cut. config_free_report: all of them. */
int config_put_report(struct config *config, const char *text, size_t length, unsigned line,
                      struct error *err);
void config_free_report(struct config *config);

/* config_print_report, config_example_report: that section of config_print and config_example. */
void config_print_report(const struct config *config, FILE *out);
void config_example_report(FILE *out);

/* config_check_peers: the part of config_check that is about a fleet. */
int config_check_peers(const struct config *config, struct error *err);

#endif
