# SPDX-License-Identifier: Apache-2.0
"""With a workload key: the broker sees no module, input or result, and what it changes, repeats or
invents does not run."""
import base64
import hashlib
import http.client
import json
import os
import re
import socket
import threading
import time
import uuid
from pathlib import Path

import pytest

import sealed
from api import COMPLETED, FAILED, INTERRUPTED, RUNNING, Rest
from bus import Bus
from gate import Gate
from modules import big_module, example, guest, section, wat
from test_a_programs import MANAGER, PROPLET, run as run_program
from wait import patience, stays, wait_until

KEY = os.urandom(32).hex()
OTHER = os.urandom(32).hex()
MARKER = b"the-broker-must-not-see-this"
REFUSAL = "Failed to decrypt workload"

# Its name, its data, what it is given and what it says all hold the marker.
SECRET = wat(f'''(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "{MARKER.decode()}\\n")
  (data (i32.const 0) "\\40\\00\\00\\00\\1d\\00\\00\\00")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1)
    (i32.const 32)))))''')


def start(stack, manager=KEY, worker=KEY, **settings):
    stack.start_broker()
    stack.start_manager(MANAGER_WORKLOAD_KEY=manager)
    stack.start_proplet(PROPLET_WORKLOAD_KEY=worker, **settings)
    return stack.rest


@pytest.fixture(name="closed")
def closed_fixture(stack):
    """Both sides have the key; `stack.bus` hears everything."""
    start(stack)
    with Bus(stack) as bus:
        stack.bus = bus
        yield stack


def everything(bus):
    with bus.lock:
        return b"\n".join(path.encode() + b" " + payload for _, path, payload in bus.heard)


def caught_up(bus):
    """It has heard all that the broker had until now."""
    mark = str(uuid.uuid4())
    bus.say("control/caught-up", {"mark": mark})
    bus.wait_for("control/caught-up", lambda message: message["mark"] == mark)


def in_base64(text):
    """Whatever stands before it, one of these is in the base64 of it."""
    return [base64.b64encode(b"x" * shift + text)[4:-4] for shift in range(3)]


def shown(bus):
    seen = everything(bus)
    return [form for form in [MARKER, *in_base64(MARKER)] if form in seen]


def test_the_broker_sees_nothing_of_it(closed):
    rest, text = closed.rest, MARKER.decode()
    done = rest.run("hello", SECRET, env={"SECRET": text}, cli_args=[text], stdin=text)
    assert (done["state"], done["results"]) == (COMPLETED, text + "\n"), done
    assert rest.run("add", example("add"), invoke="add", inputs=[20, 22])["results"] == "42"
    caught_up(closed.bus)
    assert shown(closed.bus) == []
    start_ = closed.bus.wait_for("control/manager/command/worker-1", lambda m: m["type"] == "start")
    assert set(start_) == {"type", "boot", "task_id", "attempt", "number", "proplet_id", "sealed"}
    result = closed.bus.messages("control/proplet/results")[0]
    assert set(result) == {"boot", "task_id", "attempt", "proplet_id", "sealed"}


def test_that_test_can_fail(stack):
    """Without a key the marker is there."""
    stack.start()
    with Bus(stack) as bus:
        stack.rest.run("hello", SECRET)
        wait_until(lambda: MARKER in shown(bus), 10, "the marker")


def test_all_that_tasks_do(closed):
    rest = closed.rest
    module, answer = big_module(3)
    assert rest.run("answer", module)["results"] == str(answer)
    done = rest.run("crash", example("crash"), cli_args=["exit", "3"])
    assert (done["state"], done["exit_code"]) == (FAILED, 3)
    task = rest.create("nap", guest("nap"), inputs=["600000"])
    rest.start(task["id"])
    wait_until(lambda: rest.task(task["id"])["state"] == RUNNING, 10, "Running")
    rest.stop(task["id"])
    assert rest.wait(task["id"])["state"] == INTERRUPTED
    assert closed.proplet_view()["key"] == "verified"


def test_a_worker_that_has_only_its_own_key(stack):
    own = sealed.worker_key(bytes.fromhex(KEY), "worker-1").hex()
    rest = start(stack, worker=own)
    assert rest.run("add", example("add"), inputs=[1, 2])["results"] == "3"
    assert stack.proplet_view()["key"] == "verified"


