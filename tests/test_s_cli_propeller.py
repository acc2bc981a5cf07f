# SPDX-License-Identifier: Apache-2.0
"""Every flag of Propeller's command line, as its users type it: it works, or the manager says by name what it does
not run."""
import subprocess

import pytest

from stack import BIN, clean_environment
from test_s_cli import ADD, Cli

# flag, value (None: a switch), what the task then has; a text: the field that the manager refuses by name.
CREATE = [
    ("--image-url", "registry.example/add:1", {"image_url": "registry.example/add:1"}),
    ("--cli-args", "a,b", {"cli_args": ["a", "b"]}),
    ("--inputs", "1,2", {"inputs": ["1", "2"]}),
    ("--env", "A=1,B=2", {"env": {"A": "1", "B": "2"}}),
    ("--daemon", None, {"daemon": True}),
    ("--latent", None, "latent"),
    ("--encrypted", None, "encrypted"),
    ("--kbs-resource-path", "default/key/1", "kbs_resource_path"),
    ("--proplet-id", "worker-1", {"proplet_id": "worker-1"}),
    ("--broadcast", None, "broadcast"),
    ("--priority", "70", {"priority": 70}),
    ("--mode", "infer", "mode"),
    ("--kind", "standard", {"kind": "standard"}),
    ("--schedule", "* * * * *", "schedule"),
    ("--timezone", "Europe/Berlin", "timezone"),
    ("--is-recurring", None, "is_recurring"),
    ("--metadata", "team=red,site=north", {"metadata": {"team": "red", "site": "north"}}),
]


@pytest.fixture
def cli(up):
    return Cli(up.http_port)


def forms(flag, value):
    if value is None:
        return [[flag], [flag + "=true"]]
    return [[flag, value], [f"{flag}={value}"]]


@pytest.mark.parametrize("flag,value,gives", CREATE, ids=[row[0] for row in CREATE])
def test_flags_of_create_and_update(cli, up, flag, value, gives):
    for words in forms(flag, value):
        task = up.rest.create("propeller")
        if isinstance(gives, str):
            for verb in (["create", "propeller"], ["update", task["id"]]):
                done = cli("tasks", *verb, *words, code=2)
                assert gives in done.stderr and done.stderr.count("\n") == 2, done
            continue
        made = cli.json("tasks", "create", "propeller", *words)
        cli("tasks", "update", task["id"], *words)
        for seen in (cli.json("tasks", "view", made["id"]), cli.json("tasks", "view", task["id"])):
            assert {name: seen.get(name) for name in gives} == gives
    if value is None:
        cli("tasks", "create", "propeller", flag + "=false")


@pytest.mark.parametrize("words", [["--env", "A=1", "--env", "B=2"], ["--env=A=1,B=2"]], ids=str)
def test_lists_grow_with_each_flag(cli, words):
    made = cli.json("tasks", "create", "grown", *words, "--inputs", "1", "--inputs", "2,3", "--cli-args=x", "--cli-args=y")
    seen = cli.json("tasks", "view", made["id"])
    assert (seen["env"], seen["inputs"], seen["cli_args"]) == ({"A": "1", "B": "2"}, ["1", "2", "3"], ["x", "y"])


def test_pages(cli, up):
    """-o is an offset when it is a number, and -l the limit; -v takes nothing."""
    ids = [up.rest.create(f"page-{n}", metadata={"page": "yes"})["id"] for n in range(4)][::-1]
    for words in (["-o", "1", "-l", "2"], ["-o1", "-l2"], ["--offset", "1", "--limit", "2"], ["--offset=1", "--limit=2"],
                  ["-o=1", "-l=2", "-v"], ["-v", "-o", "1", "-l", "2", "--tls-verification=false"]):
        page = cli.json("tasks", "list", "--metadata", "page=yes", *words)
        assert [task["id"] for task in page["tasks"]] == ids[1:3], words
        assert (page["offset"], page["limit"], page["total"]) == (1, 2, 4)
        assert cli.json("proplets", "list", *words)["offset"] == 1
        for noun, verb, item in (("tasks", "metrics", ids[0]), ("proplets", "metrics", "worker-1"),
                                 ("proplets", "alive-history", "worker-1")):
            assert cli.json(noun, verb, item, *words)["offset"] == 1


def test_status_of_workers(cli):
    assert cli("proplets", "list", "--status", "active", "-o", "id").stdout == "worker-1\n"
    assert cli("proplets", "list", "--status=inactive", "-o", "id").stdout == ""


@pytest.mark.parametrize("flags", [["-m", "URL"], ["-mURL"], ["-m=URL"], ["--manager-url", "URL"], ["--manager-url=URL"],
                                   ["-v", "-m", "URL"], ["-vm", "URL"], ["--tls-verification", "-m", "URL"],
                                   ["-a", "http://localhost:8080", "-m", "URL"],
                                   ["--atom-url=http://localhost:8080", "-m", "URL"]], ids=" ".join)
def test_global_flags(up, flags):
    words = [flag.replace("URL", f"http://127.0.0.1:{up.http_port}") for flag in flags]
    for line in ([*words, "tasks", "list"], ["tasks", *words, "list"], ["tasks", "list", *words], [*words, "health"]):
        done = subprocess.run([BIN / "propeller-cli", *line], capture_output=True, text=True, timeout=120,
                              env=clean_environment())
        assert done.returncode == 0, (line, done)


def test_verbs(cli):
    """Create, upload, start, view, results, metrics, stop, delete, as in its documentation."""
    task_id = cli.json("tasks", "create", "add", "--inputs", "10,20")["id"]
    for words in (["upload", task_id, ADD], ["start", task_id], ["wait", task_id], ["view", task_id],
                  ["metrics", task_id], ["delete", task_id]):
        cli("tasks", *words)
    for words in (["view", "worker-1"], ["metrics", "worker-1"], ["alive-history", "worker-1"]):
        cli("proplets", *words)


@pytest.mark.parametrize("words", [["jobs", "create", "--name", "x"], ["workflows", "create", "--tasks", "[]"],
                                   ["fl", "configure"], ["provision", "-f", "config.toml"],
                                   ["tasks", "invoke", "x", "1"], ["proplets", "sdf", "worker-1"]], ids=" ".join)
def test_what_is_not_here_says_so(cli, words):
    error, hint = cli(*words, code=2).stderr.splitlines()
    assert error.startswith(f"error: `propeller-cli {words[0]}") and " of Propeller is not here: " in error
    assert hint.startswith("hint: ")


def test_the_table_is_whole():
    """What --help of create shows beside ours is the list above."""
    text = subprocess.run([BIN / "propeller-cli", "tasks", "create", "--help"], capture_output=True, text=True,
                          timeout=120).stdout
    assert all(flag + " " in text for flag, *_ in CREATE)
