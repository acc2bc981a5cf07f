# SPDX-License-Identifier: Apache-2.0
"""What the manager said it has, it has: after kill -9, after an end, on a full disk."""
import os
import sqlite3
import subprocess
import threading

import pytest

from api import COMPLETED, INTERRUPTED, PENDING, RUNNING
from gate import Gate
from modules import big_module, example, guest
from stack import BIN
from wait import wait_until


def database(stack):
    files = [f for f in (stack.folder / "state-manager").rglob("*")
             if f.is_file() and f.read_bytes()[:15] == b"SQLite format 3"]
    assert len(files) == 1, files
    return files[0]


@pytest.mark.parametrize("way", ["kill", "stop"])
def test_everything_is_there_afterwards(stack, way):
    stack.start()
    rest = stack.rest
    done = rest.run("add", example("add"), inputs=[1, 2], metadata={"a": "b"})
    fresh = [rest.create(f"task-{n}", example("add"), inputs=[n, n]) for n in range(20)]
    deleted = rest.create("deleted")["id"]
    rest.expect(204, "DELETE", f"/tasks/{deleted}")
    getattr(stack.manager, way)()
    stack.restart_manager()
    assert rest.task(done["id"]) == done
    for task in fresh:
        assert rest.task(task["id"]) == {**rest.task(task["id"]), **task}
    assert rest.get(f"/tasks/{deleted}").status == 404
    stack.proplet_ready()
    rest.expect(200, "PUT", f"/tasks/{fresh[3]['id']}", {"name": "add"})
    rest.start(fresh[3]["id"])
    assert rest.wait(fresh[3]["id"])["results"] == "6"


def test_a_running_task_survives_the_manager(stack):
    gate = Gate(stack)
    stack.start(**gate.settings)
    task_id = gate.task()
    for _ in range(3):
        stack.manager.kill()
        stack.restart_manager()
        assert stack.rest.task(task_id)["attempt"] == 1
    gate.open()
    done = stack.rest.wait(task_id)
    assert (done["state"], done["results"], done["attempt"]) == (COMPLETED, "1", 1)


def test_a_running_task_survives_a_clean_end_of_the_manager(stack):
    """An upgrade of the manager stops no workload."""
    gate = Gate(stack)
    stack.start(**gate.settings)
    task_id = gate.task()
    assert stack.manager.stop() == 0
    stack.restart_manager()
    gate.open()
    done = stack.rest.wait(task_id)
    assert (done["state"], done["results"], done["attempt"]) == (COMPLETED, "1", 1)


def test_started_just_before_the_kill(stack):
    """A 200 for a start survives the kill that follows at once."""
    stack.start()
    for n in range(5):
        task = stack.rest.create("add", example("add"), inputs=[n, 1])
        stack.rest.start(task["id"])
        stack.manager.kill()
        stack.restart_manager()
        done = stack.rest.wait(task["id"])
        assert (done["state"], done["results"], done["attempt"]) == (COMPLETED, str(n + 1), 1), done
        stack.proplet_ready()


def test_stopped_just_before_the_kill(stack):
    stack.start()
    task = stack.rest.create("nap", guest("nap"), inputs=["600000"])
    stack.rest.start(task["id"])
    wait_until(lambda: stack.rest.task(task["id"])["state"] == RUNNING, 30, "Running")
    stack.rest.stop(task["id"])
    stack.manager.kill()
    stack.restart_manager()
    assert stack.rest.wait(task["id"])["state"] == INTERRUPTED


def test_an_end_answers_what_it_did(stack):
    """While clients create tasks without a pause, the manager is ended: each task has its answer, each answer a task."""
    stack.start_broker()
    stack.start_manager()
    created, unexpected = set(), []
    end = threading.Event()

    def client():
        while not end.is_set():
            try:
                answer = stack.rest.call("POST", "/tasks", {"name": "x"})
            except OSError:  # it is away
                end.wait(0.02)
                continue
            if answer.status == 201:
                created.add(answer.json["id"])
            elif answer.status != 503:
                unexpected.append(answer)

    clients = [threading.Thread(target=client) for _ in range(8)]
    for thread in clients:
        thread.start()
    try:
        for _ in range(5):
            wanted = len(created) + 50
            wait_until(lambda: len(created) >= wanted or unexpected, 30, "tasks that are created")
            assert stack.manager.stop() == 0
            stack.restart_manager()
    finally:
        end.set()
        for thread in clients:
            thread.join()
    assert not unexpected
    kept = set()
    for offset in range(0, stack.rest.get("/tasks?limit=1").json["total"], 100):
        kept |= {task["id"] for task in stack.rest.get(f"/tasks?offset={offset}&limit=100").json["tasks"]}
    assert kept == created


def test_a_queue_survives(stack):
    stack.start(PROPLET_SLOTS="1")
    rest = stack.rest
    first = rest.create("nap", guest("nap"), inputs=["600000"])
    rest.start(first["id"])
    wait_until(lambda: rest.task(first["id"])["state"] == RUNNING, 30, "Running")
    waiting = [rest.create("add", example("add"), inputs=[n, 0])["id"] for n in range(3)]
    for task_id in waiting:
        rest.start(task_id)
    stack.manager.kill()
    stack.restart_manager()
    for task_id in waiting:
        task = rest.task(task_id)
        assert (task["state"], task["queued"]) == (PENDING, True)
    rest.stop(first["id"])
    assert [rest.wait(i)["results"] for i in waiting] == ["0", "1", "2"]


