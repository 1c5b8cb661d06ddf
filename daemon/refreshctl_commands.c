#include "daemon/refreshctl_commands.h"

#include <string.h>

#include "base/text.h"

static const struct subcommand *const tables[] = {
    start_subcommands, steer_subcommands,   status_subcommands,
    peers_subcommands, history_subcommands, report_subcommands,
    query_subcommands, lookup_subcommands,  cache_subcommands};

const struct subcommand *command_at(size_t number)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct subcommand *command = tables[t]; command->name != NULL; command++)
            if (number-- == 0)
                return command;
    return NULL;
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

const struct subcommand *command_find(int argc, char **argv, int *words)
{
    const struct subcommand *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        *words = match(command->name, argc, argv);
        if (*words > 0)
            return command;
    }
    return NULL;
}

static bool in_group(const struct subcommand *command, const char *group)
{
    size_t length = strlen(group);
    return strncmp(command->name, group, length) == 0 && command->name[length] == ' ';
}

bool command_is_group(const char *name)
{
    const struct subcommand *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++)
        if (in_group(command, name))
            return true;
    return false;
}

const char *command_exit_meaning(int status)
{
    static const char *const meanings[] = {"done",
                                           "failed",
                                           "usage or configuration",
                                           "refreshd not reachable",
                                           "some points failed",
                                           "held at the gate or over the failure budget"};
    return meanings[status];
}

/* The usage line, in lines of at most 90 letters. */
static void print_usage(const struct subcommand *command, FILE *out)
{
    char word[64];
    int column = fprintf(out, "Usage: refreshctl %s%s%s", command->name,
                         command->operands[0] != '\0' ? " " : "", command->operands);
    for (const struct command_option *option = command->options;
         option != NULL && option->name != NULL; option++) {
        if (option->help == NULL)
            continue;
        bool spaced = option->value != NULL && option->name[0] == '-';
        int length = snprintf(word, sizeof word, " [%s%s%s]", option->name, spaced ? " " : "",
                              option->value != NULL ? option->value : "");
        if (column + length > 90)
            column = fprintf(out, "\n      ") - 1;
        column += fprintf(out, "%s", word);
    }
    (void)fputc('\n', out);
}

static void print_options(const struct command_option *option, FILE *out)
{
    char name[64];
    for (; option->name != NULL; option++) {
        bool spaced = option->value != NULL && option->name[0] == '-';
        (void)snprintf(name, sizeof name, "%s%s%s", option->name, spaced ? " " : "",
                       option->value != NULL ? option->value : "");
        if (option->help != NULL)
            (void)fprintf(out, "  %-20s  %s\n", name, option->help);
    }
}

/* A command of two words may have been meant by its second alone: `verify` for `cache verify`. */
const char *command_nearest(int argc, char **argv, char *given, size_t bytes)
{
    char both[64];
    const struct subcommand *command;
    const char *nearest = NULL;
    unsigned least = TEXT_FAR;
    bool second = argc > 1 && argv[1][0] != '-';
    (void)snprintf(both, sizeof both, "%s%s%s", argv[0], second ? " " : "", second ? argv[1] : "");
    (void)snprintf(given, bytes, "%s", command_is_group(argv[0]) ? both : argv[0]);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        const char *space = strchr(command->name, ' ');
        if (text_nearer(argv[0], space != NULL ? space + 1 : command->name, &least) ||
            (space != NULL && text_nearer(both, command->name, &least)))
            nearest = command->name;
    }
    return nearest;
}

void command_print_overview(FILE *out)
{
    const struct subcommand *command;
    (void)fputs("Usage: refreshctl [--config FILE] [--socket PATH] [--cache DIR] [--json] COMMAND\n"
                "\n",
                out);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++)
        (void)fprintf(out, "  %-18s %s\n", command->name, command->help);
    (void)fputc('\n', out);
    print_options(session_options, out);
    (void)fputs(
        "\n"
        "refreshctl COMMAND --help says more about a command. Exit status: 0 done, 1 failed,\n"
        "2 usage or configuration, 3 refreshd not reachable, 4 finished but some points\n"
        "failed and kept their old address, 5 held at the gate or over the failure budget.\n",
        out);
}

void command_print_group(const char *group, FILE *out)
{
    const struct subcommand *command;
    (void)fprintf(out, "Usage: refreshctl %s COMMAND\n\n", group);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++)
        if (in_group(command, group))
            (void)fprintf(out, "  %-18s %s\n", command->name, command->help);
    (void)fprintf(out, "\nrefreshctl %s COMMAND --help says more about one of them.\n", group);
}

void command_print_help(const struct subcommand *command, FILE *out)
{
    print_usage(command, out);
    (void)fprintf(out, "\n%s.\n", command->help);
    if (command->more[0] != '\0')
        (void)fprintf(out, "%s\n", command->more);
    if (command->options != NULL) {
        (void)fputc('\n', out);
        print_options(command->options, out);
    }
    (void)fputs("\nExit status:\n", out);
    for (const char *exit = command->exits; *exit != '\0'; exit++)
        (void)fprintf(out, "  %c  %s\n", *exit, command_exit_meaning(*exit - '0'));
    (void)fprintf(out, "\nExample: refreshctl %s\n", command->example);
}
