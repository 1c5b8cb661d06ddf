#include "geocoder/geocoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const failure_cause_names[CAUSE_COUNT] = {
    [CAUSE_NONE] = "none",
    [CAUSE_TIMEOUT] = "timeout",
    [CAUSE_CONNECT] = "connect",
    [CAUSE_RESET] = "reset",
    [CAUSE_TLS] = "tls",
    [CAUSE_HTTP_4XX] = "http_4xx",
    [CAUSE_HTTP_429] = "http_429",
    [CAUSE_HTTP_5XX] = "http_5xx",
    [CAUSE_BAD_REPLY] = "bad_reply",
    [CAUSE_BAD_REQUEST] = "bad_request",
    [CAUSE_QUOTA] = "quota",
    [CAUSE_MISSING_ROW] = "missing_row",
    [CAUSE_INTERNAL] = "internal",
    [CAUSE_DENIED] = "denied",
};

const struct geocoder_provider *geocoder_find(const char *name)
{
    for (size_t i = 0; geocoder_providers[i] != NULL; i++) {
        if (strcmp(geocoder_providers[i]->name, name) == 0)
            return geocoder_providers[i];
    }
    return NULL;
}

static int provider_unknown(const char *name, struct error *err)
{
    char known[300] = "";
    size_t used = 0;
    for (size_t i = 0; geocoder_providers[i] != NULL && used < sizeof known; i++) {
        int length = snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ",
                              geocoder_providers[i]->name);
        used += length > 0 ? (size_t)length : 0;
    }
    return error_set(err, ERROR_CONFIG, "[geocoder] provider: there is no \"%s\"; use one of: %s",
                     name, known);
}

/* copy_text: an owned copy of a text that may be NULL, or NULL when there is no memory. */
static const char *copy_text(const char *text)
{
    return strdup(text == NULL ? "" : text);
}

static void free_settings(struct geocoder_settings *settings)
{
    const char *const texts[] = {
        settings->provider, settings->url,      settings->key_file,
        settings->ca_file,  settings->language, settings->user_agent,
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free((char *)texts[i]);
}

/* copy_url: without the slashes at its end, so that a path can be added. */
static const char *copy_url(const char *url)
{
    size_t length = url == NULL ? 0 : strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    return length == 0 ? copy_text("") : strndup(url, length);
}

static int copy_settings(struct geocoder_settings *to, const struct geocoder_settings *from,
                         const struct geocoder_provider *provider, struct error *err)
{
    const char *url = from->url == NULL || from->url[0] == '\0' ? provider->url : from->url;
    *to = *from;
    to->provider = copy_text(from->provider);
    to->url = copy_url(url);
    to->key_file = copy_text(from->key_file);
    to->ca_file = copy_text(from->ca_file);
    to->language = copy_text(from->language);
    to->user_agent = copy_text(from->user_agent);
    if (to->batch < 1)
        to->batch = 1;
    if (to->batch > provider->largest_batch)
        to->batch = provider->largest_batch;
    if (to->provider == NULL || to->url == NULL || to->key_file == NULL || to->ca_file == NULL ||
        to->language == NULL || to->user_agent == NULL)
        return error_memory(err, "the geocoder's settings");
    return 0;
}

/* check_url: the base of a network provider: something that a path and a query can follow. */
static int check_url(const struct geocoder_provider *provider, const char *url, struct error *err)
{
    if (url[0] == '\0')
        return error_set(err, ERROR_CONFIG,
                         "[geocoder] url: it is missing; provider %s needs the base address of the "
                         "server to ask, such as http://127.0.0.1:8080",
                         provider->name);
    const char *host = strncmp(url, "http://", 7) == 0    ? url + 7
                       : strncmp(url, "https://", 8) == 0 ? url + 8
                                                          : NULL;
    if (host == NULL || host[0] == '\0' || host[0] == '/' || host[0] == ':')
        return error_set(err, ERROR_CONFIG,
                         "[geocoder] url: it must be http://HOST or https://HOST, with a port and "
                         "a path where needed");
    for (const char *at = url; *at != '\0'; at++) {
        if (*at == '?' || *at == '#' || (unsigned char)*at <= ' ' || *at == 0x7f)
            return error_set(err, ERROR_CONFIG,
                             "[geocoder] url: it is a base to which paths are added, so it can't "
                             "have a query, a fragment or spaces");
    }
    return 0;
}

int geocoder_open(struct geocoder **out, const struct geocoder_settings *settings,
                  struct error *err)
{
    const char *name = settings->provider == NULL ? "" : settings->provider;
    const struct geocoder_provider *provider = geocoder_find(name);
    if (provider == NULL)
        return provider_unknown(name, err);
    struct geocoder *geocoder = calloc(1, sizeof *geocoder);
    if (geocoder == NULL)
        return error_memory(err, "the geocoder");
    geocoder->provider = provider;
    if (copy_settings(&geocoder->settings, settings, provider, err) != 0)
        goto fail;
    if (!geocoder_is_local(provider) && check_url(provider, geocoder->settings.url, err) != 0)
        goto fail;
    if (provider->open(&geocoder->settings, &geocoder->state, err) != 0)
        goto fail;
    *out = geocoder;
    return 0;

fail:
    free_settings(&geocoder->settings);
    free(geocoder);
    return -1;
}

void geocoder_close(struct geocoder *geocoder)
{
    if (geocoder == NULL)
        return;
    geocoder->provider->close(geocoder->state);
    free_settings(&geocoder->settings);
    free(geocoder);
}

const char *geocoder_storage_warning(const struct geocoder_settings *settings)
{
    const struct geocoder_provider *provider =
        settings->provider == NULL ? NULL : geocoder_find(settings->provider);
    return provider == NULL || settings->storage_permitted ? NULL : provider->storage_terms;
}
