"""Network namespaces on a bridge of their own, and what can be wrong between them. Nothing outside
them is touched, and they end with the process that made them. Needs root and iptables."""

import contextlib
import ctypes
import os
import shutil
import subprocess

import pytest

from harness import wait_for

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def network_of(pid):
    return f"/proc/{pid}/ns/net"


class Namespaces:
    """One namespace for each name, 10.76.0.1 upwards, and the hub with the bridge, where a test
    itself can be. `with` ends them whatever happens."""

    def __init__(self, names):
        self.names = list(names)
        self.holders = {}

    def __enter__(self):
        for program in ("unshare", "setpriv", "ip", "iptables"):
            if shutil.which(program) is None:
                pytest.skip(f"NOT TESTED, no network namespaces here: {program} is not installed")
        if os.geteuid() != 0:
            pytest.skip("NOT TESTED, no network namespaces here: they need root")
        try:
            for name in ["hub", *self.names]:
                self.hold(name)
            self.connect()
            self.iptables(self.names[0], "-L")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for holder in self.holders.values():
            holder.kill()
            holder.wait()

    def hold(self, name):
        """A namespace lives as long as a process in it."""
        holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net",
                                   "sleep", "infinity"], stderr=subprocess.PIPE, text=True)
        self.holders[name] = holder

        def there():
            if holder.poll() is not None:
                pytest.skip(f"NOT TESTED, no network namespaces here: {holder.stderr.read()}")
            with contextlib.suppress(FileNotFoundError):
                return os.stat(network_of(holder.pid)).st_ino != os.stat(network_of("self")).st_ino
        wait_for(there, what="a network namespace")

    def connect(self):
        hub = ["link set lo up", "link add br0 type bridge", "link set br0 up",
               "addr add 10.76.0.254/24 dev br0"]
        for name in self.names:
            port = f"v{self.names.index(name)}"
            hub += [f"link add {port} type veth peer name eth0 netns {self.holders[name].pid}",
                    f"link set {port} master br0", f"link set {port} up"]
        self.ip("hub", hub)
        for name in self.names:
            self.ip(name, ["link set lo up", f"addr add {self.address(name)}/24 dev eth0",
                           "link set eth0 up"])

    def address(self, name):
        return f"10.76.0.{self.names.index(name) + 1}"

    @contextlib.contextmanager
    def inside(self, name="hub"):
        """This thread, and what it starts, is in that namespace; unix sockets are everywhere."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            self.enter(network_of(self.holders[name].pid))
            yield
        finally:
            self.enter(f"/proc/self/fd/{before}")
            os.close(before)

    def enter(self, path):
        network = os.open(path, os.O_RDONLY)
        try:
            if LIBC.setns(network, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns {path}")
        finally:
            os.close(network)

    def run(self, name, *words, **options):
        with self.inside(name):
            done = subprocess.run(words, capture_output=True, text=True, **options)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def ip(self, name, lines):
        self.run(name, "ip", "-batch", "-", input="\n".join(lines) + "\n")

    def iptables(self, name, *words):
        return self.run(name, "iptables", "-w", *words)

    # --- faults ------------------------------------------------------------------------------

    def cut(self, name, hears=False, is_heard=False, but=()):
        """Take its cable out, for both directions or one; the names in `but` stay connected."""
        for friend in but:
            self.iptables(name, "-A", "INPUT", "-s", self.address(friend), "-j", "ACCEPT")
            self.iptables(name, "-A", "OUTPUT", "-d", self.address(friend), "-j", "ACCEPT")
        if not hears:
            self.iptables(name, "-A", "INPUT", "-i", "eth0", "-j", "DROP")
        if not is_heard:
            self.iptables(name, "-A", "OUTPUT", "-o", "eth0", "-j", "DROP")

    def lose(self, share):
        """So much of all packets between any two is lost."""
        for name in self.names:
            self.iptables(name, "-A", "INPUT", "-i", "eth0", "-m", "statistic", "--mode", "random",
                          "--probability", str(share), "-j", "DROP")

    def heal(self, *names):
        for name in names or self.names:
            self.iptables(name, "-F")
