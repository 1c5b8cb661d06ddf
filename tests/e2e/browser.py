"""A real Chromium for a test, by way of tests/dashboard/browser.mjs."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from harness import BUILD, wait_for

SOURCE = Path(__file__).resolve().parents[1] / "dashboard"
FOLDER = BUILD / "dashboard-test"  # node_modules and screenshots


def chromium():
    """Path of the browser, None when there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def install():
    """npm's packages in FOLDER, as the lock file has them; once, whichever process comes first."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    installed = FOLDER / "installed"
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if installed.exists() and installed.read_text() == wanted:
            return
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, FOLDER / name)
        result = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                                cwd=FOLDER, capture_output=True, text=True)
        assert result.returncode == 0, f"npm ci: {result.stderr}"
        installed.write_text(wanted)


class Browser:
    """One browser, one page at a time; `with` ends it whatever happens."""

    def __init__(self):
        install()
        self.process = subprocess.Popen(["node", SOURCE / "browser.mjs", FOLDER, chromium()],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def do(self, *command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the browser ended: {self.process.poll()}"
        reply = json.loads(line)
        assert "error" not in reply, f"{command}: {reply['error']}"
        return reply["ok"]

    def open(self, url, width=1440, height=900, scheme="light", touch=False, fakes=None):
        """fakes: documents by path that are answered without the server."""
        return self.do("open", {"url": url, "width": width, "height": height, "scheme": scheme,
                                "touch": touch, "fakes": fakes or {}})

    def evaluate(self, expression):
        return self.do("evaluate", expression)

    def text(self, selector):
        """What a person can read there; "" when it isn't shown."""
        return self.evaluate(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            return element?.checkVisibility() ? element.innerText : "";
        }})()""")

    def count(self, selector):
        return self.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length")

    def wait_text(self, selector, words, seconds=15):
        return wait_for(lambda: (lambda t: t if words in t else None)(self.text(selector)), seconds,
                        f"{words!r} in {selector}", every=0.05)

    def pairs(self, selector):
        """The rows of a dl."""
        return dict(self.evaluate(f"""[...document.querySelectorAll({json.dumps(selector + " dt")})]
            .map((term) => [term.textContent, term.nextElementSibling.textContent])"""))

    def screenshot(self, name):
        self.do("screenshot", str(FOLDER / f"{name}.png"))

    def problems(self):
        """What the page must not do, by kind; {} when all is well."""
        return {kind: found for kind, found in self.do("problems").items() if found}
