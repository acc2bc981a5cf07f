# SPDX-License-Identifier: Apache-2.0
"""The REST resources of tasks: create, view, list, update, delete, upload."""
import base64
import json
import uuid

import pytest

from api import COMPLETED, PENDING, instant
from modules import big_module, example, guest

ADD = example("add")


def multipart(data, field="file", filename="add.wasm"):
    boundary = uuid.uuid4().hex
    body = (f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; '
            f'filename="{filename}"\r\nContent-Type: application/wasm\r\n\r\n').encode()
    body += data + f"\r\n--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def test_defaults_of_a_task(rest):
    task = rest.create("plain")
    assert uuid.UUID(task["id"])
    assert task["name"] == "plain" and task["state"] == PENDING
    assert task["limits"]["memory_bytes"] == 256 << 20
    assert task["limits"]["wall_seconds"] == 3600
    assert task["limits"]["output_bytes"] == 1 << 20
    assert task["daemon"] is False
    assert task["created_at"].endswith("Z")


def test_what_is_given_is_kept(rest):
    given = {"inputs": ["1", "2"], "cli_args": ["--flag"], "env": {"A": "b"}, "engine": "interp",
             "invoke": "add", "stdin": "words", "metadata": {"team": "red", "n": 1}, "priority": 70,
             "limits": {"memory_bytes": 1 << 20, "wall_seconds": 5, "fuel": 1000,
                        "output_bytes": 2048}}
    made = rest.create("full", ADD, **given)
    seen = rest.task(made["id"])
    for name, value in given.items():
        assert seen[name] == value, name
    assert rest.task(made["id"]) == seen


def test_numbers_in_inputs_become_strings(rest):
    assert rest.create("n", ADD, inputs=[1, -2, 0.5])["inputs"][:2] == ["1", "-2"]


def test_a_client_cannot_set_the_state(rest):
    task = rest.create("liar", ADD, state=3, results="42", start_time="2020-01-01T00:00:00Z",
                       id=str(uuid.uuid4()), attempt=9)
    assert task["state"] == PENDING and task.get("results") is None
    assert task["start_time"].startswith("0001-01-01")
    assert task.get("attempt", 0) == 0


def test_file_is_redacted(rest):
    text = base64.b64encode(ADD).decode()
    shown = rest.create("secretive", ADD)["file"]
    assert shown == text[:10] + "<REDACTED>" + text[-10:]


def test_view_of_an_unknown_task(rest):
    assert rest.expect(404, "GET", f"/tasks/{uuid.uuid4()}").error


@pytest.mark.parametrize("bad", ["42", "not-a-uuid", "..%2f..%2fetc", "%00", "x" * 5000])
def test_ids_that_are_none(rest, bad):
    answer = rest.get(f"/tasks/{bad}")
    assert answer.status in (400, 404, 414), answer
    assert answer.error


def test_list_pages(up, rest):
    made = [rest.create(f"page-{n}", metadata={"of": "pages"})["id"] for n in range(7)]
    page = rest.get("/tasks?offset=0&limit=3").json
    assert (page["offset"], page["limit"]) == (0, 3) and page["total"] >= 7
    assert len(page["tasks"]) == 3
    seen = []
    for offset in range(0, page["total"], 4):
        seen += [t["id"] for t in rest.get(f"/tasks?offset={offset}&limit=4").json["tasks"]]
    assert len(seen) == len(set(seen)) == page["total"]
    assert [i for i in seen if i in made] == made[::-1], "newest first"


def test_list_by_metadata(rest):
    mark = uuid.uuid4().hex
    wanted = [rest.create("m", metadata={"mark": mark, "n": n, "x": "y"})["id"] for n in range(3)]
    query = "/tasks?metadata=" + "%7B%22mark%22%3A%22" + mark + "%22%7D"
    page = rest.get(query).json
    assert {t["id"] for t in page["tasks"]} == set(wanted) and page["total"] == 3
    query = "/tasks?metadata=" + "%7B%22mark%22%3A%22" + mark + "%22%2C%22n%22%3A1%7D"
    assert [t["id"] for t in rest.get(query).json["tasks"]] == [wanted[1]]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "offset=-1", "limit=-1",
                                   "offset=99999999999999999999", "metadata=nonsense",
                                   "metadata=%5B1%5D"])
def test_bad_queries(rest, query):
    assert rest.expect(400, "GET", f"/tasks?{query}").error


def test_offset_beyond_the_end(rest):
    page = rest.get("/tasks?offset=100000").json
    assert page["tasks"] == [] and page["total"] < 100000


