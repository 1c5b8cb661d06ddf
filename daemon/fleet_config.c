#include "daemon/fleet_config.h"

#include "daemon/geocoder_config.h"
#include "daemon/log.h"

struct gate_limits fleet_config_gate(const struct config *config)
{
    return (struct gate_limits){.max_lost = config->gate.max_lost,
                                .max_country_changed = config->gate.max_country_changed,
                                .max_changed = config->gate.max_changed,
                                .max_failed = config->refresh.max_failed};
}

int fleet_config_open(struct fleet **out, const struct config *config, struct learned *learned,
                      struct error *err)
{
    *out = NULL;
    if (config->peers.endpoints.count == 0)
        return 0;
    struct fleet_settings settings = {
        .endpoints = config->peers.endpoints.items,
        .endpoint_count = config->peers.endpoints.count,
        .fleet = config->peers.fleet,
        .name = config->peers.name,
        .advertise = config->peers.advertise,
        .listen = config->peers.listen,
        .ca_file = config->peers.ca_file,
        .cert_file = config->peers.cert_file,
        .key_file = config->peers.key_file,
        .quorum = config->peers.switch_when == CONFIG_SWITCH_QUORUM,
        .switch_delay = config->peers.switch_delay,
        .lease = config->peers.lease,
        .cache_directory = config->cache.directory,
        .state_directory = config->refresh.state_directory,
        .keep_generations = config->cache.keep_generations,
        .gate = fleet_config_gate(config),
        .geocoder = geocoder_config(config),
        .learned = learned,
        .event = log_stage,
    };
    return fleet_open(out, &settings, err);
}

int fleet_config_begin(struct fleet *fleet, const struct config *config, struct line *line,
                       struct error *err)
{
    if (fleet == NULL || fleet_begin(fleet, line, err) == 0)
        return 0;
    return config_locate(config, "peers", "listen", err);
}
