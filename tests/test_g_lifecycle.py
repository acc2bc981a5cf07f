# SPDX-License-Identifier: Apache-2.0
"""Start, stop, queue, attempts: what each state allows."""
import time
import uuid

import pytest

from api import COMPLETED, FAILED, INTERRUPTED, PENDING, RUNNING, SCHEDULED, instant
from modules import example, guest
from wait import wait_until

ADD = example("add")


def running(rest, **fields):
    task = rest.create("nap", guest("nap"), inputs=["600000"], **fields)
    rest.start(task["id"])
    wait_until(lambda: rest.task(task["id"])["state"] == RUNNING, 10, "Running")
    return task["id"]


def test_start_of_a_running_task(rest):
    task_id = running(rest)
    assert rest.expect(409, "POST", f"/tasks/{task_id}/start").error
    assert rest.task(task_id)["attempt"] == 1
    rest.stop(task_id)
    rest.wait(task_id)


def test_a_wait_may_be_preferred(rest):
    """`Prefer: wait=…` (RFC 7240) is `?wait=…`; what cannot be read is passed over, as a preference is."""
    task = running(rest)
    began = time.monotonic()
    assert rest.expect(200, "GET", f"/tasks/{task}", headers={"Prefer": "respond-async, wait=1"}).json["state"] == RUNNING
    assert 0.9 < time.monotonic() - began
    rest.expect(200, "GET", f"/tasks/{task}", headers={"Prefer": "wait=soon"})
    rest.stop(task)
    assert rest.expect(200, "GET", f"/tasks/{task}", headers={"Prefer": "wait=60"}).json["state"] == INTERRUPTED


def test_stop_ends_as_interrupted(rest):
    task_id = running(rest)
    rest.stop(task_id)
    done = rest.wait(task_id)
    assert done["state"] == INTERRUPTED
    assert done["error"]
    assert done["history"][-1]["state"] == INTERRUPTED
    assert "user" in done["history"][-1]["cause"] or "stop" in done["history"][-1]["cause"]


def test_stop_of_what_does_not_run(rest):
    fresh = rest.create("add", ADD, inputs=[1, 2])
    assert rest.expect(409, "POST", f"/tasks/{fresh['id']}/stop").error
    done = rest.run("add", ADD, inputs=[1, 2])
    assert rest.expect(409, "POST", f"/tasks/{done['id']}/stop").error
    assert rest.expect(404, "POST", f"/tasks/{uuid.uuid4()}/stop").error


@pytest.mark.parametrize("fields,state", [({"inputs": [1, 2]}, COMPLETED),
                                          ({"inputs": [1]}, FAILED)])
def test_a_finished_task_starts_again_as_a_new_attempt(rest, fields, state):
    done = rest.run("add", ADD, **fields)
    assert (done["attempt"], done["state"]) == (1, state)
    for attempt in (2, 3):
        rest.start(done["id"])
        done = rest.wait(done["id"])
        assert (done["attempt"], done["state"]) == (attempt, state)
    moves = [(move["attempt"], move["state"]) for move in done["history"]]
    assert moves == sorted(moves)
    assert [m for m in moves if m[1] == state] == [(1, state), (2, state), (3, state)]


def test_an_interrupted_task_starts_again(rest):
    task_id = running(rest)
    rest.stop(task_id)
    rest.wait(task_id)
    rest.start(task_id)
    wait_until(lambda: rest.task(task_id)["state"] == RUNNING, 10, "Running again")
    assert rest.task(task_id)["attempt"] == 2
    assert not rest.task(task_id).get("error")
    rest.stop(task_id)
    assert rest.wait(task_id)["attempt"] == 2


def test_double_start_runs_once(rest):
    """Two starts on their way at once: one is the attempt, the other a conflict."""
    from concurrent.futures import ThreadPoolExecutor
    task = rest.create("nap", guest("nap"), inputs=["600000"])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: rest.call("POST", f"/tasks/{task['id']}/start").status,
                                range(8)))
    assert sorted(answers) == [200] + [409] * 7
    rest.stop(task["id"])
    done = rest.wait(task["id"])
    assert done["attempt"] == 1 and done["state"] == INTERRUPTED


def test_update_of_a_running_task(rest):
    task_id = running(rest)
    assert rest.call("PUT", f"/tasks/{task_id}", {"inputs": ["1"]}).status == 409
    rest.stop(task_id)
    rest.wait(task_id)


