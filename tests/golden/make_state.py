"""Make the frozen files of a release: make_state.py VERSION writes tests/golden/VERSION/state.tar.xz.

Run it with that release's programs when a release is made. Until then it may be made again, where
a format changes; from then on never: there are such files out there.
test_upgrade.py starts the programs of today on a copy. In it are, on a grid of 4 x 4:

  refreshd.conf  with @ROOT@ for the directory it lies in
  cache          generations 1 (imported) and 2 (refreshed), a few tiles
  state          a run from 2 to 3, paused half way, over 16 point files, with 30 learned points
                 folded into it; 10 points that were learned later; the history of the run before
  expected.json  what the test should find: points of each kind
"""

import json
import random
import sys
import tarfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from harness import Refreshd, make_points, wait_for, write_csv  # noqa: E402

KNOWN, FOLDED, LEARNED = 400, 30, 10


def pause_half_way(daemon):
    daemon.ctl("start", "--rate", "100")
    wait_for(lambda: daemon.status()["points"]["answered"] >= (KNOWN + FOLDED) // 2)
    daemon.ctl("pause")
    status = daemon.status()
    assert status["state"] == "paused" and 0 < status["point_files"]["done"] < 16, status
    return status


def make(daemon, points):
    known, folded, later = points[:KNOWN], points[KNOWN:KNOWN + FOLDED], points[KNOWN + FOLDED:]
    daemon.configure(cache__grid="4x4", refresh__point_files="16", refresh__workers="2",
                     refresh__max_failed="50%", gate__max_country_changed="100%")
    daemon.stub(version=2, fail=50)
    write_csv(daemon.root / "points.csv", known)
    daemon.ctl("cache", "import", daemon.root / "points.csv")
    daemon.start()
    daemon.ctl("start", "--wait", check=False)
    assert daemon.status()["generation"] == 2, daemon.status()
    daemon.stop()
    daemon.learn(folded)
    daemon.stub(version=3)
    daemon.start()
    status = pause_half_way(daemon)
    runs = daemon.json("runs")
    daemon.stop()
    daemon.learn(later, street="Later")
    return {"known": known, "folded": folded, "later": later, "run": status["run"],
            "answered": status["points"]["answered"], "history": [run["run"] for run in runs]}


def main():
    version = sys.argv[1]
    target = Path(__file__).parent / version / "state.tar.xz"
    assert not target.exists(), f"{target} is frozen"
    target.parent.mkdir(exist_ok=True)
    points = make_points(KNOWN + FOLDED + LEARNED, seed=5, clusters=6)
    random.Random(1).shuffle(points)
    with Refreshd() as daemon:
        expected = make(daemon, points)
        daemon.root.joinpath("expected.json").write_text(json.dumps(expected))
        config = daemon.config.read_text().replace(str(daemon.root), "@ROOT@")
        daemon.root.joinpath("refreshd.conf").write_text(config)
        with tarfile.open(target, "w:xz", preset=9) as archive:
            for name in ("refreshd.conf", "expected.json", "cache", "state"):
                archive.add(daemon.root / name, arcname=name, filter=without)
    print(target, target.stat().st_size, "bytes")


def without(member):
    """Nobody in particular owns it; LMDB makes its lock files again."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return None if member.name.endswith("lock.mdb") else member


if __name__ == "__main__":
    main()
