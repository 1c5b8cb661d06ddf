"""refreshctl query: every kind of table over a published cache, against the same worked out from an
export."""

import csv
import io
import json
import random
import statistics
import subprocess
import time

import pytest

from counted import by_index, counts, csv_rows, near_quantiles, only, same_as_csv, tables_of
from harness import COLUMNS, REFRESHCTL, SLOW, degrees, make_points

EVIL = 'Rue "des, Virgules";\nligne deux'
NOW = int(time.time())


def make_rows(count):
    rng = random.Random(7)
    cities = [f"City {number}" for number in range(3000)]
    for number, (lat, lon) in enumerate(make_points(count, clusters=60)):
        code = rng.choices(["fr", "de", "us", ""], [60, 30, 9, 1])[0]
        outcome = rng.choices(["found", "none", "unsure"], [90, 8, 2])[0]
        row = {"lat": degrees(lat), "lon": degrees(lon), "label": "", "name": "",
               "housenumber": str(number % 50) if number % 3 else "",
               "street": EVIL if number % 500 == 0 else f"Street {rng.randrange(900)}",
               "city": cities[int(3000 * rng.random() ** 3)] if rng.random() < 0.9 else "",
               "country": code.upper(), "countrycode": code,
               "outcome": outcome,
               "refreshed_at": str(NOW - rng.randrange(1, 3000) * 86400) if rng.random() < 0.95 else ""}
        if outcome == "none":  # there is no address
            row |= dict.fromkeys(("housenumber", "street", "city", "country", "countrycode"), "")
        yield row


class Cache:
    def __init__(self, root, count=20_000):
        self.directory = root / "cache"
        with open(root / "rows.csv", "w", newline="") as out:
            rows = csv.DictWriter(out, "lat lon label name housenumber street city country countrycode "
                                       "outcome refreshed_at".split())
            rows.writeheader()
            rows.writerows(make_rows(count))
        made = self.ctl("cache", "import", root / "rows.csv")
        assert made.returncode == 0, made.stderr
        self.rows = self.export()

    def ctl(self, *words):
        return subprocess.run([REFRESHCTL, "--cache", self.directory, *map(str, words)],
                              capture_output=True, text=True, timeout=120 * SLOW)

    def export(self, *words):
        rows = list(csv.DictReader(io.StringIO(self.ctl("cache", "export", *words).stdout, newline="")))
        for row in rows:
            row["lat"], row["lon"] = float(row["lat"]), float(row["lon"])
        return rows

    def query(self, *words):
        done = self.ctl("--json", "query", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def tables(self, *words):
        return tables_of(self.query(*words))

    def table(self, text, *words):
        tables = self.tables(text, *words)
        assert len(tables) == 1
        table = tables.popitem()[1]
        assert table["text"] == text
        return table


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("query"))


def test_the_document_is_as_agreed(cache):
    document = cache.query("n = sum[countrycode] of 1")
    assert document["generation"] == 1 and isinstance(document["run"], str)
    table = document["tables"][0]
    assert table == {"name": "n", "text": "n = sum[countrycode] of 1", "kind": "sum",
                     "emitted": sum(row["countrycode"] != "" for row in cache.rows),
                     "skipped": sum(row["countrycode"] == "" for row in cache.rows),
                     "other": 0, "error_bound": 0, "rows": table["rows"]}
    assert by_index(table) == counts(cache.rows, "countrycode")
    assert [row["index"]["countrycode"] for row in table["rows"]] == ["fr", "de", "us"]  # most first


def test_sum_count_mean(cache):
    lats = [row["lat"] for row in cache.rows]
    assert only(cache.table("t = count")) == len(lats)
    assert only(cache.table("t = sum of lat")) == pytest.approx(sum(lats), rel=1e-12)
    assert only(cache.table("t = mean of lat * 2")) == pytest.approx(2 * statistics.fmean(lats))
    assert by_index(cache.table("t = count[outcome]")) == counts(cache.rows, "outcome")


def test_two_index_fields_and_thousands_of_values(cache):
    table = cache.table("t = count[countrycode, city]")
    assert by_index(table) == counts(cache.rows, "countrycode", "city")
    assert len(table["rows"]) > 2000 and table["other"] == 0
    assert table["emitted"] + table["skipped"] == len(cache.rows)
    table = cache.table("t = count[lat]")
    assert by_index(table) == counts(cache.rows, "lat")


