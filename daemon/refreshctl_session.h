/* What every command of refreshctl shares: the options before the command, the configuration, and
 * how things are said. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_SESSION_H
#define REFRESHD_DAEMON_REFRESHCTL_SESSION_H

#include "base/error.h"
#include "config/config.h"
#include "daemon/refreshctl_client.h"

struct session {
    const char *config_path;     /* --config, or NULL */
    const char *socket;          /* --socket, or NULL */
    const char *cache_directory; /* --cache, or NULL */
    bool json;                   /* --json */
    struct config *config;       /* read on first use */
};

/* A command: run gets the words behind its name and returns the exit status. */
struct subcommand {
    const char *name; /* one word or two: "status", "cache info" */
    const char *usage;
    const char *help;
    const char *example;
    int (*run)(struct session *session, int argc, char **argv);
};

/* Each ends in a NULL name. */
extern const struct subcommand start_subcommands[], steer_subcommands[], status_subcommands[],
    history_subcommands[], lookup_subcommands[], cache_subcommands[];

int session_config(struct session *session, struct error *err);

/* The socket and the cache directory in force; NULL with err when the configuration is wrong. */
const char *session_socket(struct session *session, struct error *err);
const char *session_cache(struct session *session, struct error *err);

/* session_connect: a connection to refreshd. */
int session_connect(struct session *session, struct client **out, struct error *err);

/* session_fail: say what is wrong; returns the exit status. */
int session_fail(const struct session *session, const struct error *err);

/* session_usage: a word of the command is wrong; returns EXIT_USAGE. */
int session_usage(const struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* session_print: print a document as JSON, taking it over; returns status, or a failure's. */
int session_print(const struct session *session, cJSON *document, int status);

/* One option a command knows: of value and flag exactly one is set. */
struct option_word {
    const char *name; /* "--rate" */
    const char **value;
    bool *flag;
};

/* session_words: sort argv into options (known ends in a NULL name; --json is always known) and
 * plain words, at least `least` and at most `most`, which are written to words. Negative numbers
 * and "-" are plain words, and so is everything behind "--". 0, or EXIT_USAGE after saying so. */
int session_words(struct session *session, int argc, char **argv, const struct option_word *known,
                  const char **words, int least, int most, int *count);

#endif
