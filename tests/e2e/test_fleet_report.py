"""The report of a run of the fleet: each peer's is of all that any of them asked."""

import pytest

from counted import by_index, only, tables_of
from fleet import Fleet

MINE = {"everything": "count", "by_peer": "count[peer]", "lats": "sum of lat", "some": "sample(20) of lat, lon",
        "lons": "quantile(11) of lon", "tries": "count when attempts is missing"}


@pytest.mark.sanitized
def test_every_peer_reports_what_all_of_them_asked():
    words = [word for name, text in MINE.items() for word in ("--table", f"{name} = {text}")]
    with Fleet(points=3000, etcd=1) as fleet:
        fleet.start()
        bad = fleet["a"].ctl("start", "--fleet", "--table", "t = cuont", check=False)
        assert bad.returncode == 2 and "column 5" in bad.stderr
        run = fleet.refresh(*words)
        fleet.wait_switched()
        fleet.wait_idle()
        reports = [peer.json("report", run) for peer in fleet]
        asked = {name: count for name, count in fleet.asked_by().items() if count}
        for report in reports:
            tables = tables_of(report)
            assert only(tables["everything"]) == len(fleet.points) == report["answers"]
            assert {peer: count for (peer,), count in by_index(tables["by_peer"]).items()} == asked
            assert tables["tries"]["rows"] == []  # what asking cost came along with the answers
            for name in (*MINE, "changed_by_country", "changes", "outcomes", "entries_by_age"):
                assert tables[name] == tables_of(reports[0])[name], name
