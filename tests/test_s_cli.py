# SPDX-License-Identifier: Apache-2.0
"""propeller-cli as a person or a script uses it."""
import json
import os
import pty
import re
import subprocess
import threading
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bus import Bus
from modules import TOP, example, guest
from peers import Peer
from stack import BIN, clean_environment, free_port
from wait import patience, wait_until

ADD = TOP / "examples/add/build/add.wasm"
HELLO = TOP / "examples/hello-world/build/hello.wasm"
CRASH = TOP / "examples/crash/build/crash.wasm"
PATH = TOP / "examples/path/build/path.wasm"


class Cli:
    def __init__(self, port, **environment):
        self.environment = {**clean_environment(), "PROPELLER_MANAGER_URL": f"http://127.0.0.1:{port}",
                            **environment}
        self.url = f"http://127.0.0.1:{port}"

    def __call__(self, *arguments, code=0, **more):
        done = subprocess.run([BIN / "propeller-cli", "-m", self.url, *map(str, arguments)],
                              capture_output=True, text=True, timeout=120, env=self.environment,
                              stdin=subprocess.DEVNULL, **more)
        assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *arguments):
        return json.loads(self(*arguments, "-o", "json").stdout)


@pytest.fixture
def cli(up):
    return Cli(up.http_port)


def test_run_add(cli):
    done = cli("tasks", "run", ADD, "--invoke", "add", 10, 20)
    assert done.stdout == "30\n"


def test_run_add_with_negative_numbers(cli):
    assert cli("tasks", "run", ADD, "--invoke", "add", "--", -10, -20).stdout == "-30\n"


def test_run_hello(cli):
    assert cli("tasks", "run", HELLO).stdout == "Hello, world!\n"


def test_run_a_component(cli):
    points = "[{x: 0, y: 0}, {x: 3, y: 4}]"
    assert cli("tasks", "run", PATH, "--invoke", "length", points).stdout == "5\n"
    assert cli("tasks", "run", PATH, "--invoke", "greet", "you").stdout == '"Hello, you"\n'
    done = cli("tasks", "run", PATH, "--invoke", "length", "5", code=None)
    assert done.returncode != 0 and "expected list<record { x: f64, y: f64 }>" in done.stderr, done


def test_run_passes_the_exit_code_on(cli):
    for code in (1, 3, 77):
        done = cli("tasks", "run", CRASH, "exit", code, code=code)
        assert "about to fail" in done.stderr


def test_run_of_a_trap(cli):
    done = cli("tasks", "run", CRASH, "trap", code=None)
    assert done.returncode not in (0, 125)
    assert "unreachable" in done.stderr


@pytest.mark.parametrize("arguments", [
    ["tasks", "run", "/nowhere/at-all.wasm"], ["tasks", "run", __file__],
    ["tasks", "run", "/"], ["tasks", "run"], ["tasks", "wait", str(uuid.uuid4())],
    ["tasks", "run", "/dev/null"],
])
def test_our_own_failures_are_125(cli, arguments):
    done = cli(*arguments, code=125)
    assert done.stderr.strip() and done.stdout == ""


def test_run_without_a_manager(cli):
    port = free_port()
    done = Cli(port)("tasks", "run", ADD, "--invoke", "add", 1, 2, code=125)
    assert str(port) in done.stderr


def test_run_with_a_missing_export(cli):
    done = cli("tasks", "run", ADD, "--invoke", "subtract", 1, 2, code=None)
    assert done.returncode != 0
    assert "subtract" in done.stderr and "add" in done.stderr


@pytest.mark.parametrize("engine", ["multipass", "singlepass", "interp"])
def test_run_with_an_engine(cli, engine):
    assert cli("tasks", "run", ADD, "--invoke", "add", "--engine", engine, 1, 2).stdout == "3\n"


