"""Peers whose cache is not the fleet's: they fetch what differs before they take part."""

import collections

from fleet import Fleet
from harness import wait_for, write_csv


def test_a_peer_that_differs_catches_up_first():
    """c has other addresses in part of the world: it fetches the pairs that differ, then all share
    the run."""
    with Fleet(points=1500) as fleet:
        c = fleet["c"]
        west = {point for point in fleet.points if point[1] < 0}
        write_csv(fleet.root / "west.csv", sorted(west), street="Wrong Street",
                  refreshed_at=1_610_000_000)
        c.ctl("--cache", c.cache, "cache", "import", fleet.root / "west.csv")
        assert c.digest() != fleet["a"].digest()
        base = fleet["a"].manifest()
        same = sum(row in c.manifest()["tiles"] for row in base["tiles"])
        assert 0 < same < len(base["tiles"]), "the test needs pairs that are equal and pairs that differ"
        fleet.start()
        run = fleet.refresh()
        fleet.wait_switched(run)
        fleet.one_digest()
        assert fleet.times_asked() == collections.Counter(fleet.points)
        fleet.wait_idle()
        for peer in fleet:
            fleet.answered_whole(peer)
        fetched = c.fleet_status().get("bytes_fetched", 0)
        print(f"c fetched {fetched} bytes in all")


def test_an_empty_peer_catches_up_and_takes_part():
    with Fleet(points=1500) as fleet:
        fleet.start()
        fleet.refresh()
        after = fleet.wait_switched()
        fleet.wait_idle()
        d = fleet.add("d")
        fleet.names.append("d")
        d.start()
        wait_for(lambda: (d.cache / "MANIFEST").exists() and d.digest() == after, 30,
                 "the new peer to have the generation")
        fleet.answered_whole(d)
        assert fleet.requests() == len(fleet.points)
        fleet.wait_seen()
        fleet.stub.script("set version 3")
        fleet.refresh()
        fleet.wait_switched()
        assert set(fleet.times_asked().values()) == {2}
        assert fleet.asked_by()["d"] > 0


def test_an_empty_peer_is_there_at_the_first_start():
    """The majority says what the fleet's generation is; a peer without one fetches it."""
    with Fleet(points=800) as fleet:
        d = fleet.add("d")
        fleet.names.append("d")
        fleet.start()
        run = fleet.refresh()
        wait_for(lambda: (d.cache / "MANIFEST").exists(), 30, "the new peer to have a generation")
        fleet.wait_switched(run)
        assert fleet.times_asked() == collections.Counter(fleet.points)


def test_a_peer_that_was_away_for_two_generations():
    with Fleet(points=800, peers__switch="quorum") as fleet:
        fleet.start()
        fleet["c"].stop()
        wait_for(lambda: fleet.live(fleet["a"]) == ["a", "b"], 20, "c to be gone")
        for version in (2, 3):
            fleet.stub.script(f"set version {version}")
            fleet.refresh()
            after = fleet.wait_switched()
            fleet.wait_idle()
        fleet["c"].start()
        wait_for(lambda: fleet["c"].digest() == after, 30, "c to catch up")
        fleet["c"].ctl("cache", "verify", "--deep")
        assert fleet["c"].manifest()["generation"] == fleet["a"].manifest()["generation"]
        # Lookups come from what was fetched.
        lat, lon = fleet.points[0]
        found = fleet["c"].json("lookup", f"{lat / 1e7:.7f}", f"{lon / 1e7:.7f}")
        assert found["address"]["street"].endswith("v3")


def test_an_import_on_one_peer_is_not_the_fleets():
    """Whoever changed its cache by hand is the odd one out at the next run, and loses it."""
    with Fleet(points=800) as fleet:
        fleet.start()
        write_csv(fleet.root / "own.csv", fleet.points[:100], street="By Hand",
                  refreshed_at=1_700_000_000)
        fleet["b"].ctl("cache", "import", fleet.root / "own.csv")
        assert fleet["b"].digest() != fleet["a"].digest()
        fleet.refresh()
        fleet.wait_switched()
        fleet.one_digest()
        fleet.wait_idle()
        fleet.answered_whole(fleet["b"])
