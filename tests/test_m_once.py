# SPDX-License-Identifier: Apache-2.0
"""Idempotency-Key: what comes again is not done again."""
import base64
from concurrent.futures import ThreadPoolExecutor

import pytest

from api import COMPLETED
from modules import example

ADD = example("add")
FILE = base64.b64encode(ADD).decode()
BODY = {"name": "add", "inputs": [1, 2], "file": FILE}


def post(rest, key, body=None, path="/tasks"):
    return rest.call("POST", path, body, headers={"Idempotency-Key": key})


def total(rest):
    return rest.get("/tasks?limit=1").json["total"]


def test_a_creation_that_comes_again(rest):
    before = total(rest)
    first = post(rest, "create-1", BODY)
    again = post(rest, "create-1", BODY)
    assert first.status == again.status == 201
    assert again.body == first.body and again.headers["location"] == first.headers["location"]
    assert again.headers["etag"] == first.headers["etag"]
    assert "idempotency-replayed" not in first.headers and again.headers["idempotency-replayed"] == "true"
    other_order = dict(reversed(BODY.items()))
    assert post(rest, "create-1", other_order).body == first.body
    assert total(rest) == before + 1
    assert post(rest, "create-2", BODY).json["id"] != first.json["id"]
    assert rest.call("POST", "/tasks", BODY).json["id"] != first.json["id"]


@pytest.mark.parametrize("other", [
    {**BODY, "name": "other"}, {**BODY, "inputs": [1, 3]}, {"name": "add", "inputs": [1, 2]},
    {**BODY, "file": base64.b64encode(ADD + b"\0\1\0").decode()}, {**BODY, "unknown": 1},
], ids=range(5))
def test_another_body_under_the_same_key(rest, other):
    post(rest, "clash", BODY)
    before = total(rest)
    answer = post(rest, "clash", other)
    assert answer.status == 422 and answer.json["type"] == "/problems/clash" and answer.error
    assert answer.json["field"] == "Idempotency-Key" and total(rest) == before


def test_the_first_answer_whatever_came_of_it(rest):
    first = post(rest, "life", BODY)
    task = first.json["id"]
    rest.start(task)
    assert rest.wait(task)["state"] == COMPLETED
    assert post(rest, "life", BODY).body == first.body
    rest.expect(200, "PUT", f"/tasks/{task}", {"name": "renamed"})
    assert post(rest, "life", BODY).json["name"] == "renamed"
    rest.expect(204, "DELETE", f"/tasks/{task}")
    gone = post(rest, "life", BODY)
    assert gone.status == 422 and task in gone.error


def test_a_start_that_comes_again(rest):
    task = rest.create("add", ADD, inputs=[1, 2])["id"]
    path = f"/tasks/{task}/start"
    first = post(rest, "start-1", path=path)
    assert first.json == {"started": True, "attempt": 1}
    assert post(rest, "start-1", path=path).body == first.body
    rest.wait(task)
    assert post(rest, "start-1", path=path).body == first.body
    assert rest.task(task)["attempt"] == 1
    assert post(rest, "start-2", path=path).json["attempt"] == 2
    other = rest.create("other", ADD, inputs=[1, 2])["id"]
    assert post(rest, "start-1", path=f"/tasks/{other}/start").status == 422
    assert post(rest, "start-1", BODY).status == 422


def test_what_was_refused_may_be_tried_again(rest):
    task = rest.create("x")["id"]
    path = f"/tasks/{task}/start"
    assert post(rest, "no-module-yet", path=path).status == 409
    rest.expect(200, "PUT", f"/tasks/{task}/upload", ADD, headers={"Content-Type": "application/wasm"})
    rest.expect(200, "PUT", f"/tasks/{task}", {"inputs": [1, 2], "name": "add"})
    assert post(rest, "no-module-yet", path=path).json["attempt"] == 1
    assert post(rest, "bad", {"name": ""}).status == 400
    assert post(rest, "bad", {"name": "good"}).status == 201


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "ä", "a\tb"], ids=range(5))
def test_bad_keys(rest, key):
    answer = post(rest, key.encode() if key == "ä" else key, {"name": "x"})
    assert answer.status == 400 and answer.json["field"] == "Idempotency-Key"


def test_many_at_once_are_one(rest):
    """The same moment, the same batch of the loop: still once."""
    before = total(rest)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(rest, "at-once", BODY), range(32)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1 and total(rest) == before + 1


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_after_a_restart(stack, how):
    stack.start()
    rest = stack.rest
    created = post(rest, "survives", BODY)
    path = f"/tasks/{created.json['id']}/start"
    started = post(rest, "survives-too", path=path)
    rest.wait(created.json["id"])
    getattr(stack.manager, how)()
    stack.restart_manager()
    assert post(rest, "survives", BODY).body == created.body
    assert post(rest, "survives-too", path=path).body == started.body
    assert post(rest, "survives", {"name": "other"}).status == 422
    assert total(rest) == 1


def test_nothing_of_it_is_on_the_disk(stack):
    """Neither the key nor what was asked: digests."""
    stack.start_broker()
    stack.start_manager()
    post(stack.rest, "a-very-private-key", {"name": "x"})
    assert stack.manager.stop() == 0
    for file in (stack.folder / "state-manager").rglob("*"):
        assert not file.is_file() or b"a-very-private-key" not in file.read_bytes()
