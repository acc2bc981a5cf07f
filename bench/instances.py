# SPDX-License-Identifier: Apache-2.0
"""A thousand tasks at once, and a thousand daemons: memory, and processor time when they only wait."""
import time

from measure import RUNNING, cpu_seconds, example, megabytes

COUNT, WATCHED_SECONDS = 1000, 10


def watch(stack):
    """Processor time of each program, in per cent of one processor, over some seconds."""
    names = ("manager", "proplet-1")
    before = [cpu_seconds(stack.pids[name]) for name in names]
    time.sleep(WATCHED_SECONDS)
    return [(cpu_seconds(stack.pids[name]) - b) / WATCHED_SECONDS * 100 for name, b in zip(names, before)]


def run(report, new_stack, scale):
    rows, count = [], COUNT // scale
    for kind, fields in (("nothing", None), ("tasks", {}), ("daemons", {"daemon": True})):
        stack, tasks = new_stack(), []
        module = example("sleeper").read_bytes()
        if fields is not None:
            tasks = [stack.create(module, cli_args=["3600"], **fields) for _ in range(count)]
        begin = time.perf_counter()
        for task in tasks:
            stack.start(task)
        for task in tasks:
            stack.wait(task, RUNNING)
        took = time.perf_counter() - begin
        manager, worker = watch(stack)
        rows.append([f"{len(tasks)} {kind}" if tasks else kind, f"{took:.1f} s" if tasks else "",
                     megabytes(stack.memory("manager")[0]), megabytes(stack.memory("proplet-1")[0]),
                     f"{manager:.2f} %", f"{worker:.2f} %"])
    report.table(f"{count} at once, on one worker",
                 ["what", "until all run", "manager RSS", "worker RSS", "manager CPU", "worker CPU"], rows,
                 note=f"Processor time of {WATCHED_SECONDS} s while all of them sleep, in per cent of one.")
