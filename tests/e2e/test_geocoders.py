"""Every network geocoder end to end: the right address on every point, asked once and politely."""

import subprocess
from urllib.parse import quote, unquote

import pytest

from harness import REFRESHD, make_points
from stub_geocoder import (StubGeocoder, address, chosen, make_certificate, most_in_a_second,
                           reconcile, use)

KEY = "s3cret+key/%41&of=mine"
COUNT = 300
POINTS = sorted(set(make_points(COUNT - 5)) | {(0, 0), (-1, 1), (900000000, 10), (-899999999, -5),
                                               (123, -1800000000)})
ALL = {"label", "housenumber", "street", "district", "city", "county", "state", "postcode",
       "country", "countrycode"}
FIELDS = {"photon": ALL - {"label"}, "addok": {"label", "housenumber", "street", "city", "postcode"}}
KEYED = ("google", "here", "mapbox", "opencage", "pelias")


def check_entries(refreshd, provider, points=POINTS, version=1):
    entries = refreshd.export()
    assert set(entries) == set(points)
    for point in points:
        expected = address(point, version)
        for field in FIELDS.get(provider, ALL):
            assert entries[point][field] == expected[field], (point, field, entries[point])
        assert entries[point]["outcome"] == "found"
        assert int(entries[point]["refreshed_at"]) > 1_700_000_000


def refresh(refreshd, *words):
    refreshd.ctl("start", *words, "--wait")
    return reconcile(refreshd.status())


@pytest.mark.sanitized
@pytest.mark.parametrize("provider,batch", [
    ("nominatim", 1), ("photon", 1), ("pelias", 1), ("addok", 1), ("addok", 40), ("mapbox", 1),
    ("mapbox", 1000), ("here", 1), ("here", 100), ("opencage", 1), ("google", 1)])
def test_right_address_on_every_point(refreshd, provider, batch):
    options = {"key": "a-key"} if provider in KEYED else {}
    with StubGeocoder(provider, **options) as stub:
        refreshd.load(POINTS)
        use(refreshd, stub, batch=batch)
        refreshd.start()
        points = refresh(refreshd)
        assert points["found"] == points["total"] == len(POINTS)
        check_entries(refreshd, provider)
        times = stub.times_asked()
        assert set(times) == set(POINTS) and set(times.values()) == {1}
        requests = stub.asked()
        assert all(request.fault == "-" for request in requests)
        assert max(len(request.points) for request in requests) <= batch
        status = refreshd.status()["last_run"]
        assert status["requests"]["sent"] >= len(requests) and status["requests"]["retried"] == 0
        if batch > 1:
            assert len(requests) < len(POINTS) / 4, "batches are filled"
        assert stub.stats()["connections"] <= 2 * 16 + 1, "connections are used again"


@pytest.mark.parametrize("provider,batch", [
    ("nominatim", 1), ("photon", 1), ("pelias", 1), ("addok", 1), ("addok", 40), ("mapbox", 40),
    ("here", 1), ("here", 40), ("opencage", 1), ("google", 1)])
def test_no_address_is_unsure_then_none(refreshd, provider, batch):
    options = {"key": "a-key"} if provider in KEYED else {}
    empty = {point for point in POINTS if chosen(point, 5)}
    assert 0 < len(empty) < len(POINTS)
    with StubGeocoder(provider, empty=5, **options) as stub:
        refreshd.load(POINTS)
        use(refreshd, stub, batch=batch)
        refreshd.configure(gate__max_lost="100%")
        refreshd.start()
        points = refresh(refreshd)
        assert points["unsure"] == len(empty) and points["found"] == len(POINTS) - len(empty)
        entries = refreshd.export()
        assert {p for p, row in entries.items() if row["outcome"] == "unsure"} == empty
        assert all(entries[point]["street"] == "Old Street" for point in empty)
        assert refresh(refreshd)["none"] == len(empty)


@pytest.mark.parametrize("provider,batch", [
    ("nominatim", 1), ("photon", 1), ("pelias", 1), ("addok", 1), ("addok", 40), ("mapbox", 40),
    ("here", 1), ("here", 40), ("opencage", 1), ("google", 1)])
