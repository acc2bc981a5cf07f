# SPDX-License-Identifier: Apache-2.0
"""An old manager (Propeller's, scripted) with our worker: reference checklist, lines 1, 2 and 4.

What is shown elsewhere: start, stop and what is answered when a start cannot be run
(test_m_messages.py, `test_our_worker_*`, `test_old_form_*`); both generations of names in
environment and file (test_a_config.py) are used here for a whole run.
"""
import base64
import hashlib

import pytest

from api import COMPLETED
from bus import Bus
from modules import big_module, example, guest
from propeller import Manager, Proxy
from wait import patience, stays, wait_until

IMAGE = "registry.example/team/add:1.2"
NEW_NAMES = {"PROPLET_DOMAIN_ID": None, "PROPLET_TENANT_ID": "domain-1", "PROPLET_CLIENT_ID": None,
             "PROPLET_ENTITY_ID": "worker-1", "PROPLET_CLIENT_KEY": None, "PROPLET_API_KEY": "k"}


@pytest.fixture
def theirs(stack):
    """Everything of Propeller but the worker, which is ours and not started yet."""
    stack.start_broker()
    with Bus(stack, "their-manager") as bus:
        stack.bus, stack.them = bus, Manager(bus)
        yield stack


def start_worker(stack, **settings):
    """Where a test does not say how long it waits for an image, it asks for it once only, however slow the machine."""
    settings.setdefault("PROPLET_PULL_TIMEOUT", "3600")
    stack.start_proplet(ready=False, **settings)
    stack.bus.wait_for("control/proplet/create")


@pytest.mark.parametrize("names", [{}, NEW_NAMES], ids=["domain", "tenant"])
def test_a_task_from_start_to_result(theirs, names):
    """Shapes as recorded; what is ours comes beside them."""
    start_worker(theirs, **names)
    (created,) = theirs.bus.messages("control/proplet/create")
    assert created["proplet_id"] == "worker-1" and created["namespace"] == "default"
    for member, kind in {"environment": str, "os": str, "cpu_arch": str, "total_memory_bytes": int,
                         "proplet_version": str, "wasm_runtime": str}.items():
        assert isinstance(created["metadata"][member], kind), member
    said = theirs.them.wait(theirs.them.start("add", example("add"), inputs=["20", "22"]))
    assert said["proplet_id"] == "worker-1" and said["results"] == "42" and said["error"] is None
    beat = theirs.bus.wait_for("control/proplet/alive")
    assert beat["proplet_id"] == "worker-1" and beat["status"] == "alive"
    assert beat["namespace"] == "default"


def test_a_task_that_fails(theirs):
    start_worker(theirs)
    said = theirs.them.wait(theirs.them.start("absent", example("add"), inputs=["20"]))
    assert isinstance(said["results"], str) and isinstance(said["error"], str) and said["error"]


@pytest.mark.parametrize("change,says", [
    ({"latent": True}, "latent"), ({"daemon": "maybe"}, "daemon"), ({"inputs": [[]]}, "inputs"),
    ({"name": ""}, "name"), ({"encrypted": True, "image_url": IMAGE}, "encrypted"), ({"file": None}, "file"),
], ids=str)
def test_what_cannot_be_run_is_answered(theirs, change, says):
    """Propeller's workers only write a line into their log, and the task is Running for ever."""
    start_worker(theirs)
    said = theirs.them.wait(theirs.them.start(**{"name": "add", "module": example("add"), **change}))
    assert says in said["error"] and said["proplet_id"] == "worker-1", said


def test_everybody_runs_what_is_for_nobody(theirs):
    start_worker(theirs)
    for change in ({"proplet_id": None}, {"proplet_id": None, "broadcast": True}):
        task_id = theirs.them.start("add", example("add"), inputs=["1", "2"], **change)
        assert theirs.them.wait(task_id)["results"] == "3"


