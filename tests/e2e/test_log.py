"""What refreshd logs: known events, a line at the start and end of everything, no floods."""

import re
from pathlib import Path

import pytest
from harness import free_port, make_points, wait_for

ROOT = Path(__file__).resolve().parents[2]
CALL = re.compile(r'(?:log_event|log_failure|line_event|line_tell|fleet_event|settings->event)\([^;"]*"([a-z_]+)"')
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|info) ([a-z_]+)"
                  r'(?: [a-z_0-9]+=(?:"(?:[^"\\]|\\.)*"|[^" ]*))*$')


def events(refreshd):
    """(event, {key: value}) of each line."""
    found = []
    for line in refreshd.log.read_text().splitlines():
        match = LINE.match(line)
        assert match, f"not LEVEL EVENT key=value: {line}"
        keys = dict(re.findall(r'([a-z_0-9]+)=("(?:[^"\\]|\\.)*"|[^" ]*)', line))
        found.append((match.group(2), keys))
    return found


def test_every_event_is_in_the_list():
    used = set()
    for folder in ("daemon", "stages", "fleet"):
        for source in (ROOT / folder).glob("*.c"):
            used.update(CALL.findall(source.read_text()))
    listed = set()
    for row in (ROOT / "daemon" / "EVENTS.md").read_text().splitlines():
        if row.startswith("| `"):
            listed.update(re.findall(r"`([a-z_]+)`", row.split("|")[1]))
    assert used == listed


@pytest.mark.parametrize("publish", ["run", "tile"])
def test_a_run_says_when_its_stages_begin_and_end(refreshd, publish):
    refreshd.stub()
    refreshd.configure(gate__max_country_changed="100%", refresh__publish=publish,
                       http__listen=f"127.0.0.1:{free_port()}")
    refreshd.load(make_points(3000)).start()
    refreshd.ctl("start", "--wait")
    wait_for(lambda: any(event == "serving_generation" and keys["generation"] == "2"
                         for event, keys in events(refreshd)), what="the switch")
    refreshd.stop()
    told = [(event, keys.get("stage")) for event, keys in events(refreshd)]
    for once in [("started", None), ("run_started", None), ("run_published", None),
                 ("stopping", None), ("stopped", None),
                 *((event, stage) for stage in ("snapshot", "geocode", "rebuild", "publish")
                   for event in ("stage_started", "stage_finished"))]:
        assert told.count(once) == 1, (once, told)
    assert told.index(("run_started", None)) < told.index(("stage_started", "snapshot"))
    for stage in ("snapshot", "geocode", "rebuild", "publish"):
        assert told.index(("stage_started", stage)) < told.index(("stage_finished", stage))
    assert len(told) < 25
    run = next(keys["run"] for event, keys in events(refreshd) if event == "run_started")
    assert all(keys["run"] == run for event, keys in events(refreshd)
               if event.startswith(("run_", "stage_")))


def test_a_run_that_goes_on_says_so(refreshd):
    refreshd.stub(latency_ms=20)
    refreshd.configure(geocoder__rate=200)
    refreshd.load(make_points(5000)).start()
    refreshd.ctl("start")
    wait_for(lambda: refreshd.status()["points"]["answered"] > 50, what="answers")
    refreshd.kill()
    refreshd.start()
    continued = [keys for event, keys in events(refreshd) if event == "run_continued"]
    assert len(continued) == 1 and int(continued[0]["answered"]) > 0
    refreshd.ctl("pause")
    refreshd.ctl("resume")
    wait_for(lambda: events(refreshd)[-1][0] in ("run_resumed", "stage_started"), what="the line")
    refreshd.ctl("cancel")
    names = [event for event, _ in events(refreshd)]
    assert names.count("run_paused") == 1
    assert names.count("run_resumed") == 1
    assert names.count("run_cancelled") == 1


def test_refused_commands_are_no_flood(refreshd):
    refreshd.load(make_points(10)).start()
    for _ in range(10):
        assert refreshd.ctl("pause", check=False).returncode == 1
    names = [event for event, _ in events(refreshd)]
    assert names.count("command_refused") == 1
