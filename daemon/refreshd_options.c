#include "daemon/refreshd_options.h"

#include "config/config.h"

const struct daemon_option daemon_options[] = {
    {"config", "FILE", 'c', "read FILE instead of " CONFIG_DEFAULT_PATH},
    {"check-config", NULL, 'k',
     "check the configuration, print every key with the value in force, exit"},
    {"version", NULL, 'v', "print the version, exit"},
    {"help", NULL, 'h', "print this, exit"},
    {NULL, NULL, 0, NULL}};

void daemon_options_print(FILE *out)
{
    char name[32];
    (void)fputs("Usage: refreshd", out);
    for (const struct daemon_option *option = daemon_options; option->name != NULL; option++)
        (void)fprintf(out, " [--%s%s%s]", option->name, option->value != NULL ? " " : "",
                      option->value != NULL ? option->value : "");
    (void)fputs(
        "\n\nKeeps a reverse-geocode cache fresh without taking it offline. Runs in the\n"
        "foreground and logs on standard error; refreshctl is how it is told what to do.\n\n",
        out);
    for (const struct daemon_option *option = daemon_options; option->name != NULL; option++) {
        (void)snprintf(name, sizeof name, "--%s%s%s", option->name,
                       option->value != NULL ? " " : "",
                       option->value != NULL ? option->value : "");
        (void)fprintf(out, "  %-15s %s\n", name, option->help);
    }
    (void)fputs(
        "\nSIGTERM and SIGINT stop it cleanly, an unfinished run goes on at the next start.\n"
        "SIGHUP reads the configuration again.\n"
        "\nExit status: 0 stopped or checked, 1 failed, 2 usage or configuration.\n"
        "\nExample: refreshd --config /etc/refreshd/refreshd.conf\n",
        out);
}
