"""HTTP as CONTRACT has it: paths, methods, replies, compression, connections that stay open, the
switch to a new generation."""

import gzip
import json
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from harness import REFRESHD, SLOW, Refreshd, free_port, make_points, wait_for, write_csv
from raw_http import Raw, ask, serve

pytestmark = pytest.mark.sanitized

POINTS = make_points(2000)


@pytest.fixture(scope="module")
def served():
    with Refreshd() as daemon:
        yield serve(daemon, POINTS)


def reverse(point, **parameters):
    query = {"lat": f"{point[0] / 1e7:.7f}", "lon": f"{point[1] / 1e7:.7f}", **parameters}
    return "/reverse?" + "&".join(f"{key}={value}" for key, value in query.items())


def test_reverse(served):
    for number in (0, 77, 1999):
        reply = ask(served.port, reverse(POINTS[number], format="jsonv2"))
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/json; charset=utf-8"
        assert reply.headers["access-control-allow-origin"] == "*"
        assert reply.headers["x-content-type-options"] == "nosniff"
        found = json.loads(reply.body)
        assert found["address"]["road"] == "Old Street"
        assert found["display_name"] == f"{number % 99 + 1} Old Street, Oldland"
    miss = ask(served.port, "/reverse?lat=-89&lon=0")
    assert (miss.status, json.loads(miss.body)) == (200, {"error": "Unable to geocode"})


@pytest.mark.parametrize("query", [
    "", "lat=1", "lat=91&lon=0", "lat=0&lon=-180.1", "lat=nan&lon=0", "lat=0x1&lon=0",
    "lat=1,5&lon=0", "lat=1&lon=2&format=yaml", "lat=1&lon=2&zoom=far", "lat=1%00&lon=2",
    "lat=%&lon=%zz", "lat=&lon="])
def test_bad_questions(served, query):
    reply = ask(served.port, "/reverse?" + query)
    error = json.loads(reply.body)["error"]
    assert reply.status == 400 and error["code"] == 400 and error["message"]


def test_health(served):
    reply = ask(served.port, "/healthz")
    assert (reply.status, reply.body) == (200, b"ok")
    assert (ask(served.port, "/status").status, ask(served.port, "/status").body) == (200, b"OK")
    status = json.loads(ask(served.port, "/status?format=json").body)
    assert status["status"] == 0 and status["message"] == "OK" and status["software_version"]
    assert time.strptime(status["data_updated"], "%Y-%m-%dT%H:%M:%S+00:00")


def test_nothing_published(refreshd):
    refreshd.port = free_port()
    refreshd.configure(http__listen=f"127.0.0.1:{refreshd.port}")
    refreshd.start()
    assert ask(refreshd.port, "/healthz").status == 200
    reply = ask(refreshd.port, "/status")
    assert (reply.status, reply.body) == (500, b"ERROR: No database")
    reply = ask(refreshd.port, "/status?format=json")
    assert (reply.status, json.loads(reply.body)["status"]) == (200, 700)
    assert json.loads(ask(refreshd.port, "/reverse?lat=1&lon=2").body) == {
        "error": "Unable to geocode"}
    refreshd.stop()


def test_unknown_paths_and_methods(served):
    for path in ("/nothing", "/reverse/", "//reverse", "/reverse/../status", "/Reverse", "/a%2fb",
                 "/%ff%fe"):
        reply = ask(served.port, path)
        assert (reply.status, json.loads(reply.body)["error"]["code"]) == (404, 404), path
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "BREW"):
        reply = ask(served.port, "/healthz", method=method)
        assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD"), method
        assert json.loads(reply.body)["error"]["code"] == 405
    assert ask(served.port, "/%68ealthz").status == 200


def test_head_is_get_without_a_body(served):
    for path in (reverse(POINTS[3]), "/status", "/nothing", "/reverse?lat=x"):
        for encoding in ("identity", "gzip"):
            with Raw(served.port) as raw:
                raw.get(path, f"Accept-Encoding: {encoding}", method="HEAD")
                head = raw.reply(head_only=True)
                got = raw.get(path, f"Accept-Encoding: {encoding}").reply()
            date = got.headers.pop("date"), head.headers.pop("date")
            assert all(date) and head.status == got.status
            assert head.headers == got.headers
            assert int(head.headers["content-length"]) == len(got.body)


def test_gzip(served):
    path = reverse(POINTS[3])
    plain = ask(served.port, path)
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"
    packed = ask(served.port, path, "Accept-Encoding: br;q=1.0, gzip;q=0.8, *;q=0.1")
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.body) < len(plain.body) and gzip.decompress(packed.body) == plain.body
    for refused in ("gzip;q=0", "br", "identity", "*;q=0", ""):
        assert ask(served.port, path, f"Accept-Encoding: {refused}").body == plain.body


