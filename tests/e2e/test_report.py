"""The report of a run: every kind of table against the same worked out from exports before and after;
what is counted is said by the configuration and by hand; over HTTP as well."""

import json
import re
import threading
import time
import urllib.error
import urllib.request

import pytest

from counted import by_index, counts, csv_rows, near_quantiles, only, same_as_csv, tables_of
from harness import Refreshd, free_port, make_points, wait_for

POINTS = make_points(6000)
USUAL = ["outcomes", "changed_by_country", "lost_by_country", "gained_by_country", "changed_cities", "changes",
         "moved", "failures_by_cause", "entries_by_age", "latency", "bottleneck"]
MINE = {
    "everything": "count",
    "lats": "sum of lat",
    "middle": "mean[outcome, countrycode] of lon",
    "south": "minimum(4) of lat, label",
    "north": "maximum(3) of street weight lat when changed",
    "lons": "quantile(21) of lon",
    "codes": "top(5) of countrycode",
    "streets": "unique of street",
    "some": "sample(30) of lat, lon",
    "first": "collection(6) of lat",
    "many": "count[lat]",
    "new_streets": "count[street] when changed and street is not missing and not (lat < 0)",
    "no_city": "sum[city] of 1",
    "doubtful": "count when outcome == \"unsure\" and old_label is not missing and cause is missing",
    "bigger": "count when outcome == \"found\" and (lat > 20 or lon > 20)",
}


class Run:
    """A run that is over, and what the cache held before and after."""

    def __init__(self, daemon):
        self.daemon = daemon
        daemon.port = free_port()
        daemon.stub(version=2, empty=40, fail=50)
        daemon.configure(http__listen=f"127.0.0.1:{daemon.port}", refresh__point_files=64,
                         refresh__max_failed="100%", gate__max_lost="100%", gate__max_country_changed="100%",
                         http__client_rate=0)
        daemon.load(POINTS).start()
        before = daemon.export()
        words = [word for name, text in MINE.items() for word in ("--table", f"{name} = {text}")]
        assert daemon.ctl("start", "--wait", *words, check=False).returncode == 4
        self.status = daemon.status()["last_run"]
        self.run = self.status["run"]
        failed = daemon.ctl("failures", "--format", "csv").stdout.splitlines()[1:]
        failed = {tuple(round(float(word) * 1e7) for word in row.split(",")[:2]) for row in failed}
        self.rows = []
        for point, row in daemon.export().items():
            row["lat"], row["lon"] = float(row["lat"]), float(row["lon"])
            old = before[point]
            row["changed"] = any(row[name] != old[name] for name in
                                 ("name", "housenumber", "street", "district", "city", "county", "state",
                                  "postcode", "country", "countrycode"))
            row["old_label"], row["old_countrycode"] = old["label"], old["countrycode"]
            if point in failed:
                row["outcome"] = "failed"
            self.rows.append(row)
        self.report = daemon.json("report")
        self.tables = tables_of(self.report)

    def count(self, holds):
        return sum(bool(holds(row)) for row in self.rows)


@pytest.fixture(scope="module")
def run():
    with Refreshd() as daemon:
        yield Run(daemon)


def http(daemon, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}{path}", timeout=60) as reply:
        return json.loads(reply.read())


def test_the_document_is_as_agreed(run):
    assert run.report["run"] == run.run and run.report["result"] == "published"
    assert run.report["points"] == run.status["points"]
    assert [table["name"] for table in run.report["tables"]] == USUAL + list(MINE)
    for table in run.report["tables"]:
        assert {"name", "text", "kind", "emitted", "skipped", "other", "error_bound", "rows"} <= set(table)
        assert table["text"].startswith(table["name"] + " = ")
        for row in table["rows"]:
            assert set(row) == {"index", "value"}


def test_the_usual_tables_agree_with_the_status(run):
    points, tables = run.status["points"], run.tables
    outcomes = {outcome: count for (outcome,), count in by_index(tables["outcomes"]).items()}
    assert outcomes == {name: points[name] for name in ("found", "none", "unsure", "failed") if points[name]}
    changed = tables["changed_by_country"]
    assert changed["kind"] == "sum" and set(changed["rows"][0]["index"]) == {"countrycode"}
    assert changed["emitted"] + changed["skipped"] == points["changed"]
    assert by_index(changed) == counts(run.rows, "countrycode", when=lambda row: row["changed"])
    assert by_index(tables["lost_by_country"]) == counts(
        run.rows, "old_countrycode", when=lambda row: row["changed"] and row["outcome"] == "none")
    causes = {cause: count for (cause,), count in by_index(tables["failures_by_cause"]).items()}
    assert causes == {cause: count for cause, count in run.status["failures"].items() if count}
    assert sum(by_index(tables["entries_by_age"]).values()) == len(POINTS)
    assert len(only(tables["changes"])) == 20
    labels = {(row["old_label"], row["label"], row["lat"], row["lon"]) for row in run.rows if row["changed"]}
    assert {tuple(change) for change in only(tables["changes"])} <= labels