def test_an_address_too_far_away_is_none(refreshd, provider, batch):
    options = {"key": "a-key"} if provider in KEYED else {}
    points = [point for point in POINTS if abs(point[0]) < 850000000]
    with StubGeocoder(provider, **options) as stub:
        refreshd.load(points)
        use(refreshd, stub, batch=batch, max_distance="50m")
        refreshd.start()
        stub.script("far bytes=3000")  # 33 m
        assert refresh(refreshd)["found"] == len(points)
        stub.script("set version 2", "far bytes=9000")  # 100 m
        assert refresh(refreshd)["unsure"] == len(points)
        assert not any("v2" in row["street"] for row in refreshd.export().values())


def test_what_a_request_says(refreshd):
    with StubGeocoder("nominatim", prefix="/some/where") as stub:
        refreshd.load(POINTS[:50])
        use(refreshd, stub, language="de,en;q=0.5", user_agent="tests (nobody@example.invalid)")
        refreshd.configure(geocoder__url=stub.url + "/")
        refreshd.start()
        assert refresh(refreshd)["found"] == 50
        head = stub.last().decode()
        assert head.startswith("GET /some/where/reverse?")
        assert "User-Agent: tests (nobody@example.invalid)\r\n" in head
        assert "accept-language=de,en;q=0.5" in unquote(head)


def leaks(root, key, but=()):
    """The files under root in which the key stands, as it is or percent-encoded."""
    shapes = {key.lower().encode(), quote(key, safe="").lower().encode()}
    return [path for path in root.rglob("*") if path.is_file() and path not in but
            and any(shape in path.read_bytes().lower() for shape in shapes)]


@pytest.mark.parametrize("provider", KEYED)
def test_the_key_is_sent_and_appears_nowhere(refreshd, provider):
    with StubGeocoder(provider) as stub:  # takes any key
        refreshd.load(POINTS[:60])
        use(refreshd, stub, timeout="300ms", retries=1)
        key_file = refreshd.root / "the-key"
        key_file.write_text(KEY + "\n")
        refreshd.configure(geocoder__key_file=key_file, refresh__max_failed="100%")
        refreshd.start()
        stub.script("redirect where=http://elsewhere.invalid from=1 to=10",
                    "status status=500 text=you sent s3cret+key/%41&of=mine from=11 to=25",
                    "html status=400 from=26 to=30", "hang from=31 to=34",
                    "body text={\"error\":\"bad s3cret+key/%41&of=mine\"} from=35 to=40",
                    "reset_middle from=41 to=45")
        refreshd.ctl("start", "--wait", check=False)
        reconcile(refreshd.status())
        texts = [refreshd.ctl(*words, check=False) for words in
                 (["status"], ["--json", "status"], ["failures"], ["failures", "--format", "csv"],
                  ["--json", "report"], ["runs"])]
        assert not any(KEY in t.stdout + t.stderr or "s3cret" in t.stdout + t.stderr for t in texts)
        stub.script("status status=403 text=the key s3cret+key/%41&of=mine is no good")
        refreshd.ctl("start", check=False)
        status = refreshd.wait_state("paused", seconds=10)
        assert "s3cret" not in str(status)
        refreshd.ctl("cancel")
        assert quote(KEY, safe="").lower().encode() in stub.last().lower(), "it is sent"
        refreshd.stop()
        assert leaks(refreshd.root, KEY, but=[key_file]) == []
        assert leaks(refreshd.root, "s3cret", but=[key_file]) == []
        checked = subprocess.run([REFRESHD, "--config", refreshd.config, "--check-config"],
                                 capture_output=True, text=True)
        assert checked.returncode == 0 and "s3cret" not in checked.stdout + checked.stderr


def check_config(refreshd):
    return subprocess.run([REFRESHD, "--config", refreshd.config, "--check-config"],
                          capture_output=True, text=True)


def test_key_files_that_are_no_good(refreshd):
    refreshd.configure(geocoder__provider="opencage", geocoder__url="http://127.0.0.1:9")
    empty = refreshd.root / "empty"
    empty.write_text(" \n\t\n")
    for path in (refreshd.root / "missing", empty, refreshd.root, ""):
        refreshd.configure(geocoder__key_file=path)
        result = check_config(refreshd)
        assert result.returncode == 2 and "key" in result.stderr, (path, result.stderr)
        assert str(path) in result.stderr


