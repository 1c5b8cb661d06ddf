"""The watchdog: pings as long as refreshd gets on, none while a thread of it stands still."""

import contextlib
import ctypes
import os
import queue
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from harness import SLOW, make_points, wait_for

LIMIT = 2.0 * min(SLOW, 3)  # WATCHDOG_USEC, in seconds

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Notified:
    """The socket of a service manager that listens to one refreshd. It is read all the time: who
    sends to a full one waits."""

    def __init__(self, refreshd, limit=LIMIT):
        self.path = refreshd.root / "notify.sock"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.messages = queue.SimpleQueue()
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()
        refreshd.wrapper = ["env", f"NOTIFY_SOCKET={self.path}",
                            f"WATCHDOG_USEC={int(limit * 1e6)}"]

    def listen(self):
        while datagram := self.socket.recv(4096):
            for message in datagram.decode().splitlines():
                self.messages.put((message, time.monotonic()))

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.listener.join()
        self.socket.close()

    def take(self):
        """Every message that has come since the last look."""
        return [message for message, _ in self.take_timed()]

    def take_timed(self):
        messages = []
        with contextlib.suppress(queue.Empty):
            while True:
                messages.append(self.messages.get_nowait())
        return messages

    def pings(self):
        return self.take().count("WATCHDOG=1")

    def assert_alive_for(self, limits):
        """For so many times the limit from now, no silence is long enough for a kill."""
        self.take()
        began = time.monotonic()
        time.sleep(limits * LIMIT)
        heard = [at for message, at in self.take_timed() if message == "WATCHDOG=1"]
        times = [began, *heard, time.monotonic()]
        longest = max(later - earlier for earlier, later in zip(times, times[1:]))
        assert len(heard) > limits and longest < LIMIT, times

    def count_for(self, seconds):
        """Pings in so many seconds from now."""
        self.take()
        time.sleep(seconds)
        return self.pings()


@pytest.fixture
def notified(refreshd):
    notified = Notified(refreshd)
    with contextlib.closing(notified):
        yield notified


def threads(pid, name):
    tasks = Path(f"/proc/{pid}/task")
    return [int(task.name) for task in tasks.iterdir()
            if (task / "comm").read_text().strip() == name]


@contextlib.contextmanager
def stopped(thread):
    """One thread of a process of ours stands still."""
    def ptrace(request):
        assert libc.ptrace(request, thread, None, None) == 0, os.strerror(ctypes.get_errno())

    ptrace(PTRACE_SEIZE)
    ptrace(PTRACE_INTERRUPT)
    os.waitpid(thread, WALL)
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH)


def is_silent(notified):
    return notified.count_for(LIMIT) == 0


def run_slowly(refreshd):
    """A run that goes on for longer than the test."""
    refreshd.load(make_points(10_000))
    refreshd.stub(latency_ms=5)
    refreshd.configure(geocoder__rate=50, refresh__workers=2)
    refreshd.start()
    refreshd.ctl("start")
    wait_for(lambda: refreshd.status()["points"]["answered"] > 0, what="answers")


@pytest.mark.long(15)
@pytest.mark.sanitized
def test_it_says_that_it_is_ready_and_alive_at_rest(refreshd, notified):
    refreshd.load(make_points(10)).start()
    messages = []
    wait_for(lambda: messages.extend(notified.take()) or messages.count("WATCHDOG=1") > 2,
             what="pings")
    assert messages[0] == "READY=1"
    notified.assert_alive_for(2)
    refreshd.stop()
    assert "STOPPING=1" in notified.take()


def test_nobody_pings_who_was_not_asked(refreshd):
    notified = Notified(refreshd)
    with contextlib.closing(notified):
        refreshd.wrapper.pop()
        refreshd.load(make_points(10)).start()
        assert notified.count_for(1) == 0
        refreshd.wrapper[:] = ["env", f"NOTIFY_SOCKET={notified.path}", "WATCHDOG_USEC=1000000",
                               f"WATCHDOG_PID={os.getpid()}"]
        refreshd.stop()
        refreshd.start()
        notified.take()
        assert notified.count_for(1) == 0


@pytest.mark.long(50)
@pytest.mark.sanitized
def test_a_run_a_pause_and_a_reload_are_no_standstill(refreshd, notified):
    run_slowly(refreshd)
    notified.assert_alive_for(2)
    refreshd.ctl("pause")
    notified.assert_alive_for(2)
    refreshd.process.send_signal(signal.SIGHUP)
    messages = []
    wait_for(lambda: messages.extend(notified.take()) or "RELOADING=1" in messages and
             "READY=1" in messages[messages.index("RELOADING=1"):], what="the reload")
    refreshd.ctl("resume")
    notified.assert_alive_for(2)
    refreshd.ctl("cancel")
    notified.assert_alive_for(2)
    assert "standstill" not in refreshd.log.read_text()


@pytest.mark.long(15)
def test_a_whole_run_is_no_standstill(refreshd):
    notified = Notified(refreshd, limit=10 * LIMIT)  # a disk that others keep busy takes seconds
    refreshd.load(make_points(200_000))
    refreshd.configure(geocoder__provider="gazetteer", gate__max_lost="100%",
                       gate__max_country_changed="100%", gate__max_changed="100%")
    with contextlib.closing(notified):
        refreshd.start()
        refreshd.ctl("start", "--wait")
        assert "standstill" not in refreshd.log.read_text()
        assert notified.pings() > 0


@pytest.mark.parametrize("why", ["unreachable", "a pace of a point in an hour"])
def test_what_is_waited_for_from_outside_is_no_standstill(refreshd, notified, why):
    if why == "unreachable":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        refreshd.configure(geocoder__provider="nominatim",
                           geocoder__url=f"http://127.0.0.1:{port}")
    else:
        refreshd.stub()
        refreshd.configure(geocoder__rate=1 / 3600)
    refreshd.load(make_points(100)).start()
    refreshd.ctl("start")
    refreshd.wait_state("refreshing")
    if why == "unreachable":
        wait_for(lambda: refreshd.status()["reason"], what="a reason")
    notified.assert_alive_for(2.5)
    assert "standstill" not in refreshd.log.read_text()


@pytest.mark.parametrize("name", ["geocode", "writer", "conductor"])
def test_a_thread_that_stands_still_is_not_kept_secret(refreshd, notified, name):
    run_slowly(refreshd)
    with stopped(threads(refreshd.process.pid, name)[0]):
        wait_for(lambda: is_silent(notified), what="silence")
        wait_for(lambda: f"standstill thread={name}" in refreshd.log.read_text(), what="the log")
    wait_for(lambda: notified.count_for(LIMIT) > 1, what="pings again")
    wait_for(lambda: "standstill_over" in refreshd.log.read_text(), what="the log")
    assert refreshd.log.read_text().count("standstill thread=") == 1
    answered = refreshd.status()["points"]["answered"]
    wait_for(lambda: refreshd.status()["points"]["answered"] > answered, what="the run to go on")


def test_a_loop_that_stands_still_does_not_ping(refreshd, notified):
    run_slowly(refreshd)
    with stopped(refreshd.process.pid):
        wait_for(lambda: is_silent(notified), what="silence")
    wait_for(lambda: notified.count_for(LIMIT) > 1, what="pings again")
