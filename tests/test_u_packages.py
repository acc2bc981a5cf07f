# SPDX-License-Identifier: Apache-2.0
"""Debian packages: made twice to the same bytes, without a word of lintian, and installed, used,
upgraded and purged in a fresh Debian."""
import os
import re
import shutil
import stat
import subprocess

import pytest

from freshroot import FreshRoot, base_archive
from packages import NAMES, OURS, PROGRAMS, SERVICES, asked_for, contents, digests, foreign, library, run
from stack import TOP
from wait import PATIENCE

pytestmark = [pytest.mark.skipif(PATIENCE > 1, reason="packages have no sanitizers: once is enough"), pytest.mark.timeout(3600)]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a fresh Debian is made and entered by root")


def test_the_packages(made):
    assert sorted(name.split("_")[0] for name in digests(made.folder()) if "dbgsym" not in name and name.endswith(".deb")) == NAMES
    assert len({made.field(name, "Version") for name in NAMES}) == 1


def test_lintian_has_nothing_to_say(made, tmp_path):
    """It leaves files behind, so it gets a folder for them."""
    said = run("lintian", "--fail-on=error,warning", "--tag-display-limit=0", "--allow-root", *made.folder().glob("*.changes"),
               env={**os.environ, "TMPDIR": str(tmp_path)})
    assert not re.findall(r"^[EW]: .*", said, re.M), said


def test_each_program_has_its_package(made):
    for package, program in PROGRAMS.items():
        files = {path: mode for mode, path, _ in contents(made.deb(package))}
        assert files[f"/usr/bin/{program}"] == "-rwxr-xr-x"
        others = [path for path in files if path.startswith("/usr/bin/") and path != f"/usr/bin/{program}"]
        assert others == (["/usr/bin/sev_snp_server"] if package == "airscrew-executor" else [])
        section = 1 if package == "airscrew-cli" else 8
        assert f"/usr/share/man/man{section}/{program}.{section}.gz" in files
        assert (f"/lib/systemd/system/{program}.service" in files) == (package in SERVICES)
    assert {path: mode for mode, path, _ in contents(made.deb("airscrew-common"))}["/etc/propeller/config.toml"] == "-rw-------"


def test_the_version_says_which_commit(tmp_path):
    """Of a release it is meson.build's; what comes before that release and after other commits sorts so."""
    tree = tmp_path / "tree"
    (tree / "tools").mkdir(parents=True)
    (tree / "meson.build").write_text("project('x', 'c',\n  version: '1.2.3',\n)\n", encoding="utf-8")
    shutil.copy(TOP / "tools" / "package", tree / "tools")

    def git(*words, when="2026-01-02T03:04:05Z"):
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
               for what, value in (("NAME", "a"), ("EMAIL", "a@example.org"), ("DATE", when))}
        return run("git", "-C", tree, "-c", "commit.gpgsign=false", *words, env={**os.environ, **who}).strip()

    def version():
        return run(tree / "tools" / "package", "--version").strip()
    assert version() == "1.2.3"  # an archive of a release
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    first = version()
    assert first == f"1.2.3~git20260102030405.{git('rev-parse', '--short=8', 'HEAD')}"
    git("commit", "-q", "--allow-empty", "-m", "two", when="2026-01-02T03:04:06Z")
    second = version()
    (tree / "new").write_text("new", encoding="utf-8")
    changed = version()
    (tree / "new").unlink()
    git("tag", "v1.2.3")
    ordered = [first, second, changed, version()]
    assert ordered[2] == f"{second}+own" and ordered[3] == "1.2.3"
    for one, two in zip(ordered, ordered[1:]):
        run("dpkg", "--compare-versions", one, "lt", two)


def owner(path):
    """The package of a library of this machine."""
    for name in (path, os.path.realpath(path), os.path.realpath(path).removeprefix("/usr")):
        found = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.split(":")[0]
    raise AssertionError(f"{path} belongs to no package")


def test_what_they_depend_on(made, tmp_path):
    """The packages of the libraries that each program names; services also need their settings file."""
    version = made.field("airscrew", "Version")
    for package, program in PROGRAMS.items():
        depends = re.split(r", *", made.field(package, "Depends"))
        assert (f"airscrew-common (= {version})" in depends) == (package in SERVICES)
        run("dpkg-deb", "-x", made.deb(package), tmp_path)
        needed, opened = asked_for(tmp_path / "usr" / "bin" / program)
        assert len(needed) > 4 and opened == ({"libarchive.so.13"} if program == "propeller-proxy" else set())
        assert {row.split()[0] for row in depends} - {"airscrew-common"} == {owner(library(name)) for name in needed | opened}
    assert {row.split()[0] for row in re.split(r", *", made.field("airscrew", "Depends"))} == set(PROGRAMS)


