/* The desks of refreshd's routes: readers and a shard of the metrics for each serving thread. */
#include "daemon/http.h"
#include "daemon/metrics.h"

static void close_desk(struct http_desk *desk)
{
    lookup_reader_close(desk->lookups);
    follow_reader_close(desk->follow);
    *desk = (struct http_desk){0}; /* the shard is the metrics' */
}

static int open_desk(struct http_desk *desk, const struct http_services *services,
                     struct error *err)
{
    *desk = (struct http_desk){0};
    desk->metrics = metrics_shard(services->metrics, err);
    if (desk->metrics == NULL || follow_reader_open(&desk->follow, services->follower, err) != 0 ||
        lookup_reader_open(&desk->lookups, services->lookups, err) != 0) {
        close_desk(desk);
        return -1;
    }
    return 0;
}

static void replied(struct http_desk *desk, unsigned status)
{
    metrics_http(desk->metrics, status);
}

const struct http_desks http_desks = {open_desk, close_desk, replied};
