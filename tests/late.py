# SPDX-License-Identifier: Apache-2.0
"""Makes parts of a run late, as a machine does that has other work: what passes only by luck then fails.

AIRSCREW_LATE=onlookers,tests,programs,pauses (or some of them) tools/test --system FILE ...

onlookers   what a Bus hears and a Listener reads comes late, while everything else goes on
tests       the test itself is slow after an answer and after the start of a program
programs    one call in LATE_ONE_IN of the programs (20) comes up to LATE_MS late (100): late/late.c
pauses      now and then one of the programs stands still for up to LATE_PAUSE seconds (1)

What fails here need not be wrong: the question is whether a slow machine could do the same. A program that
a test itself has stopped may be woken by `pauses`.
"""
import functools
import os
import queue
import random
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from api import Rest
from bus import Bus
from events import Listener
from stack import Process

ONLOOKER = 0.3  # seconds


def onlookers():
    hear, enter, leave, read_line = Bus.on_message, Bus.__enter__, Bus.__exit__, Listener.read_line

    def begin(bus):
        bus.late, bus.gone = queue.SimpleQueue(), False
        threading.Thread(target=deliver, args=[bus], daemon=True).start()
        return enter(bus)

    def deliver(bus):
        while not bus.gone:
            due, message = bus.late.get()
            time.sleep(max(0, due - time.monotonic()))
            if not bus.gone:
                hear(bus, *message)

    def end(bus, *error):
        bus.gone = True
        bus.late.put((0, ()))
        return leave(bus, *error)

    def read_line_late(listener):
        time.sleep(random.choice([0, 0, 0, 0, ONLOOKER / 3]))
        return read_line(listener)

    Bus.__enter__, Bus.__exit__, Listener.read_line = begin, end, read_line_late
    Bus.on_message = lambda bus, *message: bus.late.put((time.monotonic() + ONLOOKER, message))


def tests():
    def then_wait(call, *seconds):
        @functools.wraps(call)
        def slow(*arguments, **more):
            result = call(*arguments, **more)
            time.sleep(random.choice(seconds))
            return result
        return slow

    Rest.call = then_wait(Rest.call, 0, 0, 0.02, ONLOOKER)
    Process.start = then_wait(Process.start, 0, ONLOOKER)


def programs():
    folder = tempfile.TemporaryDirectory(prefix="airscrew-late-")  # goes with the tests
    library = Path(folder.name) / "late.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-D_GNU_SOURCE", "-o", library,
                    Path(__file__).parent / "late" / "late.c", "-ldl"], check=True)
    start = Process.start

    def start_late(process, _folder=folder):
        process.environment.setdefault("LD_PRELOAD", str(library))
        start(process)

    Process.start = start_late


def pauses():
    longest = float(os.environ.get("LATE_PAUSE", "1"))
    running, start = [], Process.start

    def start_and_pause(process):
        start(process)
        running.append(process.popen)

    def stand_still():
        while True:
            time.sleep(random.uniform(0.1, 2))
            running[:] = [program for program in running if program.returncode is None]
            if running:
                program = random.choice(running)
                send(program, signal.SIGSTOP)
                time.sleep(random.uniform(0, longest))
                send(program, signal.SIGCONT)

    def send(program, number):
        if program.returncode is None:
            program.send_signal(number)

    Process.start = start_and_pause
    threading.Thread(target=stand_still, daemon=True).start()


def begin(names):
    for name in names.split(","):
        {"onlookers": onlookers, "tests": tests, "programs": programs, "pauses": pauses}[name]()
