# SPDX-License-Identifier: Apache-2.0
"""The Debian packages as tools/package makes them, for all the tests that look at them: twice, to compare."""
import hashlib
import os
import re
import signal
import subprocess

from stack import TOP

SERVICES = {"airscrew-manager": "propeller-manager", "airscrew-proplet": "proplet", "airscrew-proxy": "propeller-proxy",
            "airscrew-executor": "propeller-executor"}
PROGRAMS = SERVICES | {"airscrew-cli": "propeller-cli"}
NAMES = sorted([*PROGRAMS, "airscrew", "airscrew-common", "airscrew-doc"])
OURS = re.compile(r"airscrew|propeller|proplet|sev_snp_server")


def run(*words, timeout=900, **options):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout, check=False, **options)
    assert done.returncode == 0, f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout[-6000:]}"
    return done.stdout


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.suffix != ".buildinfo"
            and path.suffix != ".changes"}


class Made:
    """Two builds at once, in folders of different lengths; most tests only need the first."""

    def __init__(self, folder):
        self.folders = [folder / "one", folder / "a-longer-name" / "two"]
        self.builds = [subprocess.Popen([TOP / "tools" / "package", place], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, start_new_session=True) for place in self.folders]
        self.said = [None, None]

    def folder(self, number=0):
        if self.said[number] is None:
            self.said[number] = self.builds[number].communicate(timeout=2400)[0]
        assert self.builds[number].returncode == 0, self.said[number]
        return self.folders[number] / "packages"

    def deb(self, name):
        found = list(self.folder().glob(f"{name}_*.deb"))
        assert len(found) == 1, found
        return found[0]

    def debs(self):
        return [self.deb(name) for name in NAMES]

    def field(self, name, field):
        return run("dpkg-deb", "-f", self.deb(name), field).strip()

    def close(self):
        for build in self.builds:
            if build.poll() is None:
                os.killpg(build.pid, signal.SIGTERM)
                build.wait()


def contents(deb):
    """(mode, path, where a link points) of each file that is no folder."""
    for line in run("dpkg-deb", "-c", deb).splitlines():
        mode, _, _, _, _, path = line.split(None, 5)
        if not mode.startswith("d"):
            path, _, target = path.partition(" -> ")
            yield mode, path.removeprefix("."), target


def asked_for(program):
    """(libraries that an ELF file names for the loader, those that stand in its texts: it opens them itself)."""
    needed = set(re.findall(r"\(NEEDED\).*\[(\S+)\]", run("readelf", "-dW", program)))
    return needed, {name.decode() for name in re.findall(rb"\0(lib[\w+-]+\.so\.\d+)\0", program.read_bytes())} - needed


def library(name):
    """Where the loader of this machine finds it."""
    return re.search(rf"^\s*{re.escape(name)} .*=> (/\S+)", run("/sbin/ldconfig", "-p"), re.M)[1]


def foreign(made):
    """What our packages ask for and is not ours."""
    rows = {row for name in NAMES for row in re.split(r", *", made.field(name, "Depends")) if row}
    return {row for row in rows if not row.startswith("airscrew")}
