"""The stub geocoder does what its scripts say; read with bare sockets."""

import contextlib
import csv
import http.client
import io
import json
import socket
import ssl
import subprocess
import time
from email.utils import parsedate_to_datetime

import pytest

from harness import degrees
from stub_geocoder import (PROGRAM, StubGeocoder, address, chosen, make_certificate,
                           most_in_a_second, question)

HERE = (481234567, 23456789)
THERE = (-337654321, -705432101)


@pytest.fixture(scope="module")
def shared():
    with StubGeocoder() as stub:
        yield stub


@pytest.fixture
def stub(shared):
    shared.script("set version 1", "set empty 0", "set delay_ms 0")
    return shared


def talk(stub, text, wait=5.0):
    """Send text; everything that comes until the end, None at a reset, what came at a time-out."""
    got = b""
    with socket.create_connection(("127.0.0.1", stub.port), timeout=wait) as line:
        line.sendall(text.encode())
        with contextlib.suppress(socket.timeout):
            try:
                while part := line.recv(65536):
                    got += part
            except ConnectionResetError:
                return None if not got else (got, "reset")
    return got


def ask(stub, point=HERE, wait=5.0, extra="Connection: close\r\n"):
    return talk(stub, f"GET {question(point)} HTTP/1.1\r\nHost: x\r\n{extra}\r\n", wait)


def body(reply):
    return reply.split(b"\r\n\r\n", 1)[1]


def test_addresses_depend_on_the_point_alone(stub):
    for point in (HERE, THERE):
        place = json.loads(body(ask(stub, point)))
        assert place["display_name"] == address(point)["label"]
        assert place["address"]["house_number"] == address(point)["housenumber"]
        assert place["lat"] == degrees(point[0])
    stub.script("set version 2")
    assert json.loads(body(ask(stub)))["address"]["road"] == address(HERE, 2)["street"]


def test_one_in_k_has_no_address(stub):
    stub.script("set empty 5")
    points = [(i * 1234567, i * 7654321) for i in range(100)]
    for point in points:
        known = "error" not in json.loads(body(ask(stub, point)))
        assert known != chosen(point, 5)
    assert 5 < sum(chosen(point, 5) for point in points) < 45


@pytest.mark.parametrize("path,label", [
    ("/v1/reverse?point.lat={}&point.lon={}", lambda r: r["features"][0]["properties"]["label"]),
    ("/reverse/?lat={}&lon={}", lambda r: r["features"][0]["properties"]["label"]),
    ("/v1/revgeocode?at={},{}", lambda r: r["items"][0]["address"]["label"]),
    ("/geocode/v1/json?q={}%2C{}", lambda r: r["results"][0]["formatted"]),
    ("/geocode/json?latlng={},{}", lambda r: r["results"][0]["formatted_address"]),
    ("/search/geocode/v6/reverse?latitude={}&longitude={}",
     lambda r: r["features"][0]["properties"]["full_address"])])
def test_single_shapes(stub, path, label):
    reply = json.loads(stub.get(path.format(degrees(HERE[0]), degrees(HERE[1]))))
    assert label(reply) == address(HERE)["label"]
    assert stub.asked()[-1].points == [HERE]


def test_photon_shape():
    with StubGeocoder("photon") as photon:
        reply = json.loads(photon.get(question(HERE)))
        assert reply["features"][0]["properties"]["street"] == address(HERE)["street"]


