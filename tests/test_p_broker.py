# SPDX-License-Identifier: Apache-2.0
"""The broker goes and comes back, for a moment and for longer; nothing is lost or done twice."""
import pytest

from api import COMPLETED, INTERRUPTED, RUNNING
from bus import Bus
from gate import Gate
from modules import example, guest
from wait import stays, wait_until


# Nobody counts as dead because a machine is slow.
SELDOM = {"PROPLET_LIVELINESS_INTERVAL": "10"}


def restart(stack):
    """And the worker is heard through the new broker: the old one may have left it alive for a while."""
    stack.broker.kill()
    before = stack.proplet_view()["last_alive_at"]
    stack.start_broker()
    wait_until(lambda: stack.proplet_view()["last_alive_at"] != before, 20, "the worker's word")
    stack.proplet_ready()


def test_idle(stack):
    stack.start(**SELDOM)
    restart(stack)
    done = stack.rest.run("add", example("add"), inputs=[1, 2])
    assert done["state"] == COMPLETED
    assert stack.proplet_view("manager") == {}, "the manager is no worker"


def test_a_running_task_goes_on(stack):
    gate = Gate(stack)
    stack.start(**SELDOM, **gate.settings)
    task_id = gate.task()
    restart(stack)
    gate.open()
    done = stack.rest.wait(task_id)
    assert (done["state"], done["attempt"], done["results"]) == (COMPLETED, 1, "1"), done


def test_a_task_ends_while_there_is_no_broker(stack):
    """The worker counts as dead if it is silent for too long, so its interval is long here."""
    gate = Gate(stack)
    stack.start(**SELDOM, **gate.settings)
    task_id = gate.task()
    stack.broker.kill()
    gate.open()
    before = stack.proplet().cpu_seconds()
    wait_until(lambda: f"Finished running app id={task_id}" in stack.proplet().text(), 30, "its end")
    assert stack.rest.expect(200, "GET", f"/tasks/{task_id}?wait=1").json["state"] == RUNNING
    stack.start_broker()
    done = stack.rest.wait(task_id)
    assert (done["state"], done["attempt"]) == (COMPLETED, 1), done
    assert stack.proplet().cpu_seconds() - before < 5, "it must not spin while it waits"


def test_a_broker_that_is_away_for_long(stack):
    """Who cannot hear must not take the silent for dead: three intervals pass, and nothing ends."""
    gate = Gate(stack)
    stack.start(PROPLET_LIVELINESS_INTERVAL="1", **gate.settings)
    long = stack.rest.create("nap", guest("nap"), inputs=["600000"])
    stack.rest.start(long["id"])
    wait_until(lambda: stack.rest.task(long["id"])["state"] == RUNNING, 30, "Running")
    short = gate.task()
    stack.broker.kill()
    gate.open()
    assert stays(lambda: stack.rest.task(long["id"])["state"] == RUNNING, 5)
    stack.start_broker()
    done = stack.rest.wait(short)
    assert (done["state"], done["attempt"]) == (COMPLETED, 1), done
    assert stack.rest.task(long["id"])["state"] == RUNNING
    stack.rest.stop(long["id"])
    assert stack.rest.wait(long["id"])["state"] == INTERRUPTED


def test_start_and_stop_while_there_is_no_broker(stack):
    """Accepted is accepted: it happens when the broker is back; or it is refused, honestly."""
    stack.start(**SELDOM)
    rest = stack.rest
    sleeper = rest.create("nap", guest("nap"), inputs=["600000"])
    rest.start(sleeper["id"])
    wait_until(lambda: rest.task(sleeper["id"])["state"] == RUNNING, 30, "Running")
    task = rest.create("add", example("add"), inputs=[1, 2])
    stack.broker.kill()
    started = rest.call("POST", f"/tasks/{task['id']}/start")
    stopped = rest.call("POST", f"/tasks/{sleeper['id']}/stop")
    assert {started.status, stopped.status} <= {200, 503}
    stack.start_broker()
    if started.status == 200:
        assert rest.wait(task["id"], 30)["state"] == COMPLETED
    if stopped.status == 200:
        assert rest.wait(sleeper["id"], 30)["state"] == INTERRUPTED
    else:
        rest.stop(sleeper["id"])
        rest.wait(sleeper["id"])


@pytest.mark.timeout(400)
def test_again_and_again(stack):
    """Five restarts under load: every started task ends, and ends once."""
    stack.start(workers=2, PROPLET_LIVELINESS_INTERVAL="2")
    rest = stack.rest
    ids = []
    for _ in range(5):
        for n in range(20):
            task = rest.create("add", example("add"), inputs=[n, n])
            if rest.call("POST", f"/tasks/{task['id']}/start").status == 200:
                ids.append((task["id"], n))
            if n == 10:
                stack.broker.kill()
        stack.start_broker()
        for number in (1, 2):
            stack.proplet_ready(f"worker-{number}", 30)
    with Bus(stack):
        for task_id, n in ids:
            done = rest.wait(task_id, 40)
            assert done["state"] == COMPLETED and done["results"] == str(2 * n), done
            finals = [move for move in done["history"] if move["state"] == COMPLETED]
            assert len(finals) == 1
