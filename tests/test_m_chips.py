# SPDX-License-Identifier: Apache-2.0
"""Propeller's worker for microcontrollers, played by a script as its source reads messages."""
import json

import pytest

from api import COMPLETED, FAILED, INTERRUPTED, RUNNING
from bus import Bus
from modules import big_module, example
from peers import CHIP, Peer
from wait import wait_until


class Chip(Peer):
    """Reads into a buffer of 1,023 bytes; takes inputs that are numbers; wants name and state."""

    def __init__(self, bus):
        super().__init__(bus, "chip-1", CHIP, "embedded")
        self.refused = []

    def hear(self, path, payload):
        if not path.startswith("control/manager/st"):
            return
        try:
            message = json.loads(payload[:1023])
        except ValueError:
            self.refused.append(payload)
            return
        if path == "control/manager/start":
            message["taken"] = [value if isinstance(value, (int, float)) else 0
                                for value in message["inputs"][:16]]
            self.started.append(message)
        elif all(isinstance(message.get(name), str) for name in ("id", "name", "state")):
            self.stopped.append(message)
        else:
            self.refused.append(payload)

    def answer(self, task_id, results, error=None):
        """It does not say who it is."""
        said = {"task_id": task_id, "results": results}
        self.bus.say("control/proplet/results", said if error is None else {**said, "error": error})


@pytest.fixture
def chip(stack):
    stack.start_broker()
    stack.start_manager()
    with Bus(stack, "chip-1") as bus:
        yield Chip(bus).announce()


def start(stack, **fields):
    task = stack.rest.create("add", example("add"), **fields)
    stack.rest.start(task["id"])
    return task["id"]


def test_a_chip_gets_numbers(stack, chip):
    task_id = start(stack, inputs=["20", 22, "-1.5"], monitoring_profile={"interval": 5},
                    cli_args=["--verbose"])
    command = chip.wait_start(task_id)
    assert command["taken"] == command["inputs"] == [20, 22, -1.5]
    assert set(command) == {"id", "name", "proplet_id", "inputs", "file", "taken"}
    wait_until(lambda: stack.rest.task(task_id)["state"] == RUNNING, 30, "Running")
    chip.answer(task_id, "42")
    done = stack.rest.wait(task_id)
    assert (done["state"], done["results"]) == (COMPLETED, "42") and not chip.refused


def test_a_chip_whose_announcement_was_missed(stack):
    """It makes only one, and its heartbeats say no more than its namespace."""
    stack.start_broker()
    stack.start_manager()
    with Bus(stack, "chip-1") as bus:
        chip = Chip(bus)

        def heard():
            chip.beat()
            return stack.proplet_view("chip-1").get("alive")
        wait_until(heard, 30, "the chip")
        assert chip.wait_start(start(stack, inputs=[1, 2]))["taken"] == [1, 2]


def test_a_chip_fails(stack, chip):
    task_id = start(stack)
    chip.wait_start(task_id)
    chip.answer(task_id, "", "no memory")
    assert stack.rest.wait(task_id)["state"] == FAILED


def test_a_chip_can_be_told_to_stop(stack, chip):
    task_id = start(stack)
    chip.wait_start(task_id)
    wait_until(lambda: stack.rest.task(task_id)["state"] == RUNNING, 30, "Running")
    stack.rest.stop(task_id)
    (stop,) = wait_until(lambda: chip.stopped, 30, "the stop")
    assert (stop["id"], stop["name"]) == (task_id, "add") and not chip.refused
    chip.answer(task_id, "", "stopped")
    assert stack.rest.wait(task_id)["state"] == INTERRUPTED


@pytest.mark.parametrize("fields,module,says", [
    ({"inputs": ["many"]}, example("add"), "many"),
    ({"inputs": list(range(17))}, example("add"), "up to 16"),
    ({}, big_module(1)[0], "1023 bytes"),
], ids=["text", "inputs", "large"])
def test_what_a_chip_cannot_take_goes_elsewhere(stack, chip, fields, module, says):
    """Or nowhere, and the answer says why."""
    task = stack.rest.create("add", module, **fields)
    assert says in stack.rest.expect(422, "POST", f"/tasks/{task['id']}/start").error
    placement = stack.rest.get(f"/tasks/{task['id']}/placement").json
    assert says in placement["workers"][0]["reason"]
    with Bus(stack, "old-one") as bus:
        elsewhere = Peer(bus).announce()
        stack.rest.start(task["id"])
        elsewhere.wait_start(task["id"])
    assert not [c for c in chip.started if c["proplet_id"] == "chip-1"]  # it hears everything


def test_a_chip_runs_what_was_sent_to_another(stack, chip):
    """It looks at no name, and says none: its result is not that worker's."""
    with Bus(stack, "old-one") as bus:
        peer = Peer(bus).announce()
        task_id = start(stack, inputs=["20", "22"], proplet_id="old-one")
        peer.wait_start(task_id)
        chip.wait_start(task_id)
        chip.answer(task_id, "0")
        bus.say("control/proplet/alive", {"proplet_id": "marker"})  # read after that
        wait_until(lambda: stack.proplet_view("marker"), 30, "the marker")
        assert stack.rest.task(task_id)["state"] == RUNNING
        bus.say("control/proplet/results", {"task_id": task_id, "proplet_id": "old-one",
                                            "results": "42", "error": None})
        assert stack.rest.wait(task_id)["results"] == "42"