def batch(stub, provider, points):
    """The reply to a batch, as its rows' labels."""
    line = http.client.HTTPConnection("127.0.0.1", stub.port, timeout=5)
    with contextlib.closing(line):
        if provider == "mapbox":
            rows = [{"longitude": lon / 1e7, "latitude": lat / 1e7} for lat, lon in points]
            line.request("POST", "/search/geocode/v6/batch?permanent=true", json.dumps(rows),
                         {"Content-Type": "application/json"})
            return [item["features"][0]["properties"]["full_address"]
                    for item in json.loads(line.getresponse().read())["batch"]]
        if provider == "here":
            rows = [f"id={i}&at={degrees(lat)},{degrees(lon)}" for i, (lat, lon) in enumerate(points)]
            line.request("POST", "/v1/multi-revgeocode", "\n".join(rows), {"Content-Type": "text/plain"})
            return [(r["id"], r["items"][0]["title"])
                    for r in json.loads(line.getresponse().read())["results"]]
        rows = "".join(f"{degrees(lat)},{degrees(lon)}\r\n" for lat, lon in points)
        form = (f'--b\r\nContent-Disposition: form-data; name="data"; filename="x"\r\n\r\n'
                f'latitude,longitude\r\n{rows}\r\n--b--\r\n')
        line.request("POST", "/reverse/csv/", form, {"Content-Type": "multipart/form-data; boundary=b"})
        return list(csv.DictReader(io.StringIO(line.getresponse().read().decode())))


def test_batches(stub):
    points = [HERE, THERE, (1, -1), (899999999, 1799999999)]
    labels = [address(point)["label"] for point in points]
    assert batch(stub, "mapbox", points) == labels
    assert stub.asked()[-1].points == points
    assert batch(stub, "here", points) == [(str(i), label) for i, label in enumerate(labels)]
    rows = batch(stub, "addok", points)
    assert [row["result_label"] for row in rows] == labels
    assert rows[1]["latitude"] == degrees(THERE[0])
    assert None not in rows[0]
    stub.script("set empty 1")
    assert [row["result_city"] for row in batch(stub, "addok", points)] == [""] * 4


def test_batches_with_wrong_rows(stub):
    points = [HERE, THERE, (1, -1), (2, -2)]
    labels = [address(point)["label"] for point in points]
    for kind, expected in (("rows_missing", labels[:2] + labels[3:]), ("rows_reordered", labels[::-1]),
                           ("rows_duplicated", [labels[0]] + labels[:1] + labels[2:])):
        stub.script(kind)
        assert batch(stub, "mapbox", points) == expected, kind
    stub.script("rows_extra")
    assert len(batch(stub, "here", points)) == len(batch(stub, "addok", points)) == 5
    stub.script("body_cut")
    assert len(batch(stub, "addok", points)) == 4
    with pytest.raises(ValueError):
        batch(stub, "mapbox", points)


def test_rules_choose_requests(stub):
    def statuses(count):
        return [int(ask(stub).split(b" ")[1]) for _ in range(count)]
    stub.script("status status=503 from=2 to=3", "status status=404 from=5 limit=1")
    assert statuses(6) == [200, 503, 503, 200, 404, 200]
    stub.script("status status=500 one_in=4")
    assert 20 < statuses(200).count(500) < 90
    stub.script("status status=500 seconds=0.2")
    assert statuses(1) == [500]
    time.sleep(0.25)
    assert statuses(1) == [200]
    stub.script("status status=500 once=1")
    assert statuses(3) == [500, 200, 200]
    stub.script("status status=500 points=3")
    first = [ask(stub, (i, i)).split(b" ")[1] for i in range(40)]
    assert first == [ask(stub, (i, i)).split(b" ")[1] for i in range(40)]
    assert 4 < first.count(b"500") < 30


def test_statuses_and_retry_after(stub):
    for status in (400, 401, 402, 403, 404, 429, 500, 502, 503):
        stub.script(f"status status={status}")
        assert ask(stub).startswith(b"HTTP/1.1 %d " % status)
    stub.script("status status=429 retry_after=7")
    assert b"\r\nRetry-After: 7\r\n" in ask(stub)
    stub.script("status status=429 retry_date=3")
    reply = ask(stub)
    date = reply.split(b"Retry-After: ")[1].split(b"\r\n")[0].decode()
    assert 2.9 < parsedate_to_datetime(date).timestamp() - time.time() < 4.1


