"""The units, as systemd reads them, and what stands in for the timer where cron is preferred."""

import os
import re
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "systemd"
NAMES = ["refreshd.service", "refresh.service", "refresh.timer"]
EXPOSURE = {"refreshd.service": 1.3, "refresh.service": 1.0}

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None,
                                   reason="SKIPPED: systemd-analyze is missing, the units are unchecked")


def run(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What `make install-units` puts below a prefix where the two programs are."""
    prefix = tmp_path_factory.mktemp("prefix")
    made = run("make", "-s", "-C", ROOT, "install-units", f"PREFIX={prefix}")
    assert made.returncode == 0, made.stderr
    for program in ("sbin/refreshd", "bin/refreshctl"):
        path = prefix / program
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return prefix


@needs_systemd
def test_the_units_are_in_order(installed):
    """systemd-analyze exits 0 on unknown keys, so it must say nothing."""
    units = [installed / "lib/systemd/system" / name for name in NAMES]
    checked = run("systemd-analyze", "verify", "--man=no", *units)
    assert (checked.returncode, checked.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("name", EXPOSURE)
def test_the_sandbox(installed, name):
    unit = installed / "lib/systemd/system" / name
    told = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    assert told.returncode == 0 and told.stderr == "", told.stderr
    exposure = float(re.search(r"Overall exposure level.*: ([0-9.]+)", told.stdout).group(1))
    assert exposure <= EXPOSURE[name], told.stdout


@needs_systemd
def test_the_timer_has_a_date(installed):
    text = (installed / "lib/systemd/system/refresh.timer").read_text()
    when = re.search(r"^OnCalendar=(.*)$", text, re.M).group(1)
    assert run("systemd-analyze", "calendar", when).returncode == 0
    assert "\nPersistent=yes\n" in text and "\nRandomizedDelaySec=" in text


@needs_systemd
def test_the_drop_ins_of_a_fleet(installed, tmp_path):
    """They fit the units: one command, one date, and systemd has nothing to say."""
    examples = installed / "share/doc/refreshd/examples"
    for name in NAMES:
        shutil.copy(installed / "lib/systemd/system" / name, tmp_path)
    for name in NAMES[1:]:
        folder = tmp_path / f"{name}.d"
        folder.mkdir()
        shutil.copy(examples / f"{name}.fleet.conf", folder / "fleet.conf")
    checked = run("systemd-analyze", "verify", "--man=no", *(tmp_path / name for name in NAMES))
    assert (checked.returncode, checked.stderr) == (0, "")
    service = (tmp_path / "refresh.service.d/fleet.conf").read_text()
    assert f"\nExecStart=\nExecStart={installed}/bin/refreshctl start --fleet --wait\n" in service
    timer = (tmp_path / "refresh.timer.d/fleet.conf").read_text()
    assert "\nRandomizedDelaySec=0\n" in timer and "\nPersistent=no\n" in timer


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None or os.geteuid() != 0,
                    reason="SKIPPED: systemd-sysusers is missing or this is not root")
def test_users_and_directories_are_made(installed, tmp_path):
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    for directory in ("sysusers.d", "tmpfiles.d"):
        shutil.copytree(installed / "lib" / directory, root / "usr/lib" / directory)
    made = run("systemd-sysusers", f"--root={root}")
    assert made.returncode == 0, made.stderr
    passwd = (root / "etc/passwd").read_text()
    assert re.search(r"^refreshd:.*:/var/lib/refreshd:/usr/sbin/nologin$", passwd, re.M), passwd
    made = run("systemd-tmpfiles", "--create", f"--root={root}")
    assert made.returncode == 0, made.stderr
    for path, mode in (("var/lib/refreshd/cache", 0o750), ("var/lib/refreshd/state", 0o750),
                       ("run/refreshd", 0o755)):
        assert stat.S_IMODE((root / path).stat().st_mode) == mode


def test_installed_paths_follow_the_prefix(installed):
    texts = "".join(path.read_text() for path in [
        *(installed / "lib/systemd/system").iterdir(),
        installed / "share/doc/refreshd/examples/refresh.cron"])
    assert f"ExecStart={installed}/sbin/refreshd\n" in texts
    assert f"ExecStart={installed}/bin/refreshctl start --wait\n" in texts
    assert f" {installed}/lib/refreshd/refresh-when-due " in texts
    assert not re.search(r"(?<![\w/])/usr/(sbin|lib)/refresh", texts)


# --- cron ----------------------------------------------------------------------------------


class Cron:
    """refresh-when-due with a refreshctl that does as it is told and remembers its words."""

    def __init__(self, directory):
        self.stamp = directory / "stamp"
        self.words = directory / "words"
        self.go = directory / "go"
        program = directory / "bin" / "refreshctl"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\necho "$@" >>{self.words}\necho told\n'
                           f'while [ "$WAIT" ] && [ ! -e {self.go} ]; do sleep 0.05; done\n'
                           'exit "${STATUS:-0}"\n')
        program.chmod(0o755)
        self.environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}

    def command(self, *words):
        return [str(UNITS / "refresh-when-due"), str(self.stamp), "7", *words]

    def __call__(self, *words, **environment):
        return run(*self.command(*words), env={**self.environment, **environment})

    def calls(self):
        return self.words.read_text().splitlines() if self.words.exists() else []

    def age(self, days):
        then = time.time() - days * 86400
        os.utime(self.stamp, (then, then))


@pytest.fixture
def cron(tmp_path):
    return Cron(tmp_path)


def test_cron_refreshes_when_a_week_has_passed(cron):
    assert (cron().returncode, cron.calls()) == (0, ["start --wait"])
    assert (cron().returncode, len(cron.calls())) == (0, 1)
    cron.age(6.5)
    assert (cron().returncode, len(cron.calls())) == (0, 1)
    cron.age(30)
    assert (cron("start", "--fleet", "--wait").returncode, len(cron.calls())) == (0, 2)
    assert cron.calls()[1] == "start --fleet --wait"
    assert (cron().returncode, len(cron.calls())) == (0, 2)


@pytest.mark.parametrize("status,told,again", [(0, False, False), (1, True, True), (3, True, True),
                                               (4, False, False), (5, True, False)])
def test_cron_mails_failures_and_tries_again(cron, status, told, again):
    first = cron(STATUS=str(status))
    assert first.returncode == (0 if status == 4 else status)
    assert (first.stdout == "told\n") == told
    cron()
    assert len(cron.calls()) == 1 + again


def test_cron_of_a_fleet_is_always_due(cron):
    command = [*cron.command()[:-1], "0", "start", "--fleet", "--wait"]
    for count in (1, 2):
        done = run(*command, env=cron.environment)
        assert (done.returncode, cron.calls()) == (0, ["start --fleet --wait"] * count)


def test_cron_runs_do_not_overlap(cron):
    first = subprocess.Popen(cron.command(), env={**cron.environment, "WAIT": "yes"},
                             stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while not cron.calls():
            assert time.monotonic() < end
            time.sleep(0.01)
        assert (cron().returncode, len(cron.calls())) == (0, 1)
    finally:
        cron.go.touch()
        assert first.wait(timeout=20) == 0
    cron.age(8)
    assert (cron().returncode, len(cron.calls())) == (0, 2)