@pytest.mark.parametrize("own", [False, True], ids=["root", "own"])
def test_results_on_disk_are_sealed(stack, own):
    """And the next boot is believed, before it has opened anything."""
    key = sealed.worker_key(bytes.fromhex(KEY), "worker-1").hex() if own else KEY
    gate = Gate(stack)
    rest = start(stack, worker=key, **gate.settings)
    rest.run("add", example("add"), inputs=[1, 2])
    until = gate.task()
    stack.broker.kill()
    gate.open()
    files = wait_until(lambda: [path for path in files_with(stack, until.encode()) if path.suffix == ".result"],
                       what="the result")
    assert b'"sealed":"' in files[0].read_bytes() and b"exit" not in files[0].read_bytes()
    stack.proplet().kill()
    stack.start_broker()
    stack.start_proplet(PROPLET_WORKLOAD_KEY=key)
    done = rest.wait(until)
    assert (done["state"], done["results"]) == (COMPLETED, "1"), done
    assert rest.run("hello", SECRET)["state"] == COMPLETED


@pytest.mark.parametrize("manager,worker,says", [
    (KEY, OTHER, REFUSAL), (KEY, None, REFUSAL), (None, KEY, REFUSAL)], ids=["other", "manager", "worker"])
def test_keys_that_do_not_fit(stack, manager, worker, says):
    """A clear end, in both directions, and nothing hangs."""
    rest = start(stack, manager=manager, worker=worker)
    done = rest.run("add", example("add"), inputs=[1, 2])
    assert done["state"] == FAILED and done["error"].startswith(says), done
    assert REFUSAL in stack.proplet().text()
    if manager:
        assert stack.proplet_view()["key"] == "key mismatch"
    assert KEY not in stack.proplet().text() + stack.manager.text()


@pytest.mark.parametrize("key", ["00" * 31, "0" * 63 + "x", "00" * 33])
@pytest.mark.parametrize("program,settings,name", [
    ("propeller-manager", MANAGER, "MANAGER_WORKLOAD_KEY"),
    ("proplet", PROPLET, "PROPLET_WORKLOAD_KEY")])
def test_keys_that_are_none(program, settings, name, key, tmp_path):
    state = name.replace("WORKLOAD_KEY", "STATE_DIR")
    done = run_program(program, **{**settings, state: str(tmp_path), name: key})
    said = done.stderr + done.stdout
    assert done.returncode != 0 and name in said, said
    assert key not in said


def plain_start(stack, task_id, number):
    return {"type": "start", "boot": stack.bus.messages("control/proplet/alive")[-1]["boot"],
            "number": number, "task_id": task_id, "attempt": 1, "proplet_id": "worker-1",
            "name": "hello", "digest": "0" * 64, "module_size": 41, "daemon": False}


def heard_boot(stack):
    wait_until(lambda: stack.bus.messages("control/proplet/alive"), 10, "a heartbeat")


def test_plain_commands_do_not_run(closed):
    heard_boot(closed)
    task_id = str(uuid.uuid4())
    closed.bus.say("control/manager/command/worker-1", plain_start(closed, task_id, 500))
    said = closed.bus.wait_for("control/proplet/results", lambda m: m["task_id"] == task_id)
    assert said["error"].startswith(REFUSAL)
    closed.bus.say("control/manager/start", {
        "id": str(uuid.uuid4()), "name": "hello", "state": 0, "proplet_id": "worker-1",
        "daemon": False, "file": base64.b64encode(example("hello-world")).decode()})
    said = closed.bus.wait_for("control/proplet/results", lambda m: m["task_id"] != task_id)
    assert said["error"].startswith(REFUSAL)
    assert "Received start command" not in closed.proplet().text()


def change(text, what):
    """A sealed command with something else in it."""
    message = json.loads(text)
    message.update(what(message))
    return message


def flip(message):
    raw = bytearray(base64.b64decode(message["sealed"]))
    raw[-20] ^= 1
    return {"sealed": base64.b64encode(raw).decode()}


@pytest.mark.parametrize("what", [
    flip, lambda m: {"number": m["number"] + 100}, lambda m: {"attempt": 2},
    lambda m: {"task_id": str(uuid.uuid4())}, lambda m: {"sealed": m["sealed"][:40]},
    lambda m: {"sealed": ""}], ids=["flipped", "number", "attempt", "task", "cut", "empty"])
