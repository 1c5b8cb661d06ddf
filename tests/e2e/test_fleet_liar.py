"""A peer that has a good certificate and lies: honest peers take nothing of it that is not what it
should be, write nothing where they should not, and go on when it is gone."""

import base64
import collections
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fleet import Fleet
from harness import wait_for

HEADER = b"\x28\xb5\x2f\xfd\x00\x38"  # of a zstd frame with a window of 128 KB
ZEROS = b"\x02\x00\x10\x00"           # a block of 128 KB of zeros
GIGABYTES = 20


def garbage(reply):
    reply.wfile.write(b"\x00garbage\xff" * 1000)


def nothing(reply):
    pass


def bomb(reply):
    """Twenty gigabytes in half a megabyte."""
    reply.wfile.write(HEADER + ZEROS * (GIGABYTES << 13))


def endless(reply):
    reply.wfile.write(HEADER)
    while not reply.server.over:
        reply.wfile.write(ZEROS * 4096)


def silent(reply):
    reply.server.silence.wait()


def elsewhere(reply):
    """What it says is somewhere else."""


class Lies(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.server.lie is elsewhere:
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
        else:
            self.send_response(200)
        self.end_headers()
        try:
            self.server.lie(self)
        except OSError:
            pass

    def log_message(self, *_):
        pass


class Liar:
    """An HTTPS server that is in etcd as a peer `liar`; its keys have no lease."""

    def __init__(self, fleet, lie):
        self.fleet = fleet
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Lies)
        self.server.lie, self.server.asked, self.server.over = lie, [], False
        self.server.silence = threading.Event()
        self.server.daemon_threads = True
        certificate = fleet.certificates.make("liar")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.over = True
        self.server.silence.set()
        self.server.shutdown()
        self.server.server_close()

    def write(self, key, document):
        self.fleet.etcd.write(self.fleet.prefix + key, json.dumps(document))

    def come(self, digest):
        """Be a peer like the others."""
        host, port = self.server.server_address
        keys = self.fleet.etcd.read(f"{self.fleet.prefix}peers/a")
        document = json.loads(next(iter(keys.values())))
        document.update(name="liar", instance="f" * 32, advertise=f"{host}:{port}", digest=digest)
        self.write("peers/liar", document)

    def go(self):
        self.fleet.etcd.delete(f"{self.fleet.prefix}peers/liar")

    def claim_to_have(self, shares):
        """Say that these shares are done by us, with answers of a digest that nothing has."""
        for share in shares:
            self.write(f"r/{self.fleet.run}/done/{share:04}", {"digest": "7" * 32, "by": "liar"})
        bitmap = [0] * 16
        for share in shares:
            bitmap[share // 4] |= 1 << share % 4
        self.write(f"r/{self.fleet.run}/held/liar",
                   {"count": len(shares), "bitmap": "".join(f"{nibble:x}" for nibble in bitmap)})


def files_of(fleet):
    """All files outside of what peers may write: their state and cache."""
    return {path for path in fleet.root.rglob("*")
            if not any(part in path.parts for part in ("state", "cache"))}


def memory(peer):
    with open(f"/proc/{peer.process.pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmHWM"].split()[0]) / 1024


@pytest.mark.parametrize("lie", [garbage, nothing, bomb, endless, silent, elsewhere])
def test_answers_that_are_none(lie):
    """It says that it has answered point files, and gives something else. Once it is gone they are
    asked again."""
    with Fleet(points=1500, stub={"delay": 60}, lease="2s") as fleet:
        fleet.start()
        with Liar(fleet, lie) as liar:
            fleet.refresh()
            fleet.wait_done(1)
            files = files_of(fleet)
            liar.come(fleet["a"].digest())
            liar.claim_to_have(range(60, 64))
            wait_for(lambda: any("/answers/" in path for path in liar.server.asked), 30,
                     "somebody to ask it")
            wait_for(lambda: fleet.done() == 64, 60, "the rest to be done", every=0.05)
            assert all(peer.alive for peer in fleet)
            assert all(memory(peer) < 300 for peer in fleet), [memory(peer) for peer in fleet]
            liar.go()
        fleet.wait_switched(seconds=90)
        assert fleet.times_asked() <= collections.Counter({point: 2 for point in fleet.points})
        assert files_of(fleet) == files
        for peer in fleet:
            fleet.answered_whole(peer)
            assert not list(peer.state.rglob("passwd"))


