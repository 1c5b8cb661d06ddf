"""What operators do on one peer is done to the whole fleet."""

import collections
import json
import time

import pytest

from fleet import Fleet
from harness import SLOW, wait_for


def paces(fleet, seconds=3):
    """Points that each peer asks in a second, over so many seconds from now."""
    before, began = collections.Counter(fleet.asked_by()), time.monotonic()
    time.sleep(seconds * SLOW)
    after, took = fleet.asked_by(), time.monotonic() - began
    return {name: (count - before[name]) / took for name, count in after.items()}


def settle(fleet, most, good):
    """Wait until the paces are good; together they are never more than `most`."""
    def look():
        seen = paces(fleet)
        assert sum(seen.values()) <= most, seen
        return seen if good(seen) else None
    return wait_for(look, 60, "the paces of the peers")


def test_pause_resume_set_and_cancel_from_any_peer():
    with Fleet(points=6000, stub={"delay": 40}, geocoder__rate=300) as fleet:
        before = fleet.one_digest()
        fleet.start()
        run = fleet.refresh()
        fleet.wait_done(4)

        fleet["b"].ctl("pause")
        for peer in fleet:
            assert peer.wait_state("paused", seconds=10)["run"] == run
        wait_for(lambda: sum(paces(fleet, 0.5).values()) == 0, 10, "nobody to ask")
        # The pause outlives whoever asked for it, and a restart.
        fleet["b"].kill()
        fleet["b"].start()
        assert fleet["b"].wait_state("paused", seconds=10)["run"] == run
        assert sum(paces(fleet, 1).values()) == 0

        fleet["c"].ctl("resume")
        wait_for(lambda: all(count > 0 for count in paces(fleet, 0.5).values()), 10, "all to ask")

        fleet["a"].ctl("set", "rate=30")
        wait_for(lambda: sum(paces(fleet, 1).values()) <= 36, 10, "the new rate")
        for peer in fleet:
            wait_for(lambda: peer.status()["rate"] <= 30, 5, "each to know the rate")

        fleet["b"].ctl("cancel")
        for peer in fleet:
            status = peer.wait_state("idle", seconds=10)
            assert status["last_run"]["run"] == run, status["last_run"]
            assert status["last_run"]["result"] == "cancelled"
        assert fleet.one_digest() == before
        assert fleet["a"].json("peers")

        fleet["a"].ctl("set", "rate=5", check=False)  # there is no run: refused, and no harm
        second = fleet.refresh("--rate", "100000")
        assert second != run
        fleet.wait_switched(second)


def test_the_rate_is_the_fleets_and_live_peers_divide_it():
    with Fleet(points=6000, stub={"delay": 10}, lease="2s", geocoder__rate=90) as fleet:
        fleet.start()
        fleet.refresh()
        fleet.wait_done(1, seconds=30)
        settle(fleet, 90 * 1.15, lambda pace: sum(pace.values()) > 67
               and all(20 < each < 42 for each in pace.values()))
        fleet["c"].kill()
        wait_for(lambda: fleet.live(fleet["a"]) == ["a", "b"], 10, "c to be gone")
        settle(fleet, 90 * 1.15, lambda pace: sum(pace.values()) > 67 and pace.get("c", 0) == 0
               and all(33 < pace[name] < 57 for name in "ab"))
        # At no moment was it more than the fleet may: in the worst seconds, what a change of
        # membership lets through.
        fleet["c"].start()
        settle(fleet, 90 * 1.3, lambda pace: pace["c"] > 0)
        fleet["c"].ctl("cancel")


def test_settings_that_differ_are_reported():
    with Fleet(points=300, stub={"delay": 40}) as fleet:
        fleet["b"].configure(geocoder__language="fr")
        fleet["c"].configure(gate__max_lost="7%")
        fleet.start()
        run = fleet.refresh(peers="a")
        differs = {peer["name"]: peer.get("differs") for peer in fleet["a"].json("peers")}
        assert "language" in differs["b"], differs
        assert "max_lost" in differs["c"], differs
        assert not differs["a"], differs
        assert "language" in fleet["a"].ctl("peers").stdout
        # What the run says holds for all of them, so they agree all the same.
        fleet.wait_switched(run)
        fleet.one_digest()


def test_a_run_held_at_the_gate_is_published_from_another_peer():
    """All addresses come to lie in another country; each peer says no, one operator says yes."""
    with Fleet(points=600, gate__max_country_changed="2%") as fleet:
        before = fleet.one_digest()
        fleet.start()
        run = fleet.refresh()
        for peer in fleet:
            assert peer.wait_state("held")["run"] == run
        refused = fleet["b"].ctl("publish", check=False)
        assert refused.returncode == 5, refused
        assert fleet.one_digest() == before
        fleet["c"].ctl("publish", "--force")
        fleet.wait_switched(run)
        assert fleet.times_asked() == collections.Counter(fleet.points)


def test_two_digests_end_the_run_and_are_named():
    """c claims to have prepared something else than the others."""
    with Fleet(points=600, lease="2s", switch_delay="1s") as fleet:
        before = fleet.one_digest()
        fleet.start()
        run = fleet.refresh()
        fleet["c"].kill()
        wait_for(lambda: len(fleet.ready()) == 2, 60, "a and b to be ready", every=0.05)
        honest = next(iter(fleet.ready().values()))["digest"]
        fleet.etcd.write(f"{fleet.prefix}r/{run}/ready/c", json.dumps({"digest": "5" * 32}))
        for name in "ab":
            last = fleet[name].wait_state("idle", "failed", seconds=20)["last_run"]
            assert (last["run"], last["result"]) == (run, "failed"), last
            reason = last.get("reason") or fleet[name].log.read_text()
            assert honest in reason and "5" * 32 in reason, reason
        assert fleet.one_digest() == before
        # The fleet is not stuck: with an honest c the next run passes.
        fleet["c"].start()
        fleet.wait_seen()
        fleet.wait_switched(fleet.refresh())


@pytest.mark.parametrize("words", [["retry"], ["tiles"]])
def test_a_part_of_the_points(words):
    """Parameters of a start are the run's, on every peer."""
    with Fleet(points=1200, refresh__max_failed="100%") as fleet:
        fleet.start()
        rows = [row for row in fleet["a"].manifest()["tiles"] if row["entries"] > 0]
        if words == ["tiles"]:
            chosen = rows[0]
            run = fleet.refresh("--tiles", str(chosen["tile"]), peers="b")
            fleet.wait_switched(run)
            assert fleet.requests() == chosen["entries"]
            return
        fleet.stub.script("status status=404 points=10")
        run = fleet.refresh()
        fleet.wait_switched(run)
        fleet.wait_idle()
        failed = fleet["a"].status()["last_run"]["points"]["failed"]
        assert 0 < failed < 600
        fleet.stub.script("set version 2")
        before = fleet.requests()
        second = fleet.refresh("--retry-failed", peers="c")
        fleet.wait_switched(second)
        assert fleet.requests() - before == failed
