# SPDX-License-Identifier: Apache-2.0
"""The packages in a Debian that really boots (systemd-nspawn): units with all that they shut out are
started, work, are watched, restarted by an upgrade, stopped and purged."""
import os
import re
import shutil
import subprocess

import pytest

from freshroot import FreshRoot, base_archive
from modules import TOP
from packages import SERVICES, foreign
from stack import die_with_parent
from wait import PATIENCE

pytestmark = [pytest.mark.skipif(PATIENCE > 1, reason="packages have no sanitizers: once is enough"), pytest.mark.timeout(3600),
              pytest.mark.skipif(os.geteuid() != 0, reason="systemd-nspawn is for root")]

BOOT_SECONDS = 1200
SETTINGS = """
[manager]
domain_id = "factory"
channel_id = "main"
client_id = "manager"
client_key = "a secret that only root and the service read"
[proplet]
domain_id = "factory"
channel_id = "main"
client_id = "worker-1"
client_key_file = "/run/credentials/proplet.service/worker.key"
[proxy]
domain_id = "factory"
channel_id = "main"
client_id = "proxy"
"""
# As docs/fleet.md hands a service its key, and the nightly service of docs/operation.md.
KEY = "[Service]\nLoadCredential=worker.key:/etc/propeller/keys/worker-1.key\n"
NIGHTLY = re.search(r"### Every night.*?```ini\n(\[Service\].*?)```", (TOP / "docs/operation.md").read_text(), re.S)[1]
# What happens inside, at the end of the boot: every section of what it says has its name before it.
SCRIPT = r"""#!/bin/bash
units="propeller-manager proplet propeller-proxy propeller-executor"
section() { echo "== $1"; }
until_true() { for _ in $(seq 900); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; echo "never true: $*"; }
pid() { systemctl show -P MainPID propeller-manager; }
other_pid() { [ "$(pid)" != 0 ] && [ "$(pid)" != "$1" ]; }
alive() { propeller-cli proplets list --filter alive=true -o id | grep -q worker-1; }
ended() { propeller-cli tasks list --filter state=completed -o id | wc -l; }

section before
systemctl is-active $units
systemctl is-enabled $units
section started
systemctl start $units && echo yes
section active
systemctl is-active $units
section shut-in
for unit in $units; do
	grep -hE '^(Uid|CapEff|NoNewPrivs|Seccomp):' /proc/$(systemctl show -P MainPID $unit)/status | tr -s '\t\n' ' '
	echo
done
section state
stat -c '%a %n' /var/lib/private/propeller-manager /var/lib/private/proplet /var/lib/private/propeller-proxy
section task
until_true alive
propeller-cli tasks run /usr/share/airscrew/samples/add/build/add.wasm --invoke add 10 20
propeller-cli tasks run /usr/share/airscrew/samples/hello-world/build/hello.wasm
propeller-cli tasks run /usr/share/airscrew/samples/fib/build/fib.wasm --invoke fib --engine singlepass 20
section backup
systemctl start propeller-backup && stat -c '%a' /srv/backups /srv/backups/manager-*.backup
section watchdog
old=$(pid)
kill -STOP "$old"
until_true other_pid "$old"
until_true propeller-cli health
echo "restarts $(systemctl show -P NRestarts propeller-manager), tasks $(ended)"
section upgrade
old=$(pid)
dpkg -i /packages/airscrew-manager_*.deb >/dev/null 2>&1
until_true other_pid "$old"
systemctl is-active propeller-manager
systemctl stop proplet
dpkg -i /packages/airscrew-proplet_*.deb >/dev/null 2>&1
systemctl is-active proplet
section hung-up
systemctl start $units
# Only the main process, which ends at once: of all of them systemd may find it dying, and say EIO.
for unit in $units; do
	old=$(systemctl show -P MainPID $unit)
	systemctl kill --kill-whom=main -s HUP $unit
	again() { [ "$(systemctl show -P MainPID $unit)" != "$old" ] && systemctl is-active $unit; }
	until_true again
	systemctl is-active $unit
done
section bad-setting
cp -p /etc/propeller/config.toml /tmp/good.toml
sed -i 's/^\[manager\]/&\nnonsense = 1/' /etc/propeller/config.toml
systemctl restart propeller-manager 2>/dev/null
echo "$(systemctl is-active propeller-manager) $(systemctl show -P NRestarts propeller-manager)"
cp -p /tmp/good.toml /etc/propeller/config.toml
systemctl start propeller-manager && systemctl is-active propeller-manager
section stopped
systemctl stop $units
systemctl show -P Result $units | grep .
section log
journalctl -q --no-pager -o cat -t propeller-manager -t proplet -t propeller-proxy -t propeller-executor
section purge
systemctl start propeller-manager
dpkg --purge airscrew airscrew-executor airscrew-manager airscrew-proplet airscrew-proxy >/dev/null 2>&1
systemctl is-active propeller-manager
find /var/lib /etc /run/systemd/system -name '*propeller*' -o -name '*proplet*' | grep -v /dpkg/
section end
"""
UNIT = """[Unit]
After=multi-user.target mosquitto.service
Requires=mosquitto.service
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/check
StandardOutput=file:/said
StandardError=file:/said
"""
# A watchdog that the test can wait for: it is 60 s in the unit, as is the time for a clean end.
SOONER = "[Service]\nWatchdogSec=15\nTimeoutAbortSec=1\n"