def test_placement_and_restart(cli):
    task_id = cli.json("tasks", "create", "add", "--file", ADD, "--required-tags", "gpu,arm", "--namespace", "edge",
                       "--min-memory", "64MiB", "--restart", "on-failure", "--restart-limit", 3)["id"]
    seen = cli.json("tasks", "view", task_id)
    assert (seen["required_tags"], seen["namespace"], seen["min_memory_bytes"], seen["restart"],
            seen["restart_limit"]) == (["gpu", "arm"], "edge", 64 << 20, "on-failure", 3)
    words = cli("tasks", "placement", task_id).stdout
    assert "worker-1" in words and "is in namespace default, not in edge" in words
    assert "edge" in cli("tasks", "start", task_id, code=4).stderr
    cli("tasks", "create", "x", "--restart", "sometimes", code=2)


def test_step_by_step(cli):
    made = cli.json("tasks", "create", "add", "--inputs", "4,5")
    task_id = made["id"]
    cli("tasks", "upload", task_id, ADD)
    cli("tasks", "start", task_id)
    cli("tasks", "wait", task_id)
    assert "9" in cli("tasks", "results", task_id).stdout
    seen = cli.json("tasks", "view", task_id)
    assert (seen["state"], seen["results"]) == (3, "9")
    assert task_id in cli("tasks", "list").stdout
    assert any(t["id"] == task_id for t in cli.json("tasks", "list")["tasks"])
    cli("tasks", "update", task_id, "--inputs", "6,7")
    assert cli.json("tasks", "view", task_id)["inputs"] == ["6", "7"]
    cli("tasks", "delete", task_id)
    done = cli("tasks", "view", task_id, code=3)
    assert task_id in done.stderr


def test_logs(cli):
    made = cli.json("tasks", "create", "crash", "--cli-args", "exit,4")
    cli("tasks", "upload", made["id"], CRASH)
    cli("tasks", "start", made["id"])
    cli("tasks", "wait", made["id"], code=4)
    done = cli("tasks", "logs", made["id"])
    assert "about to fail" in done.stdout + done.stderr


def test_stop(up, cli):
    task = up.rest.create("spin", guest("loop"), invoke="spin")
    cli("tasks", "start", task["id"])
    wait_until(lambda: up.rest.task(task["id"])["state"] == 2, 30, "Running")
    done = cli("tasks", "start", task["id"], code=4)
    assert done.stderr
    cli("tasks", "stop", task["id"])
    done = cli("tasks", "wait", task["id"], code=None)
    assert done.returncode != 0


def test_tables(cli, up):
    up.rest.run("shown-in-tables", example("add"), inputs=[1, 2])
    text = cli("tasks", "list", "--limit", 5).stdout
    assert "shown-in-tables" in text and "Completed" in text
    assert "\x1b[" not in text, "no colours into a pipe"
    assert "worker-1" in cli("proplets", "list").stdout


def on_terminal(cli, *arguments, **environment):
    master, slave = pty.openpty()
    process = subprocess.Popen([BIN / "propeller-cli", "-m", cli.url, *arguments], stdout=slave,
                               stderr=slave, stdin=slave,
                               env={**cli.environment, "TERM": "xterm", **environment})
    os.close(slave)
    text = b""
    try:
        while piece := os.read(master, 65536):
            text += piece
    except OSError:
        pass
    os.close(master)
    assert process.wait(patience()) == 0
    return text.decode()


@pytest.mark.parametrize("words,said", [
    (["tasks", "crate", "x"], "did you mean create?"), (["task", "list"], "did you mean tasks?"),
    (["tasks", "list", "--limt", "5"], "did you mean --limit?"),
    (["tasks", "list", "-o", "jsonll"], "did you mean jsonl?"),
], ids=str)
def test_what_you_may_have_meant(cli, words, said):
    error, hint = cli(*words, code=2).stderr.splitlines()
    assert error.startswith("error: ") and error.endswith(said)
    assert hint.startswith("hint: ") and "--help" in hint


