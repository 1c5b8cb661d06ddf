"""What refreshd and refreshctl say of a fleet, and what they refuse in one."""

import json
import signal
import subprocess
import time
import urllib.request

import pytest

from fleet import Fleet
from harness import SLOW, free_port, wait_for


def get(peer, path):
    with urllib.request.urlopen(f"http://{peer.keys['http.listen']}{path}", timeout=20) as reply:
        return reply.read().decode()


def paused_run(fleet):
    """A run that every peer has begun, and that stands still."""
    run = fleet.refresh("--rate", "100")
    fleet.wait_done(1)
    fleet["a"].ctl("pause")
    for peer in fleet:
        peer.wait_state("paused", seconds=20)
    return run


def test_what_is_shown_of_a_fleet():
    with Fleet("ab", points=1500) as fleet:
        for peer in fleet:
            peer.configure(http__listen=f"127.0.0.1:{free_port()}")
        fleet.start()
        a = fleet["a"]
        wait_for(lambda: a.fleet_status()["phase"] == "idle" and a.fleet_status()["live"] == 2,
                 what="a to know the fleet")
        assert "fleet_reachable" in a.log.read_text()
        assert "fleet_unreachable" not in a.log.read_text()  # it had no time to answer yet
        at_rest = a.fleet_status()
        assert (at_rest["run"], at_rest["live"]) == (None, 2)
        assert at_rest["current"] is True and at_rest["switch_at"] is None
        assert "fleet       idle, 2 live" in a.ctl("status").stdout
        run = paused_run(fleet)
        status = a.status()
        assert (status["run"], status["reason"]) == (run, "paused by the operator")
        shared = status["fleet"]
        assert (shared["run"], shared["members"], shared["ready"]) == (run, 2, 0)
        assert shared["shares"] == 64 and shared["paused"] is True
        assert shared["rate_share"] == 0.5
        # One document for command, socket and dashboard.
        def all_paused():
            peers = a.json("peers")
            return all(peer["member"] and peer["state"] == "paused" for peer in peers) and peers
        peers = wait_for(all_paused, what="each to tell that it is paused")
        document = json.loads(get(a, "/api/peers"))
        assert document["point_files"] == 64
        assert [peer["name"] for peer in document["peers"]] == ["a", "b"]
        assert set(document["peers"][0]) == set(peers[0])
        assert json.loads(get(a, "/api/status"))["fleet"]["run"] == run
        assert [peer["self"] for peer in peers] == [True, False]
        table = a.ctl("peers").stdout.splitlines()
        assert table[0].split() == ["NAME", "GENERATION", "DONE", "HELD", "LAG", "LAST", "SEEN",
                                    "LIVE", "DIGEST", "STATE"]
        assert table[1].split()[:3] == ["a", "*", "1"] and table[2].split()[:2] == ["b", "1"]
        assert all(row.split()[-2:] == [peers[0]["digest"][:8], "paused"] for row in table[1:])
        page = get(a, "/metrics")
        assert "\nrefreshd_fleet_peers_live 2\n" in page and "\nrefreshd_fleet_members 2\n" in page
        assert '\nrefreshd_fleet_phase{phase="refreshing"} 1\n' in page
        checked = subprocess.run(["promtool", "check", "metrics"], input=page, text=True,
                                 capture_output=True)
        assert checked.returncode == 0 and checked.stderr == "", checked.stderr
        fleet["b"].ctl("cancel")
        fleet.wait_idle()


def test_what_a_peer_refuses_while_the_fleet_has_a_run():
    with Fleet("ab", points=1500) as fleet:
        fleet.start()
        run = paused_run(fleet)
        b = fleet["b"]
        for words in (["start"], ["cache", "rollback"], ["cache", "import", fleet.root / "points.csv"]):
            refused = b.ctl(*words, check=False)
            assert refused.returncode == 1 and "run" in refused.stderr, (words, refused)
        assert f"run {run} is active already" in b.ctl("start", "--fleet", check=False).stderr
        b.ctl("resume")
        fleet.wait_switched(run)


def test_a_run_of_one_peer_alone_is_warned_of_and_undone_by_the_next():
    with Fleet("ab", points=600) as fleet:
        fleet.start()
        fleet.wait_switched(fleet.refresh())
        fleet.wait_idle()
        fleet.stub.script("set version 3")
        a, b = fleet
        alone = a.ctl("start", "--wait")
        assert "warning: this peer refreshes alone" in alone.stderr
        assert "without --fleet" in a.json("start")["warning"]
        assert "warning run_alone run=" in a.log.read_text()
        a.wait_state("idle")
        assert a.digest() != b.digest()
        own = {"a": a.digest(), "b": b.digest()}
        wait_for(lambda: {peer["name"]: peer["digest"] for peer in b.json("peers")} == own,
                 what="b to hear of it")
        fleet.wait_switched(fleet.refresh(peers="b"))


