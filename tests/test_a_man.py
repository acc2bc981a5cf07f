# SPDX-License-Identifier: Apache-2.0
"""The manual pages: what mandoc thinks of them, and whether they tell what --help tells."""
import json
import re
import shutil
import subprocess

import pytest

from modules import TOP
from stack import BIN, clean_environment
from wait import patience

PAGES = {"propeller-cli": ["man"], "propeller-manager": ["--man"], "proplet": ["--man"], "propeller-proxy": ["--man"],
         "propeller-executor": ["--man"]}


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=patience(),
                          env={**clean_environment(), "LC_ALL": "C.UTF-8"}, **more)


def page_of(program):
    done = run(BIN / program, *PAGES[program])
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


def shown(program, width=200):
    return run("mandoc", "-T", "utf8", "-O", f"width={width}", input=page_of(program)).stdout.replace("\b", "")


each = pytest.mark.parametrize("program", PAGES)


@each
def test_lint(program):
    if shutil.which("mandoc") is None:
        pytest.fail("mandoc is not installed: tools/setup test")
    done = run("mandoc", "-T", "lint", "-W", "style", input=page_of(program))
    # Pages of each other are not installed where this runs.
    wrong = [line for line in done.stdout.splitlines() if "referenced manual not found" not in line]
    assert wrong == []


@each
def test_the_other_formatter(program):
    """man-db with groff, as most people have it."""
    if shutil.which("groff") is None and shutil.which("man") is None:
        pytest.fail("neither groff nor man is installed")
    done = run("man", "--warnings", "-l", "-", input=page_of(program))
    assert done.returncode == 0 and done.stderr == "" and "NAME" in done.stdout, done.stderr


@each
def test_it_tells_everything(program):
    text = re.sub(r".\x08", "", run("mandoc", "-T", "ascii", "-O", "width=1000", input=page_of(program)).stdout)
    told = set(re.findall(r"--(?:\[no-\])?[a-z][a-z0-9-]+|[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+", text))
    if program == "propeller-cli":
        nouns = {line.split()[0] for line in run(BIN / program, "--help").stdout.splitlines() if line[:2] == "  "}
        verbs = [line.split()[:2] for line in run(BIN / program, "--help").stdout.splitlines() if line[:2] == "  "]
        assert {"tasks", "proplets", "up"} <= nouns
        helps = [run(BIN / program, *words[:1], *(words[1:] if len(words) > 1 else []), "--help").stdout
                 for words in verbs]
        help_text = "\n".join(helps)
    else:
        help_text = run(BIN / program, "--help").stdout
    wanted = set(re.findall(r"--(?:\[no-\])?[a-z][a-z0-9-]+|[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+", help_text))
    assert len(wanted) > 10 and wanted - told == set()


def test_they_are_installed():
    tools = subprocess.run(["meson", "introspect", "--installed", str(TOP / "build/main")], capture_output=True,
                           text=True, timeout=patience())
    places = json.loads(tools.stdout).values()
    for end in ("man/man1/propeller-cli.1", "man/man8/propeller-manager.8", "man/man8/proplet.8",
                "man/man8/propeller-proxy.8", "bash-completion/completions/propeller-cli.bash",
                "zsh/site-functions/_propeller-cli", "fish/vendor_completions.d/propeller-cli.fish"):
        assert any(place.endswith("/share/" + end) for place in places), end
