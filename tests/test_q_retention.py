# SPDX-License-Identifier: Apache-2.0
"""Tasks that ended long ago are removed, and module files that nobody needs; nothing else is."""
from api import COMPLETED, RUNNING
from modules import example, guest
from wait import wait_until


def modules(stack):
    return {path.name for path in (stack.folder / "state-manager" / "modules").iterdir()}


def test_ended_tasks_are_removed(stack):
    """The manager looks once a minute, and once when it starts."""
    stack.start_broker()
    stack.start_manager()
    stack.start_proplet()
    rest = stack.rest
    ended = rest.run("add", example("add"), inputs=[1, 2])
    failed = rest.run("fib", example("fib"), inputs=["x"], invoke="fib")
    running = rest.create("nap", guest("nap"), inputs=["600000"])
    waiting = rest.create("never started", example("hello-world"))
    shared = rest.create("never started either", example("add"))
    rest.start(running["id"])
    wait_until(lambda: rest.task(running["id"])["state"] == RUNNING, 30, "Running")
    assert len(modules(stack)) == 4
    stack.manager.stop()
    stack.manager.environment["MANAGER_TASK_RETENTION"] = "1ms"
    stack.restart_manager()
    for task in (ended, failed):
        wait_until(lambda: rest.get(f"/tasks/{task['id']}").status == 404, 30, "its removal")
    wait_until(lambda: len(modules(stack)) == 3, 30, "the removal of a module")
    assert failed["digest"] not in modules(stack) and shared["digest"] in modules(stack)
    left = {task["id"] for task in rest.get("/tasks").json["tasks"]}
    assert left == {running["id"], waiting["id"], shared["id"]}
    assert rest.task(running["id"])["state"] == RUNNING
    rest.stop(running["id"])
    stack.proplet_ready()
    rest.start(shared["id"])


def test_zero_keeps_all(stack):
    stack.start_broker()
    stack.start_manager(MANAGER_TASK_RETENTION="0")
    stack.start_proplet()
    done = stack.rest.run("add", example("add"), inputs=[1, 2])
    stack.manager.stop()
    stack.restart_manager()
    assert stack.rest.task(done["id"])["state"] == COMPLETED
