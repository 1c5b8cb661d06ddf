"""/metrics as Prometheus reads it, and what is drawn and alerted on from it."""

import json
import re
import subprocess
import threading
from pathlib import Path

import pytest

from harness import SLOW, Refreshd, free_port, make_points, wait_for
from raw_http import ask, serve

pytestmark = pytest.mark.sanitized

POINTS = make_points(3000)
MONITORING = Path(__file__).resolve().parents[2] / "monitoring"
SAMPLE = re.compile(r'^([a-z_]+)(\{[^}]*\})? (\S+)$')


class Page:
    """One scrape: samples by name with labels, types by family."""

    def __init__(self, port):
        reply = ask(port, "/metrics")
        assert reply.status == 200
        assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        self.text = reply.body.decode()
        self.samples = {}
        self.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", self.text, re.M))
        for line in self.text.splitlines():
            if line.startswith("#"):
                continue
            name, labels, value = SAMPLE.match(line).groups()
            key = name + (labels or "")
            assert key not in self.samples, f"twice: {key}"
            assert name.startswith("refreshd_")
            self.samples[key] = float(value)

    def __getitem__(self, key):
        return self.samples[key]

    def sum(self, name):
        return sum(value for key, value in self.samples.items() if key.startswith(name + "{"))

    def names(self):
        return {key.split("{")[0] for key in self.samples}

    def counters(self):
        """What only grows; ages are a picture."""
        growing = [name for name, kind in self.types.items()
                   if kind in ("counter", "histogram") and name != "refreshd_entry_age_seconds"]
        return {key: value for key, value in self.samples.items()
                if re.sub(r"_(bucket|sum|count)$", "", key.split("{")[0]) in growing
                or key.split("{")[0] in growing}

    def check(self):
        """promtool must have nothing to say."""
        done = subprocess.run(["promtool", "check", "metrics"], input=self.text, text=True,
                              capture_output=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return self


def counted(port):
    """A page on which every tile is counted."""
    def look():
        page = Page(port)
        begun = page["refreshd_generation"] == 0 or page.sum("refreshd_entries") > 0
        return page if begun and page["refreshd_entries_uncounted"] == 0 else None
    return wait_for(look, what="the census")


def test_nothing_published():
    with Refreshd() as daemon:
        port = free_port()
        daemon.configure(http__listen=f"127.0.0.1:{port}")
        daemon.start()
        page = Page(port).check()
        assert page["refreshd_generation"] == page["refreshd_serving_generation"] == 0
        assert page['refreshd_run_state{state="idle"}'] == 1


@pytest.mark.long(10)
def test_a_run_from_its_start_to_its_end():
    with Refreshd(geocoder__concurrency=4, refresh__workers=2, refresh__max_failed="100%",
                  gate__max_lost="100%", gate__max_country_changed="100%") as daemon:
        daemon.stub(latency_ms=10, empty=10, fail=50)
        port = serve(daemon, POINTS).port
        before = counted(port).check()
        assert before.sum("refreshd_entries") == len(POINTS)
        assert before['refreshd_entry_age_seconds_bucket{le="63072000"}'] == 0
        assert before["refreshd_entry_age_seconds_count"] == len(POINTS)
        assert before["refreshd_entry_age_seconds_sum"] > len(POINTS) * 1e8

        daemon.ctl("start")
        during = wait_for(lambda: (lambda p: p if 0 < p["refreshd_run_points_answered"] else None)(
            Page(port)), what="answers").check()
        assert during['refreshd_run_state{state="refreshing"}'] == 1
        assert during["refreshd_run_points"] == len(POINTS)
        assert during["refreshd_geocoder_in_flight_points"] > 0
        daemon.ctl("pause")
        paused = Page(port).check()
        assert paused['refreshd_run_state{state="paused"}'] == 1
        assert paused['refreshd_run_stopped{why="operator"}'] == 1
        assert paused["refreshd_geocoder_in_flight_points"] == 0
        daemon.ctl("resume")

        pages = [before, during, paused]

        def ended():
            pages.append(Page(port))
            return pages[-1]['refreshd_run_state{state="idle"}']
        wait_for(ended, 60, "the end of the run")

        def is_counted(page):  # the census may still be that of the old entries
            return (page["refreshd_serving_generation"] == 2 and page["refreshd_entries_uncounted"] == 0
                    and page['refreshd_entry_age_seconds_bucket{le="86400"}'] > 0)
        pages.append(wait_for(lambda: (lambda page: page if is_counted(page) else None)(Page(port)),
                              what="the census of the new generation").check())
        for earlier, later in zip(pages, pages[1:]):
            for key, value in earlier.counters().items():
                assert later[key] >= value, key

        after = pages[-1]
        points = daemon.status()["last_run"]["points"]
        assert after["refreshd_generation"] == 2
        assert after['refreshd_switches_total{result="done"}'] == 1
        assert after['refreshd_last_run_result{result="published"}'] == 1
        assert after["refreshd_last_run_exit_status"] == 4
        for outcome in ("found", "none", "unsure", "failed"):
            key = f'refreshd_last_run_answers{{outcome="{outcome}"}}'
            assert after[key] == points[outcome]
        answered = sum(points[name] for name in ("found", "none", "unsure"))
        assert after['refreshd_geocoder_answers_total{outcome="found"}'] == points["found"]
        assert after['refreshd_geocoder_answers_total{outcome="none"}'] == \
            points["none"] + points["unsure"]
        assert after.sum("refreshd_geocoder_answers_total") == len(POINTS)
        requests = after.sum("refreshd_geocoder_requests_total")
        assert requests == after["refreshd_geocoder_duration_seconds_count"] == len(POINTS)
        assert after['refreshd_geocoder_duration_seconds_bucket{le="0.005"}'] == 0
        fresh = after['refreshd_entry_age_seconds_bucket{le="86400"}']
        assert points["found"] + points["none"] <= fresh <= answered
        assert after["refreshd_entry_age_seconds_count"] == len(POINTS)


def test_hits_and_misses_are_what_clients_saw(refreshd):
    port = serve(refreshd, POINTS).port
    before = Page(port)
    seen = []

    def client(number):
        for i in range(100):
            lat, lon = POINTS[(number * 100 + i) % len(POINTS)] if i % 3 else (-890000000, i)
            reply = ask(port, f"/reverse?lat={lat / 1e7:.7f}&lon={lon / 1e7:.7f}")
            seen.append("error" in json.loads(reply.body))
        ask(port, "/reverse?lat=91&lon=0")  # no lookup

    threads = [threading.Thread(target=client, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = Page(port)

    def grown(key):
        return after[key] - before[key]
    assert grown('refreshd_lookups_total{result="hit"}') == seen.count(False)
    assert grown('refreshd_lookups_total{result="miss"}') == seen.count(True)
    assert grown("refreshd_lookup_duration_seconds_count") == len(seen) == 400
    assert grown("refreshd_lookup_duration_seconds_sum") > 0
    assert grown('refreshd_http_requests_total{class="4xx"}') == 4


def test_a_switch_that_fails_is_counted(refreshd):
    port = serve(refreshd, POINTS[:50]).port
    broken = refreshd.cache / "MANIFEST.new"
    broken.write_text("{}")
    broken.replace(refreshd.cache / "MANIFEST")
    page = wait_for(lambda: (lambda p: p if p['refreshd_switches_total{result="failed"}'] else None)(
        Page(port)), 10, "the failed switch")
    assert page["refreshd_serving_generation"] == 1
    lat, lon = POINTS[7]
    assert "error" not in json.loads(
        ask(port, f"/reverse?lat={lat / 1e7:.7f}&lon={lon / 1e7:.7f}").body)


# --- the dashboard and the alerts ---------------------------------------------------------------

def expressions():
    """Every PromQL expression of the dashboard, its variables replaced."""
    dashboard = json.loads((MONITORING / "refreshd-dashboard.json").read_text())
    texts = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    texts += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    texts += [variable["definition"] for variable in dashboard["templating"]["list"]
              if "definition" in variable]
    return [text.replace("$instance", ".*").replace("$__rate_interval", "5m") for text in texts]


def test_what_is_drawn_and_alerted_on_exists(refreshd):
    refreshd.configure(geocoder__provider="gazetteer")
    port = serve(refreshd, POINTS[:300]).port
    refreshd.ctl("start", "--wait", check=False)
    names = Page(port).names()
    alerts = (MONITORING / "alerts.yml").read_text()
    used = set(re.findall(r"refreshd_[a-z_]+", "\n".join(expressions()) + alerts))
    fleets = {name for name in used if name.startswith("refreshd_fleet_")}
    assert len(used) > 30 and not any(name.startswith("refreshd_fleet_") for name in names)
    assert used - fleets <= names, used - fleets - names
    told = (MONITORING.parent / "daemon/metrics_fleet.c").read_text()
    assert fleets and all(f'"{name}"' in told for name in fleets)


def test_the_dashboard_asks_what_prometheus_understands(tmp_path):
    texts = [text for text in expressions() if not text.startswith("label_values")]
    assert len(texts) > 30
    rules = {"groups": [{"name": "dashboard", "rules": [
        {"record": f"panel:{number}", "expr": text} for number, text in enumerate(texts)]}]}
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps(rules))
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts():
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=MONITORING, capture_output=True,
                              text=True, timeout=60 * SLOW)
        assert done.returncode == 0, done.stdout + done.stderr
