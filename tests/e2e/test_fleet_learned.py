"""What peers learned by themselves: all of it ends up on all of them."""

import collections

from fleet import Fleet
from harness import make_points, wait_for

OWN = make_points(40, seed=99)


def test_learned_points_of_all_peers_are_folded_in_everywhere():
    """Each learned some points, some the same at another time; a run folds in the union."""
    with Fleet(points=1000) as fleet:
        fleet["a"].learn(OWN[:20])
        fleet["b"].learn(OWN[10:30], refreshed_at=1_660_000_000, street="Later")
        fleet.start()
        run = fleet.refresh()
        fleet.wait_switched(run)
        fleet.one_digest()
        every = fleet.points + OWN[:30]
        assert fleet.times_asked() == collections.Counter(every)
        fleet.wait_idle()
        for peer in fleet:
            fleet.answered_whole(peer, every)
            wait_for(lambda: peer.status()["learned"]["entries"] == 0, 10, "the folded to be dropped")

        # What is learned while a run goes on waits for the next.
        fleet["c"].kill()
        fleet["c"].learn(OWN[30:])
        fleet["c"].start()
        fleet.wait_seen()
        fleet.stub.script("set version 3")
        fleet.wait_switched(fleet.refresh())
        fleet.wait_idle()
        assert set(fleet["a"].export()) == set(fleet.points + OWN)


def test_learned_points_of_a_peer_that_dies_meanwhile():
    """They are in the run when the others have them, and wait for the next when not; either way
    all peers are equal and nothing is lost."""
    with Fleet(points=1000, stub={"delay": 40}) as fleet:
        fleet["b"].learn(OWN)
        fleet.start()
        run = fleet.refresh()
        fleet["b"].kill()
        fleet["b"].start()
        fleet.wait_switched(run)
        fleet.one_digest()
        fleet.wait_idle()
        lat, lon = OWN[0]
        words = ("lookup", f"{lat / 1e7:.7f}", f"{lon / 1e7:.7f}")
        assert fleet["b"].json(*words)["address"]["street"]
        fleet.stub.script("set version 3")
        fleet.wait_switched(fleet.refresh())
        assert set(fleet["c"].export()) == set(fleet.points + OWN)
