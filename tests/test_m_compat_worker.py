# SPDX-License-Identifier: Apache-2.0
"""Old workers (Propeller's Rust proplet, scripted) with our manager: reference checklist, lines 2,
4 and 6; chips (line 3) are not here.

What is shown elsewhere: the types of a start and all ten members of `monitoring_profile`
(test_m_messages.py, `test_an_old_worker_gets_the_old_form`, `test_old_workers_get_seconds_*`), the
members of a stop (`test_an_old_worker_is_told_to_stop`), failures (`test_an_old_worker_fails_a_task`),
a heartbeat of somebody unknown (`test_an_unknown_worker_is_registered_by_its_heartbeat`).
"""
import base64
import json
import threading
import time

import pytest

from api import COMPLETED, FAILED, INTERRUPTED, PENDING, RUNNING
from bus import Bus
from modules import big_module, example, guest
from peers import listening
from propeller import OldWorker
from wait import stays, wait_until

PACKET_MAX = 10 << 20


@pytest.fixture
def ours(stack):
    """Broker and manager, which hears what is said from now on; workers are scripts."""
    stack.start_broker()
    stack.start_manager()
    listening(stack)
    with Bus(stack, "old-one") as bus:
        stack.bus = bus
        yield stack


def worker_of(stack, answer=None, name="old-one"):
    worker = OldWorker(stack.bus, answer, name)
    worker.announce()
    wait_until(lambda: stack.proplet_view(name).get("alive"), 30, "alive")
    return worker


def running_task(stack, worker, **fields):
    """A task that the worker has been sent; it says nothing of itself."""
    task = stack.rest.create("add", example("add"), inputs=[1, 2], **fields)
    stack.rest.start(task["id"])
    wait_until(lambda: [c for c in worker.started if c["id"] == task["id"]], 30, "the start")
    return task["id"]


def say_result(stack, **message):
    stack.bus.say("control/proplet/results", message)


def settled(stack):
    """Everything that was said before has been read."""
    name = f"marker-{time.monotonic_ns()}"
    stack.bus.say("control/proplet/alive", {"proplet_id": name, "status": "alive"})
    wait_until(lambda: stack.proplet_view(name), 30, "the marker")


