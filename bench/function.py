# SPDX-License-Identifier: Apache-2.0
"""A call of one function, as the executor makes it, beside the engine's bare C interface and gcc -O2."""
import statistics
import subprocess

from measure import TOP

FUNCTIONS = TOP / "build/main/bench/functions"
MODES = ("multipass", "singlepass", "interp")
HOW = ("plain", "metered")


def measure(what, rounds):
    """By mode and metering: the medians of what each line has."""
    lines = {(mode, how): [] for mode in MODES for how in HOW}
    for _ in range(3):  # in turns, so that all see the same machine
        for mode, how in lines:
            done = subprocess.run([FUNCTIONS, what, mode, how, str(rounds)], capture_output=True, text=True,
                                  check=True)
            lines[mode, how] += [[float(word) for word in line.split()] for line in done.stdout.splitlines()]
    return {key: [statistics.median(column) for column in zip(*rows)] for key, rows in lines.items()}


def report_fib(report, rounds):
    medians = measure("fib", rounds)
    native = statistics.median(row[2] for row in medians.values())
    rows, bars = [["gcc -O2", "", f"{native:.0f} ms", "", "1", ""]], [("gcc -O2", native, f"{native:.0f} ms", True)]
    for (mode, how), (ours, bare, beside) in medians.items():
        rows.append([mode, how, f"{ours:.0f} ms", f"{bare:.0f} ms", f"{ours / beside:.1f}", f"{ours / bare:.2f}"])
        bars.append((f"{mode}, {how}", ours, f"{ours:.0f} ms", False))
    report.table("fib(35) in one call", ["mode", "code", "call", "bare loop", "to gcc -O2", "to the bare loop"],
                 rows, bars=bars,
                 note="The bare loop: an instance and the call through the engine's C interface, with the same "
                      "switches (epochs, canonical NaN) and the same bytes. Processor time. Aim: at most 1.05 of it. "
                      "gcc turns half of the recursion into loops.")


def report_add(report, rounds):
    rows = [[mode, how, f"{ours:.1f} us", f"{bare:.1f} us", f"{ours - bare:.1f} us"]
            for (mode, how), (ours, bare) in measure("add", rounds).items()]
    report.table("a call of add(2, 3), the module cached",
                 ["mode", "code", "looked up, instance, call, end", "bare: instance, call, end", "ours in it"], rows,
                 note="Instances come from a pool, and none is used twice. Beside the bare interface: the look-up by "
                      "digest, limits, clock, stop, the check of the thread's stack.")


def run(report, _new_stack, scale):
    report_fib(report, max(1, 4 // scale))
    report_add(report, max(1, 10 // scale))
