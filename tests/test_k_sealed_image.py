# SPDX-License-Identifier: Apache-2.0
"""Images through the proxy under a workload key: from the registry's TLS to the worker's memory nobody
who has the broker, or the proxy's disk, sees a name or a module, or slips in another one."""
import base64
import contextlib
import hashlib
import json
import os
import uuid

import pytest

import sealed
from api import COMPLETED, FAILED
from bus import Bus
from modules import big_module, example, wat
from registry import WASM, Registry, metrics
from stack import held
from test_k_sealed import KEY, MARKER, OTHER, REFUSAL, SECRET, everything, in_base64, in_memory
from wait import wait_until

ROOT = bytes.fromhex(KEY)
ADD = example("add")
REPOSITORY = "secret-project/secret-image"


@pytest.fixture(name="whole")
def whole_fixture(stack):
    """Broker, manager with a key, registry; workers and the proxy are the tests' own."""
    stack.start_broker()
    stack.start_manager(MANAGER_WORKLOAD_KEY=KEY)
    stack.registry = Registry(stack)
    yield stack


def start_proxy(stack, key=KEY, **settings):
    stack.start_proxy(PROXY_PLAIN_HTTP=stack.registry.host, PROXY_WORKLOAD_KEY=key, **settings)


def run(stack, name, task="task", **fields):
    made = stack.rest.create(task, image_url=name, **fields)
    stack.rest.start(made["id"])
    return made["id"]


def on(bus, path):
    with bus.lock:
        return [payload for _, heard, payload in bus.heard if heard == path]


def header(number, index, count):
    return b"ASI\1" + number.to_bytes(8, "big") + index.to_bytes(4, "big") + count.to_bytes(4, "big")


def fields(payload):
    """(number, index, count), and the envelope."""
    assert payload[:4] == b"ASI\1"
    return [int.from_bytes(payload[a:b], "big") for a, b in ((4, 12), (12, 16), (16, 20))], payload[20:]


def seal(context, plain, worker="worker-1", root=ROOT):
    return sealed.seal(sealed.worker_key(root, worker), {**context, "worker": worker}, plain, os.urandom(24))


class Desk:
    """Asks as a worker with the key does, by spec/seal.md alone."""

    def __init__(self, bus, worker="asker", root=ROOT):
        self.bus, self.worker, self.root = bus, worker, root
        self.boot, self.number = str(uuid.uuid4()), 0

    def context(self, direction):
        return {"direction": direction, "worker": self.worker, "boot": self.boot, "number": self.number}

    def ask(self, name, again=False):
        self.number += 0 if again else 1
        envelope = seal(self.context("request"), name.encode(), self.worker, self.root)
        self.bus.say("registry/proplet", {"proplet_id": self.worker, "boot": self.boot, "number": self.number,
                                          "sealed": base64.b64encode(envelope).decode()})

    def answers(self, name):
        """[(index, count, plaintext or None if it is empty)] of the last request."""
        keys = [sealed.worker_key(self.root, self.worker)]
        for payload in on(self.bus, f"registry/image/{self.worker}"):
            (number, index, count), envelope = fields(payload)
            if number == self.number:
                context = {**self.context("image"), "subject": name, "index": index, "count": count}
                yield index, count, sealed.unseal(keys, context, envelope) if envelope else None

    def wait(self, name):
        """The module, or the text of a refusal."""
        def done():
            chunks = {}
            for index, count, plain in self.answers(name):
                if count == 0:
                    return plain.decode() if plain else "unopened"
                chunks[index] = plain
                if len(chunks) == count:
                    module = b"".join(plain[32:] for _, plain in sorted(chunks.items()))
                    assert {plain[:32] for plain in chunks.values()} == {hashlib.sha256(module).digest()}
                    return module
            return None
        return wait_until(done, 20, f"{name} for {self.worker}")


