"""kill -9 of peers: nothing is lost, hardly anything is asked twice, and they join again."""

import random
import time

import pytest

from fleet import Fleet
from harness import SLOW, wait_for


class Kills:
    """Kills peers and knows what that may cost in questions that are asked again."""

    def __init__(self, fleet):
        self.fleet, self.count, self.allowed = fleet, 0, 0

    def kill(self, name):
        peer = self.fleet[name]
        if not peer.alive:
            return
        claimed = self.fleet.claims(name)
        peer.kill()
        self.count += 1
        # What it had claimed, and what its workers may have claimed since.
        self.allowed += self.fleet.in_flight + (claimed + 2) * self.fleet.share

    def check(self):
        fleet = self.fleet
        times = fleet.times_asked()
        assert set(times) == set(fleet.points), "a point was never asked"
        again = sum(times.values()) - len(fleet.points)
        print(f"{self.count} kills, {again} of {len(fleet.points)} points asked again, "
              f"{self.allowed} allowed")
        assert again <= self.allowed


@pytest.mark.long(30)
def test_twenty_kills_over_one_run():
    """Peers are killed and started at random times; sometimes two or all of them are down."""
    with Fleet(points=12_000, point_files=256, etcd=3, stub={"delay": 40}) as fleet:
        fleet.start()
        run = fleet.refresh()
        kills = Kills(fleet)
        rng = random.Random(5)
        while kills.count < 20 and any(peer.manifest()["run"] != run for peer in fleet):
            time.sleep(rng.uniform(0.05, 0.8) * SLOW)
            kills.kill(rng.choice(fleet.names))
            for peer in fleet:
                if not peer.alive and rng.random() < 0.6:
                    peer.start(wait=False)
        for peer in fleet:
            if not peer.alive:
                peer.start(wait=False)
        assert kills.count >= 10
        fleet.wait_switched(seconds=120)
        kills.check()
        for peer in fleet:
            fleet.answered_whole(peer)


@pytest.mark.parametrize("seed", [1, 2])
def test_one_kill_at_any_moment_of_a_run(seed):
    """Short runs, in each of which one peer is killed once, from the start on to the switch."""
    with Fleet(points=800, etcd=1, stub={"delay": 25}) as fleet:
        fleet.start()
        rng = random.Random(seed)
        for version in range(2, 7):
            fleet.stub.script(f"set version {version}", "set delay_ms 25")
            before = fleet.requests()
            run = fleet.refresh()
            kills = Kills(fleet)
            time.sleep(rng.uniform(0, 2.5) * SLOW)
            name = rng.choice(fleet.names)
            kills.kill(name)
            time.sleep(rng.choice([0, 0.5, 3]) * SLOW)
            fleet[name].start()
            fleet.wait_switched(run)
            again = fleet.requests() - before - len(fleet.points)
            assert 0 <= again <= kills.allowed, f"{again} asked again"
            fleet.wait_idle()
        entries = fleet["a"].export()
        assert all(row["street"].endswith("v6") for row in entries.values())


def test_what_a_dead_peer_had_claimed_is_asked_by_the_others():
    """A peer dies for good; those that are ready are enough, so the fleet goes on without it."""
    with Fleet(points=4000, stub={"delay": 60}, peers__switch="quorum") as fleet:
        fleet.start()
        run = fleet.refresh()
        fleet.wait_done(8)
        kills = Kills(fleet)
        kills.kill("b")
        died = time.monotonic()
        after = fleet.wait_switched(names="ac")
        print(f"switched {time.monotonic() - died:.1f} s after the death")
        kills.check()
        # It comes back, sees that it is stale, and fetches what the others have.
        fleet["b"].start()
        fleet.wait_switched(run)
        assert fleet.one_digest() == after
        kills.check()
        fleet.wait_idle()
        fleet.answered_whole(fleet["b"])


def test_a_peer_that_missed_the_switch_catches_up_before_it_serves():
    with Fleet(points=600, switch_delay="4s") as fleet:
        fleet.start()
        run = fleet.refresh()
        wait_for(lambda: fleet.etcd.read(f"{fleet.prefix}current"), 60, "the decision")
        assert fleet["c"].manifest()["run"] != run
        fleet["c"].kill()
        fleet.wait_switched(names="ab")
        assert fleet["c"].digest() != fleet["a"].digest()
        fleet["c"].start(wait=False)
        fleet.wait_switched(run, seconds=20)
        fleet.wait_idle()
        wait_for(lambda: fleet["c"].fleet_status()["phase"] == "idle", 10, "the fleet to be idle")
        assert fleet.requests() == len(fleet.points)


def test_the_only_holder_of_answers_is_lost():
    """A peer that nobody could fetch from dies with its disk: what it had done is asked again, and
    nothing else. A new machine takes its name."""
    with Fleet(points=2400, stub={"delay": 40}, lease="2s") as fleet:
        fleet.start()
        # Nobody can fetch from b: it advertises where nobody listens.
        fleet["b"].kill()
        fleet["b"].configure(peers__advertise="127.0.0.1:9")
        fleet["b"].start()
        fleet.wait_seen()
        run = fleet.refresh()
        kills = Kills(fleet)
        fleet.wait_done(30)
        lost = fleet.done_by("b")
        assert lost > 0
        kills.kill("b")
        kills.allowed += (fleet.done_by("b")) * fleet.share
        fleet.wipe(fleet["b"])
        fleet["b"].configure(peers__advertise=fleet["b"].keys["peers.listen"])
        fleet["b"].start()
        fleet.wait_switched(run, seconds=90)
        kills.check()
        again = fleet.requests() - len(fleet.points)
        assert again > 0
        for peer in fleet:
            fleet.answered_whole(peer)
