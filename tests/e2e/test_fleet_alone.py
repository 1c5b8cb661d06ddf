"""A server that is no peer of a fleet: what it says when it is asked for one, and what a
configuration with one must have."""

import subprocess

import pytest

from harness import REFRESHD, SLOW, make_points

PEER = {"peers.endpoints": "https://etcd.example:2379", "peers.name": "a",
        "peers.advertise": "a.example:8577", "peers.listen": "127.0.0.1:8577",
        "peers.ca_file": "@", "peers.cert_file": "@", "peers.key_file": "@"}


@pytest.fixture
def check(tmp_path):
    """check(keys): exit status, standard error and output of --check-config."""
    (tmp_path / "pem").write_text("something\n")

    def run(keys):
        sections = {}
        for key, value in keys.items():
            section, name = key.split(".")
            sections.setdefault(section, []).append(f"{name} = {value}")
        text = "".join(f"[{section}]\n" + "\n".join(lines) + "\n" for section, lines in sections.items())
        config = tmp_path / "refreshd.conf"
        config.write_text(text.replace("@", str(tmp_path / "pem")))
        ended = subprocess.run([REFRESHD, "--config", config, "--check-config"], capture_output=True,
                               text=True, timeout=60 * SLOW)
        return ended.returncode, ended.stderr, ended.stdout
    return run


def test_a_peer_is_checked_and_printed(check):
    status, told, printed = check(PEER)
    assert status == 0, told
    for key, value in PEER.items():
        if value != "@":
            assert f"\n{key.split('.')[1]} = {value}\n" in printed
    assert "\nswitch_delay = 5s\n" in printed and "\nlease = 10s\n" in printed


@pytest.mark.parametrize("missing", ["advertise", "listen", "ca_file", "cert_file", "key_file"])
def test_a_peer_lacks_something(check, missing):
    keys = dict(PEER)
    del keys[f"peers.{missing}"]
    status, told, _ = check(keys)
    assert status == 2
    assert "refreshd.conf line 2: [peers] endpoints: " in told and f" {missing} (" in told
    assert "leave endpoints empty" in told and len(told.splitlines()) == 1


def test_all_that_is_missing_is_named_at_once(check):
    status, told, _ = check({"peers.endpoints": "http://127.0.0.1:2379"})
    assert status == 2
    for name in ("advertise", "listen", "ca_file", "cert_file", "key_file"):
        assert f" {name} (" in told


def test_tiles_are_not_published_one_by_one_in_a_fleet(check):
    status, told, _ = check({"refresh.publish": "tile", **PEER})
    assert status == 2
    assert "refreshd.conf line 2: [refresh] publish: " in told
    assert "use run" in told and "[peers] endpoints" in told
    assert check({"refresh.publish": "tile"})[0] == 0


def test_etcd_without_tls_only_on_this_machine(check):
    status, told, _ = check({**PEER, "peers.endpoints": "https://a:2379, http://b.example:2379"})
    assert status == 2 and "http://b.example:2379" in told and "endpoints" in told
    assert check({**PEER, "peers.endpoints": "http://[::1]:2379"})[0] == 0


def test_others_can_reach_what_is_advertised(check):
    status, told, _ = check({**PEER, "peers.advertise": "0.0.0.0:8577"})
    assert status == 2 and "line 4: [peers] advertise: " in told and "reach" in told


def test_alone_there_are_no_peers(refreshd):
    assert refreshd.ctl("peers", check=False).returncode == 3
    refreshd.start()
    assert refreshd.json("peers") == []
    assert "no fleet is configured" in refreshd.ctl("peers").stdout
    assert "fleet" not in refreshd.status()


@pytest.mark.parametrize("words", [["--wait"], ["--dry-run"], []])
def test_alone_there_is_no_run_of_a_fleet(refreshd, words):
    refreshd.stub(version=2)
    refreshd.configure(gate__max_country_changed="100%")
    refreshd.load(make_points(100)).start()
    refused = refreshd.ctl("start", "--fleet", *words, check=False)
    assert refused.returncode == 2
    assert "[peers] endpoints" in refused.stderr and "without --fleet" in refused.stderr
    assert refreshd.status()["run"] is None
    assert refreshd.ctl("start", "--wait").stderr == ""  # alone nobody needs a warning
    assert refreshd.status()["last_run"]["result"] == "published"