def test_the_task_that_you_may_have_meant(cli, up):
    task = up.rest.create("a-name-of-its-own")
    for words in (["view"], ["start"], ["wait"], ["results"], ["metrics"], ["upload", ADD]):
        done = cli("tasks", words[0], "a-name-of-its-one", *words[1:], code=None)
        error, hint = done.stderr.splitlines()
        assert error.endswith(f"; did you mean {task['id']} (a-name-of-its-own)?"), done
        assert hint == "hint: `propeller-cli tasks list` shows what there is"
    assert task["id"] in cli("tasks", "view", task["id"][:8], code=2).stderr
    assert "worker-1" in cli("proplets", "view", "worker-2", code=3).stderr
    assert "mean" not in cli("tasks", "view", "nothing-that-is-like-it", code=2).stderr


def test_flags_stand_anywhere(cli, up):
    up.rest.create("flags")
    for words in (["-l1", "tasks", "list", "-oid"], ["tasks", "-l", "1", "-v", "list", "-o", "id"],
                  ["-vl=1", "-o=id", "tasks", "list"], ["tasks", "--limit=1", "list", "--output=id"]):
        assert len(cli(*words).stdout.split()) == 1, words


def test_looks(cli, up):
    for n in (1, 2):
        up.rest.run(f"looks-{n}", example("add"), invoke="add", inputs=[n, 2])
    page = cli.json("tasks", "list", "-l", 2)
    assert [row["name"] for row in page["tasks"]] == ["looks-2", "looks-1"]
    ids = [row["id"] for row in page["tasks"]]
    lines = cli("tasks", "list", "-l", 2, "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == page["tasks"]
    assert cli("tasks", "list", "-l", 2, "-o", "id").stdout.split() == ids
    head, *rows = cli("tasks", "list", "-l", 2).stdout.splitlines()
    assert head.split() == ["ID", "NAME", "STATE", "ATTEMPT", "RESULTS"]
    assert [row.split() for row in rows] == [[ids[0], "looks-2", "Completed", "1", "4"],
                                             [ids[1], "looks-1", "Completed", "1", "3"]]
    assert "PROPLET" in cli("tasks", "list", "-o", "wide").stdout
    assert cli("tasks", "view", ids[0], "-o", "id").stdout == ids[0] + "\n"
    assert json.loads(cli("tasks", "view", ids[0], "-o", "jsonl").stdout)["history"]
    assert cli("tasks", "delete", ids[0], "-o", "id").stdout == ids[0] + "\n"
    assert "id" not in cli("health", "-o", "id", code=2).stdout
    assert cli("proplets", "list", "-o", "id").stdout == "worker-1\n"


def test_filters_and_many_rows(cli, up):
    for n in range(103):
        up.rest.create(f"many-{n}", metadata={"odd": n % 2})
    assert len(cli("tasks", "list", "-l", 103, "-o", "id").stdout.split()) == 103
    page = cli.json("tasks", "list", "--filter", "name=many-*,metadata.odd=1", "-l", 1000)
    assert (page["total"], len(page["tasks"])) == (51, 51)
    page = cli.json("tasks", "list", "--filter", "name=MANY-*", "--offset", 100)
    assert (page["total"], [t["name"] for t in page["tasks"]]) == (103, ["many-2", "many-1", "many-0"])
    assert cli.json("tasks", "list", "--filter", "name=many-*,state!=pending")["total"] == 0
    assert cli.json("proplets", "list", "--filter", "alive=true")["total"] == 1
    cli("tasks", "list", "--filter", "state", code=2)
    assert "did you mean Running?" in cli("tasks", "list", "--filter", "state=runing", code=2).stderr
    assert 'no row has "nmae"' in cli("tasks", "list", "--filter", "nmae=many-1").stderr
    assert "no row has" not in cli("tasks", "list", "--filter", "name=nothing").stderr


def test_colours_only_where_they_are_wanted(cli, up):
    up.rest.run("coloured", example("add"), inputs=[1, 2])
    assert "\x1b[" not in on_terminal(cli, "tasks", "list", NO_COLOR="1")
    assert "coloured" in on_terminal(cli, "tasks", "list")


def test_text_of_tasks_cannot_drive_the_terminal(cli, up):
    up.rest.run("evil", example("cat"), stdin="\x1b]0;title\x07")
    assert "\x1b]0" not in cli("tasks", "list", "--limit", 3).stdout
    assert "\x1b]0" not in on_terminal(cli, "tasks", "list")


def test_proplets(cli):
    view = cli.json("proplets", "view", "worker-1")
    assert view["id"] == "worker-1" and view["alive"]
    cli("proplets", "view", "nobody", code=3)
    cli("proplets", "delete", "nobody", code=3)
    assert cli.json("proplets", "list")["proplets"][0]["id"] == "worker-1"


def test_metrics_and_alive_history(stack):
    stack.start_broker()
    stack.start_manager()
    cli = Cli(stack.http_port)
    with Bus(stack, "old-one") as bus:
        peer = Peer(bus).announce()
        task = stack.rest.create("add", example("add"))
        cli("tasks", "start", task["id"])
        peer.wait_start(task["id"])
        for second in range(3):
            bus.say("control/proplet/metrics", {
                "proplet_id": "old-one", "timestamp": f"2026-01-01T00:00:0{second}Z",
                "cpu_metrics": {"percent": 12.5}, "memory_metrics": {"rss_bytes": 24 << 20}})
            bus.say("control/proplet/task_metrics", {
                "proplet_id": "old-one", "task_id": task["id"], "timestamp": 1767225600 + second,
                "metrics": {"cpu_percent": 99.5, "memory_bytes": 65536}})
        for words in (["tasks", "metrics", task["id"]], ["proplets", "metrics", "old-one"]):
            wait_until(lambda words=words: cli.json(*words)["total"] == 3, 30, "metrics")
    done = cli("tasks", "metrics", task["id"], "--offset", 2)
    shown = done.stdout.splitlines()
    assert len(shown) == 2 and done.stderr == "1 of 3\n"
    assert shown[1].split()[:4] == ["2026-01-01T00:00:02", "99.5", "64.0", "KiB"]
    shown = cli("proplets", "metrics", "old-one", "-l", 1).stdout
    assert "24.0 MiB" in shown and "12.5" in shown and "00:00:02" in shown and "00:00:01" not in shown
    history = cli.json("proplets", "alive-history", "old-one")["history"]
    shown = cli("proplets", "alive-history", "old-one").stdout.splitlines()
    assert shown[1:] == [time[:19] for time in history] and history
    for words in (["tasks", "metrics", uuid.uuid4()], ["proplets", "metrics", "nobody"],
                  ["proplets", "alive-history", "nobody"]):
        cli(*words, code=3)


def test_results_of_workers_that_send_objects(stack):
    """Federated learning: an object, shown as JSON."""
    stack.start_broker()
    stack.start_manager()
    cli = Cli(stack.http_port)
    with Bus(stack, "old-one") as bus:
        peer = Peer(bus).announce()
        task = stack.rest.create("add", example("add"))
        cli("tasks", "start", task["id"])
        peer.wait_start(task["id"])
        said = {"task_id": task["id"], "round_id": "r-1", "proplet_id": "old-one",
                "num_samples": 1, "update_b64": "AAAA", "format": "f32-delta", "metrics": {}}
        bus.say("control/proplet/results", {"task_id": task["id"], "results": said, "error": None})
        cli("tasks", "wait", task["id"])
    assert json.loads(cli("tasks", "results", task["id"]).stdout) == said
    assert stack.rest.get(f"/tasks/{task['id']}/results").json == {"results": said}


def test_health(cli):
    assert "pass" in cli("health").stdout
    done = Cli(free_port())("health", code=6)
    assert "127.0.0.1" in done.stderr


@pytest.mark.parametrize("words,hint", [
    (["tasks", "view", str(uuid.UUID(int=0))], "propeller-cli tasks list"),
    (["proplets", "view", "nobody"], "propeller-cli proplets list"),
    (["--context", "nowhere", "tasks", "list"], "propeller-cli context list"),
    (["--token-file", "/nonexistent", "tasks", "list"], None),
], ids=str)
def test_the_hint_is_about_what_is_missing(cli, words, hint):
    done = subprocess.run([BIN / "propeller-cli", *words], capture_output=True, text=True, timeout=120, env=cli.environment)
    assert done.returncode == 3, done
    hints = [line for line in done.stderr.splitlines() if line.startswith("hint:")]
    assert hints == ([f"hint: `{hint}` shows what there is"] if hint else []), done


def test_a_manager_that_is_none(cli, stack, tmp_path):
    """Another server, and a token's file without a token: said as what they are."""
    broker_only = Cli(1, PROPELLER_MANAGER_URL="")
    empty = tmp_path / "token"
    empty.write_text("\n")
    empty.chmod(0o600)
    done = cli("tasks", "list", "--token-file", empty, code=2)
    assert str(empty) in done.stderr and "empty line" in done.stderr
    port = free_port()
    executor = stack.spawn("executor", [BIN / "propeller-executor", "--config=", "--attester", "sample", "--http-port", str(port),
                                        "--grpc-port", str(free_port())], clean_environment())
    broker_only.url = f"http://127.0.0.1:{port}"
    wait_until(lambda: executor.alive and "nothing at /tasks" in broker_only("tasks", "list", code=None).stderr, 30, "the executor")
    assert "hint: that may be no manager" in broker_only("tasks", "list", code=3).stderr


class Elsewhere(BaseHTTPRequestHandler):
    """A server that answers well, and is no manager."""

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))  # what is left unread ends as a reset
        self.send_response(self.server.status)
        self.send_header("Location", "/login")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("status,body", [(302, b""), (304, b""), (301, b"{}"), (200, b"{}"), (200, b"[]"), (200, b"<html>")],
                         ids=str)
