# SPDX-License-Identifier: Apache-2.0
"""spec/openapi.yaml is what the manager does: schemathesis asks, with all its checks.

GET /events has no end, and is looked at in test_m_events.py. The seed is fixed, so that a change that
breaks something is found at once and not some day; SCHEMATHESIS_SEED and SCHEMATHESIS_EXAMPLES look
elsewhere, and longer.
"""
import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema_rs import Draft202012Validator

from modules import example, wat
from stack import Stack
from wait import PATIENCE

TESTS = Path(__file__).resolve().parent
SPEC = TESTS.parent / "spec" / "openapi.yaml"
SEED = os.environ.get("SCHEMATHESIS_SEED", "1")
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "20")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """No worker is late here: without one, 503 would be the right answer to a start."""
    own = Stack(tmp_path_factory.mktemp("openapi"))
    try:
        own.start(PROPLET_LIVELINESS_INTERVAL="60")
        yield own
    finally:
        own.close()


@pytest.fixture(scope="module")
def document():
    return yaml.safe_load(SPEC.read_text())


def schema(document, name):
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}",
                                 "components": document["components"]})


def run_schemathesis(stack, *more):
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", TESTS / "schemathesis.toml",
               "run", f"http://127.0.0.1:{stack.http_port}/openapi.yaml", "--checks", "all", "--no-color",
               "--seed", SEED, "--max-examples", EXAMPLES, "--request-timeout", "60", "--exclude-path", "/events", *more]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(TESTS)}
    return subprocess.run([str(part) for part in command], cwd=stack.folder, capture_output=True,
                          env=environment, text=True, timeout=900 * PATIENCE)


def test_the_document_is_served(rest):
    answer = rest.expect(200, "GET", "/openapi.yaml")
    assert answer.body == SPEC.read_bytes()
    assert answer.headers["content-type"] == "application/yaml"


@pytest.mark.timeout(1000)
def test_schemathesis_finds_nothing(up):
    up.rest.run("add", example("add"), inputs=[1, 2], monitoring_profile={"interval": 1})
    done = run_schemathesis(up)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-4000:]
    assert "Tested: " in done.stdout and "Failures" not in done.stdout


@pytest.mark.timeout(1000)
def test_schemathesis_with_a_token(stack):
    """Among its checks: what needs a token answers 401 to who has none, or another."""
    stack.start_broker()
    stack.start_manager(MANAGER_HTTP_TOKEN="secret")
    done = run_schemathesis(stack, "-H", "Authorization: Bearer secret", "--phases", "examples,coverage")
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-4000:]
    assert "Tested: " in done.stdout


@pytest.mark.parametrize("module", [
    b"\0asm\1\0\0\0", b"\0asm\x0d\0\1\0", example("add"), example("hello-world"),
    *[b"\0asm\1\0\0\0" + bytes([0, size + 1, 0]) + b"x" * size for size in range(6)],
], ids=range(10))
def test_the_pattern_of_a_file_takes_modules(rest, document, module):
    text = base64.b64encode(module).decode()
    assert schema(document, "NewTask").is_valid({"name": "x", "file": text})
    rest.create("x", module)


@pytest.mark.parametrize("head", [
    b"\0asm\2\0\0\0", b"\0asm\1\0\1\0", b"\0asm\x0d\0\0\0", b"\0asm\1\0\0\1", b"\0ASM\1\0\0\0", b"\0asm",
    b"PK\3\4\0\0\0\0", b"\0asm\1\0\0\0\0\0"[1:],
], ids=range(8))
def test_the_pattern_of_a_file_takes_nothing_else(rest, document, head):
    for module in (head, head + b"\0\1\0"):
        body = {"name": "x", "file": base64.b64encode(module).decode()}
        assert not schema(document, "NewTask").is_valid(body)
        assert rest.call("POST", "/tasks", body).status == 422


def test_a_task_with_everything_is_as_described(rest, document):
    everything = {
        "name": "all", "inputs": [1, 2.5, "x"], "cli_args": ["a"], "env": {"A": "b"}, "stdin": "in",
        "dirs": [{"host": "/nowhere", "write": True}], "engine": "interp", "invoke": "f", "daemon": False,
        "limits": {"fuel": 1000, "wall_seconds": 1.5}, "monitoring_profile": {"interval": "500ms", "history_size": 3},
        "required_tags": ["t"], "namespace": "n", "min_memory_bytes": 1, "restart": "always",
        "restart_limit": 3, "priority": 7, "metadata": {"k": {"l": [1, None]}}, "kind": "standard",
        "proplet_id": "worker-1", "file": base64.b64encode(example("add")).decode(),
    }
    assert schema(document, "NewTask").is_valid(everything)
    task = rest.expect(201, "POST", "/tasks", everything).json
    schema(document, "Task").validate(task)
    shown = document["components"]["schemas"]["TaskBase"]["properties"]
    asked = document["components"]["schemas"]["TaskChange"]["properties"]
    assert set(asked) - {"image_url", "digest"} == set(everything), "the test asks for all"
    assert set(everything) <= set(shown) and set(everything) <= set(task)


NOISY = wat('''(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 8) "\\ff\\fe")
  (func (export "_start") (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 2))
    (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))
    (drop (call $w (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 20))) unreachable))''')


@pytest.mark.parametrize("name,module,fields", [
    ("add", example("add"), {"inputs": [1, 2], "limits": {"fuel": 100000, "gas": 100000}}),
    ("hello", example("hello-world"), {"restart": "always", "restart_limit": 1, "daemon": True}),
    ("noisy", NOISY, {}), ("sleeper", example("sleeper"), {"limits": {"wall_seconds": 0.05}}),
    ("nothing", b"\0asm\1\0\0\0", {}),
])
def test_what_came_of_tasks_is_as_described(rest, document, name, module, fields):
    task = rest.create(name, module, **fields)
    rest.start(task["id"])
    seen = rest.task(task["id"])
    schema(document, "Task").validate(seen)
    schema(document, "Task").validate(rest.wait(task["id"]) if "restart" not in fields else seen)
    schema(document, "TaskPage").validate(rest.get("/tasks").json)
    schema(document, "Placement").validate(rest.get(f"/tasks/{task['id']}/placement").json)
    schema(document, "PropletPage").validate(rest.get("/proplets").json)
