# SPDX-License-Identifier: Apache-2.0
"""`--watch`: what changes is seen at once, in a pipe and on a terminal."""
import codecs
import json
import os
import pty
import re
import signal
import subprocess
import threading
import time

import pytest

from modules import guest
from stack import BIN, clean_environment
from test_s_cli import Cli
from wait import patience, stays, wait_until


class Watched:
    """A propeller-cli that goes on; its output is read by a thread."""

    def __init__(self, url, *words, terminal=False):
        self.text = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        master, slave = pty.openpty() if terminal else os.pipe()
        self.process = subprocess.Popen([BIN / "propeller-cli", "-m", url, *map(str, words)], stdin=subprocess.DEVNULL,
                                        stdout=slave, stderr=subprocess.PIPE, env={**clean_environment(), "TERM": "xterm"})
        os.close(slave)
        self.thread = threading.Thread(target=self.read, args=(master,), daemon=True)
        self.thread.start()

    def read(self, source):
        try:
            while piece := os.read(source, 65536):
                self.text += self.decoder.decode(piece)
        except OSError:
            pass  # the end of a terminal
        os.close(source)

    def wait(self, words, seconds=60):
        wait_until(lambda: words in self.text, seconds, f"{words!r} in what is watched")

    def end(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == -signal.SIGINT
        return self.finish()

    def finish(self):
        self.thread.join(60)
        self.process.stderr.close()
        return self.text


@pytest.fixture
def watch(url):
    begun = []

    def begin(*words, to=None, **more):
        begun.append(Watched(to or url, *words, **more))
        return begun[-1]
    yield begin
    for watched in begun:
        if watched.process.poll() is None:
            watched.process.kill()
        watched.process.wait()


@pytest.fixture
def url(up):
    return f"http://127.0.0.1:{up.http_port}"


def test_a_list_in_a_pipe(up, watch):
    watched = watch("tasks", "list", "--watch", "-o", "jsonl", "--filter", "name=watched-list")
    task = up.rest.create("watched-list", guest("loop"), invoke="spin")
    watched.wait(task["id"])
    up.rest.start(task["id"])
    watched.wait('"state":2')
    up.rest.stop(task["id"])
    watched.wait('"state":6')
    rows = [json.loads(line) for line in watched.end().splitlines()]
    states = [row["state"] for row in rows]
    assert states == sorted(states) and (states[0], states[-1]) == (0, 6) and len(rows) <= 6, states


def test_news_come_at_once(up, watch):
    watched = watch("tasks", "list", "-w", "-o", "id")
    up.rest.create("before-news")
    watched.wait("-")
    times = []
    while len(times) < 2 or times[-1] > 0.5 and len(times) < 60:
        assert stays(lambda: watched.process.poll() is None, 0.3)  # it paints five times a second at most
        task = up.rest.create(f"news-{len(times)}")
        began = time.monotonic()
        watched.wait(task["id"])
        times.append(time.monotonic() - began)
    assert times[-1] <= 0.5, times  # who asks once a second, and did 0.3 s ago, is never so soon
    watched.end()


def test_one_task_until_it_ends(up, watch):
    task = up.rest.create("watched-one", guest("loop"), invoke="spin")
    watched = watch("tasks", "view", task["id"], "--watch", "-o", "jsonl")
    watched.wait('"state":0')
    up.rest.start(task["id"])
    watched.wait('"state":2')
    up.rest.stop(task["id"])
    assert watched.process.wait(60) == 0
    assert json.loads(watched.finish().splitlines()[-1])["state"] == 6


def test_a_terminal_is_painted_anew(up, watch):
    task = up.rest.create("painted", guest("loop"), invoke="spin")
    watched = watch("tasks", "list", "--watch", "--filter", "name=painted", terminal=True)
    watched.wait("Pending")
    up.rest.start(task["id"])
    watched.wait("Running")
    up.rest.stop(task["id"])
    watched.wait("Interrupted")
    text = watched.end()
    assert text.count("\x1b[2J") == 1 and text.count("\x1b[H") >= 3
    shown = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    assert shown.count(task["id"]) == shown.count("NAME") >= 3


def test_workers_and_what_has_no_events(up, watch):
    watched = watch("proplets", "list", "-w", "-o", "id")
    watched.wait("worker-1")
    watched.end()
    watched = watch("proplets", "alive-history", "worker-1", "-w")
    watched.wait("HEARD")
    watched.end()


def test_a_manager_that_goes_and_comes_back(stack, watch):
    stack.start_broker()
    stack.start_manager()
    url = f"http://127.0.0.1:{stack.http_port}"
    stack.rest.create("before")
    watched = watch("tasks", "list", "--watch", "-o", "jsonl", to=url)
    watched.wait('"before"')
    stack.manager.stop()
    stack.start_manager()
    stack.rest.create("after")
    watched.wait('"after"')
    assert watched.end().count('"before"') == 1


def test_a_reader_that_has_enough(up, url):
    """`… -w | head -n 1` ends, however quiet the manager is."""
    up.rest.create("seen-once")
    with subprocess.Popen([BIN / "propeller-cli", "-m", url, "tasks", "list", "-w", "-o", "id", "--filter", "name=seen-once"],
                          stdout=subprocess.PIPE, env=clean_environment()) as process:
        assert len(process.stdout.readline()) == 37
        process.stdout.close()
        assert process.wait(patience()) == 0


def test_what_cannot_be_watched(up, watch):
    cli = Cli(up.http_port)
    assert "there is no" in cli("tasks", "view", "0b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f", "--watch", code=3).stderr
    cli("tasks", "start", "x", "--watch", code=2)
    task = up.rest.create("goes")
    watched = watch("tasks", "view", task["id"], "-w", "-o", "jsonl")
    watched.wait(task["id"])
    up.rest.expect(204, "DELETE", f"/tasks/{task['id']}")
    assert watched.process.wait(60) == 3
    watched.finish()