def test_changed_commands_do_not_run(closed, what):
    rest = closed.rest
    done = rest.run("add", example("add"), inputs=[1, 2])
    sent = closed.bus.wait_for("control/manager/command/worker-1", lambda m: m["type"] == "start")
    runs = closed.proplet().text().count("Received start command")
    closed.bus.say("control/manager/command/worker-1", change(json.dumps(sent), what))
    wait_until(lambda: REFUSAL in closed.proplet().text(), 10, "the refusal")
    assert closed.proplet().text().count("Received start command") == runs
    assert rest.task(done["id"])["results"] == "3"


def test_a_repeated_command_does_not_run_again(closed):
    closed.rest.run("add", example("add"), inputs=[1, 2])
    sent = closed.bus.wait_for("control/manager/command/worker-1", lambda m: m["type"] == "start")
    for _ in range(3):
        closed.bus.say("control/manager/command/worker-1", sent)
    closed.rest.run("add", example("add"), inputs=[2, 2])
    assert closed.proplet().text().count("Received start command") == 2


def test_results_of_others_do_not_count(closed):
    """Plain, and somebody else's sealed one with the ids of this attempt."""
    rest = closed.rest
    other = rest.run("add", example("add"), inputs=[1, 2])
    stolen = closed.bus.wait_for("control/proplet/results", lambda m: m["task_id"] == other["id"])
    task = rest.create("nap", guest("nap"), inputs=["600000"])
    rest.start(task["id"])
    wait_until(lambda: rest.task(task["id"])["state"] == RUNNING, 10, "Running")
    mine = {"task_id": task["id"], "attempt": 1}
    closed.bus.say("control/proplet/results", {**stolen, **mine})
    closed.bus.say("control/proplet/results", {
        **{k: v for k, v in stolen.items() if k != "sealed"}, **mine, "results": "evil"})
    closed.bus.say("control/proplet/results", {
        **{k: v for k, v in stolen.items() if k != "sealed"}, **mine, "error": "evil"})
    closed.bus.say("control/proplet/state", {
        "task_id": task["id"], "attempt": 1, "proplet_id": "worker-1", "boot": stolen["boot"],
        "state": "gone", "at": "2026-01-01T00:00:00Z"})
    assert stays(lambda: rest.task(task["id"])["state"] == RUNNING, 0.5)
    rest.stop(task["id"])
    assert rest.wait(task["id"])["state"] == INTERRUPTED


def test_announcements_of_others_do_not_count(closed):
    """A new boot that nobody signed, an unsigned end, and one that was signed and then changed."""
    rest = closed.rest
    heard_boot(closed)
    task = rest.create("nap", guest("nap"), inputs=["600000"])
    rest.start(task["id"])
    wait_until(lambda: rest.task(task["id"])["state"] == RUNNING, 10, "Running")
    beat = closed.bus.messages("control/proplet/alive")[-1]
    plain = {k: v for k, v in beat.items() if k != "auth"}
    for forged in ({**plain, "boot": str(uuid.uuid4()), "running": []}, {**plain, "status": "offline"},
                   {**beat, "running": []}, {**plain, "running": []}):
        closed.bus.say("control/proplet/alive", forged)
        closed.bus.say("control/proplet/create", {**forged, "features": []})
    assert stays(lambda: rest.task(task["id"])["state"] == RUNNING, 0.5)
    view = closed.proplet_view()
    assert view["alive"] and view["key"] == "verified"
    rest.stop(task["id"])
    rest.wait(task["id"])


def raw_beat(stack):
    with stack.bus.lock:
        return [p for _, path, p in stack.bus.heard if path == "control/proplet/alive"][-1]


def test_announcements_that_are_repeated_do_not_count(closed):
    """Signed ones, from before a task began, and from an earlier boot of the worker."""
    rest = closed.rest
    heard_boot(closed)
    beats = [raw_beat(closed)]
    closed.proplet().stop()
    closed.start_proplet(PROPLET_WORKLOAD_KEY=KEY)
    boot = closed.proplet_view()["boot"]
    closed.bus.wait_for("control/proplet/alive", lambda m: m["boot"] == boot)
    beats.append(raw_beat(closed))
    assert boot.encode() in beats[1] and boot.encode() not in beats[0]
    task = rest.create("nap", guest("nap"), inputs=["600000"])
    rest.start(task["id"])
    wait_until(lambda: rest.task(task["id"])["state"] == RUNNING, 10, "Running")
    closed.bus.wait_for("control/proplet/alive", lambda m: m.get("running") == [[task["id"], 1]])
    for beat in beats:
        closed.bus.say("control/proplet/alive", beat)
    wait_until(lambda: closed.manager.text().count("an old message of a worker") == 2, 10, "both")
    assert stays(lambda: rest.task(task["id"])["state"] == RUNNING, 0.5)
    view = closed.proplet_view()
    assert (view["alive"], view["boot"]) == (True, boot)
    rest.stop(task["id"])
    rest.wait(task["id"])


