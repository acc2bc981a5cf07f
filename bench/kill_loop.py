# SPDX-License-Identifier: Apache-2.0
"""Rounds of kill -9 under load, from the system tests; the number is how many passed."""
import os
import subprocess
import sys
import time

from measure import BIN, TOP

ROUNDS = 100


def run(report, _new_stack, scale):
    rounds = ROUNDS // scale
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                           "--timeout", str(60 * rounds), TOP / "tests/test_z_kill_loop.py"],
                          env={**os.environ, "AIRSCREW_BIN": str(BIN), "PYTHONDONTWRITEBYTECODE": "1",
                               "AIRSCREW_KILL_ROUNDS": str(rounds)},
                          cwd=TOP, capture_output=True, text=True)
    took = time.perf_counter() - begin
    verdict = "nothing lost, started twice, recorded twice or gone backwards" if done.returncode == 0 else (
        "FAILED: " + done.stdout[-2000:])
    report.table("kill loop", ["rounds", "seconds", "result"], [[rounds, f"{took:.0f}", verdict]])
