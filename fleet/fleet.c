#include "fleet/fleet_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/durable.h"
#include "base/thread.h"

void fleet_event(struct fleet *fleet, int level, const char *name, const char *format, ...)
{
    char text[900];
    va_list arguments;
    if (fleet->settings.event == NULL)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fleet->settings.event(fleet->settings.context, level, name, text);
}

void fleet_poke(struct fleet *fleet)
{
    (void)pthread_mutex_lock(&fleet->lock);
    fleet->poked = true;
    (void)pthread_cond_broadcast(&fleet->changed);
    (void)pthread_mutex_unlock(&fleet->lock);
}

/* --- the settings' texts ----------------------------------------------------------------- */

#define TEXTS 17

static void list_texts(struct fleet_settings *settings, const char **texts[TEXTS])
{
    const char **all[TEXTS] = {
        &settings->fleet,
        &settings->name,
        &settings->advertise,
        &settings->listen,
        &settings->ca_file,
        &settings->cert_file,
        &settings->key_file,
        &settings->cache_directory,
        &settings->state_directory,
        &settings->geocoder.provider,
        &settings->geocoder.url,
        &settings->geocoder.key_file,
        &settings->geocoder.ca_file,
        &settings->geocoder.language,
        &settings->geocoder.user_agent,
    };
    memcpy(texts, all, sizeof all);
}

static int copy_endpoints(struct fleet *fleet, const struct fleet_settings *settings,
                          struct error *err)
{
    char **endpoints = calloc(settings->endpoint_count, sizeof *endpoints);
    fleet->settings.endpoints = (const char *const *)endpoints;
    fleet->settings.endpoint_count = 0;
    for (size_t i = 0; endpoints != NULL && i < settings->endpoint_count; i++) {
        endpoints[i] = strdup(settings->endpoints[i]);
        if (endpoints[i] == NULL)
            return error_memory(err, "the fleet's settings");
        fleet->settings.endpoint_count++;
    }
    return endpoints != NULL ? 0 : error_memory(err, "the fleet's settings");
}

static int copy_settings(struct fleet *fleet, const struct fleet_settings *settings,
                         struct error *err)
{
    const char **texts[TEXTS] = {NULL};
    int result = 0;
    fleet->settings = *settings;
    list_texts(&fleet->settings, texts);
    for (size_t i = 0; i < TEXTS && texts[i] != NULL; i++) {
        if (*texts[i] == NULL)
            continue;
        *texts[i] = result == 0 ? strdup(*texts[i]) : NULL;
        if (*texts[i] == NULL)
            result = error_memory(err, "the fleet's settings");
    }
    if (result == 0 && asprintf(&fleet->prefix, "/refreshd/%s/", settings->fleet) < 0) {
        fleet->prefix = NULL;
        result = error_memory(err, "the fleet's settings");
    }
    if (result != 0) {
        fleet->settings.endpoints = NULL;
        fleet->settings.endpoint_count = 0;
        return -1;
    }
    return copy_endpoints(fleet, settings, err);
}

static void free_settings(struct fleet *fleet)
{
    const char **texts[TEXTS] = {NULL};
    list_texts(&fleet->settings, texts);
    for (size_t i = 0; i < TEXTS && texts[i] != NULL; i++)
        free((char *)*texts[i]);
    for (size_t i = 0; i < fleet->settings.endpoint_count; i++)
        free((char *)fleet->settings.endpoints[i]);
    free((void *)fleet->settings.endpoints);
    free(fleet->prefix);
}

/* --- open and close ------------------------------------------------------------------------ */

static void init_locks(struct fleet *fleet)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&fleet->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&fleet->lock, NULL);
    (void)pthread_mutex_init(&fleet->operators, NULL);
}

static int make_directory(struct fleet *fleet, struct error *err)
{
    char *path;
    if (asprintf(&path, "%s/fleet", fleet->settings.state_directory) < 0)
        return error_memory(err, "a file name");
    int result = durable_make_directory(path, err);
    free(path);
    return result;
}

static void connect_settings(struct fleet *fleet)
{
    const struct fleet_settings *settings = &fleet->settings;
    fleet->etcd_settings = (struct etcd_settings){
        .endpoints = settings->endpoints,
        .endpoint_count = settings->endpoint_count,
        .ca_file = settings->ca_file,
        .cert_file = settings->cert_file,
        .key_file = settings->key_file,
    };
    fleet->exchange_settings.identity =
        (struct exchange_identity){settings->ca_file, settings->cert_file, settings->key_file};
}