def test_bodies(stub):
    stub.script('body status=200 text={"status": "OVER_QUERY_LIMIT"}')
    assert json.loads(body(ask(stub))) == {"status": "OVER_QUERY_LIMIT"}
    stub.script("html")
    assert ask(stub).startswith(b"HTTP/1.1 200") and b"<html>" in ask(stub)
    stub.script("html status=500")
    assert ask(stub).startswith(b"HTTP/1.1 500") and b"<html>" in ask(stub)
    stub.script("invalid_utf8")
    with pytest.raises(UnicodeDecodeError):
        body(ask(stub)).decode()
    stub.script("huge")
    assert len(body(ask(stub))) >= 10_000_000
    stub.script("nested")
    assert body(ask(stub)).startswith(b'{"a":[{"a":[')
    stub.script("far bytes=1000000")
    assert json.loads(body(ask(stub)))["lat"] == degrees(HERE[0] + 1000000)
    stub.script("empty")
    assert json.loads(body(ask(stub))) == {"error": "Unable to geocode"}


def test_delivery(stub):
    whole = len(body(ask(stub)))
    stub.script("reset_before")
    assert ask(stub) is None
    stub.script("close_before")
    assert ask(stub) == b""
    stub.script("reset_middle")
    reply, how = ask(stub)
    assert how == "reset" and len(body(reply)) == whole // 2
    stub.script("truncated")
    assert len(body(ask(stub))) == whole // 2
    stub.script("stalled")
    assert len(body(ask(stub, wait=0.2))) == whole // 2
    stub.script("hang")
    assert ask(stub, wait=0.2) == b""
    stub.script("delay ms=200")
    began = time.monotonic()
    assert len(body(ask(stub))) == whole and time.monotonic() - began > 0.19


