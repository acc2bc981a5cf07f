# SPDX-License-Identifier: Apache-2.0
"""`restart`: an ended task begins again by itself, as a new attempt, bounded and with pauses."""
import time

import pytest

from api import COMPLETED, FAILED, INTERRUPTED, PENDING, RUNNING
from modules import example, guest, wat
from wait import stays, wait_until

ADD = example("add")
TRAP = wat("(module (func (export \"main\") unreachable))")


def running(rest, task_id, attempt):
    """Its view, while that attempt runs."""
    task = rest.task(task_id)
    return task if (task["state"], task["attempt"]) == (RUNNING, attempt) else None


def causes(rest, task_id):
    return [move["cause"] for move in rest.task(task_id)["history"]]


def ends(rest, task_id):
    """How each attempt ended."""
    return [(attempt, state) for attempt, state in rest.states(task_id)
            if state in (COMPLETED, FAILED, INTERRUPTED)]


def test_never_is_the_default(rest):
    task = rest.create("boom", TRAP)
    rest.start(task["id"])
    assert rest.wait(task["id"])["state"] == FAILED
    assert stays(lambda: rest.task(task["id"])["attempt"] == 1, 1.2)


@pytest.mark.parametrize("policy,module,inputs,end", [
    ("on-failure", TRAP, [], FAILED), ("always", TRAP, [], FAILED), ("always", ADD, [1, 2], COMPLETED)])
def test_restarts_are_bounded(rest, policy, module, inputs, end):
    task = rest.create("x", module, inputs=inputs, restart=policy, restart_limit=2,
                       invoke="main" if module is TRAP else "add")
    begin = time.monotonic()
    rest.start(task["id"])
    done = rest.wait(task["id"])  # answers only at the very end
    took = time.monotonic() - begin
    assert (done["state"], done["attempt"], done["restarts"]) == (end, 3, 2), done
    assert ends(rest, task["id"]) == [(1, end), (2, end), (3, end)]
    assert took >= 3, "1 s before the first restart, 2 s before the second"
    moves = [(move["attempt"], move["state"]) for move in done["history"]]
    assert moves == sorted(moves)
    if end == FAILED:
        assert "unreachable" in next(m for m in done["history"] if m["state"] == FAILED)["cause"]
    rest.start(task["id"])  # by a user: the series begins anew
    wait_until(lambda: causes(rest, task["id"]).count("restart 1 of 2 in 1 s") == 2, what="the first restart once more")
    assert rest.call("POST", f"/tasks/{task['id']}/stop").status in (200, 409)  # 409: it is over already


def test_success_needs_no_restart(rest):
    task = rest.create("add", ADD, inputs=[1, 2], restart="on-failure")
    rest.start(task["id"])
    assert rest.wait(task["id"])["attempt"] == 1
    assert stays(lambda: rest.task(task["id"])["state"] == COMPLETED, 1.2)


def test_a_stop_ends_it(stack):
    """While it runs, and while it waits for its restart: until the stop there is no worker for that."""
    stack.start()
    rest = stack.rest
    lasting, waiting = (rest.create("nap", guest("nap"), inputs=["600000"], restart="always")["id"] for _ in range(2))
    for task_id in (lasting, waiting):
        rest.start(task_id)
        wait_until(lambda task_id=task_id: running(rest, task_id, 1), what="Running")

    def stop(task_id):
        rest.stop(task_id)
        done = rest.wait(task_id)
        assert done["state"] == INTERRUPTED and "user" in done["history"][-1]["cause"]
        return done["attempt"]
    attempt = stop(lasting)
    assert stays(lambda: rest.task(lasting)["attempt"] == attempt, 1.5)
    stack.proplet().kill()
    view = wait_until(lambda: (t := rest.task(waiting)).get("restart_at") and t, 10, "a pause")
    assert (view["state"], view["queued"], view["attempt"]) == (PENDING, True, view["restarts"] + 1)
    attempt = stop(waiting)
    stack.start_proplet()
    assert stays(lambda: rest.task(waiting)["attempt"] == attempt, 1.5)


def test_a_user_need_not_wait(rest):
    task = rest.create("boom", TRAP, restart="always", restart_limit=100)
    rest.start(task["id"])
    wait_until(lambda: rest.task(task["id"]).get("restarts", 0) >= 4, what="a pause of 8 s")
    early = "started by a user before its time"

    def hurried():
        rest.call("POST", f"/tasks/{task['id']}/start")  # 409: the pause was over, and the next one is longer
        return early in causes(rest, task["id"])
    wait_until(hurried, what="a start within a pause")
    before = len(ends(rest, task["id"]))
    wait_until(lambda: len(ends(rest, task["id"])) > before, what="the end of an attempt")
    said = causes(rest, task["id"])
    assert said[said.index(early) + 1] == "placed on worker-1"
    rest.stop(task["id"])


def test_a_lost_worker_counts_as_failure(stack):
    stack.start(workers=2)
    task = stack.rest.create("nap", guest("nap"), inputs=["600000"], restart="on-failure")
    stack.rest.start(task["id"])
    first = wait_until(lambda: running(stack.rest, task["id"], 1), what="Running")["proplet_id"]
    stack.proplet(first).kill()
    second = wait_until(lambda: running(stack.rest, task["id"], 2), what="Running again")["proplet_id"]
    assert {first, second} == {"worker-1", "worker-2"}
    stack.rest.stop(task["id"])
    assert stack.rest.wait(task["id"])["state"] == INTERRUPTED


def test_the_manager_remembers(stack):
    """A pause outlives kill -9 of the manager."""
    stack.start()
    task = stack.rest.create("boom", TRAP, restart="always", restart_limit=3)
    stack.rest.start(task["id"])
    wait_until(lambda: stack.rest.task(task["id"]).get("restarts", 0) >= 2, what="the second pause")
    stack.manager.kill()
    stack.restart_manager()
    done = stack.rest.wait(task["id"], 30)
    assert (done["state"], done["attempt"], done["restarts"]) == (FAILED, 4, 3), done
    assert ends(stack.rest, task["id"]) == [(n, FAILED) for n in (1, 2, 3, 4)]
