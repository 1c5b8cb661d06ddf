"""Clients that are broken or mean: none crashes refreshd, costs others much or fills the log."""

import json
import os
import random
import resource
import socket
import struct
import time

import pytest

from harness import BUILD, SLOW, Refreshd, make_points, wait_for
from raw_http import Raw, ask, serve

POINTS = make_points(500)
IDLE = 10_000 if BUILD.name not in ("asan", "tsan") else 2000
IDLE_BYTES = 100_000_000


@pytest.fixture(scope="module")
def served():
    with Refreshd() as daemon:
        yield serve(daemon, POINTS, http__timeout="5s")


@pytest.fixture
def impatient(refreshd):
    return serve(refreshd, POINTS, http__timeout="2s")


def alive(daemon, within=5):
    """A lookup on a connection of its own is answered soon; the log has no line for each client."""
    began = time.monotonic()
    lat, lon = POINTS[0]
    reply = ask(daemon.port, f"/reverse?lat={lat / 1e7:.7f}&lon={lon / 1e7:.7f}")
    assert reply.status == 200 and b"Old Street" in reply.body
    assert time.monotonic() - began < within * SLOW
    assert daemon.process.poll() is None
    assert daemon.log.stat().st_size < 20_000


# --- bytes -------------------------------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("request_bytes", [
    b"\r\n\r\n", b"\n\n\n", b"GET\r\n\r\n", b"GET /healthz\r\n\r\n", b" / HTTP/1.1\r\n\r\n",
    b"GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET /healthz HTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /heal thz HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n", b"GET /healthz HTTP/1.1\r\n Host: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\r\n",
    b"GET /healthz HTTP/1.1\rHost: x\r\r", b"GET /healthz HTTP/1.1\nHost: x\n\n",
    b"GET /healthz\0x HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: \0\r\n\r\n",
    b"G\0T /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 500, b"\xff" * 500, b"\x16\x03\x01\x02\0\x01\0\x01",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://other.invalid/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /reverse?lat=%&lon=%4&%=%zz&=&&&%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /reverse?" + b"a&" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /reverse?lat=1&lon=" + b"9" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: 200-maybe\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nAccept-Encoding: " + b"gzip;q=," * 500 + b"\r\n\r\n",
])
def test_malformed(served, request_bytes):
    """Whatever is sent is answered by sensible replies, and the connection ends."""
    with Raw(served.port) as raw:
        raw.send(request_bytes)
        raw.socket.shutdown(socket.SHUT_WR)
        statuses = []
        while (reply := raw.reply()) is not None:
            statuses.append(reply.status)
        assert len(statuses) <= 2
        assert set(statuses) <= {100, 200, 400, 404, 405, 411, 413, 414, 417, 431, 501, 505}, statuses
    alive(served)


@pytest.mark.sanitized
def test_garbage(served):
    rng = random.Random(7)
    words = [b"GET ", b"/reverse?lat=", b"HTTP/1.1", b"\r\n", b"\r\n\r\n", b"Host: x", b"%00", b"\0",
             b"Content-Length: 5", b"Transfer-Encoding: chunked", b" ", b":", b"&", b"HEAD "]
    for _ in range(300):
        data = b"".join(rng.choice(words) if rng.random() < 0.8 else rng.randbytes(rng.randrange(40))
                        for _ in range(rng.randrange(1, 30)))
        with Raw(served.port) as raw:
            raw.send(data)
            if rng.random() < 0.5:  # leave with a reset
                raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    alive(served)


@pytest.mark.sanitized
def test_large_headers(served):
    for header in ("X: " + "a" * 9000, "\r\n".join(f"X{n}: y" for n in range(2000)),
                   "X: " + "a" * 1_000_000):
        with Raw(served.port) as raw:
            try:
                raw.get("/healthz", header)
            except (BrokenPipeError, ConnectionResetError):
                pass
            reply = raw.reply()
            assert reply is None or reply.status == 431
    assert ask(served.port, "/healthz", "X: " + "a" * 9000).status == 431
    assert ask(served.port, "/healthz", "X: " + "a" * 7000).status == 200
    assert ask(served.port, "/healthz?" + "a" * 9000).status in (414, 431)
    alive(served)


