# SPDX-License-Identifier: Apache-2.0
"""What was measured and when workers were heard: it survives the manager, within its bounds."""
import json
import sqlite3
import threading
import time

import pytest

from api import RUNNING
from bus import Bus
from modules import example, guest
from peers import Peer
from stack import BIN
from test_q_backup import back_up, replace
from test_q_durability import small_disk  # noqa: F401 (a fixture)
from versions import Mixed, earlier
from wait import PATIENCE, wait_until

KEY = "ab" * 32
TABLES = {"samples": "seq, kind, owner, proplet, keep, at, packed", "beats": "seq, proplet, at"}


def rows(stack, table):
    """What the store has, while the manager is there or not."""
    with sqlite3.connect(f"file:{stack.folder / 'state-manager' / 'manager.db'}?mode=ro", uri=True) as database:
        found = database.execute(f"SELECT {TABLES[table]} FROM {table}").fetchall()
    database.close()
    return found


def wait_rows(stack, table, count):
    wait_until(lambda: len(rows(stack, table)) == count, 60, f"{count} rows of {table}")


def page(stack, path):
    return stack.rest.expect(200, "GET", f"{path}?limit=1000").json


def wait_total(stack, path, total):
    wait_until(lambda: page(stack, path)["total"] == total, 10, f"{total} at {path}")


def pages(stack, worker, task):
    return [page(stack, path) for path in (f"/proplets/{worker}/metrics", f"/proplets/{worker}/alive-history",
                                           f"/tasks/{task}/metrics")]


def say_worker(bus, worker, number):
    bus.say("control/proplet/metrics", {"proplet_id": worker, "namespace": "default",
                                        "timestamp": {"secs_since_epoch": 1767225600 + number, "nanos_since_epoch": 7},
                                        "cpu_metrics": {"user_seconds": number, "system_seconds": 0.25, "percent": 3.5},
                                        "memory_metrics": {"rss_bytes": 2**53 + 2 * number, "heap_alloc_bytes": 0}})


def say_task(bus, worker, task, number):
    bus.say("control/proplet/task_metrics", {"task_id": task, "proplet_id": worker,
                                             "metrics": {"cpu_percent": 0.1 * number, "memory_bytes": 1 << number},
                                             "aggregated": {"avg_cpu_usage": 1.5, "sample_count": number} if number else None,
                                             "timestamp": 1767225600 + number})


@pytest.fixture
def told(stack):
    """(stack, bus, worker, task): a task of a scripted worker, with five samples each."""
    stack.start_broker()
    stack.start_manager()
    with Bus(stack, "old-one") as bus:
        peer = Peer(bus).announce()
        task = stack.rest.create("add", example("add"), proplet_id=peer.id)["id"]
        stack.rest.start(task)
        peer.wait_start(task)
        peer.beat()  # before the samples: when they are there, it is
        for number in range(5):
            say_worker(bus, peer.id, number)
            say_task(bus, peer.id, task, number)
        wait_total(stack, f"/proplets/{peer.id}/metrics", 5)
        wait_total(stack, f"/tasks/{task}/metrics", 5)
        yield stack, bus, peer, task


def test_a_clean_end_loses_nothing(told):
    stack, bus, peer, task = told
    before = pages(stack, peer.id, task)
    assert before[1]["total"] >= 2
    for _ in range(2):
        assert stack.manager.stop() == 0
        stack.restart_manager()
        assert pages(stack, peer.id, task) == before
    assert stack.proplet_view(peer.id)["alive"] is False  # it was not heard by this process
    peer.announce()
    say_worker(bus, peer.id, 5)
    wait_total(stack, f"/proplets/{peer.id}/metrics", 6)
    assert page(stack, f"/proplets/{peer.id}/metrics")["metrics"][:5] == before[0]["metrics"]


def test_a_kill_takes_the_last_seconds(told):
    stack, bus, peer, task = told
    wait_rows(stack, "samples", 10)
    wait_rows(stack, "beats", 1)
    heard = page(stack, f"/proplets/{peer.id}/alive-history")["total"]
    peer.beat()
    wait_total(stack, f"/proplets/{peer.id}/alive-history", heard + 1)
    before = pages(stack, peer.id, task)
    stack.manager.kill()
    stack.restart_manager()
    metrics, beats, of_task = pages(stack, peer.id, task)
    assert (metrics, of_task) == (before[0], before[2])
    times = before[1]["history"]
    assert beats["history"] == times[:len(beats["history"])] and beats["total"] >= len(times) - 2
    peer.announce()
    say_worker(bus, peer.id, 5)  # in no store yet, or just
    wait_total(stack, f"/proplets/{peer.id}/metrics", 6)
    stack.manager.kill()
    stack.restart_manager()
    after = page(stack, f"/proplets/{peer.id}/metrics")
    assert after["total"] in (5, 6) and after["metrics"][:5] == before[0]["metrics"]