def test_least_and_greatest(cache):
    by_lat = sorted(cache.rows, key=lambda row: row["lat"])
    assert only(cache.table("t = minimum(5) of lat")) == [row["lat"] for row in by_lat[:5]]
    assert only(cache.table("t = maximum(3) of lat")) == [row["lat"] for row in by_lat[:-4:-1]]
    north = only(cache.table("t = maximum(2) of street, lon weight lat"))
    assert north == [[row["street"], row["lon"]] for row in by_lat[::-1] if row["street"]][:2]
    codes = by_index(cache.table("t = minimum(1)[countrycode] of lat"))
    for code in ("fr", "de", "us"):
        assert codes[(code,)] == [min(row["lat"] for row in cache.rows if row["countrycode"] == code)]


def test_quantiles(cache):
    table = cache.table("t = quantile(101) of lat")
    assert 0 < table["error_bound"] <= 0.01 and len(only(table)) == 101
    near_quantiles(only(table), [row["lat"] for row in cache.rows], table["error_bound"])
    table = cache.table("t = quantile(2)[countrycode] of lon")
    for code in ("fr", "de", "us"):
        lons = [row["lon"] for row in cache.rows if row["countrycode"] == code]
        assert by_index(table)[(code,)] == [min(lons), max(lons)]


def test_top(cache):
    exact = counts(cache.rows, "city")
    table = cache.table("t = top(10) of city")
    found = only(table)
    assert len(found) == 10
    for element in found:
        count = exact[(element["value"],)]
        assert count <= element["count"] <= count + element["error"]
        assert element["error"] <= table["error_bound"]
    assert found[0]["value"] == max(exact, key=exact.get)[0]
    outcomes = only(cache.table("t = top(5) of outcome"))
    assert {(o["value"],): o["count"] for o in outcomes} == counts(cache.rows, "outcome")
    assert all(o["error"] == 0 for o in outcomes)


def test_unique(cache):
    table = cache.table("t = unique of lat")
    exact = len({row["lat"] for row in cache.rows})
    assert table["error_bound"] < 0.05
    assert abs(only(table) - exact) <= exact * max(table["error_bound"], 1e-9)
    assert only(cache.table("t = unique of city")) == len(counts(cache.rows, "city"))  # few: exact


def test_sample_and_collection(cache):
    found = only(cache.table("t = sample(50) of lat, lon, street"))
    known = {(row["lat"], row["lon"], row["street"]) for row in cache.rows}
    assert len({tuple(element) for element in found}) == 50
    assert {tuple(element) for element in found} <= known
    assert found == only(cache.table("t = sample(50) of lat, lon, street"))  # the same each time
    table = cache.table("t = collection(7) of lat")
    assert only(table) == [row["lat"] for row in cache.rows[:7]]  # in the order of an export
    assert table["other"] == len(cache.rows) - 7
    assert EVIL in only(cache.table('t = collection(9) of street when street < "S"'))


@pytest.mark.parametrize("condition, holds", [
    ('countrycode == "fr"', lambda r: r["countrycode"] == "fr"),
    ('countrycode != "fr"', lambda r: r["countrycode"] not in ("fr", "")),
    ("city is missing", lambda r: r["city"] == ""),
    ("city is not missing and lat > 0", lambda r: r["city"] != "" and r["lat"] > 0),
    ('countrycode == "fr" or countrycode == "de"', lambda r: r["countrycode"] in ("fr", "de")),
    ("not (lat >= 0 or lon < -10)", lambda r: not (r["lat"] >= 0 or r["lon"] < -10)),
    ("age_days < 365.5", lambda r: r["refreshed_at"] and NOW - int(r["refreshed_at"]) <= 365 * 86400),
    ("refreshed_at is missing", lambda r: r["refreshed_at"] in ("", "0")),
    ('outcome == "found" and housenumber is missing', lambda r: r["outcome"] == "found" and not r["housenumber"]),
])
def test_conditions(cache, condition, holds):
    wanted = sum(bool(holds(row)) for row in cache.rows)
    assert wanted > 0
    assert only(cache.table(f"t = count when {condition}")) == wanted


