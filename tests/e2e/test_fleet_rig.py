"""What the tests of the fleet stand on: the etcd, certificates and namespaces of a test."""

import json
import socket
import ssl
import time
import urllib.request

import pytest

from certificates import Certificates
from etcd_cluster import EtcdCluster
from harness import wait_for
from namespaces import Namespaces
from stub_geocoder import StubGeocoder, question


def test_etcd_lives_through_the_loss_of_its_leader_and_not_of_its_quorum():
    with EtcdCluster(3) as etcd:
        etcd.write("/test/a", "1")
        first = etcd.leader()
        first.kill()
        assert etcd.leader() is not first
        etcd.write("/test/b", "2")
        etcd.restart(first)
        with etcd.without_quorum():
            wait_for(lambda: not etcd.members[0].healthy(), 20, "the loss to be seen")
        assert etcd.read("/test/") == {"/test/a": "1", "/test/b": "2"}
        with etcd.without_quorum("freeze"):
            wait_for(lambda: not etcd.members[0].healthy(), 20, "the loss to be seen")
        assert etcd.read("/test/b") == {"/test/b": "2"}
        assert etcd.statistics()["revision"] >= 3


def client(certificate):
    context = ssl.create_default_context(cafile=str(certificate.authority))
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


def test_etcd_takes_only_certificates_of_the_authority_that_are_valid(tmp_path):
    authority = Certificates(tmp_path)
    with EtcdCluster(1, authority) as etcd:
        url = etcd.members[0].url + "/health"

        def get(context):
            with urllib.request.urlopen(url, timeout=5, context=context) as reply:
                return json.loads(reply.read())
        assert get(client(authority.make("peer")))["health"] == "true"
        for refused in (authority.expired(), authority.not_yet_valid(), authority.foreign()):
            with pytest.raises(OSError):
                get(client(refused))
        with pytest.raises(OSError):
            get(ssl.create_default_context(cafile=str(authority.authority)))


def reaches(network, client_name, server_name, seconds=1.0, tries=1):
    """How many of so many connections come about."""
    made = 0
    with socket.socket() as listener:
        with network.inside(server_name):
            server = socket.socket()
        listener.close()
        server.bind((network.address(server_name), 0))
        server.listen(64)
        with server:
            for _ in range(tries):
                with network.inside(client_name):
                    probe = socket.socket()
                with probe:
                    probe.settimeout(seconds)
                    try:
                        probe.connect(server.getsockname())
                        made += 1
                    except OSError:
                        pass
    return made


def test_namespaces_reach_one_another_until_they_are_cut():
    with Namespaces(["a", "b", "c"]) as network:
        assert reaches(network, "a", "b") and reaches(network, "b", "a")
        network.cut("b", but=["c"])
        assert not reaches(network, "a", "b") and not reaches(network, "b", "a")
        assert reaches(network, "c", "b") and reaches(network, "b", "c") and reaches(network, "a", "c")
        network.heal("b")
        assert reaches(network, "a", "b")
        network.cut("b", is_heard=True)  # its packets leave, and no answer comes
        assert not reaches(network, "a", "b", 0.3) and not reaches(network, "b", "a", 0.3)
        network.heal()
        network.lose(0.3)
        assert 15 < reaches(network, "a", "b", 0.2, 60) < 45  # both the question and the answer
        network.heal()
        assert reaches(network, "a", "b", tries=20) == 20


def test_etcd_in_namespaces():
    with Namespaces(["etcd0", "etcd1", "etcd2"]) as network, \
            EtcdCluster(3, namespaces=network) as etcd:
        leader = etcd.leader()
        network.cut(leader.name)
        wait_for(lambda: etcd.leader() is not leader, 20, "another leader")
        etcd.write("/a", "1")
        network.heal()
        wait_for(leader.healthy, 20, "the old leader to follow")
        assert etcd.read("/a") == {"/a": "1"}


def test_a_certificate_is_given_for_addresses(tmp_path):
    authority = Certificates(tmp_path)
    other = authority.make("other", "IP:10.1.2.3")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(other.chain, other.key)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    there = server.wrap_bio(incoming, outgoing, server_side=True)
    here = ssl.create_default_context(cafile=str(other.authority)).wrap_bio(
        outgoing, incoming, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        for _ in range(4):
            for side in (here, there):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    pass


def test_the_stub_holds_each_client_to_its_rate():
    with StubGeocoder(client_rate=50) as stub:
        def ask(name, count, began):
            for _ in range(count):
                request = urllib.request.Request(stub.url + question((1, 2)),
                                                 headers={"User-Agent": f"{name} x"})
                with urllib.request.urlopen(request, timeout=5) as reply:
                    reply.read()
            return time.monotonic() - began
        took = ask("a", 11, time.monotonic())
        assert 0.2 <= took < 2
        assert ask("b", 1, time.monotonic()) < 0.2, "another client has a rate of its own"
        assert [request.client for request in stub.asked()] == ["a"] * 11 + ["b"]