@pytest.mark.parametrize("change", [
    {"daemon": None}, {"state": None}, {"encrypted": None}, {"latent": None}, {"broadcast": None},
    {"inputs": ["1", "2"], "cli_args": []}, {"mode": "infer"}, {"parent_results": {"a": "1"}},
    {"monitoring_profile": {"enabled": True, "interval": 10000000000}}, {"colour": "red"},
    {"kbs_resource_path": "", "image_url": ""},
], ids=str)
def test_null_counts_as_absent(theirs, change):
    """Stricter peers drop such a start without a word."""
    start_worker(theirs)
    task_id = theirs.them.start("add", example("add"), **{"inputs": ["1", "2"], **change})
    assert theirs.them.wait(task_id)["results"] == "3"


def test_a_task_can_be_started_again(theirs):
    start_worker(theirs)
    task_id = theirs.them.start("add", example("add"), inputs=["1", "2"])
    theirs.them.wait(task_id)
    theirs.them.start("add", example("add"), inputs=["1", "3"], id=task_id)
    wait_until(lambda: [m["results"] for m in theirs.them.results(task_id)] == ["3", "4"], 10,
               "both results")


def test_the_last_will(theirs):
    """Rust workers have none; managers hear it on the topic of the heartbeats."""
    start_worker(theirs)
    theirs.proplet().kill()
    said = theirs.bus.wait_for("control/proplet/alive", lambda m: m["status"] == "offline")
    assert said["proplet_id"] == "worker-1" and said["namespace"] == "default"


# Images by the name that a registry has for them, through Propeller's proxy.


def test_an_image_through_the_proxy(theirs):
    """The request has Propeller's topic and shape; several chunks come back in their default size."""
    module, last = big_module(2)
    proxy = Proxy(theirs.bus, {IMAGE: module})
    start_worker(theirs)
    assert theirs.them.wait(theirs.them.start("answer", image_url=IMAGE))["results"] == str(last)
    assert proxy.asked == [{"app_name": IMAGE}]


def test_it_starts_when_the_last_chunk_is_there(theirs):
    """And not before."""
    proxy = Proxy(theirs.bus)
    start_worker(theirs)
    chunks = proxy.chunks(IMAGE, example("add"), 16)
    task_id = theirs.them.start("add", image_url=IMAGE, inputs=["1", "2"])
    theirs.bus.wait_for("registry/proplet")
    proxy.send(*chunks[:-1])
    assert stays(lambda: not theirs.them.results(task_id), 0.3)
    proxy.send(chunks[-1])
    assert theirs.them.wait(task_id)["results"] == "3"


@pytest.mark.parametrize("order", [
    lambda chunks: reversed(chunks), lambda chunks: [c for c in chunks for _ in range(3)],
    lambda chunks: [*chunks[1:], *chunks],
], ids=["backwards", "thrice", "again"])
def test_chunks_in_any_order_and_repeated(theirs, order):
    proxy = Proxy(theirs.bus)
    start_worker(theirs)
    task_id = theirs.them.start("add", image_url=IMAGE, inputs=["1", "2"])
    theirs.bus.wait_for("registry/proplet")
    proxy.send(*order(proxy.chunks(IMAGE, example("add"), 16)))
    assert theirs.them.wait(task_id)["results"] == "3"


def test_two_images_interleaved(theirs):
    proxy = Proxy(theirs.bus)
    start_worker(theirs)
    module, last = big_module(1)
    names = [IMAGE, "registry.example/other"]
    ids = [theirs.them.start("add", image_url=names[0], inputs=["1", "2"]),
           theirs.them.start("answer", image_url=names[1])]
    wait_until(lambda: len(proxy.asked) == 2, 30, "both requests")
    small, large = proxy.chunks(names[0], example("add"), 16), proxy.chunks(names[1], module, 300000)
    for index in range(max(len(small), len(large))):
        proxy.send(*small[index:index + 1], *large[index:index + 1])
    assert theirs.them.wait(ids[0])["results"] == "3"
    assert theirs.them.wait(ids[1])["results"] == str(last)


@pytest.mark.parametrize("change", [{"total_chunks": 9}, {"data": base64.b64encode(b"other").decode()}],
                         ids=["count", "content"])
