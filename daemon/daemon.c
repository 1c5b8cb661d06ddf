#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/thread.h"
#include "daemon/commands.h"
#include "daemon/fleet_config.h"
#include "daemon/geocoder_config.h"
#include "daemon/import_job.h"
#include "daemon/log.h"
#include "daemon/pause_wait.h"
#include "daemon/reload.h"
#include "daemon/surroundings.h"
#include "daemon/watchdog.h"
#include "stages/report.h"

/* A lookup should not wait for its turn while a refresh has every processor. */
#define NICENESS_BEHIND_LOOKUPS 10

/* One directory, made where missing, is ours alone from here on. */
static int take_lock(struct daemon *daemon, struct cache_lock **lock, const char *directory,
                     struct error *err)
{
    char holder[256];
    (void)snprintf(holder, sizeof holder, "refreshd " REFRESHD_VERSION " pid %ld socket %s",
                   (long)getpid(), daemon->config->control.socket);
    if (cache_lock_acquire(lock, directory, holder, NULL, err) == 0)
        return 0;
    return err->code == ERROR_BUSY
               ? error_suffix(err, "; stop that one, or configure another directory")
               : -1;
}

/* The state as well: two daemons with caches of their own would take each other's runs apart. */
static int take_locks(struct daemon *daemon, struct error *err)
{
    const struct config *config = daemon->config;
    const char *cache = config->cache.directory;
    const char *state = config->refresh.state_directory;
    if (take_lock(daemon, &daemon->lock, cache, err) != 0)
        return config_locate(config, "cache", "directory", err);
    if (strcmp(cache, state) == 0 || take_lock(daemon, &daemon->state_lock, state, err) == 0)
        return 0;
    return config_locate(config, "refresh", "state_directory", err);
}

static int open_line(struct daemon *daemon, struct error *err)
{
    const struct config *config = daemon->started;
    struct line_settings settings = {
        .cache_directory = config->cache.directory,
        .state_directory = config->refresh.state_directory,
        .keep_generations = config->cache.keep_generations,
        .geocoder = geocoder_config(config),
        .retries = config->geocoder.retries,
        .rate = config->geocoder.rate,
        .gate = fleet_config_gate(config),
        .niceness = config->http.listen[0] != '\0' ? NICENESS_BEHIND_LOOKUPS : 0,
        .event = log_stage,
    };
    if (serving_learned(&daemon->learned, config, err) != 0 ||
        fleet_config_open(&daemon->fleet, config, daemon->learned, err) != 0)
        return -1;
    settings.learned = daemon->learned;
    if (daemon->fleet != NULL)
        settings.coordination = fleet_coordination(daemon->fleet);
    if (line_open(&daemon->line, &settings, err) != 0)
        return -1;
    return fleet_config_begin(daemon->fleet, config, daemon->line, err);
}

static int open_serving(struct daemon *daemon, struct error *err)
{
    struct serving_settings settings = {.config = daemon->started,
                                        .loop = &daemon->loop,
                                        .line = daemon->line,
                                        .fleet = daemon->fleet,
                                        .learned = daemon->learned};
    return serving_open(&daemon->serving, &settings, err);
}

/* A signal more changes nothing: the handles stay until the very end. */
static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;
    if (number == SIGHUP && !daemon->stopping)
        reload_begin(daemon);
    else if (number != SIGHUP && !daemon->stopping)
        daemon_stop(daemon);
}

static void do_nothing(uv_work_t *work)
{
    (void)work;
}

/* Make the threads of libuv's pool now, deaf to signals: when the handles are closed in the end,
 * blocking signals in our own thread must be enough. */
static int start_pool(uv_loop_t *loop)
{
    uv_work_t work;
    sigset_t before;
    thread_deafen(&before);
    int status = uv_queue_work(loop, &work, do_nothing, NULL);
    if (status == 0)
        (void)uv_run(loop, UV_RUN_DEFAULT);
    thread_hear(&before);
    return status;
}

static int open_loop(struct daemon *daemon, struct error *err)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    int status = uv_loop_init(&daemon->loop);
    if (status != 0)
        return error_set(err, ERROR_IO, "cannot make an event loop: %s", uv_strerror(status));
    daemon->loop_ready = true;
    (void)uv_timer_init(&daemon->loop, &daemon->waiter_timer);
    daemon->waiter_timer.data = daemon;
    status = start_pool(&daemon->loop);
    if (status != 0)
        return error_set(err, ERROR_IO, "cannot start threads: %s", uv_strerror(status));
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        status = uv_signal_init(&daemon->loop, &daemon->signals[i]);
        if (status != 0)
            return error_set(err, ERROR_IO, "cannot watch signals: %s", uv_strerror(status));
        daemon->signals_ready = i + 1;
        daemon->signals[i].data = daemon;
        status = uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
        if (status != 0)
            return error_set(err, ERROR_IO, "cannot watch signals: %s", uv_strerror(status));
        uv_unref((uv_handle_t *)&daemon->signals[i]);
    }
    return 0;
}

