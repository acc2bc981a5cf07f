# SPDX-License-Identifier: Apache-2.0
"""Metrics: taken from every kind of worker, kept within bounds, shown as Propeller shows them."""
import base64
import json
import os
import uuid
from datetime import datetime, timezone

import pytest

from api import COMPLETED, RUNNING
from bus import Bus
from modules import example, guest, wat
from peers import CHIP, Peer
from stack import Stack
from wait import wait_until

MOMENT = 1767225600  # 2026-01-01T00:00:00Z
TASK_METRICS = {"cpu_percent": 12.5, "memory_bytes": 65536, "memory_percent": 0.5,
                "disk_read_bytes": 1, "disk_write_bytes": 2, "uptime_seconds": 30,
                "thread_count": 1, "file_descriptor_count": 3}
AGGREGATED = {"avg_cpu_usage": 10.5, "max_cpu_usage": 12.5, "avg_memory_usage": 65536,
              "max_memory_usage": 65536, "total_disk_read": 1, "total_disk_write": 2,
              "sample_count": 3}


@pytest.fixture
def alone(stack):
    """A manager without workers of ours."""
    stack.start_broker()
    stack.start_manager()
    return stack


def wait_total(stack, path, total):
    def enough():
        page = stack.rest.expect(200, "GET", f"{path}?limit=1000").json
        return page if page["total"] == total else None
    return wait_until(enough, 30, f"{total} samples at {path}")


def start_on(stack, peer, **fields):
    task = stack.rest.create("add", example("add"), proplet_id=peer.id, **fields)
    stack.rest.start(task["id"])
    peer.wait_start(task["id"])
    return task["id"]


def test_metrics_of_a_worker(alone):
    """Of Propeller's Rust workers: the time is an object."""
    said = {"proplet_id": "old-one", "namespace": "default",
            "cpu_metrics": {"user_seconds": 1.5, "system_seconds": 0.25, "percent": 3.5},
            "memory_metrics": {"rss_bytes": 24 << 20, "heap_alloc_bytes": 0, "heap_sys_bytes": 0,
                               "heap_inuse_bytes": 0}}
    path = "/proplets/old-one/metrics"
    with Bus(alone, "old-one") as bus:
        bus.say("control/proplet/metrics", said)  # nobody knows this one yet
        Peer(bus).announce()
        assert wait_total(alone, path, 0)["metrics"] == []
        for second in range(3):
            bus.say("control/proplet/metrics", {**said, "unheard": {"of": 1}, "timestamp": {
                "secs_since_epoch": MOMENT + second, "nanos_since_epoch": 0}})
        page = wait_total(alone, path, 3)
    times = [f"2026-01-01T00:00:0{second}Z" for second in range(3)]
    assert page["metrics"] == [{**said, "timestamp": time} for time in times]
    assert (page["offset"], page["limit"]) == (0, 1000)
    page = alone.rest.get(f"{path}?offset=1&limit=1").json
    assert page == {"offset": 1, "limit": 1, "total": 3,
                    "metrics": [{**said, "timestamp": times[1]}]}
    assert alone.rest.get(f"{path}?limit=0").status == 400
    assert alone.rest.expect(404, "GET", "/proplets/nobody/metrics").error


def test_metrics_of_a_task(alone):
    """They stay when it has ended, until it is deleted; only its worker's count."""
    with Bus(alone, "old-one") as bus:
        peer = Peer(bus).announce()
        Peer(bus, "another").announce()
        task_id = start_on(alone, peer)
        path = f"/tasks/{task_id}/metrics"
        assert alone.rest.get(path).json == {"offset": 0, "limit": 100, "total": 0, "metrics": []}
        said = {"task_id": task_id, "proplet_id": "old-one", "metrics": TASK_METRICS}
        bus.say("control/proplet/task_metrics", {**said, "proplet_id": "another",
                                                 "timestamp": "2026-01-01T00:00:00Z"})
        bus.say("control/proplet/task_metrics", {**said, "aggregated": None,
                                                 "timestamp": "2026-01-01T00:00:01.5Z"})
        bus.say("control/proplet/task_metrics", {**said, "aggregated": AGGREGATED,
                                                 "timestamp": "2026-01-01T00:00:02Z"})
        page = wait_total(alone, path, 2)
        assert page["metrics"] == [
            {**said, "timestamp": "2026-01-01T00:00:01.5Z"},
            {**said, "aggregated": AGGREGATED, "timestamp": "2026-01-01T00:00:02Z"}]
        bus.say("control/proplet/results", {"task_id": task_id, "proplet_id": "old-one",
                                            "results": "3", "error": None})
        assert alone.rest.wait(task_id)["state"] == COMPLETED
    assert alone.rest.get(path).json["total"] == 2
    alone.rest.expect(204, "DELETE", f"/tasks/{task_id}")
    assert alone.rest.expect(404, "GET", path).error
    assert alone.rest.expect(404, "GET", f"/tasks/{uuid.uuid4()}/metrics").error


