#include "daemon/http_routes.h"

#include "dashboard.h" /* made by daemon/dashboard/assemble.sh */

/* daemon/dashboard/embed.S */
extern const unsigned char dashboard_page[], dashboard_small[];
extern const uint64_t dashboard_page_bytes, dashboard_small_bytes;

/* The same page for everybody; what its sizes are the linker knows, so it is filled in here. */
static const struct http_asset *page(struct http_asset *asset)
{
    *asset = (struct http_asset){
        .plain = dashboard_page,
        .plain_bytes = dashboard_page_bytes,
        .gzip = dashboard_small,
        .gzip_bytes = dashboard_small_bytes,
        .etag = DASHBOARD_ETAG,
        .security_policy = DASHBOARD_POLICY,
    };
    return asset;
}

enum http_next http_route_dashboard(struct http_call *call, struct http_reply *reply)
{
    struct http_asset *asset = http_state(call);
    _Static_assert(sizeof *asset <= HTTP_STATE_BYTES, "the asset lives until the reply is queued");
    reply->content_type = "text/html; charset=utf-8";
    reply->cache_control = "no-cache"; /* to be asked about by its ETag, so an upgrade shows */
    reply->asset = page(asset);
    return HTTP_REPLY;
}
