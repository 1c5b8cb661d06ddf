"""Promise 8: a flipped byte anywhere gives an error that names the file, never a wrong address."""

import random
import subprocess
import time

import pytest

from harness import REFRESHCTL, Refreshd, degrees, make_points, wait_for

FLIPS_PER_FILE = 60


def flip(path, offset, bit=0x10):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ bit]))


def offline(cache, *words, **options):
    return subprocess.run([REFRESHCTL, "--cache", cache, *map(str, words)], capture_output=True,
                          text=True, timeout=120, **options)


@pytest.mark.long(90)
@pytest.mark.sanitized
def test_any_byte_of_a_pair_or_manifest(refreshd):
    points = make_points(3000, clusters=2)
    refreshd.load(points)
    truth = offline(refreshd.cache, "cache", "export").stdout
    question = "".join(f"{degrees(a)} {degrees(o)}\n" for a, o in points)
    answers = offline(refreshd.cache, "--json", "lookup", "--stdin", input=question).stdout.splitlines()
    rng = random.Random(3)
    files = sorted(p for p in refreshd.cache.iterdir() if p.suffix in (".idx", ".dat"))
    files.append(refreshd.cache / "MANIFEST")
    assert len(files) >= 3
    for path in files:
        content = path.read_bytes()
        offsets = {0, 1, 8, len(content) - 1} | {rng.randrange(len(content))
                                                for _ in range(FLIPS_PER_FILE // len(files) * 3)}
        for offset in sorted(offsets):
            if path.name == "MANIFEST" and chr(content[offset]).isspace():
                continue
            flip(path, offset)
            verify = offline(refreshd.cache, "cache", "verify")
            assert verify.returncode == 1, f"verify missed byte {offset} of {path.name}"
            assert path.name in verify.stdout + verify.stderr
            lookup = offline(refreshd.cache, "--json", "lookup", "--stdin", input=question)
            assert lookup.returncode in (0, 1), f"byte {offset} of {path.name}: {lookup.stderr}"
            lines = lookup.stdout.splitlines()
            for right, given in zip(answers, lines):
                assert given == right or "checksum" in given or path.name in given, \
                    f"byte {offset} of {path.name}: {given!r} for {right!r}"
            export = offline(refreshd.cache, "cache", "export")
            assert export.returncode == 1 or export.stdout == truth
            flip(path, offset)
    assert offline(refreshd.cache, "cache", "verify", "--deep").returncode == 0


def test_a_pair_of_another_generation_is_found(refreshd):
    refreshd.load(make_points(500, clusters=1), street="First")
    refreshd.load(make_points(500, clusters=1), street="Second")
    for old in refreshd.cache.glob("*.1.idx"):
        new = refreshd.cache / old.name.replace(".1.", ".2.")
        new.write_bytes(old.read_bytes())
        verify = offline(refreshd.cache, "cache", "verify")
        assert verify.returncode == 1 and new.name in verify.stdout + verify.stderr


def paused_run(refreshd, count=20_000):
    points = make_points(count, clusters=1)  # one tile: every answer is needed until the end
    refreshd.load(points)
    refreshd.stub(latency_ms=5, version=2)
    refreshd.configure(refresh__workers=2, geocoder__concurrency=4, geocoder__batch=20,
                       geocoder__rate=20000, refresh__point_files=32,
                       gate__max_country_changed="100%")
    refreshd.start()
    refreshd.ctl("start")
    wait_for(lambda: refreshd.status()["points"]["answered"] > count // 3)
    refreshd.ctl("pause")
    return points


@pytest.mark.parametrize("part", ["points", "answers"])
def test_any_byte_of_point_files_and_answers(part):
    with Refreshd() as refreshd:
        points = paused_run(refreshd)
        refreshd.stop()
        path = max((refreshd.state / part).iterdir(), key=lambda p: p.name)
        content = path.read_bytes()
        rng = random.Random(5)
        for offset in [0, len(content) // 2, len(content) - 1] + [rng.randrange(len(content))
                                                                 for _ in range(3)]:
            flip(path, offset)
            refreshd.start()
            refreshd.ctl("resume")
            status = refreshd.wait_state("paused", "idle", "failed")
            assert status["state"] != "idle", f"byte {offset} of {path} went unnoticed"
            assert path.name in status["reason"], status["reason"]
            assert refreshd.status()["generation"] == 1
            refreshd.stop()
            flip(path, offset)
        refreshd.start()
        refreshd.ctl("resume", check=False)
        assert refreshd.wait_state("idle")["last_run"]["result"] == "published"
        assert set(refreshd.export()) == set(points)


def test_a_torn_tail_of_the_answers_is_repaired(refreshd):
    points = paused_run(refreshd)
    refreshd.kill()
    last = max((refreshd.state / "answers").iterdir(), key=lambda p: p.name)
    with open(last, "ab") as file:
        file.write(b"torn" * 1000)
    refreshd.start()
    refreshd.ctl("resume")
    assert refreshd.wait_state("idle")["last_run"]["result"] == "published"
    assert set(refreshd.export()) == set(points)


def test_garbage_ledger_is_an_error_that_names_it(refreshd):
    refreshd.load(make_points(100))
    ledger = refreshd.state / "ledger"
    ledger.mkdir(parents=True)
    (ledger / "data.mdb").write_bytes(random.Random(1).randbytes(40_000))
    refreshd.start(wait=False)
    assert refreshd.process.wait(timeout=20) == 1
    time.sleep(0)
    assert "data.mdb" in refreshd.log.read_text() or "ledger" in refreshd.log.read_text()