def test_instant_answers_are_never_lost(ours):
    """200 of them, each sent from inside the callback that hears the start."""
    worker = OldWorker(ours.bus, None)

    def answer_at_once(path, payload):
        if path == "control/manager/start":
            message = {"task_id": json.loads(payload)["id"], "proplet_id": "old-one",
                       "results": "now", "error": None}
            ours.bus.client.publish(ours.topic("control/proplet/results"), json.dumps(message), qos=1)
    ours.bus.handlers.append(answer_at_once)
    worker.announce()
    wait_until(lambda: ours.proplet_view("old-one").get("alive"), 30, "alive")
    done = {}

    def run(numbers):
        for number in numbers:
            worker.beat()  # who says nothing for half a minute is gone
            done[number] = ours.rest.run("add", example("add"), inputs=[number, 1])
    threads = [threading.Thread(target=run, args=[range(first, 200, 8)]) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 200
    for task in done.values():
        assert (task["state"], task["results"]) == (COMPLETED, "now"), task
        assert [move["state"] for move in task["history"]][-2:] == [RUNNING, COMPLETED]
    assert ours.proplet_view("old-one")["task_count"] == 0


def test_running_is_committed_before_the_start_goes_out(ours):
    seen = []
    worker = worker_of(ours)

    def look(path, payload):
        if path == "control/manager/start":
            try:
                seen.append(ours.rest.get(f"/tasks/{json.loads(payload)['id']}").json["state"])
            except (OSError, KeyError, ValueError) as error:
                seen.append(error)
    ours.bus.handlers.append(look)
    running_task(ours, worker)
    wait_until(lambda: seen, 30, "the state")
    assert seen == [RUNNING]


@pytest.mark.parametrize("message,state,results", [
    ({"results": "text", "error": None}, COMPLETED, "text"),
    ({"results": "text"}, COMPLETED, "text"),
    ({"results": "text", "error": ""}, COMPLETED, "text"),
    ({"results": {"round_id": "r", "update_b64": "AA==", "num_samples": 1}}, COMPLETED,
     {"round_id": "r", "update_b64": "AA==", "num_samples": 1}),
    ({"results": [1, 2]}, COMPLETED, [1, 2]),
    ({"result": [52, 50]}, COMPLETED, "42"),
    ({"results": "some", "error": "Task was cancelled or panicked"}, FAILED, "some"),
    ({"results": "", "error": "boom", "proplet_id": None}, FAILED, ""),
    ({"results": "7", "error": None, "exit_code": None, "attempt": None, "boot": None}, COMPLETED, "7"),
], ids=range(9))
def test_results_in_every_shape(ours, message, state, results):
    """With and without proplet_id, which chips leave out."""
    worker = worker_of(ours)
    for identity in ({"proplet_id": "old-one"}, {}):
        task_id = running_task(ours, worker)
        say_result(ours, task_id=task_id, **{**identity, **message})
        done = ours.rest.wait(task_id)
        assert (done["state"], done["results"]) == (state, results), done
        assert ours.rest.get(f"/tasks/{task_id}/results").json == {"results": results}


@pytest.mark.parametrize("change", [{"proplet_id": "somebody"}, {"proplet_id": "old-two"}, {"attempt": 7}],
                         ids=str)
def test_results_of_somebody_else(ours, change):
    worker = worker_of(ours)
    worker_of(ours, None, "old-two")
    task_id = running_task(ours, worker, proplet_id="old-one")
    say_result(ours, **{"task_id": task_id, "proplet_id": "old-one", "results": "forged", **change})
    settled(ours)
    assert ours.rest.task(task_id)["state"] == RUNNING
    say_result(ours, task_id=task_id, proplet_id="old-one", results="true")
    assert ours.rest.wait(task_id)["results"] == "true"


def test_a_result_is_taken_once(ours):
    worker = worker_of(ours)
    task_id = running_task(ours, worker)
    for text in ("first", "second"):
        say_result(ours, task_id=task_id, proplet_id="old-one", results=text)
    say_result(ours, task_id=task_id, proplet_id="old-one", results="", error="third")
    settled(ours)
    assert ours.rest.wait(task_id)["results"] == "first"
    assert len(ours.rest.task(task_id)["history"]) == 4


def test_alive_without_create_is_a_worker(ours):
    worker = OldWorker(ours.bus, lambda command: {"results": "ok", "error": None})
    worker.beat()
    wait_until(lambda: ours.proplet_view("old-one").get("alive"), 30, "alive")
    assert ours.rest.run("add", example("add"))["results"] == "ok"


def test_create_without_alive_is_sent_nothing(ours):
    """It says `create` before it subscribes: what was sent in between would be lost."""
    worker = OldWorker(ours.bus, lambda command: {"results": "ok", "error": None})
    ours.bus.say("control/proplet/create", {"proplet_id": "old-one", "namespace": "default"})
    wait_until(lambda: ours.proplet_view("old-one"), 30, "registered")
    task = ours.rest.create("add", example("add"))
    assert ours.rest.expect(503, "POST", f"/tasks/{task['id']}/start").error
    worker.beat()
    wait_until(lambda: ours.proplet_view("old-one")["alive"], 30, "alive")
    assert ours.rest.run("add", example("add"))["results"] == "ok"


@pytest.mark.parametrize("message", [{}, {"namespace": None, "metadata": None}, {"namespace": "edge"},
                                     {"metadata": {"os": "zephyr", "tags": ["a"]}}], ids=str)
def test_create_of_every_generation(ours, message):
    """The first ones had no metadata."""
    ours.bus.say("control/proplet/create", {"proplet_id": "old-one", **message})
    ours.bus.say("control/proplet/alive", {"proplet_id": "old-one", "status": "alive"})
    wait_until(lambda: ours.proplet_view("old-one").get("alive"), 30, "alive")
    assert ours.proplet_view("old-one")["metadata"] == (message.get("metadata") or {})


def test_offline_is_honoured(ours):
    """Propeller takes it for a heartbeat. What runs there may go on: the worker may come back."""
    worker = worker_of(ours, lambda command: {"results": "ok", "error": None})
    ours.bus.say("control/proplet/alive", {"status": "offline", "proplet_id": "old-one"}, qos=0)
    wait_until(lambda: not ours.proplet_view("old-one")["alive"], 30, "offline")
    task = ours.rest.create("add", example("add"))
    answer = ours.rest.call("POST", f"/tasks/{task['id']}/start")
    assert answer.status == 503 and "alive" in answer.error
    assert ours.rest.task(task["id"])["state"] == PENDING and not worker.started
    worker.beat()
    wait_until(lambda: ours.proplet_view("old-one")["alive"], 30, "alive again")
    ours.rest.start(task["id"])
    assert ours.rest.wait(task["id"])["results"] == "ok"


def test_a_worker_that_begins_anew_has_lost_what_it_ran(ours):
    """It says `create` at the start of its process only."""
    worker = worker_of(ours)
    task_id = running_task(ours, worker)
    worker.beat()
    settled(ours)
    assert ours.rest.task(task_id)["state"] == RUNNING
    worker.announce()
    done = ours.rest.wait(task_id)
    assert done["state"] == INTERRUPTED and "restarted" in done["error"]
    assert ours.proplet_view("old-one")["task_count"] == 0


def test_a_stop_that_was_lost_is_said_again(ours):
    worker = worker_of(ours)
    task_id = running_task(ours, worker)
    ours.rest.stop(task_id)
    wait_until(lambda: len(worker.stopped) == 1, 30, "the stop")
    worker.beat()
    wait_until(lambda: len(worker.stopped) >= 2, 30, "the stop again")
    assert {stop["id"] for stop in worker.stopped} == {task_id}
    say_result(ours, task_id=task_id, proplet_id="old-one", results="", error="Task was cancelled")
    assert ours.rest.wait(task_id)["state"] == INTERRUPTED


def test_the_wall_limit_holds_there_too(ours):
    """Old workers know none, and may have lost the start: the manager ends the attempt."""
    worker = worker_of(ours)
    late = running_task(ours, worker, limits={"wall_seconds": 1})
    other = running_task(ours, worker, daemon=True)
    done = ours.rest.wait(late)
    assert done["state"] == FAILED and "wall-clock limit of 1000 ms" in done["error"], done
    wait_until(lambda: [stop["id"] for stop in worker.stopped] == [late], 30, "the stop")
    say_result(ours, task_id=late, proplet_id="old-one", results="too late")
    settled(ours)
    assert ours.rest.task(late)["state"] == FAILED and not ours.rest.task(late).get("results")
    assert ours.rest.task(other)["state"] == RUNNING
    assert ours.proplet_view("old-one")["task_count"] == 1


def test_the_wall_limit_outlives_the_manager(ours):
    worker = worker_of(ours)
    late = running_task(ours, worker, limits={"wall_seconds": 1})
    ours.manager.kill()
    ours.restart_manager()
    worker.beat()
    assert ours.rest.wait(late)["state"] == FAILED


def test_a_task_can_be_started_again(ours):
    answers = iter("abc")
    worker_of(ours, lambda command: {"results": next(answers), "error": None})
    task = ours.rest.create("add", example("add"))
    for text in "abc":
        ours.rest.start(task["id"])
        assert ours.rest.wait(task["id"])["results"] == text


def test_what_is_pinned_to_another_is_not_for_it(ours):
    worker, other = worker_of(ours), worker_of(ours, None, "old-two")
    task_id = running_task(ours, other, proplet_id="old-two")
    assert ours.bus.messages("control/manager/start")[-1]["proplet_id"] == "old-two"
    assert worker.started == []
    say_result(ours, task_id=task_id, proplet_id="old-two", results="")
    ours.rest.wait(task_id)


def test_the_largest_module_fits_its_packet(ours):
    worker = worker_of(ours, lambda command: {"results": "", "error": None})
    room = 7 << 20
    module = big_module(6)[0]
    module += b"\x00" + leb_section(room - len(module))
    assert len(module) == room
    assert ours.rest.run("answer", module)["state"] == COMPLETED
    assert base64.b64decode(worker.started[0]["file"]) == module
    sizes = [len(payload) for _, path, payload in ours.bus.heard if path == "control/manager/start"]
    assert max(sizes) < PACKET_MAX - 200


def leb_section(size):
    """The rest of a custom section that has `size` bytes in all, with its id."""
    name = b"\x01x"
    body = size - 5
    length = bytes([(body & 0x7F) | 0x80, (body >> 7 & 0x7F) | 0x80, (body >> 14 & 0x7F) | 0x80,
                    body >> 21 & 0x7F])
    return length + name + bytes(body - len(name))


def test_a_module_over_the_packet_is_refused_at_the_start(ours):
    """Rust workers drop the connection, and the task would be Running for ever."""
    worker = worker_of(ours)
    task = ours.rest.create("answer", big_module(9)[0])
    answer = ours.rest.call("POST", f"/tasks/{task['id']}/start")
    assert answer.status == 413 and "image_url" in answer.error, answer
    assert ours.rest.task(task["id"])["state"] == PENDING and worker.started == []


def test_a_start_that_grows_over_the_packet_fails(ours):
    worker = worker_of(ours)
    env = {f"V{i}": "x" * 4000 for i in range(800)}
    task = ours.rest.create("answer", big_module(6)[0], env=env)
    assert ours.rest.start(task["id"])
    done = ours.rest.wait(task["id"])
    assert done["state"] == FAILED and "image_url" in done["error"], done["error"]
    assert worker.started == [] and ours.proplet_view("old-one")["task_count"] == 0


def test_an_image_is_theirs_to_fetch(ours):
    worker = worker_of(ours, lambda command: {"results": "pulled", "error": None})
    name = "registry.example/team/add"
    assert ours.rest.run("add", None, image_url=name)["results"] == "pulled"
    assert worker.started[0]["image_url"] == name and "file" not in worker.started[0]


def test_a_slow_worker_holds_nobody_up(ours):
    """Nothing waits for an acknowledgement: a hundred starts are out before the first answer."""
    worker = worker_of(ours)
    ids = []
    for _ in range(100):
        ids.append(running_task(ours, worker))
        worker.beat()  # who says nothing for half a minute is gone
    for task_id in reversed(ids):
        say_result(ours, task_id=task_id, proplet_id="old-one", results=task_id)
    for task_id in ids:
        assert ours.rest.wait(task_id)["results"] == task_id


def test_old_and_new_side_by_side(ours):
    """The old one never sees what is for ours, and ours ignores what is for the old one."""
    old = worker_of(ours, lambda command: {"results": "old", "error": None})
    ours.start_proplet()
    done = {name: ours.rest.run("add", example("add"), inputs=[1, 2], proplet_id=name)["results"]
            for name in ("old-one", "worker-1")}
    assert done == {"old-one": "old", "worker-1": "3"}
    assert [command["proplet_id"] for command in old.started] == ["old-one"]
    nap = ours.rest.create("nap", guest("nap"), inputs=["600000"], proplet_id="worker-1")
    ours.rest.start(nap["id"])
    wait_until(lambda: ours.rest.task(nap["id"])["state"] == RUNNING, 30, "Running")
    ours.bus.say("control/proplet/results", {"task_id": nap["id"], "results": "forged"})
    assert stays(lambda: ours.rest.task(nap["id"])["state"] == RUNNING, 0.3)
    ours.rest.stop(nap["id"])
    ours.rest.wait(nap["id"])
