# SPDX-License-Identifier: Apache-2.0
"""Results that nobody could take are kept on the worker's disk, and recorded once."""
from api import COMPLETED, INTERRUPTED, RUNNING
from gate import Gate
from modules import guest
from wait import stays, wait_until

# The manager gives up nobody while a test brings its worker back.
SELDOM = {"PROPLET_LIVELINESS_INTERVAL": "10"}


def files(stack, pattern="*.result"):
    return list((stack.folder / "state-worker-1" / "proplet-worker-1" / "results").glob(pattern))


def napping(stack, milliseconds):
    task = stack.rest.create("nap", guest("nap"), inputs=[str(milliseconds)])
    stack.rest.start(task["id"])
    wait_until(lambda: stack.rest.task(task["id"])["state"] == RUNNING, 30, "Running")
    return task["id"]


def recorded_once(stack, task_id):
    done = stack.rest.wait(task_id, 30)
    assert (done["state"], done["attempt"], done["results"]) == (COMPLETED, 1, "1"), done
    assert sum(state == COMPLETED for _, state in stack.rest.states(task_id)) == 1
    wait_until(lambda: not files(stack), 30, "the end of the file")


def test_connected_workers_write_nothing(stack):
    """But what waits for the manager's word for seconds, at the next heartbeat: so these are far apart."""
    stack.start(PROPLET_LIVELINESS_INTERVAL="600")
    folder = stack.folder / "state-worker-1" / "proplet-worker-1" / "results"
    before = folder.stat().st_mtime_ns
    for _ in range(3):
        stack.rest.run("nap", guest("nap"), inputs=["1"])
    assert files(stack) == [] and folder.stat().st_mtime_ns == before


def test_worker_and_broker_die(stack):
    """The result comes while there is no broker, and then the worker is killed."""
    gate = Gate(stack)
    stack.start(**SELDOM, **gate.settings)
    task_id = gate.task()
    stack.broker.kill()
    gate.open()
    wait_until(lambda: files(stack), 30, "the result on disk")
    assert files(stack)[0].stat().st_mode & 0o777 == 0o600
    stack.proplet().kill()
    stack.start_broker()
    stack.proplet().start()
    recorded_once(stack, task_id)


def test_the_manager_is_away(stack):
    """Nobody acknowledges: after a while the result is put on disk, and killing the worker is safe."""
    gate = Gate(stack)
    stack.start(PROPLET_LIVELINESS_INTERVAL="5", **gate.settings)  # it looks at each heartbeat
    task_id = gate.task()
    stack.manager.kill()
    gate.open()
    wait_until(lambda: files(stack), 30, "the result on disk")
    stack.proplet().kill()
    stack.restart_manager()
    stack.proplet().start()
    recorded_once(stack, task_id)


def test_a_clean_end_saves_what_is_left(stack):
    stack.start(**SELDOM, PROPLET_MQTT_TIMEOUT="1")
    task_id = napping(stack, 600000)
    stack.manager.kill()
    assert stack.proplet().stop() == 0
    assert len(files(stack)) == 1
    stack.restart_manager()
    stack.proplet().start()
    done = stack.rest.wait(task_id, 30)
    assert (done["state"], done["attempt"]) == (INTERRUPTED, 1), done
    assert done["history"][-1]["cause"] == "stopped by its worker"
    wait_until(lambda: not files(stack), 30, "the end of the file")


def test_a_damaged_result(stack):
    """It is moved aside and told about; its attempt ends as lost, everything else goes on."""
    gate = Gate(stack)
    stack.start(**SELDOM, **gate.settings)
    bad, good = gate.task(), gate.task()
    stack.broker.kill()
    gate.open()
    wait_until(lambda: len(files(stack)) == 2, 30, "the results on disk")
    stack.proplet().kill()
    path = next(path for path in files(stack) if bad.encode() in path.read_bytes())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    stack.start_broker()
    stack.proplet().start()
    done = stack.rest.wait(bad, 30)
    assert (done["state"], done["history"][-1]["cause"]) == (INTERRUPTED, "the worker was restarted")
    assert stack.rest.wait(good, 30)["state"] == COMPLETED
    assert len(files(stack, "*.damaged")) == 1
    assert "damaged" in stack.proplet().text()


def test_an_attempt_that_is_over_is_let_go(stack):
    """The worker was away for too long: the manager has given the attempt up, and says so."""
    gate = Gate(stack)
    stack.start(PROPLET_LIVELINESS_INTERVAL="1", **gate.settings)
    task_id = gate.task()
    stack.broker.kill()
    gate.open()
    wait_until(lambda: files(stack), 30, "the result on disk")
    stack.proplet().kill()
    stack.start_broker()
    assert stack.rest.wait(task_id, 40)["state"] == INTERRUPTED
    stack.proplet().start()
    wait_until(lambda: not files(stack), 30, "the end of the file")
    assert stays(lambda: stack.rest.task(task_id)["state"] == INTERRUPTED, 0.3)


def test_two_workers_with_one_id(stack):
    stack.start()
    again = stack.spawn("again", stack.proplet().command, stack.proplet().environment)
    wait_until(lambda: not again.alive, 30, "its end")
    again.ended_by_test = True
    assert again.popen.returncode not in (0, -6, -11)
    assert "another worker with this client id" in again.text()
    assert stack.rest.run("nap", guest("nap"), inputs=["1"])["state"] == COMPLETED
