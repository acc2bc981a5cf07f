# SPDX-License-Identifier: Apache-2.0
"""Programs of earlier commits (tests/earlier.txt, tools/earlier) beside today's, in one stack."""
import functools
import os
import signal
import subprocess
from pathlib import Path

import pytest

from stack import BIN, TOP, Stack, clean_environment
from wait import patience, wait_until

EARLIER = TOP / "tests" / "earlier.txt"
LINES = [line.split(maxsplit=2) for line in EARLIER.read_text().splitlines() if line and not line.startswith("#")]
NAMES = [name for name, _, what in LINES if not what.startswith("alone:")]  # the others are for a test of their own
NO_HISTORY = 3


@functools.cache
def build(name):
    """(its folder, why it is not here)"""
    done = subprocess.run([TOP / "tools" / "earlier", name], capture_output=True, text=True, check=False,
                          env=os.environ, stdin=subprocess.DEVNULL)
    if done.returncode == NO_HISTORY:
        return None, done.stderr.strip()
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip()), None


def earlier(name):
    """The folder with its programs; skips the test, with the reason, where the history is not here."""
    folder, why = build(name)
    if folder is None:
        pytest.skip(why)
    return folder


def cli(folder, port, *words, code=0):
    """The propeller-cli of `folder`, to the manager at `port`; what it printed."""
    done = subprocess.run([folder / "propeller-cli", *(["-m", f"http://127.0.0.1:{port}"] if port else []),
                           *map(str, words)], capture_output=True, text=True, timeout=patience(), check=False,
                          stdin=subprocess.DEVNULL, env=clean_environment())
    assert code is None or done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done


# Programs of before lib/http took the end of libmicrohttpd into its own hands are at times ended by
# it, while connections come in. They lose nothing by that.
OLD_ABORT = "Failed to remove listen FD"


class Mixed(Stack):
    """A stack in which each program may be of another commit: `of[its name here]` is its folder."""

    def __init__(self, folder):
        super().__init__(folder)
        self.of = {}

    def spawn(self, name, command, environment=None):
        program = Path(command[0])
        if program.parent == BIN:
            command = [self.of.get(name, BIN) / program.name, *command[1:]]
        return super().spawn(name, command, environment)

    def ended_well(self, name, process, code):
        old = self.of.get(name, BIN) != BIN and code == -signal.SIGABRT and OLD_ABORT in process.text()
        return old or super().ended_well(name, process, code)

    def exchange(self, name, folder, meanwhile=lambda: None):
        """What an upgrade does: the program ends, and the other one starts over the same state."""
        process = self.processes[name]
        assert self.ended_well(name, process, process.stop()), process.text()[-4000:]
        meanwhile()
        self.of[name] = folder
        process.command[0] = str(folder / Path(process.command[0]).name)
        process.start()

    def gone(self, name):
        """Once the manager has heard of a worker's end: it takes it for alive until then, and places tasks there."""
        wait_until(lambda: not self.proplet_view(name).get("alive"), 30, f"the end of {name}, as the manager knows it")

    def exchange_worker(self, name, folder):
        """Where a manager is there; afterwards it has heard the new one."""
        earlier_boot = self.proplet_view(name).get("boot")
        self.exchange(name, folder, lambda: self.gone(name))
        self.proplet_ready(name, earlier=earlier_boot)
