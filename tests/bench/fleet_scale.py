"""The figures that docs/FLEET_SCALE.md computes with: three peers and one etcd on this machine, a run
over real places with the embedded gazetteer, and etcd alone.

    PYTHONPATH=tests/e2e REFRESHD_BUILD=build /usr/bin/python3 tests/bench/fleet_scale.py [POINTS]"""

import http.client
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from urllib.parse import urlsplit
from urllib.request import urlopen

from etcd_cluster import EtcdCluster, encode
from fleet import Fleet
from harness import BUILD, REFRESHCTL

CLAIMS, BATCH = 4130, 59
LEASE = 10


def say(name, value, unit):
    print(f"{name:<44} {value:>12.4g} {unit}", flush=True)


def figures(member):
    """etcd's own counters: calls by kind, bytes to and from clients."""
    calls = Counter()
    for line in urlopen(member.url + "/metrics").read().decode().splitlines():
        if line.startswith("grpc_server_handled_total") and 'grpc_code="OK"' in line:
            calls[line.split('grpc_method="')[1].split('"')[0]] += float(line.split()[-1])
        elif line.startswith("etcd_network_client_grpc_"):
            calls[line.split()[0][len("etcd_network_client_grpc_"):]] += float(line.split()[-1])
    return calls


def measure_etcd(members):
    """Claims as a peer makes them: BATCH in a transaction, one client, one after the other."""
    with EtcdCluster(members) as etcd:
        measure_claims(etcd.members[0], f"etcd of {members}")


def measure_claims(member, name):
    address = urlsplit(member.url)
    client = http.client.HTTPConnection(address.hostname, address.port)

    def post(path, document):
        client.request("POST", path, json.dumps(document))
        return json.loads(client.getresponse().read())

    lease = post("/v3/lease/grant", {"TTL": "600"})["ID"]
    bodies = []
    for first in range(0, CLAIMS, BATCH):
        keys = [encode(f"/refreshd/x/r/20261122T020000Z-0000/claim/{share:04}")
                for share in range(first, first + BATCH)]
        value = encode("peer-name 00112233445566778899aabbccddeeff")
        bodies.append({
            "compare": [{"key": key, "target": "CREATE", "result": "EQUAL", "create_revision": "0"}
                        for key in keys],
            "success": [{"requestPut": {"key": key, "value": value, "lease": lease}} for key in keys]})
    begin = time.monotonic()
    for body in bodies:
        assert post("/v3/kv/txn", body).get("succeeded")
    took = time.monotonic() - begin
    say(f"{name}: claims/s, one client, 59 at once", CLAIMS / took, "1/s")
    say(f"{name}: one such transaction", took / len(bodies) * 1e3, "ms")
    key = {"key": encode("/refreshd/x/run")}
    begin = time.monotonic()
    for _ in range(300):
        post("/v3/kv/range", key)
    say(f"{name}: one read", (time.monotonic() - begin) / 300 * 1e3, "ms")


def measure_quiet(fleet, member, seconds=20):
    before, status = figures(member), fleet.etcd.statistics()
    time.sleep(seconds)
    after, now = figures(member), fleet.etcd.statistics()
    for kind in sorted(after):
        if after[kind] > before[kind]:
            unit = "bytes/s" if kind.endswith("_bytes_total") else "calls/s"
            say(f"without a run, of 3 peers: {kind}", (after[kind] - before[kind]) / seconds, unit)
    say("without a run: revisions", (now["revision"] - status["revision"]) / seconds, "1/s")
    for name, value in sorted(fleet.etcd.read(fleet.prefix).items()):
        if name.endswith("/a"):
            say(f"bytes of {name[len(fleet.prefix):]}, key and value", len(name) + len(value), "bytes")


def measure_growth(fleet, member):
    """What a heartbeat leaves in etcd's file: its transaction, many times."""
    text = next(value for name, value in fleet.etcd.read(fleet.prefix).items() if "peers/" in name)
    before = fleet.etcd.statistics()
    beats = 4000
    address = urlsplit(member.url)
    client = http.client.HTTPConnection(address.hostname, address.port)
    puts = [{"requestPut": {"key": encode(f"/growth/{kind}/a"), "value": encode(text)}}
            for kind in ("peers", "seen")]
    for _ in range(beats):
        client.request("POST", "/v3/kv/txn", json.dumps({"success": puts}))
        client.getresponse().read()
    grown = fleet.etcd.statistics()["bytes"] - before["bytes"]
    say("etcd's file grows by, for one heartbeat", grown / beats, "bytes")


def measure_run(fleet, member, points, point_files):
    before = figures(member)
    begin = time.monotonic()
    run = fleet.refresh()
    most = 0
    keys = {}
    while True:
        now = fleet.etcd.read(fleet.prefix)
        mine = {key: value for key, value in now.items() if f"/r/{run}/" in key}
        if len(mine) > most:
            most, keys = len(mine), mine
        current = json.loads(now.get(f"{fleet.prefix}current", "{}"))
        if current.get("run") == run:
            break
        time.sleep(0.05)
    took = time.monotonic() - begin
    after = figures(member)
    say("points of the run", points, "")
    say("points of a point file", points / point_files, "")
    say("from start to decision", took, "s")
    for kind in ("Txn", "Range"):
        say(f"run: {kind} of 3 peers", (after[kind] - before[kind]) / took, "calls/s")
    sizes, count = Counter(), Counter()
    for key, value in keys.items():
        kind = key.split(f"/r/{run}/")[1].split("/")[0]
        sizes[kind] += len(key) + len(value)
        count[kind] += 1
    for kind in sorted(sizes):
        say(f"bytes of r/ID/{kind}, key and value", sizes[kind] / count[kind], "bytes")
    fleet.wait_idle()
    fetched = [peer.fleet_status() for peer in fleet]
    total = sum(status["bytes_fetched"] for status in fetched)
    shares = sum(status["fetched"] for status in fetched)
    say("answers fetched, of a point, zstd", total / (shares * points / point_files), "bytes")
    cache = fleet["a"].cache
    newest = max(int(path.name.split(".")[1]) for path in cache.glob("*.*.dat"))
    pairs = sum(path.stat().st_size for kind in ("idx", "dat")
                for path in cache.glob(f"*.{newest}.{kind}"))
    say("a pair, of a point", pairs / points, "bytes")


def main():
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 300000
    point_files = max(1, points // 19531)
    keys = {"geocoder__provider": "gazetteer", "geocoder__url": "", "geocoder__user_agent": ""}
    measure_etcd(1)
    measure_etcd(3)
    with Fleet(points=[(0, 0)], point_files=point_files, lease=f"{LEASE}s") as fleet:
        made = fleet.root / "made"
        shutil.rmtree(made)
        csv = subprocess.run([BUILD / "places" / "make_places", "stale", str(points)],
                             capture_output=True, check=True).stdout
        subprocess.run([REFRESHCTL, "--cache", made, "cache", "import", "-"], input=csv, check=True,
                       capture_output=True)
        for peer in fleet:
            peer.configure(**keys)
            shutil.rmtree(peer.cache)
            shutil.copytree(made, peer.cache)
        member = fleet.etcd.members[0]
        fleet.start()
        measure_quiet(fleet, member)
        measure_run(fleet, member, points, point_files)
        for peer in fleet:
            peer.kill()
        measure_growth(fleet, member)


main()
