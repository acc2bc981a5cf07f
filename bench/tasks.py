# SPDX-License-Identifier: Apache-2.0
"""Durable tasks per second: created, started, run, recorded and waited for."""
import statistics

from measure import example, fdatasync, load


def run(report, new_stack, scale):
    stack, rows, bars = new_stack(), [], []
    module = example("add")
    sync = 1e6 / statistics.median(fdatasync(stack.folder, 500))
    for clients in (1, 16, 64):
        count = 2000 // scale * (1 if clients == 1 else 5)
        rate = statistics.median(load(stack, "tasks", count, clients, module)[0] for _ in range(3))
        rows.append([clients, f"{rate:.0f}", f"{sync:.0f}", f"{rate / sync:.2f}"])
        bars.append((f"{clients} clients", rate, f"{rate:.0f} tasks/s", False))
    report.table("durable tasks per second", ["clients", "tasks/s", "fdatasync/s", "ratio"], rows,
                 bars=[("fdatasync of this disk", sync, f"{sync:.0f} /s", True), *bars],
                 note="Each is created, started, run, recorded and waited for; a batch of them shares a "
                      "commit. On a disk that syncs in 0.1 ms the processors are the limit, not the syncs.")
