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
    char known[200] = "";
    size_t used = 0;
    for (size_t i = 0; geocoder_providers[i] != NULL && used < sizeof known; i++) {
        int length = snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ",
                              geocoder_providers[i]->name);
        used += length > 0 ? (size_t)length : 0;
    }
    return error_set(err, ERROR_CONFIG, "[geocoder] provider: there is no \"%s\"; use one of: %s",
                     name, known);
}

int geocoder_open(struct geocoder **out, const struct geocoder_settings *settings,
                  struct error *err)
{
    const struct geocoder_provider *provider = geocoder_find(settings->provider);
    if (provider == NULL)
        return provider_unknown(settings->provider, err);
    struct geocoder *geocoder = malloc(sizeof *geocoder);
    if (geocoder == NULL)
        return error_memory(err, "the geocoder");
    geocoder->provider = provider;
    if (provider->open(settings, &geocoder->state, err) != 0) {
        free(geocoder);
        return -1;
    }
    *out = geocoder;
    return 0;
}

void geocoder_close(struct geocoder *geocoder)
{
    if (geocoder == NULL)
        return;
    geocoder->provider->close(geocoder->state);
    free(geocoder);
}
