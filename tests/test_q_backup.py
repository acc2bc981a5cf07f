# SPDX-License-Identifier: Apache-2.0
"""propeller-cli backup and restore: of a manager that works on, and what comes out of it."""
import json
import os
import sqlite3
import subprocess
import tarfile

import pytest

from api import COMPLETED, INTERRUPTED, PENDING, RUNNING
from modules import example, guest
from stack import BIN, clean_environment
from wait import PATIENCE, wait_until

ADD = example("add")


def cli(stack, *words, token=None, code=0, stdin=None):
    environment = {**clean_environment(), "PROPELLER_MANAGER_URL": f"http://127.0.0.1:{stack.http_port}"}
    if token or stack.token:
        environment["PROPELLER_TOKEN"] = token or stack.token
    done = subprocess.run([BIN / "propeller-cli", *[str(word) for word in words]], env=environment, text=True,
                          input=stdin, capture_output=True, timeout=120 * PATIENCE)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def back_up(stack, name="backup"):
    """The file, and what was said about it."""
    path = stack.folder / name
    said = json.loads(cli(stack, "backup", path, "-o", "json").stdout)
    assert said["bytes"] == path.stat().st_size and path.stat().st_mode & 0o777 == 0o600
    return path, said


def lose(stack):
    """The manager, and all that it had."""
    stack.manager.kill()
    (stack.folder / "state-manager").rename(stack.folder / "lost")


def restore(stack, backup, folder="state-manager"):
    return json.loads(cli(stack, "restore", backup, "--state-dir", stack.folder / folder, "-o", "json").stdout)


def replace(stack, backup):
    """The manager is lost, and another one takes its place."""
    lose(stack)
    said = restore(stack, backup)
    stack.restart_manager()
    stack.proplet_ready()
    return said


def test_what_was_there_is_there_again(stack):
    stack.start()
    rest = stack.rest
    done = rest.run("add", ADD, inputs=[1, 2], metadata={"a": "b"})
    fresh = rest.create("hello", example("hello-world"))
    backup, said = back_up(stack)
    assert (said["modules"], said["missing"]) == (2, 0)
    with tarfile.open(backup) as tar:
        names = tar.getnames()
    assert names[:2] == ["manifest.json", "manager.db"] and names[-1] == "end.json"
    assert names[2:-1] == sorted(f"modules/{task['digest']}" for task in (done, fresh))
    later = rest.create("later", ADD)["id"]
    assert replace(stack, backup)["tasks"] == 2
    assert rest.task(done["id"]) == done
    assert rest.get(f"/tasks/{later}").status == 404
    rest.start(fresh["id"])
    assert "Hello" in rest.wait(fresh["id"])["stdout"]
    assert rest.run("add", ADD, inputs=[3, 4])["results"] == "7"


def test_the_same_worker_goes_on(stack):
    """No attempt runs twice: numbers that the lost manager gave after the backup are not given again."""
    stack.start()
    rest = stack.rest
    again = rest.run("add", ADD, inputs=[1, 2])
    nap = rest.create("nap", guest("nap"), inputs=["60000"])["id"]
    brief = rest.create("nap", guest("nap"), inputs=["1500"])["id"]
    rest.start(nap)
    rest.start(brief)
    wait_until(lambda: rest.task(nap)["state"] == rest.task(brief)["state"] == RUNNING, 10, "Running")
    backup, _ = back_up(stack)
    for _ in range(3):  # attempts 2, 3 and 4
        rest.start(again["id"])
        assert rest.wait(again["id"])["state"] == COMPLETED
    for n in range(20):
        rest.run("add", ADD, inputs=[n, n])
    assert rest.wait(brief)["state"] == COMPLETED
    unknown = rest.create("nap", guest("nap"), inputs=["60000"])["id"]
    rest.start(unknown)
    wait_until(lambda: rest.task(unknown)["state"] == RUNNING, 10, "Running")
    before = rest.get("/proplets/worker-1").json["boot"]
    replace(stack, backup)
    assert rest.get("/proplets/worker-1").json["boot"] == before
    # What is not known is stopped; what still runs is known; what has ended is said to be lost.
    wait_until(lambda: f"Received stop command id={unknown}" in stack.proplet().text(), 10, "the stop")
    assert rest.wait(brief)["state"] == INTERRUPTED
    assert (rest.task(nap)["state"], rest.task(nap)["attempt"]) == (RUNNING, 1)
    rest.start(again["id"])
    task = rest.wait(again["id"])
    assert (task["state"], task["results"]) == (COMPLETED, "3")
    assert task["attempt"] > 10**15
    assert [rest.run("add", ADD, inputs=[n, 1])["attempt"] for n in range(5)] == [1] * 5
    rest.stop(nap)
    assert rest.wait(nap)["state"] == INTERRUPTED
    starts = [line.split("app_name=")[1] for line in stack.proplet().text().splitlines()
              if "Received start command" in line]
    assert len(starts) == len(set(starts)), "an attempt was started twice"


