/* What a table looks at, one at a time: an entry, what it was before, and what asking for it cost.
 * Whoever walks the entries fills it in (the rebuild of a tile, a query); what it does not know is
 * missing. The slices live until the next one. */
#ifndef REFRESHD_TABLES_OBSERVED_H
#define REFRESHD_TABLES_OBSERVED_H

#include "cachefmt/address.h"

struct observed {
    uint32_t tile;
    uint64_t code; /* Morton code of the point: with tile, the record's place in order */
    const struct entry *entry; /* as it is after the answer */
    const struct entry *old;   /* as it was before; NULL: there is none (a query) */
    struct slice outcome;      /* "found", "none", "unsure", "failed" */
    bool judged;               /* the next four are known */
    bool changed, lost, gained, country_changed;
    double age_days; /* of the entry when it was asked, in a query: now; this and all below: NAN or
                      * an empty slice when not known */
    double distance_m; /* from the point to the place of the address that the geocoder found */
    double latency_ms; /* of the request that brought the answer */
    double status;     /* HTTP */
    double attempts;
    double bytes; /* of the reply, this point's share */
    struct slice cause;
    struct slice provider, peer; /* who answered, who asked */
    struct slice bottleneck;     /* the station that the line waited for just then */
    double answered_s;           /* from the run's start to the answer, seconds */
    double geocode_ms;           /* time in a station: from being asked first to the answer, */
    double write_ms;             /* from there to the ledger, */
    double rebuild_ms;           /* from there until now */
};

#endif
