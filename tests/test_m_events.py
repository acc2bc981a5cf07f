# SPDX-License-Identifier: Apache-2.0
"""GET /events: what happens to tasks and workers, as Server-Sent Events."""
import selectors
import socket
from pathlib import Path

import pytest
import yaml
from jsonschema_rs import Draft202012Validator

from api import COMPLETED, FAILED, INTERRUPTED, Rest
from events import Listener
from modules import example
from wait import wait_until

ADD = example("add")
LISTENERS = 1000
SPEC = yaml.safe_load((Path(__file__).resolve().parent.parent / "spec" / "openapi.yaml").read_text())


def is_described(event):
    name = {"task": "TaskEvent", "proplet": "PropletEvent"}[event.type]
    Draft202012Validator({"$ref": f"#/components/schemas/{name}", **SPEC}).validate(event.data)
    return True


def is_move(task_id, *states):
    return lambda event: event.type == "task" and event.data["id"] == task_id \
        and event.data.get("state") in states and event.data["change"] == "moved"


def is_change(subject, change):
    return lambda event: event.data.get("id") == subject and event.data["change"] == change


def test_a_tasks_way(rest):
    listener = Listener(rest)
    done = rest.run("add", ADD, inputs=[1, 2])
    events = listener.until(is_move(done["id"], COMPLETED))
    ours = [event.data for event in events if event.data["id"] == done["id"]]
    assert ours[0]["change"] == "created" and ours[0]["name"] == "add"
    moves = [(move["at"], move["state"], move["attempt"], move["cause"]) for move in done["history"][1:]]
    assert [(data["at"], data["state"], data["attempt"], data["cause"]) for data in ours[1:]] == moves
    assert ours[1]["proplet_id"] == "worker-1"
    rest.expect(200, "PUT", f"/tasks/{done['id']}", {"name": "other"})
    assert listener.until(is_change(done["id"], "changed"))[-1].data["name"] == "other"
    rest.expect(204, "DELETE", f"/tasks/{done['id']}")
    assert all(is_described(event) for event in [*events, *listener.until(is_change(done["id"], "deleted"))])
    listener.close()


def test_a_stop(rest):
    task = rest.create("sleeper", example("sleeper"), cli_args=["3600"])
    listener = Listener(rest, f"?task={task['id']}")
    rest.start(task["id"])
    listener.until(is_move(task["id"], 2))
    rest.stop(task["id"])
    events = listener.until(is_move(task["id"], INTERRUPTED))
    assert events[0].data["change"] == "stopping" and events[0].data["stopping"] is True
    listener.close()


def test_filters(rest):
    task = rest.create("add", ADD, inputs=[1, 2])
    mine, tasks, workers = (Listener(rest, query) for query in (f"?task={task['id']}", "?type=task", "?type=proplet"))
    rest.run("other", ADD, inputs=[1, 2])
    rest.start(task["id"])
    assert {event.data["id"] for event in mine.until(is_move(task["id"], COMPLETED))} == {task["id"]}
    assert "other" in {event.data.get("name") for event in tasks.until(is_move(task["id"], COMPLETED))}
    rest.expect(204, "DELETE", "/proplets/worker-1")
    events = workers.until(is_change("worker-1", "alive"))  # it is heard again, and told to announce itself
    assert [event.data["change"] for event in events[:2]] == ["deleted", "registered"]
    assert all(is_described(event) for event in events)
    for listener in (mine, tasks, workers):
        listener.close()


@pytest.mark.parametrize("query", ["?type=", "?type=job", "?type=task,", "?task=7", "?task="])
def test_bad_filters(rest, query):
    answer = rest.call("GET", f"/events{query}") if query != "?type=task," else rest.call("HEAD", f"/events{query}")
    assert answer.status == (200 if query == "?type=task," else 400)


def test_methods(rest):
    assert rest.call("HEAD", "/events").status == 200
    assert rest.call("POST", "/events").headers["allow"] == "GET, HEAD, OPTIONS"


def test_nothing_is_lost_between_two_connections(rest):
    """An id of before: what has happened since comes first, in order, each thing once."""
    listener = Listener(rest, "?type=task")
    first = rest.create("first")
    seen = listener.until(is_change(first["id"], "created"))
    listener.close()
    between = [rest.create(f"task-{number}")["id"] for number in range(50)]
    again = Listener(rest, "?type=task", last_id=seen[-1].id)
    after = rest.create("last")["id"]
    events = again.until(is_change(after, "created"))
    assert [event.data["id"] for event in events] == [*between, after]
    numbers = [int(event.id.split("-")[1]) for event in seen + events]
    assert numbers == sorted(set(numbers))
    again.close()


