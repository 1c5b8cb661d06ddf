"""Everything works as a user who may write nothing but its own three directories."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

import pytest
from harness import REFRESHCTL, REFRESHD, Refreshd, degrees, free_port, make_points, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None,
                                reason="SKIPPED: becoming another user needs root and setpriv")
NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs",
          "--bounding-set=-all", "--inh-caps=-all"]


class Service(Refreshd):
    """A refreshd that nobody runs: root's configuration, nobody's cache, state and socket."""

    def __init__(self, root):
        self.programs = root / "programs"
        super().__init__(root)
        self.run_directory = root / "run"
        self.socket = self.run_directory / "control.sock"
        self.port = free_port()
        self.configure(control__socket=self.socket, http__listen=f"127.0.0.1:{self.port}",
                       http__max_connections=100)
        nobody = pwd.getpwnam("nobody")
        for directory in (self.cache, self.state, self.run_directory):
            directory.mkdir(mode=0o750)
            os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        self.programs.mkdir()
        for program in (REFRESHD, REFRESHCTL):  # the build may be where nobody may not look
            shutil.copy(program, self.programs)

    def start(self, wait=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*NOBODY, self.programs / "refreshd", "--config",
                                             self.config], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd="/")
        if wait:
            wait_for(self.answers, what="refreshd to answer")
        return self

    def ctl(self, *words, check=True, **options):
        result = subprocess.run([*NOBODY, self.programs / "refreshctl", "--config", self.config,
                                 *map(str, words)], capture_output=True, text=True, timeout=300,
                                cwd="/", **options)
        if check:
            assert result.returncode == 0, f"{words}: {result.stdout}{result.stderr}"
        return result

    def reverse(self, point):
        lat, lon = map(degrees, point)
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/reverse?format=jsonv2"
                                    f"&lat={lat}&lon={lon}", timeout=30) as reply:
            return json.load(reply)


@pytest.fixture
def service():
    root = Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp"))
    root.chmod(0o755)
    try:
        with Service(root) as service:
            yield service
    finally:
        shutil.rmtree(root, ignore_errors=True)


def csv_of(points):
    rows = "".join(f"{degrees(lat)},{degrees(lon)},Old Street,Oldland,ol\n" for lat, lon in points)
    return "lat,lon,street,country,countrycode\n" + rows


@pytest.mark.long(20)
def test_everything_works_as_nobody(service):
    points = make_points(3000)
    service.stub(latency_ms=1)
    service.configure(gate__max_country_changed="100%", geocoder__rate=1500)
    service.start()
    assert Path(f"/proc/{service.process.pid}/status").read_text().count("CapEff:\t0000000000000000")

    service.ctl("cache", "import", "-", input=csv_of(points))
    wait_for(lambda: service.reverse(points[7]).get("address", {}).get("country") == "Oldland",
             what="the import to be served")

    service.ctl("start")
    wait_for(lambda: service.status()["points"]["answered"] > 0, what="answers")
    service.ctl("pause")
    assert service.status()["state"] == "paused"
    service.stop()
    service.start()
    assert service.status()["state"] == "paused"
    service.ctl("resume")
    service.wait_state("idle")
    assert service.status()["last_run"]["exit"] == 0
    wait_for(lambda: service.reverse(points[7])["address"]["country"].endswith("land") and
             service.reverse(points[7])["address"]["country"] != "Oldland", what="the new generation")

    service.ctl("cache", "verify", "--deep")
    service.ctl("cache", "rollback")
    service.ctl("start", "--wait")
    service.stop()
    for line in service.log.read_text().splitlines():
        assert " error " not in line, line
    service.ctl("--cache", service.cache, "cache", "import", "-", input=csv_of(points[:10]))
    assert json.loads(service.ctl("--json", "--cache", service.cache, "cache",
                                  "info").stdout)["entries"] == 10


def test_a_directory_of_somebody_else_is_told(service):
    os.chown(service.state, 0, 0)
    service.start(wait=False)
    assert service.process.wait(timeout=30) == 1
    told = service.log.read_text()
    assert "Permission denied" in told and str(service.state) in told
    assert not service.socket.exists()
