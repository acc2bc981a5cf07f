# SPDX-License-Identifier: Apache-2.0
"""The console blocks of README.md are executed: what it promises a newcomer is what happens.

In a block marked ```console, a line that begins with "$ " is a command and the lines below it are
what it must print; "..." stands for anything, and a UUID for any UUID.
Commands that begin with `make` are not executed again: they are how these tests were started.
"""
import os
import re
import subprocess

import pytest

from modules import TOP
from stack import BIN, clean_environment
from test_t_up import begin  # noqa: F401 (a fixture)

README = TOP / "README.md"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def steps():
    """[(command, expected output)] of all console blocks."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", README.read_text(), re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command = command[:-1] + more.removeprefix("> ").strip()
            found.append((command.strip(), output.rstrip("\n")))
    return [step for step in found if not re.match(r"(make|git|cd|sudo|apt)\b", step[0])]


def pattern(expected):
    """What is written; "..." stands for anything, a UUID for any, a run of spaces for any run."""
    parts = re.split(rf"(\.\.\.|{UUID}| +)", expected.strip())
    known = {"...": ".*?"}
    return re.compile("".join(known.get(part) or (UUID if re.fullmatch(UUID, part) else
                                                  " +" if part and part.isspace() else re.escape(part))
                              for part in parts), re.S)


@pytest.mark.timeout(180)
def test_the_tour(begin):  # noqa: F811
    up = begin()
    told = up.ready()
    port = up.rest().port
    shell = {**clean_environment(), "PATH": f"{BIN}:{os.environ['PATH']}",
             "PROPELLER_MANAGER_URL": f"http://127.0.0.1:{port}", "PROPELLER_EXECUTOR_URL": told["executor_url"]}
    tour = steps()
    assert len(tour) >= 3, "README.md has no tour"
    for command, expected in tour:
        command = command.replace("build/bin/", f"{BIN}/").replace("localhost:7070",
                                                                    f"127.0.0.1:{port}")
        assigned = re.match(r"(\w+)=\$\(", command)
        if assigned:  # for the commands that follow
            command += f'; printf %s "${assigned[1]}"'
        done = subprocess.run(["bash", "-c", command], cwd=TOP, env=shell, text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL)
        if assigned:
            shell[assigned[1]] = done.stdout
        assert pattern(expected).search(done.stdout.strip()), \
            f"$ {command}\n{done.stdout}\n-- README says --\n{expected}"
    assert up.end() == 0