def test_from_the_registry_to_the_result(whole):
    """Neither the broker nor the proxy's disk sees anything of it."""
    whole.registry.push(REPOSITORY, "v1", (WASM, SECRET))
    whole.start_proplet(PROPLET_WORKLOAD_KEY=KEY)
    start_proxy(whole)
    with Bus(whole) as bus:
        task = whole.rest.wait(run(whole, whole.registry.name(REPOSITORY, "v1")))
        assert task["state"] == COMPLETED and task["results"].strip() == MARKER.decode(), task
        wait_until(lambda: on(bus, "registry/image/worker-1"), 10, "the chunks")
        seen = everything(bus)
        for text in (MARKER, REPOSITORY.encode(), whole.registry.host.encode()):
            assert not [form for form in [text, *in_base64(text)] if form in seen]
        for request in bus.messages("registry/proplet"):  # it asks again when it has to wait
            assert set(request) == {"proplet_id", "boot", "number", "sealed"} and request["number"] == 1
        assert not on(bus, "registry/server")
    folder = whole.folder / "state-proxy"
    kept = [file for file in folder.rglob("*") if file.is_file() and file.stat().st_size]
    assert [file.suffix for file in kept] == [".sealed"]
    assert MARKER not in kept[0].read_bytes() and b"\0asm" not in kept[0].read_bytes()
    assert KEY not in whole.processes["proxy"].text() + whole.proplet().text()
    # The kept one is good for the next, also after a new start.
    assert whole.processes["proxy"].stop() == 0
    start_proxy(whole)
    assert whole.rest.wait(run(whole, whole.registry.name(REPOSITORY, "v1")))["state"] == COMPLETED
    assert (metrics(whole)["cache_hits_total"], metrics(whole)["pulls_total"]) == (1, 0)
    whole.all_alive()


def test_that_test_can_fail(stack):
    """Without a key name and marker are there."""
    stack.start_broker()
    stack.start_manager()
    stack.registry = Registry(stack)
    stack.registry.push(REPOSITORY, "v1", (WASM, SECRET))
    stack.start_proplet()
    stack.start_proxy(PROXY_PLAIN_HTTP=stack.registry.host)
    with Bus(stack) as bus:
        run(stack, stack.registry.name(REPOSITORY, "v1"))
        wait_until(lambda: any(form in everything(bus) for form in in_base64(MARKER)), 10, "the marker")
        assert REPOSITORY.encode() in everything(bus)
    folder = stack.folder / "state-proxy"
    wait_until(lambda: any(MARKER in file.read_bytes() for file in folder.rglob("*") if file.is_file()), 10,
               "the marker on disk")


@pytest.mark.parametrize("cache", ["1GiB", "0"])
def test_several_workers_and_one_fetch(whole, cache):
    module, last = big_module(3)
    whole.registry.push("team/answer", "v1", (WASM, module))
    own = sealed.worker_key(ROOT, "worker-1").hex()
    for number in range(1, 4):
        whole.start_proplet(f"worker-{number}", ready=False, PROPLET_PULL_TIMEOUT="24", PROPLET_LIVELINESS_INTERVAL="10",
                            PROPLET_WORKLOAD_KEY=own if number == 1 else KEY)
    for number in range(1, 4):
        whole.proplet_ready(f"worker-{number}")
    name = whole.registry.name("team/answer", "v1")
    ids = [run(whole, name, "answer", proplet_id=f"worker-{number % 3 + 1}") for number in range(12)]
    with Bus(whole) as bus:  # they all wait when the proxy comes
        start_proxy(whole, PROXY_CACHE=cache)
        tasks = [whole.rest.wait(task_id) for task_id in ids]
        assert [task["results"] for task in tasks] == [str(last)] * 12, tasks
        assert {task["proplet_id"] for task in tasks} == {f"worker-{number}" for number in range(1, 4)}
        if cache != "0":
            assert metrics(whole)["pulls_total"] == 1
        wait_until(lambda: all(on(bus, f"registry/image/worker-{number}") for number in range(1, 4)), 10,
                   "chunks for each")
    whole.all_alive()


