# SPDX-License-Identifier: Apache-2.0
"""MANAGER_TOKENS_FILE: viewer, operator and admin, and who may do what."""
import hashlib
import os
import signal
import subprocess

import pytest
import yaml

from api import Rest
from modules import example
from stack import BIN, TOP, clean_environment
from wait import patience, wait_until

ADD = example("add")
TOKENS = {"viewer": "look-only", "operator": "does-things", "admin": "does-all"}
RANK = ["viewer", "operator", "admin"]
NEEDS = {"GET": "viewer", "POST": "operator", "PUT": "operator", "DELETE": "operator"}
ADMIN = [("DELETE", "/proplets/{id}"), ("GET", "/backup")]
OPEN = ("/health", "/openapi.yaml", "/", "/dashboard", "/dashboard/", "/dashboard/{file}")
SPEC = yaml.safe_load((TOP / "spec" / "openapi.yaml").read_text())
OPERATIONS = [(method.upper(), path) for path, item in SPEC["paths"].items() for method in item
              if method != "parameters" and path not in (*OPEN, "/events") and item[method].get("security") != []]


def write(path, tokens):
    path.write_text("# tests\n" + "".join(f"{role} {token}\n" for role, token in tokens.items()))
    path.chmod(0o600)


@pytest.fixture
def guarded(stack):
    hashed = "sha256:" + hashlib.sha256(TOKENS["admin"].encode()).hexdigest()
    write(stack.folder / "tokens", {**TOKENS, "admin": hashed})
    stack.start_broker()
    stack.start_manager(MANAGER_TOKENS_FILE=stack.folder / "tokens", MANAGER_HTTP_TOKEN="master")
    return stack


def who(stack, token):
    return Rest(stack.http_port, token)


def test_every_operation_for_every_role(guarded):
    """From the document: nothing that changes anything is left to a viewer."""
    task = who(guarded, "master").create("x")["id"]
    assert len(OPERATIONS) > 15
    for method, path in OPERATIONS:
        needed = "admin" if (method, path) in ADMIN else NEEDS[method]
        url = path.replace("{id}", task)
        for token in (None, "wrong", "ook-only", TOKENS["viewer"].upper()):
            assert who(guarded, token).call(method, url).status == 401, (method, path, token)
        for role in RANK:
            answer = who(guarded, TOKENS[role]).call(method, url, {} if method in ("PUT", "POST") else None)
            allowed = RANK.index(role) >= RANK.index(needed)
            assert (answer.status not in (401, 403)) == allowed, (method, path, role, answer)
            if not allowed:
                assert answer.status == 403 and answer.json["type"] == "/problems/forbidden" and answer.error
        if method == "DELETE":
            task = who(guarded, "master").create("x")["id"]


def test_each_can_ask_what_it_may(guarded):
    for role in RANK:
        assert who(guarded, TOKENS[role]).expect(200, "GET", "/whoami").json == {"role": role}
    assert who(guarded, "master").get("/whoami").json == {"role": "admin"}
    assert who(guarded, None).get("/whoami").status == 401


def test_without_tokens_everybody_may_all(stack):
    stack.start_broker()
    stack.start_manager()
    assert stack.rest.expect(200, "GET", "/whoami").json == {"role": "admin"}


def test_what_each_may(guarded):
    guarded.start_proplet(ready=False)
    viewer, operator = who(guarded, TOKENS["viewer"]), who(guarded, TOKENS["operator"])
    wait_until(lambda: viewer.get("/proplets").json["proplets"], 20)
    done = operator.run("add", ADD, inputs=[1, 2])
    assert viewer.task(done["id"])["results"] == "3"
    before = viewer.get("/tasks").json["total"]
    assert viewer.call("POST", "/tasks", {"name": "x"}).status == 403
    assert viewer.call("DELETE", f"/tasks/{done['id']}").status == 403
    assert viewer.get("/tasks").json["total"] == before
    assert operator.call("DELETE", "/proplets/worker-1").status == 403
    assert who(guarded, TOKENS["admin"]).call("DELETE", "/proplets/worker-1").status == 204


def test_a_large_upload_is_refused_before_it_comes(guarded):
    """Not a byte of it is kept for who may not send it."""
    task = who(guarded, "master").create("x")["id"]
    answer = who(guarded, TOKENS["viewer"]).call("PUT", f"/tasks/{task}/upload", b"\0asm" * 100000,
                                                 headers={"Content-Type": "application/wasm"})
    assert answer.status == 403


def test_read_again_at_sighup(guarded):
    file = guarded.folder / "tokens"
    assert who(guarded, "look-only").get("/tasks").status == 200
    write(file, {"viewer": "another-one"})
    guarded.manager.signal(signal.SIGHUP)
    wait_until(lambda: who(guarded, "another-one").get("/tasks").status == 200)
    assert who(guarded, "look-only").get("/tasks").status == 401
    assert who(guarded, "master").get("/tasks").status == 200
    file.chmod(0o644)
    guarded.manager.signal(signal.SIGHUP)
    wait_until(lambda: "the tokens stay as they were" in guarded.manager.text())
    assert who(guarded, "another-one").get("/tasks").status == 200
    assert "chmod 600" in guarded.manager.text()
    for token in ("another-one", *TOKENS.values()):
        assert token not in guarded.manager.text()


@pytest.mark.parametrize("text,mode,says", [
    ("viewer hidden", 0o644, "chmod 600"), ("root hidden", 0o600, ":1:"), ("", 0o600, "no token"),
    ("viewer hidden hidden", 0o600, ":1:"), (None, 0, "cannot open"),
], ids=range(5))
def test_bad_files(tmp_path, text, mode, says):
    file = tmp_path / "tokens"
    if text is not None:
        file.write_text(text)
        os.chmod(file, mode)
    environment = {**clean_environment(), "MANAGER_TOKENS_FILE": str(file), "MANAGER_DOMAIN_ID": "d",
                   "MANAGER_CHANNEL_ID": "c", "MANAGER_CLIENT_ID": "m", "MANAGER_STATE_DIR": str(tmp_path),
                   "MANAGER_MQTT_ADDRESS": "tcp://127.0.0.1:1", "MANAGER_HTTP_PORT": "0"}
    done = subprocess.run([BIN / "propeller-manager"], env=environment, capture_output=True, text=True, timeout=patience())
    assert done.returncode != 0 and says in done.stderr and "hidden" not in done.stderr, done


def test_off_loopback_they_are_enough(stack):
    write(stack.folder / "tokens", TOKENS)
    stack.start_broker()
    stack.start_manager(MANAGER_HTTP_HOST="0.0.0.0", MANAGER_TOKENS_FILE=stack.folder / "tokens")
    assert who(stack, None).get("/tasks").status == 401
    assert who(stack, TOKENS["viewer"]).get("/tasks").status == 200
