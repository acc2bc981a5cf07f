# SPDX-License-Identifier: Apache-2.0
"""The browser of the dashboard's tests: nothing of it stays, however a test ends."""
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import browser as browser_module
from browser import SECONDS, SLOW, alive, chromium, process_of
from wait import wait_until

pytestmark = pytest.mark.timeout(SLOW)


def test_it_ends_with_a_test_that_fails():
    with pytest.raises(ValueError, match="as a test may"):
        with chromium() as browser:
            pid = process_of(browser)
            assert alive(pid)
            raise ValueError("as a test may")
    assert not alive(pid)


def test_it_is_killed_where_it_does_not_close(monkeypatch):
    monkeypatch.setattr(browser_module, "END_SECONDS", 1)
    with chromium() as browser:
        pid = process_of(browser)
        os.killpg(pid, signal.SIGSTOP)
    assert not alive(pid)


def test_it_ends_with_tests_that_are_killed():
    """Without a word: kill -9."""
    code = "import time; from browser import chromium, process_of\nwith chromium() as own: print(process_of(own), flush=True); time.sleep(3600)"
    tests = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True)
    try:
        pid = int(tests.stdout.readline())
        assert alive(pid)
    finally:
        tests.kill()
        tests.wait()
        tests.stdout.close()
    wait_until(lambda: not alive(pid), SECONDS, "Chromium is gone")
