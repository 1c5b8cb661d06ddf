"""SIGTERM in any state ends within 10 s, resumable; pause drains first and survives a restart."""

import signal
import time

import pytest

from harness import make_points, wait_for

COUNT = 20_000


def slow_run(refreshd, rate=4000, **stub):
    points = make_points(COUNT)
    refreshd.load(points)
    refreshd.stub(latency_ms=20, version=2, log=refreshd.asked_log, **stub)
    refreshd.configure(refresh__workers=2, geocoder__concurrency=4, geocoder__batch=20,
                       geocoder__rate=rate, refresh__point_files=64,
                       gate__max_country_changed="100%")
    refreshd.start()
    return points


def answered(refreshd):
    return refreshd.status()["points"]["answered"]


@pytest.mark.sanitized
def test_sigterm_while_refreshing_is_resumable(refreshd):
    points = slow_run(refreshd)
    refreshd.ctl("start")
    wait_for(lambda: answered(refreshd) > 2000, what="some answers")
    refreshd.stop()
    asked = len(refreshd.asked())
    assert asked == len(set(refreshd.asked())), "a clean stop asks nothing twice"
    refreshd.configure(geocoder__rate=0)
    refreshd.start()
    done = refreshd.wait_state("idle")
    assert done["last_run"]["result"] == "published"
    assert len(refreshd.asked()) == COUNT, "a clean stop and start asks nothing twice"
    assert len(refreshd.export()) == len(points)


@pytest.mark.sanitized
def test_sigterm_when_idle_and_paused(refreshd):
    slow_run(refreshd)
    refreshd.stop()
    refreshd.start()
    refreshd.ctl("start")
    wait_for(lambda: answered(refreshd) > 500)
    refreshd.ctl("pause")
    refreshd.stop()
    refreshd.start()
    assert refreshd.status()["state"] == "paused"
    refreshd.stop()


def test_sigterm_twice_and_sigint(refreshd):
    slow_run(refreshd)
    refreshd.ctl("start")
    wait_for(lambda: answered(refreshd) > 100)
    refreshd.process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    refreshd.stop()


@pytest.mark.sanitized
def test_pause_drains_and_survives_a_restart(refreshd):
    slow_run(refreshd)
    run = refreshd.json("start")["run"]
    wait_for(lambda: answered(refreshd) > 1000)
    refreshd.ctl("pause")
    status = refreshd.status()
    assert status["state"] == "paused"
    assert status["requests"]["in_flight"] == 0
    asked = len(refreshd.asked())
    assert status["points"]["answered"] == asked, "pause returned before everything was committed"
    time.sleep(0.3)
    assert len(refreshd.asked()) == asked, "asked something while paused"

    refreshd.kill()
    refreshd.start()
    status = refreshd.status()
    assert status["state"] == "paused" and status["run"] == run
    assert status["points"]["answered"] == asked
    refreshd.ctl("set", "rate=0")
    refreshd.ctl("resume")
    assert refreshd.wait_state("idle")["last_run"]["result"] == "published"
    assert len(refreshd.asked()) == COUNT


def test_many_pauses_without_a_restart(refreshd):
    """What is committed while a pause drains is neither asked again nor lost after the resume."""
    points = slow_run(refreshd, rate=5000)
    refreshd.ctl("start")
    for step in range(1, 9):
        wait_for(lambda: answered(refreshd) >= step * 1500, what="answers after resume")
        refreshd.ctl("pause")
        assert refreshd.status()["points"]["answered"] == len(refreshd.asked())
        refreshd.ctl("resume")
    refreshd.ctl("set", "rate=0")
    assert refreshd.wait_state("idle")["last_run"]["result"] == "published"
    assert len(refreshd.asked()) == COUNT
    assert set(refreshd.export()) == set(points)
    refreshd.ctl("cache", "verify", "--deep")


def test_cancel_leaves_the_cache_as_it_was(refreshd):
    slow_run(refreshd)
    before = refreshd.json("cache", "info")
    refreshd.ctl("start")
    wait_for(lambda: answered(refreshd) > 1000)
    refreshd.ctl("cancel")
    status = refreshd.wait_state("idle")
    assert status["last_run"]["result"] == "cancelled" and status["last_run"]["exit"] == 1
    assert refreshd.json("cache", "info") == before
    leftovers = [p.name for p in refreshd.cache.iterdir() if ".2." in p.name or p.suffix == ".tmp"]
    assert not leftovers
    assert refreshd.ctl("start", "--wait").returncode == 0


def test_a_second_start_and_a_second_daemon_are_errors(refreshd):
    slow_run(refreshd)
    refreshd.ctl("start")
    again = refreshd.ctl("start", check=False)
    assert again.returncode == 1 and "active" in again.stderr
    import subprocess
    from harness import REFRESHD
    second = subprocess.run([REFRESHD, "--config", refreshd.config], capture_output=True, text=True)
    assert second.returncode != 0
    assert str(refreshd.process.pid) in second.stderr, "it says who holds the directory"
    imported = refreshd.ctl("cache", "import", refreshd.root / "points.csv", check=False)
    assert imported.returncode == 1, "import is refused while a run is active"
    rollback = refreshd.ctl("cache", "rollback", check=False)
    assert rollback.returncode == 1


def test_workers_and_rate_change_at_once(refreshd):
    slow_run(refreshd, rate=200)
    refreshd.ctl("start")
    wait_for(lambda: answered(refreshd) > 50)
    before = answered(refreshd)
    began = time.monotonic()
    refreshd.ctl("set", "rate=0", "workers=6", "concurrency=32")
    refreshd.wait_state("idle", seconds=20)
    assert before < 2000 and time.monotonic() - began < 20


def test_the_rate_holds_in_every_second(refreshd):
    """No second has more questions than `rate` allows."""
    points = make_points(2000)
    refreshd.load(points)
    refreshd.stub(latency_ms=1, version=2, log=refreshd.asked_log)
    refreshd.configure(refresh__workers=4, geocoder__rate=500, refresh__point_files=16,
                       geocoder__batch=20, gate__max_country_changed="100%")
    refreshd.start()
    began = time.monotonic()
    refreshd.ctl("start")
    samples = []
    while refreshd.status()["state"] != "idle":
        samples.append((time.monotonic(), len(refreshd.asked())))
        time.sleep(0.02)
    took = time.monotonic() - began
    assert 3.9 < took < 7.5, f"2000 points at 500 a second took {took:.1f} s"
    for start, (when, asked) in enumerate(samples):
        for later, more in samples[start:]:
            if later - when > 0.95:
                break
            assert more - asked <= 500
