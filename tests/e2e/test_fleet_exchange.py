"""The door between peers: who gets in, and what can be had there."""

import contextlib
import socket
import ssl
import subprocess

import pytest

from certificates import Certificate
from fleet import Fleet
from harness import wait_for


@pytest.fixture(scope="module")
def fleet():
    with Fleet(peers="a", points=200) as alone:
        alone.start()
        alone.refresh()
        alone.wait_switched()
        alone.wait_idle()
        yield alone


def talk(fleet, certificate, request, minimum=ssl.TLSVersion.TLSv1_2, maximum=None):
    """All bytes that the peer sends after the handshake, or the error that there was instead."""
    host, port = fleet["a"].keys["peers.listen"].split(":")
    context = ssl.create_default_context(cafile=str(fleet.certificates.authority))
    context.minimum_version = minimum
    if maximum:
        context.maximum_version = maximum
    if certificate:
        context.load_cert_chain(certificate.chain, certificate.key)
    got = b""
    with contextlib.suppress(OSError):
        with socket.create_connection((host, int(port)), timeout=5) as line:
            with context.wrap_socket(line, server_hostname=host) as secure:
                secure.sendall(request)
                while part := secure.recv(65536):
                    got += part
    return got


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()


def manifest_path(fleet):
    return f"/manifest/{fleet['a'].digest()}"


def test_a_peer_of_the_authority_gets_what_it_asks_for(fleet):
    certificate = fleet.certificates.make("visitor")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        reply = talk(fleet, certificate, get(manifest_path(fleet)), version, version)
        assert reply.startswith(b"HTTP/1.1 200 "), reply[:200]
    row = fleet["a"].manifest()["tiles"][0]
    print("a row of the manifest:", row)


def own_certificate(fleet, root):
    """One that nobody gave it."""
    chain, key = root / "own.pem", root / "own.key"
    fleet.certificates.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                               "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                               "-out", chain, "-days", 1, "-subj", "/CN=a")
    return Certificate(chain, key, None)


def test_nobody_else_gets_a_byte(fleet, tmp_path):
    authority = fleet.certificates
    strangers = [None, authority.expired(), authority.not_yet_valid(), authority.foreign(),
                 own_certificate(fleet, tmp_path)]
    for stranger in strangers:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for path in (manifest_path(fleet), "/", "/none"):
                assert talk(fleet, stranger, get(path), version, version) == b"", stranger
    # The peer has lived through it.
    assert talk(fleet, authority.make("after"), get("/")).startswith(b"HTTP/1.1 404 ")


def test_plain_http_gets_nothing(fleet):
    host, port = fleet["a"].keys["peers.listen"].split(":")
    got = b""
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(get(manifest_path(fleet)))
        with contextlib.suppress(OSError):
            while part := line.recv(65536):
                got += part
    assert b"HTTP/1" not in got and b"digest" not in got


NO_NAMES = [
    "/", "/none", "/manifest/", "/manifest/00000000000000000000000000000000", "/manifest/../MANIFEST",
    "/pair/0/00000000000000000000000000000000/idx", "/pair/99999999999/0/idx", "/pair/-1/x/dat",
    "/learned/../../etc/passwd/00000000000000000000000000000000", "/answers/x/0/%2e%2e%2f",
    "/answers/20260101T000000Z-0000/0/00000000000000000000000000000000", "/%00", "/" + "a" * 5000]


def test_only_what_has_a_name_is_there(fleet):
    curious = fleet.certificates.make("curious")
    for path in NO_NAMES:
        reply = talk(fleet, curious, get(path))
        assert reply.split(b" ", 2)[1] in (b"404", b"400", b"414", b"431"), (path[:60], reply[:200])


def test_only_reading(fleet):
    certificate = fleet.certificates.make("writer")
    for method in ("POST", "PUT", "DELETE"):
        request = get(manifest_path(fleet)).replace(b"GET", method.encode(), 1)
        reply = talk(fleet, certificate, request)
        assert reply.split(b" ", 2)[1] in (b"405", b"404", b"400"), reply[:200]


@pytest.mark.long(25)
def test_a_peer_that_nobody_can_fetch_from_says_so_and_holds_nobody_up_when_it_is_gone():
    """b's certificate is by another authority, and etcd takes it all the same: the others can't fetch
    what it has, nor it what they have."""
    with Fleet(points=600, peers__switch="quorum", lease="2s") as fleet:
        fleet.identify(fleet["b"], fleet.certificates.foreign("b-foreign"))
        fleet.start()
        fleet.refresh(peers="a")
        wait_for(lambda: "certificate" in (fleet["a"].fleet_status()["detail"] or ""), 30, "a to complain")
        fleet["b"].stop()
        fleet.wait_switched(names="ac", seconds=60)
        assert fleet["b"].digest() != fleet["a"].digest()
        # With a certificate of the authority it catches up.
        fleet.identify(fleet["b"], fleet.certificates.make("b-again"))
        fleet["b"].start()
        fleet.wait_switched()


def test_the_certificate_files_are_checked_at_the_start():
    with Fleet(peers="a", points=50) as fleet:
        peer = fleet["a"]
        (fleet.root / "broken.pem").write_text("no certificate\n")
        peer.configure(peers__cert_file=fleet.root / "broken.pem")
        with open(peer.log, "wb") as log:
            done = subprocess.run(["timeout", "20", *peer.words()], stdout=log, stderr=log)
        assert done.returncode not in (0, 124)
        assert "broken.pem" in peer.log.read_text()
