/* The words of a command sorted into options and plain words. */
#include <string.h>

#include "base/text.h"
#include "daemon/refreshctl_session.h"

const struct command_option session_options[] = {
    {"--config", "FILE", offsetof(struct session, config_path),
     "Read FILE instead of " CONFIG_DEFAULT_PATH},
    {"--socket", "PATH", offsetof(struct session, socket),
     "Where refreshd listens, [control] socket by default"},
    {"--cache", "DIR", offsetof(struct session, cache_directory),
     "The cache directory, [cache] directory by default"},
    {"--json", NULL, offsetof(struct session, json),
     "Print one JSON document; may stand behind the command as well"},
    {NULL, NULL, 0, NULL}};

static bool is_option(const char *word)
{
    if (word[0] != '-' || word[1] == '\0')
        return false;
    return !(word[1] == '.' || (word[1] >= '0' && word[1] <= '9'));
}

static bool is_setting(const struct command_option *option)
{
    return option->name[strlen(option->name) - 1] == '=';
}

/* The option a word begins, and the value that the word itself holds, or NULL. */
static const struct command_option *find_option(const struct command_option *options,
                                                const char *word, const char **value)
{
    *value = NULL;
    for (; options != NULL && options->name != NULL; options++) {
        size_t length = strlen(options->name);
        if (strncmp(options->name, word, length) != 0)
            continue;
        if (is_setting(options))
            *value = word + length;
        else if (word[length] == '=')
            *value = word + length + 1;
        else if (word[length] != '\0')
            continue;
        return options;
    }
    return NULL;
}

/* -1: there are too many. */
static int keep(const struct session *session, const struct command_option *option,
                const char *value, void *place)
{
    struct option_words *list = place;
    if (!(option->offset & OPTION_REPEATS)) {
        *(const char **)place = value;
        return 0;
    }
    if (list->count == OPTION_WORDS) {
        (void)session_usage(session, "%s may be given %d times at most", option->name,
                            OPTION_WORDS);
        return -1;
    }
    list->words[list->count++] = value;
    return 0;
}

int option_take(const struct session *session, int argc, char **argv, int *at,
                const struct command_option *options, void *values)
{
    const char *value;
    const struct command_option *option = find_option(options, argv[*at], &value);
    if (option == NULL)
        return 0;
    void *place = (char *)values + (option->offset & ~OPTION_REPEATS);
    if (option->value == NULL) {
        if (value != NULL) {
            (void)session_usage(session, "%s takes no value", option->name);
            return -1;
        }
        *(bool *)place = true;
        return 1;
    }
    if (value == NULL && *at + 1 < argc)
        value = argv[++*at];
    if (value == NULL) {
        (void)session_usage(session, "%s needs a value", option->name);
        return -1;
    }
    return keep(session, option, value, place) != 0 ? -1 : 1;
}

/* The word without its value, so that --rte=5 is compared by its name. */
static const char *name_of(const char *word, char copy[32])
{
    size_t length = strcspn(word, "=");
    bool setting = word[0] != '-' && word[length] == '=';
    length += setting;
    if (length > 31)
        length = 31;
    memcpy(copy, word, length);
    copy[length] = '\0';
    return copy;
}

static void find_nearest(const char *word, const struct command_option *options,
                         const char **nearest, unsigned *least)
{
    for (; options != NULL && options->name != NULL; options++)
        if (options->help != NULL && text_nearer(word, options->name, least))
            *nearest = options->name;
}

int option_unknown(const struct session *session, const char *word,
                   const struct command_option *options)
{
    char name[32];
    const char *nearest = NULL, *value;
    unsigned least = TEXT_FAR;
    if (find_option(session_options, word, &value) != NULL)
        return session_usage(session, "%s stands before the command", name_of(word, name));
    find_nearest(name_of(word, name), options, &nearest, &least);
    if (text_nearer(name, "--json", &least))
        nearest = "--json";
    if (text_nearer(name, "--help", &least))
        nearest = "--help";
    if (nearest != NULL)
        return session_usage(session, "unknown option %.60s; did you mean %s?", word, nearest);
    return session_usage(session, "unknown option %.60s; --help shows the known ones", word);
}

static int unexpected_word(const struct session *session, const char *word,
                           const struct command_option *options)
{
    char name[32];
    const char *nearest = NULL;
    unsigned least = TEXT_FAR;
    find_nearest(name_of(word, name), options, &nearest, &least);
    if (nearest != NULL)
        return session_usage(session, "unexpected word: %.60s; did you mean %s?", word, nearest);
    return session_usage(session, "unexpected word: %.60s; --help shows what is expected", word);
}

/* As option_take, of a word that must be an option. */
static int take_option(struct session *session, int argc, char **argv, int *at,
                       const struct command_option *options, void *values)
{
    if (strcmp(argv[*at], "--json") == 0) {
        session->json = true;
        return 1;
    }
    int taken = option_take(session, argc, argv, at, options, values);
    if (taken != 0)
        return taken;
    (void)option_unknown(session, argv[*at], options);
    return -1;
}

int session_words(struct session *session, int argc, char **argv,
                  const struct command_option *options, void *values, const char **words, int least,
                  int most, int *count)
{
    int found = 0;
    bool plain = false;
    for (int i = 0; i < argc; i++) {
        int taken = 0;
        if (!plain && strcmp(argv[i], "--") == 0) {
            plain = true;
            continue;
        }
        if (!plain && is_option(argv[i]))
            taken = take_option(session, argc, argv, &i, options, values);
        else if (!plain)
            taken = option_take(session, argc, argv, &i, options, values);
        if (taken < 0)
            return EXIT_USAGE;
        if (taken > 0)
            continue;
        if (found == most)
            return unexpected_word(session, argv[i], options);
        words[found++] = argv[i];
    }
    if (found < least)
        return session_usage(session, "a word is missing; --help shows what is expected");
    if (count != NULL)
        *count = found;
    return 0;
}
