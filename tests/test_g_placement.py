# SPDX-License-Identifier: Apache-2.0
"""Who runs a task: tags, namespaces, memory; and the choice in words."""
import uuid

import pytest

from api import COMPLETED, PENDING, RUNNING
from modules import example, guest
from wait import wait_until

ADD = example("add")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    from stack import Stack
    own = Stack(tmp_path_factory.mktemp("placement"))
    try:
        own.start_broker()
        own.start_manager()
        own.start_proplet("plain")
        own.start_proplet("edge-1", PROPLET_TAGS="gpu,arm", PROPLET_MANAGER_K8S_NAMESPACE="edge")
        own.start_proplet("edge-2", PROPLET_TAGS="gpu", PROPLET_MANAGER_K8S_NAMESPACE="edge", PROPLET_SLOTS="1")
        yield own
    finally:
        own.close()


def placement(rest, task_id):
    answer = rest.expect(200, "GET", f"/tasks/{task_id}/placement").json
    return answer, {worker["proplet_id"]: worker for worker in answer["workers"]}


@pytest.mark.parametrize("needs,able", [
    ({}, {"plain", "edge-1", "edge-2"}),
    ({"required_tags": ["gpu"]}, {"edge-1", "edge-2"}),
    ({"required_tags": ["gpu", "arm"]}, {"edge-1"}),
    ({"namespace": "edge"}, {"edge-1", "edge-2"}),
    ({"namespace": "default"}, {"plain"}),
    ({"namespace": "default", "required_tags": ["gpu"]}, set()),
    ({"min_memory_bytes": 1 << 20}, {"plain", "edge-1", "edge-2"}),
    ({"min_memory_bytes": 1 << 50}, set()),
    ({"proplet_id": "edge-2"}, {"edge-2"}),
    ({"proplet_id": "edge-2", "required_tags": ["arm"]}, set()),
])
def test_needs(rest, needs, able):
    task = rest.create("add", ADD, inputs=[1, 2], **needs)
    answer, workers = placement(rest, task["id"])
    assert {name for name, worker in workers.items() if worker["eligible"]} == able
    assert all(worker["reason"] for worker in workers.values())
    if able:
        assert answer["next_proplet_id"] in able
        rest.start(task["id"])
        done = rest.wait(task["id"])
        assert done["state"] == COMPLETED and done["history"][1]["cause"].split()[-1] in able
    else:
        assert answer["next_proplet_id"] is None
        refused = rest.expect(409, "POST", f"/tasks/{task['id']}/start")
        assert rest.task(task["id"])["state"] == PENDING
        assert refused.error in answer["summary"]
    rest.expect(204, "DELETE", f"/tasks/{task['id']}")


@pytest.mark.parametrize("needs,who,words", [
    ({"required_tags": ["gpu", "npu"]}, "edge-1", 'does not have the tag "npu"'),
    ({"namespace": "edge"}, "plain", "is in namespace default, not in edge"),
    ({"min_memory_bytes": 1 << 50}, "plain", "min_memory_bytes is 1125899906842624"),
    ({"engine": "external"}, "plain", "does not offer engine external"),
    ({"proplet_id": "plain"}, "edge-1", "is not plain, to which the task is pinned"),
])
def test_words(rest, needs, who, words):
    task = rest.create("add", ADD, **needs)
    _, workers = placement(rest, task["id"])
    assert words in workers[who]["reason"], workers


def test_busy_and_running(rest):
    nap = rest.create("nap", guest("nap"), inputs=["600000"], proplet_id="edge-2")
    rest.start(nap["id"])
    wait_until(lambda: rest.task(nap["id"])["state"] == RUNNING, 10, "Running")
    answer, workers = placement(rest, nap["id"])
    assert answer["proplet_id"] == "edge-2" and answer["summary"] == "Running on edge-2"
    assert "busy" in workers["edge-2"]["reason"] and not workers["edge-2"]["eligible"]
    second = rest.create("add", ADD, inputs=[1, 2], proplet_id="edge-2")
    rest.start(second["id"])
    answer, _ = placement(rest, second["id"])
    assert "waits" in answer["summary"] and answer["proplet_id"] is None
    rest.stop(nap["id"])
    assert rest.wait(second["id"])["state"] == COMPLETED


def test_a_dead_worker(stack):
    stack.start()
    task = stack.rest.create("add", ADD, inputs=[1, 2])
    stack.proplet().stop()
    wait_until(lambda: not stack.proplet_view()["alive"], 10, "its end")
    answer, workers = placement(stack.rest, task["id"])
    assert "offline" in workers["worker-1"]["reason"]
    assert "no worker is alive" in answer["summary"]


def test_unknown(rest):
    assert rest.expect(404, "GET", f"/tasks/{uuid.uuid4()}/placement").error
