"""The life of an installation, in a Debian that really boots: the packages are installed, refreshd
runs in its sandbox under systemd, is killed by the watchdog, reloaded, stopped, upgraded and purged."""

import json
import time

import pytest

from booted import Machine, build_packages, make_root, require, with_version
from harness import make_points, wait_for, write_csv

POINTS = 3000
NEWER = "99.0"
CONFIG = """\
[geocoder]
rate = {rate}
[gate]
max_country_changed = 100%
max_lost = 100%
max_changed = 100%
"""


class Installed:
    """refreshd in a booted machine."""

    def __init__(self, machine):
        self.machine = machine
        self.do = machine.do
        self.points = POINTS  # in the cache, learned ones included

    def status(self):
        code, said = self.machine.call("refreshctl", "--json", "status")
        return json.loads(said) if code == 0 else None

    def wait_status(self, condition, what, seconds=30):
        def look():
            status = self.status()
            return status if status and condition(status) else None
        return wait_for(look, seconds, what, every=0.1)

    def configure(self, rate, by="restart"):
        self.machine.write("/etc/refreshd/refreshd.conf", CONFIG.format(rate=rate))
        self.do("systemctl", by, "refreshd")

    def pid(self):
        return int(self.machine.show("refreshd", "MainPID"))

    def mid_run(self):
        """Wait until a run has got some answers; its status."""
        return self.wait_status(lambda s: s["state"] == "refreshing" and s["points"]["answered"] > 20,
                                "a run that has answers")

    def goes_on(self, before, seconds=30):
        """The same run goes on, with the answers that it had."""
        after = self.wait_status(lambda s: s["state"] == "refreshing" and
                                 s["points"]["answered"] > before["points"]["answered"],
                                 "the run to go on", seconds)
        assert after["run"] == before["run"]
        return after

    def finish(self, before, seconds=60):
        """Let the run go at full speed; it ends and is published."""
        self.configure(rate=0, by="reload")
        after = self.wait_status(lambda s: s["state"] == "idle", "the run to end", seconds)
        last = after["last_run"]
        assert (last["run"], last["result"]) == (before["run"], "published"), last
        assert last["points"]["answered"] == self.points
        assert after["generation"] == before["generation"] + 1
        return after


@pytest.fixture
def system():
    require()
    packages = build_packages()
    with Machine(make_root(packages)) as machine:
        yield Installed(machine), packages


@pytest.mark.long(120)
def test_life_of_an_installation(system):
    installed, packages = system
    install(installed, packages)
    first_refresh(installed)
    serve(installed)
    key(installed)
    watchdog(installed)
    stop_and_start(installed)
    upgrade_mid_run(installed, packages)
    remove_and_install_again(installed, packages)
    purge(installed)


def install(installed, packages):
    """All packages install; refreshd runs as its own user, and nothing is refreshed yet."""
    machine = installed.machine
    machine.do("dpkg", "-i", *machine.bring(*packages.values()))
    assert machine.show("refreshd", "ActiveState") == "active", machine.journal("refreshd")
    assert machine.show("refreshd", "UnitFileState") == "enabled"
    assert machine.show("refresh.timer", "UnitFileState") == "disabled"
    for unit in ("refresh.timer", "refresh.service"):
        assert machine.show(unit, "ActiveState") == "inactive"
    assert machine.do("stat", "-c", "%U", f"/proc/{installed.pid()}").strip() == "refreshd"
    assert machine.do("stat", "-c", "%U %a", "/var/lib/refreshd").split() == ["refreshd", "750"]
    status = installed.status()
    assert (status["state"], status["points"]["total"]) == ("idle", 0)
    assert machine.do("dpkg", "--verify") == ""


def first_refresh(installed):
    """Own data of a user are imported and refreshed, under the sandbox."""
    write_csv(installed.machine.root / "root" / "places.csv", make_points(POINTS))
    installed.do("refreshctl", "cache", "import", "/root/places.csv")
    installed.configure(rate=0)
    installed.do("refreshctl", "start", "--wait")
    exported = installed.do("refreshctl", "cache", "export", user="refreshd").splitlines()
    assert len(exported) == POINTS + 1 and "Oldland" not in "".join(exported)


def serve(installed):
    """The sandbox lets lookups be served and points be learned; the journal has the events as fields."""
    machine = installed.machine
    machine.write("/etc/refreshd/refreshd.conf",
                  CONFIG.format(rate=0) + "[lookup]\nradius = 1m\non_miss = fetch\n")
    machine.do("systemctl", "restart", "refreshd")
    assert " 200 OK" in get(machine, "/metrics")
    assert '"display_name"' in get(machine, "/reverse?lat=48.8566&lon=2.3522")
    assert installed.status()["learned"]["entries"] == 1
    installed.points += 1
    run = installed.status()["last_run"]["run"]
    said = machine.do("journalctl", "-q", "-o", "json", "-u", "refreshd", f"REFRESHD_RUN={run}")
    events = {json.loads(line).get("REFRESHD_EVENT") for line in said.splitlines()}
    assert {"run_started", "stage_started", "stage_finished", "run_published"} <= events


def get(machine, path):
    """What refreshd answers to a request from inside the machine."""
    return machine.do("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8576; printf 'GET %s HTTP/1.0\\r\\n\\r\\n' "
                      "\"$1\" >&3; cat <&3", "bash", path)