def test_no_message_makes_a_write(told):
    """The log of the database is as it was while messages come; then it has them all at once."""
    stack, bus, peer, task = told
    wait_rows(stack, "samples", 10)
    seen, begin = set(), time.monotonic()
    for number in range(5, 105):
        say_worker(bus, peer.id, number)
        seen.add(len(rows(stack, "samples")))
    wait_total(stack, f"/proplets/{peer.id}/metrics", 100)

    def all_there():
        seen.add(len(rows(stack, "samples")))
        return 105 in seen
    wait_until(all_there, 60, "the rows")
    assert len(seen) <= 2 + (time.monotonic() - begin) / 5, seen  # as they were, and after each turn
    assert len({row[0] for row in rows(stack, "samples")}) == 105


def test_what_is_deleted_takes_its_rows_with_it(told):
    stack, bus, peer, task = told
    wait_rows(stack, "samples", 10)
    wait_rows(stack, "beats", 1)
    bus.say("control/proplet/results", {"task_id": task, "proplet_id": peer.id, "results": "3"})
    assert stack.rest.wait(task)["results"] == "3"
    assert page(stack, f"/tasks/{task}/metrics")["total"] == 5  # it has ended, they are there
    stack.rest.expect(204, "DELETE", f"/tasks/{task}")
    assert {row[1] for row in rows(stack, "samples")} == {0}
    stack.rest.expect(204, "DELETE", f"/proplets/{peer.id}")
    assert rows(stack, "samples") == rows(stack, "beats") == []
    stack.manager.kill()
    stack.restart_manager()
    assert stack.rest.get(f"/tasks/{task}/metrics").status == 404
    assert stack.rest.get(f"/proplets/{peer.id}/metrics").status == 404
    peer.announce()
    assert page(stack, f"/proplets/{peer.id}/metrics")["total"] == 0


def test_retention_takes_them(told):
    stack, bus, peer, task = told
    bus.say("control/proplet/results", {"task_id": task, "proplet_id": peer.id, "results": "3"})
    stack.rest.wait(task)
    assert stack.manager.stop() == 0
    assert len(rows(stack, "samples")) == 10
    stack.manager.environment["MANAGER_TASK_RETENTION"] = "1ms"
    stack.restart_manager()
    wait_until(lambda: stack.rest.get(f"/tasks/{task}").status == 404, 20, "its removal")
    assert [row[1] for row in rows(stack, "samples")] == [0] * 5


def test_a_backup_has_them(told):
    stack, bus, peer, task = told
    wait_rows(stack, "samples", 10)
    wait_rows(stack, "beats", 1)
    before = pages(stack, peer.id, task)
    backup, _ = back_up(stack)
    say_worker(bus, peer.id, 9)
    wait_total(stack, f"/proplets/{peer.id}/metrics", 6)
    stack.proplet_ready = lambda: None  # it has no worker that beats
    replace(stack, backup)
    metrics, beats, of_task = pages(stack, peer.id, task)
    assert (metrics, of_task) == (before[0], before[2])
    assert beats["history"] == before[1]["history"][:beats["total"]] and beats["total"] >= 1


def test_a_state_from_before_the_tables(told):
    """And what somebody has spoiled there stops nobody."""
    stack, bus, peer, task = told
    path = stack.folder / "state-manager" / "manager.db"
    assert stack.manager.stop() == 0
    for spoiled in ("DROP TABLE samples; DROP TABLE beats;",
                    "INSERT INTO samples VALUES(3, 7, 'x', NULL, -1, 'y', 'z'), (-1, 0, 'x', NULL, 1, 1, x'');"
                    "INSERT INTO beats VALUES(9223372036854775807, 'old-one', 'x'), (4, 'old-one', zeroblob(80));"):
        database = sqlite3.connect(path)
        database.executescript(spoiled)
        database.close()
        stack.restart_manager()
        assert page(stack, f"/proplets/{peer.id}/metrics")["total"] == 0
        assert stack.rest.task(task)["id"] == task
        peer.announce()
        say_worker(bus, peer.id, 1)
        wait_total(stack, f"/proplets/{peer.id}/metrics", 1)
        assert stack.manager.stop() == 0
        (row,) = rows(stack, "samples")
        assert row[2] == peer.id
        database = sqlite3.connect(path)
        database.execute("DELETE FROM samples")
        database.commit()
        database.close()
    stack.restart_manager()


def test_a_full_disk_costs_nobody_an_answer(small_disk):  # noqa: F811
    """They are in memory alone until there is room; no batch fails for them."""
    stack = small_disk
    stack.start_broker()
    stack.start_manager()
    filler = stack.folder / "state-manager" / "filler"
    with Bus(stack, "old-one") as bus:
        peer = Peer(bus).announce()
        with open(filler, "wb", buffering=0) as file:
            for size in (1 << 20, 1024):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    pass
        for number in range(150):
            say_worker(bus, peer.id, number)
        wait_total(stack, f"/proplets/{peer.id}/metrics", 100)
        wait_until(lambda: "cannot be kept for now" in stack.manager.text(), 60, "a word about it")
        assert page(stack, f"/proplets/{peer.id}/metrics")["total"] == 100
        assert "the store refused a write" not in stack.manager.text()
        filler.unlink()
        wait_until(lambda: "is kept again" in stack.manager.text(), 60, "that they are kept")
        wait_rows(stack, "samples", 100)