def test_a_portal_is_no_manager(status, body):
    """Nothing was done, and nobody is well."""
    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        server.status, server.body = status, body
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cli = Cli(server.server_address[1])
        asked = [["health"], ["tasks", "view", "x"], ["tasks", "logs", "x"], ["tasks", "logs", "-f", "x"], ["proplets", "view", "x"],
                 ["tasks", "list"], ["tasks", "placement", "x"], ["tasks", "results", "x"], ["tasks", "create", "x"]]
        told = [["tasks", "delete", "x"], ["tasks", "start", "x"], ["tasks", "upload", "x", ADD]]
        for words in asked + (told if status != 200 else []):
            done = cli(*words, code=6)
            assert "is this its address?" in done.stderr and done.stdout == "", done
        assert "is this its address?" in cli("tasks", "wait", "x", code=125).stderr
        server.shutdown()


@pytest.mark.parametrize("words", [["version"], ["--help"], ["man"], ["completion", "zsh"], ["tasks", "list"],
                                   ["tasks", "run", HELLO], ["tasks", "list", "-o", "json"],
                                   ["tasks", "list", "--watch"], ["proplets", "list", "-w", "-o", "jsonl"]], ids=str)
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_output_that_nobody_takes_is_an_error(cli, words, where):
    """With a closed standard output the next socket would have its number, and get the text."""
    line = " ".join([str(BIN / "propeller-cli"), *map(str, words), where])
    done = subprocess.run(["bash", "-c", line], stderr=subprocess.PIPE, text=True, env=cli.environment, timeout=120)
    assert done.returncode == 6 and "error: the output could not be written: " in done.stderr, done