def test_many_who_ask_at_once(whole):
    """One fetch, and for each an answer that only it can open."""
    module, _ = big_module(1)
    whole.registry.push("team/answer", "v1", (WASM, module))
    name = whole.registry.name("team/answer", "v1")
    start_proxy(whole)
    with Bus(whole) as bus:
        desks = [Desk(bus, f"asker-{number}") for number in range(20)]
        for desk in desks:
            desk.ask(name)
        assert all(desk.wait(name) == module for desk in desks)
        assert metrics(whole)["pulls_total"] == 1
        before = len(on(bus, "registry/image/asker-0"))
        desks[0].ask(name, again=True)
        wait_until(lambda: len(on(bus, "registry/image/asker-0")) == 2 * before, 20, "all of it once more")
        desks[1].ask(whole.registry.name("team/none", "v1"))
        assert "404" in desks[1].wait(whole.registry.name("team/none", "v1"))


@pytest.fixture(name="waiting")
def waiting_fixture(whole):
    """Ten who wait for one image, without a cache; the registry says nothing until it is told to go on."""
    module, _ = big_module(1)
    whole.registry.push("team/answer", "v1", (WASM, module))
    start_proxy(whole, PROXY_CACHE="0", PROXY_PULLS="2")
    with Bus(whole) as bus, contextlib.ExitStack() as until:
        until.enter_context(held(whole.registry.process))
        whole.desks = [Desk(bus, f"asker-{number}") for number in range(10)]
        whole.module, whole.go_on = module, until.close
        yield whole


def all_ask(whole, name):
    for desk in whole.desks:
        desk.ask(name)
    wait_until(lambda: metrics(whole)["images"] == len(whole.desks), 10, "the requests")


def test_who_comes_meanwhile_gets_the_same_one(waiting):
    """Also without a cache; and nobody who waits holds up another image."""
    name = waiting.registry.name("team/answer", "v1")
    all_ask(waiting, name)
    other = Desk(waiting.desks[0].bus, "other")
    other.ask("Not a name")
    assert "not the name" in other.wait("Not a name")
    waiting.go_on()
    assert all(desk.wait(name) == waiting.module for desk in waiting.desks)
    assert metrics(waiting)["pulls_total"] == 1
    wait_until(lambda: metrics(waiting)["images"] == 0, 10, "the end of all jobs")


def test_why_it_does_not_come_is_for_all(waiting):
    name = waiting.registry.name("team/answer", "v9")
    all_ask(waiting, name)
    waiting.go_on()
    assert all("404" in desk.wait(name) for desk in waiting.desks)
    assert metrics(waiting)["images"] == 0 and metrics(waiting)["pull_failures_total"] == 10
    waiting.desks[0].ask(waiting.registry.name("team/answer", "v1"))
    assert waiting.desks[0].wait(waiting.registry.name("team/answer", "v1")) == waiting.module


def test_the_proxy_ends_while_they_wait(waiting):
    name = waiting.registry.name("team/answer", "v1")
    all_ask(waiting, name)
    assert waiting.processes["proxy"].stop() == 0
    assert all("the proxy was stopped" in desk.wait(name) for desk in waiting.desks)


@pytest.mark.skipif(bool(os.environ.get("AIRSCREW_SANITIZED")), reason="a sanitizer keeps what is freed")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads the memory of what may not be dumped")
def test_nothing_of_it_stays_in_the_memory_of_the_proxy(whole):
    whole.registry.push(REPOSITORY, "v1", (WASM, SECRET))
    start_proxy(whole)
    pid = whole.processes["proxy"].pid
    with Bus(whole) as bus:
        desk, name = Desk(bus), whole.registry.name(REPOSITORY, "v1")
        desk.ask(name)
        assert MARKER in desk.wait(name)
    assert in_memory(pid, b"airscrew-seal-v2") != [], "the search itself finds something"
    wait_until(lambda: not in_memory(pid, MARKER), 5, f"the marker to go: {in_memory(pid, MARKER)}")
    assert in_memory(pid, KEY.encode()) == []


