# SPDX-License-Identifier: Apache-2.0
"""Programs of earlier commits against today's, both ways; upgrades in place, in any order; and back.

docs/operation.md, "Upgrades", promises what is held here. tests/earlier.txt says which commits.
"""
import base64
import json
import threading

import pytest

from api import COMPLETED, FAILED, INTERRUPTED, PENDING, RUNNING
from executor import ADD as EXECUTED, Ask, Executor
from gate import Gate
from modules import big_module, example, guest
from registry import WASM, Registry
from stack import BIN
from versions import NAMES, Mixed, cli, earlier
from wait import PATIENCE, wait_until

pytestmark = pytest.mark.timeout(1800)  # the first test of each commit builds it

ADD, NAP, CRASH = example("add"), guest("nap"), example("crash")
KEY = "ab" * 32
KEYED = [name for name in NAMES if name != "open"]  # they know workload keys, and have a proxy
PAIRS = [(name, None) for name in NAMES] + [(name, KEY) for name in KEYED]


@pytest.fixture
def stack(tmp_path):
    own = Mixed(tmp_path)
    yield own
    own.close()


def key_of(prefix, key):
    return {f"{prefix}_WORKLOAD_KEY": key} if key else {}


def start(stack, key=None, workers=("worker-1",), **settings):
    stack.start_broker()
    stack.start_manager(**key_of("MANAGER", key))
    for name in workers:
        stack.start_proplet(name, PROPLET_METRICS_INTERVAL="1", **key_of("PROPLET", key), **settings)
    return stack.rest


def running(rest, **fields):
    """A task that naps until it is stopped, once it runs."""
    fields = {"inputs": ["600000"], **fields}
    task = rest.create("nap", NAP, **fields)["id"]
    rest.start(task)
    wait_until(lambda: rest.task(task)["state"] == RUNNING, 30, "Running")
    return task


def works(stack, worker="worker-1"):
    """What tasks do: values, output, failures, large modules in chunks, stops."""
    rest = stack.rest
    assert rest.run("add", ADD, inputs=[20, 22], proplet_id=worker)["results"] == "42"
    module, answer = big_module(3)
    assert rest.run("answer", module, proplet_id=worker)["results"] == str(answer)
    done = rest.run("crash", CRASH, cli_args=["exit", "3"], proplet_id=worker)
    assert (done["state"], done["exit_code"]) == (FAILED, 3)
    done = rest.run("hello", example("hello-world"), proplet_id=worker)
    assert (done["state"], done["stdout"]) == (COMPLETED, "Hello, world!\n")
    task = running(rest, proplet_id=worker)
    rest.stop(task)
    assert rest.wait(task)["state"] == INTERRUPTED
    assert [state for _, state in rest.states(task)].count(INTERRUPTED) == 1
    wait_until(lambda: rest.get(f"/proplets/{worker}/metrics").json["total"], 30, "metrics of the worker")
    stack.all_alive()


# --- each program of another commit than the rest --------------------------------------------------


@pytest.mark.parametrize("odd", ["the manager", "the worker"])
@pytest.mark.parametrize("name,key", PAIRS, ids=[f"{name}{'-key' if key else ''}" for name, key in PAIRS])
def test_one_is_earlier(stack, name, key, odd):
    stack.of = {"manager" if odd == "the manager" else "worker-1": earlier(name)}
    start(stack, key)
    works(stack)
    stack.proplet().kill()
    stack.gone("worker-1")
    stack.proplet().start()
    stack.proplet_ready()
    works(stack)
    stack.manager.kill()
    stack.restart_manager()
    stack.proplet_ready()
    works(stack)


@pytest.mark.parametrize("older", [("manager",), ("proxy",), ("worker-1",), ("manager", "worker-1")], ids=" and ".join)
@pytest.mark.parametrize("name,key", [(name, key) for name in KEYED for key in (None, KEY)],
                         ids=[f"{name}{'-key' if key else ''}" for name in KEYED for key in (None, KEY)])
