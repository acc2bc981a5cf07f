# SPDX-License-Identifier: Apache-2.0
"""A task whose module is in a registry: manager, workers, proxy, registry, from request to result;
and what comes of it when one of them fails."""
import json
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from api import COMPLETED, FAILED
from bus import Bus
from modules import big_module, example
from registry import WASM, Asker, Registry, digest_of, metrics
from stack import BIN, clean_environment, free_port, held
from wait import patience, stays, wait_until

ADD = example("add")


@pytest.fixture
def whole(stack):
    """Broker, manager and registry; workers and the proxy are the tests' own."""
    stack.start_broker()
    stack.start_manager()
    stack.registry = Registry(stack)
    yield stack


def start_proxy(stack, **settings):
    stack.start_proxy(PROXY_PLAIN_HTTP=stack.registry.host, **settings)


def run(stack, name, task="add", **fields):
    fields = fields or {"inputs": ["20", "22"]}
    made = stack.rest.create(task, image_url=name, **fields)
    stack.rest.start(made["id"])
    return made["id"]


def test_from_the_registry_to_the_result(whole):
    whole.registry.push("team/add", "v1", (WASM, ADD))
    whole.start_proplet()
    start_proxy(whole)
    task = whole.rest.wait(run(whole, whole.registry.name("team/add", "v1")))
    assert task["state"] == COMPLETED and task["results"] == "42", task
    whole.all_alive()


def test_by_the_command_line(whole):
    whole.registry.push("team/add", "v1", (WASM, ADD))
    whole.start_proplet()
    start_proxy(whole)

    def cli(*arguments):
        done = subprocess.run([BIN / "propeller-cli", "-m", f"http://127.0.0.1:{whole.http_port}", *arguments],
                              capture_output=True, text=True, timeout=patience(), env=clean_environment())
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
    task_id = cli("tasks", "create", "add", "--image", whole.registry.name("team/add", "v1"), "--inputs", "4,5")
    cli("tasks", "start", task_id)
    assert whole.rest.wait(task_id)["results"] == "9"


def test_a_worker_waits_for_a_proxy_that_comes_later(whole):
    whole.registry.push("team/add", "v1", (WASM, ADD))
    whole.start_proplet(PROPLET_PULL_TIMEOUT="24")
    with Bus(whole) as bus:
        task_id = run(whole, whole.registry.name("team/add", "v1"))
        bus.wait_for("registry/proplet")
        start_proxy(whole)
        assert whole.rest.wait(task_id)["results"] == "42"


def test_several_workers_and_tasks_of_one_image(whole):
    module, last = big_module(3)
    whole.registry.push("team/answer", "v1", (WASM, module))
    for number in range(1, 4):
        whole.start_proplet(f"worker-{number}", ready=False, PROPLET_LIVELINESS_INTERVAL="10")
    for number in range(1, 4):
        whole.proplet_ready(f"worker-{number}")
    start_proxy(whole)
    name = whole.registry.name("team/answer", "v1")
    with held(whole.registry.process):  # so that none of them ends before the next one is placed
        ids = [run(whole, name, "answer", inputs=[]) for _ in range(12)]
    tasks = [whole.rest.wait(task_id) for task_id in ids]
    assert [task["results"] for task in tasks] == [str(last)] * 12, tasks
    assert len({task["proplet_id"] for task in tasks}) > 1
    assert metrics(whole)["pulls_total"] == 1
    whole.all_alive()


@pytest.mark.parametrize("name,says", [
    ("team/add:v9", "has no such image (404 MANIFEST_UNKNOWN)"),
    ("team/none:v1", "has no such image (404"),
    ("team/text:v1", "no WebAssembly in it"),
    ("team/two:v1", "2 WebAssembly modules"),
    ("team/two:v1#c.wasm", "no WebAssembly module"),
    ("Team/add", "not the name of a repository"),
], ids=lambda value: value)
def test_why_an_image_does_not_come(whole, name, says):
    """The task says it, in the proxy's words, not after the worker's own time."""
    whole.registry.push("team/add", "v1", (WASM, ADD))
    whole.registry.push("team/text", "v1", ("text/plain", b"hello"))
    whole.registry.push("team/two", "v1", (WASM, ADD, "a.wasm"), (WASM, example("fib"), "b.wasm"))
    whole.start_proplet()
    start_proxy(whole)
    task = whole.rest.wait(run(whole, f"{whole.registry.host}/{name}"))
    assert task["state"] == FAILED and says in task["error"] and name.split(":")[0] in task["error"], task
    whole.all_alive()


def test_a_registry_that_is_not_there(whole):
    whole.start_proplet()
    nowhere = f"127.0.0.1:{free_port()}"
    whole.start_proxy(PROXY_PLAIN_HTTP=nowhere)
    task = whole.rest.wait(run(whole, f"{nowhere}/team/add:v1"))
    assert task["state"] == FAILED and "Failed to connect" in task["error"], task