def test_a_stranger_gets_nothing_while_there_is_another(stack):
    """It is listed, and is placed last."""
    start(stack, PROPLET_LIVELINESS_INTERVAL="10")  # a worker that is only slow is not taken for dead
    stranger = {"proplet_id": "stranger", "boot": str(uuid.uuid4()), "features": ["commands"],
                "engines": ["multipass"], "slots": 1000, "interval_ms": 60000, "running": [], "held": []}
    with Bus(stack) as bus:
        bus.say("control/proplet/create", stranger)
    wait_until(lambda: stack.proplet_view("stranger").get("key") == "key mismatch", 10, "it")
    for n in range(5):
        assert stack.rest.run("add", example("add"), inputs=[n, 2])["proplet_id"] == "worker-1"


class Flood:
    """The same message again and again, from before what is done meanwhile to its end."""

    def __init__(self, bus, path, payload):
        self.bus, self.topic, self.payload = bus, bus.stack.topic(path), payload
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.go)

    def go(self):
        while not self.over.is_set():
            self.bus.client.publish(self.topic, self.payload, qos=0).wait_for_publish(patience())

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def test_chunks_are_not_exchanged(closed):
    """The chunks of one module under the name of another, and plain ones: nothing runs but itself."""
    rest = closed.rest
    first, answer = big_module(1, seed=1)
    rest.run("answer", first)
    caught_up(closed.bus)
    with closed.bus.lock:
        chunks = [p for _, path, p in closed.bus.heard if path == "registry/chunk/worker-1"]
    assert chunks and all(first[:64] not in chunk for chunk in chunks)
    last = min(chunks, key=len)
    for seed in range(2, 100):  # until a forged chunk was faster than the true one
        module, answer = big_module(1, seed=seed)
        forged = last[:20] + hashlib.sha256(module).digest() + last[52:]
        with Flood(closed.bus, "registry/chunk/worker-1", forged):
            assert rest.run("answer", module)["results"] == str(answer)
        if "cannot be opened" in closed.proplet().text():
            break
    assert "cannot be opened" in closed.proplet().text()


def test_an_external_runtime_is_refused(stack):
    rest = start(stack, PROPLET_EXTERNAL_WASM_RUNTIME="/bin/true")
    done = rest.run("add", example("add"), engine="external", inputs=[1, 2])
    assert done["state"] == FAILED and "disk" in done["error"], done
    assert rest.run("add", example("add"), inputs=[1, 2])["results"] == "3"


def test_old_workers_get_nothing_in_the_clear(stack):
    stack.start_broker()
    stack.start_manager(MANAGER_WORKLOAD_KEY=KEY)
    with Bus(stack) as bus:
        bus.say("control/proplet/alive", {"proplet_id": "old"})
        wait_until(lambda: stack.proplet_view("old").get("alive"), 10, "the old worker")
        task = stack.rest.create("hello", SECRET)
        answer = stack.rest.call("POST", f"/tasks/{task['id']}/start")
        assert answer.status == 422 and "MANAGER_WORKLOAD_ALLOW_V1" in answer.error, answer
        assert bus.messages("control/manager/start") == []


def test_version_1_between_old_and_new(stack):
    """Our manager seals for an old worker as Propeller does, and our worker opens that."""
    stack.start_broker()
    stack.start_manager(MANAGER_WORKLOAD_KEY=KEY, MANAGER_WORKLOAD_ALLOW_V1="true")
    with Bus(stack) as bus:
        bus.say("control/proplet/alive", {"proplet_id": "worker-1"})
        wait_until(lambda: stack.proplet_view().get("alive"), 10, "the old worker")
        task = stack.rest.create("add", example("add"), inputs=[1, 2], invoke="add")
        stack.rest.start(task["id"])
        sent = bus.wait_for("control/manager/start")
        assert base64.b64decode(sent["file"])[12:20] != example("add")[:8]
        assert len(sent["checksum"]) == 64
        stack.manager.kill()
        stack.start_proplet(ready=False, PROPLET_WORKLOAD_KEY=KEY, PROPLET_WORKLOAD_ALLOW_V1="true")
        bus.wait_for("control/proplet/alive", lambda m: m.get("boot"))  # by then it listens
        bus.say("control/manager/start", sent)
        bus.wait_for("control/proplet/results", lambda m: m["task_id"] == task["id"])
        wait_until(lambda: "Finished running app" in stack.proplet().text(), 10, "the end")
        bus.say("control/manager/start", {**sent, "id": str(uuid.uuid4()),
                                          "file": base64.b64encode(example("add")).decode()})
        wait_until(lambda: REFUSAL in stack.proplet().text(), 10, "the refusal")