def test_images(stack, name, key, older):
    stack.of = {program: earlier(name) for program in older}
    rest = start(stack, key)
    registry = Registry(stack)
    stack.start_proxy(PROXY_PLAIN_HTTP=registry.host, **key_of("PROXY", key))
    module, answer = big_module(2)
    registry.push("team/big", "v1", (WASM, module))
    registry.push("team/add", "v1", (WASM, ADD))
    done = rest.run("answer", None, image_url=registry.name("team/big", "v1"))
    assert done["results"] == str(answer), done
    done = rest.run("add", None, image_url=registry.name("team/add", "v1"), inputs=[1, 2])
    assert done["results"] == "3", done
    done = rest.run("add", None, image_url=registry.name("team/none", "v1"))
    assert done["state"] == FAILED and done["error"], done


@pytest.mark.parametrize("name", NAMES)
def test_the_command_line(stack, name):
    """Today's with an earlier manager, and an earlier one with today's."""
    then = earlier(name)
    for manager, client in ((then, BIN), (BIN, then)):
        stack.of = {"manager": manager, "worker-1": manager}
        if "broker" not in stack.processes:
            start(stack)
        else:
            stack.exchange("manager", manager)
            stack.manager_ready()
            stack.proplet_ready()
            stack.exchange_worker("worker-1", manager)
        add = stack.folder / "add.wasm"
        add.write_bytes(ADD)
        port = stack.http_port
        assert cli(client, port, "tasks", "run", add, "--invoke", "add", 10, 20).stdout == "30\n"
        task = cli(client, port, "tasks", "create", "add", "--file", add, "--inputs", "4,5").stdout.strip()
        cli(client, port, "tasks", "start", task)
        assert stack.rest.wait(task)["results"] == "9"
        assert task in cli(client, port, "tasks", "list").stdout
        assert task in cli(client, port, "tasks", "view", task).stdout
        assert "worker-1" in cli(client, port, "proplets", "list").stdout
        nap = running(stack.rest)
        cli(client, port, "tasks", "stop", nap)
        assert stack.rest.wait(nap)["state"] == INTERRUPTED
        cli(client, port, "tasks", "delete", task)
        assert stack.rest.get(f"/tasks/{task}").status == 404
        cli(client, port, "health")


@pytest.mark.parametrize("name", NAMES)
def test_what_an_earlier_manager_does_not_know(stack, name):
    """--watch asks again and again where there are no events; what every manager knows works."""
    stack.of = {"manager": earlier(name)}
    rest = start(stack)
    task = rest.create("nap", NAP, inputs=["1500"])["id"]
    rest.start(task)
    watched = cli(BIN, stack.http_port, "tasks", "view", task, "--watch", "-o", "json").stdout
    assert f'"state":{COMPLETED}' in watched.replace(" ", "")
    for words in (("tasks", "placement", task), ("tasks", "metrics", task), ("proplets", "metrics", "worker-1"),
                  ("proplets", "alive-history", "worker-1"), ("tasks", "logs", task), ("tasks", "results", task)):
        cli(BIN, stack.http_port, *words)
    done = cli(BIN, stack.http_port, "tasks", "view", "5f0c0f2e-58b4-4d0e-9d2a-0c3c2e8b6a11", code=3)
    assert "5f0c0f2e" in done.stderr


@pytest.mark.parametrize("name,key", PAIRS, ids=[f"{name}{'-key' if key else ''}" for name, key in PAIRS])
def test_one_in_the_middle_of_a_new_fleet(stack, name, key):
    """And the other way round: tasks go to all of them, and come back from all of them."""
    fleet = ("worker-1", "worker-2", "worker-3")
    stack.of = {"worker-2": earlier(name)}
    gate = Gate(stack)
    rest = start(stack, key, fleet, **gate.settings)
    tasks = [gate.task() for _ in range(6)]
    gate.open()  # none has ended before all were placed, so everybody has some
    done = [rest.wait(task) for task in tasks]
    assert {(task["state"], task["results"], task["attempt"]) for task in done} == {(COMPLETED, "1", 1)}
    assert {task["proplet_id"] for task in done} == set(fleet)
    tasks = [rest.create("add", ADD, inputs=[number, 1])["id"] for number in range(40)]
    for task in tasks:
        rest.start(task)
    done = [rest.wait(task) for task in tasks]
    assert [task["results"] for task in done] == [str(number + 1) for number in range(40)]
    assert {task["attempt"] for task in done} == {1}


