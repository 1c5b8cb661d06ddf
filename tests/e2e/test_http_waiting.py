"""Lookups that wait for the geocoder: they hold up nobody, and neither a client that leaves, nor the
time a connection has, nor a stop gets in their way."""

import json
import time

import pytest

from harness import SLOW, make_points, wait_for
from raw_http import Raw, ask, serve

pytestmark = pytest.mark.sanitized

POINTS = make_points(200)
LATENCY = 2.0


def path(lat, lon):
    return f"/reverse?lat={lat:.5f}&lon={lon:.5f}&format=jsonv2"


KNOWN = path(POINTS[0][0] / 1e7, POINTS[0][1] / 1e7)
MISS = path(-70, 10)


@pytest.fixture
def slow(refreshd):
    """Serves POINTS; the geocoder takes LATENCY seconds for each answer."""
    refreshd.stub(latency_ms=int(LATENCY * 1000), version=2)
    return serve(refreshd, POINTS, lookup__on_miss="fetch", lookup__fetch_timeout="8s",
                 http__timeout="1s")


def test_waiting_holds_up_nobody(slow):
    """The same miss asked fifty times at once and each client waits longer than a connection may
    be idle, while hits are answered at once on the same threads."""
    began = time.monotonic()
    waiting = [Raw(slow.port).get(MISS).get(KNOWN) for _ in range(50)]
    for _ in range(50):
        asked = time.monotonic()
        assert b"Old Street" in ask(slow.port, KNOWN).body
        assert time.monotonic() - asked < LATENCY * 0.75 * SLOW
    for raw in waiting:
        first, second = raw.reply(), raw.reply()
        assert "address" in json.loads(first.body), first.body
        assert b"Old Street" in second.body
    assert LATENCY * 0.9 < time.monotonic() - began < LATENCY * 3 * SLOW
    assert slow.status()["learned"] == {"entries": 1, "pending": 0, "max": 1000000}


@pytest.mark.long(10)
def test_clients_that_leave(slow):
    for number in range(100):
        with Raw(slow.port) as raw:
            raw.get(path(-70 + number / 100, 20))
    wait_for(lambda: slow.status()["learned"]["entries"] == 100, what="all to be learned")
    assert "address" in json.loads(ask(slow.port, path(-70, 20)).body)


def test_a_wait_is_limited(slow):
    slow.configure(lookup__fetch_timeout="300ms")
    slow.process.send_signal(1)  # SIGHUP
    wait_for(lambda: "reload" in slow.log.read_text(), what="the reload")
    began = time.monotonic()
    assert json.loads(ask(slow.port, MISS).body) == {"error": "Unable to geocode"}
    assert 0.25 < time.monotonic() - began < LATENCY * 0.8 * SLOW
    wait_for(lambda: "address" in json.loads(ask(slow.port, MISS).body), what="it to be learned")


def test_time_goes_on_after_a_wait(slow):
    """Once answered, a connection that idles ends as any other."""
    idle = Raw(slow.port).get(MISS)
    assert "address" in json.loads(idle.reply().body)
    assert idle.ended(8)


def test_stop_while_clients_wait(slow):
    waiting = [Raw(slow.port).get(path(-70 + number / 10, 30)) for number in range(30)]
    wait_for(lambda: slow.status()["learned"]["pending"] > 0, what="a question")
    began = time.monotonic()
    slow.stop()
    assert time.monotonic() - began < 5 * SLOW
    for raw in waiting:
        reply = raw.reply()
        assert reply is None or reply.status in (200, 503)
        raw.socket.close()