def test_what_is_missing_is_skipped_and_counted(cache):
    table = cache.table("t = sum[city] of 1 when lat > 0")
    north = [row for row in cache.rows if row["lat"] > 0]
    assert table["skipped"] == sum(row["city"] == "" for row in north)
    assert table["emitted"] == len(north) - table["skipped"]
    old = cache.table("t = count[old_city]")  # nothing was before
    assert old["rows"] == [] and old["skipped"] == len(cache.rows) and old["emitted"] == 0


@pytest.mark.sanitized
@pytest.mark.parametrize("words", [("--tile", 300), ("--bbox", "-10,-20,45,60"),
                                   ("--bbox", "-60,100,60,-100")])  # the last crosses 180
def test_a_part_is_that_of_an_export(cache, words):
    if words[0] == "--tile":  # one that has entries
        tile = by_index(cache.table("t = count[tile]"))
        words = ("--tile", max(tile, key=tile.get)[0])
    part = cache.export(*words)
    assert 0 < len(part) < len(cache.rows)
    tables = cache.tables("n = count", "city = sum[city] of 1", "s = sum of lat", *words)
    assert only(tables["n"]) == len(part)
    assert by_index(tables["city"]) == counts(part, "city")
    assert only(tables["s"]) == pytest.approx(sum(row["lat"] for row in part), rel=1e-12)


def test_without_a_table_the_usual_ones(cache):
    tables = cache.tables()
    assert len(tables) > 2 and all(table["rows"] for table in tables.values())
    shown = cache.ctl("query").stdout
    assert shown.startswith("generation 1 of run ")
    for table in tables.values():
        assert f"\n{table['text']}\n" in shown
    assert "more; --json has all" in cache.ctl("query", "t = count[city]").stdout


@pytest.mark.parametrize("text, column", [
    ("t = cuont", 5), ("t = count[contry]", 11), ("t = sum of", 11), ("t = sum of lat when lat = 3", 25),
    ("t = quantile(0) of lat", 14), ("t = sum of city", 12), ('t = count when city == "x', 24),
    ("t = count when lat == city", 20), ("= count", 1), ("", 1), ("t count", 3), ("t = sum(3) of 1", 8)])
def test_what_makes_no_sense_is_told_with_its_column(cache, text, column):
    for words in ([text], ["good = count", text] if text else [text, " "]):
        done = cache.ctl("query", *words)
        assert done.returncode == 2 and done.stdout == ""
        assert "column " in done.stderr and done.stderr.count("\n") == 1
        told = int(done.stderr.split("column ")[1].split(":")[0].split(",")[0].split()[0])
        assert abs(told - column) <= 3, done.stderr
    failed = cache.ctl("--json", "query", text)
    assert failed.returncode == 2 and "column" in json.loads(failed.stdout)["error"]


@pytest.mark.parametrize("words", [("--tile", "576"), ("--tile", "x"), ("--bbox", "1,2,3"),
                                   ("--bbox", "9,2,3,4"), ("--format", "csv"), ("--tile",)])
def test_wrong_words(cache, words):
    done = cache.ctl("query", "t = count", *words)
    assert done.returncode == 2 and done.stderr


def test_csv_has_what_json_has(cache):
    texts = ("n = count", "by = sum[countrycode, outcome] of lat", "best = top(4)[countrycode] of city",
             "q = quantile(5) of lat", "far = maximum(3) of street, lon, lat weight lat",
             "evil = collection(3) of street, lat when lat != 0", "few = sample(4) of lat",
             "nothing = sum[city] of 1 when lat > 100")
    document = cache.query(*texts)
    text = cache.ctl("query", "--csv", *texts).stdout
    rows = csv_rows(text)
    assert text.splitlines()[0] == ("table,countrycode,outcome,position,value,count,error,value2,value3")
    for table in document["tables"]:
        same_as_csv(table, rows)
    assert len(rows) > 20


def test_without_a_cache(tmp_path):
    done = subprocess.run([REFRESHCTL, "--cache", tmp_path / "none", "query"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert COLUMNS[0] == "lat"