def test_a_peer_that_is_left_out_says_so_and_catches_up():
    with Fleet("abc", points=900) as fleet:
        fleet.start()
        b = fleet["b"]
        b.ctl("start", "--rate", 5)
        b.wait_state("refreshing")
        own = b.status()["run"]
        run = fleet.refresh("--rate", "300", peers="a")
        wait_for(lambda: b.fleet_status()["phase"] == "left_out", what="b to be left out")
        assert f"busy with run {own}" in b.fleet_status()["detail"]
        assert b.status()["run"] == own
        waited = b.ctl("start", "--fleet", "--wait", check=False)
        assert waited.returncode == 1, waited
        assert f"run {run} is over, and was not finished here" in waited.stdout
        assert fleet["a"].manifest()["run"] == fleet["c"].manifest()["run"] == run
        assert "not its generation here" in b.ctl("status").stdout
        assert b.status()["fleet"]["current"] is False
        b.ctl("cancel")  # its own, which was in the way
        fleet.wait_switched(run)
        wait_for(lambda: "fleet_caught_up" in b.log.read_text(), what="it to be told")
        assert "fleet_left_out" in b.log.read_text()


def test_a_reload_changes_the_fleets_run_and_names_what_waits():
    with Fleet("ab", points=1500, geocoder__rate=100) as fleet:
        fleet.start()
        run = fleet.refresh()
        fleet.wait_done(1)
        a, b = fleet
        a.configure(geocoder__rate=40, peers__switch_delay="1s", peers__lease="3s")
        a.process.send_signal(signal.SIGHUP)
        for peer in fleet:
            wait_for(lambda: 0 < peer.status()["rate"] <= 20, what="its half of the new rate")
        told = a.log.read_text()
        assert "config_changed section=geocoder key=rate value=\"40\" takes_effect=now" in told
        for key, value in (("switch_delay", "1s"), ("lease", "3s")):
            assert f"config_changed section=peers key={key} value=\"{value}\" takes_effect=restart" in told
        a.configure(refresh__publish="tile")
        a.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "error reload_failed" in a.log.read_text(), what="the refusal")
        assert "[refresh] publish" in a.log.read_text()
        b.ctl("set", "rate=0")
        fleet.wait_switched(run)


def test_the_plan_is_that_of_the_whole_run():
    with Fleet("ab", points=600) as fleet:
        fleet.start()
        plan = fleet["b"].json("start", "--fleet", "--dry-run")
        assert (plan["points"], plan["requests"]) == (600, 600)
        assert fleet["a"].status()["run"] is None


def test_without_etcd_a_peer_says_so_and_stops_soon():
    with Fleet("a", points=300, lease="1s") as fleet:
        fleet.start()
        a = fleet["a"]
        fleet.etcd.members[0].kill()
        wait_for(lambda: a.fleet_status()["phase"] == "unreachable", what="etcd to be missed")
        assert "etcd" in a.fleet_status()["detail"]
        assert "fleet       unreachable" in a.ctl("status").stdout
        refused = a.ctl("start", "--fleet", check=False)
        assert refused.returncode == 1 and "etcd" in refused.stderr, refused
        assert a.json("peers")[0]["name"] == "a"
        assert a.ctl("cache", "info").returncode == 0
        a.stop()


def test_two_of_one_name_are_told():
    with Fleet("ab", points=300) as fleet:
        fleet["b"].configure(peers__name="a")
        fleet["a"].start()
        wait_for(lambda: fleet["a"].fleet_status()["phase"] == "idle", what="a to be a member")
        b = fleet["b"].start()
        told = wait_for(lambda: "error name_taken name=a " in b.log.read_text(), what="it to be told")
        assert told
        wait_for(lambda: "has its name, a" in (b.fleet_status()["detail"] or ""), what="the status")
        refused = b.ctl("start", "--fleet", check=False)
        assert refused.returncode == 1, refused
        assert fleet["a"].fleet_status()["phase"] == "idle"
        fleet["a"].kill()  # the name is free when its lease has ended
        wait_for(lambda: b.fleet_status()["phase"] == "idle", 20, "b to be a member")


@pytest.mark.parametrize("key, value, words", [
    ("peers__key_file", "@ca", "key"), ("peers__listen", "no-such-host.invalid:1", "no-such-host")])
def test_what_keeps_a_peer_from_starting(key, value, words):
    with Fleet("a", points=10) as fleet:
        a = fleet["a"]
        a.configure(**{key: value.replace("@ca", str(a.keys["peers.ca_file"]))})
        a.start(wait=False)
        assert a.process.wait(timeout=30 * SLOW) in (1, 2)
        last = a.log.read_text().splitlines()[-1]
        assert " error not_started " in last and words in last, last


def test_a_stop_in_the_middle_of_a_switch_is_clean():
    with Fleet("ab", points=300, switch_delay="8s") as fleet:
        fleet.start()
        run = fleet.refresh()
        wait_for(lambda: fleet["a"].fleet_status()["switch_at"] is not None, 30, "the decision")
        began = time.monotonic()
        for peer in fleet:
            peer.stop()
        assert time.monotonic() - began < 20 * SLOW
        for peer in fleet:
            peer.start()
        fleet.wait_switched(run)
