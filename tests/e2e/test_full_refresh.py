"""Everything at once: 200,000 points, 1% random faults, two kills and a pause, and nothing is lost."""

import time

import pytest
from harness import make_points
from stub_geocoder import StubGeocoder, address, reconcile, use

POINTS = 200_000
WORKERS, CONCURRENCY, RATE = 2, 32, 20_000
FAULTS = ["status status=500 one_in=400", "reset_middle one_in=800", "truncated one_in=800",
          "html one_in=800", "invalid_utf8 one_in=800", "status status=503 one_in=2000",
          "chunked_broken one_in=2000", "length_short one_in=2000", "hang one_in=4000",
          "body_cut one_in=4000"]


@pytest.mark.long(30)
def test_a_full_refresh_through_faults_kills_and_a_pause(refreshd):
    points = make_points(POINTS, clusters=300)
    refreshd.load(points)
    with StubGeocoder() as stub:
        use(refreshd, stub, rate=RATE, concurrency=CONCURRENCY, timeout="1s", retries=8)
        refreshd.configure(refresh__workers=WORKERS)
        stub.script(*FAULTS)
        refreshd.start()
        refreshd.ctl("start")
        for kill_at in (POINTS // 4, POINTS // 2):
            stub.wait_requests(kill_at, seconds=60)
            refreshd.kill()
            refreshd.start()
        stub.wait_requests(POINTS * 3 // 4, seconds=60)
        refreshd.ctl("pause")
        assert refreshd.status()["requests"]["in_flight"] == 0
        time.sleep(0.1)
        asked = len(stub.asked())
        time.sleep(0.5)
        assert len(stub.asked()) == asked, "a pause asks nothing"
        refreshd.ctl("resume")
        refreshd.wait_state("idle", seconds=90)

        told = reconcile(refreshd.status())
        assert told["found"] == told["total"] == POINTS and told["failed"] == 0
        times = stub.times_asked()
        assert len(times) == POINTS, "a point was never asked"
        faults = sum(request.fault != "-" for request in stub.asked())
        again = sum(times.values()) - POINTS
        print(f"{faults} faults, {again} questions repeated")
        assert POINTS * 0.005 < faults < POINTS * 0.02
        assert again <= faults + 2 * (WORKERS * CONCURRENCY + RATE)
        good = sum(request.fault == "-" for request in stub.asked())
        assert good - POINTS <= 2 * (WORKERS * CONCURRENCY + RATE), "paid for twice"

    entries = refreshd.export()
    assert len(entries) == POINTS
    for point in points:
        row = entries[point]
        assert row["outcome"] == "found" and row["street"] == address(point)["street"], point
    refreshd.ctl("cache", "verify", "--deep")
