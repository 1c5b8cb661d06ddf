#include "daemon/metrics_fleet.h"

#define GAUGE "gauge"
#define COUNTER "counter"

static void print_phase(struct prometheus *page, const struct fleet_status *fleet)
{
    prometheus_family(page, "refreshd_fleet_phase", GAUGE,
                      "1 for what this peer does in its fleet.");
    for (unsigned i = 0; i < FLEET_PHASES; i++)
        prometheus_count(page, "phase", fleet_phase_names[i], fleet->phase == i);
}

static void print_peers(struct prometheus *page, const struct fleet_status *fleet)
{
    prometheus_one(page, "refreshd_fleet_peers_live", GAUGE,
                   "Peers that are heard of, this one included.", fleet->live);
    prometheus_one(page, "refreshd_fleet_members", GAUGE,
                   "Peers that the unfinished run began with; 0 = there is none.", fleet->members);
    prometheus_one(page, "refreshd_fleet_members_ready", GAUGE,
                   "Of these, those that wait for the switch.", fleet->ready);
    prometheus_one(page, "refreshd_fleet_is_current", GAUGE,
                   "1 when the generation here is the fleet's, or the fleet has none.",
                   fleet->current);
    prometheus_one(page, "refreshd_fleet_switch_timestamp_seconds", GAUGE,
                   "When the fleet switches over; 0 = not decided.", fleet->switch_at);
}

static void print_work(struct prometheus *page, const struct fleet_status *fleet)
{
    prometheus_one(page, "refreshd_fleet_point_files", GAUGE, "Point files of the fleet's run.",
                   fleet->shares);
    prometheus_one(page, "refreshd_fleet_point_files_done", GAUGE,
                   "Of these, those that any peer has asked for.", fleet->shares_done);
    prometheus_one(page, "refreshd_fleet_point_files_fetched", GAUGE,
                   "Of these, those whose answers came from other peers.", fleet->shares_fetched);
    prometheus_one(page, "refreshd_fleet_rate_share_ratio", GAUGE,
                   "Share of the run's rate that is this peer's.", fleet->rate_share);
    prometheus_one(page, "refreshd_fleet_fetched_bytes_total", COUNTER,
                   "Bytes fetched from other peers.", (double)fleet->bytes_fetched);
    prometheus_one(page, "refreshd_fleet_served_bytes_total", COUNTER,
                   "Bytes served to other peers.", (double)fleet->bytes_served);
}

void metrics_fleet_print(struct prometheus *page, const struct fleet_status *fleet)
{
    print_phase(page, fleet);
    print_peers(page, fleet);
    print_work(page, fleet);
}
