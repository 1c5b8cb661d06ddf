"""Packets lost, clocks that are wrong, a disk that is full."""

import collections
import contextlib
import shutil
import time
from pathlib import Path

import pytest

from fleet import Fleet
from harness import small_filesystem, wait_for
from namespaces import Namespaces

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def begun(fleet):
    """Start a run as somebody does who is told to try again; its id once it has begun."""
    answer = fleet["a"].ctl("start", "--fleet", check=False)
    if answer.returncode != 0:
        print(f"start: {answer.stderr.strip()}")
        assert answer.returncode == 1
    return next(filter(fleet.is_run, answer.stdout.split()), None) or fleet["a"].status()["run"]


@pytest.mark.long(60)
def test_30_percent_of_all_packets_are_lost():
    with Namespaces(["a", "b", "c", "geocoder", "etcd0"]) as network, \
            Fleet(points=600, etcd=1, namespaces=network, lease="10s", point_files=32) as fleet:
        fleet.start()
        network.lose(0.3)
        began = time.monotonic()
        fleet.run = run = wait_for(lambda: begun(fleet), what="a start that comes through")
        fleet.wait_switched(run, seconds=150)
        print(f"switched after {time.monotonic() - began:.1f} s, skew {fleet.skew() * 1000:.0f} ms, "
              f"{fleet.requests() - len(fleet.points)} of {len(fleet.points)} asked again")
        network.heal()
        assert set(fleet.times_asked()) == set(fleet.points)
        for peer in fleet:
            fleet.answered_whole(peer)


def fill(disk):
    """Leave no room; what to remove to make some."""
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as full:
        while True:
            full.write(bytes(4096))
    return ballast


@pytest.mark.skipif(not LIBRARY.exists(), reason="NOT TESTED: libfaketime is not installed")
def test_clocks_are_30_seconds_off():
    """One peer is ahead, one behind: they switch at one moment all the same."""
    with Fleet(points=1500) as fleet:
        for name, offset in (("b", "+30s"), ("c", "-30s")):
            fleet[name].wrapper = ["env", f"LD_PRELOAD={LIBRARY}", f"FAKETIME={offset}",
                                   "FAKETIME_DONT_FAKE_MONOTONIC=1"]
        fleet.start()
        for starter in ("b", "c"):
            run = fleet.refresh(peers=starter)
            fleet.wait_switched(run)
            skew = fleet.skew()
            print(f"started by {starter}: skew {skew * 1000:.1f} ms")
            assert skew < 0.25
            fleet.wait_idle()
            fleet.stub.script("set version 3")
        assert set(fleet.times_asked().values()) == {2}
        for peer in fleet:
            peer.stop()  # a killed one would leave what libfaketime shares among processes


def test_the_disk_of_one_peer_is_full():
    """It stops by itself and says why; the others do its work; resume lets it go on."""
    with small_filesystem(24) as disk, Fleet(points=6000, stub={"delay": 60}) as fleet:
        fleet["c"].configure(refresh__state_directory=disk / "state")
        fleet.start()
        run = fleet.refresh()
        fleet.wait_done(5)
        ballast = fill(disk)
        status = fleet["c"].wait_state("paused")
        assert status["reason"].startswith(f"disk full: {disk}"), status["reason"]
        wait_for(lambda: fleet.done() == 64, 60, "the others to do the rest", every=0.05)
        assert all(peer.manifest()["run"] != run for peer in fleet), "switched without a member"
        ballast.unlink()
        fleet["a"].ctl("resume")
        fleet.wait_switched(run)
        assert set(fleet.times_asked()) == set(fleet.points)
        again = fleet.requests() - len(fleet.points)
        assert again <= fleet.in_flight + 4 * fleet.share, again


def test_the_cache_of_one_peer_has_no_room():
    """The disk is full where the pairs go: the peer that has stopped is waited for, too."""
    with small_filesystem(8) as disk, Fleet(points=4000) as fleet:
        shutil.copytree(fleet["b"].cache, disk / "cache")
        fleet["b"].cache = disk / "cache"
        fleet["b"].configure(cache__directory=disk / "cache")
        fleet.start()
        ballast = fill(disk)
        run = fleet.refresh()
        status = fleet["b"].wait_state("paused")
        assert status["reason"].startswith(f"disk full: {disk}"), status["reason"]
        ballast.unlink()
        fleet["b"].ctl("resume")
        fleet.wait_switched(run)
        assert fleet.times_asked() == collections.Counter(fleet.points)