def test_connections_stay_open(served):
    with Raw(served.port) as raw:
        for number in range(200):
            reply = raw.get(reverse(POINTS[number])).reply()
            assert json.loads(reply.body)["address"]["house_number"] == str(number % 99 + 1)
        raw.get("/healthz", "Connection: close")
        assert raw.reply().headers["connection"].lower() == "close"
        assert raw.ended()
    with Raw(served.port) as raw:
        assert raw.get("/healthz", version="1.0").reply().body == b"ok"
        assert raw.ended()
    with Raw(served.port) as raw:
        for _ in range(3):
            reply = raw.get("/healthz", "Connection: keep-alive", version="1.0").reply()
            assert reply.body == b"ok" and reply.headers["connection"].lower() == "keep-alive"


def test_listen_fails_with_advice(served):
    with Refreshd() as second:
        second.configure(http__listen=f"127.0.0.1:{served.port}")
        ended = subprocess.run([REFRESHD, "--config", second.config], capture_output=True,
                               text=True, timeout=30 * SLOW)
    assert ended.returncode == 1
    assert f"127.0.0.1:{served.port}" in ended.stderr and "choose another port" in ended.stderr


def test_a_switch_is_seen_at_once(refreshd):
    """A lookup within half a second of the switch has the new address, none fails meanwhile."""
    serve(refreshd, POINTS[:100])
    seen, stop = [], threading.Event()

    def look():
        with Raw(refreshd.port) as raw:
            while not stop.is_set():
                reply = raw.get(reverse(POINTS[7])).reply()
                found = json.loads(reply.body)
                seen.append((time.monotonic(), reply.status, found["address"]["road"]))

    thread = threading.Thread(target=look)
    thread.start()
    delays = []
    for street in ("Elm Street", "Oak Street", "Yew Street"):
        path = refreshd.root / "next.csv"
        write_csv(path, POINTS[:100], street=street, refreshed_at=1_700_000_000)
        refreshd.ctl("cache", "import", path)
        switched = time.monotonic()
        wait_for(lambda: seen[-1][2] == street, what=f"{street} to be served", every=0.001)
        first = next(at for at, _, road in seen if road == street)
        delays.append(first - switched)
    stop.set()
    thread.join()
    assert sorted(delays)[1] < 0.5 * SLOW and max(delays) < 5 * SLOW, delays
    assert {status for _, status, _ in seen} == {200}


def mapped(refreshd, generation):
    """Files of the cache, of pairs that this generation built, which the daemon has mapped."""
    maps = Path(f"/proc/{refreshd.process.pid}/maps").read_text()
    return set(re.findall(rf"{refreshd.cache}/\d+\.{generation}\.(?:idx|dat)", maps))


def test_the_generation_before_is_let_go(refreshd):
    """10 s after a switch nothing of the old pairs is mapped any more, whatever looks at the cache."""
    refreshd.configure(cache__keep_generations=1)
    serve(refreshd, POINTS[:200])
    with Raw(refreshd.port) as raw:
        def look():
            for path in (reverse(POINTS[7]), "/metrics", "/api/tiles", "/api/generations", "/status"):
                assert raw.get(path).reply().status == 200
        look()
        assert mapped(refreshd, 1)
        path = refreshd.root / "next.csv"
        write_csv(path, POINTS[:200], street="Elm Street", refreshed_at=1_700_000_000)
        refreshd.ctl("cache", "import", path)
        switched = time.monotonic()
        wait_for(lambda: look() or not mapped(refreshd, 1), what="the old pairs to be let go")
        assert time.monotonic() - switched < 10 * SLOW
        assert mapped(refreshd, 2)


def test_lookups_come_before_a_refresh(served):
    """The line's threads are nice, so that a lookup need not wait until a refresh has had its turn."""
    nice = {}
    for task in Path(f"/proc/{served.process.pid}/task").iterdir():
        name, fields = (task / "stat").read_text().split("(", 1)[1].rsplit(") ", 1)
        nice[name] = int(fields.split()[16])
    assert nice["conductor"] == min(nice["http"] + 10, 19)


def test_stop_with_open_connections(refreshd):
    serve(refreshd, POINTS[:100])
    idle = [Raw(refreshd.port) for _ in range(50)]
    idle[0].get("/healthz").reply()
    idle[1].send("GET /healthz HT")
    refreshd.stop()
    assert all(raw.ended() for raw in idle)
