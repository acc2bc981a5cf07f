# SPDX-License-Identifier: Apache-2.0
"""propeller-cli backup and restore: of a manager that works on, and what comes out of it."""
import io
import json
import os
import random
import re
import signal
import socket
import subprocess
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from api import COMPLETED, INTERRUPTED, PENDING, RUNNING, SCHEDULED
from gate import Gate
from modules import TOP, big_module, example, guest, section, wat
from stack import BIN, clean_environment
from wait import PATIENCE, wait_until

ADD = example("add")


def another(content):
    """ADD with something in it that nobody reads."""
    return ADD + section(0, b"\0" + content)


def cli(stack, *words, token=None, code=0, stdin=None):
    environment = {**clean_environment(), "PROPELLER_MANAGER_URL": f"http://127.0.0.1:{stack.http_port}"}
    if token or stack.token:
        environment["PROPELLER_TOKEN"] = token or stack.token
    done = subprocess.run([BIN / "propeller-cli", *[str(word) for word in words]], env=environment, text=True,
                          input=stdin, capture_output=True, timeout=120 * PATIENCE)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def back_up(stack, name="backup"):
    """The file, and what was said about it."""
    path = stack.folder / name
    said = json.loads(cli(stack, "backup", path, "-o", "json").stdout)
    assert said["bytes"] == path.stat().st_size and path.stat().st_mode & 0o777 == 0o600
    return path, said


def lose(stack):
    """The manager, and all that it had."""
    stack.manager.kill()
    (stack.folder / "state-manager").rename(stack.folder / "lost")


def restore(stack, backup, folder="state-manager"):
    return json.loads(cli(stack, "restore", backup, "--state-dir", stack.folder / folder, "-o", "json").stdout)


def replace(stack, backup):
    """The manager is lost, and another one takes its place."""
    lose(stack)
    said = restore(stack, backup)
    stack.restart_manager()
    stack.proplet_ready()
    return said


def test_what_was_there_is_there_again(stack):
    stack.start()
    rest = stack.rest
    done = rest.run("add", ADD, inputs=[1, 2], metadata={"a": "b"})
    fresh = rest.create("hello", example("hello-world"))
    backup, said = back_up(stack)
    assert (said["modules"], said["missing"]) == (2, 0)
    with tarfile.open(backup) as tar:
        names = tar.getnames()
    assert names[:2] == ["manifest.json", "manager.db"] and names[-1] == "end.json"
    assert names[2:-1] == sorted(f"modules/{task['digest']}" for task in (done, fresh))
    later = rest.create("later", ADD)["id"]
    assert replace(stack, backup)["tasks"] == 2
    assert rest.task(done["id"]) == done
    assert rest.get(f"/tasks/{later}").status == 404
    rest.start(fresh["id"])
    assert "Hello" in rest.wait(fresh["id"])["stdout"]
    assert rest.run("add", ADD, inputs=[3, 4])["results"] == "7"


