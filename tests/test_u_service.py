# SPDX-License-Identifier: Apache-2.0
"""Under a service manager: units that verify and shut out what they can, readiness, the watchdog,
and no system call that the units' filters refuse."""
import json
import queue
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from api import COMPLETED, FAILED, RUNNING
from executor import ADD, EXHAUSTED, MODES, OK, Ask, Executor, mixed
from modules import big_module, example, guest
from stack import TOP
from wait import PATIENCE, patience, wait_until

UNITS = TOP / "deploy" / "systemd"
NAMES = sorted(path.name.removesuffix(".service.in") for path in UNITS.glob("*.service.in"))
EXPOSURE_MAX = 2.0
LEVELS = {"debug", "info", "warn", "error"}
AS_ROOT = {"fchown"}  # SQLite gives its files to the owner of the database, if it may
NAME_LOOKUP = {"AF_NETLINK"}  # the C library asks for addresses of its own, and goes on without an answer
CALLED = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?([a-z_0-9]+)\(", re.M)


@pytest.fixture(name="units", scope="module")
def made_units(tmp_path_factory):
    """The units as an installation has them, with the programs where they are built."""
    folder = tmp_path_factory.mktemp("units")
    for name in NAMES:
        text = (UNITS / f"{name}.service.in").read_text(encoding="utf-8")
        (folder / f"{name}.service").write_text(text.replace("@bindir@", str(TOP / "build" / "bin")), encoding="utf-8")
    return folder


def analyze(*arguments):
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=120 * PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_verifies(units, name):
    said = [line for line in analyze("verify", "--man=no", str(units / f"{name}.service")).splitlines() if name in line]
    assert not said


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_exposed_little(units, name):
    said = analyze("security", "--offline=true", "--no-pager", str(units / f"{name}.service"))
    level = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", said).group(1))
    assert level <= EXPOSURE_MAX, said


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_tried_until_it_works(units, name):
    """A port that is taken, a name that is not known yet: without end; what only other settings mend: not."""
    lines = (units / f"{name}.service").read_text().splitlines()
    unit, service = (set(part) for part in (lines[:lines.index("[Service]")], lines[lines.index("[Service]"):]))
    assert "StartLimitIntervalSec=0" in unit
    assert {"Restart=on-failure", "RestartPreventExitStatus=2", "RestartForceExitStatus=SIGHUP"} <= service


class Listener:
    """The service manager's end of NOTIFY_SOCKET. A thread hears: the socket has room for ten, and who speaks does not wait."""

    def __init__(self, folder):
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.heard = queue.SimpleQueue()
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b"", str(self.path))  # the end
        self.thread.join()
        self.socket.close()

    def listen(self):
        while text := self.socket.recv(4096):
            self.heard.put(text.decode())

    def hear(self):
        return self.heard.get(timeout=patience())

    def hear_all(self, last):
        """Until something begins so."""
        said = [self.hear()]
        while not said[-1].startswith(last):
            said.append(self.hear())
        return said


@pytest.fixture
def listener(stack):
    with Listener(stack.folder) as own:
        yield own


@pytest.mark.parametrize("program", ["manager", "proplet", "proxy"])
def test_what_a_service_manager_hears(stack, listener, program):
    stack.start(workers=0)
    watched = {"NOTIFY_SOCKET": str(listener.path), "WATCHDOG_USEC": "300000"}
    if program == "manager":
        stack.manager.stop()
        stack.start_manager(ready=False, **watched)
        process = stack.manager
    elif program == "proplet":
        stack.start_proplet(ready=False, **watched)
        process = stack.proplet()
    else:
        stack.start_proxy(ready=False, **watched)
        process = stack.processes["proxy"]
    assert listener.hear().startswith("READY=1\nSTATUS=")
    if program != "proxy":  # each of its pulls stands alone, and has a time limit of its own
        assert [listener.hear() for _ in range(3)] == ["WATCHDOG=1"] * 3
        process.signal(signal.SIGSTOP)
        process.signal(signal.SIGCONT)
        assert listener.hear() == "WATCHDOG=1"
    assert process.stop() == 0
    assert listener.hear_all("STOPPING")[-1] == "STOPPING=1"


def allowed_calls(unit):
    """What SystemCallFilter= of a unit leaves, as systemd itself knows its sets."""
    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        remove, names = line.startswith("~"), line.lstrip("~").split()
        for name in names:
            calls = members(name)
            allowed = allowed - calls if remove else allowed | calls
    return allowed | members("@default")


