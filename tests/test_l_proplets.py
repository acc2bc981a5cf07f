# SPDX-License-Identifier: Apache-2.0
"""Workers as the manager shows them, and what they announce."""
import os
import uuid

import pytest

from api import instant
from bus import Bus
from modules import guest
from peers import listening
from wait import wait_until


def test_view(up, rest):
    view = rest.expect(200, "GET", "/proplets/worker-1").json
    assert view["id"] == "worker-1" and view["name"]
    assert view["alive"] is True and view["task_count"] == 0
    assert view["last_alive_at"].endswith("Z")
    assert view["metadata"]["os"] == "linux" and view["metadata"]["cpu_arch"]


def test_list(rest):
    page = rest.get("/proplets").json
    assert (page["offset"], page["limit"], page["total"]) == (0, 100, 1)
    assert [view["id"] for view in page["proplets"]] == ["worker-1"]
    assert rest.get("/proplets?status=active").json["total"] == 1
    assert rest.get("/proplets?status=inactive").json["total"] == 0
    assert rest.get("/proplets?offset=1").json["proplets"] == []


@pytest.mark.parametrize("query", ["status=sleepy", "limit=x", "offset=-1"])
def test_bad_queries(rest, query):
    assert rest.expect(400, "GET", f"/proplets?{query}").error


def test_unknown(rest):
    assert rest.expect(404, "GET", f"/proplets/{uuid.uuid4()}").error
    assert rest.expect(404, "DELETE", f"/proplets/{uuid.uuid4()}").error


def test_announcement(stack):
    stack.start_broker()
    with Bus(stack) as bus:
        stack.start_manager()
        stack.start_proplet(PROPLET_LIVELINESS_INTERVAL="7")
        said = bus.wait_for("control/proplet/create")
        assert said["proplet_id"] == "worker-1" and said["namespace"] == "default"
        assert uuid.UUID(said["boot"]) and "commands" in said["features"]
        assert set(said["engines"]) == {"multipass", "singlepass", "interp"}
        assert said["slots"] == 1024 and said["interval_ms"] == 7000
        assert said["cpus"] == os.cpu_count() and said["memory_bytes"] > 1 << 28
        assert said["running"] == [] and said["held"] == [] and said["command"] == 0
        beat = bus.wait_for("control/proplet/alive")
        assert beat["status"] == "alive" and beat["boot"] == said["boot"]


def test_heartbeats_keep_their_interval_and_list_what_runs(stack):
    stack.start(PROPLET_LIVELINESS_INTERVAL="1")
    with Bus(stack) as bus:
        task = stack.rest.create("nap", guest("nap"), inputs=["600000"])
        stack.rest.start(task["id"])
        bus.wait_for("control/proplet/alive", lambda beat: beat["running"] == [[task["id"], 1]])

        def gaps():
            times = bus.times("control/proplet/alive")
            return [later - sooner for sooner, later in zip(times, times[1:])]
        wait_until(lambda: len(gaps()) >= 3 and min(gaps()) < 5, 10, "heartbeats more often than the usual 10 s")
        wait_until(lambda: max(gaps()) > 0.5, 10, "heartbeats that do not come all at once")
        stack.rest.stop(task["id"])
        bus.wait_for("control/proplet/alive", lambda beat: beat["command"] == 1
                     and beat["running"] == [] and beat["held"] == [])


def test_a_new_boot_at_each_start(stack):
    stack.start_broker()
    with Bus(stack) as bus:
        stack.start_manager()
        stack.start_proplet()
        first = bus.wait_for("control/proplet/create")["boot"]
        stack.proplet().stop()
        stack.start_proplet()
        bus.wait_for("control/proplet/create", lambda said: said["boot"] != first)


def test_clean_end_says_offline(stack):
    stack.start()
    with Bus(stack) as bus:
        stack.proplet().stop()
        bus.wait_for("control/proplet/alive", lambda beat: beat["status"] == "offline")
        wait_until(lambda: not stack.proplet_view()["alive"], 3, "not alive")


def test_alive_history(stack):
    """The last ten times, oldest first; an id is any text, not only a UUID."""
    stack.start_broker()
    stack.start_manager()
    listening(stack)

    def times(query=""):
        answer = stack.rest.get(f"/proplets/edge-1/alive-history{query}")
        return answer.json if answer.status == 200 else {"total": 0, "history": [""]}
    with Bus(stack, listen=False) as bus:
        for beat in range(12):
            last = times()["history"][-1]
            bus.say("control/proplet/alive", {"proplet_id": "edge-1", "status": "alive"})
            wait_until(lambda last=last: times()["history"][-1] != last, 5, f"beat {beat}")
            assert times()["total"] == min(beat + 1, 10)
    page = times()
    assert (page["offset"], page["limit"], len(page["history"])) == (0, 100, 10)
    assert page["history"] == sorted(page["history"], key=instant) and page["history"][0].endswith("Z")
    assert page["history"][-1] == stack.proplet_view("edge-1")["last_alive_at"]
    assert times("?offset=8&limit=1")["history"] == [page["history"][8]]
    assert times("?offset=10") == {"offset": 10, "limit": 100, "total": 10, "history": []}
    assert stack.rest.get("/proplets/nobody/alive-history").status == 404
    assert stack.rest.get("/proplets/edge-1/alive-history?limit=0").status == 400


def test_delete(stack):
    stack.start()
    task = stack.rest.create("nap", guest("nap"), inputs=["60000"])
    stack.rest.start(task["id"])
    assert stack.rest.expect(409, "DELETE", "/proplets/worker-1").error
    stack.rest.stop(task["id"])
    stack.rest.wait(task["id"])
    stack.proplet().stop()
    wait_until(lambda: not stack.proplet_view()["alive"], 5, "not alive")
    wait_until(lambda: stack.proplet_view()["task_count"] == 0, 5, "task_count 0")
    stack.rest.expect(204, "DELETE", "/proplets/worker-1")
    assert stack.rest.get("/proplets/worker-1").status == 404


def test_a_worker_is_deleted_only_as_it_was_seen(stack):
    """If-Match is not passed over in silence: between the two its state has changed."""
    stack.start()
    path = f"/proplets/{stack.rest.get('/proplets').json['proplets'][0]['id']}"
    before = stack.rest.get(path).headers["etag"]
    assert stack.proplet().stop() == 0
    wait_until(lambda: not stack.rest.get(path).json["alive"], 10, "the worker's end")
    answer = stack.rest.call("DELETE", path, headers={"If-Match": before})
    assert answer.status == 412 and answer.json["type"] == "/problems/stale"
    now = stack.rest.get(path).headers["etag"]
    assert stack.rest.get(path, headers={"If-None-Match": now}).status == 304
    assert stack.rest.call("DELETE", path, headers={"If-Match": now}).status == 204
    assert stack.rest.get(path).status == 404


def test_who_was_deleted_alive_comes_back(stack):
    """Its heartbeat says that it is one of ours, not what it can do: so it is asked."""
    stack.start()
    stack.rest.expect(204, "DELETE", "/proplets/worker-1")
    view = wait_until(lambda: (view := stack.proplet_view()).get("engines") and view, what="all that it can do")
    assert view["alive"] and view["slots"] == 1024


def test_workers_survive_a_restart_of_the_manager(stack):
    stack.start()
    name = stack.proplet_view()["name"]
    stack.manager.kill()
    stack.restart_manager()
    assert stack.proplet_view()["name"] == name
    stack.proplet_ready()