def test_update_changes_only_what_is_there(rest):
    task = rest.create("before", ADD, inputs=[1, 2], metadata={"keep": "me"}, priority=60)
    done = rest.expect(200, "PUT", f"/tasks/{task['id']}", {"name": "after", "inputs": [3, 4]}).json
    assert (done["name"], done["inputs"]) == ("after", ["3", "4"])
    assert done["metadata"] == {"keep": "me"} and done["priority"] == 60
    assert done["id"] == task["id"] and done["created_at"] == task["created_at"]
    assert instant(done["updated_at"]) >= instant(task["updated_at"])
    rest.expect(200, "PUT", f"/tasks/{task['id']}", {"name": "add"})
    rest.start(task["id"])
    assert rest.wait(task["id"])["results"] == "7"


def test_update_with_a_module(rest):
    task = rest.create("add", guest("values"), inputs=[3, 4])
    body = {"file": base64.b64encode(ADD).decode()}
    rest.expect(200, "PUT", f"/tasks/{task['id']}", body)
    rest.start(task["id"])
    assert rest.wait(task["id"])["results"] == "7"


def test_update_of_an_unknown_task(rest):
    assert rest.expect(404, "PUT", f"/tasks/{uuid.uuid4()}", {"name": "x"}).error


def test_delete(rest):
    task = rest.create("short-lived", ADD)
    assert rest.expect(204, "DELETE", f"/tasks/{task['id']}").body == b""
    assert rest.expect(404, "GET", f"/tasks/{task['id']}").error
    assert rest.expect(404, "DELETE", f"/tasks/{task['id']}").error
    assert rest.expect(404, "POST", f"/tasks/{task['id']}/start").error


def test_delete_while_it_runs(rest):
    task = rest.create("nap", guest("nap"), inputs=["600000"])
    rest.start(task["id"])
    assert rest.expect(409, "DELETE", f"/tasks/{task['id']}").error
    rest.stop(task["id"])
    rest.wait(task["id"])
    rest.expect(204, "DELETE", f"/tasks/{task['id']}")


RAW = {"Content-Type": "application/wasm"}


def upload_raw(rest, task_id, data, status=200):
    return rest.expect(status, "PUT", f"/tasks/{task_id}/upload", data, headers=RAW)


def test_upload_raw(rest):
    task = rest.create("add", inputs=[4, 5])
    upload_raw(rest, task["id"], ADD)
    rest.start(task["id"])
    assert rest.wait(task["id"])["results"] == "9"


def test_upload_multipart(rest):
    task = rest.create("add", inputs=[4, 6])
    body, headers = multipart(ADD)
    rest.expect(200, "PUT", f"/tasks/{task['id']}/upload", body, headers=headers)
    rest.start(task["id"])
    assert rest.wait(task["id"])["results"] == "10"


def test_upload_chunked(rest):
    """No Content-Length: the body comes in pieces."""
    task = rest.create("answer")
    module, last = big_module(3)
    pieces = (module[at:at + 70000] for at in range(0, len(module), 70000))
    upload_raw(rest, task["id"], pieces)
    rest.start(task["id"])
    assert rest.wait(task["id"])["results"] == str(last)


def test_upload_replaces(rest):
    task = rest.create("add", guest("values"), inputs=[4, 7])
    upload_raw(rest, task["id"], ADD)
    rest.start(task["id"])
    assert rest.wait(task["id"])["results"] == "11"


@pytest.mark.parametrize("data", [b"", b"\0as", b"hello, world", b"\0asm", b"\0asm\2\0\0\0",
                                  b"#!/bin/sh\n", ADD[:-3], ADD[:20]],
                         ids=["empty", "3-bytes", "text", "magic-only", "version-2", "script",
                              "truncated", "half"])
def test_upload_of_what_is_no_module(rest, data):
    task = rest.create("add")
    assert upload_raw(rest, task["id"], data, 422).error
    body, headers = multipart(data)
    assert rest.expect(422, "PUT", f"/tasks/{task['id']}/upload", body, headers=headers).error
    if data:
        body = {"name": "x", "file": base64.b64encode(data).decode()}
        assert rest.expect(422, "POST", "/tasks", body).error
    assert "file" not in rest.task(task["id"])


@pytest.mark.parametrize("text", ["***", "AGFzbQ=", "AGFzbQEAAAA==", 7, ["AGFz"], {}])
def test_file_that_is_no_base64(rest, text):
    answer = rest.call("POST", "/tasks", {"name": "x", "file": text})
    assert answer.status in (400, 422), answer
    assert "file" in answer.error or answer.json["field"] == "file"


@pytest.mark.parametrize("body,headers", [
    (b"no boundary in here", {"Content-Type": "multipart/form-data; boundary=abc"}),
    (b"anything", {"Content-Type": "multipart/form-data"}),
    multipart(ADD, field="wrong"),
])
def test_broken_multipart(rest, body, headers):
    task = rest.create("add")
    answer = rest.call("PUT", f"/tasks/{task['id']}/upload", body, headers=headers)
    assert answer.status in (400, 422), answer
    assert answer.error


