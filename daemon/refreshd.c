/* refreshd: keeps a reverse-geocode cache fresh without taking it offline. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/geocoder_config.h"
#include "daemon/log.h"
#include "daemon/refreshd_options.h"
#include "daemon/report_config.h"

#define MOST_OPTIONS 16

struct options {
    const char *config_path;
    bool check;
};

/* -1 = go on; otherwise the status to exit with. */
static int parse_options(int argc, char **argv, struct options *options)
{
    struct option names[MOST_OPTIONS] = {{NULL, 0, NULL, 0}};
    for (size_t i = 0; i < MOST_OPTIONS - 1 && daemon_options[i].name != NULL; i++)
        names[i] = (struct option){daemon_options[i].name, daemon_options[i].value != NULL, NULL,
                                   daemon_options[i].letter};
    int got;
    while ((got = getopt_long(argc, argv, "c:h", names, NULL)) != -1) {
        switch (got) {
        case 'c':
            options->config_path = optarg;
            break;
        case 'k':
            options->check = true;
            break;
        case 'v':
            (void)printf("refreshd %s\n", REFRESHD_VERSION);
            return EXIT_DONE;
        case 'h':
            daemon_options_print(stdout);
            return EXIT_DONE;
        default:
            (void)fputs("refreshd --help lists the options\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (optind == argc)
        return -1;
    (void)fprintf(stderr, "refreshd: unexpected word: %s\nrefreshd --help lists the options\n",
                  argv[optind]);
    return EXIT_USAGE;
}

static int load(const char *path, struct config **out, struct error *err)
{
    struct config *config;
    if (config_load(path, &config, err) != 0)
        return -1;
    if (config_check(config, err) != 0 || geocoder_config_check(config, err) != 0 ||
        report_config_check(config, err) != 0) {
        config_free(config);
        return -1;
    }
    *out = config;
    return 0;
}

static int fail(const struct error *err)
{
    log_failure(LOG_LEVEL_ERROR, "not_started", err);
    return err->code == ERROR_CONFIG || err->code == ERROR_USAGE ? EXIT_USAGE : EXIT_FAILED;
}

static int print_config(struct config *config)
{
    const char *warning = geocoder_config_warning(config);
    if (warning != NULL)
        (void)fprintf(stderr, "refreshd: warning: %s\n", warning);
    int printed = config_print(config, stdout);
    config_free(config);
    if (printed == 0 && fflush(stdout) == 0)
        return EXIT_DONE;
    (void)fputs("refreshd: cannot write to standard output\n", stderr);
    return EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    int status = parse_options(argc, argv, &options);
    if (status >= 0)
        return status;
    struct config *config;
    struct error err;
    log_begin();
    (void)signal(SIGPIPE, SIG_IGN);
    if (load(options.config_path, &config, &err) != 0) {
        if (!options.check)
            return fail(&err);
        (void)fprintf(stderr, "refreshd: %s\n", err.message);
        return EXIT_USAGE;
    }
    if (options.check)
        return print_config(config);
    struct daemon *daemon;
    if (daemon_open(&daemon, config, options.config_path, &err) != 0)
        return fail(&err);
    daemon_run(daemon);
    daemon_close(daemon);
    log_event(LOG_LEVEL_INFO, "stopped", "%s", "");
    return EXIT_DONE;
}
