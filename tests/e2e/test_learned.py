"""Lookups that miss teach points: each is asked for once, kept, found at once, and bounded."""

import json
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import SLOW, Refreshd, degrees, make_points, small_filesystem, wait_for
from raw_http import ask, serve
from stub_geocoder import StubGeocoder, address, most_in_a_second, use

POINTS = make_points(1000)
NEW = [point for point in make_points(3000, seed=77) if point not in set(POINTS)]
LONG_AGO = "3650d"
MISS = {"error": "Unable to geocode"}


def start(refreshd, stub, points=POINTS, **keys):
    geocoder = {name: keys.pop(name) for name in list(keys) if "__" not in name}
    use(refreshd, stub, **geocoder)
    keys = {"lookup__on_miss": "fetch", "lookup__fetch_timeout": "20s", **keys}
    return serve(refreshd, points, **keys)


def look(refreshd, point):
    reply = ask(refreshd.port,
                f"/reverse?lat={degrees(point[0])}&lon={degrees(point[1])}&format=jsonv2")
    assert reply is not None and reply.status == 200, reply
    return json.loads(reply.body)


def is_of(found, point):
    """Whether a reply has the address of that point."""
    return found.get("address", {}).get("road") == address(point)["street"]


def learned(refreshd):
    return refreshd.status()["learned"]


def look_at_all(refreshd, points, threads=20):
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda point: look(refreshd, point), points))


@pytest.mark.sanitized
def test_many_ask_and_one_question_is_put(refreshd):
    with StubGeocoder(delay=400) as stub:
        start(refreshd, stub)
        point = NEW[0]
        replies = look_at_all(refreshd, [point] * 200, threads=200)
        assert all(is_of(found, point) for found in replies)
        assert stub.times_asked() == {point: 1}
        wait_for(lambda: learned(refreshd) == {"entries": 1, "pending": 0, "max": 1000000},
                 what="the point to be learned")
        # Whoever looks near it finds it; nobody else is asked.
        beside = (point[0] + 300, point[1])
        assert is_of(look(refreshd, beside), point)
        assert is_of(look(refreshd, point), point)
        assert len(stub.asked()) == 1
        # What is published is found as before.
        assert look(refreshd, POINTS[5])["address"]["road"] == "Old Street"
        refreshd.stop()


@pytest.mark.sanitized
def test_different_points_at_a_time(refreshd):
    with StubGeocoder(delay=5) as stub:
        start(refreshd, stub)
        some = [NEW[i % 300] for i in range(900)]
        random.Random(2).shuffle(some)
        for point, found in zip(some, look_at_all(refreshd, some, threads=64)):
            assert is_of(found, point)
        assert set(stub.times_asked().values()) == {1}
        wait_for(lambda: learned(refreshd)["pending"] == 0)
        assert learned(refreshd)["entries"] == 300
        refreshd.stop()
        refreshd.start()
        assert learned(refreshd)["entries"] == 300
        refreshd.stop()


def test_what_a_client_was_told_survives_a_kill(refreshd):
    rng = random.Random(5)
    told = set()

    def learn_until_killed(points, ended):
        for point in points:
            try:
                if is_of(look(refreshd, point), point):
                    told.add(point)
            except (OSError, AssertionError, ValueError):
                if ended.is_set():
                    return
                raise

    with StubGeocoder(delay=2) as stub:
        start(refreshd, stub, concurrency=4)
        rest = list(NEW)
        for _ in range(6):
            ended = threading.Event()
            mine = [[rest.pop() for _ in range(60)] for _ in range(4)]
            with ThreadPoolExecutor(4) as pool:
                jobs = [pool.submit(learn_until_killed, points, ended) for points in mine]
                time.sleep(rng.uniform(0.02, 0.4))
                ended.set()
                refreshd.kill(signal.SIGKILL)
                for job in jobs:
                    job.result()
            refreshd.start()
            asked = len(stub.asked())
            assert all(is_of(look(refreshd, point), point) for point in told)
            assert len(stub.asked()) == asked, "a point that a client was told of was lost"
        assert len(told) > 20
        assert learned(refreshd)["entries"] >= len(told)


