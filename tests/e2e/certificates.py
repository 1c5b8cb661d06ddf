"""An authority and the certificates that it gives: good ones, and those that nobody may take."""

import collections
import subprocess
import time
from pathlib import Path

Certificate = collections.namedtuple("Certificate", "chain key authority")

DAY = 86400
CONFIG = """
[ca]
default_ca = own
[own]
database = {root}/issued
new_certs_dir = {root}
default_md = sha256
rand_serial = yes
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = optional
[authority]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
"""


def moment(seconds_from_now):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds_from_now))


class Certificates:
    """An authority of one's own in that directory. Certificates begin a day ago, so that a peer
    whose clock is behind takes them too."""

    def __init__(self, root):
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.authority = self.root / "ca.pem"
        self.authority_key = self.root / "ca.key"
        self.config = self.root / "ca.conf"
        self.config.write_text(CONFIG.format(root=self.root))
        (self.root / "issued").touch()
        self.request("ca", "/CN=test authority", self.authority_key)
        self.sign("ca", self.authority, -DAY, 30 * DAY, "-selfsign", "-extensions", "authority")

    def openssl(self, *words):
        done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True)
        assert done.returncode == 0, f"{words}: {done.stderr}"

    def request(self, name, subject, key, *words):
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                     "-keyout", key, "-out", self.root / f"{name}.csr", "-subj", subject, *words)

    def sign(self, name, chain, begins, ends, *words):
        self.openssl("ca", "-batch", "-notext", "-config", self.config,
                     "-cert", self.authority, "-keyfile", self.authority_key,
                     "-in", self.root / f"{name}.csr", "-out", chain,
                     "-startdate", moment(begins), "-enddate", moment(ends), *words)

    def make(self, name, names="IP:127.0.0.1,DNS:localhost", begins=-DAY, ends=2 * DAY):
        """A certificate for these addresses, valid from and until so many seconds from now."""
        chain, key = self.root / f"{name}.pem", self.root / f"{name}.key"
        self.request(name, f"/CN={name}", key, "-addext", f"subjectAltName={names}")
        self.sign(name, chain, begins, ends)
        return Certificate(chain, key, self.authority)

    def expired(self, name="expired"):
        return self.make(name, begins=-2 * DAY, ends=-60)

    def not_yet_valid(self, name="not-yet-valid"):
        return self.make(name, begins=DAY, ends=2 * DAY)

    def foreign(self, name="foreign"):
        """By another authority of the same name; whoever has it trusts ours."""
        other = Certificates(self.root / f"authority-of-{name}").make(name)
        return other._replace(authority=self.authority)
