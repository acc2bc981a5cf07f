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
    signatures, bare, ours = (statistics.median(values) for values in zip(*pairs))
    rows, bars = [], []
    for what, value in (("OpenSSL: parse three certificates, verify them and the report", bare),
                        ("of that the four signatures alone, all parsed and used before", signatures),
                        ("lib/attest", ours)):
        rows.append([what, f"{value:.0f} us", f"{value / bare:.2f}"])
        bars.append((what, value, rows[-1][1], value is bare))
    report.table("verification of a report (CPU time of one thread)", ["what", "time", "ratio"], rows, bars=bars,
                 note="A public report of a Milan, its VCEK and AMD's chain, from their bytes. Ours pins the root and compares names, "
                      "extensions, times and policy as well; aim: 1.50 of the bare calls.")
