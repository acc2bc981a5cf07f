# SPDX-License-Identifier: Apache-2.0
"""Metrics: taken from every kind of worker, kept within bounds, shown as Propeller shows them."""
import json
import uuid
from datetime import datetime, timezone

import pytest

from api import COMPLETED, RUNNING
from bus import Bus
from modules import example
from peers import CHIP, Peer
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
    return wait_until(enough, 5, f"{total} samples at {path}")


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
        wait_until(lambda: alone.rest.task(task_id)["state"] == RUNNING, 5, "Running")
        for second in range(20):
            bus.say("control/proplet/task_metrics", {
                "task_id": task_id, "proplet_id": "old-one", "timestamp": MOMENT + second,
                "metrics": {**TASK_METRICS, "uptime_seconds": second}})
        path = f"/tasks/{task_id}/metrics"

        def last():
            samples = alone.rest.get(path).json["metrics"]
            return samples and samples[-1]["metrics"]["uptime_seconds"] == 19 and samples
        samples = wait_until(last, 5, "the last sample")
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
