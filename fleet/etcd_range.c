#include <inttypes.h>

#include "fleet/etcd_internal.h"

/* A range comes in pages, all of the revision of the first, so that no reply is huge. */
#define PAGE_PAIRS 1000u
#define SMALLER_PAGE 8u
#define RESTARTS 3

struct reading {
    const char *prefix;
    bool exact, more;
    struct etcd_range range;
};

static int read_page(const struct etcd_body *body, void *context, struct error *err)
{
    struct reading *reading = context;
    return etcd_read_range(body, reading->prefix, reading->exact, &reading->range, &reading->more,
                           err);
}

int etcd_get(struct etcd *etcd, const char *key, struct etcd_range *out, struct error *err)
{
    struct reading reading = {.prefix = key, .exact = true};
    buffer_clear(&etcd->request);
    if (etcd_add(&etcd->request, err, "{") != 0 ||
        etcd_add_text(&etcd->request, "key", key, err) != 0 ||
        etcd_add(&etcd->request, err, "}") != 0)
        return -1;
    if (etcd_call(etcd, "/v3/kv/range", read_page, &reading, NULL, err) != 0)
        return -1;
    *out = reading.range;
    return 0;
}

static int build_page(struct buffer *request, const struct reading *reading, unsigned pairs,
                      int64_t min_mod_revision, struct error *err)
{
    const struct etcd_range *range = &reading->range;
    const char *behind = range->count == 0 ? NULL : range->pairs[range->count - 1].key;
    buffer_clear(request);
    if (etcd_add(request, err, "{") != 0 ||
        etcd_add_range(request, reading->prefix, behind, err) != 0)
        return -1;
    return etcd_add(request, err,
                    ",\"limit\":\"%u\",\"revision\":\"%" PRId64 "\",\"min_mod_revision\":\"%" PRId64
                    "\"}",
                    pairs, range->revision, min_mod_revision);
}

static int read_pages(struct etcd *etcd, struct reading *reading, int64_t min_mod_revision,
                      struct error *err)
{
    unsigned pairs = PAGE_PAIRS;
    do {
        if (build_page(&etcd->request, reading, pairs, min_mod_revision, err) != 0)
            return -1;
        if (etcd_call(etcd, "/v3/kv/range", read_page, reading, NULL, err) == 0)
            continue;
        if (!etcd->too_long || pairs == 1)
            return -1;
        pairs /= pairs < SMALLER_PAGE ? pairs : SMALLER_PAGE;
        reading->more = true;
    } while (reading->more);
    return 0;
}

int etcd_get_prefix(struct etcd *etcd, const char *prefix, int64_t min_mod_revision,
                    struct etcd_range *out, struct error *err)
{
    struct error why = {0};
    int result = -1;
    /* The revision may be compacted between two pages. */
    for (int left = RESTARTS; left > 0; left--) {
        struct reading reading = {.prefix = prefix};
        result = read_pages(etcd, &reading, min_mod_revision, &why);
        if (result == 0) {
            *out = reading.range;
            return 0;
        }
        bool compacted = why.code == ERROR_MISSING && reading.range.revision > 0;
        etcd_range_free(&reading.range);
        if (!compacted)
            break;
    }
    if (err != NULL)
        *err = why;
    return result;
}