def in_memory(pid, needle):
    """Where a process has it, by the names of its mappings."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *rest = line.split(maxsplit=5)
            begin, end = (int(x, 16) for x in span.split("-"))
            if "r" not in rights or end - begin > 1 << 30 or "[v" in line:
                continue
            try:
                memory.seek(begin)
                if needle in memory.read(end - begin):
                    found.append(line)
            except OSError:
                pass
    return found


@pytest.mark.skipif(bool(os.environ.get("AIRSCREW_SANITIZED")), reason="a sanitizer keeps what is freed")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads the memory of what may not be dumped")
def test_nothing_of_it_stays_in_memory(closed):
    """Neither the module nor what it says, in the worker; nor the key as text."""
    pid = closed.proplet().pid
    closed.rest.run("hello", SECRET, env={"SECRET": MARKER.decode()}, stdin=MARKER.decode())
    assert in_memory(closed.manager.pid, b"proplet") != [], "the search itself finds something"
    wait_until(lambda: not in_memory(pid, MARKER), 5, f"the marker to go: {in_memory(pid, MARKER)}")
    assert in_memory(pid, KEY.encode()) == []


@pytest.mark.skipif(bool(os.environ.get("AIRSCREW_SANITIZED")), reason="a sanitizer's mlockall() does nothing")
def test_memory_is_locked_and_nothing_stays(closed):
    """All pages of the worker, as far as the test may; and compiled code goes with its task."""
    status = (Path("/proc") / str(closed.proplet().pid) / "status").read_text()
    locked = int(re.search(r"VmLck:\s+(\d+)", status)[1])
    assert locked > 1000 or os.geteuid() != 0, status
    closed.rest.run("add", example("add"), inputs=[1, 2])
    caught_up(closed.bus)
    asked = len(closed.bus.messages("registry/manager"))
    closed.rest.run("add", example("add"), inputs=[1, 2])
    wait_until(lambda: len(closed.bus.messages("registry/manager")) > asked, what="the module to be fetched again")


ALL_NEW = "all that is kept is sealed with the first workload key, others can go"


def test_a_key_is_rotated_with_no_downtime(stack):
    """As docs/settings.md has it: workers learn the new key, the manager changes, the old one goes."""
    rest = start(stack)

    def works():
        done = rest.run("add", example("add"), inputs=[20, 22])
        assert (done["state"], done["results"]) == (COMPLETED, "42"), done
        assert stack.proplet_view()["key"] == "verified"

    def restart(name, begin, **key):
        stack.processes[name].stop()
        said = len(stack.processes[name].text())
        begin(**key)
        stack.proplet_ready("worker-1")  # a manager that has begun hears it first
        works()
        return said
    works()
    restart("worker-1", stack.start_proplet, PROPLET_WORKLOAD_KEYS=f"{KEY},{OTHER}")
    said = restart("manager", stack.start_manager, MANAGER_WORKLOAD_KEYS=f"{OTHER},{KEY}")
    wait_until(lambda: ALL_NEW in stack.manager.text()[said:], 20, ALL_NEW)  # it says so of its first key as well
    restart("worker-1", stack.start_proplet, PROPLET_WORKLOAD_KEY=OTHER)
    restart("manager", stack.start_manager, MANAGER_WORKLOAD_KEY=OTHER)


def test_keys_of_the_command_line(tmp_path):
    cli = run_program("propeller-cli", "keys", "new")
    assert cli.returncode == 0 and re.fullmatch(r"[0-9a-f]{64}\n", cli.stdout), cli
    assert cli.stdout != run_program("propeller-cli", "keys", "new").stdout
    own = sealed.worker_key(bytes.fromhex(KEY), "worker-1").hex()
    done = run_program("propeller-cli", "keys", "new", "--for", "worker-1", PROPELLER_WORKLOAD_KEY=KEY)
    assert done.stdout == own + "\n"
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    again = {"PROPELLER_WORKLOAD_KEY_FILE": str(file)}
    assert run_program("propeller-cli", "keys", "new", "--for", "worker-1", **again).stdout == own + "\n"
    file.chmod(0o644)
    done = run_program("propeller-cli", "keys", "new", "--for", "worker-1", **again)
    assert done.returncode != 0 and "_FILE" in done.stderr and KEY not in done.stderr
    for text in ("", "00", KEY[:-1] + "x"):
        done = run_program("propeller-cli", "keys", "new", "--for", "w", PROPELLER_WORKLOAD_KEY=text)
        assert done.returncode != 0 and "PROPELLER_WORKLOAD_KEY" in done.stderr


# --- at rest ------------------------------------------------------------------------------------

def files_with(stack, marker):
    """Every file below the stack's folder that holds it, in any form; some go while we look."""
    forms, found = [marker, *in_base64(marker)], []
    for folder, _, names in os.walk(stack.folder):
        for path in (Path(folder) / name for name in names):
            try:
                content = path.read_bytes() if path.is_file() else b""
            except FileNotFoundError:
                continue
            found += [path] if any(form in content for form in forms) else []
    return found


