# SPDX-License-Identifier: Apache-2.0
"""The REST API as clients of Propeller know it: reference checklist, line 5, as far as it is run.

What is shown elsewhere: the redacted file of a usual module (test_e_tasks.py, `test_file_is_redacted`),
pages and their limits (`test_list_pages`), the filter by metadata (`test_list_by_metadata`), what a
client cannot set (`test_a_client_cannot_set_the_state`), `Location` at each task that a test makes
(api.py). Where we answer otherwise, and why, is in docs/protocol.md.
"""
import base64
import re
import uuid

import pytest

from api import COMPLETED, PENDING, instant
from modules import example, wat

ZERO = "0001-01-01T00:00:00Z"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")
NOBODY = str(uuid.uuid4())
FIRST_LINE = "something went wrong with the request"


@pytest.fixture
def task(rest):
    return rest.create("add", example("add"), inputs=[1, 2])


STATUSES = [
    ("GET", "/health", None, 200), ("GET", "/tasks", None, 200), ("GET", "/tasks/", None, 200),
    ("GET", "/tasks/{id}", None, 200), ("GET", "/tasks/{id}/", None, 200),
    ("GET", "/tasks/{id}/results", None, 200), ("GET", "/proplets", None, 200),
    ("GET", "/proplets/", None, 200), ("GET", "/proplets/worker-1", None, 200),
    ("GET", "/proplets/worker-1/", None, 200), ("GET", "/proplets?limit=100000", None, 200),
    ("POST", "/tasks", {"name": "x"}, 201), ("POST", "/tasks/", {"name": "x"}, 201),
    ("PUT", "/tasks/{id}", {"name": "y"}, 200), ("PUT", "/tasks/{id}/", {"name": "y"}, 200),
    ("POST", "/tasks/{id}/start", None, 200), ("DELETE", "/tasks/{id}", None, 204),
    ("DELETE", "/tasks/{id}/", None, 204),
    ("POST", "/tasks", {}, 400), ("POST", "/tasks", [], 400), ("POST", "/tasks", b"name=x", 400),
    ("POST", "/tasks", {"name": "x", "priority": 101}, 400), ("GET", "/tasks/7", None, 400),
    ("PUT", "/tasks/7", {"name": "x"}, 400), ("GET", "/tasks?limit=101", None, 400),
    ("GET", "/tasks?limit=0", None, 400), ("GET", "/tasks?offset=x", None, 400),
    ("GET", "/tasks?metadata=x", None, 400), ("GET", "/proplets?status=x", None, 400),
    ("POST", "/tasks", {"name": "x", "metadata": {"a": "x" * (1 << 20)}}, 400),
    ("GET", f"/tasks/{NOBODY}", None, 404), ("PUT", f"/tasks/{NOBODY}", {"name": "x"}, 404),
    ("DELETE", f"/tasks/{NOBODY}", None, 404), ("POST", f"/tasks/{NOBODY}/start", None, 404),
    ("POST", f"/tasks/{NOBODY}/stop", None, 404), ("GET", f"/tasks/{NOBODY}/results", None, 404),
    ("GET", f"/proplets/{NOBODY}", None, 404), ("GET", "/nothing", None, 404),
    ("DELETE", "/tasks", None, 405), ("PATCH", "/tasks/{id}", None, 405), ("POST", "/health", None, 405),
]


@pytest.mark.parametrize("method,path,body,status", STATUSES, ids=str)
def test_statuses(rest, task, method, path, body, status):
    answer = rest.call(method, path.replace("{id}", task["id"]), body)
    assert answer.status == status, answer
    if path.endswith("/start") and status == 200:
        rest.wait(task["id"])
    if status == 204:
        assert answer.body == b""
    elif status >= 400:
        assert answer.error
    else:
        assert answer.body.endswith(b"\n") and answer.json is not None


@pytest.mark.parametrize("method,path,body,cause", [
    ("POST", "/tasks", {}, "missing identity name"), ("POST", "/tasks", {"name": ""}, "missing identity name"),
    ("POST", "/tasks", b"{}", "unsupported content type"), ("GET", "/tasks?limit=101", None, "invalid limit size"),
    ("GET", "/tasks/7", None, "invalid query parameters"), ("GET", "/tasks?offset=x", None, "invalid query parameters"),
    ("POST", "/tasks", {"name": "x", "priority": 101}, "priority must be between 0 and 100"),
    ("POST", "/tasks", {"name": "x", "metadata": {"a": "x" * (1 << 20)}}, "metadata exceeds 1MB limit"),
], ids=str)
def test_a_request_at_fault_is_told_in_two_lines(rest, method, path, body, cause):
    """In `error`, for who looks for Propeller's texts; `detail` has the cause alone."""
    answer = rest.expect(400, method, path, body)
    first, second = answer.error.split("\n")
    assert first == FIRST_LINE and cause in second
    assert answer.json["detail"] == second


