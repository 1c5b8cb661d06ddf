"""A full disk in any stage pauses the run with `disk full: PATH`; resume works after space is made."""

import os

import pytest

from harness import Refreshd, make_points, small_filesystem, wait_for, write_csv

COUNT = 60_000


def can_mount():
    try:
        with small_filesystem(1):
            return True
    except Exception:
        return False


pytestmark = pytest.mark.skipif(not can_mount(), reason="SKIPPED LOUDLY: needs root to mount a tmpfs")


def fill(root, leave):
    """Fill the file system but for `leave` bytes."""
    stat = os.statvfs(root)
    size = stat.f_bavail * stat.f_frsize - leave
    with open(root / "ballast", "wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, max(size, 4096))


def configured(root, asked_log):
    daemon = Refreshd(root=root)
    daemon.stub(latency_ms=2, version=2, log=asked_log)
    daemon.configure(refresh__workers=2, geocoder__concurrency=4, geocoder__batch=20,
                     refresh__point_files=64, geocoder__rate=30000,
                     gate__max_country_changed="100%")
    return daemon


# Space left when the run starts, from hardly any to nearly enough: each stops another stage.
@pytest.mark.parametrize("leave", [20_000, 300_000, 1_000_000, 2_000_000, 4_000_000])
def test_full_disk_pauses_and_resume_goes_on(leave, tmp_path):
    points = make_points(COUNT, clusters=6)
    with small_filesystem(40) as root, configured(root, tmp_path / "asked") as daemon:
        daemon.load(points)
        daemon.start()
        daemon.ctl("start", check=False)
        before = daemon.json("cache", "info")
        wait_for(lambda: daemon.status()["state"] in ("snapshot", "refreshing", "paused", "idle"))
        fill(root, leave)
        status = daemon.wait_state("paused", "idle")
        if status["state"] == "paused":
            assert status["reason"].startswith(f"disk full: {root}"), status["reason"]
            assert daemon.json("cache", "info") == before, "nothing published is harmed"
            daemon.ctl("cache", "verify", "--deep")
            # Resuming on a disk that is still full pauses again.
            daemon.ctl("resume")
            status = daemon.wait_state("paused")
            assert status["reason"].startswith(f"disk full: {root}")
            # The daemon starts on a full disk, and is paused.
            daemon.kill()
            daemon.start()
            status = daemon.wait_state("paused")
            assert status["reason"].startswith("disk full:"), status["reason"]
            (root / "ballast").unlink()
            daemon.ctl("resume")
            status = daemon.wait_state("idle")
        assert status["last_run"]["result"] == "published"
        assert set(daemon.export()) == set(points)
        daemon.ctl("cache", "verify", "--deep")


def test_import_on_a_full_disk_leaves_nothing_behind(tmp_path):
    points = make_points(COUNT)
    with small_filesystem(20) as root, Refreshd(root=root) as daemon:
        daemon.load(points[:1000])
        before = sorted(p.name for p in daemon.cache.iterdir())
        path = tmp_path / "points.csv"
        write_csv(path, points)
        fill(root, 200_000)
        result = daemon.ctl("cache", "import", path, check=False)
        assert result.returncode == 1 and "disk full" in result.stderr
        assert sorted(p.name for p in daemon.cache.iterdir()) == before
        daemon.ctl("cache", "verify", "--deep")
