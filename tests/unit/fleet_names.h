/* Included before anything else: the fleet's own code in test_protocol_simulation.c then calls the
 * pretended etcd, line, membership and clock under these names, and is not mixed up with the
 * library's. */
#ifndef REFRESHD_TESTS_FLEET_NAMES_H
#define REFRESHD_TESTS_FLEET_NAMES_H

#include "base/clock.h"

#include <time.h>

/* The clock of the simulation. Sleeping lets others act. */
double pretend_monotonic(void);
uint32_t pretend_unix(void);
int pretend_nanosleep(const struct timespec *wait, struct timespec *left);

#define clock_monotonic pretend_monotonic
#define clock_unix pretend_unix
#define nanosleep pretend_nanosleep

#define etcd_get pretend_etcd_get
#define etcd_get_prefix pretend_etcd_get_prefix
#define etcd_range_free pretend_etcd_range_free
#define etcd_txn_begin pretend_etcd_txn_begin
#define etcd_compare_absent pretend_etcd_compare_absent
#define etcd_compare_created pretend_etcd_compare_created
#define etcd_compare_modified pretend_etcd_compare_modified
#define etcd_compare_read pretend_etcd_compare_read
#define etcd_put pretend_etcd_put
#define etcd_delete pretend_etcd_delete
#define etcd_delete_prefix pretend_etcd_delete_prefix
#define etcd_commit pretend_etcd_commit
#define etcd_txn_drop pretend_etcd_txn_drop

#define line_cache_changed pretend_line_cache_changed
#define line_cancel pretend_line_cancel
#define line_fail pretend_line_fail
#define line_invite pretend_line_invite
#define line_join pretend_line_join
#define line_occupy pretend_line_occupy
#define line_plan pretend_line_plan
#define line_vacate pretend_line_vacate
#define catch_up pretend_catch_up
#define exchange_fetch_learned pretend_fetch_learned
#define gather_has pretend_gather_has
#define gather_own pretend_gather_own
#define gather_path pretend_gather_path
#define membership_instance pretend_membership_instance
#define membership_lease pretend_membership_lease
#define membership_peers pretend_membership_peers
#define membership_peers_free pretend_membership_peers_free

#define agent_peers simulated_agent_peers
#define claims_release simulated_claims_release
#define digest_equal simulated_digest_equal
#define fleet_act simulated_fleet_act
#define fleet_cache_changed simulated_fleet_cache_changed
#define fleet_cancel simulated_fleet_cancel
#define fleet_differences simulated_fleet_differences
#define fleet_event simulated_fleet_event
#define fleet_has_run simulated_fleet_has_run
#define fleet_pause simulated_fleet_pause
#define fleet_poke simulated_fleet_poke
#define fleet_publish simulated_fleet_publish
#define fleet_resume simulated_fleet_resume
#define fleet_set simulated_fleet_set
#define fleet_start simulated_fleet_start
#define protocol_base simulated_protocol_base
#define protocol_next simulated_protocol_next
#define protocol_ready simulated_protocol_ready
#define protocol_takers simulated_protocol_takers
#define store_applied simulated_store_applied
#define store_joined simulated_store_joined
#define view_add_peer simulated_view_add_peer
#define view_key simulated_view_key
#define view_peer_by_name simulated_view_peer_by_name
#define view_read simulated_view_read
#define view_run_key simulated_view_run_key

#endif