def test_no_log_goes_into_a_connection(stack):
    """The manager is started without standard streams: none of its files or sockets has their numbers."""
    stack.start_broker()
    stack.tracers["manager"] = ["bash", "-c", 'exec "$0" "$@" <&- >&- 2>&-']
    stack.start_manager()
    stack.rest.create("x")
    places = [os.readlink(f"/proc/{stack.manager.pid}/fd/{fd}") for fd in range(3)]
    assert places == ["/dev/null"] * 3


def test_help_is_in_columns(cli):
    """The flags of the verb first, then those of all; what is long stands above its text."""
    text = cli("tasks", "create", "--help").stdout
    own, of_all = text.split("\nFlags of all verbs:\n")
    assert "--invoke EXPORT" in own and "--manager-url" not in own and "--manager-url" in of_all
    starts = {len(line) - len(re.sub(r"^ +(-\w, )?--\S+( \S+)? *|^ +", "", line))
              for line in (own.split("\nFlags:\n")[1] + of_all).splitlines() if not re.fullmatch(r" +(-\w, )?--\S+( \S+)?", line)}
    assert starts == {36}, text


@pytest.mark.parametrize("arguments", [
    [], ["dance"], ["tasks"], ["tasks", "dance"], ["tasks", "view"], ["tasks", "list", "--limit"],
    ["tasks", "list", "--limit", "x"], ["tasks", "view", "a", "b"], ["tasks", "create"],
    ["tasks", "list", "--unknown"], ["tasks", "upload", "x"], ["proplets", "list", "extra"],
], ids=str)
def test_wrong_use(cli, arguments):
    done = cli(*arguments, code=2)
    assert "usage" in done.stderr.lower() or "propeller-cli" in done.stderr, done.stderr


