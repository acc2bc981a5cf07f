# SPDX-License-Identifier: Apache-2.0
"""A report of real hardware verified, beside the bare calls of OpenSSL, in turns."""
import os
import pathlib
import statistics
import subprocess

from measure import TOP

VERIFYING = TOP / "build/main/bench/verifying"


def evidence():
    """What tools/setup fetches for the tests."""
    cache = os.environ.get("AIRSCREW_CACHE") or pathlib.Path(
        os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "airscrew"
    folder = pathlib.Path(cache) / "go-sev-guest-0.15.0" / "testdata"
    return [folder / name for name in ("attestation.bin", "vcek.testcer", "milan.testcer")]


def run(report, new_stack, scale):
    pairs = []
    for _ in range(max(1, 5 // scale)):
        done = subprocess.run([VERIFYING, *evidence(), str(1000 // scale)], capture_output=True, text=True, check=True)
        pairs.append([1e6 / float(line) for line in done.stdout.split()])
    bare, ours = (statistics.median(values) for values in zip(*pairs))
    rows = [["three certificates and the report, parsed before", f"{bare:.0f} us", "1.00"],
            ["lib/attest, from the bytes", f"{ours:.0f} us", f"{ours / bare:.2f}"]]
    report.table("verification of a report (CPU time of one thread)", ["what", "time", "ratio"], rows,
                 bars=[(rows[0][0], bare, rows[0][1], True), (rows[1][0], ours, rows[1][1], False)],
                 note="A public report of a Milan, its VCEK and AMD's chain. Ours parses report and certificates, pins the root, and "
                      "compares extensions, times and policy as well; aim: 1.50 of the bare calls.")
