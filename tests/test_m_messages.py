# SPDX-License-Identifier: Apache-2.0
"""Messages that nobody should have sent: garbage, lies, strangers; and workers of the old form."""
import base64
import random
import uuid

import pytest

from api import COMPLETED, FAILED, INTERRUPTED, RUNNING
from bus import Bus
from modules import example, guest
from peers import listening
from propeller import OldWorker
from wait import stays, wait_until

PATHS = ["control/proplet/create", "control/proplet/alive", "control/proplet/results",
         "control/proplet/state", "control/proplet/metrics", "control/proplet/task_metrics",
         "control/manager/command/worker-1", "control/manager/start", "control/manager/stop", "control/manager/online",
         "registry/manager", "registry/chunk/worker-1", "registry/server", "fl/rounds/start",
         "nobody/knows"]
GARBAGE = [b"", b"\0", b"{", b"[]", b"null", b"7", b'"x"', b"{}", b"\xff" * 1000, b"[" * 50000,
           b'{"proplet_id":' + b"[" * 20000, b'{"proplet_id":7}', b'{"proplet_id":""}',
           b'{"proplet_id":"' + b"x" * 100000 + b'"}', b'{"proplet_id":"a/b"}',
           b'{"proplet_id":"worker-1","boot":7}', b'{"task_id":"x"}', b'{"task_id":null}',
           b'{"id":"","name":"","proplet_id":"worker-1"}', b'{"type":"start"}',
           b'{"type":"ack","attempts":[[1,2],["x"],[]]}', b'{"type":"dance","boot":"x"}',
           b'{"proplet_id":"worker-1","running":"many","held":{}}',
           b'{"proplet_id":"worker-1","running":[["x",-1]]}',
           b'{"digest":"zz","first":-1,"count":4294967296,"proplet_id":"worker-1"}',
           b"ASC\x01" + b"\0" * 56, b"ASC\x01" + b"\xff" * 100, b"ASC\x01"]


def test_garbage_everywhere(up):
    noise = random.Random(3)
    with Bus(up, listen=False) as bus:
        for path in PATHS:
            for payload in GARBAGE + [noise.randbytes(noise.randrange(2000)) for _ in range(20)]:
                bus.client.publish(up.topic(path), payload, qos=noise.randrange(3))
        bus.say(PATHS[0], "{}", qos=2)
    assert up.rest.run("add", example("add"), inputs=[1, 2])["results"] == "3"
    up.all_alive()
    assert [v["id"] for v in up.rest.get("/proplets").json["proplets"]
            if v["id"] in ("", "a/b") or len(v["id"]) > 128] == []


def test_a_huge_message(up):
    with Bus(up, listen=False) as bus:
        for path in PATHS:
            bus.say(path, b'{"proplet_id":"worker-1","x":"' + b"y" * (20 << 20) + b'"}')
    up.proplet_ready()  # behind them its heartbeats come late
    assert up.rest.run("add", example("add"), inputs=[1, 2])["results"] == "3"


@pytest.fixture
def held(stack):
    """A stack with two workers and a task that runs on worker-1."""
    stack.start(workers=2)
    task = stack.rest.create("nap", guest("nap"), inputs=["600000"], proplet_id="worker-1")
    with Bus(stack) as bus:
        stack.rest.start(task["id"])
        wait_until(lambda: stack.rest.task(task["id"])["state"] == RUNNING, 30, "Running")
        beats = {}
        wait_until(lambda: beats.update({m["proplet_id"]: m["boot"]
                                         for m in bus.messages("control/proplet/alive")})
                   or len(beats) == 2, 30, "both boots")
        stack.bus, stack.task_id, stack.boots = bus, task["id"], beats
        yield stack
        if stack.rest.task(task["id"])["state"] == RUNNING:
            stack.rest.stop(task["id"])
            stack.rest.wait(task["id"])


