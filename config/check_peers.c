/* The checks of a server that is one of a fleet, beyond those of each key by itself. */
#include <stdio.h>
#include <string.h>

#include "config/entry.h"

#define NEEDED_BYTES 400

/* What a fleet can't do without, and how to say what it is. */
struct needed {
    const char *name, *is, *value;
};

static void append(char text[NEEDED_BYTES], const struct needed *needed)
{
    size_t used = strlen(text);
    (void)snprintf(text + used, NEEDED_BYTES - used, "%s%s (%s)", used > 0 ? ", " : "",
                   needed->name, needed->is);
}

/* All that are missing are told at once, so that one look at the file is enough. */
static int check_needed(const struct config *config, struct error *err)
{
    const struct needed all[] = {
        {"name", "letters, digits, '.', '_', '-'; the host's name is none", config->peers.name},
        {"advertise", "HOST:PORT at which the others reach this server", config->peers.advertise},
        {"listen", "HOST:PORT to listen on for them", config->peers.listen},
        {"ca_file", "who signs the certificates", config->peers.ca_file},
        {"cert_file", "this server's certificate", config->peers.cert_file},
        {"key_file", "its private key", config->peers.key_file},
    };
    char missing[NEEDED_BYTES] = "";
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].value[0] == '\0')
            append(missing, &all[i]);
    if (missing[0] == '\0')
        return 0;
    error_set(err, ERROR_CONFIG,
              "a fleet also needs [peers] %s; give what is missing, or leave endpoints empty for a "
              "server alone",
              missing);
    return config_locate(config, "peers", "endpoints", err);
}

/* Others can't reach an address that stands for every address. */
static int check_advertise(const struct config *config, struct error *err)
{
    static const char *const wildcards[] = {"0.0.0.0:", "[::]:"};
    const char *advertise = config->peers.advertise;
    for (size_t i = 0; i < sizeof wildcards / sizeof wildcards[0]; i++) {
        if (strncmp(advertise, wildcards[i], strlen(wildcards[i])) != 0)
            continue;
        error_set(err, ERROR_CONFIG,
                  "\"%s\" is an address to listen on; use a name or address of this server that "
                  "the other peers can reach",
                  advertise);
        return config_locate(config, "peers", "advertise", err);
    }
    return 0;
}

static int check_publish(const struct config *config, struct error *err)
{
    if (config->refresh.publish == CONFIG_PUBLISH_RUN)
        return 0;
    error_set(err, ERROR_CONFIG,
              "\"tile\" is no good in a fleet, whose peers switch all tiles together; use run, or "
              "leave [peers] endpoints empty for a server alone");
    return config_locate(config, "refresh", "publish", err);
}

int config_check_peers(const struct config *config, struct error *err)
{
    if (config->peers.endpoints.count == 0)
        return 0;
    if (check_publish(config, err) != 0 || check_needed(config, err) != 0)
        return -1;
    return check_advertise(config, err);
}
