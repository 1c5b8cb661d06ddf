"""Promise 1 at the level of system calls: whichever call that changes a file is the last one, or
fails, the next start finds everything and the run ends with nothing lost."""

import json
import os
import shutil
import struct

import pytest

from harness import BUILD, Refreshd, make_points, wait_for

SHIM = BUILD / "tests" / "fault_shim.so"
COUNT = 600
SAMPLES = 45  # faults of each kind, spread over all calls of a run

pytestmark = pytest.mark.skipif(BUILD.name in ("asan", "tsan"),
                                reason="the sanitizers' own preloaded libraries must come first")


def fresh(template):
    daemon = Refreshd()
    shutil.copytree(template, daemon.cache)
    daemon.stub(version=2)
    daemon.configure(refresh__workers=2, refresh__point_files=8,
                     gate__max_country_changed="100%")
    return daemon


def start_with_fault(daemon, fault, counter):
    environment = {"LD_PRELOAD": str(SHIM), "FAULT_COUNT": str(counter)}
    if fault:
        environment["FAULT"] = fault
    os.environ.update(environment)
    try:
        daemon.start(wait=False)
    finally:
        for name in environment:
            del os.environ[name]


def shown_status(daemon):
    """The status document; {"state": "dead"} when the daemon ended; None when it does not answer."""
    shown = daemon.ctl("--json", "status", check=False)
    if shown.returncode == 0:
        return json.loads(shown.stdout)
    return {"state": "dead"} if daemon.process.poll() is not None else None


def run_until_rest(daemon):
    """Start a run and wait until the daemon died, paused or published; returns the last status."""
    wait_for(lambda: shown_status(daemon))
    if daemon.process.poll() is None:
        daemon.ctl("start", check=False)

    def rest():
        status = shown_status(daemon)
        return status if status and status["state"] in ("dead", "idle", "paused", "held") else None
    return wait_for(rest)


def recover_and_check(daemon, points, what):
    """Without faults: whatever is left of the run is finished and everything is right."""
    daemon.kill()
    daemon.start()
    status = daemon.wait_state("idle", "paused", "failed")
    if status["state"] == "paused":
        daemon.ctl("resume")
        status = daemon.wait_state("idle")
    if status["last_run"] is None or status["last_run"]["result"] != "published":
        daemon.ctl("start", "--wait")
    entries = daemon.export()
    assert set(entries) == set(points), what
    assert all(row["street"].endswith("v2") for row in entries.values()), what
    daemon.ctl("cache", "verify", "--deep")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A small cache, its points, and how many calls an undisturbed run makes."""
    points = make_points(COUNT, clusters=3)
    root = tmp_path_factory.mktemp("every-call")
    counter = root / "count"
    with Refreshd() as daemon:
        daemon.load(points)
        shutil.copytree(daemon.cache, root / "cache")
    with fresh(root / "cache") as daemon:
        counter.write_bytes(bytes(8))
        start_with_fault(daemon, None, counter)
        assert run_until_rest(daemon)["last_run"]["result"] == "published"
        daemon.stop()
        calls = struct.unpack("<Q", counter.read_bytes())[0]
    assert calls > 60, "the shim sees the daemon's calls"
    return root / "cache", points, calls, counter


@pytest.mark.long(30)
@pytest.mark.parametrize("kind", ["kill", "killed", "eio", "enospc"])
def test_a_fault_at_any_call(prepared, kind):
    template, points, calls, counter = prepared
    step = max(1, calls // SAMPLES)
    offset = {"kill": 0, "killed": step // 2, "eio": step // 3, "enospc": step * 2 // 3}[kind]
    seen = {}
    for number in range(1 + offset, calls + 1, step):
        with fresh(template) as daemon:
            counter.write_bytes(bytes(8))
            start_with_fault(daemon, f"{kind}:{number}", counter)
            status = run_until_rest(daemon)
            seen[status["state"]] = seen.get(status["state"], 0) + 1
            if status["state"] == "paused" and kind == "enospc":
                assert "disk full: " in status["reason"], status["reason"]
            if status["state"] == "paused" and kind == "eio":
                assert str(daemon.root) in status["reason"], status["reason"]
            recover_and_check(daemon, points, f"{kind} at call {number} of {calls}: {status}")
    print(kind, seen, f"{calls} calls in a run")
    if kind.startswith("kill"):
        assert seen.get("dead", 0) > SAMPLES // 2
    else:
        assert seen.get("paused", 0) > SAMPLES // 6
