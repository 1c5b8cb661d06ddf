"""Runs as an operator sees them: what is asked, what is kept, what is held, what is told."""

import csv
import io
import json
import time

import pytest

from harness import Refreshd, degrees, make_points, wait_for, write_csv

COUNT = 6000
DAY = 86400


@pytest.fixture
def ready(refreshd):
    """A cache of COUNT entries and a stub geocoder; not started."""
    refreshd.points = make_points(COUNT)
    refreshd.load(refreshd.points)
    refreshd.stub(version=2, log=refreshd.asked_log)
    refreshd.configure(gate__max_country_changed="100%", refresh__point_files=64)
    return refreshd


@pytest.mark.sanitized
def test_gazetteer_refreshes_everything(refreshd):
    refreshd.load([(488566000, 23522000), (357000000, 1396900000), (-338688000, 1512093000)])
    refreshd.configure(gate__max_country_changed="100%")
    refreshd.start()
    refreshd.ctl("start", "--wait")
    rows = {degrees(lat)[:6]: row for (lat, lon), row in refreshd.export().items()}
    assert rows["48.856"]["city"].startswith("Paris") and rows["48.856"]["countrycode"] == "fr"
    assert rows["48.856"]["country"] == "France" and "Paris" in rows["48.856"]["label"]
    assert rows["-33.86"]["countrycode"] == "au"
    status = refreshd.status()
    assert status["last_run"]["points"]["found"] == 3
    assert status["point_files"]["total"] == 4096 and status["tiles"]["total"] == 576


def test_status_document(ready):
    ready.start()
    status = ready.status()
    assert status["state"] == "idle" and status["generation"] == 1 and status["reason"] is None
    assert set(status["points"]) == {"total", "answered", "found", "none", "unsure", "failed",
                                     "carried", "changed"}
    assert [s["name"] for s in status["stations"]] == ["snapshot", "geocode", "write", "rebuild",
                                                       "publish"]
    run = ready.json("start", "--wait")["run"]
    status = ready.status()
    last = status["last_run"]
    assert last["run"] == run and last["result"] == "published" and last["exit"] == 0
    points = last["points"]
    assert points["total"] == COUNT == points["found"] and points["changed"] == COUNT
    assert points["found"] + points["none"] + points["unsure"] + points["failed"] \
        + points["carried"] == points["total"]
    assert [r["run"] for r in ready.json("runs")] == [run]


def test_older_than_asks_only_stale_entries(refreshd):
    stale, fresh = make_points(3000, seed=1), make_points(2000, seed=2)
    path = refreshd.root / "both.csv"
    write_csv(path, stale, refreshed_at=int(time.time()) - 90 * DAY)
    text = path.read_text()
    write_csv(path, fresh, refreshed_at=int(time.time()) - DAY, street="Fresh Street")
    path.write_text(text + path.read_text().split("\n", 1)[1])
    refreshd.ctl("--cache", refreshd.cache, "cache", "import", path)
    refreshd.stub(version=2, log=refreshd.asked_log)
    refreshd.configure(gate__max_country_changed="100%")
    refreshd.start()
    plan = refreshd.json("start", "--dry-run", "--older-than", "30d")
    assert plan["points"] == 3000
    assert refreshd.json("cache", "generations")[0]["generation"] == 1, "a dry run changes nothing"
    refreshd.ctl("start", "--older-than", "30d", "--wait")
    points = refreshd.status()["last_run"]["points"]
    assert points["carried"] == 2000 and points["found"] == 3000 and points["total"] == 5000
    entries = refreshd.export()
    assert all(entries[p]["street"].endswith("v2") for p in stale)
    assert all(entries[p]["street"] == "Fresh Street" for p in fresh)
    assert len(refreshd.asked()) == 3000
    again = refreshd.ctl("start", "--older-than", "30d", "--wait")
    assert again.returncode == 0
    assert refreshd.status()["generation"] == 2, "nothing stale, no new generation"


def test_only_some_tiles(ready):
    def tile(point):
        return (point[0] + 900_000_000) // 75_000_000 * 24 + (point[1] + 1_800_000_000) // 150_000_000
    wanted = tile(ready.points[0])
    ready.start()
    ready.ctl("start", "--tiles", wanted, "--wait")
    entries = ready.export()
    for point in ready.points:
        assert entries[point]["street"].endswith("v2") == (tile(point) == wanted)
    names = {p.name for p in ready.cache.glob("*.2.idx")}
    assert names == {f"{wanted:03}.2.idx"}, "unchanged tiles are shared between generations"


