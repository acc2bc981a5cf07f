# SPDX-License-Identifier: Apache-2.0
"""A stop works, whatever the guest does."""
import pytest

from api import INTERRUPTED, RUNNING
from modules import example, guest
from wait import wait_until


def start_running(rest, name, module, **fields):
    task = rest.create(name, module, **fields)
    rest.start(task["id"])
    wait_until(lambda: rest.task(task["id"])["state"] == RUNNING, 10, "Running")
    return task["id"]


@pytest.mark.parametrize("engine", ["multipass", "singlepass", "interp"])
@pytest.mark.parametrize("name,module", [("spin", "loop"), ("_start", "nap")])
def test_a_stop_ends_it(rest, engine, name, module):
    """Neither would end by itself."""
    for _ in range(3):
        task_id = start_running(rest, name, guest(module), invoke=name, engine=engine)
        rest.stop(task_id)
        assert rest.wait(task_id)["state"] == INTERRUPTED


def test_a_stop_waits_for_no_heartbeat(stack):
    """It is a message of its own, and so is what came of it."""
    stack.start(PROPLET_LIVELINESS_INTERVAL="1h")
    for name, module in (("spin", "loop"), ("_start", "nap")):
        task_id = start_running(stack.rest, name, guest(module), invoke=name)
        stack.rest.stop(task_id)
        assert stack.rest.wait(task_id)["state"] == INTERRUPTED


def test_a_stopped_loop_burns_no_cpu(up, rest):
    task_id = start_running(rest, "spin", guest("loop"), invoke="spin")
    rest.stop(task_id)
    rest.wait(task_id)
    before = up.proplet().cpu_seconds()
    rest.run("nap", guest("nap"), inputs=["500"])
    assert up.proplet().cpu_seconds() - before < 0.4


def test_output_before_a_stop_is_kept(rest):
    task_id = start_running(rest, "sleeper", example("sleeper"), cli_args=["60"])
    rest.stop(task_id)
    done = rest.wait(task_id)
    assert done["state"] == INTERRUPTED and done.get("stdout", "") == ""


def test_stop_of_many(rest):
    ids = [start_running(rest, "nap", guest("nap"), inputs=["600000"]) for _ in range(30)]
    for task_id in ids:
        rest.stop(task_id)
    assert all(rest.wait(task_id)["state"] == INTERRUPTED for task_id in ids)


def test_a_second_stop_does_no_harm(rest):
    task_id = start_running(rest, "_start", guest("nap"))
    answers = {rest.call("POST", f"/tasks/{task_id}/stop").status for _ in range(3)}
    assert answers <= {200, 409}
    assert rest.wait(task_id)["state"] == INTERRUPTED


def test_the_worker_ends_although_guests_run(stack):
    """SIGTERM drains: running guests are stopped, and told about, within the time of grace."""
    stack.start()
    task_id = start_running(stack.rest, "spin", guest("loop"), invoke="spin")
    assert stack.proplet().stop() == 0
    done = stack.rest.wait(task_id)
    assert done["state"] == INTERRUPTED, done