def test_framing(stub):
    def length(reply):
        return int(reply.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    whole = body(ask(stub))
    stub.script("chunked")
    line = http.client.HTTPConnection("127.0.0.1", stub.port, timeout=5)
    with contextlib.closing(line):
        line.request("GET", question(HERE))
        assert line.getresponse().read() == whole
    assert body(ask(stub)).endswith(b"0\r\n\r\n")
    stub.script("chunked_broken")
    assert b"zz\r\n" in body(ask(stub))
    stub.script("chunked_open")
    assert not body(ask(stub)).endswith(b"0\r\n\r\n")
    stub.script("length_long")
    reply = ask(stub, wait=0.2)
    assert length(reply) == len(whole) + 100 and body(reply) == whole
    stub.script("length_short")
    assert length(ask(stub)) == len(whole) // 2 and body(ask(stub)) == whole
    stub.script("http10")
    reply = ask(stub, extra="")
    assert reply.startswith(b"HTTP/1.0 200") and b"Content-Length" not in reply and body(reply) == whole


def test_connections(stub):
    twice = f"GET {question(HERE)} HTTP/1.1\r\n\r\n" * 2
    assert talk(stub, twice, wait=0.2).count(b"HTTP/1.1 200") == 2
    stub.script("close limit=1")
    reply = talk(stub, twice)
    assert (reply[0] if isinstance(reply, tuple) else reply).count(b"HTTP/1.1 200") == 1
    stub.script("close_said limit=1")
    reply = talk(stub, twice)
    assert b"Connection: close" in (reply[0] if isinstance(reply, tuple) else reply)


def test_redirects(stub):
    stub.script("redirect")
    where = ask(stub).split(b"Location: ")[1].split(b"\r\n")[0].decode()
    assert where == question(HERE) + "&again=1"
    assert talk(stub, f"GET {where} HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200")
    stub.script("redirect where=http://example.invalid:1")
    assert b"Location: http://example.invalid:1/reverse?" in ask(stub)
    stub.script("redirect where=loop status=301")
    assert ask(stub).startswith(b"HTTP/1.1 301")


def test_it_refuses_what_no_provider_takes(stub):
    assert talk(stub, "GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 404")
    assert talk(stub, "GET /reverse?lat=1 HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert talk(stub, "nonsense\r\n\r\n") == b""
    assert [r.fault for r in stub.asked()[-2:]] == ["bad_path", "bad_request"]
    with StubGeocoder("google", key="s3cret", prefix="/maps") as google:
        path = f"/maps/geocode/json?latlng={degrees(HERE[0])},{degrees(HERE[1])}"
        assert b"OK" in google.get(path + "&key=s3cret")
        with pytest.raises(OSError):
            google.get(path + "&key=wrong")
        assert [r.fault for r in google.asked()] == ["-", "bad_key"]


def test_scripts_that_make_no_sense(stub):
    stub.script("status status=418")
    for line in ("nonsense", "status colour=red", "status status=many", "set nothing 3"):
        with pytest.raises(OSError):
            stub.script(line)
    assert ask(stub).startswith(b"HTTP/1.1 418"), "the script before stays"
    assert subprocess.run([PROGRAM, "--nonsense"], capture_output=True).returncode == 2


def test_the_log_counts_and_times(stub):
    before, stats = len(stub.asked()), stub.stats()
    began = time.monotonic()
    stub.script("status status=500 from=2")
    for _ in range(3):
        ask(stub)
    fresh = stub.asked()[before:]
    assert [r.fault for r in fresh] == ["-", "status", "status"]
    assert all(r.points == [HERE] for r in fresh)
    assert began < fresh[0].time < fresh[1].time < fresh[2].time < time.monotonic()
    assert len({r.connection for r in fresh}) == 3
    assert stub.stats()["requests"] - stats["requests"] == 3
    assert most_in_a_second(fresh, 60) == 3 and most_in_a_second(fresh, 1e-9) == 1
    assert question(HERE).encode() in stub.last()


def test_the_same_port_again():
    with StubGeocoder() as stub:
        port = stub.port
        ask(stub)
        stub.kill()
        with pytest.raises(ConnectionRefusedError):
            ask(stub)
        stub.start()
        assert stub.port == port and ask(stub).startswith(b"HTTP/1.1 200")
        assert len(stub.asked()) == 2


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
def test_tls(tmp_path, protocol):
    certificate = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=certificate.authority)
    context.set_alpn_protocols([protocol])
    with StubGeocoder(certificate=certificate) as stub:
        with socket.create_connection(("127.0.0.1", stub.port), timeout=5) as plain, \
                context.wrap_socket(plain, server_hostname="127.0.0.1") as line:
            assert line.selected_alpn_protocol() == protocol
            if protocol == "h2":
                line.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
                assert line.recv(9)[3] == 4, "settings"
            else:
                line.sendall(f"GET {question(HERE)} HTTP/1.1\r\n\r\n".encode())
                assert line.recv(65536).startswith(b"HTTP/1.1 200")


def test_http2(tmp_path):
    certificate = make_certificate(tmp_path)
    with StubGeocoder(certificate=certificate) as stub:
        words = ["curl", "-sS", "--http2", "--cacert", certificate.authority, "-w", "%{http_version}",
                 stub.url + question(HERE)]
        reply = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert reply.endswith("}2") and json.loads(reply[:-1])["display_name"] == address(HERE)["label"]
        with open(tmp_path / "script", "w") as script:
            script.write("reset_before from=1 to=1\nstatus status=429 retry_after=3\n")
        stub.stop()
        stub.options["script"] = tmp_path / "script"
        stub.start()
        assert subprocess.run(words, capture_output=True).returncode == 92, "the stream was reset"
        assert "429" in subprocess.run(words[:5] + ["-o", "/dev/null", "-w", "%{http_code}", words[-1]],
                                       capture_output=True, text=True).stdout


@pytest.mark.parametrize("names,days", [("DNS:elsewhere.invalid", 2), ("IP:127.0.0.1", -1)])
def test_certificates_that_are_no_good(tmp_path, names, days):
    certificate = make_certificate(tmp_path, names, days)
    context = ssl.create_default_context(cafile=certificate.authority)
    with StubGeocoder(certificate=certificate) as stub:
        with socket.create_connection(("127.0.0.1", stub.port), timeout=5) as plain:
            with pytest.raises(ssl.SSLCertVerificationError):
                context.wrap_socket(plain, server_hostname="127.0.0.1")
