# SPDX-License-Identifier: Apache-2.0
"""Components: programs and functions with typed arguments, by hand and as Rust's tools make them."""
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from api import COMPLETED, FAILED, INTERRUPTED, RUNNING
from modules import component, example, python_component, wat
from wait import wait_until

ENGINES = ["multipass", "singlepass", "interp"]


def lines(text):
    return dict(line.split(": ", 1) for line in text.splitlines())


@pytest.mark.parametrize("engine", ENGINES)
def test_an_example_by_hand(rest, engine):
    done = rest.run("length", example("path"), engine=engine,
                    inputs=["[{x: 0, y: 0}, {x: 3, y: 4}, {x: 3, y: 5.5}]"])
    assert (done["state"], done["results"]) == (COMPLETED, "6.5"), done
    done = rest.run("any", example("path"), engine=engine, invoke="greet", inputs=["you \"two\""])
    assert (done["state"], done["results"]) == (COMPLETED, '"Hello, you \\"two\\""'), done
    done = rest.run("any", example("path"), engine=engine, invoke="greet", inputs=['"tab\\t"'])
    assert done["results"] == '"Hello, tab\\t"'


@pytest.mark.parametrize("engine", ENGINES)
def test_a_program(rest, engine):
    done = rest.run("probe", component("probe"), engine=engine, stdin="some text",
                    env={"GREETING": "h\u00e9llo"}, inputs=["one", "zw\u00f6lf"])
    assert done["state"] == COMPLETED and done["exit_code"] == 0, done
    told = lines(done["stdout"])
    assert told["stdin"] == "some text"
    assert told["args"] == '["probe", "one", "zw\u00f6lf"]'
    assert told["env"] == 'Some(("GREETING", "h\u00e9llo"))'
    assert told["slept"] == "true" and told["map"] == "2"
    assert abs(int(told["now"]) - time.time()) < 600
    # There are no directories and no sockets, and a library can live with that.
    assert told["file"] == "NotFound"
    assert told["tcp"] == told["udp"] == "PermissionDenied"
    assert done["stderr"] == "and this to stderr\n"
    assert done["results"] == done["stdout"]


def test_a_program_is_large_enough_for_a_child(rest):
    """Rust's std with its debug information; the child's code is what ran above."""
    assert len(component("probe")) > 256 * 1024


def test_input_and_output_of_some_size(rest):
    text = "0123456789abcdef" * 30000
    done = rest.run("probe", component("probe"), inputs=["copy"], stdin=text)
    assert done["state"] == COMPLETED and done["stdout"] == text


@pytest.mark.parametrize("words,state,code", [
    (["exit", "0"], COMPLETED, 0),
    (["exit", "3"], FAILED, 1),  # Rust asks for success or failure and nothing else
])
def test_exit_codes(rest, words, state, code):
    done = rest.run("probe", component("probe"), inputs=words)
    assert (done["state"], done["exit_code"]) == (state, code), done


def test_a_panic_has_a_backtrace(rest):
    done = rest.run("probe", component("probe"), inputs=["panic"])
    assert done["state"] == FAILED
    assert "oh no" in done["stderr"]
    assert "unreachable" in done["error"] and "called by" in done["error"], done["error"]


