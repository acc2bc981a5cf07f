# SPDX-License-Identifier: Apache-2.0
"""Workers that die, come back, or fall silent: their attempts end, once and with a reason."""
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from api import COMPLETED, INTERRUPTED, RUNNING
from bus import Bus
from gate import Gate
from modules import example, guest
from peers import listening
from wait import stays, wait_until


def running(stack, worker="worker-1"):
    task = stack.rest.create("nap", guest("nap"), inputs=["600000"], proplet_id=worker)
    stack.rest.start(task["id"])
    wait_until(lambda: stack.rest.task(task["id"])["state"] == RUNNING, 30, "Running")
    return task["id"]


def test_killed(stack):
    """kill -9: the attempt ends when the worker is dead; placement ends at once (test_offline_ends_placement_at_once)."""
    stack.start(workers=2, PROPLET_LIVELINESS_INTERVAL="2")
    task_id = running(stack)
    stack.proplet().kill()
    wait_until(lambda: not stack.proplet_view()["alive"], 30, "the last will to be heard")
    done = stack.rest.run("add", example("add"), inputs=[1, 2])
    assert done["state"] == COMPLETED
    done = stack.rest.wait(task_id)
    assert done["state"] == INTERRUPTED and done["error"], done
    assert "worker" in done["history"][-1]["cause"]


def test_frozen(stack):
    """SIGSTOP: no last will, no heartbeat; after three intervals it is dead; later it learns so."""
    stack.start(PROPLET_LIVELINESS_INTERVAL="2")
    task_id = running(stack)
    stack.proplet().signal(signal.SIGSTOP)
    try:
        done = stack.rest.wait(task_id)
        assert done["state"] == INTERRUPTED
        heard, ended = (datetime.fromisoformat(text) for text in (stack.proplet_view()["last_alive_at"], done["finish_time"]))
        assert (ended - heard).total_seconds() > 5.9, (heard, ended)
        assert not stack.proplet_view()["alive"]
        task = stack.rest.create("add", example("add"), inputs=[1, 2])
        assert stack.rest.call("POST", f"/tasks/{task['id']}/start").status == 503
    finally:
        stack.proplet().signal(signal.SIGCONT)
    stack.proplet_ready()
    with Bus(stack) as bus:
        bus.wait_for("control/proplet/alive", lambda beat: beat["running"] == []
                     and beat["held"] == [])
    after = stack.rest.task(task_id)
    assert (after["state"], after["attempt"]) == (INTERRUPTED, 1)
    stack.rest.start(task["id"])
    assert stack.rest.wait(task["id"])["results"] == "3"


def test_nobody_dies_while_the_manager_sleeps(stack):
    """Such as in a virtual machine that stands still: five intervals pass, and it has not listened."""
    stack.start(PROPLET_LIVELINESS_INTERVAL="2")
    task_id = running(stack)
    with Bus(stack) as bus:
        stack.manager.signal(signal.SIGSTOP)
        try:
            wait_until(lambda: len(bus.times("control/proplet/alive")) >= 5, 60, "five heartbeats")
        finally:
            stack.manager.signal(signal.SIGCONT)
        heard = len(bus.times("control/proplet/alive"))
        wait_until(lambda: len(bus.times("control/proplet/alive")) > heard + 1, 30, "heartbeats")
    task = stack.rest.task(task_id)
    assert (task["state"], task["attempt"]) == (RUNNING, 1), task


def test_who_wakes_up_with_its_workers_starts_at_once(stack):
    """The machine stood still for longer than three intervals, with nothing to do; what was heard last still counts."""
    stack.start(PROPLET_LIVELINESS_INTERVAL="1")
    task = stack.rest.create("add", example("add"), inputs=[1, 2])
    both = [stack.proplet(), stack.manager]
    for process in both:
        process.signal(signal.SIGSTOP)
    five = time.monotonic() + 5
    wait_until(lambda: time.monotonic() > five, 60, "five intervals")
    with ThreadPoolExecutor() as pool:  # the start waits at the door
        start = pool.submit(stack.rest.call, "POST", f"/tasks/{task['id']}/start")
        stack.manager.signal(signal.SIGCONT)
        status = start.result().status
    for process in both:
        process.signal(signal.SIGCONT)
    assert status == 200
    assert stack.rest.wait(task["id"])["results"] == "3"


