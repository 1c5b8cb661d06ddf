"""Sixty seconds of something being gone, in the middle of a run: one fleet for each, all at once,
since they mostly wait."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleet import Fleet
from harness import SLOW, wait_for
from namespaces import Namespaces

MINUTE = 60
POINTS = 3000
RATE = 60  # points a second of the whole fleet: there is work for the whole minute
ETCD = ["etcd0", "etcd1", "etcd2"]


def hold(seconds=MINUTE):
    time.sleep(seconds * SLOW)


def quorum_lost(fleet, _):
    with fleet.etcd.without_quorum():
        hold()
        assert all(peer.fleet_status()["phase"] == "unreachable" for peer in fleet)
    return 0


def quorum_hangs(fleet, _):
    with fleet.etcd.without_quorum("freeze"):
        hold()
    return 0


def cut(fleet, network, **how):
    """The geocoder stays in reach of the peer: it must ask nothing that is not its own."""
    allowed = fleet.in_flight + (fleet.claims("b") + 2) * fleet.share
    network.cut("b", but=["geocoder"], **how)
    done = fleet.done()
    hold(MINUTE / 2)
    assert fleet.done() > done, "the others don't go on"
    hold(MINUTE / 2)
    assert fleet.live(fleet["a"]) == ["a", "c"]
    network.heal()
    return allowed


def cut_both_ways(fleet, network):
    return cut(fleet, network)


def cut_deaf(fleet, network):
    return cut(fleet, network, is_heard=True)


def cut_mute(fleet, network):
    return cut(fleet, network, hears=True)


def minute(fault):
    with Namespaces(["a", "b", "c", "geocoder", *ETCD]) as network, \
            Fleet(points=POINTS, etcd=3, namespaces=network, lease="5s",
                  geocoder__rate=RATE) as fleet:
        fleet.start()
        run = fleet.refresh()
        fleet.wait_done(3)
        allowed = fault(fleet, network)
        assert all(peer.manifest()["run"] != run for peer in fleet), "the run was over too soon"
        wait_for(lambda: fleet.live(fleet["a"]) == ["a", "b", "c"], 60, "all to be back", every=0.2)
        fleet["a"].ctl("set", "rate=0")
        fleet.wait_switched(run, seconds=60)
        times = fleet.times_asked()
        assert set(times) == set(fleet.points)
        again = sum(times.values()) - POINTS
        for peer in fleet:
            fleet.answered_whole(peer)
        return again, allowed


@pytest.mark.long(90)
def test_a_minute_without_quorum_and_with_a_peer_cut_off():
    faults = [quorum_lost, quorum_hangs, cut_both_ways, cut_deaf, cut_mute]
    with ThreadPoolExecutor(len(faults)) as pool:
        fleets = {fault.__name__: pool.submit(minute, fault) for fault in faults}
    failures = []
    for name, fleet in fleets.items():
        if fleet.exception():
            failures.append(f"=== {name}: {fleet.exception()!r}")
            continue
        again, allowed = fleet.result()
        print(f"{name}: {again} of {POINTS} points asked again, {allowed} allowed")
        if again > allowed:
            failures.append(f"=== {name}: {again} points asked again, {allowed} allowed")
    assert not failures, "\n".join(failures)