class Staller:
    """A registry that begins its answers and does not end them; `begun` is set then."""

    def __init__(self, body=b""):
        self.listener = socket.create_server(("127.0.0.1", free_port()))
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.body, self.begun, self.open = body, threading.Event(), []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            try:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + self.body)
            except ConnectionError:
                continue  # who asked has had enough
            self.begun.set()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.open:
            connection.close()


class Dribbler:
    """A registry with one image; the second half of its module waits for `go`."""

    def __init__(self, module, sent=None):
        self.sent = module if sent is None else sent
        self.go, own = threading.Event(), self
        manifest = json.dumps({"schemaVersion": 2, "layers": [
            {"mediaType": WASM, "digest": digest_of(module), "size": len(module)}]}).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = manifest if "/manifests/" in self.path else own.sent
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                half = len(body) // 2 if body is own.sent else 0
                self.wfile.write(body[:half])
                self.wfile.flush()
                assert not half or own.go.wait(patience())
                self.wfile.write(body[half:])

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.go.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize("damaged", [False, True], ids=["right", "damaged"])
def test_chunks_leave_while_a_slow_registry_sends(whole, damaged):
    """So that nobody thinks it dead; but the last one waits for the digest."""
    module, last = big_module(1)
    registry = Dribbler(module, module[:-9] + b"?" + module[-8:] if damaged else None)
    try:
        whole.start_proplet()
        whole.start_proxy(PROXY_PLAIN_HTTP=registry.host, PROXY_CHUNK_SIZE="65536")
        name = f"{registry.host}/team/answer:v1"
        with Bus(whole, "onlooker") as bus:
            asker = Asker(bus)
            task_id = run(whole, name, "answer", inputs=[])
            wait_until(lambda: asker.heard() >= set(range(8)), 20, "the first half")
            assert stays(lambda: asker.heard() == set(range(8)), 0.2)
            registry.go.set()
            task = whole.rest.wait(task_id)
            _, error = asker.wait(name)  # the last thing the proxy says of it
        if damaged:
            assert task["state"] == FAILED and "something else" in task["error"] and error, task
            assert asker.heard() == set(range(16)), "all but the last"
        else:
            assert task["results"] == str(last), task
            assert asker.heard() == set(range(17))
    finally:
        registry.close()


@pytest.fixture
def staller():
    own = Staller(b'{"schemaVersion"')
    yield own
    own.close()


def test_a_registry_that_stalls(whole, staller):
    whole.start_proplet()
    whole.start_proxy(PROXY_PLAIN_HTTP=staller.host, PROXY_REGISTRY_TIMEOUT="200ms", PROXY_PULL_TIMEOUT="3")
    task = whole.rest.wait(run(whole, f"{staller.host}/team/add:v1"))
    assert task["state"] == FAILED and staller.host in task["error"], task
    assert "nothing came" in task["error"] or "did not come" in task["error"], task


def test_the_proxy_is_told_to_end_midway(whole, staller):
    """It says so to those who wait, and does not wait itself."""
    whole.start_proplet()
    whole.start_proxy(PROXY_PLAIN_HTTP=staller.host)
    task_id = run(whole, f"{staller.host}/team/add:v1")
    assert staller.begun.wait(patience())
    assert whole.processes["proxy"].stop() == 0
    task = whole.rest.wait(task_id)
    assert task["state"] == FAILED and "the proxy was stopped" in task["error"], task


def test_the_proxy_is_killed_midway(whole, staller):
    """The worker gives up after its own time, in words; another task has a new proxy."""
    whole.registry.push("team/add", "v1", (WASM, ADD))
    whole.start_proplet(PROPLET_PULL_TIMEOUT="2")
    whole.start_proxy(PROXY_PLAIN_HTTP=f"{staller.host},{whole.registry.host}")
    task_id = run(whole, f"{staller.host}/team/add:v1")
    assert staller.begun.wait(patience())
    whole.processes["proxy"].kill()
    task = whole.rest.wait(task_id)
    assert task["state"] == FAILED and "nothing came from the proxy for 2 s" in task["error"], task
    start_proxy(whole)
    whole.start_proplet("patient")
    again = run(whole, whole.registry.name("team/add", "v1"), inputs=["20", "22"], proplet_id="patient")
    assert whole.rest.wait(again)["results"] == "42"


