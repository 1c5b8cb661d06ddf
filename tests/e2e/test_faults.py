"""Every fault of the stub geocoder: what is asked, how often and when, and that nothing is lost."""

import collections
import csv
import io
import time

import pytest

from harness import make_points, wait_for
from stub_geocoder import StubGeocoder, address, chosen, make_certificate, reconcile, use

COUNT = 160
POINTS = make_points(COUNT)
SPREAD = sorted({(i * 123456789 % 1600000000 - 800000000, i * 987654321 % 3600000000 - 1800000000)
                 for i in range(COUNT)})
ALWAYS, ONCE = 10, 5  # 1 in so many points: always faulty; the first time they are asked
ALWAYS_SALT, ONCE_SALT = 101, 102  # of the first and the second rule
RETRIES = 2
TRANSIENT, PERMANENT = RETRIES + 1, 1


def failures(refreshd):
    rows = csv.DictReader(io.StringIO(refreshd.ctl("failures", "--format", "csv").stdout))
    return {(round(float(r["lat"]) * 1e7), round(float(r["lon"]) * 1e7)): r for r in rows}


def check_entries(refreshd, failed=(), version=1):
    """The right address on every point, the old one where asking failed, and none lost."""
    entries = refreshd.export()
    assert set(entries) == set(refreshd.points)
    for point, row in entries.items():
        if point in failed:
            assert row["street"] == "Old Street" and row["refreshed_at"] == "1600000000"
        else:
            assert row["street"] == address(point, version)["street"], point
        assert row["outcome"] == "found"


def prepare(refreshd, stub, points=POINTS, **keys):
    refreshd.points = points
    refreshd.load(points)
    use(refreshd, stub, **{"retries": RETRIES, "timeout": "400ms", **keys})
    refreshd.configure(refresh__max_failed="100%")
    refreshd.start()


def refresh(refreshd):
    code = refreshd.ctl("start", "--wait", check=False).returncode
    points = reconcile(refreshd.status())
    assert code == (4 if points["failed"] else 0)
    return points


GOOGLE = 'body text={"results":[],"status":"%s"}'

