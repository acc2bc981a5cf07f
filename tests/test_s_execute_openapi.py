# SPDX-License-Identifier: Apache-2.0
"""spec/executor-openapi.yaml is what the executor does: its answers, and schemathesis with all its checks."""
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema_rs import Draft202012Validator

from executor import ADD, FIB, Ask, ByRest, Executor, mixed
from stack import Stack
from wait import PATIENCE

SPEC = Path(__file__).resolve().parent.parent / "spec" / "executor-openapi.yaml"


@pytest.fixture(scope="module")
def executor(tmp_path_factory):
    own = Stack(tmp_path_factory.mktemp("executor"))
    yield Executor(own).ready()
    own.close()


@pytest.fixture(scope="module")
def document():
    return yaml.safe_load(SPEC.read_text())


def check(document, name, value):
    Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]}).validate(value)


def test_it_is_served(executor):
    answer = executor.rest.get("/openapi.yaml")
    assert answer.status == 200 and answer.body == SPEC.read_bytes()


def test_answers_are_as_described(executor, document):
    profile = {"airscrew-profile": "2"}
    for ask, headers, status in (
            (Ask(ADD, "add", ("5", "3")), {}, 200), (Ask(mixed(), "many", ("7", "0.1"), 1), profile, 200),
            (Ask(mixed(), "divf", ("0", "0")), {}, 200), (Ask(FIB, "fib", ("10",), limit=10), profile, 422),
            (Ask(mixed(), "trap"), {}, 422), (Ask(ADD, "sub"), {}, 404), (Ask(execution=False), {}, 400)):
        answer = executor.rest.call("POST", "/v1/dtvm/execute", ByRest.body(ask), headers)
        assert answer.status == status, answer
        check(document, "ExecutionResponse" if status == 200 else "Problem", answer.json)
    check(document, "ExecutionRequest", executor.rest.get("/api/info").json["example"])


@pytest.mark.timeout(1000)
def test_schemathesis(executor):
    """It knows no module: so what it asks is refused, and never with a 500."""
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{executor.http_port}/openapi.yaml",
         "--checks", "not_a_server_error,content_type_conformance,response_schema_conformance,status_code_conformance",
         "--no-color", "--seed", os.environ.get("SCHEMATHESIS_SEED", "1"), "--max-examples",
         os.environ.get("SCHEMATHESIS_EXAMPLES", "20"), "--request-timeout", "60"],
        cwd=executor.stack.folder, capture_output=True, text=True, timeout=900 * PATIENCE)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
