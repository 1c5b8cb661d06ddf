#include "daemon/reload.h"

#include <string.h>
#include <systemd/sd-daemon.h>

#include "config/key.h"
#include "daemon/geocoder_config.h"
#include "daemon/job.h"
#include "daemon/log.h"
#include "daemon/report_config.h"
#include "daemon/steer.h"

static bool differs(const struct config *a, const struct config *b, const char *section,
                    const char *name)
{
    return strcmp(config_text(a, section, name), config_text(b, section, name)) != 0;
}

/* What the file changed goes to the active run; what an operator set by hand and the file left
 * alone stays. */
static int change_run(struct daemon *daemon, const struct config *old, const struct config *new,
                      struct error *err)
{
    struct line_change change = {-1, -1, -1, -1};
    if (differs(old, new, "geocoder", "rate")) {
        change.rate = new->geocoder.rate;
        line_set_rate_at_rest(daemon->line, new->geocoder.rate);
    }
    if (differs(old, new, "refresh", "finish_within"))
        change.finish_within = new->refresh.finish_within;
    if (differs(old, new, "refresh", "workers"))
        change.workers = (int)new->refresh.workers;
    if (differs(old, new, "geocoder", "concurrency"))
        change.concurrency = (int)new->geocoder.concurrency;
    if (!steer_is_active(daemon) || (change.rate < 0 && change.finish_within < 0 &&
                                     change.workers < 0 && change.concurrency < 0))
        return 0;
    return steer_set(daemon, &change, err);
}

static int load(struct job *job)
{
    struct daemon *daemon = job->daemon;
    struct config *config = NULL;
    if (config_load(daemon->config_path, &config, &job->error) != 0)
        return -1;
    if (config_check(config, &job->error) != 0 || geocoder_config_check(config, &job->error) != 0 ||
        report_config_check(config, &job->error) != 0 ||
        change_run(daemon, daemon->config, config, &job->error) != 0) {
        config_free(config);
        return -1;
    }
    job->data = config;
    return 0;
}

static bool report_differs(const struct config *a, const struct config *b)
{
    bool differ = a->report.count != b->report.count;
    for (size_t i = 0; !differ && i < a->report.count; i++)
        differ = strcmp(a->report.lines[i].text, b->report.lines[i].text) != 0;
    return differ;
}

static void log_changes(const struct daemon *daemon, const struct config *new)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (!differs(daemon->config, new, key->section, key->name))
            continue;
        bool waits = !key->live;
        char quoted[LOG_QUOTED_BYTES];
        log_event(waits ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "config_changed",
                  "section=%s key=%s value=%s takes_effect=%s", key->section, key->name,
                  log_quote(config_text(new, key->section, key->name), quoted),
                  waits ? "restart" : "now");
    }
    if (report_differs(daemon->config, new))
        log_event(LOG_LEVEL_INFO, "config_changed",
                  "section=report tables=%zu takes_effect=next_run", new->report.count);
}

static void loaded(struct job *job)
{
    struct daemon *daemon = job->daemon;
    struct config *config = job->data;
    (void)sd_notify(0, "READY=1");
    if (job->result != 0) {
        log_failure(LOG_LEVEL_ERROR, "reload_failed", &job->error);
        return;
    }
    log_changes(daemon, config);
    serving_reload(daemon->serving, config);
    if (daemon->config != daemon->started)
        config_free(daemon->config);
    daemon->config = config;
    log_event(LOG_LEVEL_INFO, "reloaded", "%s", "");
}

void reload_begin(struct daemon *daemon)
{
    struct job *job = job_create(daemon, load, loaded);
    if (job == NULL) {
        log_event(LOG_LEVEL_ERROR, "reload_failed", "error=\"out of memory\"");
        return;
    }
    (void)sd_notify(0, "RELOADING=1");
    job_add(job);
}