def test_every_kind(run):
    tables, rows = run.tables, run.rows
    lats = sorted(row["lat"] for row in rows)
    assert only(tables["everything"]) == len(rows)
    assert only(tables["lats"]) == pytest.approx(sum(lats), rel=1e-12)
    for (outcome, code), mean in by_index(tables["middle"]).items():
        lons = [row["lon"] for row in rows if (row["outcome"], row["countrycode"]) == (outcome, code)]
        assert mean == pytest.approx(sum(lons) / len(lons))
    assert [lat for lat, _ in only(tables["south"])] == lats[:4]
    changed = [row for row in rows if row["changed"] and row["street"]]
    assert only(tables["north"]) == [row["street"] for row in
                                     sorted(changed, key=lambda row: -row["lat"])[:3]]
    near_quantiles(only(tables["lons"]), [row["lon"] for row in rows], tables["lons"]["error_bound"])
    codes = {(element["value"],): element["count"] for element in only(tables["codes"])}
    assert codes == counts(rows, "countrycode")
    assert only(tables["streets"]) == len(counts(rows, "street"))
    assert len(only(tables["some"])) == 30
    assert {tuple(point) for point in only(tables["some"])} <= {(row["lat"], row["lon"]) for row in rows}
    assert only(tables["first"]) == [row["lat"] for row in rows[:6]]
    assert tables["first"]["other"] == len(rows) - 6


def test_index_values_by_the_thousand(run):
    assert by_index(run.tables["many"]) == counts(run.rows, "lat") and len(run.tables["many"]["rows"]) > 5000


def test_conditions_and_what_is_missing(run):
    tables = run.tables
    assert by_index(tables["new_streets"]) == counts(
        run.rows, "street", when=lambda row: row["changed"] and row["lat"] >= 0)
    assert tables["no_city"]["skipped"] == run.count(lambda row: not row["city"]) > 0
    assert only(tables["doubtful"]) == run.count(lambda row: row["outcome"] == "unsure") > 0
    assert only(tables["bigger"]) == run.count(
        lambda row: row["outcome"] == "found" and (row["lat"] > 20 or row["lon"] > 20))


def test_for_people(run):
    text = run.daemon.ctl("report").stdout
    assert text.startswith(f"run {run.run}, published\n")
    for table in run.report["tables"]:
        assert f"\n{table['text']}\n" in text
    assert re.search(r"\n  outcome\n  found +\d,\d{3}\n", text)
    assert re.search(r"Old Street, Oldland +-> +\d+ Street", text)
    assert "more; --json has all" in text and "skipped: something is missing" in text
    assert max(len(line) for line in text.splitlines()) < 200
    sections = text.split("\n\n")
    assert max(section.count("\n") for section in sections) <= 25


def test_csv(run):
    text = run.daemon.ctl("report", run.run, "--csv").stdout
    rows = csv_rows(text)
    assert text.startswith("table,outcome,countrycode,")
    for table in run.report["tables"]:
        same_as_csv(table, rows)
    french = [row for row in rows if row["table"] == "changed_by_country" and row["countrycode"] == "el"]
    assert len(french) == 1 and int(french[0]["value"]) > 0


def test_a_run_that_never_was(run):
    for words in (["20200101T000000Z-0000"], ["nonsense"], ["x" * 500], ["20200101T000000Z-0000", "--csv"]):
        done = run.daemon.ctl("report", *words, check=False)
        assert done.returncode == 1 and done.stdout == "" and "no run" in done.stderr
    assert run.daemon.ctl("report", "a", "b", check=False).returncode == 2


def test_over_http(run):
    document = http(run.daemon, f"/api/report?run={run.run}")
    assert http(run.daemon, "/api/report") == document
    report = json.loads(json.dumps(run.report))
    for table in report["tables"]:  # long ones are cut
        if len(table["rows"]) > 200:
            table["more"] = len(table["rows"]) - 200
            table["rows"] = table["rows"][:200]
    assert document == report
    for unknown in ("20200101T000000Z-0000", "%00", "x" * 3000, "..%2f"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            http(run.daemon, f"/api/report?run={unknown}")
        assert refused.value.code in (400, 404)


def test_many_ask_at_once(run):
    """It is made once, and lookups go on."""
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(http(run.daemon, "/api/report")))
               for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == 40 and all(reply == replies[0] for reply in replies)


