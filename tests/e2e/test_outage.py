"""A geocoder that is down, refuses, or is paid up: the run waits or pauses, says why, and goes on."""

import contextlib
import os
import socket
import threading
import time

import pytest

from harness import SLOW, make_points, wait_for
from stub_geocoder import StubGeocoder, address, reconcile, use

POINTS = make_points(2000)


def prepare(refreshd, stub, **keys):
    refreshd.load(POINTS)
    use(refreshd, stub, **keys)
    refreshd.start()


def with_reason(refreshd, *words, seconds=10):
    """Wait until status has a reason with one of these words in it."""
    def look():
        status = refreshd.status()
        reason = (status["reason"] or "").lower()
        return status if any(word in reason for word in words) else None
    return wait_for(look, seconds, f"a reason with {words}", every=0.02)


def check_all_found(refreshd):
    points = reconcile(refreshd.status())
    assert points["found"] == len(POINTS) and points["failed"] == 0
    entries = refreshd.export()
    assert set(entries) == set(POINTS)
    assert all(entries[p]["street"] == address(p)["street"] for p in POINTS)


@pytest.mark.long(10)
@pytest.mark.sanitized
def test_killed_in_the_middle_of_a_run(refreshd):
    """Down for 5 s with requests in flight: nothing fails, and it goes on within 5 s."""
    with StubGeocoder(delay=20) as stub:
        prepare(refreshd, stub, rate=800, retries=1)
        refreshd.ctl("start")
        stub.wait_requests(500)
        stub.kill()
        status = with_reason(refreshd, "connect", "refused", "down", "reach", seconds=3)
        assert status["state"] == "refreshing" and "127.0.0.1" in status["reason"]
        assert status["points"]["failed"] == 0
        time.sleep(5)
        assert refreshd.status()["state"] == "refreshing"
        before = len(stub.asked())
        stub.start()
        back = time.monotonic()
        stub.wait_requests(before + 1, seconds=5)
        wait_for(lambda: refreshd.status()["reason"] is None, 5, "the reason to go")
        refreshd.wait_state("idle", seconds=20)
        assert stub.asked()[before].time - back < 5 * SLOW
        check_all_found(refreshd)
        assert max(stub.times_asked().values()) <= 3
        again = sum(stub.times_asked().values()) - len(POINTS)
        assert again <= 2 * 16 + 5, "what was in flight is asked again, and nothing else"


class Refuser:
    """Accepts connections and ends them before a TLS handshake, counting them."""

    def __enter__(self):
        self.times = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def serve(self):
        while True:
            line, _ = self.listener.accept()
            line.close()
            if self.listener.fileno() < 0 or self.ended:
                return
            self.times.append(time.monotonic())

    ended = False

    def __exit__(self, *_):
        self.ended = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self.thread.join()
        self.listener.close()


def test_at_most_one_probe_a_second(refreshd):
    with Refuser() as refuser:
        refreshd.load(POINTS)
        refreshd.configure(geocoder__provider="nominatim", refresh__workers=4,
                           geocoder__url=f"https://127.0.0.1:{refuser.port}")
        refreshd.start()
        refreshd.ctl("start")
        wait_for(lambda: refuser.times, 10, "the first connections")
        first = time.monotonic()
        time.sleep(5)
        probes = [t for t in refuser.times if t > first + 1.5]
        assert 2 <= len(probes) <= 5, "it is looked for, and not hammered"
        assert all(later - earlier > 0.6 for earlier, later in zip(probes, probes[1:])), probes
        assert len(refuser.times) - len(probes) <= 4 * 16 + 2, "what was asked when it went down"
        status = refreshd.status()
        assert status["state"] == "refreshing" and status["points"]["failed"] == 0
        assert status["reason"]
        refreshd.ctl("cancel")


def test_down_from_the_start_and_stopped(refreshd):
    """A daemon whose geocoder is down stops, starts and pauses as ever."""
    with StubGeocoder() as stub:
        prepare(refreshd, stub)
        stub.kill()
        refreshd.ctl("start")
        with_reason(refreshd, "connect", "refused", "down", "reach")
        refreshd.stop()
        refreshd.start()
        with_reason(refreshd, "connect", "refused", "down", "reach")
        refreshd.ctl("pause")
        assert refreshd.status()["state"] == "paused"
        stub.start()
        time.sleep(1.2)
        assert stub.asked() == [], "paused is paused"
        refreshd.ctl("resume")
        refreshd.wait_state("idle")
        check_all_found(refreshd)