def test_what_the_build_needs_is_declared():
    """Each library that tools/setup installs for the build stands in debian/control, too."""
    setup = re.search(r"^build_packages=\((.*?)\)", (TOP / "tools" / "setup").read_text(encoding="utf-8"), re.M | re.S)[1].split()
    control = (TOP / "deploy" / "debian" / "control").read_text(encoding="utf-8").partition("\n\n")[0]
    libraries = {name for name in setup if re.fullmatch(r"lib.*-dev", name)} - {"libc6-dev"}
    assert libraries == {name for name in re.findall(r"[\w.+-]+", control.partition("Build-Depends:")[2]) if re.fullmatch(r"lib.*-dev", name)}


def test_programs_are_hardened_and_know_no_path_of_the_build(made, tmp_path):
    for package, program in PROGRAMS.items():
        run("dpkg-deb", "-x", made.deb(package), tmp_path)
        path = tmp_path / "usr" / "bin" / program
        head = run("readelf", "-hldW", path)
        assert re.search(r"Type: +DYN \(Position-Independent", head) and "BIND_NOW" in head
        assert "GNU_RELRO" in head and re.search(r"GNU_STACK.* RW ", head)
        symbols = run("readelf", "--dyn-syms", "-W", path)
        assert "__stack_chk_fail@" in symbols and re.search(r"__\w+_chk@", symbols)
        assert ".symtab" not in run("readelf", "-SW", path)
        text = path.read_bytes()
        assert str(TOP).encode() not in text and str(made.folders[0]).encode() not in text


def test_both_builds_have_the_same_bytes(made):
    one, two = digests(made.folder(0)), digests(made.folder(1))
    assert one == two and len(one) > len(NAMES)


@pytest.fixture(name="installed", scope="module")
def installed_root(made, tmp_path_factory):
    """A fresh Debian with all of our packages, put there by its apt."""
    root = FreshRoot(tmp_path_factory.mktemp("root") / "debian", base_archive(foreign(made)))
    said = root.must("apt-get", "-y", "--no-install-recommends", "install", *root.take(made.debs()))
    assert "Setting up airscrew (" in said
    yield root
    shutil.rmtree(root.path)


@needs_root
def test_programs_start(installed):
    for program in [*PROGRAMS.values(), "sev_snp_server"]:
        assert re.search(r"\d+\.\d+\.\d+", installed.must(program, "--version"))


@needs_root
def test_pages_and_completion_are_found(installed):
    for program in [*PROGRAMS.values(), "sev_snp_server"]:
        assert program in installed.must("man", "-w", program) or program == "sev_snp_server"
    assert "tasks" in installed.must("man", "propeller-cli", MANPAGER="cat", PAGER="cat")
    loaded = ". /usr/share/bash-completion/bash_completion; _completion_loader propeller-cli; complete -p propeller-cli"
    assert "propeller-cli" in installed.must("bash", "-c", loaded)
    assert installed.must("head", "-n1", "/usr/share/zsh/vendor-completions/_propeller-cli").startswith("#compdef propeller-cli")


@needs_root
def test_units_verify_and_nothing_is_enabled(installed):
    for unit in SERVICES.values():
        said = installed.must("systemd-analyze", "verify", f"/lib/systemd/system/{unit}.service")
        assert not [line for line in said.splitlines() if unit in line], said
    wanted = (installed.path / "etc/systemd/system").rglob("*")
    assert not [path for path in wanted if OURS.search(path.name)]