@pytest.mark.parametrize("method,path", [("GET", f"/tasks/{NOBODY}"), ("DELETE", "/tasks")])
def test_other_errors_have_one_line(rest, method, path):
    answer = rest.call(method, path)
    assert "\n" not in answer.error and answer.error == answer.json["detail"]


def test_a_task_before_and_after(rest, task):
    """Members, types, and the zero time for what has not happened."""
    shown = rest.task(task["id"])
    assert uuid.UUID(shown["id"]) and shown["name"] == "add" and shown["kind"] == "standard"
    assert shown["state"] == PENDING and isinstance(shown["state"], int)
    assert shown["cli_args"] is None and shown["inputs"] == ["1", "2"]
    assert shown["daemon"] is False and shown["encrypted"] is False and shown["priority"] == 50
    assert shown["start_time"] == shown["finish_time"] == shown["next_run"] == ZERO
    assert TIME.match(shown["created_at"]) and TIME.match(shown["updated_at"])
    for absent in ("results", "error", "env", "image_url", "proplet_id", "metadata", "schedule",
                   "workflow_id", "job_id", "mode", "depends_on"):
        assert absent not in shown, absent
    rest.start(task["id"])
    done = rest.wait(task["id"])
    assert done["state"] == COMPLETED == 3 and done["results"] == "3" and "error" not in done
    assert TIME.match(done["start_time"]) and done["start_time"] != ZERO
    assert TIME.match(done["finish_time"]) and instant(done["finish_time"]) >= instant(done["start_time"])
    assert done["next_run"] == ZERO


def test_results_before_there_are_any(rest, task):
    """Propeller answers 200 with an empty body, which its own CLI cannot read: `null` can be."""
    assert rest.expect(200, "GET", f"/tasks/{task['id']}/results").json == {"results": None}


@pytest.mark.parametrize("size", [8, 13, 15, 16, 60])
def test_a_file_is_shown_redacted(rest, size):
    """The ends of its base64, ten characters each; the whole text where it has no more than these."""
    module = b"\0asm\1\0\0\0" + (bytes([0, size - 10, 1]) + b"x" + bytes(size - 12) if size > 11 else b"")
    text = base64.b64encode(module).decode()
    shown = rest.create("x", module)["file"]
    assert shown == (text if len(text) <= 20 else f"{text[:10]}<REDACTED>{text[-10:]}")


def test_put_changes_what_is_named_and_nothing_else(rest):
    """Propeller drops the schedule when a body does not repeat it, and ignores most members."""
    before = rest.create("add", example("add"), inputs=[1, 2], env={"A": "b"}, cli_args=["x"], priority=7,
                         metadata={"k": "v"}, proplet_id="worker-1", restart="on-failure",
                         required_tags=["t"], monitoring_profile={"interval": 5})
    for body in ({}, {"name": None}, {"inputs": [3, 4]}):
        after = rest.expect(200, "PUT", f"/tasks/{before['id']}", body).json
        for member in set(before) - {"updated_at", "inputs", "history"}:
            assert after[member] == before[member], member
    assert after["inputs"] == ["3", "4"]


def test_an_upload_changes_the_module_and_nothing_else(rest):
    before = rest.create("add", inputs=[1, 2], env={"A": "b"}, priority=7, metadata={"k": "v"})
    module = wat('(module (func (export "add") (param i32 i32) (result i32) i32.const 9))')
    body = (b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"m.wasm\"\r\n"
            b"Content-Type: application/wasm\r\n\r\n" + module + b"\r\n--b--\r\n")
    after = rest.expect(200, "PUT", f"/tasks/{before['id']}/upload", body, headers={
        "Content-Type": "multipart/form-data; boundary=b"}).json
    for member in set(before) - {"updated_at", "file", "digest", "module_size", "history"}:
        assert after[member] == before[member], member
    rest.start(before["id"])
    assert rest.wait(before["id"])["results"] == "9"


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8",
                                          "application/vnd.x+json, application/json"])
def test_the_content_type_has_json_in_it(rest, content_type):
    assert rest.expect(201, "POST", "/tasks", b'{"name":"x"}', headers={"Content-Type": content_type})


def test_pages_and_views(rest, task):
    page = rest.expect(200, "GET", "/tasks").json
    assert (page["offset"], page["limit"]) == (0, 100) and page["total"] >= 1
    assert task["id"] in [shown["id"] for shown in page["tasks"]] or page["total"] > 100
    page = rest.expect(200, "GET", "/proplets").json
    assert (page["offset"], page["limit"], page["total"]) == (0, 100, 1)
    (view,) = page["proplets"]
    assert {"id", "name", "task_count", "alive", "last_alive_at", "metadata"} <= set(view)
    health = rest.expect(200, "GET", "/health").json
    assert health["status"] == "pass" and health["description"] == "manager service"
    assert health["instance_id"] == "manager"
    assert {"version", "commit", "build_time"} <= set(health)