@pytest.mark.parametrize("change", [
    {"proplet_id": "worker-2"}, {"proplet_id": "nobody"}, {"boot": str(uuid.uuid4())},
    {"attempt": 2}, {"attempt": 0}, {"boot": None}, {"boot": None, "attempt": None},
    {"proplet_id": None, "boot": None, "attempt": None}, {"task_id": str(uuid.uuid4())},
], ids=str)
def test_results_of_who_does_not_own_the_attempt(held, change):
    """Also with the other worker's true boot."""
    claim = {"task_id": held.task_id, "proplet_id": "worker-1", "boot": held.boots["worker-1"],
             "attempt": 1, "results": "forged", "error": None}
    claim.update(change)
    if change == {"proplet_id": "worker-2"}:
        claim["boot"] = held.boots["worker-2"]
    held.bus.say("control/proplet/results", {k: v for k, v in claim.items() if v is not None})
    held.bus.say("control/proplet/alive", {"proplet_id": "marker"})  # read after the claim
    wait_until(lambda: held.proplet_view("marker"), 30, "the marker")
    task = held.rest.task(held.task_id)
    assert task["state"] == RUNNING and not task.get("results"), task


@pytest.mark.parametrize("state", ["gone", "refused", "running"])
def test_states_of_who_does_not_own_the_attempt(held, state):
    held.bus.say("control/proplet/state", {
        "task_id": held.task_id, "attempt": 1, "proplet_id": "worker-2",
        "boot": held.boots["worker-2"], "state": state, "at": "2026-01-01T00:00:00Z"})
    held.bus.say("control/proplet/alive", {"proplet_id": "marker"})
    wait_until(lambda: held.proplet_view("marker"), 30, "the marker")
    assert held.rest.task(held.task_id)["state"] == RUNNING


def start_command(stack, boot, number, task_id, name="hello"):
    return {"type": "start", "boot": boot, "number": number, "task_id": task_id, "attempt": 1,
            "proplet_id": "worker-1", "name": name, "digest": "0" * 64, "module_size": 41,
            "daemon": False, "limits": {"memory_bytes": 1 << 20, "wall_seconds": 10,
                                        "output_bytes": 1024}}


def test_commands_for_another_boot_are_refused(held):
    """And so is what is repeated: it is answered, not run."""
    stranger = str(uuid.uuid4())
    held.bus.say("control/manager/command/worker-1",
                 start_command(held, str(uuid.uuid4()), 99, stranger))
    said = held.bus.wait_for("control/proplet/state", lambda m: m["task_id"] == stranger)
    assert said["state"] == "refused" and "boot" in said["reason"]


@pytest.mark.parametrize("change,says", [
    ({"digest": None}, "digest"), ({"digest": "zz"}, "digest"), ({"daemon": "maybe"}, "daemon"),
    ({"limits": {"wall_seconds": -1}}, "wall_seconds"), ({"name": None}, "name")])
def test_a_command_that_cannot_be_read_is_answered(held, change, says):
    task_id, boot = str(uuid.uuid4()), held.boots["worker-1"]
    held.bus.say("control/manager/command/worker-1",
                 {**start_command(held, boot, 900000, task_id), **change})
    done = held.bus.wait_for("control/proplet/results", lambda m: m["task_id"] == task_id)
    assert says in done["error"] and (done["attempt"], done["boot"]) == (1, boot), done


def test_a_repeated_command_runs_nothing_twice(held):
    command = held.bus.wait_for("control/manager/command/worker-1", lambda m: m["type"] == "start")
    held.bus.wait_for("control/proplet/state")
    count = len(held.bus.messages("control/proplet/state"))
    for _ in range(5):
        held.bus.say("control/manager/command/worker-1", command)
    wait_until(lambda: len(held.bus.messages("control/proplet/state")) > count, 30, "an answer")
    assert all(m["state"] == "running" for m in held.bus.messages("control/proplet/state"))
    held.bus.wait_for("control/proplet/alive", lambda m: m["proplet_id"] == "worker-1"
                      and m["running"] == [[held.task_id, 1]])


def test_results_are_acknowledged_and_recorded_once(stack):
    stack.start()
    with Bus(stack) as bus:
        done = stack.rest.run("add", example("add"), inputs=[1, 2])
        result = bus.wait_for("control/proplet/results")
        bus.wait_for("control/manager/command/worker-1", lambda m: m["type"] == "ack"
                     and [done["id"], 1] in m["attempts"])
        acks = len([m for m in bus.messages("control/manager/command/worker-1")
                    if m["type"] == "ack"])
        bus.say("control/proplet/results", {**result, "results": "again"})
        wait_until(lambda: len([m for m in bus.messages("control/manager/command/worker-1")
                                if m["type"] == "ack"]) > acks, 30, "an ack for what is unwanted")
        after = stack.rest.task(done["id"])
        assert after["results"] == "3" and after["history"] == done["history"]


