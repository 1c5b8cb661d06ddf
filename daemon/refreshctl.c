/* refreshctl: tells refreshd what to do, looks points up, keeps cache directories. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/refreshctl_session.h"

static const struct subcommand *const tables[] = {start_subcommands,  steer_subcommands,
                                                  status_subcommands, history_subcommands,
                                                  lookup_subcommands, cache_subcommands};

/* Commands of the contract that are not built yet. */
static const char *const later[] = {"peers", "query", NULL};

static void print_help(void)
{
    (void)fputs("Usage: refreshctl [--config FILE] [--socket PATH] [--cache DIR] [--json] COMMAND\n"
                "\n",
                stdout);
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct subcommand *command = tables[t]; command->name != NULL; command++)
            (void)printf("  %-18s %s\n", command->name, command->help);
    (void)fputs(
        "\n"
        "  --config FILE  the configuration, " CONFIG_DEFAULT_PATH " by default\n"
        "  --socket PATH  where refreshd listens, [control] socket by default\n"
        "  --cache DIR    the cache directory, [cache] directory by default\n"
        "  --json         print one JSON document\n"
        "\n"
        "refreshctl COMMAND --help says more about a command. Exit status: 0 done, 1 failed,\n"
        "2 usage or configuration, 3 refreshd not reachable, 4 finished but some points\n"
        "failed and kept their old address, 5 held at the gate or over the failure budget.\n",
        stdout);
}

static int print_command_help(const struct subcommand *command)
{
    (void)printf("Usage: refreshctl %s%s%s\n\n%s.\n\nExample: refreshctl %s\n", command->name,
                 command->usage[0] != '\0' ? " " : "", command->usage, command->help,
                 command->example);
    return EXIT_DONE;
}

/* How many of argv's words the name takes: 1 or 2; 0 = it is another name. */
static int match(const char *name, int argc, char **argv)
{
    size_t first = strcspn(name, " ");
    if (strlen(argv[0]) != first || strncmp(argv[0], name, first) != 0)
        return 0;
    if (name[first] == '\0')
        return 1;
    return argc > 1 && strcmp(argv[1], name + first + 1) == 0 ? 2 : 0;
}

static const struct subcommand *find_command(int argc, char **argv, int *words)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct subcommand *command = tables[t]; command->name != NULL; command++) {
            *words = match(command->name, argc, argv);
            if (*words > 0)
                return command;
        }
    return NULL;
}

/* Edits that make a into b (Levenshtein), for words of up to 31 letters. */
static size_t edits(const char *a, const char *b)
{
    size_t row[32];
    size_t width = strlen(b);
    if (width > 31 || strlen(a) > 31)
        return 99;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t shorter = row[j - 1] < row[j] ? row[j - 1] : row[j];
            diagonal = row[j];
            row[j] = change < shorter + 1 ? change : shorter + 1;
        }
    }
    return row[width];
}

static const char *nearest_name(const char *given)
{
    const char *best = NULL;
    size_t least = 4;
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct subcommand *command = tables[t]; command->name != NULL; command++)
            if (edits(given, command->name) < least) {
                least = edits(given, command->name);
                best = command->name;
            }
    return best;
}

static int unknown_command(const struct session *session, int argc, char **argv)
{
    for (size_t i = 0; later[i] != NULL; i++)
        if (strcmp(argv[0], later[i]) == 0)
            return session_usage(session, "%s is not in this version yet", argv[0]);
    char given[32];
    bool two = strcmp(argv[0], "cache") == 0 && argc > 1 && argv[1][0] != '-';
    (void)snprintf(given, sizeof given, "%s%s%s", argv[0], two ? " " : "", two ? argv[1] : "");
    const char *near = nearest_name(given);
    if (near != NULL)
        return session_usage(session, "unknown command %s; did you mean %s?", given, near);
    return session_usage(session, "unknown command %s; refreshctl --help lists the commands",
                         given);
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run_command(struct session *session, int argc, char **argv)
{
    int words = 0;
    const struct subcommand *command = find_command(argc, argv, &words);
    if (command == NULL)
        return unknown_command(session, argc, argv);
    if (asks_for_help(argc - words, argv + words))
        return print_command_help(command);
    struct error err;
    /* A file that was named is checked even when nothing is read from it. */
    if (session->config_path != NULL && session_config(session, &err) != 0)
        return session_fail(session, &err);
    return command->run(session, argc - words, argv + words);
}

/* The options before the command. -1 = *at is the command; otherwise the status to exit with. */
static int global_options(struct session *session, int argc, char **argv, int *at)
{
    const struct {
        const char *name;
        const char **value;
    } options[] = {{"--config", &session->config_path},
                   {"--socket", &session->socket},
                   {"--cache", &session->cache_directory}};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-') {
            *at = i;
            return -1;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            print_help();
            return EXIT_DONE;
        }
        if (strcmp(word, "--version") == 0) {
            (void)printf("refreshctl %s\n", REFRESHD_VERSION);
            return EXIT_DONE;
        }
        if (strcmp(word, "--json") == 0) {
            session->json = true;
            continue;
        }
        size_t o = 0, length = 0;
        for (; o < sizeof options / sizeof options[0]; o++) {
            length = strlen(options[o].name);
            if (strncmp(word, options[o].name, length) == 0 &&
                (word[length] == '\0' || word[length] == '='))
                break;
        }
        if (o == sizeof options / sizeof options[0])
            return session_usage(session, "unknown option %s; refreshctl --help lists them", word);
        if (word[length] == '\0' && i + 1 == argc)
            return session_usage(session, "%s needs a value", word);
        *options[o].value = word[length] == '=' ? word + length + 1 : argv[++i];
    }
    return session_usage(session, "a command is missing; refreshctl --help lists them");
}

int main(int argc, char **argv)
{
    struct session session = {0};
    int at = 0;
    int status = global_options(&session, argc, argv, &at);
    if (status < 0)
        status = run_command(&session, argc - at, argv + at);
    config_free(session.config);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status != EXIT_USAGE) {
        (void)fputs("refreshctl: cannot write to standard output\n", stderr);
        status = EXIT_FAILED;
    }
    return status;
}
