"""A machine that does not let refreshd start: one line with the reason and the fix, nothing half
begun, nothing lost. Each case begins with a cache, a paused run and learned points."""

import contextlib
import fcntl
import grp
import os
import pwd
import re
import shutil
import socket
import subprocess

import pytest

from harness import REFRESHD, SLOW, Refreshd, free_port, make_points, wait_for
from test_upgrade import RELEASES, Left, files_of

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
NOISE = ("http_connections_limited",)  # a warning that every start with few files gives

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts, other users")
no_sanitizer = pytest.mark.skipif(SLOW > 1, reason="sanitizers need address space")


class Installed(Left):
    """The state of the last release, HTTP on, ready for any user."""

    def __init__(self):
        super().__init__(RELEASES[-1])
        self.port = free_port()
        self.configure(http__listen=f"127.0.0.1:{self.port}")

    def give_to_nobody(self):
        subprocess.run(["chown", "-R", "65534:65534", self.root], check=True)
        self.root.chmod(0o755)
        self.wrapper = NOBODY

    def refused(self, *words, status=1, same=True):
        """Starts; it must end by itself with one line that has all these words."""
        before = files_of(self)
        ended = subprocess.run([*self.wrapper, REFRESHD, "--config", self.config],
                               capture_output=True, text=True, timeout=60 * SLOW)
        lines = [line for line in ended.stderr.splitlines()
                 if not any(noise in line for noise in NOISE)]
        assert ended.returncode == status, ended.stderr
        assert len(lines) == 1, ended.stderr
        assert "not_started" in lines[0]
        for word in words:
            assert str(word) in lines[0], f"{word!r} is not in: {lines[0]}"
        if same:
            assert files_of(self) == before
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", self.port)) != 0, "no port is left open"
        return lines[0]

    def is_whole(self):
        """The cause is gone: it starts, and everything is as it was."""
        self.start()
        status = self.status()
        assert (status["state"], status["run"]) == ("paused", self.expected["run"])
        assert status["points"]["answered"] == self.expected["answered"]
        assert status["generation"] == 2
        self.stop()


@pytest.fixture
def installed():
    with Installed() as daemon:
        yield daemon


def line_of(daemon, name):
    lines = daemon.config.read_text().splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.startswith(name + " ="))


@contextlib.contextmanager
def read_only(path):
    subprocess.run(["mount", "--bind", path, path], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", path], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


# --- directories -----------------------------------------------------------------------------------


@root_only
@pytest.mark.parametrize("which,key", [("cache", "directory"), ("state", "state_directory")])
def test_read_only_mount(installed, which, key):
    with read_only(installed.root / which):
        installed.refused(f"line {line_of(installed, key)}: ", key, installed.root / which,
                          "Read-only file system", "ReadWritePaths")
    installed.is_whole()


@root_only
@pytest.mark.parametrize("which,key", [("cache", "directory"), ("state", "state_directory")])
def test_somebody_elses_directory(installed, which, key):
    installed.give_to_nobody()
    subprocess.run(["chown", "-R", "root:root", installed.root / which], check=True)
    installed.refused(key, installed.root / which, "Permission denied",
                      pwd.getpwuid(65534).pw_name, "chown")
    subprocess.run(["chown", "-R", "65534:65534", installed.root / which], check=True)
    installed.is_whole()


@root_only
@pytest.mark.parametrize("name", ["cache/LOCK", "state/ledger/data.mdb", "state/learned/data.mdb",
                                  "cache/MANIFEST"])
def test_a_file_that_root_left_behind(installed, name):
    """What a command run as root may leave in a directory that is ours."""
    installed.give_to_nobody()
    os.chown(installed.root / name, 0, 0)
    (installed.root / name).chmod(0o600)
    installed.refused(installed.root / name, "Permission denied", "chown")
    os.chown(installed.root / name, 65534, 65534)
    installed.is_whole()


@root_only
def test_no_right_to_make_a_directory(installed):
    installed.give_to_nobody()
    home = installed.root / "of-root"
    home.mkdir(mode=0o755)
    installed.configure(cache__directory=home / "cache")
    installed.refused("[cache] directory", home / "cache", "Permission denied", "chown")
    assert list(home.iterdir()) == []


def test_directories_are_made_where_missing():
    with Refreshd() as daemon:
        daemon.configure(cache__directory=daemon.root / "a/b/cache",
                         refresh__state_directory=daemon.root / "c/d/state",
                         control__socket=daemon.root / "e/f/control.sock")
        daemon.start()
        assert daemon.root.joinpath("e/f").stat().st_mode & 0o007 == 0, "not for everybody"
        daemon.stop()
        assert list(daemon.root.joinpath("e/f").iterdir()) == []


# --- sockets ---------------------------------------------------------------------------------------


def test_port_in_use(installed):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        installed.configure(http__listen=taken)
        installed.refused(f"line {line_of(installed, 'listen')}: [http] listen", taken,
                          "already in use", "another port")
    installed.is_whole()


@root_only
def test_privileged_port(installed):
    installed.give_to_nobody()
    installed.configure(http__listen="127.0.0.1:81")
    installed.refused("[http] listen", "127.0.0.1:81", "Permission denied", "1024",
                      "CAP_NET_BIND_SERVICE")


@pytest.mark.parametrize("address", ["192.0.2.1:8080", "[2001:db8::1]:8080"])
def test_an_address_of_another_machine(installed, address):
    installed.configure(http__listen=address)
    reason = installed.refused("[http] listen", address)
    assert "no such address" in reason or "not supported" in reason  # IPv6 may be off


def test_stale_and_live_socket(installed):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(installed.socket))
        other.listen()
        installed.refused(f"line {line_of(installed, 'socket')}: [control] socket",
                          installed.socket, "another refreshd listens")
        assert installed.socket.exists(), "it is another's"
    installed.is_whole()  # nobody listens on what is left: it is replaced


