# SPDX-License-Identifier: Apache-2.0
"""A fresh Debian 12 in a folder, for what is installed from packages.

It is made once with mmdebstrap from the package registry that this machine's apt uses, with the
lists of apt and the packages that ours ask for beside them, and kept in the cache as a tar file
named after what is in it; every test unpacks its own, and needs no network. Commands run in
namespaces of their own: loopback only, own processes, which end with the command. Needs root.
"""
import array
import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

SUITE = "bookworm"
# A broker, a service manager (that never runs: what it says about units counts), pages and completion.
INCLUDE = ["bash-completion", "man-db", "mosquitto", "systemd"]
LOOPBACK_UP = (0x8914, 0x1 | 0x40)  # SIOCSIFFLAGS, IFF_UP | IFF_RUNNING
KEPT = 3  # archives, of 350 MB each
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("AIRSCREW_CACHE") or Path(base) / "airscrew")


def forget_old(cache):
    """All but those that were used last."""
    for path in sorted(cache.glob("root-*.tar*"), key=lambda path: path.stat().st_mtime)[:-KEPT + 1]:
        path.unlink(missing_ok=True)


def base_archive(wanted):
    """The tar file of a root that has apt's lists and the packages `wanted` ready to be installed."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    names = sorted(name.split()[0] for name in wanted)
    key = hashlib.sha256(repr((SUITE, INCLUDE, sorted(wanted))).encode()).hexdigest()[:12]
    place = cache / f"root-{SUITE}-{key}.tar"
    with open(cache / "root.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            forget_old(cache)
            new = place.with_suffix(".tar.new")
            done = subprocess.run(
                ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar", f"--include={','.join(INCLUDE)}",
                 "--aptopt=APT::Keep-Downloaded-Packages \"true\"", "--skip=cleanup/apt",
                 f'--customize-hook=chroot "$1" apt-get -y --no-install-recommends --download-only install {" ".join(names)}',
                 SUITE, str(new)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1800, check=False)
            assert done.returncode == 0, f"no fresh Debian (the package registry has to be reachable):\n{done.stderr[-4000:]}"
            new.rename(place)
        os.utime(place)
    return place


class FreshRoot:
    def __init__(self, folder, archive):
        self.path = folder
        folder.mkdir()
        subprocess.run(["tar", "-x", "--numeric-owner", "--same-permissions", "-f", str(archive), "-C", str(folder)], check=True)
        self.put("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")

    def command(self, *words):
        """How to run words inside."""
        return ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", sys.executable, __file__, str(self.path), *words]

    def run(self, *words, timeout=900, stdin=None, **environment):
        return subprocess.run(self.command(*words), env={**ENVIRONMENT, **environment}, input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False)

    def must(self, *words, **options):
        """What it says; it has to end with 0."""
        done = self.run(*words, **options)
        assert done.returncode == 0, f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout[-6000:]}"
        return done.stdout

    def put(self, place, text, mode=0o644):
        path = self.path / place.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def take(self, files, place="/packages"):
        """Puts files (packages) into a folder inside, and returns their names there."""
        folder = self.path / place.lstrip("/")
        folder.mkdir(exist_ok=True)
        for file in files:
            shutil.copy(file, folder)
        return [f"{place}/{file.name}" for file in files]


def enter(root, words):
    """Inside the namespaces: loopback on, /proc mounted, then the command in its root."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = array.array("B", b"lo".ljust(16, b"\0") + LOOPBACK_UP[1].to_bytes(2, "little") + bytes(22))
        fcntl.ioctl(control, LOOPBACK_UP[0], request)
    subprocess.run(["mount", "-t", "proc", "proc", f"{root}/proc"], check=True)
    subprocess.run(["mount", "--bind", "/dev", f"{root}/dev"], check=True)
    os.chroot(root)
    os.chdir("/")
    os.execvp(words[0], words)


if __name__ == "__main__":
    enter(sys.argv[1], sys.argv[2:])
