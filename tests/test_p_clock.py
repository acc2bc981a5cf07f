# SPDX-License-Identifier: Apache-2.0
"""A wall clock that jumps an hour forth and back: nobody is taken for dead, no limit moves."""
import os
import struct
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from api import COMPLETED, FAILED, RUNNING
from modules import example, guest
from wait import wait_until

pytestmark = pytest.mark.skipif(bool(os.environ.get("AIRSCREW_SANITIZED")),
                                reason="a sanitizer wants to be the first library, so no clock can be put before it")
HOUR = 3600


class Clock:
    """tests/clock/shift.c between the programs and the kernel; the broker keeps the real time."""

    def __init__(self, folder):
        self.library, self.file = folder / "shift.so", folder / "shift"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-o", self.library,
                        Path(__file__).parent / "clock" / "shift.c", "-ldl"], check=True)
        self.jump(0)
        self.settings = {"LD_PRELOAD": self.library, "SHIFT_FILE": self.file}

    def jump(self, seconds):
        """To so far from the real time."""
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("<q", seconds))


@pytest.fixture(name="clock")
def clock_fixture(stack):
    clock = Clock(stack.folder)
    stack.start_broker()
    stack.start_manager(**clock.settings)
    stack.start_proplet(**clock.settings)
    return clock


def seen(text):
    return datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00")


def age(text):
    """Seconds between a time of the programs and the real time."""
    return abs((datetime.now(timezone.utc) - seen(text)).total_seconds())


def test_the_clock_is_really_moved(stack, clock):
    clock.jump(HOUR)
    done = stack.rest.run("add", example("add"), inputs=[1, 2])
    assert HOUR - 60 < age(done["finish_time"]) < HOUR + 60, done


@pytest.mark.parametrize("jumps", [(HOUR, 0), (-HOUR, 0), (HOUR, -HOUR, HOUR)], ids=str)
def test_nobody_dies_and_what_runs_goes_on(stack, clock, jumps):
    rest = stack.rest
    task = rest.create("nap", guest("nap"), inputs=["600000"])
    rest.start(task["id"])
    wait_until(lambda: rest.task(task["id"])["state"] == RUNNING, 30, "Running")
    for jump in jumps:
        clock.jump(jump)
        beats = stack.proplet_view()["last_alive_at"]
        wait_until(lambda before=beats: stack.proplet_view()["last_alive_at"] != before, 10,
                   "a heartbeat after the jump")
        assert stack.proplet_view()["alive"] and rest.task(task["id"])["state"] == RUNNING
        assert rest.run("add", example("add"), inputs=[1, 2])["results"] == "3"
    assert rest.task(task["id"])["attempt"] == 1
    rest.stop(task["id"])
    rest.wait(task["id"])


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_limits_and_waits_keep_their_length(stack, clock, jump):
    """A wall limit of two seconds, and ?wait=1, during a jump: neither is over at once, or in an hour."""
    rest = stack.rest
    other = rest.create("nap", guest("nap"), inputs=["600000"])
    rest.start(other["id"])
    task = rest.create("nap", guest("nap"), inputs=["600000"], limits={"wall_seconds": 2})
    begin = time.monotonic()
    rest.start(task["id"])
    clock.jump(jump)
    waited = time.monotonic()
    rest.get(f"/tasks/{other['id']}?wait=1")
    assert time.monotonic() - waited > 0.9
    done = rest.wait(task["id"])
    assert done["state"] == FAILED and "wall" in done["error"]
    assert time.monotonic() - begin > 1.9
    rest.stop(other["id"])
    rest.wait(other["id"])


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_restart_waits_its_time(stack, clock, jump):
    """One second after the failure, whatever the clock says meanwhile; and history stays in order."""
    rest = stack.rest
    task = rest.create("crash", example("crash"), inputs=["exit", "3"], restart="on-failure",
                       restart_limit=1)
    begin = time.monotonic()
    rest.start(task["id"])
    wait_until(lambda: rest.task(task["id"]).get("restarts") == 1, 30, "a restart that waits")
    clock.jump(jump)
    done = rest.wait(task["id"])
    assert (done["state"], done["attempt"]) == (FAILED, 2), done
    assert time.monotonic() - begin > 0.9
    moves = [(move["attempt"], move["state"]) for move in done["history"]]
    assert moves == sorted(moves)


def test_a_manager_that_begins_in_another_hour(stack, clock):
    """What was stored an hour from now, and a restart that was due then."""
    rest = stack.rest
    kept = rest.run("add", example("add"), inputs=[1, 2])
    nap = rest.create("nap", guest("nap"), inputs=["600000"])
    rest.start(nap["id"])
    wait_until(lambda: rest.task(nap["id"])["state"] == RUNNING, 30, "Running")
    for jump in (HOUR, -HOUR):
        clock.jump(jump)
        stack.manager.kill()
        stack.restart_manager()
        stack.proplet_ready()
        assert rest.task(kept["id"])["state"] == COMPLETED
        assert rest.task(nap["id"])["state"] == RUNNING
    rest.stop(nap["id"])
    rest.wait(nap["id"])
