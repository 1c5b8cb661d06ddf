"""The dashboard's report in a real Chromium: every kind of table, texts of hostile geocoders, phones,
and the report of a run that really was. Screenshots are left in BUILD/dashboard-test."""

import json
import urllib.request

import pytest

from browser import Browser, chromium
from harness import free_port, make_points

pytestmark = pytest.mark.skipif(chromium() is None, reason="THERE IS NO CHROMIUM: NOT TESTED")

RUN = "20261121T020000Z-1f3a"
EVIL = "<img src=x onerror=alert(1)>&lt;b&gt;\"'</script>\u202e"


@pytest.fixture(scope="module")
def browser():
    with Browser() as one:
        yield one


@pytest.fixture
def daemon(refreshd):
    refreshd.port = free_port()
    refreshd.url = f"http://127.0.0.1:{refreshd.port}/"
    refreshd.stub(version=2, empty=50, fail=100)
    refreshd.configure(http__listen=f"127.0.0.1:{refreshd.port}", refresh__workers=2,
                       gate__max_country_changed="100%")
    return refreshd


def table(name, text, kind, rows, **more):
    return {"name": name, "text": f"{name} = {text}", "kind": kind, "emitted": 9, "skipped": 0,
            "other": 0, "error_bound": 0, "rows": rows, **more}


def by(field, counts):
    return [{"index": {field: key}, "value": value} for key, value in counts.items()]


def one(values):
    return [{"index": {}, "value": values}]


COUNTRIES = {code: 900_000 // number for number, code in
             enumerate("de fr it es gb us pl nl be at ch cz xx".split(), 1)}
HOURS = [{"index": {"hour": hour, "bottleneck": station}, "value": value}
         for hour, parts in enumerate([(9000, 0, 120), (8000, 500, 0), (100, 40, 7000)])
         for station, value in zip(("geocode", "write", "rebuild"), parts) if value]
CHANGES = [[f"Old Street {n}, 1010 Wien, Austria", f"New Lane {n}, 1010 Wien, Austria", 48.2 + n, 16.4]
           for n in range(19)]
TABLES = [
    table("outcomes", "count[outcome]", "count", by("outcome", {"found": 78_123_456, "none": 1_234})),
    table("changed_by_country", "sum[countrycode] of 1 when changed", "sum", by("countrycode", COUNTRIES),
          skipped=17, other=3),
    table("lost_by_country", "sum[old_countrycode] of 1 when lost", "sum",
          by("old_countrycode", {"fr": 12, EVIL: 1})),
    table("gained_by_country", "sum[countrycode] of 1 when gained", "sum", []),
    table("changed_cities", "top(20) of city when changed", "top",
          one([{"value": "Paris", "count": 12_345, "error": 0}, {"value": EVIL, "count": 45, "error": 3}]),
          error_bound=3),
    table("changes", "sample(20) of old_label, label, lat, lon when changed", "sample",
          one([[EVIL, EVIL * 5, 1.5, 2], *CHANGES])),
    table("moved", "sample(20) of old_label, label when country_changed", "sample", []),
    table("failures_by_cause", "sum[cause] of 1 when outcome == \"failed\"", "sum",
          by("cause", {"timeout": 345, EVIL: 2})),
    table("entries_by_age", "count[age_years]", "count", by("age_years", {1: 500, 0: 100, 2: 30})),
    table("latency", "quantile(101)[provider] of latency_ms", "quantile",
          [{"index": {"provider": name}, "value": [start * 1.06 ** i for i in range(101)]}
           for name, start in (("nominatim", 12), ("here", 30), (EVIL, 3))], error_bound=1 / 256),
    table("bottleneck", "count[hour, bottleneck]", "count", HOURS),
    table("streets", "unique of street", "unique", one(12_345.6), error_bound=0.03),
    table("mine", "maximum(3)[provider] of distance_m, label", "maximum",
          [{"index": {"provider": "here"}, "value": [[812.5, EVIL], [3, "b"]]}]),
    table("by_tile", "sum[tile] of 1", "sum", [{"index": {"tile": n}, "value": n} for n in range(200)],
          more=376),
]
REPORT = {"run": RUN, "result": "published", "answers": 78_124_690, "tables": TABLES}


def ended(daemon):
    """A status whose last run is the one of the report."""
    status = daemon.status()
    points = {name: 0 for name in status["points"]}
    return {**status, "last_run": {"run": RUN, "result": "published", "exit": 0, "elapsed_s": 1,
                                   "ended_at": 1_800_000_000, "points": points, "failures": {},
                                   "provider": "stub"}}


def panel(browser, name):
    return browser.text(f"[data-table={name}]")


