# SPDX-License-Identifier: Apache-2.0
"""Each program alone: help, version, settings that are checked."""
import json
import os
import subprocess

import pytest

from api import RUNNING, Rest
from bus import Bus
from modules import guest
from stack import BIN, clean_environment, free_port, measure
from wait import patience, wait_until

PROGRAMS = ["propeller-manager", "proplet", "propeller-proxy", "propeller-executor", "propeller-cli"]
MANAGER = {"MANAGER_DOMAIN_ID": "d", "MANAGER_CHANNEL_ID": "c", "MANAGER_CLIENT_ID": "m",
           "MANAGER_CLIENT_KEY": "the-secret-key", "MANAGER_MQTT_ADDRESS": "tcp://127.0.0.1:1"}
PROPLET = {"PROPLET_DOMAIN_ID": "d", "PROPLET_CHANNEL_ID": "c", "PROPLET_CLIENT_ID": "w",
           "PROPLET_CLIENT_KEY": "the-secret-key", "PROPLET_MQTT_ADDRESS": "tcp://127.0.0.1:1"}


def run(program, *arguments, **environment):
    return subprocess.run([BIN / program, *arguments], capture_output=True, text=True, timeout=patience(),
                          env={**clean_environment(), **environment}, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_names_the_program(program):
    done = run(program, "--help")
    assert done.returncode == 0, done.stderr
    assert program in done.stdout


def test_version():
    done = run("propeller-cli", "version")
    assert done.returncode == 0 and done.stdout.strip(), done


@pytest.mark.parametrize("program,names", [
    ("propeller-manager", ["MANAGER_DOMAIN_ID", "MANAGER_HTTP_PORT", "MANAGER_HTTP_TOKEN"]),
    ("proplet", ["PROPLET_DOMAIN_ID", "PROPLET_SLOTS", "PROPLET_EXTERNAL_WASM_RUNTIME"]),
])
def test_help_lists_the_settings(program, names):
    text = run(program, "--help").stdout
    for name in names:
        assert name in text


@pytest.mark.parametrize("program,settings,bad,value", [
    ("propeller-manager", MANAGER, "MANAGER_HTTP_PORT", "70707"),
    ("propeller-manager", MANAGER, "MANAGER_HTTP_PORT", "5abc"),
    ("propeller-manager", MANAGER, "MANAGER_DOMAIN_ID", "with/slash"),
    ("propeller-manager", MANAGER, "MANAGER_CHANNEL_ID", "a+b"),
    ("proplet", PROPLET, "PROPLET_SLOTS", "0"),
    ("proplet", PROPLET, "PROPLET_SLOTS", "many"),
    ("proplet", PROPLET, "PROPLET_LIVELINESS_INTERVAL", "soon"),
    ("proplet", PROPLET, "PROPLET_FETCH_HOSTS", "http://example.com"),
    ("proplet", PROPLET, "PROPLET_FETCH_HOSTS", "*"),
    ("proplet", PROPLET, "PROPLET_FETCH_CA", "/nowhere/ca.pem"),
    ("proplet", PROPLET, "PROPLET_DIRS", "relative"),
])
def test_a_bad_setting_is_named(program, settings, bad, value, tmp_path):
    state = "MANAGER_STATE_DIR" if program == "propeller-manager" else "PROPLET_STATE_DIR"
    done = run(program, **{**settings, state: str(tmp_path), bad: value})
    assert done.returncode != 0
    said = done.stderr + done.stdout
    assert bad in said, said
    assert "the-secret-key" not in said


@pytest.mark.parametrize("program,settings", [("propeller-manager", MANAGER), ("proplet", PROPLET)])
def test_missing_identity_is_named(program, settings, tmp_path):
    prefix = "MANAGER" if program == "propeller-manager" else "PROPLET"
    without = {k: v for k, v in settings.items() if not k.endswith("_DOMAIN_ID")}
    done = run(program, **{**without, f"{prefix}_STATE_DIR": str(tmp_path)})
    assert done.returncode != 0
    assert f"{prefix}_DOMAIN_ID" in done.stderr + done.stdout


def test_disagreeing_names_are_refused(tmp_path):
    done = run("propeller-manager", **MANAGER, MANAGER_TENANT_ID="another",
               MANAGER_STATE_DIR=str(tmp_path))
    assert done.returncode != 0
    assert "MANAGER_TENANT_ID" in done.stderr + done.stdout


def test_off_loopback_needs_a_token(tmp_path):
    done = run("propeller-manager", **MANAGER, MANAGER_HTTP_HOST="0.0.0.0",
               MANAGER_HTTP_PORT=str(free_port()), MANAGER_STATE_DIR=str(tmp_path))
    assert done.returncode != 0
    assert "MANAGER_HTTP_TOKEN" in done.stderr + done.stdout


def test_new_names_work_as_well(stack):
    """The second naming generation: TENANT_ID, ENTITY_ID, API_KEY."""
    stack.start_broker()
    stack.start_manager(MANAGER_DOMAIN_ID=None, MANAGER_TENANT_ID=stack.domain,
                        MANAGER_CLIENT_ID=None, MANAGER_ENTITY_ID="manager",
                        MANAGER_CLIENT_KEY=None, MANAGER_API_KEY="key")
    stack.start_proplet("worker-1", PROPLET_DOMAIN_ID=None, PROPLET_TENANT_ID=stack.domain,
                        PROPLET_CLIENT_ID=None, PROPLET_ENTITY_ID="worker-1",
                        PROPLET_CLIENT_KEY=None, PROPLET_API_KEY="key")


@pytest.mark.parametrize("setting,value,member,shown", [
    ("PROPLET_INSTANCE_ID", "instance-7", ["metadata", "instance_id"], "instance-7"),
    ("PROPLET_LIVELINESS_INTERVAL", "3", ["interval_ms"], 3000),
    ("PROPLET_LIVELINESS_INTERVAL", "3s", ["interval_ms"], 3000),
    ("PROPLET_MANAGER_K8S_NAMESPACE", "edge", ["namespace"], "edge"),
    ("PROPLET_DESCRIPTION", "on the roof", ["metadata", "description"], "on the roof"),
    ("PROPLET_LOCATION", "roof", ["metadata", "location"], "roof"),
    ("PROPLET_TAGS", "gpu,arm", ["metadata", "tags"], ["gpu", "arm"]),
    ("PROPLET_COLLECT_SYSTEM_INFO", "false", ["metadata", "hostname"], None),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_worker_announces_its_settings(stack, setting, value, member, shown):
    stack.start_broker()
    with Bus(stack) as bus:
        stack.start_proplet(ready=False, **{setting: value})
        said = bus.wait_for("control/proplet/create")
        for name in member:
            said = said.get(name)
        assert said == shown
        if setting == "PROPLET_MANAGER_K8S_NAMESPACE":
            stack.proplet().stop()
            will = bus.wait_for("control/proplet/alive", lambda m: m["status"] == "offline")
            assert will["namespace"] == "edge"


@pytest.mark.parametrize("value", ["1", "1s", "1000ms"])
def test_how_long_a_clean_end_waits(stack, value):
    """Nobody acknowledges: PROPLET_MQTT_TIMEOUT, with or without a unit."""
    stack.start(PROPLET_MQTT_TIMEOUT=value, PROPLET_LIVELINESS_INTERVAL="10")
    task = stack.rest.create("nap", guest("nap"), inputs=["600000"])
    stack.rest.start(task["id"])
    wait_until(lambda: stack.rest.task(task["id"])["state"] == RUNNING, 10, "Running")
    stack.manager.kill()
    code, seconds = measure(stack.proplet().stop)
    assert code == 0 and 0.9 < seconds < 29, "without the setting it were 30 s"


def test_health(stack):
    stack.start_broker()
    stack.start_manager()
    health = stack.rest.expect(200, "GET", "/health").json
    assert health["status"] == "pass"
    assert health["version"] and health["description"]
    assert health["instance_id"] == "manager"


def test_a_taken_port_is_said(stack):
    stack.start_broker()
    stack.start_manager()
    environment = stack.environment("MANAGER", "other", {
        "MANAGER_HTTP_HOST": "127.0.0.1", "MANAGER_HTTP_PORT": stack.http_port})
    done = run("propeller-manager", **environment)
    assert done.returncode != 0
    assert str(stack.http_port) in done.stderr and "MANAGER_HTTP_PORT" in done.stderr


@pytest.mark.parametrize("prefix", ["MANAGER", "PROXY"])
def test_one_that_cannot_serve_throws_nobody_off_the_broker(stack, prefix, tmp_path):
    """A second one, by mistake: its port is taken, so it ends before the broker hears its client id."""
    stack.start_broker()
    stack.start_manager()
    stack.start_proxy()
    name = prefix.lower()
    first = stack.processes[name]
    wait_until(lambda: "connected to the broker" in first.text(), 10, "its connection")
    environment = stack.environment(prefix, name, {
        f"{prefix}_HTTP_HOST": "127.0.0.1", f"{prefix}_STATE_DIR": tmp_path / "other",
        f"{prefix}_HTTP_PORT": stack.http_port if prefix == "MANAGER" else stack.proxy_port})
    for _ in range(3):
        done = run(f"propeller-{name}", **environment)
        assert done.returncode == 6 and f"{prefix}_HTTP_PORT" in done.stderr, done.stderr
    stack.start_proplet()  # the broker has done what came before
    assert "connection to the broker ended" not in first.text()


def test_secrets_stay_out_of_logs_and_arguments(stack):
    stack.start()
    for process in (stack.manager, stack.proplet()):
        assert "key-of-" not in process.text()
        assert b"key-of-" not in open(f"/proc/{process.pid}/cmdline", "rb").read()


def test_state_is_private(stack):
    stack.start()
    for folder in stack.folder.glob("state-*"):
        assert folder.stat().st_mode & 0o077 == 0, folder
    for file in (stack.folder / "state-manager").rglob("*"):
        try:
            assert file.stat().st_mode & 0o077 == 0, file
        except FileNotFoundError:
            pass  # the store's own files come and go


@pytest.mark.parametrize("prefix", ["MANAGER", "PROPLET", "PROXY"])
def test_a_state_folder_that_others_can_write_is_told(stack, tmp_path, prefix):
    """All the same it starts: where groups share volumes it has to."""
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "proxy-proxy").mkdir()
    for path in (folder, folder / "proxy-proxy"):
        path.chmod(0o777)
    stack.start_broker()
    start = {"MANAGER": stack.start_manager, "PROPLET": stack.start_proplet, "PROXY": stack.start_proxy}[prefix]
    start(ready=False, **{f"{prefix}_STATE_DIR": folder})
    process = list(stack.processes.values())[-1]
    wait_until(lambda: "others can exchange what lies in the state folder" in process.text(), 20, "a warning")
    wait_until(lambda: "connected to the broker" in process.text(), 20, "its start")


def test_two_workers_with_one_id_are_told_why(stack, tmp_path):
    """They throw each other off the broker; neither could know it from "The connection was lost."."""
    stack.start_broker()
    stack.start_proplet(ready=False)
    other = stack.spawn("the-other", [BIN / "proplet"], stack.environment("PROPLET", "worker-1", {"PROPLET_STATE_DIR": tmp_path / "other"}))
    wait_until(lambda: "use the same client id?" in other.text() + stack.proplet().text(), 60, "a hint")


def test_second_manager_on_one_state_is_refused(stack):
    stack.start_broker()
    stack.start_manager()
    environment = stack.environment("MANAGER", "manager", {
        "MANAGER_HTTP_HOST": "127.0.0.1", "MANAGER_HTTP_PORT": free_port()})
    done = run("propeller-manager", **environment)
    assert done.returncode != 0 and (done.stderr + done.stdout).strip()
    assert stack.rest.get("/health").status == 200


def test_programs_start_without_a_broker(stack):
    """They keep trying, and find each other when it comes."""
    stack.start_manager()
    stack.start_proplet(ready=False)
    assert stack.rest.get("/health").status == 200
    assert stack.proplet_view() == {}
    stack.start_broker()
    stack.proplet_ready(seconds=30)


def test_sigterm_and_sigint_end_both(stack):
    stack.start()
    assert stack.proplet().stop() == 0
    stack.manager.signal(2)
    assert stack.manager.exit_code() == 0


def test_json_everywhere(stack):
    """Also unknown paths and methods get a problem, not a page."""
    stack.start_broker()
    stack.start_manager()
    for method, path, status in [("GET", "/nothing", 404), ("PATCH", "/tasks", 405),
                                 ("DELETE", "/health", 405), ("GET", "/tasks/", 200)]:
        answer = stack.rest.call(method, path)
        assert answer.status == status, (method, path, answer)
        json.loads(answer.body)
        if status != 200:
            assert answer.error


def test_what_every_server_answers(stack):
    """Readiness follows the broker, liveness does not, and a problem's type leads to a page."""
    stack.start_broker()
    stack.start_manager(MANAGER_HTTP_TOKEN="secret")
    open_to_all = Rest(stack.http_port, None)
    wait_until(lambda: open_to_all.get("/readyz").status == 200, 10, "readiness")
    version = open_to_all.get("/version").json
    assert version == {"program": "propeller-manager", "version": open_to_all.get("/health").json["version"]}
    problem = open_to_all.get("/nothing").json
    page = open_to_all.expect(200, "GET", problem["type"]).body.decode()
    assert page.startswith(f"not-found: {problem['title']}\n") and "404" in page
    options = open_to_all.call("OPTIONS", "/tasks")
    assert (options.status, options.body) == (204, b"")
    assert sorted(options.headers["allow"].split(", ")) == ["GET", "HEAD", "OPTIONS", "POST"]
    stack.broker.kill()
    wait_until(lambda: open_to_all.get("/readyz").status == 503, 10, "the end of readiness")
    assert "broker" in open_to_all.get("/readyz").json["detail"]
    assert open_to_all.get("/healthz").body == b"ok\n"


def test_environment_of_tests_is_clean():
    """The tests themselves must not hand their settings to the programs."""
    os.environ["MANAGER_FOR_THIS_TEST"] = "x"
    try:
        assert "MANAGER_FOR_THIS_TEST" not in clean_environment()
    finally:
        del os.environ["MANAGER_FOR_THIS_TEST"]
