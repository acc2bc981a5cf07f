# SPDX-License-Identifier: Apache-2.0
"""A start of propeller-cli beside the least program that makes the same GET with libcurl (bench/get.c)."""
import os
import statistics
import time

from measure import BIN, TOP, percentile

ROUNDS = 300
GET = TOP / "build/main/bench/get"


def once(argv, environ):
    """Milliseconds until it has ended, and of processors; its output goes nowhere."""
    nowhere = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_WRONLY, 0) for fd in (1, 2)]
    begin = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, environ, file_actions=nowhere)
    _, status, used = os.wait4(pid, 0)
    took = time.perf_counter() - begin
    assert status == 0, (argv, status)
    return took * 1e3, (used.ru_utime + used.ru_stime) * 1e3


def run(report, new_stack, scale):
    stack = new_stack()
    task = stack.call("POST", "/tasks", {"name": "bench", "env": {"A": "b"}})["id"]
    manager, cli = f"http://127.0.0.1:{stack.port}", BIN / "propeller-cli"
    environ = {**os.environ, "PROPELLER_MANAGER_URL": manager}
    reference = "a GET with bare libcurl"
    programs = {"a program that does nothing": ["/bin/true"], reference: [GET, f"{manager}/tasks/{task}"],
                "propeller-cli --version": [cli, "--version"],
                "propeller-cli tasks view ID -o json": [cli, "tasks", "view", task, "-o", "json"],
                "propeller-cli tasks view ID": [cli, "tasks", "view", task],
                "propeller-cli proplets list": [cli, "proplets", "list"]}
    seen = {name: [] for name in programs}
    for _ in range(ROUNDS // scale):
        for name, argv in programs.items():
            seen[name].append(once([str(word) for word in argv], environ))
    took = {name: statistics.median(wall for wall, _ in pairs) for name, pairs in seen.items()}
    rows = [[name, f"{took[name]:.2f} ms", f"{percentile([wall for wall, _ in pairs], .99):.2f} ms",
             f"{statistics.median(cpu for _, cpu in pairs):.2f} ms", f"{took[name] / took[reference]:.2f}"]
            for name, pairs in seen.items()]
    report.table("a start of the CLI", ["program", "p50", "p99", "CPU", "to libcurl"], rows,
                 bars=[(name, value, f"{value:.2f} ms", name == reference) for name, value in took.items()],
                 note="From spawning a process to its end, in turns. Most of it is the dynamic loader: libcurl brings 30 "
                      "libraries with it. Aim: a start in less than 5 ms.")