def test_metrics_of_a_chip(alone):
    """It does not name itself with a task, and its time counts from its start."""
    with Bus(alone, "chip-1") as bus:
        peer = Peer(bus, "chip-1", CHIP, "embedded").announce()
        task_id = start_on(alone, peer, inputs=[1, 2])
        before = datetime.now(timezone.utc)
        bus.say("control/proplet/task_metrics", {
            "task_id": task_id, "timestamp": 123456, "aggregated": None,
            "metrics": {"cpu_percent": 41.5, "memory_bytes": 1000, "memory_percent": 10.0,
                        "uptime_seconds": 30, "thread_count": 5}})
        bus.say("control/proplet/metrics", {
            "proplet_id": "chip-1", "namespace": "embedded", "timestamp": 123456,
            "cpu_metrics": {"percent": 41.5}, "memory_metrics": {"heap_free_bytes": 9000}})
        (of_task,) = wait_total(alone, f"/tasks/{task_id}/metrics", 1)["metrics"]
        (of_chip,) = wait_total(alone, "/proplets/chip-1/metrics", 1)["metrics"]
    assert of_task["proplet_id"] == "chip-1" and of_task["metrics"]["uptime_seconds"] == 30
    assert of_chip["memory_metrics"] == {"heap_free_bytes": 9000}
    for sample in (of_task, of_chip):
        at = datetime.fromisoformat(sample["timestamp"])
        assert abs((at - before).total_seconds()) < 60, sample["timestamp"]


@pytest.mark.parametrize("profile,kept", [
    ({"retain_history": False}, 1), ({"history_size": 3}, 3), ({}, 20)], ids=["last", "3", "all"])
def test_the_profile_says_how_many_are_kept(alone, profile, kept):
    with Bus(alone, "old-one") as bus:
        peer = Peer(bus).announce()
        task_id = start_on(alone, peer, monitoring_profile=profile)
        wait_until(lambda: alone.rest.task(task_id)["state"] == RUNNING, 30, "Running")
        for second in range(20):
            bus.say("control/proplet/task_metrics", {
                "task_id": task_id, "proplet_id": "old-one", "timestamp": MOMENT + second,
                "metrics": {**TASK_METRICS, "uptime_seconds": second}})
        path = f"/tasks/{task_id}/metrics"

        def last():
            samples = alone.rest.get(path).json["metrics"]
            return samples and samples[-1]["metrics"]["uptime_seconds"] == 19 and samples
        samples = wait_until(last, 30, "the last sample")
    assert [s["metrics"]["uptime_seconds"] for s in samples] == list(range(20 - kept, 20))


def test_bad_metrics_are_dropped(alone):
    with Bus(alone, "old-one") as bus:
        Peer(bus).announce()
        for bad in ("{", "[]", {"proplet_id": 7}, {"proplet_id": "old-one", "cpu_metrics": "x"},
                    {"proplet_id": "old-one", "cpu_metrics": {"percent": "7"}}):
            text = bad if isinstance(bad, str) else json.dumps(bad)
            bus.say("control/proplet/metrics", text)
            bus.say("control/proplet/task_metrics", text)
        bus.say("control/proplet/metrics", {"proplet_id": "old-one", "timestamp": None,
                                            "cpu_metrics": None, "memory_metrics": None})
        (sample,) = wait_total(alone, "/proplets/old-one/metrics", 1)["metrics"]
    assert sample["cpu_metrics"] == {} and sample["timestamp"].endswith("Z")


# What our own worker says.

EVERY_SECOND = {"interval": 1}


def start_here(stack, name, module, **fields):
    fields.setdefault("monitoring_profile", EVERY_SECOND)
    task = stack.rest.create(name, module, **fields)
    stack.rest.start(task["id"])
    return task["id"]


def samples_of(stack, task_id, count, condition=lambda metrics: True):
    """At least so many, oldest first; those before the first for which condition(metrics) holds are left out."""
    def enough():
        samples = stack.rest.get(f"/tasks/{task_id}/metrics").json["metrics"]
        while samples and not condition(samples[0]["metrics"]):
            samples.pop(0)
        return samples if len(samples) >= count else None
    return wait_until(enough, 60, f"{count} samples of {task_id}")


def end(stack, *task_ids):
    for task_id in task_ids:
        stack.rest.stop(task_id)
        stack.rest.wait(task_id)


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    own = Stack(tmp_path_factory.mktemp("ours"))
    try:
        own.start(PROPLET_METRICS_INTERVAL="1", PROPLET_DIRS=str(own.folder))
        yield own
    finally:
        own.close()