@pytest.mark.parametrize("arguments,says", [
    (["tasks", "view", ""], "ID is empty"), (["tasks", "delete", ""], "ID is empty"), (["proplets", "view", ""], "ID is empty"),
    (["tasks", "upload", "x", ""], "FILE is empty"), (["tasks", "create", ""], "NAME is empty"), (["context", "use", ""], "CONTEXT is empty"),
    (["execute", ADD, "", "1"], "FUNCTION is empty"), (["tasks", "list", "-m", ""], "--manager-url is empty"),
], ids=str)
def test_a_variable_that_was_not_set(cli, arguments, says):
    """`tasks view "$ID"` is not a look at another path."""
    assert says in cli(*arguments, code=2).stderr


@pytest.mark.parametrize("arguments", [["tasks", "list", "--status", "active"], ["proplets", "list", "--metadata", "a=b"]], ids=str)
def test_a_filter_of_another_list_is_refused(cli, arguments):
    """It would let all rows through, and what comes behind the list would be done to all of them."""
    assert f"unknown flag {arguments[2]}" in cli(*arguments, code=2).stderr


def test_arguments_of_a_workload_may_be_empty(cli):
    cli("tasks", "run", HELLO, "")


@pytest.mark.parametrize("arguments", [["--help"], ["tasks", "--help"], ["tasks", "run", "--help"],
                                       ["up", "--help"], ["proplets", "--help"], ["help"]], ids=str)
def test_help_goes_to_stdout(cli, arguments):
    assert "propeller-cli" in cli(*arguments).stdout


def test_help_of_a_verb(cli):
    for words in (["tasks", "run"], ["up"], ["tasks"]):
        assert cli("help", *words).stdout == cli(*words, "--help").stdout
    assert "did you mean" in cli("help", "tsks", code=2).stderr


def test_the_version_as_json(cli):
    assert cli("version").stdout == f"propeller-cli {cli.json('version')['version']}\n"


@pytest.mark.parametrize("flags", [["--image", "registry/x:1"], ["--image-url", "http://h/x.wasm"]], ids=str)
def test_a_file_and_an_image_are_one_too_many(cli, up, flags):
    before = up.rest.get("/tasks?limit=1").json["total"]
    assert "take one" in cli("tasks", "create", "x", "--file", ADD, *flags, code=2).stderr
    assert up.rest.get("/tasks?limit=1").json["total"] == before


