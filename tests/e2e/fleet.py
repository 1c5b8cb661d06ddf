"""Several refreshd that share one etcd, one authority and one geocoder: a fleet for a test."""

import collections
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from certificates import Certificates
from etcd_cluster import FAST, EtcdCluster
from harness import REFRESHCTL, Refreshd, free_port, make_points, wait_for, write_csv
from stub_geocoder import StubGeocoder

WORKERS, CONCURRENCY = 2, 8
POINT_FILES = 64


class Peer(Refreshd):
    """A refreshd that knows its name and place in the fleet."""

    def __init__(self, fleet, name, namespace=None, **keys):
        super().__init__(root=fleet.root / name, **keys)
        self.fleet, self.name, self.namespace = fleet, name, namespace

    def start(self, wait=True):
        with self.fleet.at(self.namespace):
            return super().start(wait)

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def manifest(self):
        return json.loads((self.cache / "MANIFEST").read_text())

    def digest(self):
        return self.manifest()["digest"]

    def switched_at(self):
        """When MANIFEST got its name: the rename changes the inode."""
        return os.stat(self.cache / "MANIFEST").st_ctime_ns / 1e9

    def fleet_status(self):
        return self.status()["fleet"]


class Fleet:
    """Peers a, b, c with equal caches, not yet started. `with` ends all whatever happens.

    points: how many, or a list. etcd: members, or an EtcdCluster of somebody else's. namespaces:
    must have one for each peer, `geocoder` and etcd's. stub: options of the stub geocoder. Other
    keys are config keys of every peer."""

    def __init__(self, peers="abc", points=3000, etcd=1, tls=False, namespaces=None, stub=None,
                 point_files=POINT_FILES, lease="2s", switch_delay="500ms", seed=1, **keys):
        self.root = Path(tempfile.mkdtemp(prefix="rd-fleet-", dir=FAST if os.path.isdir(FAST) else "/tmp"))
        self.names = list(peers)
        self.points = make_points(points, seed) if isinstance(points, int) else points
        self.namespaces = namespaces
        self.etcd_members = etcd
        self.tls = tls or namespaces is not None  # between peers it is always there; here: to etcd
        self.stub_options = {"delay": 20, "version": 2, **(stub or {})}
        self.keys = {"refresh__point_files": point_files, "refresh__workers": WORKERS,
                     "geocoder__concurrency": CONCURRENCY, "gate__max_country_changed": "100%",
                     "peers__lease": lease, "peers__switch_delay": switch_delay,
                     "peers__fleet": self.root.name, **keys}
        self.peers = {}
        self.stack = contextlib.ExitStack()

    def at(self, namespace):
        if self.namespaces is None:
            return contextlib.nullcontext()
        return self.namespaces.inside(namespace)

    def host(self, name):
        return self.namespaces.address(name) if self.namespaces else "127.0.0.1"

    def __enter__(self):
        try:
            self.make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for peer in self.peers.values():
            peer.kill()
        self.stack.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def make(self):
        self.certificates = Certificates(self.root / "authority")
        self.etcd = self.etcd_members
        if isinstance(self.etcd, int):
            self.etcd = self.stack.enter_context(EtcdCluster(
                self.etcd, self.certificates if self.tls else None, self.namespaces))
        self.stub = StubGeocoder(root=self.root, address=self.host("geocoder"), **self.stub_options)
        with self.at("geocoder"):
            self.stack.enter_context(self.stub)
        for name in self.names:
            self.add(name)
        self.load(self.peers.values(), self.points)

    def add(self, name, **keys):
        """Another peer, with an empty cache."""
        (self.root / name).mkdir()
        certificate = self.certificates.make(name, f"IP:{self.host(name)},DNS:localhost")
        address = f"{self.host(name)}:{free_port()}"
        peer = Peer(self, name, name if self.namespaces else None, **self.keys)
        peer.configure(peers__endpoints=self.etcd.endpoints, peers__name=name,
                       peers__advertise=address, peers__listen=address,
                       geocoder__provider=self.stub.provider, geocoder__url=self.stub.url,
                       geocoder__user_agent=name, **keys)
        self.identify(peer, certificate)
        self.peers[name] = peer
        return peer

    def identify(self, peer, certificate):
        peer.configure(peers__ca_file=certificate.authority, peers__cert_file=certificate.chain,
                       peers__key_file=certificate.key)

    def load(self, peers, points, **options):
        """Give these peers equal caches: made once, copied."""
        source = self.root / "made"
        shutil.rmtree(source, ignore_errors=True)
        write_csv(self.root / "points.csv", points, **options)
        done = subprocess.run([REFRESHCTL, "--cache", source, "cache", "import",
                               self.root / "points.csv"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        for peer in peers:
            shutil.rmtree(peer.cache, ignore_errors=True)
            shutil.copytree(source, peer.cache)

    def wipe(self, peer):
        """As on a new machine: nothing is there but the cache that all began with."""
        shutil.rmtree(peer.state)
        self.load([peer], self.points)

    def __getitem__(self, name):
        return self.peers[name]

    def __iter__(self):
        return iter(self.peers.values())

    @property
    def alive(self):
        return [peer for peer in self if peer.alive]

    def together(self, call, peers=None):
        """call(peer) for all at once; the results in their order."""
        peers = list(self if peers is None else peers)
        with ThreadPoolExecutor(len(peers)) as pool:
            return list(pool.map(call, peers))

    # --- life ----------------------------------------------------------------------------------

    def start(self, names=None):
        """Start the daemons and wait until each sees all of them."""
        started = [self[name] for name in names or self.names]
        for peer in started:
            peer.start(wait=False)
        for peer in started:
            wait_for(peer.answers, what=f"{peer.name} to answer", seconds=30)
        self.wait_seen()
        return self

    def wait_seen(self, seconds=20):
        """Every running peer says that exactly these run."""
        running = sorted(peer.name for peer in self.alive)

        def seen():
            return all(self.live(peer) == running for peer in self.alive)
        wait_for(seen, seconds, f"{running} to see one another", every=0.05)

    def live(self, by):
        return sorted(peer["name"] for peer in by.json("peers") if peer["live"])

    def refresh(self, *words, peers=None):
        """start --fleet on these peers at once (all that run); the one run they made."""
        peers = self.alive if peers is None else [self[name] for name in peers]
        answers = self.together(lambda peer: peer.ctl("start", "--fleet", *words).stdout, peers)
        runs = {word for answer in answers for word in answer.split() if self.is_run(word)}
        assert len(runs) == 1, answers
        self.run = runs.pop()
        return self.run

    def is_run(self, word):
        return len(word) == 21 and word[8] == "T" and word[15:17] == "Z-"

    def done(self):
        """Point files that are done in the fleet, as etcd has it."""
        return len(self.etcd.read(f"{self.prefix}r/{self.run}/done/"))

    def done_by(self, name):
        """Of these, those that this peer asked."""
        done = self.etcd.read(f"{self.prefix}r/{self.run}/done/")
        return sum(json.loads(value)["by"] == name for value in done.values())

    def claims(self, name):
        """Point files that this peer has claimed and not finished."""
        claims = self.etcd.read(f"{self.prefix}r/{self.run}/claim/")
        return sum(value.split()[0] == name for value in claims.values())

    def ready(self):
        """What peers have prepared, by name."""
        documents = self.etcd.read(f"{self.prefix}r/{self.run}/ready/")
        return {key.rsplit("/", 1)[1]: json.loads(value) for key, value in documents.items()}

    @property
    def prefix(self):
        return f"/refreshd/{self.root.name}/"

    def wait_done(self, count, seconds=60):
        wait_for(lambda: self.done() >= count, seconds, f"{count} point files done", every=0.02)

    def wait_switched(self, run=None, seconds=60, names=None):
        """Every peer serves the generation of the run; the one digest of it."""
        run = run or self.run
        peers = [self[name] for name in names] if names else self.alive

        def published():
            for peer in peers:
                assert peer.alive, f"{peer.name} ended:\n{peer.log.read_text()[-3000:]}"
            return all(peer.manifest()["run"] == run for peer in peers)
        try:
            wait_for(published, seconds, f"{run} to be published by {[p.name for p in peers]}",
                     every=0.02)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.story()}") from None
        return self.one_digest(peers)

    def one_digest(self, peers=None):
        digests = {peer.name: peer.digest() for peer in peers or self}
        assert len(set(digests.values())) == 1, f"{digests}\n{self.story()}"
        return next(iter(digests.values()))

    def wait_idle(self, seconds=30):
        for peer in self.alive:
            peer.wait_state("idle", seconds=seconds)

    def skew(self, names=None):
        """Seconds between the first switch and the last."""
        times = [self[name].switched_at() for name in names or self.names]
        return max(times) - min(times)

    def story(self):
        """What to look at when a test fails: each peer's status, peers and last lines of log."""
        parts = []
        for peer in self:
            status = peer.ctl("status", check=False).stdout if peer.alive else "not running"
            parts.append(f"--- {peer.name}\n{status}\n" +
                         "".join(peer.log.read_text().splitlines(True)[-25:] if peer.log.exists() else ""))
        with contextlib.suppress(AssertionError):
            keys = self.etcd.read(self.prefix)
            parts.append("--- etcd\n" + "\n".join(f"{key} {value[:300]}" for key, value in keys.items()
                                                   if "/done/" not in key and "/claim/" not in key))
        return "\n".join(parts)

    # --- what was asked ------------------------------------------------------------------------

    def times_asked(self):
        return self.stub.times_asked()

    def requests(self):
        return sum(self.times_asked().values())

    def asked_by(self):
        """Points asked, by peer."""
        counts = collections.Counter()
        for request in self.stub.asked():
            counts[request.client] += len(request.points)
        return counts

    @property
    def in_flight(self):
        """Requests that one peer can have under way."""
        return int(self.keys["refresh__workers"]) * int(self.keys["geocoder__concurrency"])

    @property
    def share(self):
        """Points of one point file, at most."""
        return -(-len(self.points) // int(self.keys["refresh__point_files"]))

    def answered_whole(self, peer, points=None):
        """Every point of its cache has a new address, and the cache is sound."""
        entries = peer.export()
        assert set(entries) == set(self.points if points is None else points)
        assert all(row["outcome"] == "found" for row in entries.values())
        assert all(row["street"].endswith("v2") for row in entries.values())
        peer.ctl("cache", "verify", "--deep")
