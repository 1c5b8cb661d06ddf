"""Whatever is wrong in the configuration: exit status 2, one line that says where and what would be
right, and nothing begun. Both refreshd and refreshd --check-config."""

import os
import subprocess
from pathlib import Path

import pytest

from harness import REFRESHCTL, REFRESHD, SLOW

LONG = "x" * 240  # no line may be so long, and no path

# What is wrong for each type of value, whatever the bounds of the key.
COUNT = ["-1", "nan", "inf", "1e3", "1.5", "99999999999999999999", "4294967297", "", "four", "0x10", "4s"]
NUMBER = ["-1", "nan", "inf", "1e99", "", "fast", "10/s", "0x10", "1,5"]
DURATION = ["-1s", "nan", "infs", "1e99d", "", "10", "10 parsecs", "5%", "9999999d", "s"]
PERCENT = ["-1%", "101%", "nan%", "5", "", "5s", "half", "%"]
DISTANCE = ["-1m", "nanm", "1e99m", "50 feet", "", "50s", "far", "99999km"]
SIZE = ["-1", "0", "nan", "1e99", "", "8X", "999999999999G", "8K8", "big"]
FLAG = ["", "maybe", "1", "true", "Yes"]
GRID = ["0x24", "24x0", "24", "24x", "x24", "-1x4", "101x1", "nanxnan", "24x24x24", "", "24 x 24"]
URL = ["ftp://example.org", "example.org", "http://", "http://user@example.org", "https://x/?q=1",
       "http://x:99999", "http://x:0", "http://x y", "http://x/#f", "file:///etc/passwd"]
ADDRESS = ["localhost", ":80", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:-1", "host:http",
           "[::1]", "[::1:80", "1.2.3.4:80/x", "http://x:80", "::1:80", "nan"]
URLS = ["http://example.org:2379", "ftp://127.0.0.1:1", "b", "https://a:1/path", ","]
WORD = ["two words", "a/b", "x" * 65, "caf\u00e9"]
TEXT = ["a\x01b", "a\x7fb"]
PATH = [LONG, "a\x01b"]
DIRECTORY = PATH + ["", "@FILE@", "@FILE@/below"]
FILE = PATH + ["@ROOT@/no-such-file", "@ROOT@", "@EMPTY@", "@FILE@/below"]


def choice(*known):
    return ["", "both", known[0].upper(), known[0] + "s", " ".join(known), "0"]


KEYS = {
    "cache.directory": DIRECTORY, "cache.grid": GRID, "cache.keep_generations": COUNT + ["0"],
    "refresh.state_directory": DIRECTORY, "refresh.point_files": COUNT + ["0", "65537"],
    "refresh.workers": COUNT + ["0", "65"], "refresh.publish": choice("run", "tile"),
    "refresh.older_than": DURATION, "refresh.finish_within": DURATION,
    "refresh.max_failed": PERCENT,
    "gate.max_lost": PERCENT, "gate.max_country_changed": PERCENT, "gate.max_changed": PERCENT,
    "geocoder.provider": WORD + ["", "nobody"], "geocoder.url": URL, "geocoder.key_file": FILE,
    "geocoder.ca_file": FILE, "geocoder.language": TEXT, "geocoder.user_agent": TEXT,
    "geocoder.rate": NUMBER, "geocoder.concurrency": COUNT + ["0"], "geocoder.batch": COUNT + ["0"],
    "geocoder.timeout": DURATION + ["0"], "geocoder.retries": COUNT,
    "geocoder.max_distance": DISTANCE, "geocoder.storage_permitted": FLAG,
    "lookup.radius": DISTANCE, "lookup.on_miss": choice("none", "fetch"),
    "lookup.learned_max": COUNT, "lookup.fetch_timeout": DURATION + ["0"],
    "http.listen": ADDRESS, "http.threads": COUNT + ["0"], "http.max_connections": COUNT + ["0"],
    "http.max_header": SIZE, "http.timeout": DURATION + ["0"], "http.client_rate": NUMBER,
    "control.socket": PATH + ["", "@FILE@", "@ROOT@", "@FILE@/below", "/" + "s" * 110],
    "control.group": TEXT + ["no-such-group-here"],
    "peers.endpoints": URLS, "peers.fleet": WORD + [""], "peers.name": WORD,
    "peers.advertise": ADDRESS, "peers.listen": ADDRESS, "peers.ca_file": FILE,
    "peers.cert_file": FILE, "peers.key_file": FILE, "peers.switch": choice("all", "quorum"),
    "peers.switch_delay": DURATION, "peers.lease": DURATION + ["0"],
}