def test_the_database_is_sound_after_kills(stack):
    stack.start()
    for n in range(3):
        stack.rest.run("add", example("add"), inputs=[n, n])
        stack.manager.kill()
        with sqlite3.connect(f"file:{database(stack)}?mode=ro", uri=True) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        stack.restart_manager()
        stack.proplet_ready()


def test_durability_settings(stack):
    """WAL on disk; the file says so itself."""
    stack.start_broker()
    stack.start_manager()
    stack.rest.create("x")
    file = database(stack)
    assert file.read_bytes()[18:20] == b"\2\2", "journal_mode=WAL"
    assert file.with_name(file.name + "-wal").exists()


def test_a_newer_schema_is_refused(stack):
    stack.start_broker()
    stack.start_manager()
    assert stack.manager.stop() == 0
    with sqlite3.connect(database(stack)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        assert version > 0
        db.execute(f"PRAGMA user_version = {version + 1}")
    stack.start_manager(ready=False)
    wait_until(lambda: not stack.manager.alive, 30, "its end")
    stack.manager.ended_by_test = True
    assert stack.manager.popen.returncode != 0
    said = stack.manager.text()
    assert "newer" in said and str(version + 1) in said


def test_a_broken_database_is_said(stack):
    stack.start_broker()
    stack.start_manager()
    assert stack.manager.stop() == 0
    database(stack).write_bytes(b"this is no database" * 1000)
    stack.start_manager(ready=False)
    wait_until(lambda: not stack.manager.alive, 30, "its end")
    stack.manager.ended_by_test = True
    assert stack.manager.popen.returncode in range(1, 126)
    assert "database" in stack.manager.text()


def test_broken_off_uploads_are_swept(stack):
    stack.start_broker()
    stack.start_manager()
    import socket
    task = stack.rest.create("x")
    with socket.create_connection(("127.0.0.1", stack.http_port)) as half:
        half.sendall(f"PUT /tasks/{task['id']}/upload HTTP/1.1\r\nHost: x\r\nContent-Type: "
                     f"application/wasm\r\nContent-Length: 10000000\r\n\r\n".encode()
                     + big_module(2)[0])
        state = stack.folder / "state-manager"

        def large():
            return [f for f in state.rglob("*") if f.is_file() and f.stat().st_size > 1 << 20]
        wait_until(large, 30, "a part of the upload on disk")
        stack.manager.kill()
    stack.restart_manager()
    assert large() == []


@pytest.fixture
def small_disk(stack):
    """The state of the manager on a file system of 12 MiB."""
    folder = stack.folder / "state-manager"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=0700", "tmpfs", folder],
                          capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("a file system of its own needs root: " + done.stderr.strip())
    yield stack
    stack.close()
    stack.processes.clear()
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk(small_disk):
    """507 and a clear word; what was accepted stays; with room again it goes on."""
    stack = small_disk
    stack.start()
    rest = stack.rest
    kept = rest.run("add", example("add"), inputs=[1, 2])
    fresh = rest.create("add", example("add"), inputs=[3, 4])
    big = rest.create("answer")
    answer = rest.call("PUT", f"/tasks/{big['id']}/upload", big_module(20)[0],
                       headers={"Content-Type": "application/wasm"})
    assert answer.status == 507, answer
    assert "disk" in answer.error or "space" in answer.error
    filler = stack.folder / "state-manager" / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    accepted, refused = [], None
    for n in range(200):
        answer = rest.call("POST", "/tasks", {"name": f"n-{n}", "metadata": {"x": "y" * 20000}})
        if answer.status == 201:
            accepted.append(answer.json["id"])
        else:
            refused = answer
            break
    assert refused is not None and refused.status == 507, refused
    assert refused.error
    stack.all_alive()
    assert rest.task(kept["id"])["results"] == "3"
    filler.unlink()
    rest.create("there is room again")
    rest.start(fresh["id"])
    assert rest.wait(fresh["id"])["results"] == "7"
    for task_id in accepted:
        assert rest.task(task_id)["id"] == task_id
    stack.manager.kill()
    stack.restart_manager()
    for task_id in accepted + [kept["id"], fresh["id"]]:
        assert rest.task(task_id)["id"] == task_id


def test_memory_store_is_for_tests(stack):
    """MANAGER_STORAGE_TYPE=memory keeps nothing, and says so."""
    stack.start_broker()
    stack.start_manager(MANAGER_STORAGE_TYPE="memory")
    stack.start_proplet()
    done = stack.rest.run("add", example("add"), inputs=[1, 2])
    assert done["results"] == "3"
    stack.manager.kill()
    stack.restart_manager()
    assert stack.rest.get(f"/tasks/{done['id']}").status == 404


def test_a_state_folder_that_cannot_be(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    done = subprocess.run([BIN / "propeller-manager"], capture_output=True, text=True, timeout=60, env={
        "MANAGER_DOMAIN_ID": "d", "MANAGER_CHANNEL_ID": "c", "MANAGER_CLIENT_ID": "m",
        "MANAGER_CLIENT_KEY": "k", "MANAGER_STATE_DIR": str(blocked),
        "PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL)
    assert done.returncode != 0 and str(blocked) in done.stderr + done.stdout
