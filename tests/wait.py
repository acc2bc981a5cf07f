# SPDX-License-Identifier: Apache-2.0
"""Waiting for conditions, never for fixed times."""
import os
import time

# Builds with sanitizers are several times slower; tools/check says so.
PATIENCE = float(os.environ.get("AIRSCREW_PATIENCE", "1"))


def wait_until(condition, seconds=30, what=None, pause=0.02):
    """The first true value that condition() returns; AssertionError after `seconds`.

    A deadline ends what would never come, and costs nothing where it comes: it is no statement
    about speed, and must be one that a machine whose cores are all busy keeps easily.
    """
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds * PATIENCE:g} s for {what or condition.__name__}"
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
