"""What etcd goes through: leaders die, the quorum is lost, and the fleet goes on."""

import collections
import time

from fleet import Fleet
from harness import SLOW, wait_for


def asked_once(fleet):
    assert fleet.times_asked() == collections.Counter(fleet.points)


def test_leaders_of_etcd_are_killed():
    """No peer dies, so nothing is asked twice."""
    with Fleet(points=5000, etcd=3, lease="3s", stub={"delay": 80}) as fleet:
        fleet.start()
        run = fleet.refresh()
        for done in (5, 20, 40):
            fleet.wait_done(done)
            leader = fleet.etcd.leader()
            leader.kill()
            assert fleet.etcd.leader() is not leader
            fleet.etcd.restart(leader)
        fleet.wait_switched(run, seconds=120)
        asked_once(fleet)
        fleet.answered_whole(fleet["a"])


def without_quorum(how):
    with Fleet(points=4000, etcd=3, lease="2s", stub={"delay": 80}) as fleet:
        fleet.start()
        run = fleet.refresh()
        fleet.wait_done(10)
        with fleet.etcd.without_quorum(how):
            wait_for(lambda: all(peer.fleet_status()["phase"] == "unreachable" for peer in fleet),
                     30, "the peers to see that etcd is gone", every=0.1)
            time.sleep(4 * SLOW)  # twice the lease
            assert all(peer.manifest()["run"] != run for peer in fleet)
            assert fleet["a"].ctl("pause", check=False).returncode == 1
        fleet.wait_switched(run, seconds=90)
        asked_once(fleet)


def test_quorum_of_etcd_is_lost_for_longer_than_a_lease():
    without_quorum("kill")


def test_quorum_of_etcd_hangs_for_longer_than_a_lease():
    without_quorum("freeze")


def test_peers_start_before_etcd_and_outlive_it():
    with Fleet(points=500, etcd=1) as fleet:
        member = fleet.etcd.members[0]
        member.kill()
        for peer in fleet:
            peer.start()
        assert all(peer.fleet_status()["phase"] == "unreachable" for peer in fleet)
        refused = fleet["a"].ctl("start", "--fleet", check=False)
        assert refused.returncode == 1 and "etcd" in refused.stderr, refused.stderr
        fleet.etcd.restart(member)
        fleet.wait_seen()
        fleet.refresh()
        fleet.wait_switched()
        fleet.wait_idle()
        member.kill()
        for peer in fleet:
            assert peer.ctl("lookup", *map(lambda v: f"{v / 1e7:.7f}", fleet.points[0])).returncode == 0
