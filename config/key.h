/* The table of keys: whatever is known about a key is said here once. */
#ifndef REFRESHD_CONFIG_KEY_H
#define REFRESHD_CONFIG_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* How a value is written, and what its field in struct config is. For the first three, least and
 * most bound the length in bytes (least 0: the value may be empty). */
enum config_type {
    CONFIG_TEXT,     /* printable UTF-8; const char * */
    CONFIG_PATH,     /* as CONFIG_TEXT */
    CONFIG_WORD,     /* letters, digits, '.', '_', '-'; const char * */
    CONFIG_COUNT,    /* whole number; unsigned */
    CONFIG_NUMBER,   /* decimal number; double */
    CONFIG_DURATION, /* 90s; double, seconds */
    CONFIG_PERCENT,  /* 0.5%; double, share from 0 to 1 */
    CONFIG_DISTANCE, /* 50m; double, metres */
    CONFIG_SIZE,     /* 64K; double, bytes */
    CONFIG_CHOICE,   /* one of choices; int, its index */
    CONFIG_FLAG,     /* yes or no; bool */
    CONFIG_GRID,     /* 24x24; struct config_grid */
    CONFIG_URL,      /* empty, or a base URL; const char * */
    CONFIG_ADDRESS,  /* empty, or HOST:PORT; const char * */
    CONFIG_URL_LIST, /* comma-separated, or the key several times; struct config_list */
    CONFIG_TYPES
};

struct config_key {
    const char *section;
    const char *name;
    enum config_type type;
    size_t offset;              /* of the field in struct config */
    double least, most;         /* bounds, in the field's unit */
    const char *const *choices; /* CONFIG_CHOICE: NULL-terminated */
    const char *fallback;       /* the default, as text */
    bool live;                  /* a reload can change it while the daemon runs */
    const char *help;           /* one or two sentences without a final newline */
};

/* The section whose keys are free; no row of the table. */
#define CONFIG_REPORT_SECTION "report"

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* config_key_find: the key, or NULL. */
const struct config_key *config_key_find(const char *section, const char *name);

/* config_key_unknown, config_section_unknown: fill err with what is wrong and what may have been
 * meant. Return -1. */
int config_key_unknown(const char *section, const char *name, struct error *err);
int config_section_unknown(const char *section, struct error *err);

bool config_section_exists(const char *section);

#endif
