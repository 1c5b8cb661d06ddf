"""The daemon as a process: options, socket, signals, reload, import through it, hostile clients."""

import json
import os
import pty
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import REFRESHCTL, REFRESHD, SLOW, Refreshd, make_points, wait_for, write_csv

pytestmark = pytest.mark.sanitized


@pytest.fixture
def running(refreshd):
    refreshd.points = make_points(2000)
    refreshd.load(refreshd.points)
    refreshd.stub(version=2, latency_ms=2)
    refreshd.configure(gate__max_country_changed="100%", refresh__point_files=64)
    return refreshd.start()


def run(*words):
    return subprocess.run([REFRESHD, *map(str, words)], capture_output=True, text=True, timeout=60 * SLOW)


class Raw:
    """The control socket without refreshctl."""

    def __init__(self, refreshd):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30 * SLOW)
        self.socket.connect(str(refreshd.socket))
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)
        return self

    def reply(self):
        return json.loads(self.file.readline())

    def call(self, command, **arguments):
        return self.send(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n").reply()

    def close(self):
        self.file.close()
        self.socket.close()


def test_options(refreshd):
    assert run("--version").stdout.startswith("refreshd ")
    assert "--check-config" in run("--help").stdout
    bad = run("--nonsense")
    assert bad.returncode == 2 and "--help" in bad.stderr
    assert run("word").returncode == 2
    good = run("--config", refreshd.config, "--check-config")
    assert good.returncode == 0 and "keep_generations" in good.stdout
    again = refreshd.root / "again.conf"
    again.write_text(good.stdout)
    assert run("--config", again, "--check-config").stdout == good.stdout


@pytest.mark.parametrize("key,value", [("geocoder__provider", "nobody"), ("refresh__workers", "0"),
                                       ("control__group", "no-such-group"),
                                       ("geocoder__key_file", "/no/such/key")])
def test_bad_configuration_exits_2_and_names_the_key(refreshd, key, value):
    refreshd.configure(**{key: value})
    for words in (["--check-config"], []):
        result = run("--config", refreshd.config, *words)
        assert result.returncode == 2, result.stderr
        assert key.split("__")[1] in result.stderr
    if key == "geocoder__provider":
        assert "gazetteer" in result.stderr, "the known ones are named"


def test_socket_is_private_replaced_when_stale_and_kept_when_live(running):
    assert running.socket.stat().st_mode & 0o777 == 0o660
    running.kill()
    assert running.socket.exists(), "kill -9 leaves it"
    running.start()
    other = Refreshd()
    with other:
        other.configure(control__socket=running.socket)
        result = run("--config", other.config)
        assert result.returncode == 1 and str(running.socket) in result.stderr
    assert running.status()["state"] == "idle"
    running.stop()
    assert not running.socket.exists()


def test_a_second_signal_changes_nothing(running):
    running.ctl("start", "--rate", "200")
    wait_for(lambda: running.status()["points"]["answered"] > 0)
    for _ in range(20):
        running.process.send_signal(signal.SIGTERM)
        running.process.send_signal(signal.SIGINT)
        time.sleep(0.002)
    assert running.process.wait(timeout=10 * SLOW) == 0


def test_reload(running):
    running.ctl("start", "--rate", "10")  # slow: the run outlasts the test on any machine
    running.configure(geocoder__rate="20", geocoder__provider="gazetteer")
    running.process.send_signal(signal.SIGHUP)
    wait_for(lambda: running.json("status")["rate"] == 20, what="the new rate")
    log = running.log.read_text()
    assert "key=provider" in log and "takes_effect=restart" in log
    running.configure(geocoder__rate="abc")
    running.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "reload_failed" in running.log.read_text(), what="the refusal")
    raw = Raw(running)
    assert raw.call("status")["status"]["rate"] == 20
    assert raw.call("cancel")["ok"]
    raw.close()


def frames(data):
    return b"".join(len(part).to_bytes(4, "big") + part
                    for part in (data[i:i + 60000] for i in range(0, len(data), 60000)))


def test_an_import_that_is_cut_is_not_published(running):
    before = running.json("cache", "info")
    data = running.root.joinpath("points.csv").read_bytes()
    whole_rows = frames(b"lat,lon\n1,2\n3,4\n")
    for bytes_, refused in ((whole_rows, False), (frames(data), False), (whole_rows + b"\xff" * 4, True)):
        raw = Raw(running)
        wait_for(lambda: raw.call("import", format="csv", name="x")["ok"], what="no import to go on")
        raw.send(bytes_)
        time.sleep(0.05)  # so that it is read before the end is seen; the test holds without
        if refused:
            assert raw.reply()["ok"] is False
        raw.close()
    # The same line is logged once a minute.
    wait_for(lambda: running.log.read_text().count("import_failed") == 2, what="all to be given up")
    assert running.json("cache", "info") == before
    running.ctl("start", "--wait")


