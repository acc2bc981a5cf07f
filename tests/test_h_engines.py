# SPDX-License-Identifier: Apache-2.0
"""What each engine can do, what it refuses, and external runtimes."""
import re
import shutil
import stat
import sys
from pathlib import Path

import pytest

from api import COMPLETED, FAILED, INTERRUPTED, RUNNING
from modules import example, guest
from wait import wait_until


@pytest.mark.parametrize("engine", ["multipass", "interp"])
@pytest.mark.parametrize("name,results", [("exceptions", "42"), ("tail_calls", "99"), ("gc", "6")])
def test_new_features_run(rest, engine, name, results):
    done = rest.run("go", guest(name), engine=engine)
    assert (done["state"], done.get("results")) == (COMPLETED, results), done


@pytest.mark.parametrize("name,feature", [("exceptions", "exception"), ("tail_calls", "tail"),
                                          ("gc", "garbage|gc|GC")])
def test_singlepass_says_what_it_lacks(rest, name, feature):
    done = rest.run("go", guest(name), engine="singlepass")
    assert done["state"] == FAILED
    assert re.search(feature, done["error"]), done["error"]
    assert "multipass" in done["error"]


def test_unknown_import_is_named(rest):
    done = rest.run("go", guest("foreign_import"))
    assert done["state"] == FAILED
    assert "mars" in done["error"] and "rover_drive" in done["error"], done["error"]


# A real runtime behind the arguments that Propeller's workers use for theirs:
# run [--invoke NAME] [ARGUMENT ...] [--env K[=V] ...] MODULE [INPUT ...]
RUNTIME = '''#!{python}
import os
import sys
import wasmtime

rest = sys.argv[2:]
invoke, env = None, []
while not rest[0].endswith(".wasm"):
    word = rest.pop(0)
    if word == "--invoke":
        invoke = rest.pop(0)
    elif word == "--env":
        name, _, value = rest.pop(0).partition("=")
        env.append((name, value or os.environ.get(name, "")))
module, inputs = rest[0], rest[1:]
engine = wasmtime.Engine()
store = wasmtime.Store(engine)
linker = wasmtime.Linker(engine)
linker.define_wasi()
wasi = wasmtime.WasiConfig()
wasi.argv = [module] + inputs
wasi.env = env
wasi.inherit_stdin()
wasi.inherit_stdout()
wasi.inherit_stderr()
store.set_wasi(wasi)
instance = linker.instantiate(store, wasmtime.Module.from_file(engine, module))
exports = instance.exports(store)
name = invoke or "_start"
try:
    values = exports[name](store, *(int(i) for i in inputs)) if name != "_start" else exports[name](store)
except wasmtime.ExitTrap as end:
    sys.exit(end.code)
if values is not None:
    print(values)
'''