def test_our_worker_tells_of_itself(ours):
    def enough():
        samples = ours.rest.get("/proplets/worker-1/metrics").json["metrics"]
        return samples if len(samples) >= 3 else None
    samples = wait_until(enough, 30, "three samples")
    cpu, memory = samples[-1]["cpu_metrics"], samples[-1]["memory_metrics"]
    assert cpu["user_seconds"] + cpu["system_seconds"] > 0 and 0 <= cpu["percent"] < 1000
    least = 0 if os.environ.get("AIRSCREW_SANITIZED") else 1  # a sanitizer's heap is not counted
    assert memory["heap_sys_bytes"] >= memory["heap_inuse_bytes"] == memory["heap_alloc_bytes"] >= least
    rss = ours.proplet().rss_bytes()
    assert rss == 0 or rss / 3 < memory["rss_bytes"] < rss * 3
    times = [datetime.fromisoformat(sample["timestamp"]) for sample in samples]
    gaps = [(later - sooner).total_seconds() for sooner, later in zip(times, times[1:])]
    assert all(gap > 0 for gap in gaps) and min(gaps) < 5, gaps  # each second, not the default of ten
    assert abs((times[-1] - datetime.now(timezone.utc)).total_seconds()) < 60


def test_each_task_has_its_own(ours):
    """One that computes, one that sleeps: its thread's time, its store's memory, in bytes."""
    busy = start_here(ours, "spin", guest("loop"))
    idle = start_here(ours, "nap", guest("nap"), inputs=["600000"])
    last = samples_of(ours, busy, 2, lambda metrics: metrics["cpu_seconds"] > 0.5)[-1]
    samples_of(ours, idle, 2)
    asleep = samples_of(ours, idle, 1, lambda metrics: metrics["uptime_seconds"] >= 2)[-1]
    end(ours, busy, idle)
    assert last["metrics"]["cpu_percent"] > 0 and last["metrics"]["memory_bytes"] == 0
    assert asleep["metrics"]["cpu_seconds"] < 0.5 and asleep["metrics"]["memory_bytes"] == 65536
    total = ours.proplet_view()["metadata"]["total_memory_bytes"]
    assert asleep["metrics"]["memory_percent"] == pytest.approx(100 * 65536 / total)
    assert asleep["metrics"]["thread_count"] == 1
    assert asleep["metrics"]["file_descriptor_count"] == 3
    assert "fuel_used" not in asleep["metrics"]
    assert asleep["proplet_id"] == "worker-1" and asleep["timestamp"].endswith("Z")
    sums = last["aggregated"]
    assert sums["sample_count"] >= 2 and sums["max_cpu_usage"] >= sums["avg_cpu_usage"] > 0


@pytest.mark.parametrize("engine", ["multipass", "singlepass", "interp"])
def test_memory_that_grows_and_fuel(ours, engine):
    task_id = start_here(ours, "grow", wat(GROWS), engine=engine, limits={"fuel": 1 << 60})
    first = samples_of(ours, task_id, 1, lambda metrics: metrics["fuel_used"] > 0)[0]["metrics"]
    samples_of(ours, task_id, 1, lambda metrics: metrics["fuel_used"] > first["fuel_used"]
               and metrics["memory_bytes"] == 5 * 65536)
    end(ours, task_id)


GROWS = """(module (memory 2) (func $f) (func (export "grow")
  (drop (memory.grow (i32.const 3))) (loop $again (call $f) (br $again))))"""


@pytest.mark.parametrize("profile", [
    {**EVERY_SECOND, "enabled": False}, {**EVERY_SECOND, "export_to_mqtt": False}], ids=str)
def test_only_who_is_to_be_watched(ours, profile):
    unwatched = start_here(ours, "nap", guest("nap"), inputs=["600000"], monitoring_profile=profile)
    watched = start_here(ours, "nap", guest("nap"), inputs=["600000"])
    samples_of(ours, watched, 2)
    assert ours.rest.get(f"/tasks/{unwatched}/metrics").json["total"] == 0
    end(ours, unwatched, watched)


def test_only_what_is_to_be_collected(ours):
    profile = {**EVERY_SECOND, "collect_disk_io": False, "collect_threads": False,
               "collect_file_descriptors": False, "retain_history": False}
    task_id = start_here(ours, "nap", guest("nap"), inputs=["600000"], monitoring_profile=profile)
    (sample,) = wait_until(lambda: [s for s in samples_of(ours, task_id, 1)
                                    if s["metrics"]["uptime_seconds"] >= 2], 30, "the second")
    end(ours, task_id)
    assert set(sample["metrics"]) == {"cpu_percent", "cpu_seconds", "memory_bytes",
                                      "memory_percent", "uptime_seconds"}
    assert "aggregated" not in sample