def test_unsure_then_none_and_dates(ready):
    """The first empty answer keeps address and date (`unsure`), the second makes `none`."""
    ready.stub(version=2, empty=5, log=ready.asked_log)
    ready.configure(gate__max_lost="100%")
    ready.start()
    ready.ctl("start", "--wait")
    first = ready.export()
    unsure = {p for p, row in first.items() if row["outcome"] == "unsure"}
    assert COUNT / 8 < len(unsure) < COUNT / 3
    assert all(first[p]["street"] == "Old Street" for p in unsure)
    assert all(first[p]["refreshed_at"] == "1600000000" for p in unsure)
    assert ready.status()["last_run"]["points"]["unsure"] == len(unsure)
    ready.ctl("start", "--wait")
    second = ready.export()
    assert {p for p, row in second.items() if row["outcome"] == "none"} == unsure
    assert all(second[p]["street"] == "" for p in unsure)
    assert ready.status()["last_run"]["points"]["none"] == len(unsure)


def test_failures_keep_the_address_and_are_listed_and_retried(ready):
    ready.stub(version=2, fail=50, log=ready.asked_log)
    ready.start()
    waited = ready.ctl("start", "--wait", check=False)
    assert waited.returncode == 4, "finished, but some points failed"
    status = ready.status()
    failed = status["last_run"]["points"]["failed"]
    assert COUNT / 100 < failed < COUNT / 25
    assert status["last_run"]["failures"]["bad_request"] == failed
    listed = list(csv.DictReader(io.StringIO(ready.ctl("failures", "--format", "csv").stdout)))
    assert len(listed) == failed and set(listed[0]) == {"lat", "lon", "cause", "status", "attempts",
                                                        "detail"}
    assert all(row["attempts"] == "1" and row["status"] == "400" for row in listed), "asked once"
    entries = ready.export()
    where = {(round(float(r["lat"]) * 1e7), round(float(r["lon"]) * 1e7)) for r in listed}
    assert all(entries[p]["street"] == "Old Street" and entries[p]["refreshed_at"] == "1600000000"
               and entries[p]["outcome"] == "found" for p in where)
    ready.stub(version=3, log=ready.root / "asked-again")
    ready.stop()
    ready.start()
    ready.ctl("start", "--retry-failed", "--wait")
    assert (ready.root / "asked-again").stat().st_size == failed * 8
    entries = ready.export()
    assert all(entries[p]["street"].endswith("v3") for p in where)
    assert sum(row["street"].endswith("v2") for row in entries.values()) == COUNT - failed


def test_transient_failures_are_asked_again(ready):
    ready.stub(version=2, flaky=20, log=ready.asked_log)
    ready.start()
    ready.ctl("start", "--wait")
    status = ready.status()
    assert status["last_run"]["points"]["failed"] == 0
    again = len(ready.asked()) - COUNT
    assert COUNT / 40 < again < COUNT / 10
    assert status["last_run"]["requests"]["retried"] == again


def test_over_the_failure_budget(ready):
    ready.stub(version=2, fail=5)
    ready.start()
    waited = ready.ctl("start", "--wait", check=False)
    assert waited.returncode == 5
    status = ready.status()
    assert status["state"] in ("paused", "held") and "fail" in status["reason"]
    assert status["generation"] == 1
    ready.ctl("cancel")
    assert ready.wait_state("idle")["generation"] == 1


def test_resumed_over_the_failure_budget(ready):
    """Whoever resumes has seen the reason: the run goes on, gives none meanwhile, and the gate asks."""
    ready.stub(version=2, fail=5, latency=20)
    ready.start()
    assert ready.ctl("start", "--wait", check=False).returncode == 5
    ready.ctl("resume")
    status = ready.wait_state("refreshing", "held")
    assert status["state"] == "held" or status["reason"] is None
    assert "max_failed" in ready.wait_state("held")["reason"]
    ready.ctl("publish", "--force")
    assert ready.wait_state("idle")["last_run"]["exit"] == 4


@pytest.mark.sanitized
def test_held_at_the_gate(ready):
    ready.stub(version=2)
    ready.configure(gate__max_country_changed="2%")
    ready.start()
    waited = ready.ctl("start", "--wait", check=False)
    assert waited.returncode == 5
    status = ready.status()
    assert status["state"] == "held" and "country" in status["reason"]
    assert status["generation"] == 1
    ready.kill()
    ready.start()
    assert ready.status()["state"] == "held", "a held run survives a restart"
    assert ready.ctl("publish", check=False).returncode == 5
    assert ready.status()["state"] == "held"
    ready.ctl("publish", "--force")
    assert ready.wait_state("idle")["generation"] == 2
    assert ready.status()["last_run"]["result"] == "published"


def test_publish_tile_switches_tile_by_tile(ready):
    ready.stub(version=2, latency_ms=5)
    ready.configure(refresh__publish="tile", geocoder__rate=1000, geocoder__batch=10)
    ready.start()
    ready.ctl("start")
    seen = set()
    while ready.status()["state"] != "idle":
        new = sum(row["street"].endswith("v2") for row in ready.export().values())
        seen.add(new)
        if len(seen) > 3:
            ready.ctl("set", "rate=0", check=False)  # it may have ended just now
    assert len(seen) > 3, "tiles become visible while the run goes on"
    assert sum(row["street"].endswith("v2") for row in ready.export().values()) == COUNT
    ready.ctl("cache", "verify", "--deep")


