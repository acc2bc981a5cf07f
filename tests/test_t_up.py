# SPDX-License-Identifier: Apache-2.0
"""propeller-cli up: the whole stack by one command, and nothing left of it afterwards."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from api import Rest
from modules import example
from registry import WASM, Registry
from stack import BIN, clean_environment, die_with_parent, free_port
from wait import PATIENCE, wait_until


class Up:
    def __init__(self, folder, *arguments, **environment):
        self.state = folder / "state"
        self.log = folder / "up.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [BIN / "propeller-cli", "up", "--state", self.state, *map(str, arguments)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                env={**clean_environment(), **environment}, preexec_fn=die_with_parent)

    @property
    def text(self):
        return self.log.read_text(errors="replace")

    def ready(self):
        def there():
            assert self.process.poll() is None, self.text
            return (self.state / "up.json").exists() and re.search(r"http://\S+:\d+", self.text)
        wait_until(there, 90, "the stack")
        return json.loads((self.state / "up.json").read_text())

    def rest(self):
        port = int(re.search(r"http://[\w.]+:(\d+)", json.dumps(self.ready()) + self.text)[1])
        return Rest(port)

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(60 * PATIENCE)


def family(pid):
    """The ids of all processes below a process."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(errors="replace").rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found, front = set(), {pid}
    while front:
        front = {child for child, parent in parents.items() if parent in front} - found
        found |= front
    return found


def alive(pids):
    return {pid for pid in pids if state_of(pid) not in "ZX"}