# --- upgrades in place -----------------------------------------------------------------------------


def every_state(rest, gate):
    """Ids of tasks in all states, by what they are; worker-1 has one slot more than what runs."""
    made = {"fresh": rest.create("fresh", ADD, invoke="add", inputs=[1, 1], metadata={"a": "b"}, env={"SECRET": "s3cret"})["id"],
            "empty": rest.create("empty")["id"],
            "done": rest.run("add", ADD, inputs=[1, 2])["id"],
            "failed": rest.run("crash", CRASH, cli_args=["exit", "3"])["id"],
            "restarted": rest.run("crash", CRASH, cli_args=["exit", "1"], restart="on-failure", restart_limit=1)["id"],
            "stopped": running(rest)}
    rest.stop(made["stopped"])
    rest.wait(made["stopped"])
    made["running"] = running(rest)
    made["ending"] = gate.task()
    made["queued"] = rest.create("add", ADD, inputs=[4, 5])["id"]
    rest.start(made["queued"])
    return made


def is_kept(before, after, at=()):
    """Each member that was there is there, with its value; new ones may have come."""
    if isinstance(before, dict):
        for name, value in before.items():
            assert name in after, (*at, name)
            is_kept(value, after[name], (*at, name))
    else:
        assert before == after, (at, before, after)


@pytest.mark.parametrize("name,key", PAIRS, ids=[f"{name}{'-key' if key else ''}" for name, key in PAIRS])
def test_a_manager_upgraded_in_place(stack, name, key):
    """Tasks in all states, two that run meanwhile, one whose result comes while no manager is there."""
    stack.of = {program: earlier(name) for program in ("manager", "worker-1")}
    gate = Gate(stack)
    rest = start(stack, key, PROPLET_SLOTS="2", PROPLET_LIVELINESS_INTERVAL="10", **gate.settings)
    made = every_state(rest, gate)
    still = ("fresh", "empty", "done", "failed", "restarted", "stopped")
    before = {what: rest.task(made[what]) for what in still}
    modules = rest.task(made["fresh"])["digest"]

    def its_result_is_there():
        gate.open()
        wait_until(lambda: f"Finished running app id={made['ending']}" in stack.proplet().text(), 30, "its result")
    stack.exchange("manager", BIN, its_result_is_there)
    stack.manager_ready()
    for what in still:
        is_kept(before[what], rest.task(made[what]))
    assert {task["id"] for task in rest.get("/tasks?limit=100").json["tasks"]} == set(made.values())
    assert rest.task(made["fresh"])["digest"] == modules
    done = rest.wait(made["ending"])
    assert (done["state"], done["results"], done["attempt"]) == (COMPLETED, "1", 1), done
    stack.proplet_ready()
    assert rest.wait(made["queued"])["results"] == "9"
    view = rest.task(made["running"])
    assert (view["state"], view["attempt"]) == (RUNNING, 1), view
    rest.stop(made["running"])
    assert rest.wait(made["running"])["state"] == INTERRUPTED
    rest.start(made["fresh"])
    assert rest.wait(made["fresh"])["results"] == "2"
    rest.start(made["done"])
    again = rest.wait(made["done"])
    assert (again["results"], again["attempt"]) == ("3", 2)


# What a manager says that is asked at its end: earlier ones did not all find the right word.
ENDING = (429, 500, 503)


