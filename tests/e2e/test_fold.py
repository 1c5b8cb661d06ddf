"""Learned points are folded into their tiles by the next run, whatever happens to it."""

import collections
import os
import random
import shutil
import struct
import time

import pytest

from harness import BUILD, SLOW, Refreshd, make_points, small_filesystem, wait_for
from test_every_call import SHIM, run_until_rest, start_with_fault

LONG_AGO = "3650d"  # no entry is that old
SAMPLES = 30


def split(count, learned, **options):
    """Made-up points, and some more of the same places that only lookups know."""
    points = make_points(count + learned, **options)
    random.Random(3).shuffle(points)
    return points[:count], points[count:]


def learned(daemon):
    return daemon.status()["learned"]["entries"]


def streets(daemon):
    return collections.Counter(row["street"].split()[0] for row in daemon.export().values())


def test_folded_without_questions_then_forgotten(refreshd):
    known, new = split(3000, 500)
    refreshd.load(known)
    refreshd.stub(version=2, log=refreshd.asked_log)
    assert refreshd.learn(new) == 500
    refreshd.start()
    assert learned(refreshd) == 500
    plan = refreshd.json("start", "--older-than", LONG_AGO, "--dry-run")
    assert plan["points"] == 0 and plan["carried"] == 3500
    refreshd.ctl("start", "--older-than", LONG_AGO, "--wait")
    done = refreshd.status()
    assert done["generation"] == 2
    assert done["last_run"]["points"]["carried"] == done["last_run"]["points"]["total"] == 3500
    assert len(refreshd.asked()) == 0
    entries = refreshd.export()
    assert set(entries) == set(known + new)
    assert all(entries[point]["street"] == "Learned" for point in new)
    assert all(entries[point]["refreshed_at"].startswith("165") or "2022" in
               entries[point]["refreshed_at"] for point in new)
    wait_for(lambda: learned(refreshd) == 0, what="the table to be emptied")
    refreshd.ctl("start", "--older-than", LONG_AGO, "--wait")
    assert refreshd.status()["generation"] == 2, "nothing stale, nothing learned: no new generation"
    refreshd.ctl("cache", "verify", "--deep")


def test_same_points_same_bytes(refreshd):
    """A generation with folded points is the one an import of the same entries gives."""
    known, new = split(2000, 300)
    refreshd.load(known)
    refreshd.stub(version=2)
    refreshd.learn(new)
    refreshd.start()
    refreshd.ctl("start", "--older-than", LONG_AGO, "--wait")
    digest = refreshd.json("cache", "info")["digest"]
    exported = refreshd.root / "exported.csv"
    exported.write_text(refreshd.ctl("cache", "export").stdout)
    with Refreshd() as other:
        other.ctl("--cache", other.cache, "cache", "import", exported)
        assert other.json("--cache", other.cache, "cache", "info")["digest"] == digest


@pytest.mark.long(15)
@pytest.mark.parametrize("publish", ["run", "tile"])
def test_kills_over_a_run_with_learned_points(refreshd, publish):
    known, new = split(20_000, 3_000)
    everything = set(known + new)
    refreshd.load(known)
    refreshd.learn(new)
    refreshd.stub(latency_ms=3, version=2, log=refreshd.asked_log)
    refreshd.configure(refresh__workers=2, geocoder__concurrency=8, geocoder__batch=10,
                       geocoder__rate=4000, refresh__point_files=128, refresh__publish=publish,
                       gate__max_country_changed="100%")
    refreshd.start()
    refreshd.ctl("start")
    rng = random.Random(11)
    kills = 0
    while kills < 15:
        time.sleep(rng.uniform(0.02, 0.6) * SLOW)
        if refreshd.status()["state"] == "idle":
            break
        refreshd.kill()
        kills += 1
        if kills % 3 == 0:
            late = (10_000_000 + kills, 20_000_000)
            refreshd.learn([late])  # is the next run's
            everything.add(late)
        refreshd.start()
    done = refreshd.wait_state("idle", seconds=120)
    assert kills >= 5
    assert done["last_run"]["result"] == "published"
    points = done["last_run"]["points"]
    assert points["found"] + points["carried"] == points["total"]
    assert points["total"] >= len(known) + len(new)
    counts = collections.Counter(refreshd.asked())
    assert sum(counts.values()) - len(counts) <= kills * (2 * 8 * 10 + 4000)
    entries = refreshd.export()
    assert set(known + new) <= set(entries)
    assert all(entries[point]["street"].endswith("v2") for point in known + new)
    assert not (refreshd.state / "folded").exists()
    refreshd.ctl("start", "--older-than", LONG_AGO, "--wait")
    assert set(refreshd.export()) == everything, "what was learned meanwhile is folded next"
    wait_for(lambda: learned(refreshd) == 0, what="the table to be emptied")
    refreshd.ctl("cache", "verify", "--deep")