def test_the_proxy_is_killed_between_chunks(whole):
    """What the first one has sent counts; a second one that comes in time sends the rest."""
    module, last = big_module(1)
    registry = Dribbler(module)  # so that the first one cannot send all of it
    try:
        whole.start_proplet(PROPLET_PULL_TIMEOUT="24")
        with Bus(whole, "onlooker") as bus:
            asker = Asker(bus)
            whole.start_proxy(PROXY_PLAIN_HTTP=registry.host, PROXY_CHUNK_SIZE="4096")
            task_id = run(whole, f"{registry.host}/team/answer:v1", "answer", inputs=[])
            wait_until(lambda: len(asker.order) > 20, 20, "some chunks")
            whole.processes["proxy"].kill()
            registry.go.set()
            whole.start_proxy(PROXY_PLAIN_HTTP=registry.host, PROXY_CHUNK_SIZE="4096")
            task = whole.rest.wait(task_id)
        assert task["state"] == COMPLETED and task["results"] == str(last), task
    finally:
        registry.close()


def test_who_asks_late_gets_all_of_it(whole):
    """The first chunks come once more for somebody who has not heard them."""
    module, _ = big_module(1)
    whole.registry.push("team/answer", "v1", (WASM, module))
    start_proxy(whole, PROXY_CHUNK_SIZE="4096", PROXY_MQTT_INFLIGHT="1")
    name = whole.registry.name("team/answer", "v1")
    with Bus(whole, "first") as one, Bus(whole, "second") as two:
        first, second = Asker(one), Asker(two)
        first.ask(name)
        wait_until(lambda: len(first.order) > 50, 20, "some chunks")
        second.ask(name)
        assert first.wait(name)[0] == module
        assert second.wait(name)[0] == module


def test_the_broker_goes_and_comes_back(whole):
    whole.registry.push("team/add", "v1", (WASM, ADD))
    start_proxy(whole)
    assert whole.proxy_health() == 200
    whole.broker.kill()
    wait_until(lambda: whole.proxy_health() == 503, 20, "the proxy's bad health")
    whole.start_broker()
    whole.proxy_ready()
    with Bus(whole, "asker") as bus:
        assert Asker(bus).get(whole.registry.name("team/add", "v1")) == ADD


def test_a_broker_that_is_slow_holds_the_proxy_back(whole):
    """What it has not acknowledged is a few chunks, and not the module."""
    module, _ = big_module(40)
    whole.registry.push("team/answer", "v1", (WASM, module))
    start_proxy(whole, PROXY_CHUNK_SIZE="1MiB", PROXY_MQTT_INFLIGHT="2")
    name = whole.registry.name("team/answer", "v1")
    proxy = whole.processes["proxy"]
    with Bus(whole, "asker", listen=False) as bus:
        before = metrics(whole)["chunks_sent_total"]
        bus.say("registry/proplet", {"app_name": name})
        wait_until(lambda: metrics(whole)["chunks_sent_total"] > before, 20, "a chunk")
        with held(whole.broker):
            sent = metrics(whole)["chunks_sent_total"]
            assert stays(lambda: metrics(whole)["chunks_sent_total"] <= sent + 4, 0.5)
            assert proxy.rss_bytes() < 40 << 20
        wait_until(lambda: metrics(whole)["images"] == 0, 30, "the end of the job")
        assert metrics(whole)["chunks_sent_total"] >= before + 40


def test_the_cache_is_bounded_and_survives(whole):
    modules = [big_module(1, seed)[0] for seed in (1, 2, 3)]
    for number, module in enumerate(modules):
        whole.registry.push("team/many", f"v{number}", (WASM, module))
    settings = {"PROXY_CACHE": str(2 * len(modules[0]) + 1000)}
    start_proxy(whole, **settings)
    names = [whole.registry.name("team/many", f"v{number}") for number in range(3)]
    with Bus(whole, "asker") as bus:
        asker = Asker(bus)
        for name, module in zip(names, modules, strict=True):
            assert asker.get(name) == module
        assert metrics(whole)["cache_bytes"] <= 2 * len(modules[0]) + 1000
        files = list((whole.folder / "state-proxy").glob("**/*.*"))
        assert {file.suffix[1:] for file in files} == {digest_of(m)[7:] for m in modules[1:]}
        assert all(file.stat().st_mode & 0o077 == 0 for file in files)
        assert whole.processes["proxy"].stop() == 0
        start_proxy(whole, **settings)
        assert asker.get(names[2]) == modules[2]
        assert metrics(whole)["cache_hits_total"] == 1 and metrics(whole)["pulls_total"] == 0
        assert asker.get(names[0]) == modules[0]
        assert metrics(whole)["pulls_total"] == 1


def test_one_process_uses_the_folder(whole):
    start_proxy(whole)
    second = whole.spawn("second", whole.processes["proxy"].command,
                         {**whole.processes["proxy"].environment, "PROXY_HTTP_PORT": "0"})
    assert second.exit_code() == 4 and "another proxy uses" in second.text()


def test_idle_costs_nothing(whole):
    start_proxy(whole)
    proxy = whole.processes["proxy"]
    before, begin = proxy.cpu_seconds(), time.monotonic()
    assert stays(lambda: proxy.alive, 1)
    assert proxy.cpu_seconds() - before < 0.1 * (time.monotonic() - begin)