def test_a_token(stack):
    stack.start_broker()
    stack.start_manager(MANAGER_HTTP_TOKEN="open-sesame")
    done = Cli(stack.http_port)("tasks", "list", code=5)
    assert "token" in done.stderr.lower() and "PROPELLER_TOKEN" in done.stderr
    Cli(stack.http_port, PROPELLER_TOKEN="open-sesame")("tasks", "list")
    done = Cli(stack.http_port, PROPELLER_TOKEN="wrong")("tasks", "list", code=5)
    assert "wrong" not in done.stderr.replace("missing or wrong", "")
    file = stack.folder / "token"
    file.write_text("open-sesame\n")
    for mode in (0o640, 0o604, 0o644, 0o660):
        file.chmod(mode)
        done = Cli(stack.http_port, PROPELLER_TOKEN_FILE=str(file))("tasks", "list", code=2)
        assert f"{file} (mode {mode:04o}); run chmod 600 on it" in done.stderr and "open-sesame" not in done.stderr, done
    for mode in (0o600, 0o400):
        file.chmod(mode)
        Cli(stack.http_port, PROPELLER_TOKEN_FILE=str(file))("tasks", "list")


def test_a_token_through_a_pipe(stack):
    """--token-file <(pass show factory)"""
    stack.start_broker()
    stack.start_manager(MANAGER_HTTP_TOKEN="open-sesame")
    cli = Cli(stack.http_port)
    done = subprocess.run(["bash", "-c", f'exec "$0" -m {cli.url} tasks list --token-file <(echo open-sesame)', BIN / "propeller-cli"],
                          capture_output=True, text=True, env=cli.environment, timeout=120)
    assert done.returncode == 0, done


def test_the_output_of_a_broken_pipe(cli):
    done = subprocess.run(f"{BIN}/propeller-cli -m {cli.url} tasks list -o json | head -c 1",
                          shell=True, capture_output=True, text=True, env=cli.environment, timeout=120)
    assert done.returncode == 0 and "Traceback" not in done.stderr


def test_contexts(stack, tmp_path):
    """The token goes to its manager and to no other."""
    stack.start_broker()
    stack.start_manager(MANAGER_HTTP_TOKEN="open-sesame")
    token = tmp_path / "token"
    token.write_text("open-sesame\n")
    token.chmod(0o600)
    url = f"http://127.0.0.1:{stack.http_port}"

    def run(*words, code=0, **environment):
        done = subprocess.run([BIN / "propeller-cli", *map(str, words)], capture_output=True, text=True, timeout=120,
                              env={**clean_environment(), "XDG_CONFIG_HOME": str(tmp_path), **environment},
                              stdin=subprocess.DEVNULL, cwd=tmp_path)
        assert done.returncode == code, done
        return done.stdout + done.stderr

    run("context", "set", "factory", "-m", url, "--token-file", "token")
    file = tmp_path / "propeller/contexts.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    run("tasks", "list")
    run("tasks", "list", code=5, PROPELLER_TOKEN="wrong")
    run("tasks", "list", code=5, PROPELLER_MANAGER_URL=url)
    run("-m", url, "tasks", "list", code=5)
    run("--context", "factory", "tasks", "list", PROPELLER_MANAGER_URL="http://127.0.0.1:1")
    run("context", "set", "nowhere", "--manager-url", "http://127.0.0.1:1")
    run("tasks", "list", code=6, PROPELLER_CONTEXT="nowhere")
    run("context", "use", "nowhere")
    run("tasks", "list", code=6)
    shown = [run("context", "list"), run("context", "show", "factory"), run("context", "list", "-o", "json"),
             file.read_text()]
    assert all(url in text and "open-sesame" not in text for text in shown)
    assert run("context", "list", "-o", "id") == "factory\nnowhere\n"
    assert f"token file   {tmp_path}/token" in shown[1]
    assert run("complete", "--", "context", "use", "fa").startswith("factory\t")
    assert "`propeller-cli context list`" in run("context", "use", "elsewhere", code=3)
    run("context", "delete", "nowhere")
    run("context", "show", code=3)