@pytest.mark.parametrize("last_id", ["nonsense", "00000000-1", "1-2-3", "x" * 5000])
def test_an_id_that_is_gone(rest, last_id):
    listener = Listener(rest, last_id=last_id)
    assert listener.next().type == "reset"
    task = rest.create("x")
    events = listener.until(is_change(task["id"], "created"))
    assert [event.data["id"] for event in events if event.type == "task"] == [task["id"]]
    listener.close()


def test_another_manager_has_other_ids(stack):
    stack.start_broker()
    stack.start_manager()
    listener = Listener(stack.rest)
    stack.rest.create("x")
    event = listener.next()
    stack.manager.kill()
    assert listener.rest() == []
    stack.restart_manager()
    again = Listener(stack.rest, last_id=event.id)
    reset = again.next()
    assert reset.type == "reset" and reset.id != event.id
    again.close()


def test_an_end_of_the_manager_is_an_end_and_no_break(stack):
    """And what happened before it is told before it."""
    stack.start_broker()
    stack.start_manager()
    listeners = [Listener(stack.rest) for _ in range(20)]
    bare = socket.create_connection(("127.0.0.1", stack.http_port))
    bare.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    with bare.makefile("rb") as answer:
        assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
        task = stack.rest.create("x")
        assert stack.manager.stop() == 0
        assert answer.read().endswith(b"\r\n0\r\n\r\n")
    for listener in listeners:
        assert [event.data["id"] for event in listener.rest()] == [task["id"]]


def test_a_token_is_needed(stack):
    stack.start_broker()
    stack.start_manager(MANAGER_HTTP_TOKEN="secret")
    assert Rest(stack.http_port).call("GET", "/events").status == 401
    listener = Listener(stack.rest)
    stack.rest.create("x")
    assert listener.next().data["name"] == "x"
    listener.close()


def test_a_worker_that_dies(stack):
    stack.start()
    listener = Listener(stack.rest, "?type=proplet")
    task = stack.rest.create("sleeper", example("sleeper"), cli_args=["3600"])
    stack.rest.start(task["id"])
    stack.proplet().kill()
    assert listener.until(is_change("worker-1", "dead"))[-1].data["alive"] is False
    listener.close()


def deaf(up):
    """Asks, and never reads."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", up.http_port))
    connection.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    return connection


def test_who_never_reads_holds_nobody_up(up):
    """Thirty of them; all that they cost is a connection each."""
    rest = up.rest
    crowd = [deaf(up) for _ in range(30)]
    listener = Listener(rest, "?type=task")
    before = up.manager.rss_bytes()
    cause = "x" * 100
    for number in range(500):
        task = rest.create(f"{cause}{number}")["id"]
        listener.until(is_change(task, "created"))
    assert up.manager.rss_bytes() - before < 32 << 20
    for connection in crowd:
        connection.close()
    listener.close()


def read_all(selector, last, heard):
    """One turn: what is there is read; ends with `last` in everybody's text."""
    for key, _ in selector.select(1):
        heard[key.fileobj] += key.fileobj.recv(1 << 16)
        if last in heard[key.fileobj]:
            selector.unregister(key.fileobj)
    return not selector.get_map()


def test_a_thousand_listeners(up):
    """All hear everything, in order."""
    rest = up.rest
    request = b"GET /events?type=task HTTP/1.1\r\nHost: x\r\n\r\n"
    heard, selector = {}, selectors.DefaultSelector()
    for _ in range(LISTENERS):
        connection = socket.create_connection(("127.0.0.1", up.http_port))
        connection.sendall(request)
        heard[connection] = b""
        selector.register(connection, selectors.EVENT_READ)
    def all_have_begun():
        read_all(selector, b"nothing is like this", heard)
        return all(b"id: " in text for text in heard.values())
    wait_until(all_have_begun, 120, "the beginning of each stream")
    ids = [rest.create("x")["id"].encode() for _ in range(50)]
    wait_until(lambda: read_all(selector, ids[-1], heard), 120, "the last event in each stream", pause=0)
    for connection, text in heard.items():
        places = [text.find(task_id) for task_id in ids]
        assert -1 not in places and places == sorted(places)
        connection.close()
    wait_until(lambda: rest.get("/health").status == 200)


def test_everything_still_works(rest):
    """Also for a worker that was deleted, and has seen commands before."""
    assert rest.run("crash", example("crash"))["state"] == FAILED
