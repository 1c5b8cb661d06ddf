"""The stub geocoder (tests/stub) as a process of a test's own, its log, and certificates for it."""

import collections
import json
import ssl
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from harness import BUILD, SLOW, degrees, wait_for

PROGRAM = BUILD / "tests" / "stub_geocoder"
MASK = (1 << 64) - 1

Asked = collections.namedtuple("Asked", "time number connection fault points client")


def mix(value):
    value ^= value >> 33
    value = value * 0xff51afd7ed558ccd & MASK
    value ^= value >> 33
    value = value * 0xc4ceb9fe1a85ec53 & MASK
    return value ^ value >> 33


def place_hash(point):
    return mix((point[0] & 0xffffffff) << 32 | point[1] & 0xffffffff)


def chosen(point, k, salt=3):
    """Whether the stub chooses the point as one of 1 in k; salt 3 is `set empty`."""
    return k != 0 and mix((place_hash(point) + salt) & MASK) % k == 0


def address(point, version=1):
    """What the stub says about a point (tests/stub/place.c)."""
    code = place_hash(point)
    west = point[1] < 0
    place = {"housenumber": str(code % 300 + 1), "street": f"Rue {code >> 10 & 511} v{version}",
             "postcode": f"{code >> 20 & 0xffff:05}", "city": f"Città {code >> 40 & 255}",
             "district": f"District {code >> 40 & 63}", "county": f"County {code >> 44 & 15}",
             "state": f"State {code >> 46 & 3}", "country": "Canada" if west else "France",
             "countrycode": "ca" if west else "fr"}
    place["label"] = "{housenumber} {street}, {postcode} {city}, {country}".format(**place)
    return place


class StubGeocoder:
    """`with` ends it whatever happens. Options are those of the program: version=2, client_rate=10,
    address="127.0.0.1", ..."""

    def __init__(self, provider="nominatim", root=None, certificate=None, **options):
        self.temporary = None if root else tempfile.TemporaryDirectory(prefix="rd-stub-", dir="/tmp")
        self.root = Path(root or self.temporary.name)
        self.provider = provider
        self.certificate = certificate
        self.options = options
        self.log = self.root / "asked-over-the-network"
        self.log_read = 0
        self.read = []
        self.process = None
        self.port = 0

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        if self.temporary:
            self.temporary.cleanup()

    @property
    def url(self):
        scheme = "https" if self.certificate else "http"
        host = self.options.get("address", "127.0.0.1")
        return f"{scheme}://{host}:{self.port}{self.options.get('prefix', '')}"

    def start(self):
        """Start it, on the same port as before if it was started before."""
        words = [PROGRAM, "--provider", self.provider, "--port", self.port, "--log", self.log]
        for name, value in self.options.items():
            option = f"--{name.replace('_', '-')}"
            words += [option] if value is True else [option, value]
        if self.certificate:
            words += ["--cert", self.certificate.chain, "--cert-key", self.certificate.key]
        self.process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        assert line.strip().isdigit(), "the stub geocoder does not start"
        self.port = int(line)
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(timeout=10 * SLOW) == 0
        if self.process:
            self.process.stdout.close()

    def kill(self):
        """As if its machine were gone: connections are refused from now on."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def get(self, path, data=None):
        url = self.url.removesuffix(self.options.get("prefix", "")) + path
        context = ssl._create_unverified_context() if self.certificate else None
        with urllib.request.urlopen(url, data=data, timeout=10 * SLOW, context=context) as reply:
            return reply.read()

    def script(self, *lines):
        """Replace the script (tests/stub/DESIGN.md); request numbers count from 1 again."""
        self.get("/_script", "\n".join(lines).encode())

    def stats(self):
        return json.loads(self.get("/_stats"))

    def last(self):
        """The bytes of the last request."""
        return self.get("/_last")

    def asked(self):
        """Every request so far: when (seconds, as time.monotonic()), on which connection, with
        what fault, about which points, by whom (the first word of the User-Agent)."""
        with open(self.log, "rb") as log:
            log.seek(self.log_read)
            data = log.read()
        data = data[: data.rfind(b"\n") + 1]
        self.log_read += len(data)
        for line in data.decode().splitlines():
            time, number, connection, fault, points, client = line.split(" ")
            self.read.append(Asked(int(time) / 1e9, int(number), int(connection), fault,
                                   [tuple(map(int, p.split(","))) for p in points.split(";") if p],
                                   client))
        return self.read

    def times_asked(self):
        return collections.Counter(point for request in self.asked() for point in request.points)

    def wait_requests(self, count, seconds=20):
        wait_for(lambda: len(self.asked()) >= count, seconds, f"{count} requests", every=0.005)


def use(refreshd, stub, **keys):
    """Let refreshd ask this stub; keys are config keys without their section."""
    refreshd.configure(geocoder__provider=stub.provider, geocoder__url=stub.url,
                       gate__max_country_changed="100%", refresh__workers=2, refresh__point_files=64,
                       **{f"geocoder__{name}": value for name, value in keys.items()})
    if "key" in stub.options:
        path = refreshd.root / "geocoder-key"
        path.write_text(f"\n  {stub.options['key']}\n")
        refreshd.configure(geocoder__key_file=path)
    if stub.certificate:
        refreshd.configure(geocoder__ca_file=stub.certificate.authority)


def reconcile(status):
    """A finished run's points, which must add up."""
    points = status["last_run"]["points"]
    parts = ("found", "none", "unsure", "failed", "carried")
    assert sum(points[part] for part in parts) == points["total"], points
    return points


def most_in_a_second(requests, width=0.9):
    """The most points asked in any second. A busy machine sends or reads some a moment late, and then
    they share a second with those that were granted after them: the window is that much narrower.
    To the point, tests/unit/test_limiter.c counts, whose clock is never late."""
    most = begin = points = 0
    for request in requests:
        points += len(request.points)
        while requests[begin].time <= request.time - width:
            points -= len(requests[begin].points)
            begin += 1
        most = max(most, points)
    return most


Certificate = collections.namedtuple("Certificate", "chain key authority")


def make_certificate(root, names="IP:127.0.0.1,DNS:localhost", days=2):
    """A certificate by an authority of its own. days below 0: it has expired."""
    root = Path(root)
    authority, authority_key = root / "ca.pem", root / "ca.key"
    chain, key, request = root / "cert.pem", root / "cert.key", root / "cert.csr"

    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", authority_key, "-out", authority, "-days", 3,
            "-subj", "/CN=test authority")
    openssl("req", *curve, "-keyout", key, "-out", request, "-subj", "/CN=stub",
            "-addext", f"subjectAltName={names}")
    openssl("x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key,
            "-CAcreateserial", "-out", chain, "-days", days, "-copy_extensions", "copy")
    return Certificate(chain, key, authority)


def question(point):
    """A question in Nominatim's shape, for the stub's own tests."""
    return f"/reverse?lat={degrees(point[0])}&lon={degrees(point[1])}&format=jsonv2"
