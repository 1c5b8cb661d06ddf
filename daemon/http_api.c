#include "daemon/http_routes.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/api_cache.h"
#include "daemon/api_json.h"
#include "daemon/fleet_json.h"
#include "daemon/status_json.h"

/* Append the document's text, free the document. */
static int print(cJSON *document, struct buffer *out, struct error *err)
{
    char *text = document != NULL ? cJSON_PrintUnformatted(document) : NULL;
    cJSON_Delete(document);
    if (text == NULL)
        return error_memory(err, "a document");
    int result = buffer_append(out, text, strlen(text), err);
    cJSON_free(text);
    return result;
}

/* --- makers: the context is struct http_services --------------------------------------- */

static int make_status(const void *context, struct buffer *out, struct error *err)
{
    const struct http_services *services = context;
    struct learned_counts learned = {.most = atomic_load(&services->limits->learned_max)};
    if (services->learned != NULL)
        learned.entries = learned_count(services->learned);
    if (services->learner != NULL)
        learned.pending = learner_pending(services->learner);
    return print(status_now(services->line, services->fleet, services->config, &learned), out, err);
}

static int make_peers(const void *context, struct buffer *out, struct error *err)
{
    const struct http_services *services = context;
    cJSON *document = peers_now(services->fleet, services->config->peers.fleet, err);
    return document != NULL ? print(document, out, err) : -1;
}

static int make_tiles(const void *context, struct buffer *out, struct error *err)
{
    const struct http_services *services = context;
    struct grid grid = {services->config->cache.grid.rows, services->config->cache.grid.columns};
    struct census_view view;
    struct line_tiles run;
    int published = census_view_take(services->census, (uint32_t)clock_unix(), &view, err);
    if (published < 0)
        return -1;
    int active = line_tiles(services->line, &run, err);
    int result = -1;
    if (active >= 0)
        result = print(tiles_json(published ? &view : NULL, grid, active ? &run : NULL), out, err);
    if (active > 0)
        line_tiles_free(&run);
    if (published)
        census_view_free(&view);
    return result;
}

static int make_history(const void *context, struct buffer *out, struct error *err)
{
    const struct http_services *services = context;
    struct history_sample samples[HISTORY_SAMPLES];
    size_t count = history_take(services->history, samples);
    return print(history_json(samples, count), out, err);
}

static int make_generations(const void *context, struct buffer *out, struct error *err)
{
    const struct http_services *services = context;
    struct generation_row *rows = NULL;
    size_t count = 0;
    struct error missing;
    if (generation_list(services->config->cache.directory, &rows, &count, &missing) != 0 &&
        missing.code != ERROR_MISSING) {
        if (err != NULL)
            *err = missing;
        return -1;
    }
    int result = print(generations_json(rows, count), out, err);
    free(rows);
    return result;
}

/* --- routes ------------------------------------------------------------------------------ */

/* {"error":{"code":500,"message":..}} instead of what was begun. */
static void refuse(struct http_reply *reply, const struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    cJSON *error = document != NULL ? cJSON_AddObjectToObject(document, "error") : NULL;
    reply->status = 500;
    buffer_clear(&reply->body);
    if (error == NULL || cJSON_AddNumberToObject(error, "code", 500) == NULL ||
        cJSON_AddStringToObject(error, "message", err->message) == NULL)
        cJSON_Delete(document);
    else
        (void)print(document, &reply->body, NULL);
}

static enum http_next answer(struct http_call *call, struct http_reply *reply,
                             enum api_document which, api_maker *make)
{
    const struct http_services *services = http_services(call);
    struct error err;
    if (api_cache_read(services->documents, which, make, services, &reply->body, &err) != 0)
        refuse(reply, &err);
    return HTTP_REPLY;
}

enum http_next http_route_api_status(struct http_call *call, struct http_reply *reply)
{
    return answer(call, reply, API_STATUS, make_status);
}

enum http_next http_route_api_tiles(struct http_call *call, struct http_reply *reply)
{
    return answer(call, reply, API_TILES, make_tiles);
}

enum http_next http_route_api_peers(struct http_call *call, struct http_reply *reply)
{
    return answer(call, reply, API_PEERS, make_peers);
}

enum http_next http_route_api_history(struct http_call *call, struct http_reply *reply)
{
    return answer(call, reply, API_HISTORY, make_history);
}

enum http_next http_route_api_generations(struct http_call *call, struct http_reply *reply)
{
    return answer(call, reply, API_GENERATIONS, make_generations);
}
