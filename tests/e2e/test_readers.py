"""Promise 5: readers that look up without pause through switches never see an error."""

import json
import subprocess
import threading

import pytest

from harness import REFRESHCTL, degrees, make_points

COUNT = 5000
SWITCHES = 12


class Reader(threading.Thread):
    """Feeds `refreshctl lookup --stdin` without pause and keeps what is wrong with the answers."""

    def __init__(self, refreshd, points):
        super().__init__()
        self.command = [REFRESHCTL, "--config", refreshd.config, "--json", "lookup", "--stdin"]
        self.points = points
        self.stopping = False
        self.answers = 0
        self.wrong = []
        self.streets = set()

    def run(self):
        reader = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        while not self.stopping:
            batch = self.points[self.answers % 4000:][:50]
            reader.stdin.write("".join(f"{degrees(a)} {degrees(o)}\n" for a, o in batch))
            reader.stdin.flush()
            for lat, lon in batch:
                answer = json.loads(reader.stdout.readline())
                if not answer.get("address") or round(answer["lat"] * 1e7) != lat:
                    self.wrong.append(answer)
                else:
                    self.streets.add(answer["address"]["street"][-2:])
            self.answers += len(batch)
        reader.stdin.close()
        status = reader.wait(timeout=60)
        if status != 0:
            self.wrong.append((status, reader.stderr.read()))


@pytest.mark.long(30)
@pytest.mark.sanitized
@pytest.mark.parametrize("publish", ["run", "tile"])
def test_lookups_through_switches(refreshd, publish):
    points = make_points(COUNT)
    refreshd.load(points)
    refreshd.configure(refresh__publish=publish, gate__max_country_changed="100%",
                       refresh__point_files=64)
    refreshd.stub(version=0)
    refreshd.start()
    readers = [Reader(refreshd, points) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for version in range(1, SWITCHES + 1):
            refreshd.stub(version=version)
            refreshd.stop()
            refreshd.start()
            refreshd.ctl("start", "--wait")
            single = refreshd.ctl("lookup", degrees(points[0][0]), degrees(points[0][1]))
            assert f"v{version}" in single.stdout
    finally:
        for reader in readers:
            reader.stopping = True
        for reader in readers:
            reader.join()
    for reader in readers:
        assert not reader.wrong, reader.wrong[:3]
        assert reader.answers > 500
        assert len(reader.streets) > 3, "the reader followed the switches without a restart"


def test_rollback_and_import_while_running(refreshd):
    points = make_points(COUNT)
    refreshd.load(points)
    refreshd.stub(version=2)
    refreshd.configure(gate__max_country_changed="100%")
    refreshd.start()
    first = refreshd.json("cache", "info")
    refreshd.ctl("start", "--wait")
    assert refreshd.status()["generation"] == 2
    refreshd.ctl("cache", "rollback")
    assert refreshd.status()["generation"] == 1
    assert refreshd.json("cache", "info")["digest"] == first["digest"]
    refreshd.ctl("cache", "rollback", "2")
    assert refreshd.status()["generation"] == 2
    refreshd.ctl("cache", "import", refreshd.root / "points.csv")
    status = refreshd.status()
    assert status["generation"] == 3
    assert refreshd.json("cache", "info")["digest"] == first["digest"], "same entries, same digest"
    generations = refreshd.json("cache", "generations")
    assert [g["generation"] for g in generations] == [3, 2, 1]
    assert [g["current"] for g in generations] == [True, False, False]
    refreshd.ctl("start", "--wait")
    assert len(refreshd.json("cache", "generations")) == 3, "keep_generations prunes"