def key(installed):
    """A geocoder's key is a credential, which only systemd can read; without it nothing starts."""
    machine = installed.machine
    drop_in = "/etc/systemd/system/refreshd.service.d/key.conf"
    machine.write("/etc/refreshd/refreshd.conf", CONFIG.format(rate=0) + "[geocoder]\nprovider = opencage\n")
    assert machine.call("systemctl", "restart", "refreshd")[0] != 0
    assert "geocoder-key" in machine.journal("refreshd")
    machine.write("/etc/refreshd/key", "s3cret-k3y\n")
    machine.do("chmod", "600", "/etc/refreshd/key")
    machine.write(drop_in, "[Service]\nLoadCredential=geocoder-key:/etc/refreshd/key\n")
    machine.do("systemctl", "daemon-reload")
    machine.do("systemctl", "reset-failed", "refreshd")
    machine.do("systemctl", "start", "refreshd")
    assert installed.wait_status(lambda s: True, "refreshd to answer")["state"] == "idle"
    assert "s3cret-k3y" not in machine.journal("refreshd")
    machine.do("rm", "-r", "/etc/systemd/system/refreshd.service.d", "/etc/refreshd/key")
    machine.do("systemctl", "daemon-reload")


def watchdog(installed):
    """A refreshd that stands still is killed and started again, and the run goes on."""
    machine = installed.machine
    machine.write("/etc/systemd/system/refreshd.service.d/watchdog.conf",
                  "[Service]\nWatchdogSec=4s\nRestartSec=100ms\n")
    machine.do("systemctl", "daemon-reload")
    installed.configure(rate=50)
    machine.do("refreshctl", "start")
    before = installed.mid_run()
    pid = installed.pid()
    machine.do("kill", "-STOP", pid)
    wait_for(lambda: installed.pid() not in (0, pid), 40, "the watchdog to start refreshd again", 0.2)
    assert "Watchdog timeout" in machine.journal("refreshd")
    assert machine.show("refreshd", "NRestarts") == "1"
    installed.goes_on(before)
    installed.finish(before)  # a reload with another rate: 3000 points at 50 a second take a minute
    machine.do("rm", "-r", "/etc/systemd/system/refreshd.service.d")
    machine.do("systemctl", "daemon-reload")


def stop_and_start(installed):
    """A stop ends cleanly within 10 s; the run goes on when refreshd starts again."""
    machine = installed.machine
    installed.configure(rate=50)
    machine.do("refreshctl", "start")
    before = installed.mid_run()
    began = time.monotonic()
    machine.do("systemctl", "stop", "refreshd")
    assert time.monotonic() - began < 10
    assert machine.show("refreshd", "Result") == "success"
    assert machine.call("refreshctl", "status")[0] == 3
    machine.do("systemctl", "start", "refreshd")
    installed.goes_on(before)
    installed.finish(before)


def upgrade_mid_run(installed, packages):
    """The timer fires a run; refreshd is upgraded meanwhile; the run and its unit end well."""
    machine = installed.machine
    installed.configure(rate=50)
    machine.write("/etc/systemd/system/refresh.timer.d/now.conf",
                  "[Timer]\nOnCalendar=\nOnActiveSec=1s\nRandomizedDelaySec=0\nAccuracySec=100ms\n")
    machine.do("systemctl", "daemon-reload")
    machine.do("systemctl", "start", "refresh.timer")
    before = installed.mid_run()
    pid = installed.pid()
    newer = with_version(packages["refreshd"], NEWER, machine.directory)
    machine.do("dpkg", "-i", *machine.bring(newer))
    assert machine.do("dpkg-query", "-Wf", "${Version}", "refreshd") == NEWER
    assert installed.pid() not in (0, pid)
    assert "rate = 50" in machine.do("cat", "/etc/refreshd/refreshd.conf")
    assert machine.show("refresh.service", "ActiveState") == "activating"
    installed.goes_on(before)
    installed.finish(before)
    wait_for(lambda: machine.show("refresh.service", "ActiveState") != "activating", 10,
             "refresh.service to end")
    assert machine.show("refresh.service", "Result") == "success", machine.journal("refresh")
    assert before["run"] in machine.journal("refresh.service")


def remove_and_install_again(installed, packages):
    """A removal stops everything and leaves cache and configuration; a downgrade finds them."""
    machine = installed.machine
    generation = installed.status()["generation"]
    machine.do("dpkg", "-r", "refreshd")
    assert machine.call("systemctl", "is-active", "refreshd", "refresh.timer")[1].split() == [
        "inactive", "inactive"]
    machine.do("test", "-e", "/var/lib/refreshd/cache/MANIFEST")
    machine.do("dpkg", "-i", *machine.bring(packages["refreshd"]))
    assert installed.wait_status(lambda s: True, "refreshd to answer")["generation"] == generation
    assert "rate = 0" in machine.do("cat", "/etc/refreshd/refreshd.conf")
    machine.do("refreshctl", "cache", "verify", "--deep")


def purge(installed):
    """A purge asks nothing, takes what is the package's, and says what it leaves."""
    machine = installed.machine
    machine.write("/etc/refreshd/geocoder.key", "secret\n")
    said = machine.do("dpkg", "--purge", "refreshd", "libgeocache-dev", "libgeocache1")
    assert "removing the cache and the state in /var/lib/refreshd" in said
    assert "leaving in /etc/refreshd: geocoder.key" in said
    for gone in ("/var/lib/refreshd", "/run/refreshd", "/etc/refreshd/refreshd.conf",
                 "/usr/lib/refreshd", "/usr/share/doc/refreshd", "/usr/include/geocache.h"):
        assert machine.call("test", "-e", gone)[0] == 1, gone
    machine.do("test", "-e", "/etc/refreshd/geocoder.key")
    links = machine.do("find", "/etc/systemd/system", "-lname", "*refresh*")
    assert links == "", links
    assert "refresh" not in machine.do("systemctl", "list-units", "--all", "--plain", "refresh*",
                                       "--no-legend")