def test_why_an_image_does_not_come(whole):
    """The task says it, and the broker does not hear it."""
    whole.registry.push("team/add", "v1", (WASM, ADD))
    whole.start_proplet(PROPLET_WORKLOAD_KEY=KEY)
    start_proxy(whole)
    with Bus(whole) as bus:
        task = whole.rest.wait(run(whole, whole.registry.name("team/add", "v9")))
        assert task["state"] == FAILED and "has no such image (404 MANIFEST_UNKNOWN)" in task["error"], task
        wait_until(lambda: on(bus, "registry/image/worker-1"), 10, "the refusal")
        assert b"MANIFEST_UNKNOWN" not in everything(bus) and b"team/add" not in everything(bus)


@pytest.mark.parametrize("proxy", [OTHER, None], ids=["other", "none"])
def test_a_proxy_whose_key_does_not_fit(whole, proxy):
    whole.registry.push("team/add", "v1", (WASM, ADD))
    whole.start_proplet(PROPLET_WORKLOAD_KEY=KEY, PROPLET_PULL_TIMEOUT="12")
    start_proxy(whole, key=proxy)
    task = whole.rest.wait(run(whole, whole.registry.name("team/add", "v1"), "add", inputs=["20", "22"]))
    assert task["state"] == FAILED and REFUSAL in task["error"], task
    wait_until(lambda: REFUSAL in whole.processes["proxy"].text(), 10, "the proxy's word")
    assert metrics(whole)["pulls_total"] == 0
    assert OTHER not in whole.processes["proxy"].text()


def test_a_worker_without_a_key(stack):
    """Is told so, in the open, and gets nothing unless the operator wants it."""
    stack.start_broker()
    stack.start_manager()
    stack.registry = Registry(stack)
    stack.registry.push("team/add", "v1", (WASM, ADD))
    stack.start_proplet()
    start_proxy(stack)
    name = stack.registry.name("team/add", "v1")
    task = stack.rest.wait(run(stack, name, "add", inputs=["20", "22"]))
    assert task["state"] == FAILED and REFUSAL in task["error"], task
    assert metrics(stack)["pulls_total"] == 0
    assert stack.processes["proxy"].stop() == 0
    start_proxy(stack, PROXY_WORKLOAD_ALLOW_V1="true")
    assert stack.rest.wait(run(stack, name, "add", inputs=["20", "22"]))["results"] == "42"


class Forger:
    """The proxy, played by the test: it knows the key, but some of what it says is not from it."""

    def __init__(self, bus, name, parts):
        self.bus, self.name = bus, name
        self.request = bus.wait_for("registry/proplet")
        self.whole, self.parts = hashlib.sha256(b"".join(parts)).digest(), parts
        plain = sealed.unseal([sealed.worker_key(ROOT, "worker-1")], self.context("request"),
                              base64.b64decode(self.request["sealed"]))
        assert plain == name.encode()

    def context(self, direction, **more):
        return {"direction": direction, "worker": "worker-1", "boot": self.request["boot"],
                "number": self.request["number"], **more}

    def send(self, index, plain=None, root=ROOT, flip=False, says=None, cut=None, **more):
        """A chunk; with more of the context, or the header's index, as it should not be."""
        count = len(self.parts)
        plain = self.whole + (self.parts[index] if plain is None else plain)
        context = self.context("image", **{"subject": self.name, "index": index, "count": count, **more})
        envelope = bytearray(seal(context, plain, context["worker"], root))
        envelope[-20] ^= flip
        self.bus.say("registry/image/worker-1", bytes(
            header(self.request["number"], index if says is None else says, count) + envelope[:cut]))


FORGED = {
    "flipped": {"flip": True},
    "exchanged": {"says": 1},
    "cut": {"cut": -1},
    "of a stranger": {"root": bytes(32)},
    "for another worker": {"worker": "worker-2"},
    "of another boot": {"boot": "0d4be0c7-3c5f-4c8c-8a4e-2f6b7f1f9a00"},
    "of another request": {"number": 9},
    "of another image": {"subject": "registry.example/other"},
}