def test_learned_points_that_are_none():
    """It is a member, and what it says it has learned is not what comes."""
    with Fleet(points=600, lease="2s") as fleet:
        fleet.start()
        with Liar(fleet, garbage) as liar:
            liar.come(fleet["a"].digest())
            wait_for(lambda: "liar" in fleet.live(fleet["a"]), 20, "it to be seen")
            fleet.refresh()
            liar.write(f"r/{fleet.run}/learned/liar", {"digest": "../../../etc/passwd", "entries": 3})
            liar.write(f"r/{fleet.run}/learned/liar", {"digest": "7" * 32, "entries": 3})
            wait_for(lambda: any("/learned/" in path for path in liar.server.asked), 30,
                     "somebody to ask it")
            liar.go()
        # It was a member of the run, and will never be ready: an operator says that the others do.
        wait_for(lambda: len(fleet.ready()) == 3, 60, "the others to be ready", every=0.05)
        fleet["a"].ctl("publish", "--force")
        fleet.wait_switched()
        for peer in fleet:
            fleet.answered_whole(peer)


def test_documents_that_are_none():
    """Whatever lies under the fleet's keys in etcd, no peer ends of it."""
    with Fleet(points=600, lease="2s") as fleet:
        fleet.start()
        wrong = ["", "{", "null", "[]", "7", '{"id":7}', '{"run":"x","digest":"' + "z" * 40 + '"}',
                 '{"name":"../../x","advertise":"../..","generation":-1e99}', "\x01" * 2000,
                 "[" * 3000]
        for number, text in enumerate(wrong):
            for key in ("peers/liar", f"peers/..%2f{number}", "seen/liar", "wish", "ended",
                        "r/20200101T000000Z-0000/held/a", "r/../x", f"other/{number}"):
                fleet.etcd.write(fleet.prefix + key, text)
        wait_for(lambda: all(peer.ctl("peers", check=False).returncode == 0 for peer in fleet), 20,
                 "peers to answer")
        assert all(peer.alive for peer in fleet)
        for key in ("peers/", "seen/liar", "wish", "ended"):
            for name in fleet.etcd.read(fleet.prefix + key):
                if not name.endswith(("/a", "/b", "/c")):
                    fleet.etcd.delete(name)
        fleet.wait_seen()
        fleet.refresh()
        fleet.wait_switched()
        fleet.one_digest()


def test_a_run_that_is_none():
    """A document `run` that no peer wrote: none works on it, and when it is gone all is well."""
    with Fleet(points=300) as fleet:
        fleet.start()
        before = fleet.one_digest()
        for text in ('{"id":"../../../tmp/evil"}', '{"id":"20260101T000000Z-0000"}', "{", ""):
            fleet.etcd.write(f"{fleet.prefix}run", text)
            wait_for(lambda: fleet["a"].ctl("status", check=False).returncode == 0, 10, "status")
        assert fleet["a"].ctl("start", "--fleet", check=False).returncode != 0
        assert all(peer.alive for peer in fleet) and fleet.one_digest() == before
        fleet.etcd.delete(f"{fleet.prefix}run")
        fleet.wait_switched(fleet.refresh())


def test_keys_of_bytes_that_are_no_text():
    """etcd takes any bytes as keys and values."""
    with Fleet(peers="a", points=200) as fleet:
        fleet.start()
        key = fleet.prefix.encode() + b"peers/\xff\x00\xfe"
        fleet.etcd.call("/v3/kv/put", {"key": base64.b64encode(key).decode(),
                                       "value": base64.b64encode(b"\xff\x00").decode()})
        fleet.wait_switched(fleet.refresh())
