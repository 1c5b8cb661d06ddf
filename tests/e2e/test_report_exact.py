"""A report counts each committed answer exactly once: over kills, pauses, a cancel, a full disk, and in
a fleet, whose peers all have the same one."""

import os
import random
import time

import pytest

from fleet import Fleet
from harness import SLOW, Refreshd, make_points, small_filesystem, wait_for

POINTS = 30_000
KILLS = 30
TABLES = ["everything = count", "all_outcomes = count[outcome]", "all_changed = count when changed",
          "points = collection(10000)[tile] of lat, lon", "worst = maximum(3) of age_days"]
FAILURES = {"gate__max_country_changed": "100%", "refresh__max_failed": "100%", "gate__max_lost": "100%"}


def tables(report):
    return {table["name"]: table for table in report["tables"]}


def counts(report, name):
    """The rows of a table by the values of its index."""
    return {tuple(row["index"].values()): row["value"] for row in tables(report)[name]["rows"]}


def assert_exact(report):
    """What the tables count is what the run's record of the same moment says."""
    points = report["points"]
    answered = points["answered"]
    assert report["answers"] == answered
    assert counts(report, "everything").get((), 0) == answered
    outcomes = {key[0]: value for key, value in counts(report, "all_outcomes").items()}
    assert outcomes == {word: points[word] for word in ("found", "none", "unsure", "failed")
                        if points[word] > 0}
    places = [tuple(place) for row in tables(report)["points"]["rows"] for place in row["value"]]
    assert len(places) == len(set(places)) == answered, "a point counts twice"
    by_country = tables(report)["changed_by_country"]
    assert sum(row["value"] for row in by_country["rows"]) == by_country["emitted"]
    changed = counts(report, "all_changed").get((), 0)
    assert by_country["emitted"] + by_country["skipped"] == changed
    return answered


def assert_final(report):
    """Of an ended run, whose tiles are all rebuilt."""
    assert assert_exact(report) == report["points"]["total"] - report["points"]["carried"]
    assert counts(report, "all_changed")[()] == report["points"]["changed"]


def start(refreshd, *words):
    options = [word for table in TABLES for word in ("--table", table)]
    refreshd.ctl("start", *options, *words)


def prepare(refreshd, rate=4000, points=POINTS, **stub):
    refreshd.load(make_points(points))
    refreshd.stub(**{"latency_ms": 2, "version": 2, "fail": 50, "empty": 20, **stub})
    refreshd.configure(geocoder__rate=rate, refresh__point_files=128, refresh__workers=2, **FAILURES)
    refreshd.start()


def pause(refreshd):
    refreshd.ctl("pause")
    return refreshd.wait_state("paused")


@pytest.mark.long(30)
def test_many_kills_count_each_answer_once(refreshd):
    prepare(refreshd)
    start(refreshd)
    rng = random.Random(3)
    kills = seen = 0
    while kills < KILLS:
        time.sleep(rng.uniform(0.05, 0.4) * SLOW)
        if rng.random() < 0.3:
            report = refreshd.json("report")
            answered = assert_exact(report)
            assert answered >= seen
            seen = answered
            if report["result"] is not None:
                break
        refreshd.kill()
        kills += 1
        refreshd.start()
    refreshd.wait_state("idle", seconds=120)
    report = refreshd.json("report")
    print(f"{kills} kills")
    assert kills >= 10
    assert report["result"] == "published"
    assert_final(report)
    refreshd.kill()
    refreshd.start()
    assert refreshd.json("report") == report


def test_a_paused_run_reports_what_status_says(refreshd):
    """Also after kill -9 and a restart, to the last number."""
    prepare(refreshd)
    start(refreshd)
    for answered in range(3000, POINTS - 5000, 6000):
        wait_for(lambda: refreshd.status()["points"]["answered"] >= answered)
        status = pause(refreshd)
        report = refreshd.json("report")
        assert assert_exact(report) == status["points"]["answered"]
        refreshd.kill()
        refreshd.start()
        refreshd.wait_state("paused")
        assert refreshd.json("report")["tables"] == report["tables"]
        refreshd.ctl("resume")
    refreshd.wait_state("idle", seconds=120)
    assert_final(refreshd.json("report"))


def test_tables_are_fixed_when_a_run_starts(refreshd):
    """A restart with another configuration counts on as the run began."""
    prepare(refreshd)
    start(refreshd)
    wait_for(lambda: refreshd.status()["points"]["answered"] > 1000)
    before = [table["text"] for table in refreshd.json("report")["tables"]]
    refreshd.stop()
    refreshd.configure(report__another="count[outcome]", report__everything="")
    refreshd.start()
    refreshd.wait_state("idle", seconds=120)
    report = refreshd.json("report")
    assert [table["text"] for table in report["tables"]] == before
    assert_final(report)