@pytest.fixture(name="said", scope="module")
def booted(made, tmp_path_factory):
    """What the script said, by section."""
    folder = tmp_path_factory.mktemp("booted")
    root = FreshRoot(folder / "debian", base_archive(foreign(made)))
    root.must("apt-get", "-y", "--no-install-recommends", "install", *root.take(made.debs()))
    root.put("/etc/propeller/config.toml", SETTINGS, 0o600)
    root.put("/etc/propeller/keys/worker-1.key", "the worker's own", 0o600)
    root.put("/etc/systemd/system/proplet.service.d/keys.conf", KEY)
    root.put("/etc/propeller/backup-token", "nobody asks for it here", 0o600)
    root.put("/etc/systemd/system/propeller-backup.service", NIGHTLY)
    root.put("/check", SCRIPT, 0o755)
    root.put("/etc/systemd/system/check.service", UNIT)
    root.put("/etc/systemd/system/propeller-manager.service.d/sooner.conf", SOONER)
    (root.path / "etc/systemd/system/multi-user.target.wants/check.service").symlink_to("/etc/systemd/system/check.service")
    with subprocess.Popen(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--link-journal=no",
                           "--console=read-only", f"--machine=airscrew-{os.getpid()}", f"--directory={root.path}", "--boot"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=die_with_parent) as boot:
        try:
            console = boot.communicate(timeout=BOOT_SECONDS)[0]
        finally:
            boot.kill()
    place = root.path / "said"
    assert place.exists(), f"it did not boot:\n{console[-4000:]}"
    parts = re.split(r"^== ([\w-]+)\n", place.read_text(encoding="utf-8"), flags=re.M)
    sections = dict(zip(parts[1::2], parts[2::2]))
    assert "end" in sections, sections
    yield sections
    shutil.rmtree(root.path)


def test_nothing_runs_before_it_is_told(said):
    assert said["before"].split() == ["inactive"] * len(SERVICES) + ["disabled"] * len(SERVICES)


def test_all_start_and_say_that_they_serve(said):
    assert said["started"].split() == ["yes"], said["log"]
    assert said["active"].split() == ["active"] * len(SERVICES)


def test_they_are_nobody(said):
    """No root, no capability (the executor has the one for its evidence), no new ones, a filter of system calls."""
    rows = [dict(re.findall(r"(\w+): (\S+)", row)) for row in said["shut-in"].strip().splitlines()]
    assert len(rows) == len(SERVICES)
    for row in rows:
        assert int(row["Uid"]) >= 61184 and row["NoNewPrivs"] == "1" and row["Seccomp"] == "2"
    assert [int(row["CapEff"], 16) for row in rows] == [0, 0, 0, 1 << 1]  # CAP_DAC_OVERRIDE
    assert re.findall(r"^(\d+) ", said["state"], re.M) == ["700"] * 3


def test_tasks_run_in_all_that_is_shut(said):
    assert said["task"].splitlines() == ["30", "Hello, world!", "6765"], said["log"]


def test_the_nightly_backup(said):
    assert said["backup"].split() == ["700", "600"], said["log"]


def test_a_manager_that_hangs_is_started_again_and_has_lost_nothing(said):
    assert said["watchdog"].split() == ["restarts", "1,", "tasks", "3"], said["log"]


def test_an_upgrade_restarts_what_runs_and_nothing_else(said):
    assert said["upgrade"].split() == ["active", "inactive"]


def test_a_hangup_restarts_and_ends_nothing(said):
    """For systemd it is a clean end, which by itself would be the last one."""
    assert said["hung-up"].split() == ["active"] * len(SERVICES), said["log"]


def test_a_setting_that_cannot_be_is_not_tried_again(said):
    assert said["bad-setting"].split() == ["failed", "0", "active"], said["log"]


def test_a_clean_end(said):
    assert said["stopped"].split() == ["success"] * len(SERVICES), said["log"]
    assert "a secret that only root" not in said["log"]


def test_a_purge_stops_it_and_leaves_nothing(said):
    lines = said["purge"].split()
    assert lines[0] in ("inactive", "unknown")
    ours = ("sooner.conf", ".service.d", "propeller-backup.service")
    assert [line for line in lines[1:] if not line.endswith(ours)] == ["/etc/propeller"]