def test_full_disk_in_the_freeze(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("SKIPPED LOUDLY: needs root to mount a tmpfs")
    known, new = split(3_000, 60_000, clusters=8)
    with small_filesystem(40) as root, Refreshd(root=root) as daemon:
        daemon.load(known)
        daemon.learn(new)
        daemon.stub(version=2)
        daemon.configure(gate__max_country_changed="100%")
        daemon.start()
        free = os.statvfs(root)
        with open(root / "ballast", "wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, free.f_bavail * free.f_frsize - 400_000)
        daemon.ctl("start")
        for _ in range(2):
            status = daemon.wait_state("paused")
            assert status["reason"].startswith(f"disk full: {root}"), status["reason"]
            daemon.ctl("resume")
        daemon.wait_state("paused")
        assert not (daemon.state / "folded").exists()
        (root / "ballast").unlink()
        daemon.ctl("resume")
        done = daemon.wait_state("idle")
        assert done["last_run"]["points"]["total"] == 63_000
        assert set(daemon.export()) == set(known + new)


# --- a fault at any call ------------------------------------------------------------------------

@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    known, new = split(300, 60, clusters=3)
    root = tmp_path_factory.mktemp("fold-every-call")
    with Refreshd() as daemon:
        daemon.load(known)
        daemon.learn(new)
        shutil.copytree(daemon.cache, root / "cache")
        shutil.copytree(daemon.state, root / "state")
    counter = root / "count"
    counter.write_bytes(bytes(8))
    with fresh(root) as daemon:
        start_with_fault(daemon, None, counter)
        assert run_until_rest(daemon)["last_run"]["result"] == "published"
        daemon.stop()
    calls = struct.unpack("<Q", counter.read_bytes())[0]
    return root, known, new, calls, counter


def fresh(root):
    daemon = Refreshd()
    shutil.copytree(root / "cache", daemon.cache)
    shutil.copytree(root / "state", daemon.state)
    daemon.stub(version=2)
    daemon.configure(refresh__workers=2, refresh__point_files=8, gate__max_country_changed="100%")
    return daemon


@pytest.mark.long(20)
@pytest.mark.skipif(BUILD.name in ("asan", "tsan"),
                    reason="the sanitizers' own preloaded libraries must come first")
@pytest.mark.parametrize("kind", ["kill", "killed", "eio", "enospc"])
def test_a_fault_at_any_call(prepared, kind):
    root, known, new, calls, counter = prepared
    step = max(1, calls // SAMPLES)
    offset = {"kill": 0, "killed": step // 2, "eio": step // 3, "enospc": step * 2 // 3}[kind]
    assert SHIM.exists()
    for number in range(1 + offset, calls + 1, step):
        with fresh(root) as daemon:
            counter.write_bytes(bytes(8))
            start_with_fault(daemon, f"{kind}:{number}", counter)
            what = f"{kind} at call {number} of {calls}: {run_until_rest(daemon)}"
            daemon.kill()
            daemon.start()
            status = daemon.wait_state("idle", "paused", "failed")
            if status["state"] == "paused":
                daemon.ctl("resume")
                daemon.wait_state("idle")
            daemon.ctl("start", "--older-than", LONG_AGO, "--wait")
            entries = daemon.export()
            assert set(entries) == set(known + new), what
            assert not (daemon.state / "folded").exists(), what
            wait_for(lambda: learned(daemon) == 0, what="the table to be emptied")
            daemon.ctl("cache", "verify", "--deep")