def test_the_table_is_bounded(refreshd):
    with StubGeocoder() as stub:
        start(refreshd, stub, lookup__learned_max=5)
        replies = look_at_all(refreshd, NEW[:40])
        assert sum(found != MISS for found in replies) == 5
        assert learned(refreshd) == {"entries": 5, "pending": 0, "max": 5}
        assert len(stub.asked()) == 5
        refreshd.configure(lookup__learned_max=7)
        refreshd.process.send_signal(signal.SIGHUP)
        wait_for(lambda: learned(refreshd)["max"] == 7)
        look_at_all(refreshd, NEW[40:50])
        assert learned(refreshd)["entries"] == 7 and len(stub.asked()) == 7


@pytest.mark.sanitized
def test_a_geocoder_that_is_gone_holds_nobody_up(refreshd):
    with StubGeocoder() as stub:
        start(refreshd, stub, lookup__fetch_timeout="2s")
        stub.kill()
        for point in NEW[:5]:
            began = time.monotonic()
            assert look(refreshd, point) == MISS
            assert time.monotonic() - began < 6 * SLOW
        assert learned(refreshd) == {"entries": 0, "pending": 0, "max": 1000000}
        stub.start()
        wait_for(lambda: is_of(look(refreshd, NEW[9]), NEW[9]), 10, "the geocoder to be asked again",
                 every=0.1)
        refreshd.stop()


def test_a_geocoder_that_hangs_holds_nobody_up(refreshd):
    with StubGeocoder() as stub:
        start(refreshd, stub, lookup__fetch_timeout="1s", timeout="2s", retries=0)
        stub.script("hang")
        began = time.monotonic()
        with ThreadPoolExecutor(30) as pool:
            jobs = [pool.submit(look, refreshd, point) for point in NEW[:30]]
            hits = 0
            while not all(job.done() for job in jobs):
                assert look(refreshd, POINTS[hits % 900])["address"]["road"] == "Old Street"
                hits += 1
            took = time.monotonic() - began
            assert all(job.result() == MISS for job in jobs)
        assert 0.9 < took < 5 * SLOW
        assert hits > 50 / SLOW, "hits are served meanwhile"
        assert learned(refreshd)["entries"] == 0


def test_the_rate_holds(refreshd):
    with StubGeocoder() as stub:
        start(refreshd, stub, rate=25)
        began = time.monotonic()
        assert all(found != MISS for found in look_at_all(refreshd, NEW[:90], threads=30))
        assert time.monotonic() - began < 9 * SLOW
        assert most_in_a_second(stub.asked()) <= 25


def test_the_rate_holds_beside_a_run(refreshd):
    """A miss is answered soon though the workers use all of the rate, which holds for both."""
    with StubGeocoder() as stub:
        start(refreshd, stub, rate=40)
        refreshd.ctl("start")
        stub.wait_requests(20)
        for point in NEW[:12]:
            began = time.monotonic()
            assert is_of(look(refreshd, point), point)
            assert time.monotonic() - began < 5 * SLOW  # alone it would be 20 s
            time.sleep(0.1)
        assert refreshd.status()["state"] == "refreshing"
        assert most_in_a_second(stub.asked()) <= 40
        refreshd.ctl("cancel")


@pytest.mark.sanitized
def test_none_is_confirmed_by_a_second_empty_answer(refreshd):
    with StubGeocoder() as stub:
        start(refreshd, stub)
        stub.script("set empty 1")
        point = NEW[0]
        for times in (1, 2, 2, 2):
            assert look(refreshd, point) == MISS
            assert stub.times_asked()[point] == times
        assert look(refreshd, NEW[1]) == MISS
        stub.script("set empty 0")
        assert is_of(look(refreshd, NEW[1]), NEW[1]), "one empty answer is not believed"
        assert look(refreshd, point) == MISS, "two are"
        assert learned(refreshd)["entries"] == 2
        refreshd.stop()


@pytest.mark.sanitized
def test_nothing_is_asked_unless_told_to_also_live(refreshd):
    with StubGeocoder() as stub:
        start(refreshd, stub, lookup__on_miss="none")
        assert look_at_all(refreshd, NEW[:20]) == [MISS] * 20
        assert len(stub.asked()) == 0
        refreshd.configure(lookup__on_miss="fetch")
        refreshd.process.send_signal(signal.SIGHUP)
        wait_for(lambda: is_of(look(refreshd, NEW[0]), NEW[0]), what="misses to be fetched")
        refreshd.configure(lookup__on_miss="none")
        refreshd.process.send_signal(signal.SIGHUP)
        wait_for(lambda: refreshd.log.read_text().count("reloaded") == 2, what="the reload")
        asked = len(stub.asked())
        assert look_at_all(refreshd, NEW[20:40]) == [MISS] * 20
        assert len(stub.asked()) == asked
        assert is_of(look(refreshd, NEW[0]), NEW[0])
        refreshd.stop()