def test_short_tasks_say_nothing(ours):
    with Bus(ours) as bus:
        done = [ours.rest.run("nap", guest("nap"), inputs=["300"],
                              monitoring_profile={"interval": 20})["id"] for _ in range(3)]
        watched = start_here(ours, "nap", guest("nap"), inputs=["600000"])
        samples_of(ours, watched, 2)
        bus.wait_for("control/proplet/task_metrics", lambda m: m["task_id"] == watched)
        said = {m["task_id"] for m in bus.messages("control/proplet/task_metrics")}
    end(ours, watched)
    assert watched in said and not said & set(done)


def test_what_a_guest_writes(ours):
    """A file of a megabyte, and then it waits."""
    folder = ours.folder / "data"
    folder.mkdir()
    task_id = start_here(ours, "write", wat(WRITES), dirs=[{
        "host": str(folder), "guest": "/d", "write": True}])
    metrics = samples_of(ours, task_id, 1, lambda metrics: metrics["disk_write_bytes"] >= 1 << 20)[-1]["metrics"]
    end(ours, task_id)
    assert metrics["disk_write_bytes"] == 1 << 20 and metrics["disk_read_bytes"] == 0
    assert metrics["file_descriptor_count"] == 5  # three streams, the folder, the file
    assert (folder / "f").stat().st_size == 1 << 20


WRITES = """(module
  (import "wasi_snapshot_preview1" "path_open" (func $open
    (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 20) (data (i32.const 200) "f")
  (func (export "write")
    (drop (call $open (i32.const 3) (i32.const 0) (i32.const 200) (i32.const 1) (i32.const 1)
      (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 300)))
    (i32.store (i32.const 0) (i32.const 65536)) (i32.store (i32.const 4) (i32.const 1048576))
    (drop (call $write (i32.load (i32.const 300)) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const 60000000000))
    (drop (call $poll (i32.const 0) (i32.const 128) (i32.const 1) (i32.const 300)))))"""


def test_processes_of_an_external_runtime(stack):
    runtime = stack.folder / "runtime"
    runtime.write_text("#!/bin/sh\nwhile :; do :; done\n")
    runtime.chmod(0o755)
    stack.start(PROPLET_EXTERNAL_WASM_RUNTIME=str(runtime))
    task_id = start_here(stack, "add", example("add"), engine="external")
    metrics = samples_of(stack, task_id, 1, lambda metrics: metrics["cpu_percent"] > 0)[0]["metrics"]
    end(stack, task_id)
    assert metrics["thread_count"] == 1
    assert 100 << 10 < metrics["memory_bytes"] < 1 << 30


def test_monitoring_can_be_off(stack):
    stack.start_broker()
    with Bus(stack) as bus:
        stack.start_manager()
        stack.start_proplet("worker-1", PROPLET_ENABLE_MONITORING="false",
                            PROPLET_METRICS_INTERVAL="1")
        stack.start_proplet("worker-2", PROPLET_METRICS_INTERVAL="1")
        silent = start_here(stack, "nap", guest("nap"), inputs=["600000"], proplet_id="worker-1")
        spoken = start_here(stack, "nap", guest("nap"), inputs=["600000"], proplet_id="worker-2")
        samples_of(stack, spoken, 2)
        for path in ("control/proplet/metrics", "control/proplet/task_metrics"):
            bus.wait_for(path)
            assert {m["proplet_id"] for m in bus.messages(path)} == {"worker-2"}
    end(stack, silent, spoken)


def test_a_manager_of_theirs_hears_the_same(stack):
    """The old form: the profile comes with the start, its interval in seconds or nanoseconds."""
    stack.start_broker()
    with Bus(stack, "their-manager") as bus:
        stack.start_proplet(ready=False)
        bus.wait_for("control/proplet/create")
        for interval in (1, 1000000000):
            task_id = str(uuid.uuid4())
            bus.say("control/manager/start", {
                "id": task_id, "name": "nap", "state": 0, "inputs": ["600000"], "cli_args": None,
                "file": base64.b64encode(guest("nap")).decode(), "proplet_id": "worker-1",
                "monitoring_profile": {"enabled": True, "interval": interval}})
            said = bus.wait_for("control/proplet/task_metrics", lambda m, i=task_id:
                                m["task_id"] == i and m["metrics"]["memory_bytes"] != 0)
            assert said["metrics"]["memory_bytes"] == 65536 and said["proplet_id"] == "worker-1"
            assert isinstance(said["metrics"]["uptime_seconds"], int)
            bus.say("control/manager/stop", {"id": task_id, "proplet_id": "worker-1"})
            bus.wait_for("control/proplet/results", lambda m, i=task_id: m["task_id"] == i)