# What the stub does, whom it plays, the cause that is listed, the HTTP status that is listed, and
# how often a point is asked in vain.
FAULTS = {
    "hang": ("hang", "nominatim", "timeout", "0", TRANSIENT),
    "stalled": ("stalled", "nominatim", "timeout", None, TRANSIENT),
    "length_long": ("length_long", "nominatim", "timeout", None, TRANSIENT),
    "slow": ("delay ms=2000", "nominatim", "timeout", "0", TRANSIENT),
    "reset_before": ("reset_before", "nominatim", "reset", "0", TRANSIENT),
    "reset_middle": ("reset_middle", "nominatim", "reset", None, TRANSIENT),
    "close_before": ("close_before", "nominatim", "reset", "0", TRANSIENT),
    "truncated": ("truncated", "nominatim", "reset", None, TRANSIENT),
    "chunked_open": ("chunked_open", "nominatim", "reset", None, TRANSIENT),
    "chunked_broken": ("chunked_broken", "nominatim", None, None, TRANSIENT),
    "length_short": ("length_short", "nominatim", "bad_reply", "200", TRANSIENT),
    "500": ("status status=500", "nominatim", "http_5xx", "500", TRANSIENT),
    "502": ("status status=502", "pelias", "http_5xx", "502", TRANSIENT),
    "408": ("status status=408", "nominatim", "http_4xx", "408", TRANSIENT),
    "400": ("status status=400", "nominatim", "bad_request", "400", PERMANENT),
    "photon 400": ('status status=400 text={"message":"x"}', "photon", None, "400", TRANSIENT),
    "404": ("status status=404", "nominatim", "bad_request", "404", PERMANENT),
    "html 200": ("html", "nominatim", "bad_reply", "200", TRANSIENT),
    "html 500": ("html status=500", "nominatim", "http_5xx", "500", TRANSIENT),
    "empty body": ("body text=", "nominatim", "bad_reply", "200", TRANSIENT),
    "wrong json": ("body text=[1,2,3]", "nominatim", "bad_reply", "200", TRANSIENT),
    "invalid_utf8": ("invalid_utf8", "nominatim", "bad_reply", "200", TRANSIENT),
    "huge": ("huge", "nominatim", "bad_reply", None, TRANSIENT),
    "nested": ("nested bytes=1000", "nominatim", "bad_reply", "200", TRANSIENT),
    "body_cut": ("body_cut", "nominatim", "bad_reply", "200", TRANSIENT),
    "error object": ('body status=200 text={"error":{"code":400,"message":"bad"}}', "nominatim",
                     "bad_request", "200", PERMANENT),
    "error text": ('body text={"error":"the database is busy"}', "nominatim", "bad_reply", "200",
                   TRANSIENT),
    "google unknown": (GOOGLE % "UNKNOWN_ERROR", "google", "http_5xx", "200", TRANSIENT),
    "google invalid": (GOOGLE % "INVALID_REQUEST", "google", "bad_request", "200", PERMANENT),
    "redirect away": ("redirect where=http://elsewhere.invalid", "nominatim", "bad_reply", "302",
                      PERMANENT),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(refreshd, name):
    """1 point in ALWAYS fails whenever it is asked, 1 in ONCE the first time."""
    fault, provider, cause, status, tries = FAULTS[name]
    options = {"key": "k"} if provider in ("google",) else {}
    head, space, text = fault.partition(" text=")
    always = {p for p in POINTS if chosen(p, ALWAYS, ALWAYS_SALT)}
    once = {p for p in POINTS if chosen(p, ONCE, ONCE_SALT)} - always
    assert 5 < len(always) and 10 < len(once)
    with StubGeocoder(provider, **options) as stub:
        patience = {"timeout": "10s", "concurrency": 4} if name == "huge" else {"concurrency": 32}
        prepare(refreshd, stub, **patience)
        stub.script(f"{head} points={ALWAYS}{space}{text}", f"{head} points={ONCE} once=1{space}{text}")
        points = refresh(refreshd)
        failed = always | (once if tries == PERMANENT else set())
        assert points["failed"] == len(failed) and points["found"] == COUNT - len(failed)
        check_entries(refreshd, failed)
        asked = stub.times_asked()
        for point in POINTS:
            wanted = tries if point in always else (min(tries, 2) if point in once else 1)
            assert asked[point] == wanted, (point, point in always, point in once)
        listed = failures(refreshd)
        assert set(listed) == failed
        for row in listed.values():
            assert row["attempts"] == str(tries) and row["detail"], row
            assert cause is None or row["cause"] == cause, row
            assert status is None or row["status"] == status, row
        told = refreshd.status()["last_run"]
        assert sum(told["failures"].values()) >= len(failed)
        assert told["failures"][listed[next(iter(failed))]["cause"]] >= len(failed)
        if tries == TRANSIENT:
            assert told["requests"]["retried"] == len(always) * RETRIES + len(once)


@pytest.mark.parametrize("fault", ["chunked", "close_said", "http10", "redirect", "delay ms=150"])
def test_odd_but_good(refreshd, fault):
    with StubGeocoder() as stub:
        prepare(refreshd, stub)
        stub.script(f"{fault} one_in=2")
        assert refresh(refreshd)["found"] == COUNT
        check_entries(refreshd)
        redirected = sum(request.fault == "redirect" for request in stub.asked())
        assert sum(stub.times_asked().values()) <= COUNT + redirected
        assert refreshd.status()["last_run"]["requests"]["retried"] == 0


def test_connections_closed_between_requests(refreshd):
    """Whether the end of a connection is seen before or after it is used again is luck."""
    with StubGeocoder() as stub:
        prepare(refreshd, stub)
        stub.script("close one_in=2")
        assert refresh(refreshd)["found"] == COUNT
        check_entries(refreshd)
        assert sum(stub.times_asked().values()) <= COUNT + 20


@pytest.mark.parametrize("what", ["retry_after=2", "retry_date=1"])
@pytest.mark.parametrize("status", [429, 503])
def test_nobody_asks_before_retry_after_has_passed(refreshd, status, what):
    points = make_points(600)
    with StubGeocoder(delay=2) as stub:
        prepare(refreshd, stub, points, rate=500)
        stub.script(f"status status={status} {what} from=100 to=101")
        assert refresh(refreshd)["found"] == len(points)
        requests = stub.asked()
        refused = [r.time for r in requests if r.fault != "-"]
        least = 2.0 if "after" in what else 1.0
        early = [r.time - refused[-1] for r in requests
                 if refused[-1] + 0.1 < r.time < refused[-1] + least - 0.01]
        assert len(refused) == 2 and not early, early
        after = next(r.time for r in requests if r.time > refused[-1] + 0.1)
        assert after - refused[-1] < least + 2.6, "and then it goes on"
        assert sum(stub.times_asked().values()) == len(points) + 2


def test_refusals_lower_the_rate_for_everyone(refreshd):
    points = make_points(1500)
    with StubGeocoder(delay=50) as stub:
        prepare(refreshd, stub, points, rate=600, retries=6, concurrency=32)
        stub.script("status status=429 from=300 to=320")
        refreshd.ctl("start")
        stub.wait_requests(700, seconds=15)
        requests = stub.asked()
        last = max(r.time for r in requests if r.fault != "-")
        resumed = next(r.time for r in requests if r.time > last + 0.2)
        after = sum(1 for r in requests if resumed <= r.time < resumed + 0.4) / 0.4
        assert after < 0.7 * 600, f"{after:.0f}/s after"
        refreshd.ctl("set", "rate=0")
        refreshd.wait_state("idle", seconds=30)
        assert reconcile(refreshd.status())["found"] == len(points)


def test_google_says_it_in_the_body(refreshd):
    """OVER_QUERY_LIMIT comes with status 200: it lowers the pace and is no answer."""
    with StubGeocoder("google", key="k", delay=5) as stub:
        prepare(refreshd, stub)
        stub.script((GOOGLE % "OVER_QUERY_LIMIT").replace(" text=", " from=20 to=40 text="))
        assert refresh(refreshd)["found"] == COUNT
        check_entries(refreshd)
        last = max(r.time for r in stub.asked() if r.fault != "-")
        assert not [r for r in stub.asked() if last + 0.1 < r.time < last + 0.4]


def test_retries_stay_within_their_budget(refreshd):
    """30% of all requests fail: what is asked again is at most a fifth of what is asked."""
    points = make_points(3000)
    with StubGeocoder() as stub:
        prepare(refreshd, stub, points, retries=4)
        stub.script("status status=500 one_in=3")
        points_told = refresh(refreshd)
        asked = again = 0
        seen = set()
        for request in stub.asked():
            asked += 1
            again += request.points[0] in seen
            seen.add(request.points[0])
            # What is in flight (4 workers, 16 each) was asked before it comes here, in any order.
            assert again <= max(100, 0.2 * (asked + 64)) + 1
        assert len(seen) == len(points), "every point was asked"
        assert again > 0.1 * asked, "the budget is used"
        listed = failures(refreshd)
        assert points_told["failed"] == len(listed)
        check_entries(refreshd, set(listed))


@pytest.mark.parametrize("provider", ["addok", "mapbox", "here"])
@pytest.mark.parametrize("fault", ["rows_missing", "rows_extra", "rows_reordered", "rows_duplicated",
                                   "body_cut"])
def test_batches_with_wrong_rows(refreshd, provider, fault):
    """A point never gets the address of another one, nor none for a missing row."""
    options = {} if provider == "addok" else {"key": "k"}
    # Mapbox's rows have no identity but where they are: next door, a wrong one may not be noticed.
    points = SPREAD if provider == "mapbox" else POINTS
    with StubGeocoder(provider, **options) as stub:
        prepare(refreshd, stub, points, batch=20)
        stub.script(f"{fault} from=2 to=4")
        assert refresh(refreshd)["found"] == len(points), "asked again, they are all right"
        check_entries(refreshd)
        times = stub.times_asked()
        assert set(times) == set(points) and max(times.values()) <= 1 + RETRIES
        refreshd.stop()
        stub.script("set version 2", fault)
        refreshd.start()
        points = refresh(refreshd)
        assert points["none"] == points["unsure"] == 0
        for point, row in refreshd.export().items():
            assert row["street"] in (address(point)["street"], address(point, 2)["street"])
        if points["failed"]:
            causes = {row["cause"] for row in failures(refreshd).values()}
            assert causes <= {"missing_row", "bad_reply"}
            assert all(int(row["attempts"]) <= TRANSIENT for row in failures(refreshd).values())


@pytest.mark.parametrize("provider", ["addok", "mapbox", "here"])
@pytest.mark.parametrize("fault", ["hang", "reset_middle", "status status=500", "html", "huge"])
def test_batches_that_fail_whole(refreshd, provider, fault):
    options = {} if provider == "addok" else {"key": "k"}
    with StubGeocoder(provider, **options) as stub:
        prepare(refreshd, stub, batch=20)
        stub.script(f"{fault} from=2 to=4")
        assert refresh(refreshd)["found"] == COUNT
        check_entries(refreshd)
        again = sum(stub.times_asked().values()) - COUNT
        assert 20 <= again <= 100
        assert refreshd.status()["last_run"]["requests"]["retried"] > 0


def test_redirects_to_another_host_reach_nobody(refreshd):
    with StubGeocoder() as stub, StubGeocoder() as other:
        prepare(refreshd, stub)
        stub.script(f"redirect where=http://localhost:{other.port} points=4",
                    f"redirect where=http://127.0.0.1:{other.port} points=4")
        points = refresh(refreshd)
        wanted = {p for p in POINTS if chosen(p, 4, 101) or chosen(p, 4, 102)}
        assert points["failed"] == len(wanted) > 20
        assert other.asked() == [] and other.stats()["connections"] == 1
        assert set(stub.times_asked().values()) == {1}, "permanent: asked once"
        for row in failures(refreshd).values():
            assert row["cause"] == "bad_reply" and "?" not in row["detail"]
        check_entries(refreshd, wanted)


def test_redirects_in_a_circle_end(refreshd):
    with StubGeocoder() as stub:
        prepare(refreshd, stub)
        stub.script(f"redirect where=loop points={ALWAYS}")
        failed = {p for p in POINTS if chosen(p, ALWAYS, ALWAYS_SALT)}
        assert refresh(refreshd)["failed"] == len(failed)
        asked = stub.times_asked()
        assert {asked[p] for p in failed} == {4}, "three redirects are followed"
        assert all(row["attempts"] == "1" and row["cause"] == "bad_reply"
                   for row in failures(refreshd).values())
        check_entries(refreshd, failed)


def test_redirects_from_https_to_http_reach_nobody(refreshd, tmp_path):
    with StubGeocoder(certificate=make_certificate(tmp_path)) as stub, StubGeocoder() as other:
        prepare(refreshd, stub, POINTS[:40])
        stub.script(f"redirect where=http://127.0.0.1:{other.port}")
        assert refresh(refreshd)["failed"] == 40
        assert other.asked() == [] and other.stats()["connections"] == 1


@pytest.mark.parametrize("names,days,trusted", [
    ("DNS:elsewhere.invalid", 2, True), ("IP:127.0.0.1", -1, True), ("IP:127.0.0.1", 2, False)])
def test_nothing_is_asked_of_a_server_that_cannot_be_trusted(refreshd, tmp_path, names, days, trusted):
    with StubGeocoder(certificate=make_certificate(tmp_path, names, days)) as stub:
        refreshd.points = POINTS
        refreshd.load(POINTS)
        use(refreshd, stub)
        if not trusted:
            refreshd.configure(geocoder__ca_file="")
        refreshd.start()
        refreshd.ctl("start")
        status = wait_reason(refreshd)
        assert status["state"] == "refreshing" and status["points"]["failed"] == 0
        assert "certificate" in status["reason"].lower() or "tls" in status["reason"].lower()
        time.sleep(1.2)
        assert refreshd.status()["points"]["answered"] == 0
        assert stub.asked() == [] and stub.stats()["requests"] == 0
        refreshd.ctl("cancel")


def wait_reason(refreshd, seconds=10):
    return wait_for(lambda: (lambda s: s if s["reason"] else None)(refreshd.status()), seconds,
                    "a reason", every=0.02)


def test_failures_by_cause_add_up(refreshd):
    with StubGeocoder() as stub:
        prepare(refreshd, stub, concurrency=32)
        stub.script("status status=404 points=10", "html points=10", "hang points=20")
        points = refresh(refreshd)
        listed = collections.Counter(row["cause"] for row in failures(refreshd).values())
        assert sum(listed.values()) == points["failed"] > 10
        told = refreshd.status()["last_run"]["failures"]
        assert {cause: told[cause] for cause in listed} == dict(listed)
        stub.script("set version 2")
        refreshd.stop()
        refreshd.start()
        before = len(stub.asked())
        refreshd.ctl("start", "--retry-failed", "--wait")
        again = stub.asked()[before:]
        assert len(again) == points["failed"], "the failures alone are asked again"
        assert reconcile(refreshd.status())["failed"] == 0
