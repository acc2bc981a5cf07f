# SPDX-License-Identifier: Apache-2.0
"""Directories of the worker that a task asks for, and those that it does not get."""
import pytest

from api import COMPLETED, FAILED, INTERRUPTED
from modules import example, guest
from wait import wait_until


@pytest.fixture(name="shelf")
def shelf_fixture(stack):
    """A worker that offers in, out and nothing else; beside them lies a secret."""
    for name in ("in", "out", "hidden"):
        (stack.folder / name).mkdir()
    (stack.folder / "in" / "data").write_text("x" * 100000)
    (stack.folder / "hidden" / "secret").write_text("secret")
    (stack.folder / "out" / "way").symlink_to("../hidden")
    stack.start(PROPLET_DIRS=f"{stack.folder}/in=ro:{stack.folder}/out")
    return stack


def dirs(stack):
    return [{"host": f"{stack.folder}/in", "guest": "/in"},
            {"host": f"{stack.folder}/out", "guest": "/out", "write": True}]


@pytest.mark.parametrize("engine", ["multipass", "singlepass", "interp"])
def test_a_program_reads_and_writes_files(shelf, engine):
    done = shelf.rest.run("files", guest("files"), engine=engine, dirs=dirs(shelf),
                          cli_args=["/in/data", "/out/copy", "/out"])
    assert done["state"] == COMPLETED, done
    assert done["stdout"] == "copy 100000\n"
    assert (shelf.folder / "out" / "copy").read_text() == "x" * 100000
    assert done["dirs"] == [{**one, "write": one.get("write", False)} for one in dirs(shelf)]


@pytest.mark.parametrize("path", ["/out/way/secret", "/out/../hidden/secret", "/etc/passwd"])
def test_a_program_does_not_get_out(shelf, path):
    done = shelf.rest.run("files", guest("files"), dirs=dirs(shelf),
                          cli_args=["/in/data", "/out/copy", "/out", path])
    assert (done["state"], done["stdout"]) == (COMPLETED, "copy 100000\n"), done


def test_what_is_read_only_is_not_written(shelf):
    done = shelf.rest.run("files", guest("files"), dirs=dirs(shelf),
                          cli_args=["/in/data", "/in/copy", "/out"])
    assert done["state"] == FAILED and "Read-only file system" in done["stderr"], done
    assert not (shelf.folder / "in" / "copy").exists()


@pytest.mark.parametrize("host,write,words", [
    ("hidden", False, "not on this worker's list"), ("in", True, "read-only on this worker"),
    ("out/way", False, "leads out of"), ("", False, "not on this worker's list")])
def test_what_is_not_offered_is_refused(shelf, host, write, words):
    done = shelf.rest.run("hello", example("hello-world"),
                          dirs=[{"host": f"{shelf.folder}/{host}".rstrip("/"), "write": write}])
    assert done["state"] == FAILED and words in done["error"], done
    assert not done.get("stdout")


def test_nothing_is_there_without_being_asked_for(shelf):
    done = shelf.rest.run("files", guest("files"), cli_args=["/in/data", "/out/copy", "/out"])
    assert done["state"] == FAILED and "/in/data" in done["stderr"], done


def test_a_path_that_is_none_is_refused_at_once(rest):
    for host in ("relative", "/a/../b", ""):
        answer = rest.call("POST", "/tasks", {"name": "x", "dirs": [{"host": host}]})
        assert answer.status == 400 and "dirs" in answer.json["error"], answer.json


def test_primes_run_until_they_are_stopped(rest):
    task = rest.create("primes", example("primes"), daemon=True)
    rest.start(task["id"])
    wait_until(lambda: rest.task(task["id"])["state"] == 2, 10, "the daemon")
    rest.stop(task["id"])
    done = rest.wait(task["id"])
    assert done["state"] == INTERRUPTED


@pytest.mark.parametrize("what,state", [(["exit", "0"], COMPLETED), (["exit", "4"], FAILED),
                                        (["trap"], FAILED)])
def test_a_daemon_that_ends_says_how(rest, what, state):
    done = rest.run("crash", example("crash"), daemon=True, cli_args=what)
    assert done["state"] == state, done
    assert "wall_seconds" not in done["limits"]