def test_manifests(cli, up, tmp_path):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/add.wasm").write_bytes(example("add"))
    file = tmp_path / "tasks.json"
    rows = [{"name": f"from-a-manifest-{n}", "module": "modules/add.wasm", "invoke": "add", "inputs": [str(n), "1"],
             "metadata": {"n": str(n)}} for n in range(3)]
    for content in (rows, {"tasks": rows}):
        file.write_text(json.dumps(content))
        ids = cli("tasks", "create", "--manifest", file, "--metadata", "site=north").stdout.split()
        assert len(ids) == 3
        for n, task_id in enumerate(ids):
            seen = cli.json("tasks", "view", task_id)
            assert seen["name"] == rows[n]["name"] and seen["metadata"] == {"n": str(n), "site": "north"}
            cli("tasks", "start", task_id)
            cli("tasks", "wait", task_id)
            assert cli("tasks", "results", task_id).stdout == f"{n + 1}\n"
    file.write_text(json.dumps(rows[0]))
    page = cli.json("tasks", "create", "--manifest", file)
    assert [task["name"] for task in page["tasks"]] == ["from-a-manifest-0"]
    before = up.rest.get("/tasks?limit=1").json["total"]
    for content, says in (("", "tasks.json:1:"), ("[]", "0 tasks"), ("[5]", "task 1"), ('{"name": 5}', "task 1"),
                          ('{"name":"a","module":5}', "task 1"), ('{"name":"a","name":"b"}', "duplicate"),
                          (json.dumps(rows[:2] + [{"name": "x", "module": "modules/none.wasm"}]), "task 3 (x)"),
                          (json.dumps(rows[:2] + [{**rows[2], "image_url": "http://h/m.wasm"}]), "give one of them"),
                          (json.dumps(rows[:2] + [{**rows[2], "file": "AGFzbQEAAAA="}]), "none was made"),
                          (json.dumps(rows[:2] + [{"name": "x", "priority": 1000}]), "none was made")):
        file.write_text(content)
        assert says in cli("tasks", "create", "--manifest", file, code=None).stderr, content
    assert up.rest.get("/tasks?limit=1").json["total"] == before, "all of them or none"
    cli("tasks", "create", "a-name", "--manifest", file, code=2)
    cli("tasks", "create", code=2)


def test_logs_follow(cli, up):
    """Until the task has ended, also when it is not even started yet."""
    task = up.rest.create("followed", guest("loop"), invoke="spin")
    process = subprocess.Popen([BIN / "propeller-cli", "-m", cli.url, "tasks", "logs", "-f", task["id"]],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=cli.environment)
    assert "its output comes when it has ended" in process.stderr.readline()
    crash = cli.json("tasks", "create", "crash", "--file", CRASH, "--cli-args", "exit,4")
    cli("tasks", "start", crash["id"])
    done = cli("tasks", "logs", "--follow", crash["id"])
    assert "about to fail" in done.stdout + done.stderr
    assert process.poll() is None
    cli("tasks", "start", task["id"])
    wait_until(lambda: up.rest.task(task["id"])["state"] == 2, 30, "Running")
    cli("tasks", "stop", task["id"])
    assert process.wait(patience()) == 0
    process.communicate()


def test_progress_of_an_upload(cli, tmp_path):
    """On a terminal, and gone at the end; a pipe sees nothing of it."""
    module = bytearray(example("add"))
    size = 24 << 20
    module += b"\0" + bytes([(size + 2 >> 7 * n & 0x7f) | (0x80 if n < 4 else 0) for n in range(5)]) + b"\1x" + bytes(size)
    path = tmp_path / "large.wasm"
    path.write_bytes(module)
    assert "MiB" not in cli("tasks", "create", "large", "--file", path).stderr
    text = on_terminal(cli, "tasks", "create", "large", "--file", str(path))
    assert "large.wasm  0 %  0." in text and "MiB of 24.0 MiB" in text
    assert text.rstrip().rpartition("\x1b[K")[2].strip().count("-") == 4, text  # the id alone
