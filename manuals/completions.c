/* What shells complete: the commands, their options and settings, and what kind of value each has.
 */
#include <string.h>

#include "daemon/refreshctl_commands.h"
#include "manuals/manuals.h"

/* An option whose value is one of a few words names them: csv/ndjson. */
static bool is_choice(const char *value)
{
    return value[0] >= 'a' && value[0] <= 'z';
}

static bool is_file(const char *value)
{
    return strcmp(value, "FILE") == 0 || strcmp(value, "PATH") == 0 ||
           strcmp(value, "REJECTS") == 0;
}

static void print_choices(const char *value, FILE *out)
{
    for (; *value != '\0'; value++)
        (void)fputc(*value == '/' ? ' ' : *value, out);
}

/* What a plain word of the command is: file, run, generation, or nothing that can be listed. */
static const char *operand_kind(const struct subcommand *command)
{
    if (strcmp(command->operands, "FILE") == 0)
        return "file";
    if (strcmp(command->operands, "[RUN]") == 0)
        return "run";
    return strcmp(command->operands, "[N]") == 0 ? "generation" : "";
}

static void bash_words(const struct command_option *option, FILE *out)
{
    for (; option != NULL && option->name != NULL; option++)
        if (option->help != NULL)
            (void)fprintf(out, "%s ", option->name);
}

/* Arms of a case over "COMMAND OPTION" that set what its value is. */
static void bash_values(const char *command, const struct command_option *option, FILE *out)
{
    for (; option != NULL && option->name != NULL; option++) {
        if (option->value == NULL || option->help == NULL || option->name[0] != '-')
            continue;
        (void)fprintf(out, "        '%s %s') ", command, option->name);
        if (is_choice(option->value)) {
            (void)fputs("choices='", out);
            print_choices(option->value, out);
            (void)fputs("' ;;\n", out);
        } else {
            (void)fprintf(out, "kind=%s ;;\n",
                          is_file(option->value)              ? "file"
                          : strcmp(option->value, "DIR") == 0 ? "directory"
                                                              : "value");
        }
    }
}

void completion_bash(FILE *out)
{
    const struct subcommand *command;
    (void)fputs("# The words that can begin a command line, COMMAND or GROUP COMMAND a line.\n"
                "_refreshctl_commands='\n",
                out);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++)
        (void)fprintf(out, "%s\n", command->name);
    (void)fputs("'\n\n# Sets words and operand for a command; '' is what stands before it.\n"
                "_refreshctl_words() {\n    case $1 in\n        '') words='",
                out);
    bash_words(session_options, out);
    (void)fputs("--version --help' ;;\n", out);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        (void)fprintf(out, "        '%s') words='", command->name);
        bash_words(command->options, out);
        (void)fprintf(out, "--json --help' operand=%s ;;\n", operand_kind(command));
    }
    (void)fputs("    esac\n}\n\n# Sets kind or choices for the value of an option.\n"
                "_refreshctl_value() {\n    case $1 in\n",
                out);
    bash_values("", session_options, out);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++)
        bash_values(command->name, command->options, out);
    (void)fputs("    esac\n}\n", out);
}

/* Text inside '...' of _arguments, where brackets and colons mean something. */
static void zsh_text(const char *text, FILE *out)
{
    for (; *text != '\0'; text++) {
        if (strchr("[]:\\", *text) != NULL)
            (void)fputc('\\', out);
        (void)fputs(*text == '\'' ? "'\\''" : (char[]){*text, '\0'}, out);
    }
}

static void zsh_option(const struct command_option *option, FILE *out)
{
    (void)fprintf(out, "        '%s%s[", option->name, option->value != NULL ? "=" : "");
    zsh_text(option->help, out);
    (void)fputc(']', out);
    if (option->value != NULL) {
        (void)fprintf(out, ":%s:", is_choice(option->value) ? "value" : option->value);
        if (is_choice(option->value)) {
            (void)fputc('(', out);
            print_choices(option->value, out);
            (void)fputc(')', out);
        } else if (is_file(option->value)) {
            (void)fputs("_files", out);
        } else if (strcmp(option->value, "DIR") == 0) {
            (void)fputs("_files -/", out);
        }
    }
    (void)fputs("'\n", out);
}

static void zsh_options(const struct command_option *option, FILE *out)
{
    for (; option != NULL && option->name != NULL; option++)
        if (option->help != NULL && option->name[0] == '-')
            zsh_option(option, out);
}

static void zsh_settings(const struct command_option *option, FILE *out)
{
    if (option == NULL || option->name[0] == '-')
        return;
    (void)fputs("        '*:setting:{compadd -S \"\" -- ", out);
    bash_words(option, out);
    (void)fputs("}'\n", out);
}

static void zsh_command(const struct subcommand *command, FILE *out)
{
    const char *kind = operand_kind(command);
    (void)fprintf(out, "    '%s') arguments=(\n", command->name);
    zsh_options(command->options, out);
    zsh_settings(command->options, out);
    if (strcmp(kind, "file") == 0)
        (void)fputs("        '1:file:_files'\n", out);
    else if (kind[0] != '\0')
        (void)fprintf(out, "        '1:%s:_refreshctl_%ss'\n", kind, kind);
    (void)fputs("        ) ;;\n", out);
}

void completion_zsh(FILE *out)
{
    const struct subcommand *command;
    (void)fputs("_refreshctl_globals=(\n", out);
    zsh_options(session_options, out);
    (void)fputs(")\n_refreshctl_commands=(\n", out);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        (void)fprintf(out, "    '%s:", command->name);
        zsh_text(command->help, out);
        (void)fputs("'\n", out);
    }
    (void)fputs(")\n\n# Sets arguments for a command.\n_refreshctl_arguments() {\n    case $1 in\n",
                out);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++)
        zsh_command(command, out);
    (void)fputs("    esac\n}\n", out);
}
