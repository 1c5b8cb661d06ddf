/* The commands of refreshctl and the options of both programs, as their manuals tell of them. */
#include <string.h>

#include "daemon/refreshctl_commands.h"
#include "daemon/refreshd_options.h"
#include "manuals/manuals.h"

void manual_daemon_options(FILE *out)
{
    char sentence[200];
    for (const struct daemon_option *option = daemon_options; option->name != NULL; option++) {
        (void)fprintf(out, ".It Fl -%s%s%s\n", option->name, option->value != NULL ? " Ar " : "",
                      option->value != NULL ? option->value : "");
        (void)snprintf(sentence, sizeof sentence, "%c%s.", option->help[0] - 'a' + 'A',
                       option->help + 1);
        mdoc_text(out, sentence);
    }
}

/* "Fl -rate Ar N" for --rate N, "Cm rate= Ns Ar N" for the setting rate=N. */
static void print_option_words(const struct command_option *option, FILE *out)
{
    if (option->name[0] == '-')
        (void)fprintf(out, "Fl %s", option->name + 1);
    else
        (void)fprintf(out, "Cm %s Ns", option->name);
    if (option->value != NULL)
        (void)fprintf(out, " Ar %s", option->value);
}

static void print_options(const struct command_option *option, FILE *out)
{
    char sentence[200];
    (void)fputs(".Bl -tag -width Ds\n", out);
    for (; option->name != NULL; option++) {
        if (option->help == NULL)
            continue;
        (void)fputs(".It ", out);
        print_option_words(option, out);
        (void)fputc('\n', out);
        (void)snprintf(sentence, sizeof sentence, "%s.", option->help);
        mdoc_text(out, sentence);
    }
    (void)fputs(".El\n", out);
}

void manual_global_options(FILE *out)
{
    print_options(session_options, out);
}

static void print_synopsis(const struct subcommand *command, FILE *out)
{
    bool optional = command->operands[0] == '[';
    size_t length = strlen(command->operands);
    (void)fprintf(out, ".Nm Cm %s", command->name);
    if (length > 0)
        (void)fprintf(out, "%s Ar %.*s", optional ? " Op" : "", (int)(length - (optional ? 2 : 0)),
                      command->operands + optional);
    (void)fputc('\n', out);
    for (const struct command_option *option = command->options;
         option != NULL && option->name != NULL; option++) {
        if (option->help == NULL)
            continue;
        (void)fputs(".Op ", out);
        print_option_words(option, out);
        (void)fputc('\n', out);
    }
}

static void print_command(const struct subcommand *command, FILE *out)
{
    char sentence[200];
    (void)fprintf(out, ".Ss %s\n", command->name);
    print_synopsis(command, out);
    (void)fputs(".Pp\n", out);
    (void)snprintf(sentence, sizeof sentence, "%s.", command->help);
    mdoc_text(out, sentence);
    mdoc_text(out, command->more);
    if (command->options != NULL)
        print_options(command->options, out);
    (void)fputs(".Pp\nExit status:", out);
    for (const char *exit = command->exits; *exit != '\0'; exit++)
        (void)fprintf(out, "%s %c", exit == command->exits ? "" : ",", *exit);
    (void)fputs(".\nExample:\n.Dl refreshctl ", out);
    mdoc_word(out, command->example);
    (void)fputc('\n', out);
}

void manual_commands(FILE *out)
{
    const struct subcommand *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++)
        print_command(command, out);
}

void manual_exits(FILE *out)
{
    char sentence[200];
    for (int status = EXIT_DONE; status <= EXIT_HELD; status++) {
        (void)fprintf(out, ".It %d\n", status);
        (void)snprintf(sentence, sizeof sentence, "%s.", command_exit_meaning(status));
        mdoc_text(out, sentence);
    }
}