def test_a_new_boot(stack):
    """The worker is back before it was dead: what its old boot ran has ended."""
    stack.start(PROPLET_LIVELINESS_INTERVAL="10")
    task_id = running(stack)
    stack.proplet().kill()
    stack.start_proplet(PROPLET_LIVELINESS_INTERVAL="10")
    done = stack.rest.wait(task_id)
    assert done["state"] == INTERRUPTED and "restart" in done["history"][-1]["cause"], done
    stack.rest.start(task_id)
    wait_until(lambda: stack.rest.task(task_id)["state"] == RUNNING, 30, "Running again")
    assert stack.rest.task(task_id)["attempt"] == 2
    stack.rest.stop(task_id)
    stack.rest.wait(task_id)


def test_offline_ends_placement_at_once(stack):
    """The last will is heard, although the interval is long."""
    stack.start(PROPLET_LIVELINESS_INTERVAL="60")
    stack.proplet().kill()
    wait_until(lambda: not stack.proplet_view()["alive"], 30, "not alive")
    task = stack.rest.create("add", example("add"), inputs=[1, 2])
    assert stack.rest.call("POST", f"/tasks/{task['id']}/start").status == 503


def test_dead_where_no_interval_is_announced(stack):
    """Ten seconds each, so thirty in all: after five it must still count as alive."""
    stack.start_broker()
    stack.start_manager()
    listening(stack)
    with Bus(stack, listen=False) as bus:
        bus.say("control/proplet/alive", {"proplet_id": "old-one", "status": "alive"})
        wait_until(lambda: stack.proplet_view("old-one").get("alive"), 30, "alive")
        assert stays(lambda: stack.proplet_view("old-one")["alive"], 5)


def test_queued_tasks_go_to_who_is_left(stack):
    stack.start(workers=2, PROPLET_SLOTS="1", PROPLET_LIVELINESS_INTERVAL="2")
    first, second = running(stack, "worker-1"), running(stack, "worker-2")
    waiting = stack.rest.create("add", example("add"), inputs=[1, 2])
    stack.rest.start(waiting["id"])
    assert stack.rest.task(waiting["id"])["queued"] is True
    stack.proplet("worker-1").kill()
    stack.rest.stop(second)
    done = stack.rest.wait(waiting["id"])
    assert (done["state"], done["results"]) == (COMPLETED, "3")
    assert any("worker-2" in move["cause"] for move in done["history"])
    assert stack.rest.wait(first)["state"] == INTERRUPTED


def test_a_result_waits_for_the_manager(stack):
    """The guest ends while the manager is down: the worker keeps the result until it is back."""
    gate = Gate(stack)
    stack.start(**gate.settings, PROPLET_LIVELINESS_INTERVAL="2")
    task = gate.task()
    stack.manager.kill()
    gate.open()
    with Bus(stack) as bus:
        bus.wait_for("control/proplet/alive", lambda beat: beat["held"] == [[task, 1]])
        stack.restart_manager()
        done = stack.rest.wait(task)
        assert (done["state"], done["results"], done["attempt"]) == (COMPLETED, "1", 1)
        bus.wait_for("control/manager/command/worker-1", lambda m: m["type"] == "ack"
                     and [task, 1] in m["attempts"])
        wait_until(lambda: bus.messages("control/proplet/alive")[-1]["held"] == [], 30, "nothing held any more")
        count = len(bus.times("control/proplet/alive"))
        wait_until(lambda: len(bus.times("control/proplet/alive")) > count, 30, "another heartbeat")
        assert bus.messages("control/proplet/alive")[-1]["held"] == []


@pytest.mark.parametrize("engine", ["multipass", "interp"])
def test_sigterm_lets_results_out(stack, engine):
    """What ended before the end of the worker is not lost with it."""
    stack.start()
    ids = [stack.rest.create("add", example("add"), inputs=[n, n], engine=engine)["id"]
           for n in range(20)]
    for task_id in ids:
        stack.rest.start(task_id)
    assert stack.proplet().stop() == 0
    for n, task_id in enumerate(ids):
        done = stack.rest.wait(task_id)
        assert (done["state"], done.get("results")) == (COMPLETED, str(2 * n)) or \
            done["state"] == INTERRUPTED, done
