"""A refreshd of one's own for a test: directories, config, process, control, and made-up points."""

import contextlib
import csv
import io
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

BUILD = Path(os.environ.get("REFRESHD_BUILD", Path(__file__).resolve().parents[2] / "build"))
REFRESHD = BUILD / "tests" / "refreshd"  # has the stub geocoder beside the real ones
REFRESHCTL = BUILD / "refreshctl"
SLOW = 10 if BUILD.name in ("asan", "tsan") else 1  # deadlines stretch under sanitizers

COLUMNS = ("lat,lon,label,name,housenumber,street,district,city,county,state,postcode,country,"
           "countrycode,outcome,refreshed_at").split(",")


def wait_for(condition, seconds=60.0, what="condition", every=0.01):
    """Wait until condition() is true and return its value; fail after the deadline."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds * SLOW:.0f} s for {what}"
        time.sleep(every)


def within(seconds, act, what, attempts=3):
    """What is promised to happen in so many seconds does, whatever else the machine is busy with:
    act(attempt) does something and returns the condition to wait for."""
    for attempt in range(attempts):
        condition = act(attempt)
        began = time.monotonic()
        wait_for(condition, what=what)
        took = time.monotonic() - began
        if took < seconds * SLOW:
            return
    raise AssertionError(f"{what} took {took:.1f} s, and no less before")


def make_points(count, seed=1, clusters=40):
    """count different (lat, lon) in 1e-7 degree, clustered, all over the world."""
    rng = random.Random(seed)
    centres = [(rng.uniform(-60, 70), rng.uniform(-175, 175)) for _ in range(clusters)]
    points = set()
    while len(points) < count:
        lat, lon = centres[rng.randrange(clusters)]
        points.add((int(rng.gauss(lat, 0.2) * 1e7), int(rng.gauss(lon, 0.2) * 1e7)))
    return sorted(points)


def free_port():
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def degrees(value):
    return f"{value / 1e7:.7f}"


def write_csv(path, points, refreshed_at=1_600_000_000, street="Old Street", country="Oldland",
              countrycode="ol"):
    with open(path, "w", newline="") as out:
        out.write("lat,lon,label,housenumber,street,country,countrycode,refreshed_at\n")
        for number, (lat, lon) in enumerate(points):
            house = number % 99 + 1
            out.write(f'{degrees(lat)},{degrees(lon)},"{house} {street}, {country}",{house},'
                      f"{street},{country},{countrycode},{refreshed_at}\n")


class Refreshd:
    """One daemon with its directories; `with` ends it whatever happens."""

    def __init__(self, root=None, **keys):
        self.own = root is None
        self.root = Path(root or tempfile.mkdtemp(prefix="rd-", dir="/tmp"))
        self.config = self.root / "refreshd.conf"
        self.cache = self.root / "cache"
        self.state = self.root / "state"
        self.socket = self.root / "control.sock"
        self.log = self.root / "log"
        self.asked_log = self.root / "asked"
        self.process = None
        self.wrapper = []  # a command to run the daemon by
        self.keys = {"cache.directory": self.cache, "refresh.state_directory": self.state,
                     "control.socket": self.socket, "http.listen": ""}
        self.configure(**keys)

    def configure(self, **keys):
        """Set config keys: refresh__workers=2 means [refresh] workers = 2."""
        for key, value in keys.items():
            self.keys[key.replace("__", ".")] = value
        sections = {}
        for key, value in self.keys.items():
            section, name = key.split(".", 1)
            sections.setdefault(section, []).append(f"{name} = {value}")
        text = "".join(f"[{section}]\n" + "\n".join(lines) + "\n"
                       for section, lines in sections.items())
        fresh = self.config.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.config)  # whoever reads it meanwhile gets all of one version

    def stub(self, **options):
        """Use the stub geocoder with these options (tests/support/stub_provider.h)."""
        path = "&".join(f"{key}={value}" for key, value in options.items())
        self.configure(geocoder__provider="stub", geocoder__url=f"http://stub.invalid/{path}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        if self.own:
            shutil.rmtree(self.root, ignore_errors=True)

    def words(self):
        """The command that runs it."""
        return [*self.wrapper, REFRESHD, "--config", self.config]

    def start(self, wait=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.words(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        if wait:
            wait_for(self.answers, what="refreshd to answer")
        return self

    def answers(self):
        assert self.process.poll() is None, f"refreshd ended:\n{self.log.read_text()[-3000:]}"
        return self.ctl("status", check=False).returncode == 0

    def kill(self, number=signal.SIGKILL):
        """Send a signal and wait for the end; returns the exit status, None when not running."""
        if self.process is None or self.process.poll() is not None:
            return self.process and self.process.returncode
        self.process.send_signal(number)
        return self.process.wait(timeout=30 * SLOW)

    def stop(self):
        """SIGTERM must end it cleanly within 10 s."""
        began = time.monotonic()
        self.process.terminate()
        status = self.process.wait(timeout=60 * SLOW)
        assert time.monotonic() - began < 10 * SLOW
        assert status == 0, self.log.read_text()[-3000:]

    def ctl(self, *words, check=True, **options):
        result = subprocess.run([REFRESHCTL, "--config", self.config, *map(str, words)],
                                capture_output=True, text=True, timeout=300 * SLOW, **options)
        if check:
            assert result.returncode == 0, f"{words}: {result.returncode}\n{result.stdout}{result.stderr}"
        return result

    def json(self, *words, codes=(0,)):
        result = self.ctl("--json", *words, check=False)
        assert result.returncode in codes, f"{words}: {result.returncode}\n{result.stdout}{result.stderr}"
        return json.loads(result.stdout)

    def status(self):
        return self.json("status")

    def wait_state(self, *states, seconds=60):
        return wait_for(lambda: (lambda s: s if s["state"] in states else None)(self.status()),
                        seconds, f"state {states}", every=0.03)

    def load(self, points, **options):
        """Import points as the first generation, without a daemon."""
        path = self.root / "points.csv"
        write_csv(path, points, **options)
        offline = subprocess.run([REFRESHCTL, "--cache", self.cache, "cache", "import", path],
                                 capture_output=True, text=True)
        assert offline.returncode == 0, offline.stderr
        return self

    def learn(self, points, refreshed_at=1_650_000_000, street="Learned"):
        """Put points into the table of learned points; no daemon may have it open."""
        rows = "".join(f"{lat} {lon} {refreshed_at} {street}\n" for lat, lon in points)
        self.state.mkdir(exist_ok=True)
        told = subprocess.run([BUILD / "places" / "make_learned", self.state / "learned"],
                              input=rows, capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        return int(told.stdout)

    def export(self):
        """Entries of the published cache by (lat, lon) in 1e-7 degree."""
        text = self.ctl("cache", "export").stdout
        rows = csv.DictReader(io.StringIO(text))
        return {(round(float(r["lat"]) * 1e7), round(float(r["lon"]) * 1e7)): r for r in rows}

    def asked(self):
        """Every question put to the stub so far (stub option log), as a list of codes."""
        if not self.asked_log.exists():
            return memoryview(b"").cast("Q")
        data = self.asked_log.read_bytes()
        return memoryview(data[: len(data) // 8 * 8]).cast("Q")


@contextlib.contextmanager
def small_filesystem(megabytes):
    """A tmpfs of that size; needs root."""
    root = Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", root], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", "-l", root], check=True)
        root.rmdir()
