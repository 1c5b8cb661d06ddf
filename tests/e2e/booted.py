"""A Debian that really boots, for the tests of the packages: a container with a systemd of its own
and no network. Needs root, mmdebstrap and systemd-nspawn; what the machine refuses is a skip."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import BUILD, wait_for

TREE = Path(__file__).resolve().parents[2]
WHERE = BUILD / "system"
SUITE = "bookworm"


def skip(reason):
    pytest.skip(f"NOT TESTED, no systemd can be booted here: {reason}")


def require():
    """Skip where no container can be tried at all."""
    if os.geteuid() != 0:
        skip("it needs root")
    for program in ("mmdebstrap", "systemd-nspawn", "nsenter", "dpkg-buildpackage"):
        if shutil.which(program) is None:
            skip(f"{program} is not installed")


def run(*words, **options):
    """Run a command of this machine; fails with its output when it fails."""
    done = subprocess.run(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **options)
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout[-4000:]}"
    return done.stdout


def build_packages():
    """The packages of this tree by name: made when they are older than the tree."""
    run(TREE / "debian" / "build-packages.sh", BUILD)
    return {package.name.split("_")[0]: package for package in BUILD.glob("*.deb")}


def with_version(package, version, directory):
    """The package again, as of another version."""
    tree = Path(directory) / "repack"
    run("dpkg-deb", "-R", package, tree)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*", f"Version: {version}", control.read_text()))
    target = Path(directory) / f"{package.name.split('_')[0]}_{version}.deb"
    run("dpkg-deb", "--root-owner-group", "-b", tree, target)
    shutil.rmtree(tree)
    return target


def dependencies(packages):
    """The names of the packages that these depend on and are not."""
    names = set()
    for package in packages.values():
        for item in run("dpkg-deb", "-f", package, "Pre-Depends", "Depends").splitlines():
            for alternatives in item.split(":", 1)[1].split(","):
                names.add(re.match(r"\s*([a-z0-9.+-]+)", alternatives).group(1))
    return sorted(names - set(packages))


def package_sources():
    """Arguments that make mmdebstrap ask whom this machine asks for packages of that Debian."""
    of_suite = re.compile(rf"(?<![-\w]){SUITE}(?:-updates|-security)?(?![-\w])")
    files = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.list"),
             *Path("/etc/apt/sources.list.d").glob("*.sources")]
    mirrors = [file for file in files if file.exists() and of_suite.search(file.read_text())]
    proxies = run("apt-config", "dump", "Acquire::http::Proxy", "Acquire::https::Proxy")
    return [SUITE, WHERE / "root", *mirrors], [f"--aptopt={line}" for line in proxies.splitlines()]


def make_root(packages):
    """A root with what the packages need and without them; kept for the next test."""
    root = WHERE / "root"
    wanted = ",".join(["systemd", "systemd-sysv", "dbus", *dependencies(packages)])
    made = WHERE / "made-of"
    if made.exists() and made.read_text() == wanted:
        return root
    made.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    WHERE.mkdir(parents=True, exist_ok=True)
    log = WHERE / "mmdebstrap.log"
    what, how = package_sources()
    with open(log, "w") as out:
        status = subprocess.call(["mmdebstrap", "--variant=minbase", f"--include={wanted}", *how, *what],
                                 stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    if status != 0:
        skip(f"mmdebstrap failed: {log.read_text().strip().splitlines()[-1:]}, the log is {log}")
    made.write_text(wanted)
    return root


def cgroups():
    """The control groups that systemd-nspawn makes in this process's: one container's at a time."""
    mine = {line.rstrip("\n").split(":", 2)[2] for line in open("/proc/self/cgroup")}
    return {Path(base + group) / name
            for base in ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")
            for group in mine for name in ("payload", "supervisor")
            if (Path(base + group) / name).is_dir()}


def remove_cgroup(group):
    for directory, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(directory)


class Machine:
    """One booted container on a copy of the root; `with` ends it whatever happens."""

    def __init__(self, root):
        self.lock = open("/tmp/refreshd-system-test.lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        for killed in WHERE.glob("machine-*"):
            shutil.rmtree(killed)
        self.cgroups_before = cgroups()
        self.directory = Path(tempfile.mkdtemp(prefix="machine-", dir=WHERE))
        self.root = self.directory / "root"
        self.console = self.directory / "console"
        self.nspawn = None
        self.leader = None  # process 1 of the container, as this machine numbers it
        run("cp", "-a", "--reflink=auto", root, self.root)

    def __enter__(self):
        try:
            self.boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.leader:
            os.kill(self.leader, signal.SIGKILL)  # and with it all of its processes
        if self.nspawn:
            try:
                self.nspawn.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait()
        for group in cgroups() - self.cgroups_before:
            remove_cgroup(group)
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()
                   if line.split()[1].startswith(str(self.directory))]
        assert not mounted, mounted
        shutil.rmtree(self.directory)
        self.lock.close()

    def boot(self):
        with open(self.console, "wb") as console:
            self.nspawn = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM",  # when the tests are killed, too
                 "systemd-nspawn", "-q", "-D", self.root, "--boot", "--register=no", "--keep-unit",
                 "--private-network"], stdin=subprocess.DEVNULL, stdout=console, stderr=console)

        def booted():
            if self.nspawn.poll() is not None:
                return "ended"
            if self.leader is None:
                self.leader = self.find_leader()
            state = self.leader and self.call("systemctl", "is-system-running")[1].strip()
            return state if state in ("running", "degraded") else None

        try:
            state = wait_for(booted, seconds=60, what="the container to boot", every=0.1)
        except AssertionError:
            state = "has not booted after 60 s"
        if state not in ("running", "degraded"):
            self.leader = None if state == "ended" else self.leader
            skip(f"systemd-nspawn {state}: {self.console.read_text(errors='replace')[-500:]!r}")

    def find_leader(self):
        children = Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text()
        for child in map(int, children.split()):
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return child
        return None

    def call(self, *words, user=None, **options):
        """Run a command in the container: its exit status, and all that it said."""
        enter = ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-r", "-w",
                 "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TERM=dumb",
                 "DEBIAN_FRONTEND=noninteractive"]
        as_user = ["runuser", "-u", user, "--"] if user else []
        done = subprocess.run([*enter, *as_user, *map(str, words)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120, **options)
        return done.returncode, done.stdout

    def do(self, *words, **options):
        """Run a command in the container that must succeed; what it said."""
        status, said = self.call(*words, **options)
        assert status == 0, f"{words}: {status}\n{said}\n{self.journal()}"
        return said

    def write(self, path, text):
        """Put a file into the container, in a new directory if need be."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def bring(self, *files):
        """Copy files to / of the container; their paths there."""
        return ["/" + shutil.copy(file, self.root).rsplit("/", 1)[1] for file in map(str, files)]

    def show(self, unit, name):
        """A property of a unit."""
        return self.do("systemctl", "show", "--value", "-p", name, unit).strip()

    def journal(self, *units):
        """What these units said, and systemd about them."""
        which = [word for unit in units or ("refreshd", "refresh.service") for word in ("-u", unit)]
        return self.call("journalctl", "-q", "--no-pager", "-o", "short-monotonic", *which)[1]
