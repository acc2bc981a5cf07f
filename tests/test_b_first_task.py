# SPDX-License-Identifier: Apache-2.0
"""The main job: create, start, wait, read the result."""
import pytest

from api import COMPLETED, PENDING, RUNNING, SCHEDULED, instant
from modules import example, guest
from wait import patience


def test_add(rest):
    task = rest.create("add", example("add"), inputs=[10, 20])
    assert task["state"] == PENDING
    rest.start(task["id"])
    done = rest.wait(task["id"])
    assert done["state"] == COMPLETED, done
    assert done["results"] == "30"
    assert done["attempt"] == 1
    assert done["exit_code"] == 0
    assert any("worker-1" in move["cause"] for move in done["history"])


def test_hello(rest):
    done = rest.run("hello", example("hello-world"))
    assert done["state"] == COMPLETED, done
    assert done["results"] == "Hello, world!\n"
    assert done["stdout"] == "Hello, world!\n"
    assert done.get("stderr", "") == "" and done["exit_code"] == 0


@pytest.mark.parametrize("engine", ["multipass", "singlepass", "interp"])
@pytest.mark.parametrize("name,fields,results", [
    ("add", {"inputs": ["10", "20"]}, "30"),
    ("fib", {"inputs": [20]}, "6765"),
    ("hello-world", {}, "Hello, world!\n"),
])
def test_every_engine(rest, engine, name, fields, results):
    done = rest.run(name, example(name), engine=engine, **fields)
    assert (done["state"], done.get("results")) == (COMPLETED, results), done
    assert done["engine"] == engine


def test_results_resource(rest):
    done = rest.run("add", example("add"), inputs=[1, 2])
    assert rest.expect(200, "GET", f"/tasks/{done['id']}/results").json == {"results": "3"}
    fresh = rest.create("add", example("add"), inputs=[1, 2])
    assert rest.expect(200, "GET", f"/tasks/{fresh['id']}/results").json == {"results": None}


def test_history_tells_the_way(rest):
    done = rest.run("add", example("add"), inputs=[1, 2])
    history = done["history"]
    numbers = [(move["attempt"], move["state"]) for move in history]
    assert numbers == sorted(numbers)
    assert (1, SCHEDULED) in numbers and numbers[-1] == (1, COMPLETED)
    assert all(move["cause"] for move in history)
    times = [instant(move["at"]) for move in history]
    assert times == sorted(times)


def test_times_are_shown(rest):
    fresh = rest.create("add", example("add"), inputs=[1, 2])
    assert fresh["start_time"] == fresh["finish_time"] == "0001-01-01T00:00:00Z"
    rest.start(fresh["id"])
    done = rest.wait(fresh["id"])
    assert instant(fresh["created_at"]) <= instant(done["start_time"]) <= instant(done["finish_time"])


def test_running_is_seen(rest):
    """A guest that lasts is Running, and says so to whoever asks."""
    task = rest.create("nap", guest("nap"), inputs=["1500"])
    rest.start(task["id"])
    done = rest.wait(task["id"])
    assert done["state"] == COMPLETED and done["results"] == "1"
    assert (1, RUNNING) in rest.states(task["id"])


def test_wait_answers_when_it_is_final(rest):
    task = rest.create("nap", guest("nap"), inputs=["400"])
    rest.start(task["id"])
    done = rest.expect(200, "GET", f"/tasks/{task['id']}?wait=120", timeout=patience(180)).json
    assert done["state"] == COMPLETED


def test_wait_ends_with_its_time(rest):
    task = rest.create("never-started", example("add"))
    assert rest.expect(200, "GET", f"/tasks/{task['id']}?wait=1").json["state"] == PENDING


@pytest.mark.parametrize("wait", ["-1", "soon", "5abc", "1e9"])
def test_bad_wait_is_refused(rest, wait):
    task = rest.create("add", example("add"))
    assert rest.expect(400, "GET", f"/tasks/{task['id']}?wait={wait}").error


def test_many_at_once(rest):
    ids = [rest.create("add", example("add"), inputs=[n, 1])["id"] for n in range(50)]
    for task_id in ids:
        rest.start(task_id)
    assert [rest.wait(task_id)["results"] for task_id in ids] == [str(n + 1) for n in range(50)]
