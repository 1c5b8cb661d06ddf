"""Promises 1 and 2: kill -9 at any moment loses nothing and asks almost nothing twice."""

import collections
import random
import time

import pytest
from harness import SLOW, make_points, wait_for

POINTS = 120_000
KILLS = 60
WORKERS, CONCURRENCY, BATCH = 3, 8, 10
RATE = 5_000  # points per second


@pytest.mark.long(50)
def test_sixty_kills_over_one_run(refreshd):
    """Every point is answered once in the output; a kill repeats at most the requests in flight
    plus one second of work."""
    points = make_points(POINTS)
    refreshd.load(points)
    refreshd.stub(latency_ms=3, version=2, log=refreshd.asked_log)
    refreshd.configure(refresh__workers=WORKERS, geocoder__concurrency=CONCURRENCY,
                       geocoder__batch=BATCH, geocoder__rate=RATE, refresh__point_files=256,
                       gate__max_country_changed="100%")
    refreshd.start()
    refreshd.ctl("start")
    rng = random.Random(7)
    kills = 0
    repeated = []
    while True:
        time.sleep(rng.uniform(0.05, 0.7) * SLOW)
        before = len(refreshd.asked())
        state = refreshd.status()["state"] if rng.random() < 0.3 else "?"
        if state == "idle" or (kills >= KILLS and state != "?"):
            break
        if kills >= KILLS:
            continue
        refreshd.kill()
        kills += 1
        asked = refreshd.asked()
        repeated.append(len(asked) - len(set(asked)))
        # Now and then the daemon is killed while it is still starting.
        refreshd.start(wait=rng.random() < 0.8)
        assert before <= len(asked)
    if refreshd.process.poll() is None:
        wait_for(refreshd.answers)
    done = refreshd.wait_state("idle", seconds=120)
    assert kills >= 50
    assert done["last_run"]["result"] == "published" and done["last_run"]["exit"] == 0

    counts = collections.Counter(refreshd.asked())
    assert len(counts) == POINTS, "a point was never asked"
    in_flight = WORKERS * CONCURRENCY * BATCH
    growth = [later - earlier for earlier, later in zip(repeated, repeated[1:])]
    print(f"{kills} kills, {sum(counts.values()) - POINTS} of {POINTS} points asked again, "
          f"at most {max(growth, default=0)} after one kill")
    assert max(growth, default=0) <= in_flight + RATE * 1.0
    assert sum(counts.values()) - POINTS <= kills * (in_flight + RATE * 1.0)

    entries = refreshd.export()
    assert set(entries) == set(points)
    assert all(row["street"].endswith("v2") and row["outcome"] == "found" for row in entries.values())
    points_done = done["last_run"]["points"]
    assert points_done["found"] == points_done["answered"] == points_done["total"] == POINTS
    refreshd.ctl("cache", "verify", "--deep")