@pytest.mark.parametrize("text, word", [("t = cuont", "count"), ("t = sum[contry] of 1", "country"),
                                        ("t = count when", "column"), ("t", "column")])
def test_what_makes_no_sense_starts_nothing(run, text, word):
    for fleet in ([], ["--fleet"], ["--dry-run"]):
        done = run.daemon.ctl("start", "--table", "good = count", "--table", text, *fleet, check=False)
        assert done.returncode == 2 and "column " in done.stderr and word in done.stderr
    assert run.daemon.status()["state"] == "idle"
    assert len(run.daemon.json("runs")) == 1


def test_before_any_run(refreshd):
    refreshd.port = free_port()
    refreshd.configure(http__listen=f"127.0.0.1:{refreshd.port}")
    refreshd.start()
    assert http(refreshd, "/api/report") == {"run": None, "tables": []}
    done = refreshd.ctl("report", check=False)
    assert done.returncode == 1 and "no run yet" in done.stderr


def test_what_is_counted_is_said(refreshd):
    """[report] adds, replaces and takes out; --table does so on top of it; a run keeps what it began
    with."""
    refreshd.stub(version=2)
    refreshd.config.write_text("")
    refreshd.configure(gate__max_country_changed="100%", **{
        "report__everything": "count", "report__moved": "", "report__changes": "count[outcome]"})
    refreshd.load(POINTS[:500]).start()
    refreshd.ctl("start", "--wait", "--table", "latency =", "--table", "changes = count when changed")
    first = refreshd.json("report")
    tables = tables_of(first)
    assert set(tables) == {*USUAL, "everything"} - {"moved", "latency"}
    assert only(tables["everything"]) == 500 and only(tables["changes"]) == 500
    refreshd.configure(report__everything="count when false")
    refreshd.ctl("start", "--wait", "--older-than", "0")
    second = tables_of(refreshd.json("report"))
    assert refreshd.json("report", first["run"]) == first
    assert by_index(second["changes"]) == {("found",): 500} and "latency" in second
    assert set(second) == {*USUAL, "everything"} - {"moved"}


@pytest.mark.sanitized
def test_an_active_run_and_a_cancelled_one(refreshd):
    """The report is of all that was answered so far, whatever became of the run."""
    refreshd.port = free_port()
    refreshd.stub(version=2, latency_ms=5)
    refreshd.configure(http__listen=f"127.0.0.1:{refreshd.port}", gate__max_country_changed="100%",
                       refresh__point_files=256)
    refreshd.load(POINTS).start()
    refreshd.ctl("start", "--rate", 1500, "--table", "everything = count")
    wait_for(lambda: refreshd.status()["points"]["answered"] > 1000, what="answers")
    seen = http(refreshd, "/api/report")
    assert seen["result"] is None and only(tables_of(seen)["everything"]) > 0
    refreshd.ctl("pause")
    answered = refreshd.status()["points"]["answered"]
    report = refreshd.json("report")
    assert only(tables_of(report)["everything"]) == answered == report["points"]["answered"]
    wait_for(lambda: only(tables_of(http(refreshd, "/api/report"))["everything"]) == answered,
             what="the report over HTTP to follow")
    refreshd.ctl("cancel")
    after = refreshd.json("report")
    assert after["result"] == "cancelled" and after["tables"] == report["tables"]
    assert http(refreshd, "/api/report") == after


def test_a_large_report_does_not_stop_the_daemon(refreshd):
    """Reports are asked for without pause while a run is on and the daemon is stopped."""
    refreshd.port = free_port()
    refreshd.stub(version=2)
    refreshd.configure(http__listen=f"127.0.0.1:{refreshd.port}", http__client_rate=0, geocoder__rate=3000,
                       gate__max_country_changed="100%")
    refreshd.load(POINTS).start()
    refreshd.ctl("start", *[word for n in range(20) for word in ("--table", f"t{n} = count[lat, lon]")])
    ended = threading.Event()

    def ask():
        while not ended.is_set():
            try:
                http(refreshd, "/api/report")
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.01)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: refreshd.status()["points"]["answered"] > 2000, what="answers")
        refreshd.stop()  # within 10 s
    finally:
        ended.set()
        for thread in threads:
            thread.join()


