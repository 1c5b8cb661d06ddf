"""The documents for operators: every alert leads to what to do, every link leads somewhere."""

import re
import subprocess
from pathlib import Path

from harness import BUILD

ROOT = Path(__file__).resolve().parents[2]


def headings(path):
    """Anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"(?m)^#+ (.*)$", (ROOT / path).read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_every_alert_links_to_what_to_do():
    rules = (ROOT / "monitoring/alerts.yml").read_text()
    alerts = re.findall(r"(?ms)^      - alert: (\w+)\n(.*?)(?=^      - alert|^  - name|\Z)", rules)
    assert len(alerts) > 15
    anchors = headings("docs/OPERATIONS.md")
    for name, text in alerts:
        link = re.search(r"runbook_url: \S*/OPERATIONS\.md#(\S+)", text)
        assert link, f"{name} has no runbook_url"
        assert link[1] in anchors, f"{name}: there is no heading for #{link[1]}"
    text = (ROOT / "docs/OPERATIONS.md").read_text()
    for name, _ in alerts:
        assert name in text, f"OPERATIONS.md does not name {name}"


def test_links_of_the_documents_exist():
    for path in ("README.md", "docs/OPERATIONS.md"):
        for target in re.findall(r"\]\(([^)]+)\)", (ROOT / path).read_text()):
            if target.startswith("http"):
                continue
            name, _, anchor = target.partition("#")
            file = (ROOT / path).parent / name if name else ROOT / path
            assert file.exists(), f"{path}: {target}"
            assert not anchor or anchor in headings(file.relative_to(ROOT).as_posix().replace(
                "docs/../", "")), f"{path}: {target}"


def blocks(path):
    """The indented blocks of a page, without their indent."""
    found = re.findall(r"(?m)(?:^    [^\n]*\n)+", (ROOT / path).read_text())
    return [re.sub(r"(?m)^    ", "", block) for block in found]


def test_a_fleet_can_be_set_up_as_told(tmp_path):
    """The certificates by the commands as they are written, then the configuration with them."""
    make = next(block for block in blocks("docs/OPERATIONS.md") if "openssl req -x509" in block)
    made = subprocess.run(["sh", "-e", "-c", make], cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "fleet-ca"
    assert folder.stat().st_mode & 0o77 == 0
    for purpose in ("sslserver", "sslclient"):
        told = subprocess.run(["openssl", "verify", "-purpose", purpose, "-verify_hostname", "b.example",
                               "-CAfile", folder / "ca.pem", folder / "b.pem"], capture_output=True,
                              text=True)
        assert told.returncode == 0, told.stderr
    text = next(block for block in blocks("docs/OPERATIONS.md") if block.startswith("[peers]"))
    for name, file in (("ca.pem", "ca.pem"), ("own.pem", "a.pem"), ("own.key", "a.key")):
        text = text.replace(f"/etc/refreshd/tls/{name}", str(folder / file))
    config = tmp_path / "refreshd.conf"
    config.write_text(text)
    checked = subprocess.run([BUILD / "refreshd", "--config", config, "--check-config"],
                             capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr


def test_configurations_shown_are_good(tmp_path):
    shown = [block for block in blocks("README.md") if block.startswith("[")]
    assert len(shown) >= 3
    for number, block in enumerate(shown):
        path, key = tmp_path / f"{number}.conf", tmp_path / "key"
        key.write_text("key\n")
        path.write_text(re.sub(r"/etc/refreshd/\S+", str(key), block))
        checked = subprocess.run([BUILD / "refreshd", "--config", path, "--check-config"],
                                 capture_output=True, text=True, timeout=60)
        assert checked.returncode == 0, f"{block}: {checked.stderr}"