def test_an_unknown_worker_is_registered_by_its_heartbeat(up):
    with Bus(up, listen=False) as bus:
        bus.say("control/proplet/alive", {"proplet_id": "quiet-one", "status": "alive"})
    wait_until(lambda: up.proplet_view("quiet-one").get("alive"), 30, "registered")


def test_offline_of_an_unknown_worker_registers_nothing(up):
    with Bus(up, listen=False) as bus:
        bus.say("control/proplet/alive", {"proplet_id": "phantom", "status": "offline"})
        bus.say("control/proplet/alive", {"proplet_id": "after-phantom", "status": "alive"})
    wait_until(lambda: up.proplet_view("after-phantom"), 30, "the next message")
    assert not up.proplet_view("phantom").get("alive")


@pytest.fixture
def old_stack(stack):
    stack.start_broker()
    stack.start_manager()
    listening(stack)
    return stack


def test_an_old_worker_gets_the_old_form(old_stack):
    with Bus(old_stack, "old-one") as bus:
        worker = OldWorker(bus, lambda command: {"results": "from the old days", "error": None})
        worker.announce()
        wait_until(lambda: old_stack.proplet_view("old-one").get("alive"), 30, "alive")
        done = old_stack.rest.run("add", example("add"), inputs=[1, 2], cli_args=["--verbose"],
                                  env={"A": "b"})
        assert (done["state"], done["results"]) == (COMPLETED, "from the old days"), done
        (command,) = worker.started
        assert base64.b64decode(command["file"]) == example("add")
        assert command["id"] == done["id"] and command["name"] == "add"
        assert command["inputs"] == ["1", "2"] and command["cli_args"] == ["--verbose"]
        assert command["env"] == {"A": "b"} and command["proplet_id"] == "old-one"
        assert isinstance(command["state"], int)
        for flag in ("daemon", "encrypted", "broadcast", "latent"):
            assert command[flag] is False, flag
        assert command["monitoring_profile"] == ALL_TEN


ALL_TEN = {"enabled": True, "interval": 10, "collect_cpu": True, "collect_memory": True,
           "collect_disk_io": True, "collect_threads": True, "collect_file_descriptors": True,
           "export_to_mqtt": True, "retain_history": True, "history_size": 100}


def test_old_workers_get_seconds_whatever_the_client_said(old_stack):
    """Rust workers read seconds, Go clients write nanoseconds."""
    with Bus(old_stack, "old-one") as bus:
        worker = OldWorker(bus, lambda command: {"results": "", "error": None})
        worker.announce()
        wait_until(lambda: old_stack.proplet_view("old-one").get("alive"), 30, "alive")
        for interval in (5, 5000000000, "5s"):
            profile = {"interval": interval, "collect_threads": False, "unheard": "of"}
            done = old_stack.rest.run("add", example("add"), monitoring_profile=profile)
            shown = 5 if interval == "5s" else interval
            assert done["monitoring_profile"]["interval"] == shown
            assert worker.started[-1]["monitoring_profile"] == {
                **ALL_TEN, "interval": 5, "collect_threads": False}
        answer = old_stack.rest.call("POST", "/tasks", {
            "name": "x", "monitoring_profile": {"interval": -1}})
        assert answer.status == 400 and "interval" in answer.error


def test_an_old_worker_fails_a_task(old_stack):
    with Bus(old_stack, "old-one") as bus:
        OldWorker(bus, lambda command: {"results": "", "error": "it went wrong"}).announce()
        wait_until(lambda: old_stack.proplet_view("old-one").get("alive"), 30, "alive")
        done = old_stack.rest.run("add", example("add"), inputs=[1, 2])
        assert done["state"] == FAILED and "it went wrong" in done["error"]