def write_runtime(folder, text):
    path = folder / "runtime"
    path.write_text(text.replace("{python}", sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def external(stack, text=RUNTIME, **settings):
    stack.start(PROPLET_EXTERNAL_WASM_RUNTIME=write_runtime(stack.folder, text), **settings)
    return stack.rest


def test_external_runtime(stack):
    rest = external(stack)
    done = rest.run("hello", example("hello-world"), engine="external", env={"GREETING": "Good day"})
    assert (done["state"], done.get("results")) == (COMPLETED, "Good day, world!\n"), done
    done = rest.run("add", example("add"), engine="external", invoke="add", inputs=[20, 22])
    assert (done["state"], done["results"].strip()) == (COMPLETED, "42"), done
    done = rest.run("cat", example("cat"), engine="external", stdin="through and through")
    assert done["stdout"] == "through and through"
    assert done["stderr"] == "19 bytes\n"


NODE = """#!/bin/sh
exec node --no-warnings {script} "$@"
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed here")
def test_node_as_a_runtime_that_is_the_default(stack):
    """Its WASI behind the same arguments; a task that names no engine runs there."""
    script = Path(__file__).parent / "runtimes" / "node.mjs"
    rest = external(stack, NODE.replace("{script}", str(script)))
    done = rest.run("hello", example("hello-world"), env={"GREETING": "Good day"})
    assert (done["state"], done.get("results")) == (COMPLETED, "Good day, world!\n"), done
    done = rest.run("add", example("add"), invoke="add", inputs=[20, 22])
    assert (done["state"], done["results"]) == (COMPLETED, "42\n"), done
    done = rest.run("cat", example("cat"), stdin="through and through")
    assert (done["stdout"], done["stderr"]) == ("through and through", "19 bytes\n")
    done = rest.run("crash", example("crash"), cli_args=[], inputs=["exit", "3"])
    assert (done["state"], done["exit_code"]) == (FAILED, 3)
    done = rest.run("add", example("add"), engine="multipass", invoke="add", inputs=[1, 2])
    assert done["results"] == "3"


def test_it_dies_with_a_worker_that_is_killed(stack):
    """Also what has a session of its own."""
    started = stack.folder / "started"
    rest = external(stack, f"#!/bin/sh\ntrap '' TERM\nsetsid sleep 1000 & echo $! >{started}.child\n"
                           f"echo $$ >{started}; sleep 1000\n")
    task = rest.create("add", example("add"), engine="external")
    rest.start(task["id"])
    wait_until(lambda: started.exists() and started.read_text().strip(), 10, "the runtime")
    pids = [int(started.read_text()), int((stack.folder / "started.child").read_text())]
    stack.proplet().kill()
    wait_until(lambda: not any(is_alive(pid) for pid in pids), 5, "the end of both processes")


def test_external_exit_code(stack):
    rest = external(stack, "#!/bin/sh\necho out; echo err >&2; exit 7\n")
    done = rest.run("add", example("add"), engine="external")
    assert (done["state"], done["exit_code"]) == (FAILED, 7)
    assert (done["stdout"], done["stderr"]) == ("out\n", "err\n")


def test_external_output_is_drained_and_cut(stack):
    rest = external(stack, "#!/bin/sh\nhead -c 50000000 /dev/zero | tr '\\0' x\necho end >&2\n")
    done = rest.run("add", example("add"), engine="external")
    assert done["state"] == COMPLETED and done["truncated"] is True
    assert len(done["stdout"]) == 1 << 20 and done["stderr"] == "end\n"


def test_external_is_killed_with_all_its_children(stack):
    rest = external(stack, "#!/bin/sh\nsleep 1000 & echo $! >$STARTED_FILE.child; "
                           "echo $$ >$STARTED_FILE; wait\n"
                           .replace("$STARTED_FILE", str(stack.folder / "started")))
    task = rest.create("add", example("add"), engine="external")
    rest.start(task["id"])
    started = stack.folder / "started"
    wait_until(lambda: started.exists() and started.read_text().strip(), 10, "the runtime")
    pids = [int(started.read_text()), int((stack.folder / "started.child").read_text())]
    rest.stop(task["id"])
    assert rest.wait(task["id"])["state"] == INTERRUPTED
    wait_until(lambda: not any(is_alive(pid) for pid in pids), 5, "the end of both processes")


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or before it was read
        return False


def test_external_wall_limit(stack):
    rest = external(stack, "#!/bin/sh\nexec sleep 1000\n")
    done = rest.run("add", example("add"), engine="external", limits={"wall_seconds": 1})
    assert done["state"] == FAILED and "limit of 1" in done["error"]


def test_external_killed_by_a_signal(stack):
    rest = external(stack, "#!/bin/sh\nkill -SEGV $$\n")
    done = rest.run("add", example("add"), engine="external")
    assert done["state"] == FAILED and ("11" in done["error"] or "signal" in done["error"].lower())


def test_a_runtime_that_is_not_there(stack):
    """The worker says so at its start, or does not offer the engine."""
    stack.start_broker()
    stack.start_manager()
    stack.start_proplet(ready=False, PROPLET_EXTERNAL_WASM_RUNTIME="/nowhere/runtime")
    gone = wait_until(lambda: not stack.proplet().alive or stack.proplet_view().get("alive"), 10)
    assert gone
    if not stack.proplet().alive:
        stack.proplet().ended_by_test = True
        assert "/nowhere/runtime" in stack.proplet().text()
        return
    task = stack.rest.create("add", example("add"), engine="external")
    assert stack.rest.call("POST", f"/tasks/{task['id']}/start").status == 409


def test_external_sees_no_secrets(stack):
    """The runtime gets the task's environment, not the worker's."""
    rest = external(stack, "#!/bin/sh\ntr '\\0' '\\n' </proc/self/environ\n")
    done = rest.run("add", example("add"), engine="external", env={"MINE": "yes"})
    assert "key-of-" not in done["stdout"] and "CLIENT_KEY" not in done["stdout"]


def test_many_external_at_once(stack):
    rest = external(stack, "#!/bin/sh\necho ran\n")
    ids = [rest.create("add", example("add"), engine="external")["id"] for _ in range(30)]
    for task_id in ids:
        rest.start(task_id)
    assert [rest.wait(i)["results"] for i in ids] == ["ran\n"] * 30
    assert all(rest.task(i)["state"] not in (RUNNING,) for i in ids)