static int open_parts(struct fleet *fleet, struct error *err)
{
    fleet->reading = calloc(1, sizeof *fleet->reading);
    if (fleet->reading == NULL)
        return error_memory(err, "the fleet");
    if (make_directory(fleet, err) != 0 || store_load(fleet, err) != 0 ||
        shares_memory_create(&fleet->memory, err) != 0 ||
        etcd_open(&fleet->etcd, &fleet->etcd_settings, err) != 0 ||
        etcd_open(&fleet->conductor_etcd, &fleet->etcd_settings, err) != 0 ||
        etcd_open(&fleet->operator_etcd, &fleet->etcd_settings, err) != 0)
        return -1;
    return exchange_client_open(&fleet->client, &fleet->exchange_settings, err);
}

int fleet_open(struct fleet **out, const struct fleet_settings *settings, struct error *err)
{
    struct fleet *fleet = calloc(1, sizeof *fleet);
    if (fleet == NULL)
        return error_memory(err, "the fleet");
    init_locks(fleet);
    if (copy_settings(fleet, settings, err) != 0) {
        fleet_close(fleet);
        return -1;
    }
    (void)snprintf(fleet->self_name, sizeof fleet->self_name, "%s", settings->name);
    fleet->self.name = fleet->self_name;
    connect_settings(fleet);
    coordination_init(fleet);
    if (open_parts(fleet, err) != 0) {
        fleet_close(fleet);
        return -1;
    }
    *out = fleet;
    return 0;
}

const struct coordination *fleet_coordination(struct fleet *fleet)
{
    return &fleet->coordination;
}

static void members_changed(void *context)
{
    struct fleet *fleet = context;
    (void)pthread_mutex_lock(&fleet->lock);
    if (fleet->shares != NULL)
        shares_changed(fleet->shares);
    (void)pthread_mutex_unlock(&fleet->lock);
    fleet_poke(fleet);
}

static int open_membership(struct fleet *fleet, struct error *err)
{
    struct membership_settings settings = {
        .etcd = fleet->etcd_settings,
        .prefix = fleet->prefix,
        .name = fleet->settings.name,
        .advertise = fleet->settings.advertise,
        .state_directory = fleet->settings.state_directory,
        .lease = fleet->settings.lease,
        .describe = fleet_describe,
        .changed = members_changed,
        .event = fleet->settings.event,
        .context = fleet,
    };
    return membership_open(&fleet->membership, &settings, err);
}

int fleet_begin(struct fleet *fleet, struct line *line, struct error *err)
{
    struct exchange_shelves shelves = shelves_of(fleet);
    fleet->line = line;
    agent_look_first(fleet);
    if (exchange_server_open(&fleet->server, fleet->settings.listen,
                             &fleet->exchange_settings.identity, &shelves, err) != 0 ||
        open_membership(fleet, err) != 0 ||
        thread_start(&fleet->agent, "fleet", agent_thread, fleet, err) != 0)
        return -1;
    fleet->agent_started = true;
    return 0;
}

/* A peer that is going away does not promise a generation any more. */
static void withdraw_ready(struct fleet *fleet)
{
    char key[FLEET_KEY_BYTES];
    struct etcd_txn txn;
    if (!fleet->view.has_run || !fleet->verdict.waiting || !membership_reachable(fleet->membership))
        return;
    etcd_txn_begin(&txn);
    etcd_delete(&txn, view_run_key(key, fleet->prefix, fleet->view.run.id, "ready/%s",
                                   fleet->settings.name));
    (void)etcd_commit(fleet->operator_etcd, &txn, NULL, NULL);
}

void fleet_stop(struct fleet *fleet)
{
    (void)pthread_mutex_lock(&fleet->lock);
    fleet->stopping = true;
    (void)pthread_cond_broadcast(&fleet->changed);
    (void)pthread_mutex_unlock(&fleet->lock);
    etcd_interrupt(fleet->etcd);
    etcd_interrupt(fleet->conductor_etcd);
    exchange_client_interrupt(fleet->client);
    if (fleet->agent_started)
        (void)pthread_join(fleet->agent, NULL);
    fleet->agent_started = false;
    if (fleet->membership != NULL)
        withdraw_ready(fleet);
    etcd_interrupt(fleet->operator_etcd);
}

void fleet_close(struct fleet *fleet)
{
    if (fleet == NULL)
        return;
    exchange_server_close(fleet->server);
    if (fleet->membership != NULL)
        membership_close(fleet->membership);
    exchange_client_close(fleet->client);
    etcd_close(fleet->etcd);
    etcd_close(fleet->conductor_etcd);
    etcd_close(fleet->operator_etcd);
    shares_memory_free(fleet->memory);
    free(fleet->reading);
    (void)pthread_cond_destroy(&fleet->changed);
    (void)pthread_mutex_destroy(&fleet->lock);
    (void)pthread_mutex_destroy(&fleet->operators);
    free_settings(fleet);
    free(fleet);
}
