#include <stdlib.h>

#include "daemon/http_internal.h"

/* The threads are libmicrohttpd's and end with it, so this never outlives its struct http. */
static _Thread_local struct desk *mine;

struct desk *desk_mine(struct http *http, struct error *err)
{
    if (mine != NULL)
        return mine;
    struct desk *desk = calloc(1, sizeof *desk);
    if (desk == NULL) {
        (void)error_memory(err, "a thread's desk");
        return NULL;
    }
    const struct http_desks *desks = http->settings.desks;
    if (desks != NULL && desks->open(&desk->public, http->settings.services, err) != 0) {
        free(desk);
        return NULL;
    }
    desk->http = http;
    (void)pthread_mutex_lock(&http->lock);
    desk->next = http->desks;
    http->desks = desk;
    (void)pthread_mutex_unlock(&http->lock);
    (void)pthread_setname_np(pthread_self(), "http");
    mine = desk;
    return desk;
}

void desks_close(struct http *http)
{
    while (http->desks != NULL) {
        struct desk *desk = http->desks;
        http->desks = desk->next;
        if (http->settings.desks != NULL)
            http->settings.desks->close(&desk->public);
        gzip_end(desk);
        buffer_free(&desk->body);
        buffer_free(&desk->small);
        free(desk);
    }
}
