"""Manuals, --help, completions and suggestions say what the programs do."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from harness import BUILD, REFRESHCTL

ROOT = Path(__file__).resolve().parents[2]
REFRESHD = BUILD / "refreshd"
PAGES = {"refreshd.8": BUILD / "man/refreshd.8", "refreshctl.8": BUILD / "man/refreshctl.8",
         "refreshd.conf.5": BUILD / "man/refreshd.conf.5",
         "libgeocache.3": ROOT / "geocache/libgeocache.3"}
COMMANDS = ["start", "pause", "resume", "cancel", "set", "publish", "status", "peers", "runs", "failures",
            "report", "query", "lookup", "cache import", "cache export", "cache verify", "cache info",
            "cache generations", "cache rollback"]
ELSEWHERE = {"systemd 1", "fork 2"}  # manuals of others that ours refer to


def run(*words, **options):
    return subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=120, **options)


def ctl(*words):
    return run(REFRESHCTL, *words)


def page(name):
    """A manual as mdoc, its escapes for - and \\ undone."""
    return PAGES[name].read_text().replace("\\-", "-").replace("\\e", "\\").replace("\\&", "")


def shown(text):
    """Text of a manual without its changes of font, in one line."""
    return " ".join(re.sub(r"\\f[BR]", "", text).split())


def subsections(name):
    """The text of each .Ss of a page by its title."""
    parts = re.split(r"(?m)^\.S[sh] (.*)\n", page(name))
    return dict(zip(parts[1::2], parts[2::2]))


def words_of(command):
    """Options and settings of a command as its --help lists them, with what stands for a value."""
    text = ctl(*command.split(), "--help").stdout
    return re.findall(r"(?m)^  (--[a-z-]+|[a-z_]+=)(?: ?(\S+))?  ", text)


def keys():
    """Every (section, key, default): what --check-config prints without a file."""
    section, found = "", []
    for line in run(REFRESHD, "--config", "/dev/null", "--check-config").stdout.splitlines():
        if line.startswith("["):
            section = line[1:-1]
        elif "=" in line:
            name, value = (part.strip() for part in line.split("=", 1))
            found.append((section, name, value))
    assert len(found) > 40
    return found


def is_good_config(tmp_path, text):
    path = tmp_path / "tried.conf"
    path.write_text(text)
    checked = run(REFRESHD, "--config", path, "--check-config")
    assert checked.returncode == 0, checked.stderr
    return checked.stdout


def test_every_key_is_in_the_manual():
    sections = subsections("refreshd.conf.5")
    for section, name, value in keys():
        items = dict(re.findall(r"(?ms)^\.It Ic (\S+)\n(.*?)(?=^\.It|^\.El)", sections[f"[{section}]"]))
        if (section, name) == ("peers", "name"):
            value = ""  # the host's
        assert f"default: {value or 'empty'}" in shown(items[name]), f"[{section}] {name}"


def test_the_example_file_is_good(tmp_path):
    text = (BUILD / "refreshd.conf.example").read_text()
    defaults = run(REFRESHD, "--config", "/dev/null", "--check-config").stdout
    assert is_good_config(tmp_path, text) == defaults
    spoken = re.sub(r"(?m)^;", "", text)
    assert is_good_config(tmp_path, spoken) == defaults
    for section, name, _ in keys():
        assert re.search(rf"(?m)^;{name} =", text), f"[{section}] {name}"


def test_examples_of_the_config_manual_are_good(tmp_path):
    examples = re.findall(r"(?ms)^\.Bd -literal[^\n]*\n(.*?)^\.Ed", page("refreshd.conf.5"))
    assert examples
    for example in examples:
        checked = is_good_config(tmp_path, example)
        assert "nominatim" in checked or "moved_far" in checked


@pytest.mark.parametrize("name", PAGES)
def test_manuals_have_no_warnings(name):
    lint = run("mandoc", "-T", "lint", PAGES[name])
    told = [line for line in (lint.stdout + lint.stderr).splitlines()
            if "referenced manual not found" not in line and "outdated mandoc.db" not in line]
    assert told == []
    man = run("man", "--warnings", "-l", PAGES[name], env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert man.returncode == 0 and man.stderr == ""


def test_references_between_manuals_exist():
    for name in PAGES:
        for title, section in re.findall(r"(?m)^\.Xr (\S+) (\d)", page(name)):
            known = f"{title}.{section}" in PAGES or f"{title} {section}" in ELSEWHERE
            assert known, f"{name} refers to {title}({section})"


def test_every_command_has_help_and_is_in_the_manual():
    overview = ctl("--help").stdout
    listed = re.findall(r"(?m)^  ([a-z]+(?: [a-z]+)?)  +[A-Z]", overview)
    assert listed == COMMANDS
    sections = subsections("refreshctl.8")
    for command in COMMANDS:
        help_text = ctl(*command.split(), "--help")
        assert help_text.returncode == 0
        assert help_text.stdout.startswith(f"Usage: refreshctl {command}")
        assert "\nExample: refreshctl " in help_text.stdout and "Exit status:" in help_text.stdout
        assert all(len(line) <= 100 for line in help_text.stdout.splitlines())
        for word, value in words_of(command):
            form = f"Cm {word} Ns" if word.endswith("=") else f"Fl {word[1:]}"
            assert f".It {form}{' Ar ' + value if value else ''}\n" in sections[command], word
    for word, _ in words_of(""):
        assert f".It Fl {word[1:]}" in page("refreshctl.8"), word


def test_options_of_refreshd_are_in_its_manual():
    text = run(REFRESHD, "--help").stdout
    options = re.findall(r"(?m)^  --([a-z-]+)", text)
    assert options == ["config", "check-config", "version", "help"]
    for option in options:
        assert f"\n.It Fl -{option}" in page("refreshd.8") and f"\n.Op Fl -{option}" in page("refreshd.8")


def is_understood(line, tmp_path):
    """Whether refreshctl takes a line as a command; there is neither a daemon nor a cache."""
    words = shlex.split(line, comments=True)
    for at, word in enumerate(words):
        if word in ("|", "||", "&&", "&") or re.match(r"[0-9]?[<>]", word):
            words = words[:at]
            break
    while words[0] in ("sudo", "-u", "refreshd", "$"):
        words = words[1:]
    tried = run(REFRESHCTL, "--socket", tmp_path / "none", "--cache", tmp_path / "none", *words[1:],
                cwd=tmp_path, input="")
    return tried.returncode != 2, tried.stderr


def examples():
    for command in COMMANDS:
        yield ctl(*command.split(), "--help").stdout.split("Example: ")[1].strip()
    for name in ("refreshctl.8", "refreshd.conf.5", "refreshd.8"):
        yield from re.findall(r"(?m)^\.Dl (refreshctl .*)", page(name))
    for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        text = path.read_text()
        yield from re.findall(r"(?m)^    (?:\$ )?((?:sudo )?(?:-u refreshd )?refreshctl .*)", text)
        for words in re.findall(r"`(refreshctl [^`]+)`", text):
            if words.removeprefix("refreshctl ") not in COMMANDS:  # a command's name is no example
                yield words


def test_examples_are_understood(tmp_path):
    lines = list(examples())
    assert len(lines) > 40
    for line in lines:
        if "COMMAND" in line or "..." in line:
            continue
        line = re.sub(r"\bRUN\b", "20261121T020000Z-1f3a", line)
        line = re.sub(r"\bN\b", "7", line)  # a generation
        understood, why = is_understood(re.sub(r"\[[^]]*\]", "", line), tmp_path)
        assert understood, f"{line}: {why}"


@pytest.mark.parametrize("typed, meant", [
    ("staus", "status"), ("strat", "start"), ("lokup 1 2", "lookup"), ("cache improt x", "cache import"),
    ("cahce info", "cache info"), ("verify", "cache verify"), ("cache rollbak", "cache rollback"),
    ("start --wiat", "--wait"), ("start --older 3d", "--older-than"), ("start --rte=5", "--rate"),
    ("cache export --fromat csv", "--format"), ("--jsn status", "--json"), ("--cahce x cache info", "--cache"),
    ("set rte=5", "rate="), ("status --wtach", "--watch"), ("status --hlep", "--help")])
def test_a_typo_is_told_what_it_meant(typed, meant):
    tried = ctl(*typed.split())
    assert tried.returncode == 2
    assert tried.stderr.endswith(f"did you mean {meant}?\n"), tried.stderr
    assert tried.stderr.count("\n") == 1


def test_words_that_mean_nothing_are_told_where_to_look():
    for typed in ("frobnicate", "cache", "cache frobnicate", "status --frobnicate"):
        tried = ctl(*typed.split())
        assert tried.returncode == 2 and "--help" in tried.stderr, typed
    assert "before the command" in ctl("status", "--cache", "x").stderr


def expected(line):
    """What a line should be completed by, out of --help; the last word is what is typed so far."""
    known = {"refreshctl ": {command.split()[0] for command in COMMANDS},
             "refreshctl cache ": {command.split()[1] for command in COMMANDS if " " in command},
             "refreshctl --": {word for word, _ in words_of("")} | {"--version", "--help"}}
    for command in COMMANDS:
        words = words_of(command)
        known[f"refreshctl {command} --"] = ({word for word, _ in words if word.startswith("--")} |
                                             {"--json", "--help"})
        for word, value in words:
            if value and value == value.lower() and not word.endswith("="):
                known[f"refreshctl {command} {word} "] = set(value.split("/"))
    known["refreshctl set "] = {word for word, _ in words_of("set")}
    known["refreshctl st"] = {"start", "status"}
    known["refreshctl cache import pl"] = {"places.csv"}
    known["refreshctl --cache none cache import pl"] = {"places.csv"}
    known["refreshctl start --rate "] = set()
    return known if line is None else known[line]


@pytest.fixture
def places(tmp_path):
    (tmp_path / "places.csv").write_text("lat,lon\n1,2\n3,4\n")
    cache = tmp_path / "cache"
    assert run(REFRESHCTL, "--cache", cache, "cache", "import", tmp_path / "places.csv").returncode == 0
    return tmp_path


def with_path():
    return {**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}", "HOME": "/nonexistent", "TERM": "dumb"}


BASH = r"""
. /usr/share/bash-completion/bash_completion
_completion_loader refreshctl
for COMP_LINE in "$@"; do
    COMP_POINT=${#COMP_LINE}
    read -ra COMP_WORDS <<<"$COMP_LINE"
    [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    _refreshctl refreshctl
    echo "$COMP_LINE"
    ((${#COMPREPLY[@]} == 0)) || printf '+%s\n' "${COMPREPLY[@]}"
done
"""


def offers(output):
    found, line = {}, None
    for row in output.splitlines():
        if row.startswith("+"):
            found[line].add(row[1:])
        else:
            line = row
            found[line] = set()
    return found


def complete_bash(lines, places):
    """As bash-completion finds it when the user types the name for the first time."""
    own = places / "bash-completion" / "completions"
    own.mkdir(parents=True, exist_ok=True)
    (own / "refreshctl").write_bytes((BUILD / "completions/refreshctl").read_bytes())
    env = {**with_path(), "BASH_COMPLETION_USER_DIR": str(places / "bash-completion")}
    told = run("bash", "--norc", "-c", BASH, "bash", *lines, env=env, cwd=places)
    wrong = [line for line in told.stderr.splitlines() if "compopt: not currently" not in line]
    assert wrong == [], told.stderr
    return offers(told.stdout)


def complete_zsh(lines, places):
    told = run("zsh", "-f", ROOT / "tests/e2e/zsh_complete.zsh", BUILD / "completions", *lines,
               env=with_path(), cwd=places)
    assert told.returncode == 0 and told.stderr == ""
    return offers(told.stdout)


@pytest.mark.parametrize("complete", [complete_bash, complete_zsh])
def test_completion_offers_what_help_lists(complete, places):
    known = expected(None)
    found = complete(list(known), places)
    assert found == known


@pytest.mark.parametrize("complete", [complete_bash, complete_zsh])
def test_completion_offers_the_generations_of_the_cache_named(complete, places):
    line = f"refreshctl --cache {places / 'cache'} cache rollback "
    assert complete([line], places)[line] == {"1"}


def test_install_puts_all_in_place_and_keeps_a_configuration(tmp_path):
    build = ["make", "-s", "-C", ROOT, "install", f"BUILD={BUILD}", f"DESTDIR={tmp_path}", "PREFIX=/usr"]
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith("MAKE") and key != "MFLAGS"}
    first = run(*build, env=clean)
    assert first.returncode == 0, first.stderr
    for path in ("share/man/man8/refreshd.8", "share/man/man8/refreshctl.8",
                 "share/man/man5/refreshd.conf.5", "share/man/man3/libgeocache.3",
                 "share/doc/refreshd/refreshd.conf.example", "share/doc/refreshd/OPERATIONS.md",
                 "share/doc/refreshd/examples/alerts.yml",
                 "share/doc/refreshd/examples/refreshd-dashboard.json",
                 "share/bash-completion/completions/refreshctl",
                 "share/zsh/site-functions/_refreshctl"):
        assert (tmp_path / "usr" / path).is_file(), path
    config = tmp_path / "etc/refreshd/refreshd.conf"
    assert config.read_text() == (BUILD / "refreshd.conf.example").read_text()
    config.write_text("[refresh]\nworkers = 2\n")
    assert run(*build, env=clean).returncode == 0
    assert config.read_text() == "[refresh]\nworkers = 2\n", "what the administrator wrote stays"