def test_out_of_memory(rest):
    done = rest.run("probe", component("probe"), inputs=["eat"], limits={"memory_bytes": 8 << 20})
    assert done["state"] == FAILED
    assert "its limit is 8388608" in done["error"], done["error"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("word", ["sleep", "spin"])
def test_a_stop(rest, engine, word):
    task = rest.create("probe", component("probe"), inputs=[word], engine=engine)
    rest.start(task["id"])
    wait_until(lambda: rest.task(task["id"])["state"] == RUNNING, 30, "the run's begin")
    rest.stop(task["id"])
    assert rest.wait(task["id"])["state"] == INTERRUPTED


def test_the_wall_limit_ends_a_sleep(rest):
    done = rest.run("probe", component("probe"), inputs=["sleep"], limits={"wall_seconds": 1})
    assert done["state"] == FAILED and "limit of 1" in done["error"], done


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


def held(stack):
    """What the worker has open below its directories."""
    links = [os.path.realpath(link) for link in Path(f"/proc/{stack.proplet().pid}/fd").iterdir()]
    return [link for link in links if link.startswith((f"{stack.folder}/in", f"{stack.folder}/out"))]


def test_files(shelf):
    """Everything that a library does with files, and what it must not; nothing is left open."""
    out = shelf.folder / "out"
    for engine in ENGINES:
        done = shelf.rest.run("shelf", component("shelf"), engine=engine, dirs=dirs(shelf))
        assert done["state"] == COMPLETED, done
        assert lines(done["stdout"]) == {
            "data": "100000 100000", "same": "true", "copy": "100000", "log": "first second third!",
            "both": "6789 012abc67", "time": "true",
            "list": '["a/", "log", "way"] ["b/", "moved", "two"]', "hundred": "100",
            "way": "PermissionDenied", "up": "PermissionDenied", "link": "../hidden",
            "etc": "NotFound", "gone": "NotFound", "again": "AlreadyExists", "new": "AlreadyExists",
            "full": "Some(55)", "file": "NotADirectory", "folder": "IsADirectory",
            "readonly": "ReadOnlyFilesystem", "make": "ReadOnlyFilesystem",
            "remove": "ReadOnlyFilesystem", "hard": "Unsupported", "held": "true", "after": "19",
            "left": '["a/", "log", "way"] ["b/", "two"]'}, done["stdout"]
        assert (out / "a" / "b" / "one").read_text() == "x" * 100000
        assert (out / "log").read_text() == "first second third!"
        shutil.rmtree(out / "a")
        (out / "log").unlink()
        wait_until(lambda: held(shelf) == [], 10, "closed files")
    assert (shelf.folder / "in" / "data").read_text() == "x" * 100000
    assert (shelf.folder / "hidden" / "secret").read_text() == "secret"


def test_no_directory_without_asking(shelf):
    done = shelf.rest.run("shelf", component("shelf"))
    assert done["state"] == FAILED and "NotFound" in done["stderr"], done
    done = shelf.rest.run("shelf", component("shelf"), dirs=[{"host": f"{shelf.folder}/hidden"}])
    assert done["state"] == FAILED and "not on this worker's list" in done["error"], done


SQUARE = "[{x: 0, y: 0}, {x: 2, y: 0}, {x: 2, y: 2, label: \"far\"}, {x: 0, y: 2}]"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("invoke,inputs,results", [
    ("geometry#area", [f"polygon({SQUARE})", "feet"], "ok(40)"),
    ("demo:shapes/geometry#area", ["circle(({x: 0, y: 0}, -1))", "meters"], 'err("a radius of -1?")'),
    ("demo:shapes/geometry@1.0.0#labels", [f"[polygon({SQUARE}), empty]"], '["?", "?", "far", "?"]'),
    ("flip", ["{filled}"], "{dashed, bold}"),
    ("greet", ["plain text"], '"Hello, plain text!"'),
])
def test_functions(rest, engine, invoke, inputs, results):
    done = rest.run("shapes", component("shapes"), engine=engine, invoke=invoke, inputs=inputs)
    assert (done["state"], done.get("results")) == (COMPLETED, results), done


def test_a_whole_python(rest):
    """18 MB on its way, compiled in a child, with records, options and results."""
    task = rest.create("describe", engine="singlepass", env={"GREETING": "good day"},
                       inputs=["[{x: 3, y: 4}, {x: 1, y: 1}]", '"me"'])
    rest.expect(200, "PUT", f"/tasks/{task['id']}/upload", python_component("describe"),
                headers={"Content-Type": "application/wasm"})
    rest.start(task["id"])
    done = rest.wait(task["id"], 120)
    assert done["state"] == COMPLETED and done["stdout"].startswith("in Python 3."), done
    assert done["results"].startswith('ok("') and done["results"].endswith('")')
    told = json.loads(json.loads(done["results"][3:-1]))
    assert abs(told.pop("time") - time.time()) < 600
    assert told == {"name": "me", "far": 5.0, "chance": True, "env": "good day"}
    done = rest.run("describe", python_component("describe"), engine="singlepass", inputs=["[]", "none"])
    assert (done["state"], done["results"]) == (COMPLETED, 'err("no points")')


def test_a_name_is_the_first_choice(rest):
    """Propeller's rule: a task's name is the function."""
    done = rest.run("greet", component("shapes"), inputs=["you"])
    assert (done["state"], done["results"]) == (COMPLETED, '"Hello, you!"')
    assert done["stdout"] == "greeting you\n"
    done = rest.run("_start", component("probe"), inputs=["exit", "0"])
    assert (done["state"], done["exit_code"]) == (COMPLETED, 0)


@pytest.mark.parametrize("fields,words", [
    ({"invoke": "nope"}, ["no exported function \"nope\"", "greet", "demo:shapes/geometry@1.0.0#area"]),
    ({"invoke": "greet"}, ['"greet" takes 1 inputs (name: string), 0 were given']),
    ({"invoke": "area", "inputs": ["empty", "miles"]},
     ["argument 2", "expected enum { meters, feet }, found `miles` at column 1"]),
    ({"invoke": "area", "inputs": ["polygon([{x: 1}])", "feet"]},
     ["argument 1", "field `y` is missing before column 16"]),
    ({"invoke": "fail", "inputs": ["on purpose"]}, ["unreachable code was reached", "called by"]),
    ({"invoke": "greet", "inputs": ["x"], "limits": {"fuel": 10}}, ["out of fuel: all 10 units"]),
])
def test_what_does_not_fit(rest, fields, words):
    done = rest.run("shapes", component("shapes"), **fields)
    assert done["state"] == FAILED
    for word in words:
        assert word in done["error"], done["error"]


def test_unknown_imports_are_named(rest):
    text = """(component
      (import "wasi:keyvalue/store@0.2.0-draft" (instance (export "open" (func))))
      (import "wasi:cli/environment@0.2.0" (instance (export "get-all" (func)))))"""
    done = rest.run("go", wat(text))
    assert done["state"] == FAILED
    assert "wasi:keyvalue/store@0.2.0-draft" in done["error"], done["error"]
    assert "wasi:cli/environment@0.2.0#get-all" in done["error"], done["error"]


def test_a_broken_component(rest):
    broken = bytearray(example("path"))
    broken[8] = 0x54
    for engine in ENGINES:
        done = rest.run("go", bytes(broken), engine=engine)
        assert done["state"] == FAILED and "the component cannot be compiled" in done["error"], done


def test_an_external_runtime_gets_it_as_it_is(stack):
    """What the runtime makes of it is its own matter."""
    script = stack.folder / "runtime"
    script.write_text("#!/bin/sh\nfor word; do case $word in *.wasm) cat $word;; esac; done | sha256sum\n")
    script.chmod(0o700)
    stack.start(PROPLET_EXTERNAL_WASM_RUNTIME=script)
    done = stack.rest.run("go", example("path"), engine="external")
    digest = subprocess.run(["sha256sum"], input=example("path"), capture_output=True, check=True)
    assert done["stdout"] == digest.stdout.decode(), done