def test_pinned(rest):
    done = rest.run("add", ADD, inputs=[1, 2], proplet_id="worker-1")
    assert done["state"] == COMPLETED


def test_pinned_to_an_unknown_worker(rest):
    task = rest.create("add", ADD, inputs=[1, 2], proplet_id="nobody")
    answer = rest.expect(409, "POST", f"/tasks/{task['id']}/start")
    assert "nobody" in answer.error
    assert rest.task(task["id"])["state"] == PENDING


def test_no_live_worker(stack):
    stack.start_broker()
    stack.start_manager()
    rest = stack.rest
    task = rest.create("add", ADD, inputs=[1, 2])
    assert rest.expect(503, "POST", f"/tasks/{task['id']}/start").error
    assert rest.task(task["id"])["state"] == PENDING
    stack.start_proplet()
    rest.start(task["id"])
    assert rest.wait(task["id"])["results"] == "3"


def test_no_worker_for_the_engine(rest):
    """The only worker has no external runtime."""
    task = rest.create("add", ADD, inputs=[1, 2], engine="external")
    answer = rest.expect(409, "POST", f"/tasks/{task['id']}/start")
    assert "external" in answer.error


def test_queue(stack):
    """All busy: Pending and queued; starting it again changes nothing; it runs when a slot is free."""
    stack.start(PROPLET_SLOTS="2")
    rest = stack.rest
    first, second = running(rest), running(rest)
    waiting = rest.create("add", ADD, inputs=[1, 2])
    answer = rest.expect(200, "POST", f"/tasks/{waiting['id']}/start").json
    assert answer["started"] is True
    seen = rest.task(waiting["id"])
    assert (seen["state"], seen["queued"]) == (PENDING, True)
    again = rest.expect(200, "POST", f"/tasks/{waiting['id']}/start").json
    assert again["started"] is True
    assert rest.task(waiting["id"])["attempt"] == seen["attempt"]
    rest.stop(first)
    done = rest.wait(waiting["id"])
    assert (done["state"], done["results"]) == (COMPLETED, "3")
    assert done["attempt"] == seen["attempt"]
    assert not done.get("queued")
    rest.stop(second)
    rest.wait(second)


def test_stop_of_a_queued_task(stack):
    stack.start(PROPLET_SLOTS="1")
    rest = stack.rest
    first = running(rest)
    waiting = rest.create("add", ADD, inputs=[1, 2])
    rest.start(waiting["id"])
    assert rest.task(waiting["id"])["queued"] is True
    rest.stop(waiting["id"])
    done = rest.wait(waiting["id"])
    assert done["state"] == INTERRUPTED and not done.get("queued")
    rest.stop(first)
    rest.wait(first)
    assert rest.task(waiting["id"])["state"] == INTERRUPTED


def test_queue_order(stack):
    stack.start(PROPLET_SLOTS="1")
    rest = stack.rest
    first = running(rest)
    ids = [rest.create("add", ADD, inputs=[n, 0])["id"] for n in range(5)]
    for task_id in ids:
        rest.start(task_id)
    rest.stop(first)
    done = [rest.wait(task_id) for task_id in ids]
    begun = [instant(task["start_time"]) for task in done]
    assert begun == sorted(begun), "first come, first served"


def test_placement_spreads(stack):
    stack.start(workers=2)
    rest = stack.rest
    ids = [running(rest) for _ in range(4)]
    counts = {view["id"]: view["task_count"] for view in rest.get("/proplets").json["proplets"]}
    assert counts == {"worker-1": 2, "worker-2": 2}
    for task_id in ids:
        rest.stop(task_id)
        rest.wait(task_id)
    wait_until(lambda: all(v["task_count"] == 0 for v in rest.get("/proplets").json["proplets"]),
               5, "task_count to go back")


def test_daemon_runs_until_it_is_stopped(rest):
    task_id = running(rest, daemon=True)
    assert rest.task(task_id)["daemon"] is True
    assert rest.task(task_id)["limits"].get("wall_seconds", 0) == 0
    rest.stop(task_id)
    assert rest.wait(task_id)["state"] == INTERRUPTED


def test_states_are_in_order(rest):
    task_id = running(rest)
    rest.stop(task_id)
    rest.wait(task_id)
    moves = rest.states(task_id)
    assert moves == sorted(moves)
    assert (1, SCHEDULED) in moves and (1, RUNNING) in moves and moves[-1] == (1, INTERRUPTED)