def marked_module(megabytes):
    """One whose end is noise that is nowhere else, with what it answers."""
    module, answer = big_module(megabytes, seed=77)
    return module, answer, module[-48:]


def module_files(stack):
    return [path for path in (stack.folder / "state-manager" / "modules").iterdir()]


def half_uploaded(stack, task_id, module):
    """A socket over which all but the last byte was sent."""
    half = socket.create_connection(("127.0.0.1", stack.http_port))
    half.sendall(f"PUT /tasks/{task_id}/upload HTTP/1.1\r\nHost: x\r\nContent-Type: application/wasm\r\n"
                 f"Content-Length: {len(module)}\r\n\r\n".encode() + module[:-1])
    return half


@pytest.mark.parametrize("key", [KEY, None], ids=["sealed", "plain"])
def test_modules_on_disk_are_sealed(stack, key):
    """While they arrive, while they run and afterwards. Without a key the same search finds them."""
    rest = start(stack, manager=key, worker=key)
    module, answer, _ = marked_module(2)
    marker = module[-2048 * 512:][:48]  # well before the end, so that it is on disk early
    task = rest.create("half")
    with half_uploaded(stack, task["id"], module):
        def part():
            return [f for f in module_files(stack) if f.suffix == ".part" and f.stat().st_size > 1600000]
        wait_until(part, 10, "most of the upload on disk")
        assert bool(files_with(stack, marker)) == (key is None)
    nap = guest("nap") + section(0, b"\x06secret" + MARKER)
    task = rest.create("nap", nap, inputs=["600000"])
    rest.start(task["id"])
    wait_until(lambda: rest.task(task["id"])["state"] == RUNNING, 10, "Running")
    assert bool(files_with(stack, MARKER)) == (key is None)
    rest.stop(task["id"])
    rest.wait(task["id"])
    assert rest.run("answer", module)["results"] == str(answer)
    for process in (stack.proplet(), stack.manager):
        assert process.stop() == 0
    assert bool(files_with(stack, MARKER) and files_with(stack, marker)) == (key is None)
    assert bool(files_with(stack, MARKER) or files_with(stack, marker)) == (key is None)


def restart_both(stack, key):
    for process in (stack.proplet(), stack.manager):
        process.kill()
    stack.start_manager(MANAGER_WORKLOAD_KEY=key)
    stack.start_proplet(PROPLET_WORKLOAD_KEY=key)


def test_modules_at_rest_and_keys(stack):
    """After kill -9: with another key or none the manager says which one it needs, and nothing is
    lost: with the key again they run again."""
    rest = start(stack)
    module, answer = big_module(1, seed=78)
    task = rest.create("answer", module)

    def again():
        rest.start(task["id"])
        return rest.wait(task["id"], 20)
    assert again()["results"] == str(answer)
    for key in (None, OTHER):
        stack.manager.kill()
        stack.start_manager(ready=False, MANAGER_WORKLOAD_KEY=key)
        assert stack.manager.exit_code() != 0
        identity = sealed.key_id(sealed.worker_key(bytes.fromhex(KEY), "")).hex()
        assert f"not here (key id {identity})" in stack.manager.text().splitlines()[-1]
    for key in (KEY, f"{OTHER},{KEY}"):
        restart_both(stack, key)
        done = again()
        assert (done["state"], done["results"]) == (COMPLETED, str(answer)), done
    assert KEY not in stack.manager.text() and OTHER not in stack.manager.text()


