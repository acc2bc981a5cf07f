# SPDX-License-Identifier: Apache-2.0
"""Completion in the real shells, typed on a terminal."""
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import time
import uuid

import pytest

from modules import example, guest
from stack import BIN, clean_environment, free_port
from test_s_cli import Cli
from wait import patience, wait_until

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             "bind 'set enable-bracketed-paste off'; . <(propeller-cli completion bash)\n"),
    "zsh": (["zsh", "-f", "-i"],
            "unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; . <(propeller-cli completion zsh)\n"),
}
# The line is drawn anew, too: else a bell, or moves over what already stood on the screen, are amid the word.
TAB_AGAIN = "\t\x0c"


class Typed:
    """A shell on a terminal."""

    def __init__(self, shell, folder, url):
        words, setup = SHELLS[shell]
        self.text = ""
        environment = {**clean_environment(), "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "xterm",
                       "HOME": str(folder), "PS1": "> ", "COLUMNS": "200", "LINES": "50",
                       "PROPELLER_MANAGER_URL": url}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(words[0], words, environment)
        self.send("stty rows 50 cols 200; " + setup + "echo re''ady\n")
        self.wait("ready")

    def send(self, text):
        self.text = ""
        os.write(self.terminal, text.encode())

    def wait(self, word, key=None, seconds=60):
        """`key` is typed again when nothing comes: ids are left out where the manager takes its time (0.4 s)."""
        deadline = time.monotonic() + patience(seconds)
        while word not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text):
            left = deadline - time.monotonic()
            assert left > 0, f"{word!r} does not come: {self.text!r}"
            if select.select([self.terminal], [], [], min(left, 5))[0]:
                self.text += os.read(self.terminal, 65536).decode(errors="replace")
            elif key:
                os.write(self.terminal, key.encode())
        return self.text

    def close(self):
        os.close(self.terminal)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture
def typed(request, tmp_path, up):
    if shutil.which(request.param) is None:
        pytest.fail(f"{request.param} is not installed: tools/setup test")
    shell = Typed(request.param, tmp_path, f"http://127.0.0.1:{up.http_port}")
    yield shell
    shell.close()


each_shell = pytest.mark.parametrize("typed", SHELLS, indirect=True)


@each_shell
def test_words(typed, up, tmp_path):
    (tmp_path / "some-module.wasm").write_bytes(example("add"))
    name = f"a-task-{uuid.uuid4()}"
    task = up.rest.create(name)
    for before, after in (("propeller-cli tas", "tasks list --lim"), ("propeller-cli tasks pla", "placement "),
                          ("propeller-cli tasks list --off", "--offset "),
                          ("propeller-cli tasks list -o wi", "wide "),
                          ("propeller-cli tasks list --output=wi", "--output=wide"),
                          ("propeller-cli tasks create x -f some-m", "some-module.wasm"),
                          ("propeller-cli proplets view wor", "worker-1 "),
                          ("propeller-cli keys new --for wor", "worker-1 ")):
        typed.send(before + "\t")
        if before.endswith("tas"):
            typed.wait("tasks ", TAB_AGAIN)
            typed.send("list --lim\t")
            typed.wait("--limit ", TAB_AGAIN)
        else:
            typed.wait(after, TAB_AGAIN)
        typed.send("\x15")  # the line is dropped
    typed.send(f"propeller-cli tasks view {name}\t")
    typed.wait(task["id"], TAB_AGAIN)
    typed.send("\n")
    typed.wait(f"id           {task['id']}")


@each_shell
def test_a_list_says_what_things_are(typed, up):
    ids = [up.rest.create(f"listed-{n}", metadata={})["id"] for n in range(2)]
    typed.send("propeller-cli tasks view listed-\t\t\t")
    for n, task_id in enumerate(ids):
        typed.wait(f"{task_id}  (listed-{n}, Pending)", "\t")
    typed.send("\n")  # what was typed is still there
    typed.wait('"listed-" is not a task id')


@pytest.fixture
def fish(tmp_path):
    def complete(line, url):
        done = subprocess.run(
            ["fish", "--no-config", "-c", f'propeller-cli completion fish | source; complete -C "{line}"'],
            capture_output=True, text=True, timeout=120, cwd=tmp_path,
            env={**clean_environment(), "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path),
                 "PROPELLER_MANAGER_URL": url})
        assert done.returncode == 0 and not done.stderr, done
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]
    return complete


