# SPDX-License-Identifier: Apache-2.0
"""Authorities and certificates for the tests, by the openssl command."""
import datetime
import subprocess
from dataclasses import dataclass
from pathlib import Path

from wait import patience

HOSTS = "DNS:localhost,IP:127.0.0.1"
CONFIG = """
[ca]
default_ca = this
[this]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True,
                          timeout=patience(), stdin=subprocess.DEVNULL)
    assert done.returncode == 0, (arguments, done.stderr)


def day(offset):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=offset)
    return at.strftime("%Y%m%d%H%M%SZ")


@dataclass
class Certificate:
    cert: Path
    key: Path


class Authority:
    """Everything that it makes is in `folder`."""

    def __init__(self, folder, name="authority"):
        self.folder = Path(folder) / name
        self.folder.mkdir()
        (self.folder / "index.txt").touch()
        (self.folder / "index.txt.attr").write_text("unique_subject = no\n")
        (self.folder / "serial").write_text("1000\n")
        (self.folder / "ca.conf").write_text(CONFIG.format(folder=self.folder))
        self.cert = self.folder / "ca.crt"
        self.key = self.folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.cert, "-days", 2, "-subj", f"/CN={name}")

    def issue(self, name, hosts=None, begin=-1, end=1, usage=None):
        """A certificate that is valid from day `begin` to day `end`, counted from now; `usage`:
        all that it is for (clientAuth, serverAuth)."""
        made = Certificate(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        request = self.folder / f"{name}.csr"
        more = ["-addext", f"subjectAltName={hosts}"] if hosts else []
        more += ["-addext", f"extendedKeyUsage={usage}"] if usage else []
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", made.key, "-out", request, "-subj", f"/CN={name}", *more)
        openssl("ca", "-batch", "-notext", "-config", self.folder / "ca.conf", "-cert", self.cert,
                "-keyfile", self.key, "-startdate", day(begin), "-enddate", day(end),
                "-in", request, "-out", made.cert)
        made.key.chmod(0o600)
        return made