def test_url_must_be_set(refreshd):
    for provider in ("nominatim", "photon", "pelias", "addok"):
        refreshd.configure(geocoder__provider=provider)
        result = check_config(refreshd)
        assert result.returncode == 2 and "url" in result.stderr


def test_terms_that_forbid_storing_are_told(refreshd):
    key = refreshd.root / "k"
    key.write_text("k")
    refreshd.configure(geocoder__provider="google", geocoder__key_file=key,
                       geocoder__url="http://127.0.0.1:9")
    result = check_config(refreshd)
    assert result.returncode == 0 and "storage_permitted" in result.stderr
    refreshd.start()
    assert "storage_permitted" in refreshd.log.read_text()
    refreshd.configure(geocoder__storage_permitted="yes")
    result = check_config(refreshd)
    assert result.returncode == 0 and "storage_permitted" not in result.stderr
    refreshd.configure(geocoder__provider="nominatim", geocoder__storage_permitted="no")
    assert "storage_permitted" not in check_config(refreshd).stderr


def test_rate_holds_in_every_second(refreshd):
    points = make_points(1200)
    with StubGeocoder() as stub:
        refreshd.load(points)
        use(refreshd, stub, rate=400)
        refreshd.start()
        assert refresh(refreshd)["found"] == len(points)
        assert most_in_a_second(stub.asked()) <= 400
        took = stub.asked()[-1].time - stub.asked()[0].time
        assert took > len(points) / 400 - 0.1, "nor is it more on the whole"
        assert took < len(points) / 400 * 1.8 + 0.5, "the rate is used"


def test_rate_holds_for_batches(refreshd):
    points = make_points(3000)
    with StubGeocoder("here", key="k") as stub:
        refreshd.load(points)
        use(refreshd, stub, rate=1000, batch=100)
        refreshd.start()
        assert refresh(refreshd)["found"] == len(points)
        assert most_in_a_second(stub.asked()) <= 1000


def test_set_rate_acts_within_a_second(refreshd):
    points = make_points(6000)
    with StubGeocoder() as stub:
        refreshd.load(points)
        use(refreshd, stub, rate=100)
        refreshd.start()
        refreshd.ctl("start")
        stub.wait_requests(80)
        refreshd.ctl("set", "rate=5000")
        refreshd.wait_state("idle", seconds=25)  # at the rate before it would be 60 s
        assert reconcile(refreshd.status())["found"] == len(points)


def test_concurrency_bounds_requests_in_flight(refreshd):
    points = make_points(600)
    with StubGeocoder(delay=20) as stub:
        refreshd.load(points)
        use(refreshd, stub, concurrency=3)
        refreshd.configure(refresh__workers=2)
        refreshd.start()
        assert refresh(refreshd)["found"] == len(points)
        requests = stub.asked()
        most = max(sum(1 for other in requests[max(0, i - 20):i + 1] if other.time > r.time - 0.018)
                   for i, r in enumerate(requests))
        assert most <= 6


@pytest.mark.sanitized
@pytest.mark.parametrize("http1", [False, True])
def test_over_tls(refreshd, tmp_path, http1):
    certificate = make_certificate(tmp_path)
    options = {"http1": True} if http1 else {}
    with StubGeocoder("nominatim", certificate=certificate, **options) as stub:
        refreshd.load(POINTS)
        use(refreshd, stub)
        refreshd.start()
        assert refresh(refreshd)["found"] == len(POINTS)
        check_entries(refreshd, "nominatim")
        stats = stub.stats()
        assert stats["secure_connections"] > 0
        if http1:
            assert stats["http2_connections"] == 0
        else:
            assert 0 < stats["http2_connections"] <= 2, "one connection a worker"


def test_faults_over_http2(refreshd, tmp_path):
    with StubGeocoder("nominatim", certificate=make_certificate(tmp_path)) as stub:
        refreshd.load(POINTS)
        use(refreshd, stub, timeout="1s")
        refreshd.start()
        stub.script("reset_before from=5 to=20", "status status=500 from=21 to=30", "hang from=31 to=32",
                    "reset_middle from=33 to=40", "close from=60 to=61")
        assert refresh(refreshd)["found"] == len(POINTS)
        check_entries(refreshd, "nominatim")
        assert len(POINTS) + 36 <= len(stub.asked()) <= len(POINTS) + 36 + 2 * 16