WORK = r"""
set -e
mosquitto -p 1883 >/broker.log 2>&1 &
cd /
propeller-manager >/manager.log 2>&1 &
proplet >/proplet.log 2>&1 &
export PROPELLER_MANAGER_URL=http://127.0.0.1:7071
tries=0
until propeller-cli proplets list --filter alive=true -o id 2>/dev/null | grep -q .; do
	tries=$((tries + 1))
	[ $tries -lt 900 ] || { cat /*.log; exit 1; }
	sleep 0.1
done
propeller-cli tasks run /usr/share/airscrew/samples/add/build/add.wasm --invoke add 10 20
propeller-cli tasks run /usr/share/airscrew/samples/hello-world/build/hello.wasm
propeller-cli tasks list --filter state=completed -o id | wc -l
"""
SETTINGS = """
[manager]
domain_id = "factory"
channel_id = "main"
client_id = "manager"
http_port = 7071
state_dir = "/var/lib/private/propeller-manager"
[proplet]
domain_id = "factory"
channel_id = "main"
client_id = "worker-1"
state_dir = "/var/lib/private/proplet"
"""


@needs_root
def test_a_task_is_completed_there(installed):
    config = installed.path / "etc/propeller/config.toml"
    packaged = config.read_text(encoding="utf-8")
    config.write_text(SETTINGS, encoding="utf-8")
    for name in ("propeller-manager", "proplet"):
        (installed.path / "var/lib/private" / name).mkdir(parents=True, mode=0o700)
    try:
        assert installed.must("sh", "-c", WORK).splitlines()[-3:] == ["30", "Hello, world!", "2"]
    finally:
        config.write_text(packaged, encoding="utf-8")


@needs_root
def test_the_samples_of_up_run_there(installed):
    said = installed.must("propeller-cli", "up", "--samples", "--exit")
    assert "Hello, world!" in said


@needs_root
def test_the_packaged_settings_are_right(installed):
    """Every setting that the file shows behind a # is one."""
    config = (installed.path / "etc/propeller/config.toml").read_text(encoding="utf-8")
    installed.put("/tmp/all.toml", re.sub(r"^#(\w+ = )", r"\1", config, flags=re.M), 0o600)
    for program in SERVICES.values():
        for seconds in ("1", "10", "100"):  # as long as it takes to read it
            said = installed.run("timeout", "--preserve-status", "-s", "TERM", seconds, program, "--config", "/tmp/all.toml").stdout
            if "all.toml" in said:
                break
        assert "unknown" not in said and "all.toml:" not in said and "/tmp/all.toml" in said, said


def with_version(made, name, version, folder):
    """The same package with another version."""
    inside = folder / name
    run("dpkg-deb", "-R", made.deb(name), inside)
    control = inside / "DEBIAN" / "control"
    ours = made.field(name, "Version")
    control.write_text(control.read_text(encoding="utf-8").replace(ours, version), encoding="utf-8")
    deb = folder / f"{name}_{version}_amd64.deb"
    run("dpkg-deb", "-Znone", "-b", inside, deb)
    return deb


@needs_root
def test_an_upgrade_keeps_what_is_there(made, installed, tmp_path):
    """Settings that somebody wrote, and what the services keep."""
    names = ["airscrew-common", "airscrew-manager"]
    old = [with_version(made, name, "0.0.1", tmp_path) for name in names]
    installed.must("dpkg", "--purge", "--force-depends", *NAMES)
    installed.must("dpkg", "-i", *installed.take(old, "/old"))
    config = installed.put("/etc/propeller/config.toml", SETTINGS, 0o600)
    kept = installed.put("/var/lib/private/propeller-manager/airscrew.db", "kept")
    said = installed.must("apt-get", "-y", "--no-install-recommends", "install", *installed.take(made.debs()))
    assert "Unpacking airscrew-manager" in said and "over (0.0.1)" in said
    assert config.read_text(encoding="utf-8") == SETTINGS and stat.S_IMODE(config.stat().st_mode) == 0o600
    assert kept.read_text(encoding="utf-8") == "kept"


@needs_root
def test_a_purge_leaves_nothing(installed):
    for unit in ("propeller-manager", "proplet", "propeller-proxy"):
        installed.put(f"/var/lib/private/{unit}/store.db", "kept by the service")
        (installed.path / "var/lib" / unit).symlink_to(f"private/{unit}")
    installed.must("dpkg", "--remove", *NAMES)
    assert (installed.path / "etc/propeller/config.toml").exists()
    assert (installed.path / "var/lib/private/proplet/store.db").exists()
    installed.must("dpkg", "--purge", *NAMES)
    root = installed.path
    places = [root / "etc", root / "usr", root / "lib", root / "var/lib", root / "run"]
    left = [path for place in places for path in place.rglob("*") if OURS.search(path.name)]
    assert not left
