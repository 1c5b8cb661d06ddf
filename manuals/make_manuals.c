/* make_manuals TEMPLATE >PAGE: copies a template; a line that is a name between two @ is replaced
 * by what is made from the tables, and @VERSION@ anywhere by the version. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "manuals/manuals.h"

static void example_config(FILE *out)
{
    (void)config_example(out);
}

static const struct {
    const char *name;
    void (*print)(FILE *out);
} parts[] = {{"@KEYS@\n", manual_keys},
             {"@PROVIDERS@\n", manual_providers},
             {"@DAEMON_OPTIONS@\n", manual_daemon_options},
             {"@GLOBAL_OPTIONS@\n", manual_global_options},
             {"@COMMANDS@\n", manual_commands},
             {"@EXITS@\n", manual_exits},
             {"@KINDS@\n", manual_kinds},
             {"@FIELDS@\n", manual_fields},
             {"@EXAMPLE_CONFIG@\n", example_config},
             {"@BASH@\n", completion_bash},
             {"@ZSH@\n", completion_zsh}};

/* False: the template names a part that does not exist. */
static bool print_line(const char *line, FILE *out)
{
    static const char version[] = "@VERSION@";
    const char *at;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strcmp(line, parts[i].name) == 0) {
            parts[i].print(out);
            return true;
        }
    while ((at = strstr(line, version)) != NULL) {
        (void)fprintf(out, "%.*s%s", (int)(at - line), line, REFRESHD_VERSION);
        line = at + strlen(version);
    }
    (void)fputs(line, out);
    return line[0] != '@';
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t room = 0;
    FILE *in = argc == 2 ? fopen(argv[1], "re") : NULL;
    if (in == NULL) {
        (void)fprintf(stderr, "make_manuals: cannot read %s\n", argc == 2 ? argv[1] : "a template");
        return EXIT_FAILURE;
    }
    bool known = true;
    while (getline(&line, &room, in) >= 0)
        known = print_line(line, stdout) && known;
    int failed = !known || ferror(in) || ferror(stdout) || fflush(stdout) != 0;
    if (!known)
        (void)fprintf(stderr, "make_manuals: %s names a part that does not exist\n", argv[1]);
    free(line);
    (void)fclose(in);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