def test_a_name_that_does_not_exist(refreshd):
    with resolver(refreshd, answers=True):
        refreshd.load(POINTS)
        refreshd.configure(geocoder__provider="nominatim", geocoder__url="http://nowhere.invalid")
        refreshd.start()
        refreshd.ctl("start")
        status = with_reason(refreshd, "reach", "nowhere.invalid", seconds=15)
        assert status["state"] == "refreshing" and status["points"]["failed"] == 0
        refreshd.ctl("cancel")


def test_names_that_are_never_resolved(refreshd):
    """A name server that drops everything delays no pause and no stop."""
    with resolver(refreshd, answers=False):
        refreshd.load(POINTS)
        refreshd.configure(geocoder__provider="nominatim", geocoder__url="http://nowhere.invalid")
        refreshd.start()
        refreshd.ctl("start")
        status = with_reason(refreshd, "reach", "nowhere.invalid", seconds=15)
        assert status["state"] == "refreshing" and status["points"]["failed"] == 0
        time.sleep(1.5)
        began = time.monotonic()
        refreshd.ctl("pause")
        assert time.monotonic() - began < 8 * SLOW
        refreshd.ctl("resume")
        time.sleep(0.5)
        refreshd.stop()


@contextlib.contextmanager
def resolver(refreshd, answers):
    """Let refreshd alone see a name server that knows no name, or says nothing at all."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    host = f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250}.53"
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind((host, 53))

    def serve():
        while True:
            query, asker = line.recvfrom(2000)
            if not query:
                return
            if answers:  # the same question, marked as a reply: no such name
                line.sendto(query[:2] + b"\x81\x83" + query[4:], asker)
    thread = threading.Thread(target=serve)
    thread.start()
    (refreshd.root / "resolv.conf").write_text(f"nameserver {host}\n")
    refreshd.wrapper = ["unshare", "--mount", "sh", "-c",
                        'mount --bind "$0" /etc/resolv.conf && exec "$@"',
                        refreshd.root / "resolv.conf"]
    try:
        yield
    finally:
        refreshd.kill()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", (host, 53))
        thread.join()
        line.close()


QUOTA = [("nominatim", "status status=402", "quota"),
         ("opencage", 'status status=402 text={"status":{"code":402,"message":"quota exceeded"}}',
          "quota"),
         ("google", 'body text={"results":[],"status":"OVER_DAILY_LIMIT"}', "quota"),
         ("nominatim", "status status=403", "denied"),
         ("mapbox", "status status=401", "denied"),
         ("google", 'body text={"results":[],"status":"REQUEST_DENIED"}', "denied")]


@pytest.mark.parametrize("provider,fault,cause", QUOTA)
def test_quota_and_denial_pause_the_run(refreshd, provider, fault, cause):
    words = {"quota": ("quota",), "denied": ("denied", "refuse", "key")}[cause]
    options = {} if provider == "nominatim" else {"key": "k3y-abc"}
    with StubGeocoder(provider, **options) as stub:
        prepare(refreshd, stub, batch=10)
        head, space, text = fault.partition(" text=")
        stub.script(f"{head} from=40{space}{text}")
        waited = refreshd.ctl("start", "--wait", check=False)
        assert waited.returncode in (1, 5), "it does not wait for ever"
        status = with_reason(refreshd, *words)
        assert status["state"] == "paused" and status["points"]["failed"] == 0
        asked = len(stub.asked())
        assert asked <= 39 + 2 * 16, "only what was in flight is asked beside"
        assert "k3y-abc" not in str(status) + waited.stdout + waited.stderr
        answered = status["points"]["answered"]
        refreshd.stop()
        refreshd.start()
        assert refreshd.status()["state"] == "paused"
        time.sleep(0.3)
        assert len(stub.asked()) == asked, "a paused run asks nothing"
        refreshd.ctl("resume")
        again = refreshd.wait_state("paused")
        assert again["points"]["failed"] == 0 and again["points"]["answered"] == answered
        stub.script()
        refreshd.ctl("resume")
        refreshd.wait_state("idle")
        check_all_found(refreshd)
        good = [r for r in stub.asked() if r.fault == "-"]
        assert sum(len(r.points) for r in good) == len(POINTS), "no answer is paid for twice"
