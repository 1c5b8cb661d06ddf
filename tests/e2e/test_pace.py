"""How fast questions are put: changes act within a second, deadlines are judged beforehand."""

import subprocess
import time

import pytest

from harness import REFRESHD, SLOW, make_points, wait_for, within

POINTS = make_points(3000)


@pytest.fixture
def ready(refreshd):
    """A cache of 3000 entries; the stub geocoder is still to be chosen."""
    refreshd.load(POINTS)
    refreshd.configure(gate__max_country_changed="100%", refresh__point_files=64)
    return refreshd


def sent_in(daemon, seconds):
    """Requests a second, as status counts them."""
    first, began = daemon.status()["requests"]["sent"], time.monotonic()
    time.sleep(seconds)
    return (daemon.status()["requests"]["sent"] - first) / (time.monotonic() - began)


def test_more_workers_and_requests_in_flight_within_a_second(ready):
    ready.stub(latency_ms=4000)
    ready.configure(refresh__workers=1, geocoder__concurrency=3)
    ready.start()
    ready.ctl("start")

    def change_to(count, *changes):
        def act(attempt):
            if attempt > 0:
                ready.ctl("set", "workers=1", "concurrency=3")
                wait_for(lambda: ready.status()["requests"]["in_flight"] == 3, what="3 in flight")
            ready.ctl("set", *changes)
            return lambda: ready.status()["requests"]["in_flight"] == count
        within(1, act, f"{count} in flight")
    wait_for(lambda: ready.status()["requests"]["in_flight"] == 3, what="3 in flight")
    change_to(20, "concurrency=20")
    change_to(80, "workers=4", "concurrency=20")
    ready.ctl("set", "workers=1", "concurrency=1")
    wait_for(lambda: ready.status()["requests"]["in_flight"] <= 1, what="the rest to be answered")
    ready.ctl("cancel")
    ready.wait_state("idle", seconds=10)


def test_a_new_rate_acts_within_a_second(ready):
    ready.stub(latency_ms=700)
    ready.configure(geocoder__rate=0.1)
    ready.start()
    ready.ctl("start")
    wait_for(lambda: ready.status()["requests"]["sent"] == 1, what="the first request")

    def change(attempt):
        if attempt > 0:
            ready.ctl("set", "rate=0.1")
            time.sleep(1)
        before = ready.status()["requests"]["sent"]
        ready.ctl("set", "rate=50")
        return lambda: ready.status()["requests"]["sent"] > before
    within(1, change, "the new rate")
    assert 25 / SLOW <= sent_in(ready, 2) <= 51
    ready.ctl("set", "rate=3")
    time.sleep(1)
    assert sent_in(ready, 2) <= 4.5
    assert ready.status()["rate"] == 3


def test_a_new_deadline_acts_within_a_second(ready):
    ready.stub(latency_ms=20)
    ready.configure(geocoder__rate=100)
    ready.start()
    ready.ctl("start")
    wait_for(lambda: ready.status()["points"]["answered"] > 10, what="answers")

    def far(_):
        ready.ctl("set", "finish_within=0")
        ready.ctl("set", "finish_within=1000s")
        return lambda: ready.status()["rate"] < 5

    def near(_):
        ready.ctl("set", "finish_within=1000s")
        ready.ctl("set", "finish_within=2s")
        return lambda: ready.status()["deadline_fits"] is False
    within(1, far, "the pace of the deadline")
    within(1, near, "the rate to rule that out")
    ready.ctl("set", "rate=0", "finish_within=0")
    assert ready.wait_state("idle", seconds=20)["last_run"]["points"]["found"] == len(POINTS)


def test_a_deadline_that_the_rate_forbids_is_told_at_once(ready):
    ready.stub()
    ready.start()
    started = ready.ctl("start", "--rate", "10", "--finish-within", "30s")
    assert "can't be met" in started.stderr
    assert wait_for(lambda: ready.status()["deadline_fits"] is False)
    ready.ctl("cancel")


