/* What every command of refreshctl shares: the options before the command, the configuration, and
 * how things are said. */
#ifndef REFRESHD_DAEMON_REFRESHCTL_SESSION_H
#define REFRESHD_DAEMON_REFRESHCTL_SESSION_H

#include <stddef.h>

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

/* An option, or a setting such as rate=N. What is given for it is kept at `offset` in the struct of
 * words of its command: a `const char *`, or a bool for a flag. Parser, help, manual and
 * completions are made from these rows. */
struct command_option {
    const char *name; /* "--rate", or "rate=" for a setting */
    const char
        *value;    /* what stands for the value: "N", or all choices, "csv/ndjson"; NULL = flag */
    size_t offset; /* with OPTION_REPEATS where it may be given again: struct option_words */
    const char *help; /* a sentence without its full stop; NULL = known, but not told of yet */
};

/* What a repeated option has been given. */
#define OPTION_REPEATS ((size_t)1 << 62)
#define OPTION_WORDS 64
struct option_words {
    const char *words[OPTION_WORDS];
    size_t count;
};

/* A command: run gets the words behind its name and returns the exit status. */
struct subcommand {
    const char *name;                     /* one word or two: "status", "cache info" */
    const char *operands;                 /* the plain words: "FILE", "[RUN]", or "" */
    const struct command_option *options; /* ends in a NULL name; NULL = none but --json */
    const char *help;                     /* a sentence without its full stop */
    const char *more;    /* what else is worth knowing: sentences in lines, or "" */
    const char *example; /* what may stand behind `refreshctl` */
    const char *exits;   /* the exit statuses, as digits: "013" */
    int (*run)(struct session *session, int argc, char **argv);
};

/* Each ends in a NULL name. */
extern const struct subcommand start_subcommands[], steer_subcommands[], status_subcommands[],
    peers_subcommands[], history_subcommands[], report_subcommands[], query_subcommands[],
    lookup_subcommands[], cache_subcommands[];

int session_config(struct session *session, struct error *err);

/* The socket and the cache directory in force; NULL with err when the configuration is wrong. */
const char *session_socket(struct session *session, struct error *err);
const char *session_cache(struct session *session, struct error *err);

/* session_connect: a connection to refreshd. */
int session_connect(struct session *session, struct client **out, struct error *err);

/* session_ask: send a command about one run ("" = the newest, NULL = none) and wait for its reply.
 * The connection stays open for what is attached; *client is to be closed on failure as well. */
int session_ask(struct session *session, const char *command, const char *run,
                struct client **client, cJSON **reply, struct error *err);

/* session_fail: say what is wrong; returns the exit status. */
int session_fail(const struct session *session, const struct error *err);

/* session_usage: a word of the command is wrong; returns EXIT_USAGE. */
int session_usage(const struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* session_print: print a document as JSON, taking it over; returns status, or a failure's. */
int session_print(const struct session *session, cJSON *document, int status);

/* session_words: sort argv into options, which are written to values (the command's struct of
 * words; --json is always known), and plain words, at least `least` and at most `most`, which are
 * written to words. Negative numbers and "-" are plain words, and so is everything behind "--".
 * 0, or EXIT_USAGE after saying so. */
int session_words(struct session *session, int argc, char **argv,
                  const struct command_option *options, void *values, const char **words, int least,
                  int most, int *count);

/* The options that stand before the command; their values are kept in struct session. */
extern const struct command_option session_options[];

/* option_take: when *word is an option (or setting) of the table, keep its value and return 1; the
 * value may be the word behind it, then *at moves on. 0 = it is none of them, -1 = it is one but
 * its value is wrong, after saying so. */
int option_take(const struct session *session, int argc, char **argv, int *at,
                const struct command_option *options, void *values);

/* option_unknown: the word is no option of the table; says what it may have meant. EXIT_USAGE. */
int option_unknown(const struct session *session, const char *word,
                   const struct command_option *options);

#endif