class Stream:
    """Tasks without end, by a client that asks again while the manager is away; then what came of them."""

    def __init__(self, rest, **fields):
        self.rest, self.fields = rest, fields
        self.tasks, self.problem = [], None
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            while not self.end.is_set():
                self.one()
        except BaseException as problem:  # told by finish()
            self.problem = problem

    def patiently(self, call):
        """What it gives; a manager that is away, is ending, or goes while it is asked, is asked again."""
        def tried():
            try:
                answer = call()
            except OSError:
                return None
            assert answer.status < 300 or answer.status in ENDING, answer
            return answer if answer.status < 300 else None
        return wait_until(tried, 30, "a manager that answers").json

    def begun(self, task):
        """An earlier manager could end before its answer was sent: who got none looks before asking again."""
        view = self.rest.get(f"/tasks/{task}")
        if view.status in ENDING or view.json.get("attempt", 0) > 0:
            return view
        return self.rest.call("POST", f"/tasks/{task}/start")

    def one(self):
        body = dict(name="nap", file=base64.b64encode(NAP).decode(), inputs=["400"], **self.fields)
        task = self.patiently(lambda: self.rest.call("POST", "/tasks", body))["id"]
        self.patiently(lambda: self.begun(task))
        self.tasks.append(task)

    def goes_on(self, count=15):
        """After `count` more."""
        wanted = len(self.tasks) + count
        wait_until(lambda: len(self.tasks) >= wanted or self.problem, 30, f"{wanted} tasks")

    def finish(self):
        self.end.set()
        self.thread.join()
        if self.problem:
            raise self.problem
        return [self.rest.wait(task) for task in self.tasks]


def exchange_manager(stack, folder):
    stack.exchange("manager", folder)
    stack.manager_ready()


@pytest.mark.parametrize("order", ["manager first", "workers first"])
@pytest.mark.parametrize("name,key", PAIRS, ids=[f"{name}{'-key' if key else ''}" for name, key in PAIRS])
def test_a_fleet_upgraded_while_tasks_run(stack, name, key, order):
    """Then back again. Whoever is ended says so, and what ran on him runs elsewhere, as `restart` asks for."""
    fleet = ("worker-1", "worker-2", "worker-3")
    then = earlier(name)
    stack.of = dict.fromkeys((*fleet, "manager"), then)
    rest = start(stack, key, fleet)
    stream = Stream(rest, restart="on-failure")
    try:
        stream.goes_on()
        if order == "manager first":
            exchange_manager(stack, BIN)
            stream.goes_on()
        for worker in fleet:
            stack.exchange_worker(worker, BIN)
            stream.goes_on()
        if order == "workers first":
            exchange_manager(stack, BIN)
            stream.goes_on()
    finally:
        done = stream.finish()
    assert len(done) > 60
    for task in done:
        moves = [(move["attempt"], move["state"]) for move in task["history"]]
        assert task["state"] == COMPLETED and task["results"] == "1", task
        assert len(moves) == len(set(moves)) and [state for _, state in moves].count(COMPLETED) == 1, task
        assert FAILED not in [state for _, state in moves], task
    assert {task["proplet_id"] for task in done} == set(fleet)
    stack.all_alive()


# --- and back --------------------------------------------------------------------------------------


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("name,key", PAIRS, ids=[f"{name}{'-key' if key else ''}" for name, key in PAIRS])
def test_an_earlier_manager_over_the_state_of_todays(stack, name, key):
    """It says what is wrong and changes not a byte; or it knows the schema, and all is there."""
    rest = start(stack, key, PROPLET_LIVELINESS_INTERVAL="10")
    task = rest.run("add", ADD, inputs=[1, 2])
    nap = running(rest)
    state = stack.folder / "state-manager"
    before = {}
    stack.exchange("manager", earlier(name), lambda: before.update(contents(state)))
    wait_until(lambda: not stack.manager.alive or "listening" in stack.manager.text().split("INFO ended")[-1], 20,
               "its decision")
    if stack.manager.alive:
        stack.manager_ready()
        is_kept(task, rest.task(task["id"]))
        assert rest.task(nap)["attempt"] == 1
    else:
        assert stack.manager.popen.returncode not in (0, -6, -11)
        last = stack.manager.text().strip().splitlines()[-1]
        assert "schema version" in last and "this program knows up to" in last, last
        assert contents(state) == before
    stack.manager.kill()
    stack.of["manager"] = BIN
    stack.manager.command[0] = str(BIN / "propeller-manager")
    stack.restart_manager()
    is_kept(task, rest.task(task["id"]))
    view = rest.task(nap)
    assert (view["state"], view["attempt"]) == (RUNNING, 1)
    rest.stop(nap)
    assert rest.wait(nap)["state"] == INTERRUPTED