def test_a_deadline_is_judged_by_earlier_runs(ready):
    ready.stub(latency_ms=20)
    ready.configure(refresh__workers=1, geocoder__concurrency=20)
    ready.start()
    plan = ready.json("start", "--dry-run", "--finish-within", "1s")
    assert plan["deadline_fits"] is None and plan["duration_s"] is None, "nothing was measured yet"
    ready.ctl("start", "--wait")
    took = ready.status()["last_run"]["elapsed_s"]
    assert took > 2
    plan = ready.json("start", "--dry-run")
    assert abs(plan["duration_s"] - took) < 0.1 * took
    assert ready.json("start", "--dry-run", "--finish-within", "1s")["deadline_fits"] is False
    assert ready.json("start", "--dry-run", "--finish-within", "1h")["deadline_fits"] is True
    started = ready.ctl("start", "--finish-within", "1s")
    assert "can't be met" in started.stderr
    wait_for(lambda: ready.status()["deadline_fits"] is False, 3, "status to say so")
    ready.wait_state("idle", seconds=30)


def test_a_run_that_was_held_back_proves_nothing(ready):
    ready.stub()
    ready.start()
    ready.ctl("start", "--rate", "1000", "--wait")
    assert ready.json("start", "--dry-run", "--finish-within", "1s")["deadline_fits"] is None
    assert ready.json("start", "--dry-run", "--finish-within", "1m")["deadline_fits"] is True


def test_a_plan_counts_requests_as_the_provider_takes_them(ready):
    ready.stub()
    ready.configure(geocoder__batch=7)
    ready.start()
    assert ready.json("start", "--dry-run")["requests"] == -(-len(POINTS) // 7)
    ready.stop()
    ready.configure(geocoder__batch=1000)  # the stub takes 100 at most
    ready.start()
    assert ready.json("start", "--dry-run")["requests"] == len(POINTS) // 100


def test_batches_are_whole_at_a_low_rate(ready):
    ready.stub(latency_ms=10)
    ready.configure(geocoder__batch=100, geocoder__rate=500, geocoder__concurrency=4)
    ready.start()
    ready.ctl("start", "--wait")
    last = ready.status()["last_run"]
    assert last["points"]["found"] == len(POINTS)
    assert last["requests"]["sent"] <= 1.3 * len(POINTS) / 100
    assert last["elapsed_s"] >= len(POINTS) / 500 - 1


def test_an_address_that_may_not_be_kept_is_warned_of(refreshd):
    key = refreshd.root / "key"
    key.write_text("s3cret\n")
    refreshd.configure(geocoder__provider="google", geocoder__key_file=key)

    def check():
        return subprocess.run([REFRESHD, "--config", refreshd.config, "--check-config"],
                              capture_output=True, text=True)
    warned = check()
    assert warned.returncode == 0 and "storage_permitted" in warned.stderr
    assert "s3cret" not in warned.stderr + warned.stdout
    refreshd.start()
    refreshd.stop()
    assert "storage_terms" in refreshd.log.read_text()
    refreshd.configure(geocoder__storage_permitted="yes")
    silent = check()
    assert silent.returncode == 0 and silent.stderr == ""


@pytest.mark.parametrize("keys,named", [({"provider": "nominatim"}, "url"),
                                        ({"provider": "opencage"}, "key_file"),
                                        ({"provider": "nobody"}, "provider"),
                                        ({"ca_file": "/no/such/authority"}, "ca_file"),
                                        ({"storage_permitted": "perhaps"}, "storage_permitted")])
def test_check_config_opens_the_geocoder(refreshd, keys, named):
    refreshd.configure(**{f"geocoder__{key}": value for key, value in keys.items()})
    for words in (["--check-config"], []):
        result = subprocess.run([REFRESHD, "--config", refreshd.config, *words],
                                capture_output=True, text=True, timeout=20 * SLOW)
        assert result.returncode == 2 and f"[geocoder] {named}" in result.stderr, result.stderr
