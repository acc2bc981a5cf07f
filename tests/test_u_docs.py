# SPDX-License-Identifier: Apache-2.0
"""What README.md and docs/ show is what happens: their console blocks are typed in, against a stack of `up`.

In a block marked ```console, a line that begins with "$ " is a command and the lines below it are
what it must print; "..." and "…" stand for anything, and a UUID for any UUID. Only ports are changed.
* Commands that begin with `make` are not typed in again: they are how these tests were started.
* One that ends with "&" starts a program that `up` has started already.
* `cat FILE` of a file that is not there: the lines below it are written into the file.
A block of commands that is not typed in has a line above it, <!-- not run: WHY -->, which may name the test that does.
"""
import os
import re
import shutil
import subprocess

import pytest

from modules import TOP
from stack import BIN, clean_environment
from test_t_up import begin  # noqa: F401 (a fixture)

PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/*.md"), *TOP.glob("tests/*.md")])
BLOCK = re.compile(r"(?:^<!-- not run: (?P<why>.*?) -->\n)?^```(?P<language>[^\n]*)\n(?P<text>.*?)^```", re.M | re.S)
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def blocks(page):
    return [match.groupdict() for match in BLOCK.finditer(page.read_text())]


def is_typed_in(block):
    return block["language"] == "console" and block["why"] is None


def steps(block):
    """[(command, expected output)] of a block."""
    found = []
    for part in re.split(r"^\$ ", block["text"], flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        found.append((re.sub(r"\s+# .*", "", command).strip(), output.rstrip("\n")))
    return [step for step in found if not re.match(r"(make|git|cd|sudo|apt)\b", step[0]) and not step[0].endswith("&")]


def pattern(expected):
    """What is written; "..." stands for anything, a UUID for any, a run of spaces for any run."""
    parts = re.split(rf"(\.\.\.|…|{UUID}| +)", expected.strip())
    known = {"...": ".*?", "…": ".*?"}
    return re.compile("".join(known.get(part) or (UUID if re.fullmatch(UUID, part) else
                                                  " +" if part and part.isspace() else re.escape(part))
                              for part in parts), re.S)


def url(up):
    return f"http://127.0.0.1:{up.rest().port}"


def translate(command, up, told):
    """The ports of this stack."""
    for here, there in ((7070, up.rest().port), (8080, int(told["executor_url"].rsplit(":", 1)[1]))):
        command = re.sub(rf"\blocalhost:{here}\b", f"127.0.0.1:{there}", command)
    return command.replace("build/bin/", f"{BIN}/")


class Terminal:
    """A shell whose variables stay from one command to the next."""

    def __init__(self, folder, home, **urls):
        self.folder = folder
        self.environment = {**clean_environment(), "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(home), **urls}
        self.environment.pop("XDG_CONFIG_HOME", None)

    def type(self, command):
        assigned = re.match(r"(\w+)=\$\(", command)
        if assigned:  # for the commands that follow
            command += f'; printf %s "${assigned[1]}"'
        done = subprocess.run(["bash", "-c", command], cwd=self.folder, env=self.environment, text=True, timeout=240,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        if not assigned:
            return done.stdout.strip()
        self.environment[assigned[1]] = done.stdout
        return ""


def follow(page, folder, home, up):
    """How many commands of the page were typed in."""
    told = up.ready()
    terminal = Terminal(folder, home, PROPELLER_EXECUTOR_URL=told["executor_url"])
    typed = 0
    for block in filter(is_typed_in, blocks(page)):
        # Where contexts are the subject, the environment must not name another manager.
        manager = None if "context use" in block["text"] else url(up)
        terminal.environment.pop("PROPELLER_MANAGER_URL", None)
        terminal.environment.update({"PROPELLER_MANAGER_URL": manager} if manager else {})
        for command, expected in steps(block):
            shown = re.fullmatch(r"cat (\S+)", command)
            if shown and not (folder / shown[1]).exists():
                (folder / shown[1]).write_text(expected + "\n")
            output = terminal.type(translate(command, up, told))
            assert pattern(expected).search(output) if expected else output == "", \
                f"$ {command}\n{output}\n-- {page.name} says --\n{expected}"
            typed += 1
    return typed


def test_the_tour(begin, tmp_path):  # noqa: F811
    up = begin()
    assert follow(TOP / "README.md", TOP, tmp_path, up) >= 10, "README.md has no tour"
    assert up.end() == 0


def test_the_pages(begin, tmp_path):  # noqa: F811
    """Each in a folder of its own, with the samples in it."""
    up = begin()
    typed = 0
    for page in PAGES:
        if page == TOP / "README.md":
            continue
        folder = tmp_path / page.stem
        folder.mkdir(exist_ok=True)
        for module in TOP.glob("examples/*/build/*.wasm"):
            shutil.copy(module, folder)
        typed += follow(page, folder, folder, up)
    assert typed >= 10
    assert up.end() == 0


def anchors(page):
    """What headings are called in links, as the usual viewers make it of their text."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in re.findall(r"^#+ (.*?) *$", text, re.M)]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def links(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"\w+:", link)]


ALL_PAGES = sorted(page for page in TOP.rglob("*.md") if "build" not in page.relative_to(TOP).parts)


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_every_link_leads_somewhere(page):
    """Files and headings of the tree; and tests that are named are there."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), link
        assert not anchor or anchor in anchors(there), link
    for name in re.findall(r"\btests/test_[\w*]+\.py", page.read_text()):
        assert list(TOP.glob(name)), name


def test_the_runbook_has_every_alert():
    alerts = re.findall(r"^ +- alert: (\w+)", (TOP / "deploy/grafana/alerts.yaml").read_text(), re.M)
    assert re.findall(r"^\| `(Airscrew\w+)` \|", (TOP / "docs/runbook.md").read_text(), re.M) == alerts


def test_the_runbook_quotes_what_the_programs_say():
    """Texts in quotes in its tables are in the sources, or are of a library that is named here."""
    libraries = {"Connection refused", "not authorised", "certificate has expired", "hostname mismatch", "Address already in use", "certificate revoked"}
    sources = "".join(path.read_text() for folder in ("lib", "programs") for path in (TOP / folder).rglob("*.c"))
    said = re.sub(r'"\s*\n\s*"', "", sources)
    rows = "".join(row for row in (TOP / "docs/runbook.md").read_text().splitlines(True) if row.startswith("|"))
    quoted = re.findall(r'"([A-Za-z][^"|]{8,})"', rows)
    assert len(quoted) > 12
    for text in quoted:
        end = next((text.removesuffix(known) for known in libraries if text.endswith(known)), text)
        assert end in said, text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_typed_in_or_says_why_not(page):
    for block in blocks(page):
        is_shown = block["language"] in ("ini", "json", "text", "toml", "yaml")  # what stands in a file
        assert is_typed_in(block) or is_shown or block["why"], \
            f"{page.name}: let it be ```console, or put <!-- not run: WHY --> above it:\n{block['text']}"
        for test in re.findall(r"tests/test_\w+\.py", block["why"] or ""):
            assert (TOP / test).exists(), (page.name, test)
