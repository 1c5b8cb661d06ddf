"""A real etcd for a test: one member or three, on loopback or in network namespaces."""

import base64
import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from harness import SLOW, free_port, wait_for

FAST = "/dev/shm"  # peers and etcd wait for each fsync, and would have a disk each


def encode(text):
    return base64.b64encode(text.encode()).decode()


def after(prefix):
    """The first key that does not begin with the prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


class Member:
    """One member; the cluster fills in the rest."""

    def __init__(self, cluster, number):
        self.cluster, self.number, self.name = cluster, number, f"etcd{number}"
        self.process = None
        self.namespace = self.name if cluster.namespaces else None
        self.host = cluster.namespaces.address(self.name) if cluster.namespaces else "127.0.0.1"
        self.choose_ports()

    def choose_ports(self):
        self.port, self.peer_port = free_port(), free_port()

    @property
    def url(self):
        return f"{'https' if self.cluster.certificate else 'http'}://{self.host}:{self.port}"

    @property
    def peer_url(self):
        return f"http://{self.host}:{self.peer_port}"

    def words(self):
        cluster = self.cluster
        words = ["setpriv", "--pdeathsig", "KILL", "etcd", "--name", self.name, "--data-dir", cluster.root / self.name,
                 "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                 "--listen-peer-urls", self.peer_url, "--initial-advertise-peer-urls", self.peer_url,
                 "--initial-cluster", ",".join(f"{m.name}={m.peer_url}" for m in cluster.members),
                 "--initial-cluster-token", cluster.root.name, "--pre-vote=true",
                 "--heartbeat-interval", "100", "--election-timeout", "1000", "--log-level", "warn"]
        if cluster.certificate:
            words += ["--cert-file", cluster.certificate.chain, "--key-file", cluster.certificate.key,
                      "--client-cert-auth", "--trusted-ca-file", cluster.certificate.authority]
        return list(map(str, words))

    def start(self):
        with open(self.cluster.root / f"{self.name}.log", "ab") as log, self.cluster.at(self):
            self.process = subprocess.Popen(self.words(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        """As if its machine did not get on; connections to it hang."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def call(self, path, document=None):
        """What the member answers; None when it does not."""
        data = None if document is None else json.dumps(document).encode()
        with self.cluster.at(self, "hub"), contextlib.suppress(OSError, json.JSONDecodeError):
            with urllib.request.urlopen(self.url + path, data, timeout=2 * SLOW,
                                        context=self.cluster.context) as reply:
                return json.loads(reply.read())

    def healthy(self):
        return (self.call("/health") or {}).get("health") == "true"


class EtcdCluster:
    """`with` starts it and ends it whatever happens. certificates: an authority; then clients need
    one of its certificates. namespaces: each member in the one with its name, etcd0, etcd1, ..."""

    def __init__(self, members=1, certificates=None, namespaces=None):
        self.root = Path(tempfile.mkdtemp(prefix="rd-etcd-", dir=FAST if os.path.isdir(FAST) else "/tmp"))
        self.namespaces = namespaces
        self.certificate = self.context = None
        self.members = [Member(self, number) for number in range(members)]
        if certificates:
            hosts = ",".join(sorted({f"IP:{member.host}" for member in self.members}))
            self.certificate = certificates.make("etcd", f"{hosts},DNS:localhost")
            self.context = ssl.create_default_context(cafile=str(self.certificate.authority))
            self.context.load_cert_chain(self.certificate.chain, self.certificate.key)

    def at(self, member, namespace=None):
        if self.namespaces is None:
            return contextlib.nullcontext()
        return self.namespaces.inside(namespace or member.name)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for member in self.members:
            if member.process and member.process.poll() is None:
                member.thaw()
                member.kill()
        shutil.rmtree(self.root, ignore_errors=True)

    def start(self):
        """Somebody may take a port in the moment between; then others are chosen."""
        for attempt in range(3):
            for member in self.members:
                member.start()
            if self.wait_healthy() or attempt == 2:
                break
            for member in self.members:
                member.kill()
                shutil.rmtree(self.root / member.name, ignore_errors=True)
                member.choose_ports()
        assert all(member.process.poll() is None for member in self.members), self.logs()

    def wait_healthy(self):
        """False when a member ended instead."""
        def settled():
            if any(member.process.poll() is not None for member in self.members):
                return "ended"
            return all(member.healthy() for member in self.members)
        return wait_for(settled, 30, "a healthy etcd", every=0.05) is True

    def logs(self):
        return "\n".join(log.read_text()[-2000:] for log in sorted(self.root.glob("*.log")))

    @property
    def endpoints(self):
        return ",".join(member.url for member in self.members)

    # --- what is in it -----------------------------------------------------------------------

    def call(self, path, document):
        """What the first member that answers says."""
        for member in self.members:
            answer = member.call(path, document)
            if answer is not None and "error" not in answer:
                return answer
        raise AssertionError(f"no member of etcd answers {path}:\n{self.logs()}")

    def read(self, prefix):
        """All keys that begin with the prefix, and their values."""
        answer = self.call("/v3/kv/range", {"key": encode(prefix), "range_end": encode(after(prefix))})
        return {base64.b64decode(pair["key"]).decode(): base64.b64decode(pair.get("value", "")).decode()
                for pair in answer.get("kvs", [])}

    def write(self, key, value):
        self.call("/v3/kv/put", {"key": encode(key), "value": encode(value)})

    def delete(self, key):
        self.call("/v3/kv/deleterange", {"key": encode(key)})

    def statistics(self):
        """etcd's own figures: revision of the store, bytes of its file and of what is in use."""
        status = self.call("/v3/maintenance/status", {})
        return {"revision": int(status["header"]["revision"]), "bytes": int(status["dbSize"]),
                "in_use": int(status["dbSizeInUse"])}

    # --- faults ------------------------------------------------------------------------------

    def leader(self, seconds=20):
        """The member that leads, as it says itself."""
        def find():
            for member in self.members:
                status = member.process.poll() is None and member.call("/v3/maintenance/status", {})
                if status and status.get("leader") == status["header"]["member_id"]:
                    return member
        return wait_for(find, seconds, "a leader of etcd", every=0.05)

    def restart(self, member):
        member.start()
        wait_for(member.healthy, 30, "the member to be healthy", every=0.05)

    @contextlib.contextmanager
    def without_quorum(self, how="kill"):
        """All members but one are gone: killed, or hanging."""
        gone = self.members[1:] or self.members
        for member in gone:
            member.kill() if how == "kill" else member.freeze()
        began = time.monotonic()
        try:
            yield began
        finally:
            for member in gone:
                member.start() if how == "kill" else member.thaw()
        self.wait_healthy()