def test_an_image_that_changes_midway(theirs, change):
    proxy = Proxy(theirs.bus)
    start_worker(theirs)
    task_id = theirs.them.start("add", image_url=IMAGE, inputs=["1", "2"])
    theirs.bus.wait_for("registry/proplet")
    chunks = proxy.chunks(IMAGE, example("add"), 16)
    proxy.send(chunks[0], {**chunks[0], **change})
    said = theirs.them.wait(task_id)
    assert "changed" in said["error"] and IMAGE in said["error"], said
    proxy.images[IMAGE] = example("add")  # and nothing of it is left behind
    again = theirs.them.start("add", image_url=IMAGE, inputs=["1", "2"])
    assert theirs.them.wait(again)["results"] == "3"


@pytest.mark.parametrize("sent,says", [(0, "nothing came"), (2, "2 of 3 chunks")])
def test_an_image_that_never_comes(theirs, sent, says):
    proxy = Proxy(theirs.bus)
    start_worker(theirs, PROPLET_PULL_TIMEOUT="15")
    task_id = theirs.them.start("add", image_url=IMAGE, inputs=["1", "2"])
    theirs.bus.wait_for("registry/proplet")
    proxy.send(*proxy.chunks(IMAGE, bytes(48), 16)[:sent])
    said = theirs.them.wait(task_id)
    assert says in said["error"] and IMAGE in said["error"], said
    assert len(proxy.asked) > 1, "it was asked for again meanwhile"


def test_an_image_that_our_proxy_cannot_get(theirs):
    """Propeller's says nothing; ours says why, and who waits need not wait for the timeout."""
    proxy = Proxy(theirs.bus)
    start_worker(theirs)
    waiting = [theirs.them.start("add", image_url=IMAGE, inputs=["1", "2"]) for _ in range(2)]
    other = theirs.them.start("add", image_url=IMAGE + ".4", inputs=["1", "2"])
    wait_until(lambda: len(proxy.asked) == 2, 30, "both requests")
    proxy.send({"app_name": IMAGE, "error": "registry.example has no such image"})
    for task_id in waiting:
        said = theirs.them.wait(task_id)
        assert IMAGE in said["error"] and "registry.example has no such image" in said["error"], said
    proxy.send(*proxy.chunks(IMAGE + ".4", example("add"), 16))
    assert theirs.them.wait(other)["results"] == "3"


def test_nonsense_between_the_chunks(theirs):
    proxy = Proxy(theirs.bus)
    start_worker(theirs)
    task_id = theirs.them.start("add", image_url=IMAGE, inputs=["1", "2"])
    theirs.bus.wait_for("registry/proplet")
    chunks = proxy.chunks(IMAGE, example("add"), 16)
    for chunk in chunks:
        for bad in ({"chunk_idx": -1}, {"chunk_idx": len(chunks)}, {"data": "***"}, {"data": None},
                    {"total_chunks": 0}, {"total_chunks": 1 << 40}, {"app_name": "somebody/else"}):
            proxy.send({**chunk, **bad})
        proxy.send(chunk)
    assert theirs.them.wait(task_id)["results"] == "3"


def test_many_tasks_wait_for_one_image(theirs):
    """At Propeller's workers the first one to assemble it leaves nothing for the others."""
    proxy = Proxy(theirs.bus)
    start_worker(theirs)
    ids = [theirs.them.start("add", image_url=IMAGE, inputs=[str(i), "1"]) for i in range(20)]
    wait_until(lambda: [len(m["running"]) for m in theirs.bus.messages("control/proplet/alive")
                        if "running" in m].count(20) >= 2, 30, "two heartbeats that list them all")
    proxy.send(*proxy.chunks(IMAGE, example("add"), 16))
    assert [theirs.them.wait(i)["results"] for i in ids] == [str(i + 1) for i in range(20)]
    assert len(proxy.asked) == 1


def test_images_take_turns(theirs):
    """So many at once are in memory half done, and no more."""
    proxy = Proxy(theirs.bus)
    start_worker(theirs, PROPLET_PULL_CONCURRENT_LIMIT="2")
    names = [f"registry.example/image-{i}" for i in range(5)]
    ids = [theirs.them.start("add", image_url=name, inputs=["1", "2"]) for name in names]
    wait_until(lambda: len(proxy.asked) == 2, 30, "two requests")
    assert stays(lambda: len(proxy.asked) == 2, 0.3)
    proxy.images = dict.fromkeys(names, example("add"))
    for request in list(proxy.asked):
        proxy.send(*proxy.chunks(request["app_name"], example("add")))
    assert [theirs.them.wait(i)["results"] for i in ids] == ["3"] * 5
    assert len(proxy.asked) == 5


