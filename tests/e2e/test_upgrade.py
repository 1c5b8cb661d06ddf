"""Files of every released version are read; files of a version to come are refused with the way out.

tests/golden/VERSION/state.tar.xz is what refreshd VERSION left on the disk (make_state.py there).
"""

import json
import re
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest

from harness import BUILD, REFRESHCTL, REFRESHD, SLOW, Refreshd, degrees, free_port, wait_for

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
RELEASES = sorted(path.parent.name for path in GOLDEN.glob("*/state.tar.xz"))


class Left(Refreshd):
    """What a release left behind, to be started by the programs of today."""

    def __init__(self, release):
        super().__init__()
        with tarfile.open(GOLDEN / release / "state.tar.xz") as archive:
            archive.extractall(self.root)
        for line in self.config.read_text().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif " = " in line:
                name, value = line.split(" = ", 1)
                self.keys[f"{section}.{name}"] = value.replace("@ROOT@", str(self.root))
        self.configure()
        self.expected = {key: [tuple(point) for point in value]
                         if key in ("known", "folded", "later") else value
                         for key, value in json.loads(
                             self.root.joinpath("expected.json").read_text()).items()}

    def look_up(self, point):
        """The street of the nearest entry, None at a miss."""
        words = ["lookup", degrees(point[0]), degrees(point[1]), "--radius", "1"]
        found = self.json(*words, codes=(0, 1))
        return found["address"] and found["address"]["street"]


@pytest.fixture(params=RELEASES)
def left(request):
    with Left(request.param) as daemon:
        yield daemon


@pytest.fixture
def newest():
    """Files whose versions tests move on by one."""
    with Left(RELEASES[-1]) as daemon:
        yield daemon


def test_there_is_a_release():
    assert "0.1.0" in RELEASES


def test_lookups_and_commands_without_a_daemon(left):
    assert left.look_up(left.expected["known"][0])
    assert left.look_up(left.expected["later"][0]) == "Later", "learned, in no generation yet"
    left.ctl("cache", "verify", "--deep")
    assert [row["generation"] for row in left.json("cache", "generations")] == [2, 1]
    assert len(left.export()) == len(left.expected["known"])


def test_the_paused_run_resumes_and_publishes(left):
    expected = left.expected
    left.configure(http__listen=f"127.0.0.1:{free_port()}", geocoder__rate="0")
    left.start()
    status = left.status()
    assert (status["state"], status["run"]) == ("paused", expected["run"])
    assert status["points"]["answered"] == expected["answered"]
    assert [run["run"] for run in left.json("runs")] == expected["history"]
    assert left.ctl("failures", expected["history"][-1]).stdout
    assert left.look_up(expected["known"][1])
    left.ctl("set", "rate=100000")
    left.ctl("resume")
    done = left.wait_state("idle", seconds=60)
    assert done["generation"] == 3 and done["last_run"]["result"] == "published"
    assert done["last_run"]["run"] == expected["run"]
    asked = len(expected["known"]) + len(expected["folded"])
    assert done["last_run"]["points"]["answered"] == asked
    assert done["last_run"]["requests"]["sent"] == asked, "no answer is paid for twice"
    entries = left.export()
    assert set(entries) == set(expected["known"] + expected["folded"])
    wait_for(lambda: left.status()["learned"]["entries"] == len(expected["later"]),
             what="what was folded to leave the table")
    assert left.json("report")["tables"] == [], "the release counted nothing"
    left.ctl("start", "--older-than", "3650d", "--wait")
    assert set(left.export()) == set(expected["known"] + expected["folded"] + expected["later"])
    left.ctl("start", "--wait")
    report = left.json("report")
    assert report["answers"] == report["points"]["answered"] > 0 and report["tables"]
    left.ctl("cache", "verify", "--deep")
    left.stop()


def test_rollback_to_a_generation_of_the_release(left):
    left.ctl("cache", "rollback", "1")
    assert left.json("cache", "info")["generation"] == 1
    assert set(left.export()) == set(left.expected["known"])
    left.ctl("cache", "verify", "--deep")


# --- versions to come ----------------------------------------------------------------------------


def bump(path, offset=8, newest=None):
    """Magic has 8 bytes, the version is the number behind it. newest: what today's programs write,
    when that is more than the release did."""
    data = bytearray(path.read_bytes())
    version = (newest or struct.unpack_from("<I", data, offset)[0]) + 1
    struct.pack_into("<I", data, offset, version)
    path.write_bytes(data)
    return version


def newer_record(*words):
    subprocess.run([BUILD / "places" / "make_newer", *map(str, words)], check=True)


def newer_manifest(path):
    path.write_text(path.read_text().replace('"format":1,', '"format":2,', 1))
    assert '"format":2' in path.read_text()