def test_upload_of_another_type(rest):
    task = rest.create("add")
    answer = rest.call("PUT", f"/tasks/{task['id']}/upload", ADD,
                       headers={"Content-Type": "text/html"})
    assert answer.status == 415 and answer.error


def test_upload_to_an_unknown_task(rest):
    assert upload_raw(rest, uuid.uuid4(), ADD, 404).error


def test_upload_while_it_runs(rest):
    task = rest.create("nap", guest("nap"), inputs=["600000"])
    rest.start(task["id"])
    assert upload_raw(rest, task["id"], ADD, 409).error
    rest.stop(task["id"])
    rest.wait(task["id"])


def test_over_the_cap_is_413(stack):
    stack.start_broker()
    stack.start_manager(MANAGER_MODULE_MAX="2MiB")
    rest = stack.rest
    small, large = big_module(1)[0], big_module(3)[0]
    parts, headers = multipart(large)
    task = rest.create("big")
    upload_raw(rest, task["id"], small)
    for send in (lambda: rest.call("PUT", f"/tasks/{task['id']}/upload", large,
                                   headers={"Content-Type": "application/wasm"}),
                 lambda: rest.call("PUT", f"/tasks/{task['id']}/upload", parts, headers=headers),
                 lambda: rest.call("POST", "/tasks", {
                     "name": "x", "file": base64.b64encode(large).decode()})):
        answer = send()
        assert answer.status == 413 and answer.error, answer
    assert rest.get("/health").status == 200


def test_the_default_cap(up, rest):
    """101 MiB are too much, and are not kept in memory on the way."""
    task = rest.create("huge")
    piece = b"\0" * (1 << 20)

    def body():
        yield b"\0asm\1\0\0\0"
        for _ in range(101):
            yield piece
    answer = rest.call("PUT", f"/tasks/{task['id']}/upload", body(), headers=RAW)
    assert answer.status == 413 and answer.error
    assert up.manager.rss_bytes() < 100 << 20


def test_an_upload_that_breaks_off(up, rest):
    import socket
    task = rest.create("add")
    with socket.create_connection(("127.0.0.1", up.http_port)) as half:
        half.sendall(f"PUT /tasks/{task['id']}/upload HTTP/1.1\r\nHost: x\r\nContent-Type: "
                     f"application/wasm\r\nContent-Length: 100000\r\n\r\n".encode() + ADD)
    upload_raw(rest, task["id"], ADD)
    assert rest.get("/health").status == 200


def test_equal_modules_are_one_file(up, rest):
    module, _ = big_module(1, seed=77)
    folder = up.folder / "state-manager"

    def size_of(path):
        try:
            return path.stat().st_size
        except FileNotFoundError:  # the store's own files come and go
            return None

    def big_files():
        return [path for path in folder.rglob("*") if size_of(path) == len(module)]
    ids = [rest.create("answer", module)["id"] for _ in range(3)]
    assert len(big_files()) == 1
    for task_id in ids:
        rest.expect(204, "DELETE", f"/tasks/{task_id}")
    assert big_files() == [], "no task refers to it any more"


def test_start_without_a_module(rest):
    task = rest.create("empty")
    answer = rest.call("POST", f"/tasks/{task['id']}/start")
    assert answer.status in (400, 409, 422), answer
    assert "module" in answer.error or "file" in answer.error
    assert rest.task(task["id"])["state"] == PENDING


def test_trailing_slash(rest):
    task = rest.create("slash", ADD)
    assert rest.get(f"/tasks/{task['id']}/").json["id"] == task["id"]
    assert rest.get("/tasks/").status == 200


def test_answers_end_with_a_newline_and_say_what_they_are(rest):
    answer = rest.get("/tasks")
    assert answer.body.endswith(b"\n")
    assert answer.headers["content-type"].startswith("application/json")


def test_results_of_an_unknown_task(rest):
    assert rest.expect(404, "GET", f"/tasks/{uuid.uuid4()}/results").error


def test_a_finished_task_can_be_updated_and_started_again(rest):
    done = rest.run("add", ADD, inputs=[1, 1])
    rest.expect(200, "PUT", f"/tasks/{done['id']}", {"inputs": [5, 5]})
    rest.start(done["id"])
    again = rest.wait(done["id"])
    assert (again["state"], again["results"], again["attempt"]) == (COMPLETED, "10", 2)


def test_unicode_survives(rest):
    task = rest.create("añadir ☃", ADD, metadata={"ключ": "値"})
    assert rest.task(task["id"])["name"] == "añadir ☃"
    assert json.loads(rest.get(f"/tasks/{task['id']}").body)["metadata"] == {"ключ": "値"}
