# SPDX-License-Identifier: Apache-2.0
"""What counting gas and call depth costs: the same C natively, plain and metered, in every mode."""
import statistics
import subprocess

from measure import TOP

GAS = TOP / "build/main/bench/gas"
MODULE = TOP / "build/main/bench/kernels.wasm"
MODES = ["multipass", "singlepass", "interp"]
KERNELS = {"fib": ("calls: fib(30)", 30), "shift": ("a loop of arithmetic", 10_000_000),
           "sieve": ("short loops over memory: sieve", 2_000_000), "sort": ("branches: quicksort", 250_000),
           "fill": ("bulk operators: 4 MiB filled", 20)}


def measure(kernel, size, rounds):
    """The medians, and the gas of a call."""
    done = subprocess.run([GAS, MODULE, kernel, str(size), str(rounds)], capture_output=True, text=True, check=True)
    *lines, used = done.stdout.splitlines()
    return [statistics.median(column) for column in zip(*(map(float, line.split()) for line in lines))], int(used)


def run(report, _new_stack, scale):
    rows, bars = [], []
    for kernel, (title, size) in KERNELS.items():
        (native, *times), used = measure(kernel, size, max(3, 9 // scale))
        cells = [title, f"{native:.1f} ms"]
        for mode, plain, metered in zip(MODES, times[::2], times[1::2]):
            cells += [f"{plain / native:.1f}", f"{metered / native:.1f}", f"{metered / plain:.2f}"]
            bars.append((f"{kernel}, {mode}", metered / plain, f"{metered / plain:.2f} of plain", False))
        rows.append([*cells, f"{used / times[1] / 1e6:.1f} G/s"])
    head = ["what", "gcc -O2"] + [f"{mode}: {column}" for mode in MODES for column in ("plain", "metered", "ratio")]
    report.table("what counting gas and depth costs", [*head, "gas/s, multipass"], rows, bars=bars,
                 note="Plain and metered as multiples of gcc -O2 of the same C, the ratio is metered to plain; "
                      "processor time. All results are compared. Attested code is compiled without Cranelift's "
                      "optimiser, plain and metered alike, so that native stacks never decide (lib/meter/meter.h).")
