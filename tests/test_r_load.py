# SPDX-License-Identifier: Apache-2.0
"""Many at once: nothing is lost, nothing is done twice, memory stays where it is."""
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from api import COMPLETED, RUNNING
from modules import example, guest
from wait import wait_until

SELDOM = {"PROPLET_LIVELINESS_INTERVAL": "10"}  # nobody is gone because all are busy


def test_a_thousand_tasks(stack):
    stack.start(workers=2, **SELDOM)
    rest = stack.rest

    def one(n):
        task = rest.create("add", example("add"), inputs=[n, 1])
        while (answer := rest.call("POST", f"/tasks/{task['id']}/start")).status == 429:
            assert int(answer.headers["retry-after"]) >= 1
        assert answer.status == 200, answer
        done = rest.wait(task["id"], 120)
        return done["state"] == COMPLETED and done["results"] == str(n + 1) \
            and done["attempt"] == 1
    with ThreadPoolExecutor(16) as pool:
        assert Counter(pool.map(one, range(1000))) == {True: 1000}
    counts = {view["id"]: view["task_count"] for view in rest.get("/proplets").json["proplets"]}
    assert counts == {"worker-1": 0, "worker-2": 0}


def test_hundreds_of_instances_at_once(stack):
    """300 sleepers on one worker, a thread each; small memory; all of them can be stopped."""
    stack.start(**SELDOM)
    rest = stack.rest
    ids = [rest.create("nap", guest("nap"), inputs=["600000"])["id"] for _ in range(300)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(rest.start, ids))
    wait_until(lambda: all(rest.task(i)["state"] == RUNNING for i in ids), 120, "all Running")
    assert stack.proplet().rss_bytes() < 600 << 20
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(rest.stop, ids))
        assert len(list(pool.map(rest.wait, ids))) == 300


def test_memory_does_not_grow_with_history(stack):
    stack.start(**SELDOM)
    rest = stack.rest

    def batch(count):
        def one(n):
            task = rest.create("add", example("add"), inputs=[n, 1])
            rest.start(task["id"])
            return rest.wait(task["id"], 120)["state"]
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(one, range(count))) == {COMPLETED}
    batch(200)
    before = stack.manager.rss_bytes(), stack.proplet().rss_bytes()
    batch(600)
    after = stack.manager.rss_bytes(), stack.proplet().rss_bytes()
    assert after[0] - before[0] < 8 << 20, (before, after)
    assert after[1] - before[1] < 16 << 20, (before, after)


def test_parallel_uploads_in_bounded_memory(stack):
    from modules import big_module
    stack.start_broker()
    stack.start_manager()
    rest = stack.rest
    modules = [big_module(16, seed=200 + n)[0] for n in range(4)]
    rest.create("warm", example("add"))
    before = stack.manager.rss_bytes()

    def one(module):
        task = rest.create("x")
        rest.expect(200, "PUT", f"/tasks/{task['id']}/upload", module,
                    headers={"Content-Type": "application/wasm"})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, modules))
    assert stack.manager.rss_bytes() - before < 24 << 20


def test_waiters_cost_no_threads(stack):
    """A hundred clients wait at once for what ends together."""
    stack.start()
    rest = stack.rest
    task = rest.create("nap", guest("nap"), inputs=["2000"])
    rest.start(task["id"])
    with ThreadPoolExecutor(100) as pool:
        waiting = [pool.submit(rest.wait, task["id"]) for _ in range(100)]
        assert rest.get("/health").status == 200
        assert len(os.listdir(f"/proc/{stack.manager.pid}/task")) < 40
        assert {future.result()["state"] for future in waiting} == {COMPLETED}


def test_clients_that_go_away_while_they_wait(stack):
    import socket
    stack.start()
    rest = stack.rest
    task = rest.create("nap", guest("nap"), inputs=["1500"])
    rest.start(task["id"])
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", stack.http_port)) as client:
            client.sendall(f"GET /tasks/{task['id']}?wait=30 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert rest.wait(task["id"])["state"] == COMPLETED
    stack.all_alive()
