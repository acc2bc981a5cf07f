# SPDX-License-Identifier: Apache-2.0
"""Large modules compile in a child: it delays nothing, a stop ends it, and it dies with the worker."""
import functools
import os
from pathlib import Path

import pytest

from api import COMPLETED, FAILED, INTERRUPTED
from bus import Bus
from modules import example, leb, section, sleb
from wait import wait_until


@functools.lru_cache
def bomb(functions, length):
    """A valid module that takes long: `two` gives 2, and long functions that nobody calls."""
    step = b"".join(b"\x41" + sleb(i + 2) + b"\x6c\x22\x01\x20\x02\x6a\x22\x02" for i in range(length))
    long = b"\x01\x02\x7f\x20\x00" + step + b"\x0b"
    two = b"\x00\x41\x02\x0b"
    bodies = leb(len(two)) + two + (leb(len(long)) + long) * functions
    module = b"\0asm\1\0\0\0"
    module += section(1, b"\x02\x60\x00\x01\x7f\x60\x01\x7f\x01\x7f")
    module += section(3, leb(functions + 1) + b"\x00" + b"\x01" * functions)
    module += section(7, b"\x01\x03two\x00\x00")
    return module + section(10, leb(functions + 1) + bodies)


def slow():
    """About 30 MB: most of a minute of CPU time in multipass."""
    return bomb(3000, 1000)


def children(pid):
    """The ids of a process's children that are alive, whichever of its threads started them."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            pass  # a thread that has just ended
    return [child for child in found if not gone(child)]


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def start_compiling(stack, **fields):
    """A started task and the child that compiles its module."""
    task = stack.rest.create("two", slow(), invoke="two", **fields)
    stack.rest.start(task["id"])
    found = wait_until(lambda: children(stack.proplet().pid), 30, "a child that compiles", pause=0.001)
    return task["id"], found[0]


def test_a_large_module_runs(rest):
    done = rest.run("two", bomb(60, 1000), invoke="two")
    assert done["state"] == COMPLETED and done["results"] == "2", done


def test_everything_else_goes_on(stack):
    stack.start(PROPLET_LIVELINESS_INTERVAL="1")
    rest, worker = stack.rest, stack.proplet()
    rest.run("add", example("add"), inputs=[1, 2])
    with Bus(stack, listen=False) as bus:
        bus.client.subscribe(stack.topic("control/proplet/alive"), qos=1)
        task_id, child = start_compiling(stack)
        small, ran, beats = worker.rss_bytes(), 0, len(bus.times("control/proplet/alive"))
        while ran < 5 or len(bus.times("control/proplet/alive")) < beats + 3:
            assert rest.run("add", example("add"), inputs=[1, 2])["state"] == COMPLETED
            small, ran = max(small, worker.rss_bytes()), ran + 1
        assert not gone(child), "it has compiled before anything else went on"
        assert small < 200 << 20, (ran, small)
    rest.stop(task_id)
    assert rest.wait(task_id)["state"] == INTERRUPTED


def test_a_stop_ends_it(stack):
    """The child has used next to nothing of the processor time that it needs to the end."""
    stack.start()
    used = []
    for _ in range(3):
        before = stack.proplet().cpu_seconds(children=True)
        task_id, child = start_compiling(stack)
        stack.rest.stop(task_id)
        done = stack.rest.wait(task_id)
        assert done["state"] == INTERRUPTED, done
        wait_until(lambda pid=child: gone(pid), 30, "the end of the child")
        used.append(stack.proplet().cpu_seconds(children=True) - before)
    assert min(used) < 15, used


def test_it_dies_with_the_worker(stack):
    stack.start()
    _, child = start_compiling(stack)
    worker = stack.proplet()
    worker.ended_by_test = True
    worker.popen.kill()  # the worker alone, not its group
    worker.popen.wait()
    wait_until(lambda: gone(child), 30, "the end of the child")


def test_it_shows_nothing(stack):
    """No core dump, and of the environment nothing that is secret."""
    stack.start()
    task_id, child = start_compiling(stack)
    wait_until(lambda: b"--engine-child" in Path(f"/proc/{child}/cmdline").read_bytes(),
               5, "the child to be itself", pause=0.001)  # until then it is a copy of the worker
    wait_until(lambda: "Max core file size        0 " in Path(f"/proc/{child}/limits").read_text(),
               5, "the limit of core dumps", pause=0.001)
    assert b"key-of" not in Path(f"/proc/{child}/environ").read_bytes()
    stack.rest.stop(task_id)
    stack.rest.wait(task_id)


@pytest.mark.parametrize("setting,value,says", [
    ("PROPLET_COMPILE_CPU", "1", "CPU time"),
    ("PROPLET_COMPILE_MEMORY", "400MiB", "of memory"),
])
def test_limits_are_told(stack, setting, value, says):
    if setting.endswith("MEMORY") and os.environ.get("AIRSCREW_SANITIZED"):
        pytest.skip("a sanitizer needs all addresses: there is no such limit then")
    stack.start(**{setting: value})
    done = stack.rest.run("two", slow(), seconds=240, invoke="two")
    assert done["state"] == FAILED and says in done["error"] and "singlepass" in done["error"], done
    assert stack.rest.run("add", example("add"), inputs=[1, 2])["state"] == COMPLETED