def test_another_daemon_keeps_its_socket(installed):
    with Refreshd() as other:
        other.start()
        installed.configure(control__socket=other.socket)
        installed.refused("[control] socket", other.socket, "another refreshd listens")
        assert other.status()["state"] == "idle"


@root_only
def test_no_right_to_make_the_socket(installed):
    installed.give_to_nobody()
    home = installed.root / "run"
    home.mkdir(mode=0o755)
    for path in (home / "control.sock", home / "refreshd" / "control.sock"):
        installed.configure(control__socket=path)
        installed.refused("[control] socket", home, "Permission denied", "chown")
    assert list(home.iterdir()) == []


@root_only
def test_a_group_that_we_are_not_in(installed):
    installed.give_to_nobody()
    group = next(entry.gr_name for entry in grp.getgrall() if entry.gr_gid not in (0, 65534))
    installed.configure(control__group=group)
    installed.refused("[control] socket", group, "member")
    assert not installed.socket.exists()


# --- others at work --------------------------------------------------------------------------------


def test_lock_of_another_daemon(installed):
    with Refreshd() as other:
        other.configure(cache__directory=installed.cache)
        other.start()
        installed.refused("[cache] directory", installed.cache, "held by refreshd",
                          f"pid {other.process.pid}", other.socket, "stop that one")
        other.stop()
    installed.is_whole()


def test_state_of_another_daemon(installed):
    """Two daemons with caches of their own must not share a run."""
    installed.start()
    with Refreshd() as other:
        other.configure(refresh__state_directory=installed.state)
        ended = subprocess.run([REFRESHD, "--config", other.config], capture_output=True, text=True,
                               timeout=60 * SLOW)
        assert ended.returncode == 1 and len(ended.stderr.splitlines()) == 1, ended.stderr
        assert "[refresh] state_directory" in ended.stderr and "held by refreshd" in ended.stderr
    installed.stop()
    installed.is_whole()


def test_lock_of_a_command(installed):
    with open(installed.cache / "LOCK", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("refreshctl 0.1.0 pid 4711\n")
        lock.truncate()
        lock.flush()
        installed.refused("[cache] directory", "held by refreshctl 0.1.0 pid 4711")
    installed.is_whole()


# --- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("files", [8, 16, 32])
def test_no_files_to_open(installed, files):
    installed.wrapper = ["prlimit", f"--nofile={files}"]
    installed.refused("Too many open files", "LimitNOFILE")
    installed.wrapper = []
    installed.is_whole()


@no_sanitizer
@pytest.mark.parametrize("megabytes", [50, 70, 120, 1000])
def test_no_memory(installed, megabytes):
    installed.wrapper = ["prlimit", f"--as={megabytes << 20}"]
    installed.refused("raise the limit", "LimitAS")
    installed.wrapper = []
    installed.is_whole()


@root_only
@no_sanitizer
def test_no_threads(installed):
    installed.give_to_nobody()
    installed.wrapper = [*NOBODY, "prlimit", "--nproc=1"]
    installed.refused("threads can be started", "TasksMax")
    installed.wrapper = NOBODY
    installed.is_whole()


# --- damaged files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("http", [False, True])
def test_a_damaged_manifest(installed, http):
    if not http:
        installed.configure(http__listen="")
    path = installed.cache / "MANIFEST"
    whole = path.read_bytes()
    path.write_bytes(re.sub(rb'"entries":(\d)', rb'"entries":9\1', whole, count=1))
    installed.refused(path, "refreshctl cache rollback")
    path.write_bytes(whole)
    installed.is_whole()


@pytest.mark.parametrize("which", ["ledger", "learned"])
def test_a_damaged_table(installed, which):
    path = installed.state / which / "data.mdb"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\0" * 4096 + whole[8192:12288])
    installed.refused(path, "damaged", "remove this directory")
    path.write_bytes(whole)
    installed.is_whole()


def test_the_way_out_of_a_damaged_table(installed):
    """What the messages advise: without the state there is still the cache."""
    shutil.rmtree(installed.state)
    installed.start()
    status = installed.status()
    assert status["state"] == "idle" and status["generation"] == 2
    installed.ctl("start", "--wait")
    assert installed.status()["generation"] == 3


# --- unprivileged ----------------------------------------------------------------------------------


@root_only
def test_a_whole_run_as_nobody():
    with Refreshd() as daemon:
        daemon.configure(http__listen=f"127.0.0.1:{free_port()}", refresh__point_files="16")
        daemon.stub(version=2)
        daemon.configure(gate__max_country_changed="100%")
        daemon.load(make_points(500))
        subprocess.run(["chown", "-R", "65534:65534", daemon.root], check=True)
        daemon.root.chmod(0o755)
        daemon.wrapper = NOBODY
        daemon.start()
        daemon.ctl("start", "--wait")
        assert daemon.status()["generation"] == 2
        wait_for(lambda: daemon.socket.stat().st_uid == 65534)
        daemon.stop()