@pytest.mark.sanitized
def test_bodies(served):
    """A body is read and ignored within bounds; beyond them the connection ends."""
    with Raw(served.port) as raw:
        raw.get("/healthz", "Content-Length: 19").send("GET /nothing HTTP/1")
        assert raw.reply().body == b"ok"
        raw.get("/status", "Transfer-Encoding: chunked").send("3\r\nabc\r\n0\r\n\r\n")
        assert raw.reply().body == b"OK"
    assert ask(served.port, "/healthz", "Content-Length: 100000000").status == 413
    with Raw(served.port) as raw:
        raw.get("/healthz", "Transfer-Encoding: chunked")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(2000):
                raw.send(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
    alive(served)


@pytest.mark.sanitized
def test_no_header_can_be_injected(served):
    for path in ("/reverse?lat=1%0d%0aX-Evil:1&lon=2", "/%0d%0aX-Evil:1", "/healthz?%0d%0aX-Evil:1"):
        assert "x-evil" not in ask(served.port, path).headers


# --- order -------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_pipelining(served):
    """A thousand requests at once: as many replies, in order."""
    with Raw(served.port) as raw:
        requests = []
        for number in range(1000):
            lat, lon = POINTS[number % len(POINTS)]
            requests.append(f"GET /reverse?lat={lat / 1e7:.7f}&lon={lon / 1e7:.7f}&zoom=18 HTTP/1.1\r\n"
                            f"Host: x\r\nAccept-Encoding: {'gzip' if number % 3 == 0 else 'br'}\r\n\r\n")
        raw.send("".join(requests))
        for number in range(1000):
            reply = raw.reply()
            assert reply.status == 200
            if number % 3:
                house = json.loads(reply.body)["address"]["house_number"]
                assert house == str(number % len(POINTS) % 99 + 1)
        raw.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            raw.more()


@pytest.mark.sanitized
def test_half_closed(served):
    """A client that has said all and still listens gets its answers."""
    with Raw(served.port) as raw:
        raw.get("/healthz").get("/status").socket.shutdown(socket.SHUT_WR)
        assert raw.reply().body == b"ok"
        assert raw.reply().body == b"OK"
        assert raw.ended()


# --- time --------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_a_byte_a_second(impatient):
    """Bytes do not buy time: a request that takes too long is ended."""
    text = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 1000
    clients = [Raw(impatient.port) for _ in range(50)]
    began = time.monotonic()
    ended = 0
    for byte in text:
        try:
            for raw in clients:
                raw.socket.send(bytes([byte]))
        except (BrokenPipeError, ConnectionResetError):
            ended = time.monotonic() - began
            break
        assert time.monotonic() - began < 20 * SLOW
        alive(impatient)
        time.sleep(0.1)
    assert ended > 1.5
    assert all(raw.ended() for raw in clients)
    alive(impatient)


@pytest.mark.sanitized
def test_never_reads(impatient):
    """Clients that ask and never read: their connections end, others are served meanwhile."""
    clients = [Raw(impatient.port, receive_bytes=4096) for _ in range(20)]
    request = b"GET /reverse?lat=1&lon=2&format=geocodejson HTTP/1.1\r\nHost: x\r\n\r\n" * 200
    for raw in clients:
        raw.socket.setblocking(False)
    began = time.monotonic()
    open_ones = set(clients)
    while open_ones:
        for raw in list(open_ones):
            try:
                raw.socket.send(request)
            except BlockingIOError:
                pass
            except OSError:
                open_ones.discard(raw)
        alive(impatient)
        assert time.monotonic() - began < 30 * SLOW
        time.sleep(0.05)


# --- many --------------------------------------------------------------------------------


def resident(daemon):
    fields = open(f"/proc/{daemon.process.pid}/status").read()
    return int(fields.split("VmRSS:")[1].split()[0]) * 1024


@pytest.fixture
def many_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < IDLE + 3000:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE + 3000, IDLE + 3000))
        except (ValueError, PermissionError):
            pytest.skip(f"the limit of open files is {before[1]}")
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE + 3000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.sanitized
def test_idle_connections(refreshd, many_files):
    """Ten thousand connections that say nothing, a tenth of them after one request."""
    serve(refreshd, POINTS, http__timeout="300s", http__max_connections=IDLE + 1000)
    alive(refreshd)
    before = resident(refreshd)
    idle = []
    try:
        for number in range(IDLE):
            raw = Raw(refreshd.port)
            idle.append(raw)
            if number % 10 == 0:
                assert raw.get("/healthz").reply().body == b"ok"
            if number % 500 == 0:
                alive(refreshd, within=3)
        alive(refreshd, within=3)
        grown = resident(refreshd) - before
        print(f"{len(idle)} idle connections: {grown / 1e6:.1f} MB")
        if SLOW == 1:
            assert grown < IDLE_BYTES
        for raw in idle[::1000]:
            assert raw.get("/healthz").reply().body == b"ok"
    finally:
        for raw in idle:
            raw.socket.close()
    wait_for(lambda: len(os.listdir(f"/proc/{refreshd.process.pid}/fd")) < 200, what="them to go")
    alive(refreshd)


@pytest.mark.sanitized
def test_more_than_there_may_be(refreshd):
    """A flood of connections above max_connections delays others, well below the timeout."""
    serve(refreshd, POINTS, http__timeout="20s", http__max_connections=100)
    flood = [Raw(refreshd.port) for _ in range(300)]
    alive(refreshd, within=15)
    assert len(os.listdir(f"/proc/{refreshd.process.pid}/fd")) < 200
    for raw in flood:
        raw.socket.close()
    alive(refreshd)


@pytest.mark.sanitized
def test_rate_of_a_client(refreshd):
    serve(refreshd, POINTS, http__client_rate=5)
    replies = [ask(refreshd.port, "/healthz") for _ in range(30)]
    refused = [reply for reply in replies if reply.status == 429]
    assert {reply.status for reply in replies} == {200, 429} and len(refused) >= 10
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    assert json.loads(refused[0].body)["error"]["code"] == 429
    wait_for(lambda: ask(refreshd.port, "/healthz").status == 200, every=0.3)