def test_the_same_worker_goes_on(stack):
    """No attempt runs twice: numbers that the lost manager gave after the backup are not given again."""
    gate = Gate(stack)
    stack.start(**gate.settings)
    rest = stack.rest
    again = rest.run("add", ADD, inputs=[1, 2])
    nap = rest.create("nap", guest("nap"), inputs=["600000"])["id"]
    rest.start(nap)
    wait_until(lambda: rest.task(nap)["state"] == RUNNING, 30, "Running")
    brief = gate.task()
    backup, _ = back_up(stack)
    for _ in range(3):  # attempts 2, 3 and 4
        rest.start(again["id"])
        assert rest.wait(again["id"])["state"] == COMPLETED
    for n in range(20):
        rest.run("add", ADD, inputs=[n, n])
    gate.open()
    assert rest.wait(brief)["state"] == COMPLETED
    unknown = rest.create("nap", guest("nap"), inputs=["600000"])["id"]
    rest.start(unknown)
    wait_until(lambda: rest.task(unknown)["state"] == RUNNING, 30, "Running")
    before = rest.get("/proplets/worker-1").json["boot"]
    replace(stack, backup)
    assert rest.get("/proplets/worker-1").json["boot"] == before
    # What is not known is stopped; what still runs is known; what has ended is said to be lost.
    wait_until(lambda: f"Received stop command id={unknown}" in stack.proplet().text(), 30, "the stop")
    assert rest.wait(brief)["state"] == INTERRUPTED
    assert (rest.task(nap)["state"], rest.task(nap)["attempt"]) == (RUNNING, 1)
    rest.start(again["id"])
    task = rest.wait(again["id"])
    assert (task["state"], task["results"]) == (COMPLETED, "3")
    assert task["attempt"] > 10**15
    assert [rest.run("add", ADD, inputs=[n, 1])["attempt"] for n in range(5)] == [1] * 5
    rest.stop(nap)
    assert rest.wait(nap)["state"] == INTERRUPTED
    starts = [line.split("app_name=")[1] for line in stack.proplet().text().splitlines()
              if "Received start command" in line]
    assert len(starts) == len(set(starts)), "an attempt was started twice"


def test_a_result_of_an_attempt_that_is_not_known(stack):
    """It lay at the worker when the manager was lost, and is not taken for one of a later attempt."""
    gate = Gate(stack)
    stack.start(**gate.settings)
    rest = stack.rest
    task = gate.task()
    gate.open()
    assert rest.wait(task)["state"] == COMPLETED
    backup, _ = back_up(stack)
    gate.close()
    gate.start(task)
    assert rest.task(task)["attempt"] == 2
    lose(stack)
    restore(stack, backup)
    gate.open()
    wait_until(lambda: f"Finished running app id={task} attempt=2" in stack.proplet().text(), 30, "its end")
    stack.restart_manager()
    stack.proplet_ready()
    assert (rest.task(task)["state"], rest.task(task)["attempt"]) == (COMPLETED, 1)
    rest.start(task)
    assert rest.wait(task)["attempt"] > 10**15
    states = rest.states(task)
    assert {attempt for attempt, _ in states if attempt < 10**15} == {0, 1}
    assert [state for attempt, state in states if attempt > 10**15] == [SCHEDULED, RUNNING, COMPLETED]


def test_what_waited_does_not_run_by_itself(stack):
    stack.start(PROPLET_SLOTS="1")
    rest = stack.rest
    first = rest.create("nap", guest("nap"), inputs=["600000"])["id"]
    rest.start(first)
    wait_until(lambda: rest.task(first)["state"] == RUNNING, 30, "Running")
    waits = rest.create("add", ADD, inputs=[1, 1])["id"]
    restarts = rest.create("add", ADD, inputs=[2, 2], restart="on-failure")["id"]
    for task in (waits, restarts):
        rest.start(task)
        assert (rest.task(task)["state"], rest.task(task)["queued"]) == (PENDING, True)
    backup, _ = back_up(stack)
    rest.stop(first)
    assert [rest.wait(task)["state"] for task in (waits, restarts)] == [COMPLETED] * 2
    replace(stack, backup)
    task = rest.wait(waits)
    assert task["state"] == INTERRUPTED and "restored from a backup" in task["error"]
    again = rest.wait(restarts)
    assert (again["state"], again["results"]) == (COMPLETED, "4") and again["attempt"] > 10**15
    assert stack.proplet().text().count(f"Received start command app_name=add id={waits} ") == 1


def resized(header, size):
    """A header that says another size, and has the right sum."""
    header[124:135] = b"%011o" % size
    header[148:156] = b" " * 8
    header[148:155] = b"%06o\0" % sum(header)
    return header