def test_plain_modules_from_before_the_key(stack):
    """They run, and are sealed as soon as there is a key."""
    rest = start(stack, manager=None, worker=None)
    module, answer, marker = marked_module(1)
    task = rest.create("answer", module)
    assert len(files_with(stack, marker)) == 1
    restart_both(stack, KEY)
    wait_until(lambda: ALL_NEW in stack.manager.text(), 20, ALL_NEW)
    assert files_with(stack, marker) == [] and len(module_files(stack)) == 1
    rest.start(task["id"])
    assert rest.wait(task["id"])["results"] == str(answer)


def private_tasks(rest, number):
    """Tasks with the marker in all that can be asked for, and what came of them."""
    text = MARKER.decode()
    made = [rest.create(f"{text}-{i}", SECRET, env={"SECRET": text}, cli_args=[text], stdin=text,
                        metadata={"tag": text}) for i in range(number)]
    for task in made:
        rest.start(task["id"])
    return [rest.wait(task["id"]) for task in made]


@pytest.mark.parametrize("key", [KEY, None], ids=["sealed", "plain"])
def test_rows_are_sealed(stack, key):
    """What was asked for, what came of it, and its history. Without a key the same search finds it."""
    rest = start(stack, manager=key, worker=key)
    done = private_tasks(rest, 2)[0]
    assert done["state"] == COMPLETED and MARKER.decode() in done["stdout"], done
    assert rest.get(f"/tasks?metadata.tag={MARKER.decode()}").status in (200, 400)
    crash = rest.create(MARKER.decode(), example("add"), invoke=MARKER.decode())
    rest.start(crash["id"])
    assert MARKER.decode() in rest.wait(crash["id"])["error"]
    found = files_with(stack, MARKER)
    assert bool([path for path in found if "state.db" in path.name or path.suffix == ".db"]
                or [path for path in found if path.name.endswith("-wal")]) == (key is None), found
    assert stack.manager.stop() == 0
    found = [path for path in files_with(stack, MARKER) if path.suffix != ".log"]
    assert bool(found) == (key is None), found


def test_rows_of_an_old_key(stack):
    """A key comes, another follows, the manager is killed while it seals anew: nothing is lost, and in
    the end nothing of the old key is left."""
    rest = start(stack, manager=None, worker=None)
    before = {task["id"]: rest.task(task["id"]) for task in private_tasks(rest, 60)}
    states = {task_id: rest.states(task_id) for task_id in before}
    assert files_with(stack, MARKER)
    for keys in (KEY, f"{OTHER},{KEY}"):
        stack.manager.kill()
        for _ in range(3):  # in the midst of it, more or less
            stack.start_manager(ready=False, MANAGER_WORKLOAD_KEY=keys)
            wait_until(lambda: "listening" in stack.manager.text(), 20, "a manager")
            stack.manager.kill()
            stack.manager.log.write_text("")
        stack.start_manager(MANAGER_WORKLOAD_KEY=keys)
        wait_until(lambda: ALL_NEW in stack.manager.text(), 30, ALL_NEW)
    assert stack.manager.stop() == 0
    for process in (stack.proplet(),):
        process.kill()
    assert not [path for path in files_with(stack, MARKER) if path.suffix != ".log"]
    stack.start_manager(MANAGER_WORKLOAD_KEY=OTHER)
    for task_id, task in before.items():
        assert rest.task(task_id) == task and rest.states(task_id) == states[task_id]
    stack.start_proplet(PROPLET_WORKLOAD_KEY=OTHER)
    again = next(iter(before))
    rest.start(again)
    assert rest.wait(again)["state"] == COMPLETED


def test_the_key_is_not_in_the_environment(stack):
    """Nor can anybody dump the manager; proplet and proxy are looked at elsewhere."""
    start(stack)
    environment = Path(f"/proc/{stack.manager.pid}/environ").read_bytes()
    assert b"MANAGER_WORKLOAD_KEY=" in environment and KEY.encode() not in environment


class Patient(Rest):
    """Takes the refusal of a manager that is ending for none."""

    def call(self, *arguments, **more):
        answer = super().call(*arguments, **more)
        if answer.status == 503:
            raise ConnectionError(answer.error)
        return answer