def state_of(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()[0]
    except OSError:
        return "X"


@pytest.fixture
def begin(tmp_path):
    """up(ARGUMENTS); whatever is left of it at the end is killed, and told about."""
    begun = []

    def start(*arguments, **environment):
        begun.append(Up(tmp_path, "--http-port", free_port(), "--mqtt-port", free_port(),
                        "--proxy-port", free_port(), "--executor-port", free_port(),
                        "--grpc-port", free_port(), *arguments, **environment))
        return begun[-1]
    yield start
    for up in begun:
        children = family(up.process.pid)
        if up.process.poll() is None:
            os.killpg(up.process.pid, signal.SIGKILL)
            up.process.wait()
        for pid in alive(children):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


@pytest.mark.timeout(400)
def test_samples_and_exit(begin):
    up = begin("--samples", "--exit")
    assert up.process.wait(300 * PATIENCE) == 0, up.text
    for word in ("Hello, world!", "30", "http://"):
        assert word in up.text, up.text
    assert "propeller-cli" in up.text, "commands to try"
    assert re.search(r"In a browser: http://127.0.0.1:\d+/dashboard/$", up.text, re.M)
    assert "WRONG" not in up.text
    executed = re.findall(r"^  add 10 20 +(interp|singlepass|multipass) +30 +intact, of the sample attester", up.text, re.M)
    assert executed == ["interp", "singlepass", "multipass"], up.text


def watched(text):
    """{title: (what it printed, [(path, bytes, sealed?, how it begins, marked?)])}, as it was told."""
    found = {}
    for part in re.split(r"^  (?=hello-world )", text, flags=re.M)[1:]:
        head = re.match(r'hello-world ([^:]+).*: Completed, it printed "(.*)"; the broker saw\n', part)
        if head:
            rows = re.findall(r"^    (\S+/\S+) +(\d+) bytes  (sealed )?(.*?)\.\.\.(   .* is in it)?$", part, re.M)
            found[head[1]] = (head[2], [(path, int(size), bool(sealed), begins, bool(marked))
                                        for path, size, sealed, begins, marked in rows])
    return found


@pytest.mark.timeout(400)
def test_what_the_broker_saw(begin):
    """In the open it reads the result; under a key it has ciphertext, of an upload and of an image."""
    up = begin("--samples", "--exit")
    assert up.process.wait(300 * PATIENCE) == 0, up.text
    found = watched(up.text)
    assert set(found) == {"in the open", "encrypted", "encrypted, as the image 127.0.0.1"}, up.text
    for printed, rows in found.values():
        assert printed == "Hello, world!"
        assert any(path == "control/proplet/results" for path, *_ in rows)
    assert any(marked for *_, marked in found["in the open"][1])
    assert not any(sealed for _, _, sealed, _, _ in found["in the open"][1])
    for title, chunk in (("encrypted", "registry/chunk/proplet-1"),
                         ("encrypted, as the image 127.0.0.1", "registry/image/proplet-1")):
        rows = {path: row for path, *row in found[title][1]}
        for path in ("control/manager/command/proplet-1", chunk, "control/proplet/results"):
            assert rows[path][1] and re.fullmatch("02[0-9a-f]{22}", rows[path][2]), up.text
        assert rows[chunk][0] > 1000
        assert not any(marked for *_, marked in rows.values())


@pytest.mark.timeout(400)
def test_no_registry_no_image_sample(begin, tmp_path):
    """Who has no docker-registry is told which package it is, and gets all the rest."""
    bin_only = tmp_path / "bin"
    bin_only.mkdir()
    (bin_only / "mosquitto").symlink_to(shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin"))
    up = begin("--samples", "--exit", PATH=str(bin_only))
    assert up.process.wait(300 * PATIENCE) == 0, up.text
    assert set(watched(up.text)) == {"in the open", "encrypted"}
    assert "image sample is left out" in up.text and "docker-registry" in up.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_until_ctrl_c(begin, number):
    up = begin()
    up.ready()
    children = wait_until(lambda: family(up.process.pid), 30, "children")
    assert len(children) >= 3
    assert up.rest().run("add", example("add"), inputs=[1, 2])["results"] == "3"
    assert up.end(number) == 0, up.text
    wait_until(lambda: not alive(children), 30, "the end of everything")


def test_what_was_chosen_is_written(begin):
    up = begin("--proplets", 3)
    chosen = up.ready()
    assert isinstance(chosen, dict) and chosen
    rest = up.rest()
    wait_until(lambda: rest.get("/proplets?status=active").json["total"] == 3, 30, "three workers")
    assert up.end() == 0


def test_an_image(begin, stack):
    """The user says how registries are reached; the proxy is part of the stack."""
    registry = Registry(stack)
    registry.push("team/add", "v1", (WASM, example("add")))
    up = begin(PROXY_PLAIN_HTTP=registry.host)
    up.ready()
    task = up.rest().create("add", image_url=registry.name("team/add", "v1"), inputs=[1, 2])
    up.rest().start(task["id"])
    assert up.rest().wait(task["id"])["results"] == "3"
    assert up.end() == 0


def test_taken_ports_move(begin, tmp_path):
    with socket.socket() as http, socket.socket() as mqtt:
        for taken in (http, mqtt):
            taken.bind(("127.0.0.1", 0))
            taken.listen()
        up = begin("--http-port", http.getsockname()[1], "--mqtt-port", mqtt.getsockname()[1],
                   "--proxy-port", mqtt.getsockname()[1])
        chosen = {value for name, value in up.ready().items() if name.endswith("_port")}
        assert len(chosen) >= 4 and not chosen & {http.getsockname()[1], mqtt.getsockname()[1]}, chosen
        assert up.rest().get("/health").status == 200
        assert up.end() == 0


def test_two_that_begin_at_once_choose_other_ports(begin):
    """What one has chosen, and does not listen on yet, no other one takes."""
    http, mqtt = free_port(), free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as two:
        for claim, port in ((one, http), (two, mqtt)):
            claim.bind(f"\0airscrew-up-port-{port}")
        up = begin("--http-port", http, "--mqtt-port", mqtt)
        up.ready()
        for port in (http, mqtt):
            assert re.search(rf"^port {port} is taken, using \d+$", up.text, re.M), up.text
        assert up.rest().port != http
        assert up.end() == 0


def workers(up):
    """The ids of its workers."""
    found = set()
    for pid in family(up.process.pid):
        try:
            if os.readlink(f"/proc/{pid}/exe").endswith("/proplet"):
                found.add(pid)
        except OSError:
            pass  # it has ended meanwhile
    return found


def test_a_worker_that_dies_comes_back(begin):
    up = begin()
    up.ready()
    rest = up.rest()
    (proplet,) = wait_until(lambda: workers(up), 30, "a worker")
    os.kill(proplet, signal.SIGKILL)
    wait_until(lambda: workers(up) - {proplet}, 30, "another worker")

    def works():
        task = rest.create("add", example("add"), inputs=[1, 2])
        return rest.call("POST", f"/tasks/{task['id']}/start").status == 200 \
            and rest.wait(task["id"])["state"] == 3
    wait_until(works, 30, "a task that runs", pause=0.2)
    assert up.end() == 0


def test_state_is_kept_between_two_runs(begin, tmp_path):
    up = begin()
    up.ready()
    done = up.rest().run("add", example("add"), inputs=[1, 2])
    assert up.end() == 0
    again = begin()
    again.ready()
    assert again.rest().task(done["id"])["results"] == "3"
    assert again.end() == 0


def test_kill_nine_of_up_leaves_nothing(begin):
    up = begin()
    up.ready()
    children = family(up.process.pid)
    up.process.kill()
    up.process.wait()
    wait_until(lambda: not alive(children), 30, "the end of everything it started")


def test_a_state_folder_that_cannot_be(begin, tmp_path):
    (tmp_path / "state").write_text("in the way")
    up = begin()
    assert up.process.wait(60) not in (0, None)
    assert str(up.state) in up.text


def test_two_on_one_state_folder(begin):
    up = begin()
    up.ready()
    second = subprocess.run([BIN / "propeller-cli", "up", "--state", up.state, "--exit"],
                            capture_output=True, text=True, timeout=120, env=clean_environment(),
                            stdin=subprocess.DEVNULL)
    assert second.returncode != 0 and second.stderr.strip()
    assert up.rest().get("/health").status == 200
    assert up.end() == 0


def test_encrypted(tmp_path):
    """A key of its own for each run, in no file and no argument."""
    up = Up(tmp_path, "--http-port", free_port(), "--mqtt-port", free_port(), "--proxy-port", free_port(),
            "--executor-port", free_port(), "--grpc-port", free_port(), "--samples", "--encrypted")
    try:
        views = up.rest().get("/proplets").json["proplets"]
        assert [view["key"] for view in views] == ["verified"]
        wait_until(lambda: "Try:" in up.text, 240, "the samples")
        found = watched(up.text)
        assert set(found) == {"encrypted", "encrypted, as the image 127.0.0.1"}, up.text
        paths = {path for path, *_ in found["encrypted, as the image 127.0.0.1"][1]}
        assert "registry/image/proplet-1" in paths, "the proxy has no key"
        pids = json.loads((up.state / "up.json").read_text())["children"]
        for pid in pids.values():
            assert not re.search(r"[0-9a-f]{64}", Path(f"/proc/{pid}/cmdline").read_text())
    finally:
        assert up.end() == 0
    assert "Failed" not in up.text
    for file in up.state.rglob("*"):
        if file.is_file() and file.suffix in (".log", ".json", ".conf"):
            assert not re.search(r"(?<!sha256=)(?<!sha256:)\b[0-9a-f]{64}\b",
                                 file.read_text(errors="replace")), file


def test_wrong_flags_end_nothing(tmp_path):
    done = subprocess.run([BIN / "propeller-cli", "up", "--state", tmp_path / "state", "--proplets", "99"],
                          capture_output=True, text=True, env=clean_environment(), timeout=60)
    assert done.returncode == 2 and "flag --proplets: a number from 0 to 64" in done.stderr
    assert "ending" not in done.stderr
