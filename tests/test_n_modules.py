# SPDX-License-Identifier: Apache-2.0
"""How modules come to workers: by digest, in chunks, once, without delaying anything."""
import hashlib
import time

import pytest

from api import COMPLETED, FAILED, INTERRUPTED
from bus import Bus
from modules import big_module, example
from stack import held
from wait import wait_until

CHUNK = 256 << 10
HEADER = 60


def upload(rest, name, module):
    task = rest.create(name)
    rest.expect(200, "PUT", f"/tasks/{task['id']}/upload", module,
                headers={"Content-Type": "application/wasm"})
    return task


def chunks(bus):
    with bus.lock:
        return [(at, payload) for at, path, payload in bus.heard
                if path == "registry/chunk/worker-1"]


def test_the_wire(stack):
    """Each chunk says which part of which module it is; the command carries no bytes."""
    stack.start()
    module, last = big_module(2, seed=5)
    with Bus(stack) as bus:
        done = stack.rest.run("answer", module)
        assert (done["state"], done["results"]) == (COMPLETED, str(last))
        bus.wait_for("control/proplet/results")  # behind all that went to the worker
        command = bus.wait_for("control/manager/command/worker-1", lambda m: m["type"] == "start")
        assert "file" not in command
        assert command["digest"] == hashlib.sha256(module).hexdigest()
        assert command["module_size"] == len(module)
        got = {}
        for _, payload in chunks(bus):
            assert payload[:4] == b"ASC\x01"
            assert int.from_bytes(payload[4:12], "big") == len(module)
            assert int.from_bytes(payload[16:20], "big") == -(-len(module) // CHUNK)
            assert payload[20:52] == hashlib.sha256(module).digest()
            got[int.from_bytes(payload[12:16], "big")] = payload[HEADER:]
        assert b"".join(got[index] for index in sorted(got)) == module


def test_a_module_is_fetched_once(stack):
    """However many starts arrive together, and not again later.

    A machine that stands still for two seconds makes the worker ask again for the few chunks that are on their way.
    """
    stack.start()
    module, last = big_module(16, seed=6)
    count = -(-len(module) // CHUNK)
    with Bus(stack) as bus:
        ids = [stack.rest.create("answer", module)["id"] for _ in range(20)]
        for task_id in ids:
            stack.rest.start(task_id)
        assert {stack.rest.wait(i)["results"] for i in ids} == {str(last)}
        later = stack.rest.run("answer", module)
        assert later["results"] == str(last)
        bus.wait_for("control/proplet/results", lambda m: m["task_id"] == later["id"])
        indices = [p[12:16] for _, p in chunks(bus)]
        assert len(set(indices)) == count <= len(indices) < 2 * count


def test_two_engines_want_one_module_at_once(stack):
    """Each compiles it for itself; neither takes the chunks away from the other."""
    stack.start()
    module, last = big_module(4, seed=8)
    ids = [stack.rest.create("answer", module, engine=engine)["id"]
           for engine in ("multipass", "singlepass", "interp") for _ in range(3)]
    for task_id in ids:
        stack.rest.start(task_id)
    assert {stack.rest.wait(i).get("results") for i in ids} == {str(last)}


def test_seventy_megabytes_delay_nothing(stack):
    """While they travel, other tasks run and heartbeats keep their pace; once is enough, since others share the machine."""
    stack.start(PROPLET_LIVELINESS_INTERVAL="1")
    stack.rest.run("add", example("add"), inputs=[1, 1])
    seen = []
    for seed in range(6):
        small, pause, whole = travel(stack, seed)
        seen.append((small, pause, whole))
        if small > 0 and pause < max(1.8, whole):
            break
    else:
        raise AssertionError(f"small tasks, the longest pause and the travel of each round: {seen}")
    assert stack.manager.rss_bytes() < 200 << 20


def travel(stack, seed):
    """(small tasks that ended before the last chunk had come, the longest pause between two heartbeats, the seconds of it all)"""
    rest = stack.rest
    module, last = big_module(70, seed)
    task = upload(rest, "answer", module)
    ends = []
    with Bus(stack) as bus:
        wait_until(lambda: bus.times("control/proplet/alive"), 30, "a heartbeat")
        rest.start(task["id"])
        while rest.task(task["id"])["state"] != COMPLETED:
            assert rest.run("add", example("add"), inputs=[1, 2])["results"] == "3"
            ends.append(time.monotonic())
            assert rest.task(task["id"])["state"] not in (FAILED, INTERRUPTED), rest.task(task["id"])
        bus.wait_for("control/proplet/results", lambda m: m["task_id"] == task["id"])  # behind all chunks
        beats = len(bus.times("control/proplet/alive"))
        wait_until(lambda: len(bus.times("control/proplet/alive")) > beats, 30, "the next heartbeat")
        beats = bus.times("control/proplet/alive")
        transfer = [at for at, _ in chunks(bus)]
        assert len(transfer) >= -(-len(module) // CHUNK)
    assert rest.task(task["id"])["results"] == str(last)
    rest.expect(204, "DELETE", f"/tasks/{task['id']}")
    pause = max(later - sooner for sooner, later in zip(beats, beats[1:]))
    return sum(at < transfer[-1] for at in ends), pause, transfer[-1] - transfer[0]


def test_a_lost_module_is_said(stack):
    """The manager's file is gone: the task fails and says why; nobody waits for ever."""
    stack.start()
    module, _ = big_module(1, seed=9)
    task = stack.rest.create("answer", module)
    digest = hashlib.sha256(module).hexdigest()
    (file,) = [f for f in (stack.folder / "state-manager").rglob("*") if digest in f.name]
    file.unlink()
    answer = stack.rest.call("POST", f"/tasks/{task['id']}/start")
    if answer.status == 200:
        done = stack.rest.wait(task["id"])
        assert done["state"] in (FAILED, INTERRUPTED) and done["error"], done
    else:
        assert answer.error


def test_stop_during_the_transfer(stack):
    """The worker is frozen until both words are on their way to it: it hears the stop while it asks for chunks."""
    stack.start(PROPLET_LIVELINESS_INTERVAL="60")
    module, _ = big_module(40, seed=2)
    task = upload(stack.rest, "answer", module)
    with held(stack.proplet()):
        stack.rest.start(task["id"])
        stack.rest.stop(task["id"])
    done = stack.rest.wait(task["id"])
    assert done["state"] == INTERRUPTED, done
    assert stack.rest.run("add", example("add"), inputs=[2, 2])["results"] == "4"


def test_chunks_that_were_not_asked_for(stack):
    """A worker keeps nothing that it did not ask for, and a false chunk spoils no module."""
    stack.start()
    module, last = big_module(3, seed=11)
    digest = hashlib.sha256(module).digest()
    count = -(-len(module) // CHUNK)
    with Bus(stack, listen=False) as bus:
        before = stack.proplet().rss_bytes()
        for index in range(200):
            bus.say("registry/chunk/worker-1", b"ASC\x01" + (60 << 20).to_bytes(8, "big")
                    + index.to_bytes(4, "big") + (240).to_bytes(4, "big") + b"\x55" * 32
                    + bytes(8) + bytes(CHUNK))
        assert stack.proplet().rss_bytes() - before < 40 << 20
        task = stack.rest.create("answer", module)
        for index in range(count):  # lies about the module that is to come
            size = min(CHUNK, len(module) - index * CHUNK)
            bus.say("registry/chunk/worker-1", b"ASC\x01" + len(module).to_bytes(8, "big")
                    + index.to_bytes(4, "big") + count.to_bytes(4, "big") + digest + bytes(8)
                    + b"\xAA" * size)
        # What comes after them on the same way shows that the worker has heard them all.
        other, answer = big_module(1, seed=12)
        assert stack.rest.run("answer", other)["results"] == str(answer)
        stack.rest.start(task["id"])
        done = stack.rest.wait(task["id"])
        assert (done["state"], done["results"]) == (COMPLETED, str(last)), done


def test_the_manager_answers_only_what_makes_sense(stack):
    stack.start()
    with Bus(stack) as bus:
        for request in ({"digest": "a" * 64, "first": 0, "count": 4},
                        {"digest": "../../../etc/passwd", "first": 0, "count": 4},
                        {"digest": "A" * 64, "first": 4294967295, "count": 4294967295}):
            bus.say("registry/manager", {"proplet_id": "worker-1", "boot": "x", **request})
        bus.say("registry/manager", {"proplet_id": "worker-1", "digest": "b" * 64, "first": 0,
                                     "count": 1,
                                     "boot": bus.wait_for("control/proplet/alive")["boot"]})
        wait_until(lambda: chunks(bus), 30, "an answer: no such module")
        assert all(payload[16:20] == bytes(4) for _, payload in chunks(bus))
    stack.all_alive()


def test_compiled_modules_are_kept_within_a_limit(stack):
    """More modules than fit: all run, and the oldest are fetched again."""
    stack.start(PROPLET_MODULE_CACHE="1MiB")
    rest = stack.rest
    modules = [big_module(1, seed=100 + n) for n in range(4)]
    for _ in range(2):
        for module, last in modules:
            assert rest.run("answer", module)["results"] == str(last)