@pytest.mark.parametrize("there", ["upgraded", "put back"])
@pytest.mark.parametrize("name,key", PAIRS, ids=[f"{name}{'-key' if key else ''}" for name, key in PAIRS])
def test_a_result_on_a_workers_disk(stack, name, key, there):
    """It is there while manager and worker are away, and is delivered by the other version."""
    first, second = (earlier(name), BIN) if there == "upgraded" else (BIN, earlier(name))
    stack.of = {"worker-1": first}
    gate = Gate(stack)
    rest = start(stack, key, PROPLET_LIVELINESS_INTERVAL="10", **gate.settings)
    task = gate.task()
    stack.manager.kill()
    stack.broker.kill()
    gate.open()
    kept = stack.folder / "state-worker-1"
    wait_until(lambda: list(kept.rglob("*.result")), 30, "a result on disk")
    stack.exchange("worker-1", second)
    stack.start_broker()
    stack.restart_manager()
    done = rest.wait(task)
    assert (done["state"], done["results"], done["attempt"]) == (COMPLETED, "1", 1), done
    stack.proplet_ready()
    assert rest.run("add", ADD, inputs=[1, 2])["results"] == "3"
    wait_until(lambda: not list(kept.rglob("*.result")), 30, "nothing kept")


# --- what only one of them knows -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["open", "sealed"])
def test_gas_goes_to_who_counts_it(stack, name):
    """A limit that a worker does not know is none: so it does not get the task."""
    stack.of = {"worker-1": earlier(name)}
    rest = start(stack)
    task = rest.create("loop", guest("loop"), invoke="spin", limits={"gas": 100000})["id"]
    answer = rest.call("POST", f"/tasks/{task}/start")
    assert answer.status == 409 and "worker-1" in answer.error and "gas" in answer.error, answer
    assert rest.task(task)["attempt"] == 0
    stack.exchange_worker("worker-1", BIN)
    rest.start(task)
    done = rest.wait(task)
    assert done["state"] == FAILED and "gas" in done["error"], done


# --- the executor ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way_name", ["rest", "grpc"])
@pytest.mark.parametrize("odd", ["executor", "client"])
def test_execute_and_verify(stack, odd, way_name):
    """An earlier executor's receipts are true to today's verify, and today's to an earlier one."""
    then = earlier("attested")
    stack.of = {"executor": then if odd == "executor" else BIN}
    client = BIN if odd == "executor" else then
    executor = Executor(stack).ready()
    way = executor.way(way_name)
    assert way.call(Ask(EXECUTED, "add", ("5", "3"))).numbers == [8]
    way.close()
    if way_name == "grpc":
        return
    add = stack.folder / "add.wasm"
    add.write_bytes(EXECUTED)
    receipt = stack.folder / "receipt.json"
    done = cli(client, None, "execute", add, "add", 5, 3, "--executor", f"http://127.0.0.1:{executor.http_port}",
               "--verify", "--receipt", receipt, "--allow-sample")
    assert done.stdout == "8\n", done
    other = then if client == BIN else BIN
    for each in (client, other):
        done = cli(each, None, "verify", receipt, "--allow-sample", "--wasm", add, "-o", "json")
        assert json.loads(done.stdout)["receipt"]["outputs"] == ["i32:8"]
    forged = json.loads(receipt.read_text())
    statement = bytearray(base64.b64decode(forged["statement"]))
    statement[-1] ^= 1
    forged["statement"] = base64.b64encode(statement).decode()
    receipt.write_text(json.dumps(forged))
    for each in (client, other):
        assert cli(each, None, "verify", receipt, "--allow-sample", code=None).returncode == 8