@pytest.mark.timeout(600)  # it is built
def test_an_earlier_manager_leaves_them_alone(tmp_path):
    """Of the same schema: it does not see them; what it deletes is swept when today's is there again."""
    stack = Mixed(tmp_path)
    try:
        stack.start_broker()
        stack.start_manager()
        with Bus(stack, "both") as bus:
            for name in ("stays", "goes"):
                Peer(bus, name).announce()
                for number in range(5):
                    say_worker(bus, name, number)
                wait_total(stack, f"/proplets/{name}/metrics", 5)
            before = page(stack, "/proplets/stays/metrics")
            stack.exchange("manager", earlier("unkept"))
            stack.manager_ready()
            assert page(stack, "/proplets/stays/metrics")["total"] == 0
            stack.rest.expect(204, "DELETE", "/proplets/goes")
            assert len(rows(stack, "samples")) == 10
            stack.exchange("manager", BIN)
            stack.manager_ready()
            assert page(stack, "/proplets/stays/metrics") == before
            assert {row[2] for row in rows(stack, "samples")} == {"stays"}
            assert {row[1] for row in rows(stack, "beats")} == {"stays"}
    finally:
        stack.close()


@pytest.mark.parametrize("key", [None, KEY], ids=["open", "key"])
def test_of_workers_of_ours(stack, key):
    """With a workload key as without: a task that runs on, and its samples go on where they were."""
    stack.start_broker()
    stack.start_manager(**({"MANAGER_WORKLOAD_KEY": key} if key else {}))
    stack.start_proplet(PROPLET_METRICS_INTERVAL="1", **({"PROPLET_WORKLOAD_KEY": key} if key else {}))
    task = stack.rest.create("nap", guest("nap"), inputs=["600000"], monitoring_profile={"interval": 1})["id"]
    stack.rest.start(task)
    wait_until(lambda: stack.rest.task(task)["state"] == RUNNING, 20, "Running")
    wait_until(lambda: all(part["total"] > 1 for part in pages(stack, "worker-1", task)), 20, "samples")
    before = pages(stack, "worker-1", task)
    assert stack.manager.stop() == 0
    stack.restart_manager()
    for was, there in zip(before, pages(stack, "worker-1", task)):
        name, most = ("history", 10) if "history" in was else ("metrics", 100)
        shared = [one for one in was[name] if one in there[name]]
        new = len(there[name]) - len(shared)  # they came behind, and pushed out as many where it was full
        assert there[name][:len(shared)] == shared and len(shared) >= min(len(was[name]), most - new) - 1, (was, there)
    wait_until(lambda: page(stack, f"/tasks/{task}/metrics")["total"] > before[2]["total"], 20, "more")
    stack.rest.stop(task)
    stack.rest.wait(task)


def test_a_thousand_workers_lose_no_heartbeat(stack):
    """Each beats ten times and tells ten samples, while tasks are committed and turns are written."""
    stack.start_broker()
    stack.start_manager()
    stack.start_proplet(PROPLET_LIVELINESS_INTERVAL="60")  # its word waits behind all of theirs
    names = [f"many-{number}" for number in range(1000)]
    runs, sent, stop = [], [], threading.Event()

    def run():
        while not stop.is_set():
            runs.append(stack.rest.run("add", example("add"), inputs=[1, len(runs)])["results"])
    with Bus(stack, "many", listen=False) as bus:
        tasks = threading.Thread(target=run)
        tasks.start()
        try:
            for number in range(10):
                for name in names:
                    said = {"proplet_id": name, "namespace": "default"}
                    for path, more in (("alive", {"status": "alive"}), ("metrics", {"cpu_metrics": {"percent": number}})):
                        sent.append(bus.client.publish(stack.topic(f"control/proplet/{path}"),
                                                       json.dumps({**said, **more}), qos=1))
            for one in sent:
                one.wait_for_publish(120 * PATIENCE)
        finally:
            stop.set()
            tasks.join()
    assert runs == [str(1 + number) for number in range(len(runs))] and runs

    def look():
        for name in names:
            assert page(stack, f"/proplets/{name}/alive-history")["total"] == 10, name
            shown = page(stack, f"/proplets/{name}/metrics")["metrics"]
            assert [one["cpu_metrics"]["percent"] for one in shown] == list(range(10)), name
    wait_until(lambda: page(stack, "/proplets/many-999/metrics")["total"] == 10, 30, "all of them")
    look()
    of_worker_1 = len([row for row in rows(stack, "samples") if row[2] == "worker-1"])
    assert of_worker_1 <= 100
    wait_until(lambda: len([row for row in rows(stack, "samples") if row[2] != "worker-1"]) == 10000, 60, "the rows")
    wait_until(lambda: len([row for row in rows(stack, "beats") if len(row[2]) == 80]) >= 1000, 60, "the beats")
    stack.manager.kill()
    stack.restart_manager()
    look()
