"""Promise 1 under power loss: the file system stops at once, with what was not fsynced lost."""

import contextlib
import fcntl
import os
import random
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from harness import Refreshd, make_points, wait_for

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
COUNT = 20_000
CUTS = 12


class Disk:
    """An ext4 file system in a file, whose power can be cut."""

    def __init__(self, megabytes=96):
        self.image = tempfile.NamedTemporaryFile(prefix="rd-disk-", dir="/tmp")
        self.image.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image.name], check=True)
        self.root = Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp"))
        self.mount()

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self.image.name, self.root], check=True)

    def cut(self):
        fd = os.open(self.root, os.O_RDONLY)
        fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(fd)

    def unmount(self):
        """Until nobody holds the dead file system: tests beside this one may have mount namespaces
        with a copy of the mount, and as long as they live the same dead one is mounted again."""
        wait_for(lambda: subprocess.run(["umount", self.root], capture_output=True).returncode == 0,
                 what="unmounting")
        wait_for(self.is_released, seconds=60, what="the loop device to be released")

    def is_released(self):
        listed = subprocess.run(["losetup", "-j", self.image.name], capture_output=True, text=True)
        return listed.returncode == 0 and listed.stdout == ""


@contextlib.contextmanager
def disk():
    made = Disk()
    try:
        yield made
    finally:
        subprocess.run(["umount", "-l", made.root], capture_output=True)
        made.root.rmdir()
        made.image.close()


def possible():
    try:
        with disk() as made:
            made.cut()
            made.unmount()
        return True
    except Exception:
        return False


@pytest.mark.long(10)
def test_power_cuts_over_one_run(tmp_path):
    if not possible():
        pytest.skip("SKIPPED LOUDLY: needs root, loop devices and ext4")
    points = make_points(COUNT, clusters=8)
    rng = random.Random(11)
    with disk() as made, Refreshd(root=made.root) as daemon:
        daemon.configure(control__socket=tmp_path / "sock", refresh__workers=2,
                         geocoder__concurrency=4, geocoder__batch=20, geocoder__rate=4000,
                         refresh__point_files=64, gate__max_country_changed="100%")
        daemon.stub(latency_ms=2, version=2, log=tmp_path / "asked")
        daemon.log = tmp_path / "log"
        daemon.load(points)
        os.sync()
        daemon.start()
        daemon.ctl("start")
        wait_for(lambda: daemon.status()["points"]["answered"] > 0, what="the first answers")
        acknowledged = 0
        for _ in range(CUTS):
            time.sleep(rng.uniform(0.1, 0.9))
            status = daemon.status()
            made.cut()
            daemon.kill()
            made.unmount()
            made.mount()
            daemon.start()
            after = daemon.status()
            if status["state"] == "refreshing" and after["state"] == "refreshing":
                assert after["points"]["answered"] >= status["points"]["answered"], \
                    "an acknowledged answer was lost"
            acknowledged = max(acknowledged, status["points"]["answered"])
            daemon.ctl("cache", "verify", "--deep")
            if after["state"] == "idle":
                break
        assert daemon.wait_state("idle")["last_run"]["result"] == "published"
        assert acknowledged > COUNT // 10
        entries = daemon.export()
        assert set(entries) == set(points)
        assert all(row["street"].endswith("v2") for row in entries.values())
        daemon.ctl("cache", "verify", "--deep")
        daemon.stop()