@pytest.mark.parametrize("scheme, width", [("light", 1440), ("dark", 1440), ("light", 360), ("dark", 360)])
def test_every_kind_of_table(browser, daemon, scheme, width):
    daemon.start()
    browser.open(daemon.url, scheme=scheme, width=width,
                 fakes={"/api/status": ended(daemon), "/api/report": REPORT})
    assert browser.wait_text("#report-aside", RUN) == f"{RUN}, published"
    countries = panel(browser, "changed_by_country")
    assert "Germany" in countries and "900,000" in countries and "450,000" in countries
    assert "and 4 more" in countries and "17 skipped" in countries and "3 counted as other" in countries
    france = browser.evaluate("[...document.querySelectorAll('[data-table=changed_by_country] tr')]"
                              ".map((row) => [...row.children].map((cell) => cell.innerText))"
                              ".find(([name]) => name === 'France')")
    assert france == ["France", "450,000", "12", "–"]
    assert "Paris" in panel(browser, "changed_cities") and "45 ± 3" in panel(browser, "changed_cities")
    changes = panel(browser, "changes")
    assert "Old Street 3, 1010 Wien, Austria → New Lane 3" in changes and "and 10 more" in changes
    assert "Nothing." in panel(browser, "moved")
    assert "No reply in time" in panel(browser, "failures_by_cause")
    ages = panel(browser, "entries_by_age").split()
    assert ages.index("100") < ages.index("500") < ages.index("30")  # by age, not by count
    assert "half within 221" in panel(browser, "latency") and "exact to 0.39" in panel(browser, "latency")
    assert "Hour 3" in panel(browser, "bottleneck") and "rebuild 98.0%" in panel(browser, "bottleneck")
    assert "unique of street" in panel(browser, "streets") and "12,350" in panel(browser, "streets")
    assert "and 566 more" in panel(browser, "by_tile")
    assert "812.5" in panel(browser, "mine") and "here" in panel(browser, "mine")
    assert EVIL in browser.evaluate("document.querySelector('[data-table=changes]').textContent")
    assert browser.count("#report img") == 0 and browser.count("#report script") == 0
    overflow = browser.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0
    assert browser.do("accessibility") == []
    assert browser.problems() == {}
    browser.screenshot(f"report-{scheme}-{width}")


@pytest.mark.parametrize("report", [
    {"run": RUN, "result": None, "tables": []},
    {"run": RUN, "result": "cancelled", "tables": [table("changed_by_country", "top(3) of city", "top", []),
                                                   table("latency", "quantile(3) of bytes", "quantile", [])]},
    {"run": RUN, "result": None, "tables": [
        table("bottleneck", "mean[tile, hour] of bytes", "mean",
              [{"index": {"tile": 3, "hour": 0}, "value": 2.5}]),
        table("changed_by_country", "sum[tile] of 1", "sum", [{"index": {"tile": 3}, "value": 1}]),
        table("latency", "quantile(3) of lat", "quantile", one([-3, -3, -3]))]}])
def test_tables_of_an_operator(browser, daemon, report):
    """Names may be those of the usual tables and still be something else; nothing may be there."""
    daemon.start()
    browser.open(daemon.url, fakes={"/api/status": ended(daemon), "/api/report": report})
    browser.wait_text("#report-aside", RUN)
    for one_table in report["tables"]:
        shown = panel(browser, one_table["name"])
        assert ("Nothing." in shown) == (one_table["rows"] == [])
    assert browser.do("accessibility") == []
    assert browser.problems() == {}


def test_the_report_of_a_run_that_was(browser, daemon):
    """It appears without loading the page again, while the run is on and anew at its end."""
    daemon.load(make_points(4000)).start()
    browser.open(daemon.url)
    browser.wait_text("#headline", "No run yet")
    assert browser.text("#report-card") == ""
    daemon.ctl("start", "--rate", 1500, "--table", "mine = count[outcome, countrycode]")
    browser.wait_text("#report-aside", "so far")
    daemon.ctl("set", "rate=0")
    browser.wait_text("#report-aside", "published", seconds=30)
    with urllib.request.urlopen(daemon.url + "api/report", timeout=20) as reply:
        report = json.loads(reply.read())
    tables = {one["name"]: one for one in report["tables"]}
    for row in tables["changed_by_country"]["rows"]:
        assert f"{row['value']:,}" in panel(browser, "changed_by_country")
    old, new = tables["changes"]["rows"][0]["value"][0][:2]
    assert f"{old} → {new}" in panel(browser, "changes").replace("\n", " ")
    assert "Request makes no sense" in panel(browser, "failures_by_cause")
    assert "mine = count[outcome, countrycode]" in panel(browser, "mine")
    assert "Hour 1" in panel(browser, "bottleneck")
    assert browser.do("accessibility") == [] and browser.problems() == {}
    browser.screenshot("report-real")