@pytest.mark.parametrize("how", FORGED.values(), ids=list(FORGED))
def test_chunks_that_are_not_what_they_say(whole, how):
    """They are dropped, and the image comes all the same."""
    name, evil = "registry.example/team/add:v1", wat("(module)")
    whole.start_proplet(PROPLET_WORKLOAD_KEY=KEY)
    with Bus(whole) as bus:
        task_id = run(whole, name, "add", inputs=["20", "22"])
        forger = Forger(bus, name, [ADD[:20], ADD[20:]])
        forger.send(0, evil, **how)
        wait_until(lambda: "cannot be opened, dropped" in whole.proplet().text(), 10, "the worker's word")
        bus.say("registry/image/worker-1", b"not at all")
        bus.say("registry/image/worker-1", header(forger.request["number"], 0, 0))  # "I have no key"
        bus.say("registry/server", json.dumps({"app_name": name, "chunk_idx": 0, "total_chunks": 1,
                                               "data": base64.b64encode(evil).decode()}))
        forger.send(1)
        forger.send(0)
        task = whole.rest.wait(task_id)
    assert task["state"] == COMPLETED and task["results"] == "42", task


def test_what_was_dropped_is_asked_for_again(whole):
    """With the same number; and another module midway is none."""
    name = "registry.example/team/add:v1"
    whole.start_proplet(PROPLET_WORKLOAD_KEY=KEY, PROPLET_PULL_TIMEOUT="18")
    with Bus(whole) as bus:
        task_id = run(whole, name, "add", inputs=["20", "22"])
        forger = Forger(bus, name, [ADD[:20], ADD[20:]])
        forger.send(0)
        forger.send(1, flip=True)
        wait_until(lambda: len(bus.messages("registry/proplet")) > 1, 10, "the request once more")
        assert {message["number"] for message in bus.messages("registry/proplet")} == {1}
        forger.whole = bytes(32)
        forger.send(1)
        task = whole.rest.wait(task_id)
    assert task["state"] == FAILED and "changed while it came" in task["error"], task


def test_the_proxy_answers_nobody_who_has_no_key(whole):
    """Strangers, changed requests, requests in the name of others; and it stays."""
    whole.registry.push("team/add", "v1", (WASM, ADD))
    name = whole.registry.name("team/add", "v1")
    start_proxy(whole)
    with Bus(whole) as bus:
        desk, stranger = Desk(bus), Desk(bus, "stranger", bytes(32))
        stranger.ask(name)
        assert stranger.wait(name) == "unopened"
        desk.ask(name)
        assert desk.wait(name) == ADD
        good = bus.messages("registry/proplet")[-1]
        for change in ({"number": 7}, {"boot": "another"}, {"proplet_id": "worker-9"}, {"proplet_id": "a/b"},
                       {"sealed": "AAAA"}, {"number": -1}):
            bus.say("registry/proplet", {**good, **change})
        desk.ask(name)
        assert desk.wait(name) == ADD
        assert metrics(whole)["requests_total"] == 2
        assert not on(bus, "registry/image/a/b")
        assert all(not fields(payload)[1] for payload in on(bus, "registry/image/worker-9"))
    whole.all_alive()


@pytest.mark.parametrize("key", ["00" * 31, "0" * 63 + "x"])
def test_keys_that_are_none(stack, key):
    stack.start_broker()
    stack.start_proxy(ready=False, PROXY_WORKLOAD_KEY=key)
    proxy = stack.processes["proxy"]
    assert proxy.exit_code() != 0
    assert "PROXY_WORKLOAD_KEY" in proxy.text() and key not in proxy.text()


def test_a_large_image_leaves_no_memory_behind(whole):
    """Locked pages are given back as well, by the proxy and by the worker."""
    module, answer = big_module(40)
    whole.registry.push("team/large", "v1", (WASM, module))
    whole.start_proplet(PROPLET_WORKLOAD_KEY=KEY)
    start_proxy(whole)
    assert whole.rest.run("add", ADD, inputs=[1, 2])["results"] == "3"
    before = {name: whole.processes[name].rss_bytes() for name in ("worker-1", "proxy")}
    task = whole.rest.wait(run(whole, whole.registry.name("team/large", "v1"), "answer"))
    assert task["results"] == str(answer), task
    for name, bytes_ in before.items():
        wait_until(lambda name=name, bytes_=bytes_: whole.processes[name].rss_bytes() < bytes_ + (16 << 20), 10,
                   f"the memory of {name}")
