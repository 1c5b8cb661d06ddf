"""Import and export as users meet them: messages, exit statuses, round trips."""

import json
import subprocess

import pytest

from harness import COLUMNS, REFRESHCTL

GOOD = "lat,lon,label,refreshed_at\n52.5,13.4,Berlin,1700000000\n"


def run(cache, *words, data=None):
    return subprocess.run([REFRESHCTL, "--cache", cache, *map(str, words)], input=data,
                          capture_output=True, timeout=300)


def imported(cache, data, *words):
    return run(cache, "cache", "import", "-", *words, data=data)


BAD_ROWS = {
    "latitude": (b"91,1,,", b"(lat)"), "longitude": (b"1,181,,", b"(lon)"),
    "nan": (b"NaN,1,,", b"(lat)"), "infinite": (b"1e400,1,,", b"(lat)"),
    "hex": (b"0x10,1,,", b"(lat)"), "comma": (b'"1,5",1,,', b"(lat)"), "empty": (b",1,,", b"(lat)"),
    "missing": (b"1", b""), "too many": (b"1,2,3,4,5", b""),
    "utf8": (b"1,2,\xff\xfe,", b"(label)"), "nul": (b"1,2,a\0b,", b"(label)"),
    "huge": (b"1,2," + b"x" * 1_000_000 + b",", b"(label)"),
    "date": (b"1,2,a,yesterday", b"(refreshed_at)"), "quote": (b'1,2,"open', b""),
}


@pytest.mark.sanitized
@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_names_line_and_column_and_writes_nothing(tmp_path, name):
    row, column = BAD_ROWS[name]
    data = GOOD.encode() + row + b"\n"
    result = imported(tmp_path / "c", data)
    assert result.returncode == 1
    assert b"line 3" in result.stderr, result.stderr
    assert column in result.stderr, result.stderr
    if column:
        assert b"column " in result.stderr
    assert not (tmp_path / "c" / "MANIFEST").exists()
    assert not [p for p in (tmp_path / "c").iterdir() if p.name != "LOCK"]

    rejects = tmp_path / "rejects"
    result = imported(tmp_path / "c", data, "--skip-bad", rejects)
    assert result.returncode == 4, result.stderr
    text = rejects.read_bytes()
    assert b"3" in text
    info = json.loads(run(tmp_path / "c", "--json", "cache", "info").stdout)
    assert info["entries"] == 1


def test_unknown_missing_and_repeated_columns(tmp_path):
    for header in (b"lat,lon,colour\n", b"lat,label\n", b"lat,lon,lat\n", b""):
        result = imported(tmp_path / "c", header + b"1,2,3\n")
        assert result.returncode == 1
        assert b"line 1" in result.stderr or b"header" in result.stderr


NASTY = [
    {"lat": 1.5, "lon": -0.1234567, "label": 'He said "no",\r\nthen left', "name": " lead and trail ",
     "housenumber": "1\n2", "street": "Улица, 东京", "refreshed_at": 1},
    {"lat": -90, "lon": 0, "label": "South Pole", "refreshed_at": 2_000_000_000},
    {"lat": 90, "lon": -180, "outcome": "none", "refreshed_at": 5},
    {"lat": 0, "lon": 179.9999999, "outcome": "unsure", "label": "x" * 65536, "refreshed_at": 7},
    {"lat": 7.5, "lon": 15, "label": "12 High Street, Bath, England", "housenumber": "12",
     "street": "High Street", "city": "Bath", "state": "England", "countrycode": "gb",
     "district": "Bath", "county": "B", "postcode": "BA1", "country": "UK", "name": "x",
     "refreshed_at": 1_700_000_000},
]


def figures(directory):
    """What `cache info` tells, but for which run published it and when."""
    info = json.loads(run(directory, "--json", "cache", "info").stdout)
    return {key: value for key, value in info.items() if key not in ("run", "published")}


@pytest.mark.sanitized
def test_an_import_of_an_export_gives_the_same_bytes(tmp_path):
    data = "\n".join(json.dumps(row) for row in NASTY).encode() + b"\n"
    first = imported(tmp_path / "a", data, "--format", "ndjson")
    assert first.returncode == 0, first.stderr
    want = figures(tmp_path / "a")
    assert want["digest"]
    for form in ("csv", "ndjson"):
        out = run(tmp_path / "a", "cache", "export", "--format", form)
        assert out.returncode == 0
        again = imported(tmp_path / form, out.stdout, "--format", form)
        assert again.returncode == 0, again.stderr
        assert figures(tmp_path / form) == want
        for pair in (tmp_path / "a").glob("*.*.*"):
            assert pair.read_bytes() == (tmp_path / form / pair.name).read_bytes()
    rows = [json.loads(line) for line in
            run(tmp_path / "a", "cache", "export", "--format", "ndjson").stdout.splitlines()]
    by_label = {row.get("label"): row for row in rows}
    for row in NASTY:
        kept = by_label[row.get("label")]
        for key, value in row.items():
            assert kept[key] == value, key


def test_bom_crlf_and_the_newest_of_two(tmp_path):
    data = (b"\xef\xbb\xbflat,lon,label,refreshed_at\r\n1,2,old,2020-01-01\r\n"
            b"1,2,new,2021-01-01T00:00:00Z\r\n1,2,older,1500000000\r\n3,180,edge,5\r\n3,-180,edge2,5")
    assert imported(tmp_path / "c", data).returncode == 0
    out = run(tmp_path / "c", "cache", "export").stdout.decode().splitlines()
    assert out[0].split(",") == COLUMNS
    assert len(out) == 3
    assert any(",new," in line and ",1609459200" in line for line in out)
    assert any(line.startswith("3,-180,edge2,") for line in out), "the later row of the same date"


def test_box_tile_and_geojson(tmp_path):
    rows = "".join(f"{lat},{lon},p{lat}/{lon}\n" for lat in range(-2, 3) for lon in range(-2, 3))
    assert imported(tmp_path / "c", ("lat,lon,label\n" + rows).encode()).returncode == 0
    box = run(tmp_path / "c", "cache", "export", "--bbox", "-1,-1,1,0").stdout.decode().splitlines()
    assert len(box) == 1 + 3 * 2
    tile = run(tmp_path / "c", "cache", "export", "--tile", 12 * 24 + 12).stdout.decode().splitlines()
    assert len(tile) == 1 + 3 * 3
    geo = json.loads(run(tmp_path / "c", "cache", "export", "--format", "geojson").stdout)
    assert geo["type"] == "FeatureCollection" and len(geo["features"]) == 25
    lon, lat = geo["features"][0]["geometry"]["coordinates"]
    assert geo["features"][0]["properties"]["label"] == f"p{lat}/{lon}"


def test_export_into_a_closed_pipe_and_a_full_disk(tmp_path):
    rows = "".join(f"{i / 1000},1,p{i}\n" for i in range(50_000))
    assert imported(tmp_path / "c", ("lat,lon,label\n" + rows).encode()).returncode == 0
    head = subprocess.run(f"{REFRESHCTL} --cache {tmp_path}/c cache export | head -1", shell=True,
                          capture_output=True, timeout=60)
    assert head.stdout.startswith(b"lat,lon") and b"rror" not in head.stderr
    with open("/dev/full", "w") as full:
        result = subprocess.run([REFRESHCTL, "--cache", tmp_path / "c", "cache", "export"],
                                stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert result.returncode == 1 and result.stderr