def not_started(daemon):
    """The one line in which it refuses to start; nothing is left open, nothing is changed."""
    before = files_of(daemon)
    ended = subprocess.run([REFRESHD, "--config", daemon.config], capture_output=True, text=True,
                           timeout=60 * SLOW)
    assert ended.returncode == 1, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if "http_connections_limited" not in line]
    assert len(lines) == 1, ended.stderr
    assert not daemon.socket.exists()
    assert files_of(daemon) == before
    return lines[0]


def files_of(daemon):
    return {str(path): path.read_bytes() for top in (daemon.cache, daemon.state)
            for path in sorted(top.rglob("*"))
            if path.is_file() and path.name not in ("LOCK", "lock.mdb")}


def pair_of(daemon, generation, ending):
    return next(iter(sorted(daemon.cache.glob(f"*.{generation}.{ending}"))))


@pytest.mark.parametrize("http", [False, True])
def test_newer_manifest(newest, http):
    if http:
        newest.configure(http__listen=f"127.0.0.1:{free_port()}")
    path = newest.cache / "MANIFEST"
    newer_manifest(path)
    reason = not_started(newest)
    assert str(path) in reason and "format 2" in reason and "newer one" in reason
    for words in (("cache", "info"), ("lookup", "1", "1"), ("cache", "export")):
        told = newest.ctl(*words, check=False)
        assert told.returncode == 1 and str(path) in told.stderr and "format 2" in told.stderr
    newest.ctl("cache", "rollback", "1")  # the way out without the newer refreshd
    newest.start().stop()


@pytest.mark.parametrize("ending", ["idx", "dat"])
def test_newer_pair(newest, ending):
    newest.configure(http__listen=f"127.0.0.1:{free_port()}")
    path = pair_of(newest, 2, ending)
    bump(path)
    reason = not_started(newest)
    assert str(path) in reason and "version 2" in reason and "newer one" in reason
    told = newest.ctl("cache", "verify", check=False)
    assert told.returncode == 1 and str(path) in told.stderr + told.stdout


@pytest.mark.parametrize("table,key,steps", [("meta", "version", 2), ("run", "active", 1)])
def test_newer_ledger(newest, table, key, steps):
    for _ in range(steps):  # past what today's programs write
        newer_record(newest.state / "ledger", table, key)
    reason = not_started(newest)
    assert str(newest.state / "ledger/data.mdb") in reason
    assert "newer refreshd" in reason and "version" in reason and "install that one again" in reason


def test_newer_learned_points(newest):
    newer_record(newest.state / "learned", "meta", "version")
    reason = not_started(newest)
    assert str(newest.state / "learned/data.mdb") in reason
    assert "newer refreshd" in reason and "version 2" in reason
    assert "install that one again" in reason


@pytest.mark.parametrize("which", ["ledger", "learned"])
def test_newer_lmdb(newest, which):
    path = newest.state / which / "data.mdb"
    for page in (0, 4096):
        data = path.read_bytes()
        assert data[page + 16:page + 20] == b"\xde\xc0\xef\xbe"
        bump(path, page + 20)
    reason = not_started(newest)
    assert str(path) in reason and "LMDB" in reason and "install that one again" in reason


def paused_again(daemon):
    """A resumed run pauses with the reason; the daemon stays, and a cancel is the way out."""
    daemon.start()
    daemon.ctl("set", "rate=100000")
    daemon.ctl("resume", check=False)
    status = wait_for(lambda: (lambda s: s if s["state"] == "paused" and
                               "operator" not in (s["reason"] or "") else None)(daemon.status()),
                      what="the run to pause")
    daemon.ctl("cancel")
    assert daemon.wait_state("idle")["generation"] == 2
    daemon.ctl("start", "--wait")
    assert daemon.status()["generation"] > 2
    return status["reason"]


def test_newer_point_file(newest):
    path = sorted((newest.state / "points").iterdir())[0]
    bump(path)
    reason = paused_again(newest)
    assert str(path) in reason and "version 2" in reason and "cancel the run" in reason


def test_newer_answers(newest):
    path = newest.state / "answers/000000.log"
    starts = [match.start() for match in re.finditer(b"RFDANSWR", path.read_bytes())]
    assert starts and starts[0] == 0
    for start in starts:
        bump(path, start + 8, newest=2)
    reason = paused_again(newest)
    assert str(path) in reason and "version 3" in reason and "cancel the run" in reason


def test_newer_folded_points(newest):
    path = newest.state / "folded/MANIFEST"
    newer_manifest(path)
    reason = paused_again(newest)
    assert str(path) in reason and "format 2" in reason


def test_the_version_is_told(newest):
    told = subprocess.run([REFRESHCTL, "--version"], capture_output=True, text=True)
    assert told.returncode == 0 and told.stdout.split()[1] >= RELEASES[-1]
    newest.start()
    assert f"refreshd {told.stdout.split()[1]} pid" in newest.cache.joinpath("LOCK").read_text()