def members(name):
    if not name.startswith("@"):
        return {name}
    found = set()
    for line in analyze("syscall-filter", "--no-pager", name).splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            found |= members(word)
    return found


def traced(stack, name):
    """From now on this program runs under strace, as a child of the test as before."""
    record = stack.folder / f"{name}.strace"
    stack.tracers[name] = ["strace", "-D", "-f", "-qq", "-s0", "-e", "signal=none", "-o", str(record)]
    return record


def check_calls(record, name):
    unit = (UNITS / f"{name}.service.in").read_text(encoding="utf-8")
    text = record.read_text(encoding="utf-8", errors="replace")
    called = set(CALLED.findall(text))
    assert len(called) > 20, called
    refused = {call for call in called - allowed_calls(unit) - AS_ROOT if not re.search(rf"\b{call}(\(| resumed>).*= -1 EPERM", text)}
    assert not refused, f"{name} calls what its unit refuses: {sorted(refused)}"
    families = set(re.findall(r"\bsocket\((AF_[A-Z0-9]+)", text))
    allowed = set(re.search(r"^RestrictAddressFamilies=(.*)$", unit, re.M).group(1).split())
    assert families - NAME_LOOKUP <= allowed, families
    if "\nMemoryDenyWriteExecute=yes" in unit:
        assert not re.search(r"PROT_WRITE\|PROT_EXEC", text)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (tools/setup test does it)")
@pytest.mark.skipif(PATIENCE > 1, reason="a sanitizer makes calls of its own")
def test_no_call_that_a_unit_refuses(stack):
    """Tasks run, fail, compile in a child and are stopped; a proxy is asked for an image."""
    records = {"manager": traced(stack, "manager"), "worker-1": traced(stack, "worker-1"), "proxy": traced(stack, "proxy")}
    stack.start_broker()
    stack.start_manager()
    stack.start_proxy()
    stack.start_proplet()
    rest = stack.rest
    assert rest.run("add", example("add"), inputs=[1, 2])["state"] == COMPLETED
    assert rest.run("hello", example("hello-world"))["state"] == COMPLETED
    assert rest.run("crash", example("crash"))["state"] == FAILED
    assert rest.run("answer", big_module(1)[0], engine="singlepass")["state"] == COMPLETED
    assert rest.run("image", None, image_url="127.0.0.1:1/nothing:latest")["state"] == FAILED
    loop = rest.create("loop", guest("loop"))
    rest.start(loop["id"])
    wait_until(lambda: rest.task(loop["id"])["state"] == RUNNING, 30, "the loop runs")
    rest.stop(loop["id"])
    rest.wait(loop["id"])
    for name in ("worker-1", "proxy", "manager"):
        stack.proplet(name).stop()
    for name, unit in (("manager", "propeller-manager"), ("worker-1", "proplet"), ("proxy", "propeller-proxy")):
        check_calls(records[name], unit)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (tools/setup test does it)")
@pytest.mark.skipif(PATIENCE > 1, reason="a sanitizer makes calls of its own")
def test_no_call_that_the_executors_unit_refuses(stack):
    record = traced(stack, "executor")
    executor = Executor(stack).ready()
    for mode in MODES.values():
        for module, function, inputs in ((ADD, "add", ("5", "3")), (mixed(), "deep", ()), (big_module(1)[0], "answer", ())):
            assert executor.way("grpc").call(Ask(module, function, inputs, mode=mode)).code in (OK, EXHAUSTED)
    assert executor.way("rest").call(Ask(ADD, "add", ("5", "3"))).numbers == [8]
    stack.processes["executor"].stop()
    check_calls(record, "propeller-executor")


def test_logs_as_json(stack):
    """Each line is an object of its own, and the values that lines tell about stand under their keys."""
    stack.start_broker()
    stack.start_manager(MANAGER_LOG_FORMAT="json")
    stack.start_proplet(PROPLET_LOG_FORMAT="json")
    task = stack.rest.run("add", example("add"), inputs=[1, 2])
    for name, said in (("manager", "task moved"), ("worker-1", "Finished running app")):
        whole = stack.proplet(name).text().rpartition("\n")[0]  # more may just be written
        lines = [json.loads(line) for line in whole.splitlines()]
        assert all(line["time"].endswith("Z") and line["level"] in LEVELS and line["msg"] for line in lines)
        assert any(line["msg"] == said and line["id"] == task["id"] and line["attempt"] == 1 for line in lines), lines