def test_modules_that_are_damaged_or_gone(stack):
    """On the manager's disk: the backup is good, and what is not is said by both commands."""
    stack.start_broker()
    stack.start_manager()
    rotten, gone = (stack.rest.create("add", another(content))["digest"] for content in (b"rotten", b"gone"))
    modules = stack.folder / "state-manager" / "modules"
    content = bytearray((modules / rotten).read_bytes())
    content[-1] ^= 1
    (modules / rotten).write_bytes(content)
    (modules / gone).unlink()
    for words in (("backup", stack.folder / "file"), ("restore", stack.folder / "file", "--check"),
                  ("restore", stack.folder / "file", "--state-dir", stack.folder / "new")):
        done = cli(stack, *words, "-o", "json")
        assert (json.loads(done.stdout)["missing"], json.loads(done.stdout)["damaged"]) == (1, 1)
        assert "1 modules were damaged" in done.stderr and "1 modules that tasks name were not there" in done.stderr


@pytest.mark.parametrize("how", ["newer", "torn", "flipped", "text", "empty", "tar", "gone"])
def test_bad_backups_are_refused(stack, how):
    stack.start_broker()
    stack.start_manager()
    stack.rest.create("add", ADD)
    backup, _ = back_up(stack)
    bytes_ = bytearray(backup.read_bytes())
    expected = {"newer": "use the newer propeller-cli", "torn": "torn", "flipped": "damaged", "text": "no backup",
                "empty": "no backup", "tar": "no backup", "gone": "there is no file"}[how]
    if how == "newer":
        with tarfile.open(backup) as tar:
            manifest = tar.extractfile("manifest.json").read()
        newer = manifest.replace(b'"schema":', b'"schema":9')
        bytes_ = resized(bytes_[:512], len(newer)) + newer.ljust(512, b"\0") + bytes_[1024:]
    elif how == "torn":
        bytes_ = bytes_[:-1000]
    elif how == "flipped":
        bytes_[len(bytes_) // 2] ^= 1
    elif how == "text":
        bytes_ = b"hello\n" * 1000
    elif how == "empty":
        bytes_ = b""
    elif how == "tar":
        with tarfile.open(backup, "w") as tar:
            tar.add(BIN / "propeller-cli", "manifest.json")
        bytes_ = backup.read_bytes()
    backup.write_bytes(bytes_)
    if how == "gone":
        backup.unlink()
    names = sorted(os.listdir(stack.folder))
    for words in (("--check",), ("--state-dir", stack.folder / "new")):
        done = cli(stack, "restore", backup, *words, code={"newer": 2, "gone": 3}.get(how, 8))
        assert expected in done.stderr and done.stderr.startswith("error: "), done.stderr
        assert sorted(os.listdir(stack.folder)) == names


EVIL = [
    ("symbolic link", dict(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "modules/" + "a" * 64),
    ("symbolic link in place of the database", dict(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "manager.db"),
    ("hard link", dict(type=tarfile.LNKTYPE, linkname="manager.db"), "modules/" + "a" * 64),
    ("device", dict(type=tarfile.CHRTYPE, devmajor=1, devminor=3), "modules/" + "a" * 64),
    ("pipe", dict(type=tarfile.FIFOTYPE), "modules/" + "a" * 64),
    ("folder", dict(type=tarfile.DIRTYPE), "modules"),
    ("absolute", {}, "/tmp/backup-was-here"),
    ("above", {}, "../backup-was-here"),
    ("above a folder", {}, "modules/../../backup-was-here"),
    ("huge", dict(size=1 << 60), "modules/" + "a" * 64),
    ("larger than a file can be", dict(size=(1 << 62) + 1), "manager.db"),
    ("a member of somebody else", {}, "manager.conf"),
]


@pytest.mark.parametrize("what", EVIL, ids=[row[0] for row in EVIL])
def test_archives_of_others_write_nothing(tmp_path, what):
    """Behind a manifest that is in order."""
    _, more, name = what
    manifest = {"format": 1, "version": "0.1.0", "created": "1970-01-01T00:00:00Z", "schema": 6,
                "database": {"size": more.get("size", 512) if name == "manager.db" else 512}, "modules": {"count": 1, "bytes": 1, "missing": 0}}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member, content, attributes in (("manifest.json", json.dumps(manifest).encode(), {}), (name, bytes(512), more)):
            info = tarfile.TarInfo(member)
            info.mode, info.size = 0o600, len(content)
            for key, value in attributes.items():
                setattr(info, key, value)
            # As ours has it: no names, user and group in seven digits.
            out.write(own_header(info))
            out.write(content.ljust(512, b"\0"))
    backup = tmp_path / "backup"
    backup.write_bytes(out.getvalue())
    done = subprocess.run([BIN / "propeller-cli", "restore", backup, "--state-dir", tmp_path / "new"], text=True,
                          env=clean_environment(), capture_output=True)
    assert (done.returncode, done.stdout) == (8, ""), done
    assert "the backup is damaged" in done.stderr, done.stderr
    assert os.listdir(tmp_path) == ["backup"] and not os.path.exists("/tmp/backup-was-here")


def own_header(info):
    """Of any member, in the form that the reader takes but for what is wrong with it."""
    block = bytearray(info.tobuf(format=tarfile.GNU_FORMAT, errors="surrogateescape")[:512])
    block[257:265] = b"ustar\x0000"
    if info.devmajor == 0:
        block[329:345] = bytes(16)
    block[148:156] = b" " * 8
    block[148:155] = b"%06o\0" % sum(block)
    return bytes(block)


# --- under load ----------------------------------------------------------------------------------

class Load:
    """Clients that create, upload, start and delete all the time, each module another one."""

    def __init__(self, stack, clients=4):
        self.stack, self.lock, self.ending = stack, threading.Lock(), threading.Event()
        self.accepted = {}   # id -> (when, the sum that its module adds to)
        self.deleting = {}   # id -> when it was asked for
        self.deleted = {}    # id -> when it was answered
        self.asked = set()   # names
        self.requests, self.problems = 0, []
        self.threads = [threading.Thread(target=self.run, args=[n]) for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        dice = random.Random(number)
        mine = []
        try:
            while not self.ending.is_set():
                self.step(dice, number, mine)
        except Exception as error:  # noqa: BLE001 (told at the end)
            self.problems.append(repr(error))

    def timed(self, method, path, body=None, **more):
        answer = self.stack.rest.call(method, path, body, **more)
        with self.lock:
            self.requests += 1
        assert answer.status in (200, 201, 204, 409, 429), answer
        return answer

    def step(self, dice, number, mine):
        name = f"{number}-{dice.randrange(1 << 60)}"
        module = another(name.encode() + bytes(dice.randrange(50000)))
        with self.lock:
            self.asked.add(name)
        answer = self.timed("POST", "/tasks", {"name": name, "invoke": "add", "inputs": [number, 1]})
        task_id = answer.json["id"]
        self.timed("PUT", f"/tasks/{task_id}/upload", module, headers={"Content-Type": "application/wasm"})
        with self.lock:
            self.accepted[task_id] = time.monotonic()
        mine.append(task_id)
        if dice.random() < 0.5:
            self.timed("POST", f"/tasks/{task_id}/start")
        if dice.random() < 0.6:
            victim = mine.pop(dice.randrange(len(mine)))
            with self.lock:
                self.deleting[victim] = time.monotonic()
            if self.timed("DELETE", f"/tasks/{victim}").status == 204:
                with self.lock:
                    self.deleted[victim] = time.monotonic()

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()
        assert self.problems == []


def tasks_of(stack):
    """All, by id."""
    found, offset = {}, 0
    while page := stack.rest.expect(200, "GET", f"/tasks?limit=100&offset={offset}").json["tasks"]:
        found.update({task["id"]: task for task in page})
        offset += 100
    return found


def test_under_load(stack):
    stack.start(PROPLET_LIVELINESS_INTERVAL="10")  # nobody is gone because all are busy
    rest = stack.rest
    for seed in range(3):
        rest.create("big", big_module(6, seed)[0])
    load, served = Load(stack), 0
    wait_until(lambda: load.problems or (len(load.accepted) > len(load.deleting) + 50 and len(load.deleted) > 5), 60,
               "some tasks")
    for n in range(3):
        before, requests = time.monotonic(), load.requests
        backup, said = back_up(stack, f"backup-{n}")
        after = time.monotonic()
        served += load.requests - requests
    load.end()
    assert served > 0, "nobody was served meanwhile"
    assert said["missing"] == 0
    here = tasks_of(stack)
    said = replace(stack, backup)
    there = tasks_of(stack)
    assert said["tasks"] == len(there)
    kept = {i for i, at in load.accepted.items() if at < before and load.deleting.get(i, after) >= after}
    gone = {i for i, at in load.deleted.items() if at < before}
    assert kept and gone and kept <= set(there) and not gone & set(there)
    known = set(here) | set(load.deleting)
    for task_id, task in there.items():
        assert task_id in known and (task["name"] in load.asked or task["name"] == "big"), task
    done = [i for i in kept if there[i]["state"] == COMPLETED][:10]
    ready = done + [i for i in kept if there[i]["state"] == PENDING and not there[i].get("queued")][:10]
    assert len(ready) > 10
    for task_id in ready:
        rest.start(task_id)
    for task_id in ready:
        task = rest.wait(task_id)
        assert task["state"] == COMPLETED and int(task["results"]) <= len(load.threads), task


class Reader:
    """A client of GET /backup that reads as it likes."""

    def __init__(self, stack, window=4096):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.connect(("127.0.0.1", stack.http_port))
        self.socket.sendall(b"GET /backup HTTP/1.1\r\nHost: x\r\n\r\n")
        self.socket.settimeout(60 * PATIENCE)
        self.head = self.socket.recv(1000)

    def __enter__(self):
        assert self.head.startswith(b"HTTP/1.1 200 "), self.head
        return self

    def __exit__(self, *_):
        self.socket.close()


@pytest.fixture(name="heavy")
def heavy_fixture(stack):
    """More than sockets and the pipe take: a backup waits for its reader."""
    stack.start_broker()
    stack.start_manager()
    stack.heavy = [stack.rest.create("big", big_module(8, seed)[0]) for seed in range(3)]
    stack.aside = stack.folder / "state-manager" / "backup"
    return stack


def test_a_client_that_does_not_read_holds_up_nobody(heavy):
    rest = heavy.rest
    with Reader(heavy):
        for n in range(50):
            task = rest.create("add", another(bytes([n])))
            rest.expect(204, "DELETE", f"/tasks/{task['id']}")
        rest.expect(204, "DELETE", f"/tasks/{heavy.heavy[2]['id']}")
        files = heavy.folder / "state-manager" / "modules"
        wait_until(lambda: len(list(files.iterdir())) == 2, 30, "the deleted modules gone")
        assert heavy.heavy[2]["digest"] in os.listdir(heavy.aside)
    wait_until(lambda: os.listdir(heavy.aside) == [], 30, "the end of the backup")


def test_one_at_a_time(heavy):
    target = heavy.folder / "file"
    with Reader(heavy):
        answer = heavy.rest.get("/backup")
        assert answer.status == 429 and int(answer.headers["retry-after"]) >= 1
        done = cli(heavy, "backup", target, code=6)
        assert "one at a time" in done.stderr and "try again" in done.stderr
        assert not [name for name in os.listdir(heavy.folder) if name.startswith("file")]
    wait_until(lambda: heavy.rest.get("/backup").status == 200, 30, "the end of the first one")
    wait_until(lambda: cli_status(heavy, "backup", target) == 0, 30, "another one")


def cli_status(stack, *words):
    environment = {**clean_environment(), "PROPELLER_MANAGER_URL": f"http://127.0.0.1:{stack.http_port}"}
    return subprocess.run([BIN / "propeller-cli", *words], env=environment, capture_output=True).returncode


def test_a_manager_that_is_killed_leaves_nothing(heavy):
    with Reader(heavy):
        heavy.rest.expect(204, "DELETE", f"/tasks/{heavy.heavy[0]['id']}")
        wait_until(lambda: os.listdir(heavy.aside), 30, "what is held")
        heavy.manager.kill()
        assert os.listdir(heavy.aside)
    heavy.restart_manager()
    assert os.listdir(heavy.aside) == []
    backup, said = back_up(heavy)
    assert said["modules"] == 2


def test_a_manager_that_ends_does_not_wait_for_it(heavy):
    """And who reads sees that it is not all."""
    with Reader(heavy) as reader:
        assert heavy.manager.stop() == 0
        content = reader.head
        try:
            while piece := reader.socket.recv(1 << 16):
                content = content[-100:] + piece
        except ConnectionError:
            pass
        assert not content.endswith(b"\r\n0\r\n\r\n")


def test_the_command_line_says_that_it_was_cut_off(heavy):
    """Held up by a pipe that is full, when the manager goes."""
    environment = {**clean_environment(), "PROPELLER_MANAGER_URL": f"http://127.0.0.1:{heavy.http_port}"}
    asking = subprocess.Popen([BIN / "propeller-cli", "backup", "-"], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    first = asking.stdout.read(1)
    heavy.manager.kill()
    rest_, said = asking.communicate(timeout=60 * PATIENCE)
    assert (first, asking.returncode) == (b"m", 6), said
    assert b"was cut off after" in said, said


def test_a_manager_that_goes_meanwhile(stack):
    """What came is no backup, and is not kept."""
    stack.start_broker()
    stack.start_manager()
    stack.rest.create("add", ADD)
    whole, _ = back_up(stack)
    content = whole.read_bytes()

    class Half(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content[:len(content) * 2 // 3])

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Half)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        before = sorted(os.listdir(stack.folder))
        for code, words in ((8, ["half"]), (4, ["backup"]), (8, ["backup", "--force"])):
            done = cli(stack, "-m", f"http://127.0.0.1:{server.server_port}", "backup", stack.folder / words[0],
                       *words[1:], code=code)
            assert ("torn" if code == 8 else "is there already") in done.stderr
            assert sorted(os.listdir(stack.folder)) == before
        assert whole.read_bytes() == content
    finally:
        server.shutdown()
        server.server_close()


def test_ctrl_c(heavy):
    """What was written goes, also while nothing comes."""
    environment = {**clean_environment(), "PROPELLER_MANAGER_URL": f"http://127.0.0.1:{heavy.http_port}"}
    for number in (signal.SIGINT, signal.SIGTERM):
        heavy.manager.signal(signal.SIGSTOP)
        try:
            asking = subprocess.Popen([BIN / "propeller-cli", "backup", heavy.folder / "file"], env=environment,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            wait_until((heavy.folder / "file.part").exists, 30, "the beginning")
            asking.send_signal(number)
            said = asking.communicate(timeout=60 * PATIENCE)
            assert (asking.returncode, said) == (130, (b"", b""))
            assert not (heavy.folder / "file.part").exists() and not (heavy.folder / "file").exists()
        finally:
            heavy.manager.signal(signal.SIGCONT)
    wait_until(lambda: cli_status(heavy, "backup", heavy.folder / "file") == 0, 30, "another one")


# --- who, where ----------------------------------------------------------------------------------

@pytest.mark.parametrize("role,code", [("viewer", 5), ("operator", 5), ("admin", 0)])
def test_it_is_for_admins(stack, role, code):
    tokens = stack.folder / "tokens"
    tokens.write_text(f"{role} secret\n")
    tokens.chmod(0o600)
    stack.start_broker()
    stack.start_manager(MANAGER_TOKENS_FILE=tokens)
    done = cli(stack, "backup", stack.folder / "file", token="secret", code=code)
    assert (stack.folder / "file").exists() == (code == 0)
    assert code == 0 or "this token" in done.stderr
    assert cli(stack, "backup", stack.folder / "other", token="wrong", code=5).stderr


def test_a_look_makes_none(stack):
    stack.start()
    for _ in range(3):
        look = stack.rest.call("HEAD", "/backup")
        assert (look.status, look.headers["content-type"], look.body) == (200, "application/x-tar", b"")
    back_up(stack)
    wait_until(lambda: "a backup was made" in stack.manager.text(), 10, "the backup")
    assert "not completed" not in stack.manager.text()


def test_files_are_not_overwritten(stack):
    stack.start_broker()
    stack.start_manager()
    target = stack.folder / "file"
    target.write_text("mine")
    assert "--force" in cli(stack, "backup", target, code=4).stderr
    assert target.read_text() == "mine"
    cli(stack, "backup", target, "--force")
    cli(stack, "restore", target, "--check")
    assert "is no file" in cli(stack, "backup", stack.folder, "--force", code=4).stderr
    (stack.folder / "link.part").symlink_to(target)
    content = target.read_bytes()
    cli(stack, "backup", stack.folder / "link", code=6)
    assert target.read_bytes() == content
    assert cli(stack, "backup", stack.folder / "nowhere" / "file", code=6).stderr.count("nowhere/file.part") == 1


def test_through_pipes(stack):
    stack.start_broker()
    stack.start_manager()
    stack.rest.create("add", ADD)
    environment = {**clean_environment(), "PROPELLER_MANAGER_URL": f"http://127.0.0.1:{stack.http_port}"}
    out = subprocess.run([BIN / "propeller-cli", "backup", "-"], env=environment, capture_output=True)
    assert out.returncode == 0 and out.stdout.startswith(b"manifest.json\0"), out.stderr
    done = subprocess.run([BIN / "propeller-cli", "restore", "-", "--state-dir", stack.folder / "new", "-o", "json"],
                          input=out.stdout, env=clean_environment(), capture_output=True)
    assert done.returncode == 0 and json.loads(done.stdout)["tasks"] == 1, done.stderr


def test_a_folder_that_is_taken(stack):
    stack.start_broker()
    stack.start_manager()
    backup, _ = back_up(stack)
    state = stack.folder / "state-manager"
    assert "a manager is running" in cli(stack, "restore", backup, "--state-dir", state, code=4).stderr
    stack.manager.stop()
    done = cli(stack, "restore", backup, "--state-dir", state, code=4)
    assert "is not empty" in done.stderr and "hint" not in done.stderr
    assert "--check" in cli(stack, "restore", backup, code=2).stderr
    assert "make it" in cli(stack, "restore", backup, "--state-dir", stack.folder / "no" / "such", code=3).stderr
    assert not (stack.folder / "no").exists()
    empty = stack.folder / "empty"
    empty.mkdir()
    link = stack.folder / "link"
    link.symlink_to(empty)
    cli(stack, "restore", backup, "--state-dir", f"{link}/")
    assert sorted(os.listdir(empty)) == ["manager.db", "modules"] and link.is_symlink()
    stack.restart_manager()


# --- full disks ----------------------------------------------------------------------------------

@pytest.fixture(name="small")
def small_fixture(stack):
    """mount(name, size) gives a folder on a disk of its own."""
    folders = []

    def mount(name, size):
        folder = stack.folder / name
        folder.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", folder],
                              capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip("a file system of its own needs root: " + done.stderr.strip())
        folders.append(folder)
        return folder
    yield mount
    stack.close()
    stack.processes.clear()
    for folder in folders:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk(stack, small):
    state = small("state-manager", "40m")
    stack.start_broker()
    stack.start_manager()
    stack.rest.create("big", big_module(4)[0])
    backup, _ = back_up(stack)
    # No room for a backup of it: it says so, and takes nothing.
    (state / "filler").write_bytes(bytes(8 << 20))
    done = cli(stack, "backup", stack.folder / "other", code=6)
    assert "make room there" in done.stderr and not (stack.folder / "other").exists()
    assert os.listdir(state / "backup") == []
    assert stack.rest.get("/backup").status == 507
    (state / "filler").unlink()
    # No room for the file, or for what is in it.
    tiny = small("tiny", "1m")
    done = cli(stack, "backup", tiny / "file", code=6)
    assert "No space" in done.stderr and os.listdir(tiny) == []
    done = cli(stack, "restore", backup, "--state-dir", tiny / "new", code=6)
    assert "make room there" in done.stderr and os.listdir(tiny) == []
    stack.all_alive()


# --- keys ----------------------------------------------------------------------------------------

KEY = os.urandom(32).hex()
MARKER = b"the-backup-must-not-show-this"
SECRET = wat(f'''(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "{MARKER.decode()}\\n")
  (data (i32.const 0) "\\40\\00\\00\\00\\1e\\00\\00\\00")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))''')


def test_with_a_workload_key(stack):
    """What is sealed stays sealed; the key is not in it, and without it the manager says so."""
    stack.start_broker()
    stack.start_manager(MANAGER_WORKLOAD_KEY=KEY)
    stack.start_proplet(PROPLET_WORKLOAD_KEY=KEY)
    rest = stack.rest
    task = rest.run("secret", SECRET, metadata={"m": MARKER.decode()}, cli_args=[MARKER.decode()])
    assert MARKER.decode() in task["stdout"]
    backup, _ = back_up(stack)
    content = backup.read_bytes()
    assert MARKER not in content and b"fd_write" not in content
    assert KEY.encode() not in content and bytes.fromhex(KEY) not in content
    replace(stack, backup)
    assert rest.task(task["id"]) == task
    rest.start(task["id"])
    again = rest.wait(task["id"])
    assert again["state"] == COMPLETED and MARKER.decode() in again["stdout"]
    assert stack.manager.stop() == 0
    environment = {k: v for k, v in stack.manager.environment.items() if k != "MANAGER_WORKLOAD_KEY"}
    refused = subprocess.run([BIN / "propeller-manager"], env=environment, capture_output=True, text=True,
                             timeout=60 * PATIENCE)
    assert refused.returncode == 8 and "MANAGER_WORKLOAD_KEY" in refused.stderr, refused


def test_the_nightly_service_of_the_docs(stack):
    """Its lines as they stand there, with what a service has of an environment, and what is older than a month goes."""
    page = (TOP / "docs/operation.md").read_text()
    unit = re.search(r"### Every night.*?```ini\n(\[Service\].*?)```", page, re.S)[1].replace("%%", "%")
    tokens, token, kept = (stack.folder / name for name in ("tokens", "backup-token", "backups"))
    for file, text in ((tokens, "admin secret\n"), (token, "secret\n")):
        file.write_text(text)
        file.chmod(0o600)
    kept.mkdir()
    stack.start_broker()
    stack.start_manager(MANAGER_TOKENS_FILE=tokens)
    old = kept / "manager-2026-01-01.backup"
    old.write_text("of long ago")
    os.utime(old, (0, 0))
    for line in re.findall(r"^ExecStart(?:Pre|Post)?=(.*)$", unit, re.M):
        line = line.replace("/srv/backups", str(kept)).replace("/etc/propeller/backup-token", str(token))
        subprocess.run(["env", "-i", f"PATH={BIN}:/usr/local/bin:/usr/bin:/bin", f"PROPELLER_MANAGER_URL=http://127.0.0.1:{stack.http_port}",
                        "bash", "-c", f"umask 077; {line}"], check=True, timeout=60 * PATIENCE, cwd="/")
    made = list(kept.iterdir())
    assert [re.fullmatch(r"manager-\d{4}-\d\d-\d\d\.backup", file.name) is not None for file in made] == [True]
    assert made[0].stat().st_mode & 0o777 == 0o600
    cli(stack, "restore", made[0], "--check")