def test_an_old_worker_is_told_to_stop(old_stack):
    with Bus(old_stack, "old-one") as bus:
        worker = OldWorker(bus, None)
        worker.announce()
        wait_until(lambda: old_stack.proplet_view("old-one").get("alive"), 30, "alive")
        task = old_stack.rest.create("add", example("add"), inputs=[1, 2])
        old_stack.rest.start(task["id"])
        wait_until(lambda: old_stack.rest.task(task["id"])["state"] == RUNNING, 30, "Running")
        old_stack.rest.stop(task["id"])
        wait_until(lambda: worker.stopped, 30, "the stop")
        assert worker.stopped[0]["id"] == task["id"]
        assert isinstance(worker.stopped[0]["name"], str)
        assert isinstance(worker.stopped[0]["state"], str)
        bus.say("control/proplet/results", {"task_id": task["id"], "proplet_id": "old-one",
                                            "results": "", "error": "Task was cancelled"})
        assert old_stack.rest.wait(task["id"])["state"] == INTERRUPTED


def test_a_module_too_large_for_the_old_form(old_stack):
    from modules import big_module
    with Bus(old_stack, "old-one") as bus:
        worker = OldWorker(bus, None)
        worker.announce()
        wait_until(lambda: old_stack.proplet_view("old-one").get("alive"), 30, "alive")
        task = old_stack.rest.create("answer", big_module(9)[0])
        answer = old_stack.rest.call("POST", f"/tasks/{task['id']}/start")
        if answer.status == 200:
            done = old_stack.rest.wait(task["id"])
            assert done["state"] in (FAILED, INTERRUPTED) and done["error"], done
        assert worker.started == []


def test_our_worker_takes_the_old_form(stack):
    """From a manager that is not ours: no boot, no number, no attempt."""
    stack.start_broker()
    with Bus(stack, "their-manager") as bus:
        stack.start_proplet(ready=False)
        bus.wait_for("control/proplet/create")
        task_id = str(uuid.uuid4())
        command = {"id": task_id, "name": "add", "state": 0, "inputs": ["20", "22"], "cli_args": None,
                   "file": base64.b64encode(example("add")).decode(), "broadcast": False,
                   "daemon": False, "latent": False, "encrypted": False, "proplet_id": "worker-1"}
        bus.say("control/manager/start", {**command, "id": str(uuid.uuid4()),
                                          "proplet_id": "somebody-else"})
        bus.say("control/manager/start", command)
        said = bus.wait_for("control/proplet/results")
        assert said["task_id"] == task_id, "what is for somebody else is not run"
        assert said["proplet_id"] == "worker-1" and said["results"] == "42" and not said["error"]


def test_our_worker_stops_by_the_old_form(stack):
    stack.start_broker()
    with Bus(stack, "their-manager") as bus:
        stack.start_proplet(ready=False)
        bus.wait_for("control/proplet/create")
        task_id = str(uuid.uuid4())
        command = {"id": task_id, "name": "spin", "inputs": None, "cli_args": [], "state": 0,
                   "file": base64.b64encode(guest("loop")).decode(), "proplet_id": "worker-1"}
        before = stack.proplet().cpu_seconds()
        bus.say("control/manager/start", command)
        wait_until(lambda: stack.proplet().cpu_seconds() > before + 0.1, 30, "the loop")
        bus.say("control/manager/start", command)  # a second one while it runs: ignored
        bus.say("control/manager/stop", {"id": task_id, "proplet_id": "worker-1"})
        said = bus.wait_for("control/proplet/results")
        assert said["error"]
        assert stays(lambda: len(bus.messages("control/proplet/results")) == 1, 0.3)


@pytest.mark.parametrize("change,says", [
    ({"file": "***"}, "base64"), ({"file": None}, "module"),
    ({"file": base64.b64encode(b"hello").decode()}, ""),
    ({"encrypted": True}, "encrypt"), ({"digest": "0" * 64}, "digest"),
], ids=["base64", "no-file", "no-wasm", "encrypted", "digest"])
def test_old_form_that_cannot_be_run_is_answered(stack, change, says):
    stack.start_broker()
    with Bus(stack, "their-manager") as bus:
        stack.start_proplet(ready=False)
        bus.wait_for("control/proplet/create")
        command = {"id": str(uuid.uuid4()), "name": "add", "state": 0, "inputs": ["1", "2"],
                   "file": base64.b64encode(example("add")).decode(), "proplet_id": "worker-1",
                   **change}
        bus.say("control/manager/start", {k: v for k, v in command.items() if v is not None})
        said = bus.wait_for("control/proplet/results")
        assert said["task_id"] == command["id"] and says in said["error"].lower(), said
