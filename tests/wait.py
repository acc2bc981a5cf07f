# SPDX-License-Identifier: Apache-2.0
"""Waiting for conditions, never for fixed times."""
import os
import time

# Builds with sanitizers are several times slower; tools/check says so.
PATIENCE = float(os.environ.get("AIRSCREW_PATIENCE", "1"))
# What a machine that does other work may take for anything: it costs nothing where things work.
LONG = 60


def patience(seconds=LONG):
    """How long a deadline of `seconds` is here: never less than LONG, since no deadline is a measurement."""
    return max(seconds, LONG) * PATIENCE


def wait_until(condition, seconds=LONG, what=None, pause=0.02):
    """The first true value that condition() returns; AssertionError after patience(seconds)."""
    deadline = time.monotonic() + patience(seconds)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience(seconds):g} s for {what or condition.__name__}"
                                 f"; the last value was {value!r}")
        time.sleep(pause)


def stays(condition, seconds):
    """True if condition() holds at every look for `seconds`: for things that must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            return False
        time.sleep(0.02)
    return True
