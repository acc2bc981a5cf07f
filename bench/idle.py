# SPDX-License-Identifier: Apache-2.0
"""What programs cost that have nothing to do: processor time and wake-ups of a minute, beside a broker that
nobody is connected to."""
import pathlib
import re
import shutil
import socket
import subprocess
import time

SETTLE, SECONDS = 10, 60  # the first seconds have the announcements
BROKER = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")


def cpu_ms(pid):
    """Of all threads, also those that have ended; the kernel's clock of that process."""
    return time.clock_gettime((~pid << 3) | 2) * 1e3


def wakeups(pid):
    """How often its threads have waited and gone on."""
    total = 0
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.M)[1])
    return total


def look(pids):
    return {name: (cpu_ms(pid), wakeups(pid)) for name, pid in pids.items()}


def alone(folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return subprocess.Popen([BROKER, "-p", str(port)], cwd=folder, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def run(report, new_stack, scale):
    stack = new_stack()
    broker = alone(stack.folder)
    try:
        pids = {"mosquitto, nobody connected": broker.pid}
        pids |= {"mosquitto, of these programs" if name == "mosquitto" else name: pid
                 for name, pid in stack.pids.items()}
        time.sleep(SETTLE / scale)
        before = look(pids)
        time.sleep(SECONDS / scale)
        after = look(pids)
    finally:
        broker.terminate()
        broker.wait(20)
    used = {name: [(b - a) * scale for a, b in zip(before[name], after[name])] for name in pids}
    ours = [name for name in pids if not name.startswith("mosquitto")]
    used["ours together"] = [sum(used[name][i] for name in ours) for i in (0, 1)]
    reference = used["mosquitto, nobody connected"][0]
    rows = [[name, f"{cpu:.1f} ms", f"{cpu / SECONDS / 10:.3f} %", f"{woken / SECONDS:.1f}", f"{cpu / reference:.2f}"]
            for name, (cpu, woken) in used.items()]
    report.table("a minute of nothing", ["program", "CPU", "of one processor", "wake-ups a second", "to the broker alone"], rows,
                 bars=[(name, cpu, f"{cpu:.1f} ms", name.startswith("mosquitto")) for name, (cpu, _) in used.items()],
                 note="One worker that tells that it lives every 10 s, no task. All threads of a program.")
