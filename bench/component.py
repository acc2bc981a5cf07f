# SPDX-License-Identifier: Apache-2.0
"""A call of a component's function beside a call of a core module's, in a worker's engine."""
import statistics
import subprocess

from measure import TOP, example

CALLS = TOP / "build/main/bench/calls"
KINDS = {"core: add(i32, i32)": ("add", "add", ["20", "22"]),
         "component: greet(string)": ("path", "greet", ["you"]),
         "component: length(list of records)": ("path", "length", ["[{x: 0, y: 0}, {x: 3, y: 4}]"])}


def run(report, _new_stack, scale):
    times = {title: [] for title in KINDS}
    for _ in range(5):  # in turns, so that all see the same machine
        for title, (name, export, inputs) in KINDS.items():
            done = subprocess.run([CALLS, example(name), export, str(2000 // scale), *inputs],
                                  capture_output=True, text=True, check=True)
            times[title] += map(float, done.stdout.split())
    medians = {title: statistics.median(values) for title, values in times.items()}
    core = medians[next(iter(KINDS))]
    report.table("a component call beside a core call", ["what", "one run", "ratio"],
                 [[title, f"{value:.1f} us", f"{value / core:.1f}"] for title, value in medians.items()],
                 bars=[(title, value, f"{value:.1f} us", title.startswith("core"))
                       for title, value in medians.items()],
                 note="An instance of its own, the call with its values from and to text, and its end.")
