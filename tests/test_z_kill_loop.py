# SPDX-License-Identifier: Apache-2.0
"""kill -9 of manager, workers and broker under load, twenty rounds, looked at from outside.

Some tasks fail the first time and are restarted; now and then a worker dies while there is no
broker, so that what it has done meanwhile is on its disk alone.

Clients create and start tasks without a pause; an observer asks for all of them over and over.
Most tasks run in an external runtime that appends one line per run to a file, so that what really
happened is counted by somebody who is not part of the system. Afterwards:

* every task that was answered with 201 is there;
* no attempt ran twice, and what is Completed did run;
* nobody ever saw (attempt, state) go back, or a result change;
* each attempt has at most one final move in its history;
* every task whose start was accepted is final in bounded time.
"""
import os
import random
import stat
import threading
import time
from collections import Counter

import pytest

from api import COMPLETED, FAILED, FINAL, INTERRUPTED, PENDING
from modules import example, guest
from wait import wait_until

ROUNDS = int(os.environ.get("AIRSCREW_KILL_ROUNDS", "20"))
CLIENTS = 4
ADD = example("add")
NAP = guest("nap")
WORKERS = ("worker-1", "worker-2")
RESTARTS = 3

# Says its MARK once per run; `--env MARK=...` is how the worker hands it over.
RUNTIME = """#!/bin/bash
for word in "$@"; do
	case $word in MARK=*) mark=${word#MARK=} ;; esac
done
mark=${mark:-$MARK}
echo "$mark" >>'RUNS'
case $mark in again-*) [ "$(grep -cx -- "$mark" 'RUNS')" -gt 1 ] || exit 3 ;; esac
read -t 0.0$((RANDOM % 9))1 <> <(:)
echo "ran $mark"
"""


class Load:
    """Clients that create and start, and what they were told."""

    def __init__(self, stack):
        self.stack = stack
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.created = {}   # id -> mark
        self.kinds = {}     # mark -> kind
        self.started = set()  # 200
        self.unsure = set()   # no answer to the start
        self.counter = 0
        self.answers = Counter()
        self.threads = [threading.Thread(target=self.client, args=[n]) for n in range(CLIENTS)]

    def client(self, number):
        dice = random.Random(1000 + number)
        while not self.ending.is_set():
            try:
                self.one(dice)
            except OSError:
                self.answers["no connection"] += 1
                self.ending.wait(0.02)

    def one(self, dice):
        rest = self.stack.rest
        with self.lock:
            self.counter += 1
            number = self.counter
        kind = dice.choice(["external", "external", "external", "again", "add", "nap"])
        mark = f"{kind}-{number}"
        body = {"external": dict(module=ADD, engine="external", invoke="add", inputs=[1, 2],
                                 env={"MARK": mark}),
                "again": dict(module=ADD, engine="external", env={"MARK": mark}, restart="on-failure",
                              restart_limit=RESTARTS),
                "add": dict(module=ADD, engine="multipass", invoke="add", inputs=[number, 1]),
                "nap": dict(module=NAP, engine="multipass", invoke="nap",
                            inputs=[dice.randrange(400)])}[kind]
        task = rest.create(mark, metadata={"mark": mark}, **body)
        with self.lock:
            self.created[task["id"]] = mark
            self.kinds[mark] = (kind, body)
        self.start(rest, task["id"])

    def start(self, rest, task_id):
        try:
            status = rest.call("POST", f"/tasks/{task_id}/start").status
        except OSError:
            with self.lock:
                self.unsure.add(task_id)
            raise
        with self.lock:
            self.answers[status] += 1
            if status == 200:
                self.started.add(task_id)
        assert status in (200, 429, 503, 507), status
        if status != 200:
            self.ending.wait(0.02)

    def known(self):
        with self.lock:
            return list(self.created)

    def accepted(self):
        with self.lock:
            return len(self.started)


class Observer:
    """Looks at the tasks over and over, and remembers the first thing that is wrong."""

    def __init__(self, load):
        self.load = load
        self.last = {}
        self.wrong = None
        self.looks = 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        dice = random.Random(7)
        while not self.ending.is_set() and self.wrong is None:
            known = self.load.known()
            if not known:
                self.ending.wait(0.01)
                continue
            recent = known[-200:]
            try:
                self.look(dice.choice(recent if dice.random() < 0.9 else known))
            except OSError:
                self.ending.wait(0.02)

    def look(self, task_id):
        answer = self.load.stack.rest.get(f"/tasks/{task_id}")
        if answer.status != 200:
            self.wrong = f"{task_id}: a 201 was lost: {answer}"
            return
        task = answer.json
        now = (task.get("attempt", 0), task["state"])
        before, outcome = self.last.get(task_id, ((0, PENDING), None))
        seen = task.get("results") if task["state"] in FINAL else None
        if now < before:
            self.wrong = f"{task_id}: {before} became {now}"
        if now == before and before[1] in FINAL and seen != outcome:
            self.wrong = f"{task_id}: the result {outcome!r} became {seen!r}"
        self.last[task_id] = (now, seen)
        self.looks += 1


def write_runtime(stack):
    path = stack.folder / "runtime"
    path.write_text(RUNTIME.replace("RUNS", str(stack.folder / "runs")))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (stack.folder / "runs").touch()
    return path