static int open_server(struct daemon *daemon, struct error *err)
{
    struct server_settings settings = {.path = daemon->started->control.socket,
                                       .group = daemon->started->control.group,
                                       .request = commands_request,
                                       .context = daemon};
    if (server_open(&daemon->server, &daemon->loop, &settings, err) == 0)
        return 0;
    return config_locate(daemon->started, "control", "socket", err);
}

static int open_parts(struct daemon *daemon, struct error *err)
{
    if (surroundings_check(err) != 0 || take_locks(daemon, err) != 0 ||
        open_loop(daemon, err) != 0 || open_server(daemon, err) != 0 ||
        open_line(daemon, err) != 0 || open_serving(daemon, err) != 0 ||
        server_begin(daemon->server, err) != 0 ||
        watchdog_open(&daemon->watchdog, &daemon->loop, daemon->line, err) != 0)
        return -1;
    return line_continue(daemon->line, err);
}

int daemon_open(struct daemon **out, struct config *config, const char *config_path,
                struct error *err)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);
    if (daemon == NULL) {
        config_free(config);
        return error_memory(err, "the daemon");
    }
    daemon->config_path = config_path;
    daemon->started = config;
    daemon->config = config;
    if (open_parts(daemon, err) != 0) {
        surroundings_advise(err);
        daemon_close(daemon);
        return -1;
    }
    *out = daemon;
    return 0;
}

static void log_warning(const struct daemon *daemon)
{
    char quoted[LOG_QUOTED_BYTES];
    const char *warning = geocoder_config_warning(daemon->started);
    if (warning != NULL)
        log_event(LOG_LEVEL_WARNING, "storage_terms", "provider=%s warning=%s",
                  daemon->started->geocoder.provider, log_quote(warning, quoted));
}

void daemon_run(struct daemon *daemon)
{
    log_use_fields();
    log_event(LOG_LEVEL_INFO, "started", "version=%s pid=%ld socket=%s cache=%s", REFRESHD_VERSION,
              (long)getpid(), daemon->started->control.socket, daemon->started->cache.directory);
    log_warning(daemon);
    (void)sd_notify(0, "READY=1");
    (void)uv_run(&daemon->loop, UV_RUN_DEFAULT);
}

void daemon_stop(struct daemon *daemon)
{
    struct error err;
    error_set(&err, ERROR_STATE, "refreshd is stopping");
    daemon->stopping = true;
    (void)sd_notify(0, "STOPPING=1");
    log_event(LOG_LEVEL_INFO, "stopping", "%s", "");
    server_close(daemon->server);
    line_end_reports(daemon->line);
    if (daemon->fleet != NULL)
        fleet_hurry(daemon->fleet);
    pause_wait_end(daemon, &err);
    job_drop_waiting(daemon, &err);
    import_cancel(daemon);
}

/* Without their handles, signals would kill: they wait for the end of the process. */
static void close_loop(struct daemon *daemon)
{
    thread_deafen(NULL);
    uv_close((uv_handle_t *)&daemon->waiter_timer, NULL);
    for (unsigned i = 0; i < daemon->signals_ready; i++)
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    (void)uv_run(&daemon->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&daemon->loop);
}

void daemon_close(struct daemon *daemon)
{
    if (daemon == NULL)
        return;
    if (daemon->server != NULL) {
        server_close(daemon->server);
        (void)uv_run(&daemon->loop, UV_RUN_DEFAULT);
        server_free(daemon->server);
    }
    watchdog_close(daemon->watchdog);
    serving_close(daemon->serving);
    if (daemon->fleet != NULL)
        fleet_stop(daemon->fleet);
    line_close(daemon->line);
    fleet_close(daemon->fleet);
    learned_close(daemon->learned);
    if (daemon->loop_ready)
        close_loop(daemon);
    cache_lock_release(daemon->state_lock);
    cache_lock_release(daemon->lock);
    if (daemon->config != daemon->started)
        config_free(daemon->config);
    config_free(daemon->started);
    free(daemon);
}