def test_what_waited_does_not_run_by_itself(stack):
    stack.start(PROPLET_SLOTS="1")
    rest = stack.rest
    first = rest.create("nap", guest("nap"), inputs=["60000"])["id"]
    rest.start(first)
    wait_until(lambda: rest.task(first)["state"] == RUNNING, 10, "Running")
    waits = rest.create("add", ADD, inputs=[1, 1])["id"]
    restarts = rest.create("add", ADD, inputs=[2, 2], restart="on-failure")["id"]
    for task in (waits, restarts):
        rest.start(task)
        assert (rest.task(task)["state"], rest.task(task)["queued"]) == (PENDING, True)
    backup, _ = back_up(stack)
    rest.stop(first)
    assert [rest.wait(task)["state"] for task in (waits, restarts)] == [COMPLETED] * 2
    replace(stack, backup)
    task = rest.wait(waits)
    assert task["state"] == INTERRUPTED and "restored from a backup" in task["error"]
    again = rest.wait(restarts, 20)
    assert (again["state"], again["results"]) == (COMPLETED, "4") and again["attempt"] > 10**15
    assert stack.proplet().text().count(f"Received start command app_name=add id={waits} ") == 1


def resized(header, size):
    """A header that says another size, and has the right sum."""
    header[124:135] = b"%011o" % size
    header[148:156] = b" " * 8
    header[148:155] = b"%06o\0" % sum(header)
    return header


@pytest.mark.parametrize("how", ["newer", "torn", "flipped", "text", "empty", "tar", "gone"])
def test_bad_backups_are_refused(stack, how):
    stack.start_broker()
    stack.start_manager()
    stack.rest.create("add", ADD)
    backup, _ = back_up(stack)
    bytes_ = bytearray(backup.read_bytes())
    expected = {"newer": "use the newer propeller-cli", "torn": "torn", "flipped": "damaged", "text": "no backup",
                "empty": "no backup", "tar": "no backup", "gone": "there is no file"}[how]
    if how == "newer":
        with tarfile.open(backup) as tar:
            manifest = tar.extractfile("manifest.json").read()
        newer = manifest.replace(b'"schema":', b'"schema":9')
        bytes_ = resized(bytes_[:512], len(newer)) + newer.ljust(512, b"\0") + bytes_[1024:]
    elif how == "torn":
        bytes_ = bytes_[:-1000]
    elif how == "flipped":
        bytes_[len(bytes_) // 2] ^= 1
    elif how == "text":
        bytes_ = b"hello\n" * 1000
    elif how == "empty":
        bytes_ = b""
    elif how == "tar":
        with tarfile.open(backup, "w") as tar:
            tar.add(BIN / "propeller-cli", "manifest.json")
        bytes_ = backup.read_bytes()
    backup.write_bytes(bytes_)
    if how == "gone":
        backup.unlink()
    names = sorted(os.listdir(stack.folder))
    for words in (("--check",), ("--state-dir", stack.folder / "new")):
        done = cli(stack, "restore", backup, *words, code={"newer": 2, "gone": 3}.get(how, 8))
        assert expected in done.stderr and done.stderr.startswith("error: "), done.stderr
        assert sorted(os.listdir(stack.folder)) == names