def kill_and_start(stack, victim, settings):
    if victim == "broker":
        stack.broker.kill()
        stack.start_broker()
    elif victim == "manager":
        stack.manager.kill()
        stack.restart_manager()
    elif victim == "both":
        stack.broker.kill()
        more_runs(stack, 3)
        stack.proplet("worker-1").kill()
        stack.start_broker()
        stack.start_proplet("worker-1", ready=False, **settings)
    else:
        stack.proplet(victim).kill()
        stack.start_proplet(victim, ready=False, **settings)


def more_runs(stack, count):
    """Waits until so many more runs have begun, as far as there are any."""
    runs = stack.folder / "runs"
    goal, deadline = runs.read_text().count("\n") + count, time.monotonic() + 1
    while runs.read_text().count("\n") < goal and time.monotonic() < deadline:
        time.sleep(0.005)


def more_accepted(load, count):
    """Waits until so many more starts were accepted, but not for ever: there may be nobody to
    accept any just now."""
    goal = load.accepted() + count
    deadline = time.monotonic() + 3
    while load.accepted() < goal and time.monotonic() < deadline:
        time.sleep(0.005)


def check_one(task, runs, load):
    """Everything about one task that can be wrong."""
    mark = load.created[task["id"]]
    kind, body = load.kinds[mark]
    attempt = task.get("attempt", 0)
    moves = [(move["attempt"], move["state"]) for move in task["history"]]
    assert moves == sorted(moves), task
    finals = Counter(number for number, state in moves if state in FINAL)
    assert all(count == 1 for count in finals.values()), task
    assert set(finals) <= set(range(1, attempt + 1)), task
    if kind in ("external", "again"):
        assert runs[mark] <= attempt, f"{runs[mark]} runs in {attempt} attempts: {task}"
        if task["state"] == COMPLETED:
            assert runs[mark] >= 1, f"Completed, and nobody ran it: {task}"
            assert task["results"] == f"ran {mark}\n", task
    elif task["state"] == COMPLETED:
        expected = str(body["inputs"][0] + 1) if kind == "add" else "1"
        assert task["results"] == expected, task
    if kind == "again":
        assert task["state"] != FAILED or task["restarts"] == RESTARTS, task
        assert task["state"] != COMPLETED or runs[mark] >= 2, task
    else:
        assert task["state"] != FAILED, task
    if kind == "again" and task["id"] in load.started:
        assert task["state"] == COMPLETED or task["restarts"] == RESTARTS, task
    if task["id"] in load.started:
        assert task["state"] in ((COMPLETED, INTERRUPTED, FAILED) if kind == "again" else
                                 (COMPLETED, INTERRUPTED)), task


@pytest.mark.timeout(600)
def test_kill_loop(stack):
    dice = random.Random(int(os.environ.get("AIRSCREW_KILL_SEED", "42")))
    settings = {"PROPLET_EXTERNAL_WASM_RUNTIME": write_runtime(stack),
                "PROPLET_LIVELINESS_INTERVAL": "1"}
    stack.start(workers=2, **settings)
    load = Load(stack)
    observer = Observer(load)
    for thread in load.threads + [observer.thread]:
        thread.start()
    try:
        kills = Counter()
        for number in range(ROUNDS):
            more_accepted(load, dice.randrange(10, 300))
            victims = dice.sample(["manager", "broker", "both", *WORKERS], dice.choice([1, 1, 1, 2]))
            if number < 4:  # each kind at least once
                victims = [("manager", "worker-1", "broker", "both")[number]]
            for victim in victims:
                kills[victim] += 1
                kill_and_start(stack, victim, settings)
            assert observer.wrong is None, observer.wrong
        for worker in WORKERS:
            stack.proplet_ready(worker, 30)
        more_accepted(load, 20)
    finally:
        load.ending.set()
        for thread in load.threads:
            thread.join()
    try:
        begin = time.monotonic()
        for task_id in list(load.started):
            stack.rest.wait(task_id, 60)
        settled = time.monotonic() - begin
        wait_until(lambda: all(view["task_count"] == 0 for view in stack.rest.get(
            "/proplets?limit=100").json["proplets"]), 30, "nothing to be left running")
    finally:
        observer.ending.set()
        observer.thread.join()
    assert observer.wrong is None, observer.wrong
    runs = Counter((stack.folder / "runs").read_text().split())
    outcomes, causes = Counter(), Counter()
    for task_id in load.known():
        task = stack.rest.task(task_id)
        check_one(task, runs, load)
        outcomes[task["state"]] += 1
        causes[task["history"][-1]["cause"]] += 1
    print(f"{ROUNDS} rounds {dict(kills)}: {len(load.created)} tasks, {len(load.started)} started, "
          f"{sum(runs.values())} external runs, ends {dict(outcomes)}, answers {dict(load.answers)}, "
          f"{observer.looks} looks, settled in {settled:.1f} s, causes {dict(causes)}")
    assert len(load.started) >= 5 * ROUNDS, "too little load to mean anything"
    assert outcomes[COMPLETED] >= 2 * ROUNDS, outcomes
    assert outcomes[INTERRUPTED] > 0, "no kill hit anything that ran"
