"""libgeocache as other programs get it: installed, found by pkg-config, linked both ways, used
through a hundred switches."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness import BUILD, REFRESHCTL, degrees, make_points, write_csv

SOURCE = Path(__file__).resolve().parents[2]
CLIENT = Path(__file__).with_name("library_client.c")
SWITCHES = 100
STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror"]
C = ["cc", "-std=c99", "-D_POSIX_C_SOURCE=200809L", *STRICT]
CXX = ["g++", "-std=c++11", "-x", "c++", *STRICT]


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            timeout=600, **options)
    assert result.returncode == 0, f"{command}: {result.stdout[-2000:]}{result.stderr[-3000:]}"
    return result.stdout


class Installed:
    """`make install` into a directory of one's own."""

    def __init__(self, root):
        self.root = root
        self.lib = root / "usr/lib"
        self.header = root / "usr/include/geocache.h"
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.startswith("MAKE") and key != "MFLAGS"}
        run("make", "-C", SOURCE, "install", f"BUILD={BUILD}", f"DESTDIR={root}", "PREFIX=/usr",
            env=self.environment)
        self.environment["PKG_CONFIG_PATH"] = str(self.lib / "pkgconfig")
        self.environment["LD_LIBRARY_PATH"] = str(self.lib)

    def flags(self, *options):
        sysroot = {"PKG_CONFIG_SYSROOT_DIR": str(self.root)}
        return run("pkg-config", *options, "--cflags", "--libs", "libgeocache",
                   env=self.environment | sysroot).split()

    def compile(self, compiler, source, program, static):
        how = self.flags("--static") if static else self.flags()
        if static:
            how[how.index("-lgeocache")] = "-l:libgeocache.a"
        # The language of -x is that of the source alone, not of the libraries.
        run(*compiler, source, "-x", "none", "-o", program, *how, "-pthread")
        assert ("libgeocache" in run("readelf", "-d", program)) == (not static)
        return program

    def declared(self):
        return set(re.findall(r"\b(geocache_\w+)\(\w", re.sub(
            r"/\*.*?\*/", "", self.header.read_text(), flags=re.S)))


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("installed"))


class Cache:
    def __init__(self, root):
        self.root = root
        self.directory = root / "cache"
        self.points = make_points(300, clusters=2)
        self.list = root / "points"
        self.list.write_text("".join(f"{lat} {lon}\n" for lat, lon in self.points))
        self.generation = 0

    def publish(self):
        self.generation += 1
        rows = self.root / "rows.csv"
        write_csv(rows, self.points, street=f"Street {self.generation}")
        run(REFRESHCTL, "--cache", self.directory, "cache", "import", rows)


@pytest.fixture
def cache(tmp_path):
    cache = Cache(tmp_path)
    cache.publish()
    return cache


def test_installed_files(installed):
    version = re.findall(r"define GEOCACHE_VERSION_\w+ (\d+)", installed.header.read_text())
    real = f"libgeocache.so.{'.'.join(version)}"
    assert os.readlink(installed.lib / "libgeocache.so") == f"libgeocache.so.{version[0]}"
    assert os.readlink(installed.lib / f"libgeocache.so.{version[0]}") == real
    assert (installed.lib / real).is_file()
    assert (installed.root / "usr/share/man/man3/libgeocache.3").is_file()
    assert run("pkg-config", "--modversion", "libgeocache",
               env=installed.environment).strip() == ".".join(version)
    assert "-lcjson" not in installed.flags(), "needed by the library, not by its users"
    assert "-lcjson" in installed.flags("--static")


def test_only_what_is_public_is_exported(installed):
    shared = installed.lib / "libgeocache.so"
    dynamic = run("nm", "-D", "--defined-only", "--without-symbol-versions", shared).split("\n")
    exported = {line.split()[2] for line in dynamic if line and line.split()[1] != "A"}
    assert exported == installed.declared()
    static = run("nm", "-g", "--defined-only", installed.lib / "libgeocache.a").split("\n")
    assert {line.split()[2] for line in static if len(line.split()) == 3} == exported
    section = run("readelf", "-d", shared)
    assert "SONAME" in section and "[libgeocache.so.1]" in section
    needed = set(re.findall(r"NEEDED.*\[(.*?)\.so", section))
    assert needed <= {"libxxhash", "libcjson", "libm", "libc"}, "no curl, no libuv, no LMDB"


@pytest.mark.parametrize("compiler", [C, CXX], ids=["c99", "c++11"])
def test_the_header_stands_alone(installed, tmp_path, compiler):
    source = tmp_path / "alone.c"
    source.write_text("#include <geocache.h>\n#include <geocache.h>\n"
                      "int main(void) { return geocache_version() == NULL; }\n")
    run(*compiler, "-fsyntax-only", "-I", installed.header.parent, source)


def test_the_manual_names_every_function(installed):
    manual = (installed.root / "usr/share/man/man3/libgeocache.3").read_text()
    for name in installed.declared():
        assert f".Nm {name}" in manual and f".Fn {name}" in manual, name


def test_the_example_of_the_manual(installed, cache, tmp_path):
    manual = (SOURCE / "geocache/libgeocache.3").read_text()
    source = tmp_path / "example.c"
    source.write_text(re.search(r"\.Bd -literal\n(.*?)\n\.Ed", manual, re.S)[1].replace(r"\e", "\\"))
    program = installed.compile(C, source, tmp_path / "example", static=False)
    lat, lon = cache.points[0]
    out = run(program, cache.directory, degrees(lat), degrees(lon), env=installed.environment)
    assert out.startswith("0.0 m: 1 Street 1, Oldland\n")
    assert "  street = Street 1\n" in out
    miss = subprocess.run([program, cache.directory, "-80", "0"], env=installed.environment,
                          capture_output=True, text=True)
    assert (miss.returncode, miss.stdout) == (1, "nothing within 100 m\n")


@pytest.mark.long(15)
@pytest.mark.parametrize("static", [False, True], ids=["shared", "static"])
@pytest.mark.parametrize("compiler", [C, CXX], ids=["c99", "c++11"])
def test_a_hundred_switches(installed, cache, tmp_path, compiler, static):
    """All of them for C with the shared library, a quarter for the other ways to build."""
    switches = SWITCHES if (compiler, static) == (C, False) else SWITCHES // 4
    program = installed.compile(compiler, CLIENT, tmp_path / "client", static)
    with subprocess.Popen([program, cache.directory, cache.list, "3"], text=True,
                          env=installed.environment, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
        try:
            for _ in range(switches):
                cache.publish()
                client.stdin.write(f"{cache.generation}\n")
                client.stdin.flush()
                assert client.stdout.readline() == f"{cache.generation}\n"
            client.stdin.close()
            lookups, errors, seen = map(int, client.stdout.read().split())
            assert errors == 0, client.stderr.read()
            assert client.wait(timeout=60) == 0
            assert lookups > 10000
            assert seen > switches // 4, "every thread follows"
        finally:
            client.kill()
