"""The lookup command: distances, misses, borders, --stdin."""

import json
import math
import random
import subprocess

import pytest

from harness import REFRESHCTL, degrees, make_points, write_csv


@pytest.fixture
def lookup(tmp_path):
    def make(csv_text):
        made = subprocess.run([REFRESHCTL, "--cache", tmp_path / "c", "cache", "import", "-"],
                              input=csv_text.encode(), capture_output=True)
        assert made.returncode == 0, made.stderr

        def ask(*words, data=None):
            return subprocess.run([REFRESHCTL, "--cache", tmp_path / "c", *map(str, words)],
                                  input=data, capture_output=True, text=True)
        return ask
    return make


def haversine(a, b):
    (la, oa), (lb, ob) = [tuple(map(math.radians, p)) for p in (a, b)]
    h = math.sin((lb - la) / 2) ** 2 + math.cos(la) * math.cos(lb) * math.sin((ob - oa) / 2) ** 2
    return 2 * 6371008.8 * math.asin(min(1, math.sqrt(h)))


def test_hit_and_miss(lookup):
    ask = lookup("lat,lon,label,city,refreshed_at\n-33.8,151.2,Sydney,Sydney,1700000000\n")
    hit = ask("--json", "lookup", "-33.8001", "151.2")
    assert hit.returncode == 0
    answer = json.loads(hit.stdout)
    assert answer["lat"] == -33.8 and answer["lon"] == 151.2
    assert answer["address"] == {"label": "Sydney", "city": "Sydney"}
    assert answer["outcome"] == "found" and answer["refreshed_at"] == 1700000000
    assert abs(answer["distance_m"] - haversine((-33.8001, 151.2), (-33.8, 151.2))) < 0.01
    assert "Sydney" in ask("lookup", "-33.8", "151.2").stdout
    miss = ask("lookup", "-33.9", "151.2")
    assert miss.returncode == 1
    assert "no address within 100 m" in miss.stdout + miss.stderr
    assert ask("lookup", "-33.9", "151.2", "--radius", "20000").returncode == 0
    assert ask("lookup", "91", "0").returncode not in (0, 1)
    assert ask("lookup", "0", "181").returncode not in (0, 1)
    assert ask("lookup", "nan", "0").returncode not in (0, 1)


def test_none_says_so(lookup):
    ask = lookup("lat,lon,outcome,refreshed_at\n1,1,none,5\n")
    miss = ask("--json", "lookup", "1", "1")
    assert miss.returncode == 1
    answer = json.loads(miss.stdout)
    assert answer["outcome"] == "none" and answer["address"] is None


@pytest.mark.parametrize("entry, query", [
    ((0, 179.9999), (0, -179.9999)), ((89.9999, 10), (89.9999, -170)), ((-90, 5), (-89.9995, 100)),
    ((7.5, 15), (7.4999999, 14.9999999)), ((0, 0), (-0.0001, -0.0001)),
])
def test_borders(lookup, entry, query):
    ask = lookup(f"lat,lon,label\n{entry[0]},{entry[1]},here\n")
    answer = ask("--json", "lookup", *query)
    assert answer.returncode == 0, answer.stderr
    assert abs(json.loads(answer.stdout)["distance_m"] - haversine(entry, query)) < 0.01


def test_stdin_in_order_with_misses_and_bad_lines(lookup):
    ask = lookup("lat,lon,label\n1,1,one\n2,2,two\n")
    result = ask("--json", "lookup", "--stdin", data="2 2\n5 5\nx y\n1 1\n-91 0\n")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert rows[0]["address"]["label"] == "two" and rows[3]["address"]["label"] == "one"
    assert rows[1] == {"address": None}
    assert "error" in rows[2] and "error" in rows[4]
    assert result.returncode == 1
    assert ask("lookup", "--stdin", data="2 2\n1 1\n").returncode == 0


def test_nearest_against_brute_force(lookup, tmp_path):
    points = make_points(3000, seed=4, clusters=5)
    path = tmp_path / "points.csv"
    write_csv(path, points)
    ask = lookup(path.read_text())
    rng = random.Random(5)
    queries = []
    for _ in range(400):
        lat, lon = points[rng.randrange(len(points))]
        queries.append((lat + rng.randrange(-200_000, 200_000), lon + rng.randrange(-200_000, 200_000)))
    data = "".join(f"{degrees(a)} {degrees(o)}\n" for a, o in queries)
    result = ask("--json", "lookup", "--stdin", "--radius", "2000", data=data)
    for query, line in zip(queries, result.stdout.splitlines()):
        here = (query[0] / 1e7, query[1] / 1e7)
        best = min(haversine(here, (a / 1e7, o / 1e7)) for a, o in points)
        answer = json.loads(line)
        if best > 2000:
            assert answer == {"address": None}
        else:
            assert abs(answer["distance_m"] - best) < 0.001
