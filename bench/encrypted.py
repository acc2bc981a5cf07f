# SPDX-License-Identifier: Apache-2.0
"""A task with a workload key beside the same task without one, in turns."""
import statistics

from measure import cpu_seconds, example, load, percentile, seconds

PROGRAMS = ("manager", "proplet-1")


def run(report, new_stack, scale):
    stacks = {"plain": new_stack(),
              "with a workload key": new_stack(keep=True, flags=["--encrypted"]),
              "and compiled code is kept": new_stack(keep=True, flags=["--encrypted"],
                                                     PROPLET_CACHE_DECRYPTED="true")}
    count, rounds = 300 // scale, 7
    module = example("hello-world")
    times, cpu = {name: [] for name in stacks}, dict.fromkeys(stacks, 0.0)
    for stack in stacks.values():
        load(stack, "latency", 50, module)
    for _ in range(rounds):
        for name, stack in stacks.items():
            before = sum(cpu_seconds(stack.pids[program]) for program in PROGRAMS)
            times[name].append(percentile(load(stack, "latency", count, module), .5))
            cpu[name] += sum(cpu_seconds(stack.pids[program]) for program in PROGRAMS) - before
    medians = {name: statistics.median(values) for name, values in times.items()}
    each = {name: value / rounds / count * 1e6 for name, value in cpu.items()}
    plain = medians["plain"]
    report.table("sealed beside plain", ["what", "start -> Completed", "ratio", "CPU per task"],
                 [[name, seconds(value / 1e6), f"{value / plain:.2f}", f"{each[name]:.0f} us"]
                  for name, value in medians.items()],
                 bars=[(name, value, seconds(value / 1e6), name == "plain")
                       for name, value in medians.items()],
                 note="A cached module that prints a line; processor time of manager and worker. With a key "
                      "compiled code goes with its task, so it is fetched and compiled again each time; "
                      "unless PROPLET_CACHE_DECRYPTED=true.")