@pytest.mark.sanitized
def test_a_run_folds_what_was_learned(refreshd):
    """No lookup misses meanwhile, nobody is asked again, and the table is empty in the end."""
    some = NEW[:120]
    with StubGeocoder() as stub:
        start(refreshd, stub)
        look_at_all(refreshd, some)
        asked = len(stub.asked())
        assert asked == 120
        ended = threading.Event()

        def keep_looking(points):
            count = 0
            while not ended.is_set() or count == 0:
                for point in points:
                    assert is_of(look(refreshd, point), point)
                    count += 1
            return count

        with ThreadPoolExecutor(3) as pool:
            jobs = [pool.submit(keep_looking, some[i::3]) for i in range(3)]
            refreshd.ctl("start", "--older-than", LONG_AGO, "--wait")
            wait_for(lambda: learned(refreshd)["entries"] == 0, what="the table to be emptied")
            time.sleep(0.3)
            ended.set()
            assert sum(job.result() for job in jobs) > 100 / SLOW
        assert len(stub.asked()) == asked
        entries = refreshd.export()
        assert set(entries) == set(POINTS) | set(some)
        assert all(entries[point]["street"] == address(point)["street"] for point in some)
        # Learned again after that, beside the ones in the tiles.
        assert is_of(look(refreshd, NEW[200]), NEW[200])
        assert learned(refreshd)["entries"] == 1
        refreshd.stop()


def test_a_full_disk_costs_nothing_but_what_is_new():
    with small_filesystem(24) as state, StubGeocoder() as stub, Refreshd() as refreshd:
        start(refreshd, stub, refresh__state_directory=state)
        assert is_of(look(refreshd, NEW[0]), NEW[0])
        with open(state / "filler", "wb") as filler:
            try:
                while True:
                    filler.write(b"\0" * 65536)
                    filler.flush()
            except OSError:
                pass
        failed = [look(refreshd, point) == MISS for point in NEW[1:200]]
        assert all(failed[-100:])
        assert is_of(look(refreshd, NEW[0]), NEW[0])
        assert look(refreshd, POINTS[0])["address"]["road"] == "Old Street"
        log = refreshd.log.read_text()
        assert log.count("learned_not_stored") == 1 and "disk full: " in log
        (state / "filler").unlink()
        wait_for(lambda: is_of(look(refreshd, NEW[300]), NEW[300]), 10, "points to be learned again",
                 every=0.1)


def test_refreshctl_finds_what_was_learned(refreshd):
    with StubGeocoder() as stub:
        start(refreshd, stub)
        look(refreshd, NEW[0])
        words = [degrees(value) for value in NEW[0]]
        # Beside the daemon, and without it.
        for running in (True, False):
            if not running:
                refreshd.stop()
            found = refreshd.json("lookup", *words)
            assert found["address"]["street"] == address(NEW[0])["street"]
            assert found["distance_m"] == 0
            lines = "\n".join(f"{degrees(lat)} {degrees(lon)}" for lat, lon in (NEW[0], NEW[1], POINTS[0]))
            told = refreshd.ctl("--json", "lookup", "--stdin", input=lines + "\n", check=False)
            assert told.returncode == 1
            first, second, third = map(json.loads, told.stdout.splitlines())
            assert first["address"]["street"] == address(NEW[0])["street"]
            assert second == {"address": None} and third["address"]["street"] == "Old Street"
        # A cache directory that is named is all that is looked at.
        assert refreshd.ctl("--cache", refreshd.cache, "lookup", *words, check=False).returncode == 1
        assert len(stub.asked()) == 1


def test_the_gazetteer_teaches_too(refreshd):
    serve(refreshd, POINTS, lookup__on_miss="fetch", geocoder__provider="gazetteer")
    paris = look(refreshd, (488566000, 23522000))
    assert paris["address"]["country_code"] == "fr"
    assert learned(refreshd)["entries"] == 1