class Load:
    """Tasks one after the other by several clients, each until it is final, whatever the manager does;
    a request that nobody takes is made again."""

    def __init__(self, stack, clients=4):
        self.stack, self.going, self.done, self.wrong = stack, True, [], []
        self.threads = [threading.Thread(target=self.client, args=(number,)) for number in range(clients)]
        for thread in self.threads:
            thread.start()

    def persist(self, call):
        deadline = time.monotonic() + patience()
        while True:
            try:
                return call()
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline
                stays(lambda: True, 0.02)

    def client(self, number):
        round_ = 0
        try:
            while self.going:
                round_ += 1
                self.one(Patient(self.stack.http_port), number, round_)
        except Exception as error:  # pylint: disable=broad-except  # the test tells it
            self.wrong.append(error)

    def one(self, rest, number, round_):
        task = self.persist(lambda: rest.create("add", example("add"), inputs=[number, round_], restart="on-failure"))
        started = self.persist(lambda: rest.call("POST", f"/tasks/{task['id']}/start"))
        assert started.status in (200, 409), started  # 409: it was started, and the answer lost
        self.done.append((number + round_, self.persist(lambda: rest.wait(task["id"], 60))))

    def end(self):
        self.going = False
        for thread in self.threads:
            thread.join()


def test_a_key_is_rotated_under_load(stack):
    """By the runbook, with two workers: no task fails."""
    rest = start(stack)
    stack.start_proplet("worker-2", PROPLET_WORKLOAD_KEY=KEY)
    load = Load(stack)

    def restart(name, begin, **key):
        before = len(load.done)
        stack.processes[name].stop()
        said = len(stack.processes[name].text())
        begin(**key)
        wait_until(lambda: len(load.done) >= before + 20, 30, "tasks meanwhile")
        return said

    def workers(keys):
        for name in ("worker-1", "worker-2"):
            restart(name, lambda name=name, **key: stack.start_proplet(name, **key), PROPLET_WORKLOAD_KEY=keys)
    try:
        workers(f"{KEY},{OTHER}")
        said = restart("manager", stack.start_manager, MANAGER_WORKLOAD_KEY=f"{OTHER},{KEY}")
        wait_until(lambda: ALL_NEW in stack.manager.text()[said:], 30, ALL_NEW)
        workers(OTHER)
        restart("manager", stack.start_manager, MANAGER_WORKLOAD_KEY=OTHER)
    finally:
        load.end()
    wrong = [*load.wrong, *(task for answer, task in load.done if task["results"] != str(answer))]
    assert not wrong and len(load.done) > 100, wrong[:2]
    wait_until(lambda: {view["key"] for view in rest.get("/proplets").json["proplets"]} == {"verified"},
               what="the manager to have heard both workers")


def test_requests_and_metrics_are_signed(stack):
    """Recorded, unsigned, in another's name: nothing is sent for them, and nothing is noted."""
    stack.start_broker()
    stack.start_manager(MANAGER_WORKLOAD_KEY=KEY)
    rest = stack.rest
    with Bus(stack) as bus:
        stack.start_proplet(PROPLET_WORKLOAD_KEY=KEY, PROPLET_METRICS_INTERVAL="5")
        assert rest.run("add", example("add"), inputs=[1, 2])["results"] == "3"
        request = bus.wait_for("registry/manager", lambda m: m["count"] >= 1)
        measured = bus.wait_for("control/proplet/metrics", seconds=15)
        assert request["auth"] and measured["auth"] and request["number"] > 0
        chunks = lambda: [path for _, path, _ in bus.heard if path.startswith("registry/chunk/")]  # noqa: E731
        unsigned = {name: value for name, value in request.items() if name != "auth"}
        ours = [unsigned, {**request, "number": request["number"] + 9},
                {**unsigned, "proplet_id": "worker-9"}, {**request, "count": 64}]
        for message in (request, *ours):
            bus.say("registry/manager", message)
        forged = {name: value for name, value in measured.items() if name != "auth"}
        for _ in range(5):
            bus.say("control/proplet/metrics", forged)
        task = rest.run("hello", SECRET)  # a new module: its chunks come after all that
        assert task["state"] == COMPLETED
        caught_up(bus)  # and so were all chunks before it
        requests = {json.dumps(m) for m in bus.messages("registry/manager") if m not in ours}
        assert 2 <= len(chunks()) <= len(requests), "somebody else made the manager send"
        noted = rest.get("/proplets/worker-1/metrics").json["total"]
        caught_up(bus)
        assert noted <= len([m for m in bus.messages("control/proplet/metrics") if m != forged])
