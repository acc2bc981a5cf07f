# SPDX-License-Identifier: Apache-2.0
"""MANAGER_HTTP_TOKEN protects the API; /health stays open."""
import pytest

from api import COMPLETED
from modules import example

TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def guarded(stack):
    stack.start_broker()
    stack.start_manager(MANAGER_HTTP_TOKEN=TOKEN)
    stack.start_proplet()
    return stack


def test_without_and_with(guarded):
    assert guarded.rest.run("add", example("add"), inputs=[1, 2])["state"] == COMPLETED
    naked = guarded.rest
    naked.token = None
    for method, path in [("GET", "/tasks"), ("POST", "/tasks"), ("GET", "/proplets"),
                         ("DELETE", "/proplets/worker-1"), ("GET", "/tasks/x"), ("PUT", "/tasks/x")]:
        answer = naked.call(method, path, {} if method in ("POST", "PUT") else None)
        assert answer.status == 401, (method, path, answer)
        assert answer.error and answer.headers["www-authenticate"].startswith("Bearer")
    assert naked.get("/health").status == 200


@pytest.mark.parametrize("header", [
    "Bearer wrong", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x",
    f"Bearer {TOKEN[:-1]}", f"Bearer  {TOKEN}y", "Bearer " + "x" * 5000,
])
def test_wrong_tokens(guarded, header):
    rest = guarded.rest
    rest.token = None
    assert rest.call("GET", "/tasks", headers={"Authorization": header}).status == 401


def test_an_upload_without_the_token_is_not_read(guarded):
    rest = guarded.rest
    task = rest.create("add")
    rest.token = None
    answer = rest.call("PUT", f"/tasks/{task['id']}/upload", example("add"),
                       headers={"Content-Type": "application/wasm"})
    assert answer.status == 401


def test_the_token_is_not_in_the_log(guarded):
    guarded.rest.get("/tasks")
    assert TOKEN not in guarded.manager.text()


def test_off_loopback_with_a_token(stack):
    stack.start_broker()
    stack.start_manager(MANAGER_HTTP_TOKEN=TOKEN, MANAGER_HTTP_HOST="0.0.0.0")
    assert stack.rest.get("/tasks").status == 200


def test_a_token_file_that_others_can_read_is_refused(stack):
    secret = stack.folder / "token"
    secret.write_text(TOKEN)
    secret.chmod(0o644)
    stack.start_manager(ready=False, MANAGER_HTTP_TOKEN_FILE=secret)
    assert stack.manager.exit_code() != 0
    assert str(secret) in stack.manager.text() and TOKEN not in stack.manager.text()


def test_token_from_a_file(stack):
    secret = stack.folder / "token"
    secret.write_text(TOKEN + "\n")
    secret.chmod(0o600)
    secret.chmod(0o600)
    stack.start_broker()
    stack.start_manager(ready=False, MANAGER_HTTP_TOKEN_FILE=secret)
    stack.manager_ready()
    assert stack.rest.get("/tasks").status == 401
    stack.token = TOKEN
    assert stack.rest.get("/tasks").status == 200