def test_import_through_the_daemon(running):
    bad = running.root / "bad.csv"
    write_csv(bad, make_points(3000, seed=7))
    lines = bad.read_text().splitlines(keepends=True)
    lines.insert(1500, "95,0,,,,,,0\n")
    bad.write_text("".join(lines))
    before = running.json("cache", "info")
    refused = running.ctl("cache", "import", bad, check=False)
    assert refused.returncode == 1 and "line 1501" in refused.stderr
    assert running.json("cache", "info") == before
    rejects = running.root / "rejects"
    partly = running.json("cache", "import", bad, "--skip-bad", rejects, codes=(4,))
    assert partly["rejected"] == 1 and partly["entries"] == 3000 and partly["generation"] == 2
    assert "1501" in rejects.read_text()
    assert running.status()["generation"] == 2


def test_no_run_starts_during_an_import(running):
    raw = Raw(running)
    assert raw.call("import", format="csv", name="x")["ok"]
    started = running.ctl("start", check=False)
    assert started.returncode == 1 and "import" in started.stderr
    assert running.ctl("cache", "rollback", check=False).returncode == 1
    assert running.status()["state"] == "idle"
    raw.send(frames(b"lat,lon\n1,2\n") + bytes(4))
    done = raw.reply()
    assert done["ok"] and done["entries"] == 1
    raw.close()
    running.ctl("start", "--wait")


def test_sigterm_gives_an_import_up(running):
    before = running.json("cache", "info")
    raw = Raw(running)
    assert raw.call("import", format="csv", name="x")["ok"]
    raw.send(frames(b"lat,lon\n1,2\n"))
    running.stop()
    assert running.json("cache", "info") == before


def test_hostile_clients(running):
    raws = [Raw(running) for _ in range(40)]
    for raw in raws[:20]:
        raw.send(b'{"command":"sta')
    garbage = Raw(running)
    for line in (b"\xff\xfe\n", b"[]\n", b"null\n", b'{"command":[]}\n', b"[" * 5000 + b"\n",
                 b'{"command":"nope"}\n', b'{"command":"start","arguments":{"x":1}}\n',
                 b'{"command":"start","arguments":{"rate":-1}}\n',
                 b'{"command":"start","arguments":{"workers":1.5}}\n',
                 b'{"command":"start","arguments":{"tiles":"9-1"}}\n',
                 b'{"command":"set","arguments":{"rate":1e999}}\n',
                 b'{"command":"report","arguments":{"run":"' + b"x" * 100000 + b'"}}\n',
                 b'{"command":"import","arguments":{"format":"xml"}}\n'):
        reply = garbage.send(line).reply()
        assert reply["ok"] is False and reply["error"], line
    assert garbage.call("ping")["ok"]
    garbage.close()
    endless = Raw(running)
    try:
        for _ in range(40):
            endless.send(b"x" * 65536)
    except OSError:
        pass
    endless.close()
    assert running.status()["state"] == "idle"
    for raw in raws:
        raw.close()


def test_a_client_that_does_not_read_holds_nobody_up(running):
    running.stub(version=2, fail=2)
    running.configure(refresh__max_failed="100%")
    running.stop()
    running.start()
    assert running.ctl("start", "--wait", check=False).returncode == 4
    lazy = Raw(running)
    for _ in range(50):
        lazy.send(b'{"command":"failures"}\n{"command":"status"}\n')
    began = time.monotonic()
    for _ in range(20):
        running.status()
    assert time.monotonic() - began < 15 * SLOW
    running.stop()
    lazy.close()


def test_pause_is_answered_when_others_resume_or_the_daemon_stops(running):
    running.stop()
    running.stub(latency_ms=3000)
    running.start()
    running.ctl("start")
    for end in (lambda: running.ctl("resume"), running.stop):
        wait_for(lambda: running.status()["requests"]["in_flight"] > 0, what="questions in flight")
        answers = []
        pause = threading.Thread(target=lambda: answers.append(running.ctl("pause", check=False)))
        pause.start()
        wait_for(lambda: running.status()["draining"], what="the pause to begin")
        end()
        pause.join(timeout=30 * SLOW)
        assert answers[0].returncode == 1 and answers[0].stderr.strip(), answers[0]


def test_watch_prints_plain_lines_into_a_pipe(running):
    running.ctl("start", "--rate", "1000")
    watched = running.ctl("status", "--watch")
    assert "\x1b" not in watched.stdout
    lines = [line for line in watched.stdout.splitlines() if line.startswith("refreshing ")]
    assert lines and "points/s" in lines[-1]
    assert "published" in watched.stdout


def test_watch_draws_on_a_terminal_and_restores_it(running):
    running.ctl("start", "--rate", "200")
    primary, secondary = pty.openpty()
    watch = subprocess.Popen([REFRESHCTL, "--config", running.config, "status", "--watch"],
                             stdin=secondary, stdout=secondary, stderr=secondary)
    os.close(secondary)
    seen = b""
    while seen.count(b"\x1b[H") < 2:
        seen += os.read(primary, 65536)
    watch.send_signal(signal.SIGINT)
    assert watch.wait(timeout=10 * SLOW) == 0
    seen += os.read(primary, 65536)
    os.close(primary)
    assert seen.startswith(b"\x1b[?1049h") and seen.rstrip().endswith(b"\x1b[?1049l")
    assert b"[#" in seen or b"[." in seen
    running.ctl("cancel")