def test_a_stop_while_the_image_is_pulled(theirs):
    proxy = Proxy(theirs.bus)
    start_worker(theirs)
    stopped, other = (theirs.them.start("add", image_url=IMAGE, inputs=["1", "2"]) for _ in range(2))
    theirs.bus.wait_for("registry/proplet")
    theirs.them.stop(stopped)
    assert "stopped" in theirs.them.wait(stopped)["error"]
    assert not theirs.them.results(other), "the image is still awaited"
    proxy.send(*proxy.chunks(IMAGE, example("add")))
    assert theirs.them.wait(other)["results"] == "3"


def test_an_image_over_the_limit(theirs):
    Proxy(theirs.bus, {IMAGE: big_module(1)[0]}, chunk_bytes=100000)
    start_worker(theirs, PROPLET_MODULE_MAX="500KiB")
    said = theirs.them.wait(theirs.them.start("answer", image_url=IMAGE))
    assert "512000 bytes" in said["error"], said


def test_an_image_is_what_was_promised(theirs):
    """The digest is ours; who gives it gets it checked, and the image from the cache."""
    proxy = Proxy(theirs.bus, {IMAGE: example("add")})
    start_worker(theirs)
    digest = hashlib.sha256(example("add")).hexdigest()
    bad = theirs.them.start("add", image_url=IMAGE, inputs=["1", "2"], digest="0" * 64)
    assert digest in theirs.them.wait(bad)["error"]
    for _ in range(3):
        good = theirs.them.start("add", image_url=IMAGE, inputs=["1", "2"], digest=digest)
        assert theirs.them.wait(good)["results"] == "3"
    assert len(proxy.asked) == 2


def test_what_nobody_here_has_asked_for(theirs):
    """Chunks for others are not even heard; an old set of them is not taken for the new image."""
    proxy = Proxy(theirs.bus)
    start_worker(theirs)
    stale = proxy.chunks(IMAGE, guest("loop"), 16)
    proxy.send(*stale)
    task_id = theirs.them.start("add", image_url=IMAGE, inputs=["1", "2"])
    theirs.bus.wait_for("registry/proplet")
    assert stays(lambda: not theirs.them.results(task_id), 0.2)
    proxy.send(*proxy.chunks(IMAGE, example("add"), 16))
    assert theirs.them.wait(task_id)["results"] == "3"
    memory = theirs.proplet().rss_bytes()
    for index in range(64):
        proxy.send({"app_name": "other", "chunk_idx": index, "total_chunks": 64,
                    "data": base64.b64encode(bytes(1 << 20)).decode()})
    assert theirs.them.wait(theirs.them.start("add", example("add"), inputs=["1", "2"]))
    assert theirs.proplet().rss_bytes() < memory + (32 << 20)


def test_the_broker_ends_midway(theirs):
    """The chunks that came are kept, and the image is asked for again."""
    proxy = Proxy(theirs.bus, chunk_bytes=16)
    start_worker(theirs, PROPLET_PULL_TIMEOUT="60")
    task_id = theirs.them.start("add", image_url=IMAGE, inputs=["1", "2"])
    theirs.bus.wait_for("registry/proplet")
    proxy.send(*proxy.chunks(IMAGE, example("add"), 16)[:2])
    theirs.broker.kill()
    proxy.images[IMAGE] = example("add")
    theirs.bus.ready.clear()
    theirs.start_broker()
    assert theirs.bus.ready.wait(patience())
    assert theirs.them.wait(task_id, 60)["results"] == "3"


def test_our_manager_sends_names_of_images_too(stack):
    stack.start()
    with Bus(stack) as bus:
        proxy = Proxy(bus, {IMAGE: example("add")})
        done = stack.rest.run("add", None, image_url=IMAGE, inputs=[1, 2])
        assert (done["state"], done["results"]) == (COMPLETED, "3"), done
        assert proxy.asked == [{"app_name": IMAGE}]