class Place:
    """A directory with a configuration in it, and nothing else that a daemon may need."""

    def __init__(self, root):
        self.root = root
        self.config = root / "refreshd.conf"
        self.keys = {"cache.directory": root / "cache", "refresh.state_directory": root / "state",
                     "control.socket": root / "run" / "control.sock", "http.listen": ""}
        (root / "file").write_text("something\n")
        (root / "empty").write_text(" \n")

    def write(self, changed=None, value=None):
        """Returns the line of the changed key."""
        keys = dict(self.keys)
        if changed is not None:
            keys[changed] = value
        sections = {}
        for key, text in keys.items():
            section, name = key.split(".", 1)
            sections.setdefault(section, []).append((key, f"{name} = {text}"))
        lines, at = [], 0
        for section, rows in sections.items():
            lines.append(f"[{section}]")
            for key, text in rows:
                lines.append(text)
                if key == changed:
                    at = len(lines)
        self.config.write_text("\n".join(lines) + "\n")
        return at

    def fill_in(self, value):
        return (value.replace("@ROOT@", str(self.root)).replace("@FILE@", str(self.root / "file"))
                .replace("@EMPTY@", str(self.root / "empty")))

    def refusals(self, wrapper=(), status=2):
        """The one line of refreshd and that of --check-config; nothing was begun."""
        before = self.files()
        reasons = []
        for words in (["--check-config"], []):
            ended = subprocess.run([*wrapper, REFRESHD, "--config", self.config, *words],
                                   capture_output=True, timeout=60 * SLOW)
            told = ended.stderr.decode()
            assert ended.returncode == status, (words, ended.returncode, told)
            assert len(told.splitlines()) == 1, told
            assert ended.stdout == b""
            assert self.files() == before
            reasons.append(told)
        return reasons

    def files(self):
        return sorted(str(path) for path in self.root.rglob("*"))


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_every_key_is_in_the_matrix():
    told = subprocess.run([REFRESHD, "--config", "/dev/null", "--check-config"], text=True,
                          capture_output=True, timeout=60 * SLOW)
    assert told.returncode == 0, told.stderr
    keys, section = set(), None
    for line in told.stdout.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line:
            keys.add(section + "." + line.split("=")[0].strip())
    assert keys == set(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_bad_values(place, key):
    section, name = key.split(".")
    for value in KEYS[key]:
        text = place.fill_in(value)
        line = place.write(key, text)
        for reason in place.refusals():
            assert f"{place.config} line {line}: " in reason, reason
            if all(c >= " " and c != "\x7f" for c in text) and len(text.encode()) < 180:
                assert f"[{section}] {name}" in reason, reason
                assert text[:100] in reason, f"{text!r} is not in: {reason}"
            assert any(word in reason for word in (
                "use ", "shorten", "remove", "choose", "make it", "known", "give", "cannot open", "is empty",
                "is not a file")), reason


def test_provider_without_what_it_needs(place):
    place.keys["geocoder.provider"] = "nominatim"
    place.write()
    for reason in place.refusals():
        assert f"{place.config}: [geocoder] url: " in reason, reason
    place.keys["geocoder.provider"] = "here"
    place.write()
    for reason in place.refusals():
        assert f"{place.config}: [geocoder] key_file: " in reason, reason


def test_a_host_that_nobody_knows(place):
    line = place.write("http.listen", "no-such-host.invalid:8080")
    ended = subprocess.run([REFRESHD, "--config", place.config], capture_output=True, text=True,
                           timeout=60 * SLOW)
    assert ended.returncode == 2
    last = ended.stderr.splitlines()[-1]
    assert f"{place.config} line {line}: [http] listen: " in last and "no-such-host" in last
    assert not place.root.joinpath("run/control.sock").exists()


# --- the file itself -------------------------------------------------------------------------------

FILES = {
    "unknown key": (b"[refresh]\nworker = 4\n", 2, ["worker", "did you mean \"workers\""]),
    "key of another section": (b"[refresh]\nrate = 4\n", 2, ["rate", "[geocoder]"]),
    "unknown section": (b"\n\n[geocoders]\nrate = 4\n", 3, ["[geocoders]", "[geocoder]"]),
    "nothing like a section": (b"[x]\n", 1, ["[x]", "cache, refresh"]),
    "duplicate key": (b"[refresh]\nworkers = 4\n# x\nworkers = 5\n", 4, ["workers", "line 2"]),
    "key before any section": (b"workers = 4\n", 1, ["workers", "[section]"]),
    "no key at all": (b"[refresh]\nworkers\n", 2, ["KEY = VALUE"]),
    "no name": (b"[refresh]\n= 4\n", 2, ["KEY = VALUE"]),
    "text behind a section": (b"[refresh] workers = 4\n", 1, ["line of its own"]),
    "half a section": (b"[refresh\nworkers = 4\n", 1, ["[name]"]),
    "binary": (bytes(range(256)) * 100, 1, ["UTF-8"]),
    "zeroes": (b"\0" * 4096, 1, ["UTF-8"]),
    "not UTF-8": (b"[geocoder]\nlanguage = caf\xe9\n", 2, ["UTF-8"]),
    "a line of 100 kB": (b"[geocoder]\nlanguage = " + b"x" * 100_000 + b"\n", 2, ["longer than"]),
    "bad value behind CRLF": (b"[refresh]\r\nworkers = 0\r\n", 2, ["workers", "\"0\"", "use "]),
    "bad value behind a byte order mark": (b"\xef\xbb\xbf[refresh]\nworkers = 0\n", 2, ["workers"]),
    "bad value with a comment": (b"[refresh]\nworkers = 0 ; none\n", 2, ["workers", "\"0\""]),
    "indented": (b"[refresh]\nworkers = 4\n   older_than = x\n", 3, ["older_than"]),
}


def shown(told):
    """Without what a log line does to quotation marks."""
    return told.replace("\\\"", "\"")


@pytest.mark.parametrize("name", FILES)
def test_wrong_files(place, name):
    data, line, words = FILES[name]
    place.config.write_bytes(data)
    for reason in place.refusals():
        assert f"{place.config} line {line}: " in reason, reason
        assert all(word in shown(reason) for word in words), reason


def test_a_file_that_is_too_large(place):
    place.config.write_bytes(b"# nothing\n" * 150_000)
    for reason in place.refusals():
        assert str(place.config) in reason and "larger" in reason


def test_good_but_odd_files(place):
    """What editors of other systems make is no error."""
    place.write()
    plain = place.config.read_bytes()
    for data in (b"\xef\xbb\xbf" + plain, plain.replace(b"\n", b"\r\n"), plain.rstrip(b"\n"), b""):
        place.config.write_bytes(data)
        told = subprocess.run([REFRESHD, "--config", place.config, "--check-config"],
                              capture_output=True, timeout=60 * SLOW)
        assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("what", ["missing", "directory", "below a file", "device"])
def test_no_such_file(place, what):
    place.config = {"missing": place.root / "no.conf", "directory": place.root,
                    "below a file": place.root / "file" / "x", "device": Path("/dev/zero")}[what]
    for reason in place.refusals():
        assert str(place.config) in reason


def test_a_file_that_may_not_be_read(place):
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    place.write()
    place.config.chmod(0o600)
    for parent in (place.root, *place.root.parents[:-2]):
        parent.chmod(0o755)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    for reason in place.refusals(wrapper=nobody):
        assert str(place.config) in reason and "Permission denied" in reason


def test_refreshctl_says_the_same(place):
    line = place.write("refresh.workers", "0")
    told = subprocess.run([REFRESHCTL, "--config", place.config, "status"], capture_output=True,
                          text=True, timeout=60 * SLOW)
    assert told.returncode == 2 and f"{place.config} line {line}: [refresh] workers" in told.stderr