def test_a_cancelled_run_keeps_its_report(refreshd):
    prepare(refreshd)
    start(refreshd)
    wait_for(lambda: refreshd.status()["points"]["answered"] > POINTS / 2)
    status = pause(refreshd)
    before = refreshd.json("report")
    refreshd.ctl("cancel")
    refreshd.wait_state("idle")
    report = refreshd.json("report")
    assert report["result"] == "cancelled"
    assert assert_exact(report) == status["points"]["answered"]
    assert report["tables"] == before["tables"]
    refreshd.kill()
    refreshd.start()
    assert refreshd.json("report", report["run"]) == report


def test_a_report_while_the_run_works_is_of_one_moment(refreshd):
    """However often one looks."""
    prepare(refreshd, rate=20000)
    start(refreshd)
    seen, looks = 0, 0
    while refreshd.status()["state"] != "idle":
        report = refreshd.json("report")
        answered = assert_exact(report)
        assert answered >= seen
        seen = answered
        looks += 1
    assert looks >= 3
    assert_final(refreshd.json("report"))


def can_mount():
    try:
        with small_filesystem(1):
            return True
    except Exception:
        return False


@pytest.mark.skipif(not can_mount(), reason="SKIPPED LOUDLY: needs root to mount a tmpfs")
@pytest.mark.parametrize("leave", [200_000, 1_500_000, 3_000_000])
def test_a_full_disk_counts_nothing_twice(leave):
    with small_filesystem(40) as root, Refreshd(root=root) as refreshd:
        prepare(refreshd, rate=0)
        start(refreshd)
        wait_for(lambda: refreshd.status()["state"] in ("refreshing", "paused", "idle"))
        free = os.statvfs(root).f_bavail * os.statvfs(root).f_frsize
        with open(root / "ballast", "wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, max(free - leave, 4096))
        status = refreshd.wait_state("paused", "idle")
        if status["state"] == "paused":
            assert status["reason"].startswith(f"disk full: {root}")
            assert_exact(refreshd.json("report"))
            refreshd.kill()
            refreshd.start()
            refreshd.wait_state("paused")
            assert_exact(refreshd.json("report"))
        os.unlink(root / "ballast")
        if status["state"] == "paused":
            refreshd.ctl("resume")
        refreshd.wait_state("idle", seconds=120)
        assert_final(refreshd.json("report"))


@pytest.mark.skipif(not can_mount(), reason="SKIPPED LOUDLY: needs root to mount a tmpfs")
def test_a_cancel_on_a_full_disk_ends_the_run():
    """What the run occupies makes room for its report."""
    with small_filesystem(40) as root, Refreshd(root=root) as refreshd:
        prepare(refreshd)
        start(refreshd)
        wait_for(lambda: refreshd.status()["points"]["answered"] > POINTS / 3)
        free = os.statvfs(root).f_bavail * os.statvfs(root).f_frsize
        with open(root / "ballast", "wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, free)
        refreshd.wait_state("paused")
        before = refreshd.json("report")
        refreshd.ctl("cancel")
        refreshd.wait_state("idle")
        report = refreshd.json("report")
        assert report["result"] == "cancelled"
        assert assert_exact(report) == before["points"]["answered"]


def test_peers_of_a_fleet_have_one_report():
    """Also those whose configuration says something else; who asked is counted everywhere."""
    with Fleet(points=6000, stub={"delay": 30}) as fleet:
        fleet["a"].configure(report__by_peer="count[peer]", report__everything="count")
        fleet["b"].configure(report__other="count[city]", report__everything="")
        fleet.start()
        run = fleet.refresh(peers="a")
        wait_for(lambda: fleet["b"].status()["points"]["answered"] > 1000)
        fleet["b"].kill()
        fleet["b"].start()
        fleet.wait_switched(run, seconds=120)
        fleet.wait_idle()
        reports = [peer.json("report", run) for peer in fleet]
        for report in reports:
            assert report["answers"] == report["points"]["answered"] == 6000
            assert counts(report, "everything") == {(): 6000}
            assert report["tables"] == reports[0]["tables"]
        asked = counts(reports[0], "by_peer")
        assert set(asked) <= {("a",), ("b",), ("c",)} and len(asked) >= 2
        assert sum(asked.values()) == 6000
        done = {(name,): fleet.done_by(name) > 0 for name in "abc"} if fleet.done() else {}
        assert all(name in asked for name, any_done in done.items() if any_done)


def test_a_cancelled_run_of_a_fleet_keeps_what_each_peer_has():
    with Fleet(points=6000, stub={"delay": 30}) as fleet:
        fleet.start()
        run = fleet.refresh("--table", "everything = count")
        wait_for(lambda: all(peer.status()["points"]["answered"] > 500 for peer in fleet))
        fleet["c"].ctl("cancel")
        fleet.wait_idle()
        for peer in fleet:
            report = peer.json("report", run)
            assert report["result"] == "cancelled"
            assert counts(report, "everything") == {(): report["answers"]}
            assert report["answers"] == report["points"]["answered"] > 0
