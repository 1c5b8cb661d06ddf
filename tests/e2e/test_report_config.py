"""The section [report] as operators meet it: what is wrong is named by file, line and column, at a start, a
check and a reload; and docs/REPORTS.md, whose tables and fields are those of the program."""

import re
import signal
import subprocess
from pathlib import Path

from harness import REFRESHD, SLOW, Refreshd, make_points, wait_for

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "REPORTS.md").read_text()


def check(path):
    return subprocess.run([REFRESHD, "--config", path, "--check-config"], capture_output=True,
                          text=True, timeout=60 * SLOW)


def test_a_wrong_table_is_named_with_file_line_and_column(tmp_path):
    path = tmp_path / "x.conf"
    path.write_text('[cache]\n[report]\n# é\na = count when city == "é ; é"   ; fine\n  b = smu of 1\n')
    for words in (["--check-config"], []):
        told = subprocess.run([REFRESHD, "--config", path, *words], capture_output=True, text=True,
                              timeout=60 * SLOW)
        assert told.returncode == 2
        assert f'{path} line 5: column 7: found "smu", did you mean "sum"?' in told.stderr.replace("\\", "")
        assert len(told.stderr.splitlines()) == 1


def test_the_check_prints_the_section(tmp_path):
    path = tmp_path / "x.conf"
    long = "long = count when " + " or ".join(f'city == "City {i} ; {i}"' for i in range(130))
    assert 3000 < len(long) < 4000
    path.write_text(f"[report]\n{long} ; a comment\nbottleneck =\n[cache]\ngrid = 3x3\n")
    told = check(path)
    assert told.returncode == 0, told.stderr
    assert told.stdout.endswith(f"\n[report]\n{long}\nbottleneck =\n")
    path.write_text(told.stdout)
    assert check(path).stdout == told.stdout
    path.write_text("[report]\n" + long + " " * 10 + "x" * 1000)
    assert check(path).returncode == 2


def test_a_reload_takes_tables_for_the_next_run_or_refuses_them():
    with Refreshd() as refreshd:
        refreshd.load(make_points(200)).start()
        refreshd.configure(report__mine='count[outcome] when city != "a ; b"')
        refreshd.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "section=report" in refreshd.log.read_text(), what="the reload")
        refreshd.configure(report__mine="count[outcom]")
        refreshd.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "reload_failed" in refreshd.log.read_text(), what="the refusal")
        refused = [line for line in refreshd.log.read_text().splitlines() if "reload_failed" in line]
        assert re.search(r"line \d+: column 14: there is no field", refused[0]), refused[0]
        refreshd.ctl("start", "--wait", check=False)  # held at the gate: all of it is new
        rows = {table["name"]: table["rows"] for table in refreshd.json("report")["tables"]}
        assert rows["mine"] and "outcome" in rows["mine"][0]["index"]
        assert "changed_by_country" in rows


def examples():
    """Every table that the document has, in its backticks or as a block of its own."""
    found = re.findall(r"`(\w+ = [a-z]+(?:\(|\[| of | when |`).*?)`", DOCUMENT)
    found += re.findall(r"^(?:    )?(\w+ = [a-z]+(?:\(\d|\[| of |$).*?)(?: +; a comment)?$", DOCUMENT,
                        re.MULTILINE)
    return [text for text in found if "FIELD" not in text]


def test_every_table_of_the_document_is_one(tmp_path):
    texts = examples()
    assert len(texts) > 25
    (tmp_path / "x.conf").write_text("[report]\n" + "\n".join(
        f"t{i} =" + text.split("=", 1)[1] for i, text in enumerate(texts[:50])))
    told = check(tmp_path / "x.conf")
    assert told.returncode == 0, told.stderr


def test_the_document_has_every_field_and_kind(tmp_path):
    path = tmp_path / "x.conf"
    path.write_text("[report]\nx = nothing\n")
    kinds = re.search(r"here stands a kind: (.*)", check(path).stderr).group(1).split()
    path.write_text("[report]\nx = count[nothing]\n")
    fields = re.search(r"ields: (.*?);", check(path).stderr).group(1).split()
    assert len(kinds) == 10 and len(fields) > 35
    for kind in kinds:
        assert re.search(rf"^\| .*`{kind}(\(N\))?`", DOCUMENT, re.MULTILINE), kind
    for field in fields:
        assert re.search(rf"^\| `{field}` \|", DOCUMENT, re.MULTILINE), field
