/* refreshctl: tells refreshd what to do, looks points up, keeps cache directories. */
#include <stdio.h>
#include <string.h>

#include "daemon/refreshctl_commands.h"

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int unknown_command(const struct session *session, int argc, char **argv)
{
    char given[32];
    if (command_is_group(argv[0]) && argc == 1)
        return session_usage(session, "%s needs another word; refreshctl %s --help lists them",
                             argv[0], argv[0]);
    const char *nearest = command_nearest(argc, argv, given, sizeof given);
    if (nearest != NULL)
        return session_usage(session, "unknown command %s; did you mean %s?", given, nearest);
    return session_usage(session, "unknown command %s; refreshctl --help lists the commands",
                         given);
}

static int run_command(struct session *session, int argc, char **argv)
{
    int words = 0;
    const struct subcommand *command = command_find(argc, argv, &words);
    if (command == NULL && command_is_group(argv[0]) && asks_for_help(argc, argv)) {
        command_print_group(argv[0], stdout);
        return EXIT_DONE;
    }
    if (command == NULL)
        return unknown_command(session, argc, argv);
    if (asks_for_help(argc - words, argv + words)) {
        command_print_help(command, stdout);
        return EXIT_DONE;
    }
    struct error err;
    /* A file that was named is checked even when nothing is read from it. */
    if (session->config_path != NULL && session_config(session, &err) != 0)
        return session_fail(session, &err);
    return command->run(session, argc - words, argv + words);
}

/* The options before the command. -1 = *at is the command; otherwise the status to exit with. */
static int global_options(struct session *session, int argc, char **argv, int *at)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-') {
            *at = i;
            return -1;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            command_print_overview(stdout);
            return EXIT_DONE;
        }
        if (strcmp(word, "--version") == 0) {
            (void)printf("refreshctl %s\n", REFRESHD_VERSION);
            return EXIT_DONE;
        }
        int taken = option_take(session, argc, argv, &i, session_options, session);
        if (taken == 0)
            return option_unknown(session, word, session_options);
        if (taken < 0)
            return EXIT_USAGE;
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
