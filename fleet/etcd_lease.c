#include <inttypes.h>
#include <math.h>

#include "fleet/etcd_internal.h"

#define SECONDS_MOST 1e6

static int read_grant(const struct etcd_body *body, void *context, struct error *err)
{
    return etcd_read_grant(body, context, err);
}

static int read_keep(const struct etcd_body *body, void *context, struct error *err)
{
    return etcd_read_keep(body, context, err);
}

static int read_revoke(const struct etcd_body *body, void *context, struct error *err)
{
    (void)context;
    return etcd_read_empty(body, err);
}

int etcd_lease_grant(struct etcd *etcd, double seconds, int64_t *lease, struct error *err)
{
    if (!(seconds > 0 && seconds <= SECONDS_MOST))
        return error_set(err, ERROR_VALUE, "a lease can't last %g seconds", seconds);
    buffer_clear(&etcd->request);
    if (etcd_add(&etcd->request, err, "{\"TTL\":\"%.0f\"}", ceil(seconds)) != 0)
        return -1;
    return etcd_call(etcd, "/v3/lease/grant", read_grant, lease, NULL, err);
}

static int about_lease(struct etcd *etcd, int64_t lease, struct error *err)
{
    buffer_clear(&etcd->request);
    return etcd_add(&etcd->request, err, "{\"ID\":\"%" PRId64 "\"}", lease);
}

int etcd_lease_keep(struct etcd *etcd, int64_t lease, struct error *err)
{
    int64_t seconds = 0;
    if (about_lease(etcd, lease, err) != 0 ||
        etcd_call(etcd, "/v3/lease/keepalive", read_keep, &seconds, NULL, err) != 0)
        return -1;
    return seconds > 0 ? 1 : 0;
}

int etcd_lease_revoke(struct etcd *etcd, int64_t lease, struct error *err)
{
    if (about_lease(etcd, lease, err) != 0)
        return -1;
    return etcd_call(etcd, "/v3/lease/revoke", read_revoke, NULL, NULL, err);
}
