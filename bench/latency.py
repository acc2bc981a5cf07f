# SPDX-License-Identifier: Apache-2.0
"""start -> Completed of a cached module, beside the two things that its way is made of."""
import statistics

from measure import echo, example, fdatasync, load, percentile, seconds


def run(report, new_stack, scale):
    count = 400 // scale
    stack = new_stack()
    module = example("add")
    load(stack, "latency", 50, module)
    rounds = [(statistics.median(fdatasync(stack.folder, count)),
               statistics.median(echo(stack.broker, count)),
               load(stack, "latency", count, module)) for _ in range(5)]
    sync = statistics.median(r[0] for r in rounds)
    trip = statistics.median(r[1] for r in rounds)
    ours = [x for r in rounds for x in r[2]]
    aim = 2 * (trip + 2 * sync) + 500
    half, most = percentile(ours, .5), percentile(ours, .99)
    report.table("start -> Completed of a cached module", ["what", "p50", "p99", "to the aim"], [
        ["fdatasync, 4 KiB", f"{sync:.0f} us", "", ""], ["MQTT echo, QoS 1", f"{trip:.0f} us", "", ""],
        ["start -> Completed", f"{half:.0f} us", f"{most:.0f} us", f"{half / aim:.2f}"],
        ["aim: 2 x (echo + 2 fdatasync) + 0.5 ms", f"{aim:.0f} us", "", "1"]],
        bars=[("fdatasync", sync, f"{sync:.0f} us", True), ("MQTT echo", trip, f"{trip:.0f} us", True),
              ("start -> Completed, p50", half, seconds(half / 1e6), False),
              ("start -> Completed, p99", most, seconds(most / 1e6), False)],
        note="The way has two commits and two hops. The Go and Rust implementation of the same protocols "
             "took 144 ms (p50) on such a machine.")
