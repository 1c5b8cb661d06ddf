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


def test_configurations_shown_are_good(tmp_path):
    blocks = re.findall(r"(?m)(?:^    [^\n]*\n)+", (ROOT / "README.md").read_text())
    shown = [block for block in blocks if block.lstrip().startswith("[")]
    assert len(shown) >= 3
    for number, block in enumerate(shown):
        path, key = tmp_path / f"{number}.conf", tmp_path / "key"
        key.write_text("key\n")
        path.write_text(re.sub(r"(?m)^    ", "", block).replace("/etc/refreshd/key", str(key)))
        checked = subprocess.run([BUILD / "refreshd", "--config", path, "--check-config"],
                                 capture_output=True, text=True, timeout=60)
        assert checked.returncode == 0, f"{block}: {checked.stderr}"