def test_fish(fish, up, tmp_path):
    (tmp_path / "some-module.wasm").write_bytes(example("add"))
    (tmp_path / "some-folder").mkdir()
    url = f"http://127.0.0.1:{up.http_port}"
    assert ("tasks",) in fish("propeller-cli ", url)
    assert fish("propeller-cli tasks pla", url) == [
        ("placement", "says where a task runs or would run, and why")]
    assert [word for word, *_ in fish("propeller-cli tasks list --output=w", url)] == ["--output=wide"]
    found = wait_until(lambda: fish("propeller-cli proplets view w", url), 60, "a worker")
    assert found[0][0] == "worker-1"
    assert [word for word, *_ in fish("propeller-cli tasks upload x some-m", url)] == ["some-module.wasm"]
    assert [word for word, *_ in fish("propeller-cli up --state some-", url)] == ["some-folder/"]


def complete(cli, *words):
    lines = cli("complete", "--", *words).stdout.splitlines()
    return [line.split("\t")[0] for line in lines[:-1]], lines[-1]


def ids(cli, *words):
    """As complete(), where there are some: none are offered where the manager takes its time (0.4 s)."""
    def some():
        found = complete(cli, *words)
        return found if found[0] else None
    return wait_until(some, 60, f"words after {words}")


@pytest.fixture
def cli(up):
    return Cli(up.http_port)


def test_only_what_makes_sense(cli, up):
    running = up.rest.create("completed-spin", guest("loop"), invoke="spin")["id"]
    resting = up.rest.create("completed-rest")["id"]
    cli("tasks", "start", running)
    wait_until(lambda: up.rest.task(running)["state"] == 2, 30, "Running")
    assert ids(cli, "tasks", "stop", "completed-") == ([running], ":")
    assert ids(cli, "tasks", "start", "completed-") == ([resting], ":")
    assert sorted(ids(cli, "tasks", "view", "completed-")[0]) == sorted([running, resting])
    assert ids(cli, "tasks", "view", resting[:13])[0] == [resting]
    cli("tasks", "stop", running)


def test_lines_of_all_kinds(cli):
    assert complete(cli, "keys", "")[0] == ["new"]
    assert "complete" not in complete(cli, "")[0]
    assert complete(cli, "tasks", "run", "")[1] == ":files"
    assert complete(cli, "tasks", "run", "--engine", "s")[0] == ["singlepass"]
    assert complete(cli, "tasks", "run", "--engine=s")[0] == ["--engine=singlepass"]
    assert complete(cli, "tasks", "run", "--engine", "=", "s")[0] == ["singlepass"]
    assert complete(cli, "up", "--state", "")[1] == ":folders"
    assert complete(cli, "-l", "5", "tasks", "li")[0] == ["list"]
    assert complete(cli, "tasks", "list", "--limit", "5", "--lim")[0] == []
    assert complete(cli, "tasks", "create", "x", "--env", "A=1", "--en")[0] == ["--env", "--engine", "--encrypted"]
    assert complete(cli, "tasks", "run", "x", "--", "--e")[0] == []
    for line in ([], ["", ""], ["--"], ["dance", ""], ["tasks", "dance", ""], ["--manager-url"],
                 ["tasks", "view", "a", ""], ["-o", "x", ""], ["="], ["tasks", "list", "--", "-"],
                 ["\x1b[31m", "\x07"], ["x" * 70000, "x"]):
        complete(cli, *line)


def test_nobody_answers():
    """Not a word, whoever is at that address: the one who listens and says nothing is not waited for."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for port in (free_port(), silent.getsockname()[1]):
            done = Cli(port)("complete", "--", "tasks", "view", "")
            assert (done.stdout, done.stderr) == (":\n", "")


def shown_names(cli):
    shown = cli("complete", "--", "tasks", "view", "").stdout
    return shown if shown != ":\n" else None


def test_a_name_cannot_drive_the_terminal(cli, up):
    up.rest.create("evil\u009b31m")
    shown = wait_until(lambda: shown_names(cli), 60, "the names")
    assert "evil\\u009b31m" in shown and "\u009b" not in shown


def test_which_shells(cli):
    for shell in ("bash", "zsh", "fish"):
        assert "propeller-cli" in cli("completion", shell).stdout
    assert "none of bash, zsh, fish" in cli("completion", "tcsh", code=2).stderr