def test_report_and_unknown_run(ready):
    ready.start()
    run = ready.json("start", "--wait")["run"]
    report = ready.json("report")
    assert report["run"] == run
    table = next(t for t in report["tables"] if t["name"] == "changed_by_country")
    assert table["kind"] == "sum" and sum(row["value"] for row in table["rows"]) == COUNT
    assert {row["index"]["countrycode"] for row in table["rows"]} == {"el", "wl"}
    assert ready.ctl("report", "20200101T000000Z-0000", check=False).returncode == 1


def test_same_answers_same_bytes():
    """Promise 6: two daemons that get the same answers publish the same generation."""
    points = make_points(3000)
    digests = set()
    for workers in (1, 5):
        with Refreshd() as daemon:
            daemon.load(points)
            daemon.stub(version=2, fail=1)
            daemon.configure(refresh__workers=workers, refresh__max_failed="100%")
            daemon.start()
            assert daemon.ctl("start", "--wait", check=False).returncode == 4
            digests.add(daemon.json("cache", "info")["digest"])
    assert len(digests) == 1


def test_finish_within_spreads_the_run(ready):
    ready.configure(refresh__workers=2)
    ready.start()
    for _ in range(3):  # others may keep the machine busy
        began = time.monotonic()
        ready.ctl("start", "--finish-within", "5s", "--wait")
        took = time.monotonic() - began
        assert took >= 0.8 * 5, f"{took:.1f} s"
        if took <= 1.1 * 5 + 0.5:
            return
    assert False, f"{took:.1f} s"


def test_commands_that_make_no_sense(ready):
    for words in (["strat"], ["start", "--rate", "fast"], ["set"], ["set", "rate=-1"], ["lookup", "1"],
                  ["cache", "rollbakc"], ["start", "--tiles", "999"], ["peers", "a"]):
        result = ready.ctl(*words, check=False)
        assert result.returncode == 2, (words, result.returncode, result.stdout, result.stderr)
        assert result.stderr.strip()
    assert ready.ctl("status", check=False).returncode == 3, "no daemon"
    ready.start()
    for words in (["pause"], ["resume"], ["cancel"], ["publish"]):
        result = ready.ctl(*words, check=False)
        assert result.returncode == 1 and result.stderr.strip(), words


def test_start_without_a_cache(refreshd):
    refreshd.start()
    result = refreshd.ctl("start", check=False)
    assert result.returncode == 1 and "cache import" in result.stderr
    assert refreshd.status()["generation"] == 0


def test_config_errors_name_file_and_line(refreshd):
    import subprocess
    from harness import REFRESHD
    for section, line in (("refresh", "workers = 0"), ("refresh", "wrokers = 3"), ("cache", "grid = x"),
                          ("geocoder", "provider = bing"), ("gate", "max_lost = 101%"),
                          ("nonsense", "a = 1")):
        refreshd.config.write_text(f"[{section}]\n{line}\n")
        result = subprocess.run([REFRESHD, "--config", refreshd.config, "--check-config"],
                                capture_output=True, text=True)
        assert result.returncode == 2, (line, result.returncode)
        assert line.split(" = ")[-1] in result.stderr or line.split(" = ")[0] in result.stderr
        if section != "geocoder":
            assert "refreshd.conf" in result.stderr and "line" in result.stderr, result.stderr
    refreshd.configure()
    good = subprocess.run([REFRESHD, "--config", refreshd.config, "--check-config"],
                          capture_output=True, text=True)
    assert good.returncode == 0
    for key in ("directory", "point_files", "max_failed", "concurrency", "radius", "lease"):
        assert key in good.stdout


def test_sighup_changes_the_rate(ready):
    ready.stub(version=2, latency_ms=5)
    ready.configure(geocoder__rate=100)
    ready.start()
    ready.ctl("start")
    wait_for(lambda: ready.status()["points"]["answered"] > 10)
    ready.configure(geocoder__rate=0)
    ready.process.send_signal(1)
    assert ready.wait_state("idle", seconds=20)["last_run"]["result"] == "published"


def test_watch_prints_plain_lines_into_a_pipe(ready):
    ready.stub(version=2, latency_ms=5)
    ready.configure(geocoder__rate=3000)
    ready.start()
    ready.ctl("start")
    watched = ready.ctl("status", "--watch")
    assert "\x1b" not in watched.stdout and len(watched.stdout.splitlines()) >= 2
    json.loads(ready.ctl("--json", "status").stdout)
