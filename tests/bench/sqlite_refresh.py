"""What one would put together instead of the line: a cache table and an R*Tree of places in SQLite, and a
script that asks for each point and updates its row. Prints points per second over a sample."""

import sqlite3
import sys
import time


def main(places_csv, points_csv, sample):
    database = sqlite3.connect(":memory:")
    database.execute("create virtual table tree using rtree(id, south, north, west, east)")
    database.execute("create table place(id integer primary key, lat, lon, label)")
    database.execute("create table cache(lat, lon, label, refreshed_at, primary key(lat, lon))")
    import csv
    for number, row in enumerate(csv.DictReader(open(places_csv, newline=""))):
        lat, lon = float(row["lat"]), float(row["lon"])
        database.execute("insert into tree values(?,?,?,?,?)", (number, lat, lat, lon, lon))
        database.execute("insert into place values(?,?,?,?)", (number, lat, lon, row["label"]))
    points = []
    for row in csv.DictReader(open(points_csv, newline="")):
        points.append((float(row["lat"]), float(row["lon"])))
        if len(points) == sample:
            break
    database.executemany("insert or replace into cache values(?,?,'old',0)", points)
    database.commit()

    nearest = ("select label from tree join place using(id) where south > ? and north < ? and "
               "west > ? and east < ? order by (lat-?)*(lat-?)+(lon-?)*(lon-?) limit 1")
    began = time.perf_counter()
    for lat, lon in points:
        side = 0.05
        while True:
            row = database.execute(nearest, (lat - side, lat + side, lon - side, lon + side, lat, lat,
                                             lon, lon)).fetchone()
            if row or side > 50:
                break
            side *= 4
        database.execute("update cache set label=?, refreshed_at=1 where lat=? and lon=?",
                         (row[0] if row else None, lat, lon))
    database.commit()
    print(f"{len(points) / (time.perf_counter() - began):.0f}")


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
