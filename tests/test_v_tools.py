# SPDX-License-Identifier: Apache-2.0
"""The tools that guard the tree must be able to say no."""
import importlib
import os
import shutil
import subprocess
import sys

import pytest

from modules import TOP

LAYERS = TOP / "tools" / "layers"
LINT = TOP / "tools" / "lint"


def tree(folder, **files):
    """Writes files; in their names __ stands for / and the last _ for a dot."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/").rpartition("_")[0] + "."
                         + name.rpartition("_")[2])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("/* SPDX-License-Identifier: Apache-2.0 */\n" + text)
    return folder


def run(tool, folder, *arguments):
    return subprocess.run([sys.executable, tool, "--tree", folder, *arguments], capture_output=True,
                          text=True, timeout=280)


def layers(folder):
    return run(LAYERS, folder)


def test_a_clean_tree_passes(tmp_path):
    done = layers(tree(
        tmp_path, lib__base__str_h="#pragma once\n#include <stddef.h>\nsize_t len(const char *s);\n",
        lib__model__task_c='#include "model/task.h"\n',
        lib__model__task_h='#pragma once\n#include "base/str.h"\n',
        programs__cli__main_c='#include "model/task.h"\n#include "base/str.h"\n'))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("files,says", [
    ({"lib__base__a_c": '#include "model/task.h"\n', "lib__model__task_h": "#pragma once\n"},
     "lib/base/a.c"),
    ({"lib__model__a_c": '#include "store/store.h"\n', "lib__store__store_h": "#pragma once\n"},
     "lib/model/a.c"),
    ({"lib__store__a_c": '#include "engine/engine.h"\n', "lib__engine__engine_h": "#pragma once\n"},
     "lib/store/a.c"),
    ({"lib__bus__a_c": '#include "http/server.h"\n', "lib__http__server_h": "#pragma once\n"},
     "lib/bus/a.c"),
    ({"lib__base__a_c": '#include "manager/x.h"\n', "programs__manager__x_h": "#pragma once\n"},
     "lib/base/a.c"),
    ({"programs__cli__a_c": '#include "manager/x.h"\n', "programs__manager__x_h": "#pragma once\n"},
     "programs/cli/a.c"),
    ({"programs__cli__a_c": '#include "../manager/x.h"\n',
      "programs__manager__x_h": "#pragma once\n"}, "programs/cli/a.c"),
    ({"lib__new__a_c": "int x;\n"}, "lib/new"),
    ({"lib__base__a_h": "#pragma once\nsize_t f(void);\n"}, "lib/base/a.h"),
    ({"lib__base__a_h": "int f(void);\n"}, "pragma once"),
    ({"lib__base__a_c": '#include "base/nowhere.h"\n'}, "nowhere.h"),
], ids=range(11))
def test_a_violation_fails(tmp_path, files, says):
    done = layers(tree(tmp_path, **files))
    assert done.returncode == 1, done.stdout + done.stderr
    assert says in done.stdout + done.stderr


def test_our_own_tree_passes():
    done = layers(TOP)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("text,says", [
    ("#include <string.h>\nvoid f(char *a) {\n\tstrcpy(a, \"b\");\n}\n", "strcpy"),
    ("int f(char *a) {\n\treturn sprintf(a, \"b\");\n}\n", "sprintf"),
    ("int f(void) {\n\treturn system(\"ls\");\n}\n", "system"),
    ("void f(void) {\n\tusleep(5);\n}\n", "usleep"),
    ("void f(void) {\n\tsleep(5);\n}\n", "sleep"),
    ("int f(const char *s) {\n\treturn atoi(s);\n}\n", "atoi"),
    ("/* TO" "DO: make it work */\n", "TO" "DO"),
    ("const char *const host = \"/ro" "ot/x\";\n", "path"),
    ("void f(void) {\n" + "\tg();\n" * 61 + "}\n", "60 lines"),
    ("/* a */\n" * 800, "700 lines"),
], ids=range(10))
def test_lint_says_no(tmp_path, text, says):
    done = run(LINT, tree(tmp_path, lib__base__a_c=text), "--sources-only")
    assert done.returncode == 1, done.stdout + done.stderr
    assert says in done.stdout + done.stderr


def test_lint_reads_scripts(tmp_path):
    done = run(LINT, tree(tmp_path, dashboard__a_js="export const = 1;\n", dashboard__b_js="export const x = 1;\n"),
               "--sources-only")
    assert done.returncode == 1 and "dashboard/a.js" in done.stdout and "b.js" not in done.stdout


def test_lint_lets_good_things_through(tmp_path):
    text = ('/* strcpy() is not used here; TO' 'DO(#12): faster. */\n#include <stdio.h>\n'
            'int f(char *a, size_t n) {\n\treturn snprintf(a, n, "strcpy(");\n}\n')
    done = run(LINT, tree(tmp_path, lib__base__a_c=text), "--sources-only")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(name="testrun")
def testrun_fixture():
    sys.path.insert(0, str(TOP / "tools"))
    try:
        yield importlib.import_module("testrun")
    finally:
        sys.path.pop(0)


def test_the_count_of_tests(testrun):
    """tools/test counts every case, also of a program that dies half-way."""
    said = "1..4\nok 1 - a\nnot ok 2 - b\n# not ok\nnot ok 3 # SKIP c\nok 4 - d\n"
    count = testrun.count_cases("x", "FAIL", said)
    assert (count.passed, count.failed, len(count.skipped)) == (2, 1, 1)
    died = testrun.count_cases("x", "FAIL", "1..4\nok 1 - a\n")
    assert (died.passed, died.failed) == (1, 1)
    assert testrun.count_cases("x", "TIMEOUT", "").failed == 1
    plain = testrun.count_cases("x", "OK", "whatever\n")
    assert (plain.passed, plain.failed) == (1, 0)


TRIES = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("often", {often})
def test_tries(often):
    seen = Path(__file__).with_name(f"seen{{often}}")
    seen.write_text("x" + (seen.read_text() if seen.exists() else ""))
    assert len(seen.read_text()) > often

@pytest.fixture
def freed_badly():
    yield
    assert {freed}

def test_passes(freed_badly):
    pass
"""


@pytest.mark.parametrize("name,often,freed,says,tries", [
    ("test_a", [0, 1], True, "3 passed, 0 failed, 0 skipped", "12"),
    ("test_a", [0, 1, 2], True, "3 passed, 1 failed, 0 skipped", "122"),
    ("test_a", [1], False, "1 passed, 1 failed, 0 skipped", "2"),
    ("test_a", [1, 2, 3, 4], True, "1 passed, 4 failed, 0 skipped", "1111"),
    ("test_q_a", [0, 1], True, "2 passed, 1 failed, 0 skipped", "11"),
], ids=["late", "wrong", "fixture", "many", "durability"])
def test_a_second_try(tmp_path, monkeypatch, capfd, testrun, name, often, freed, says, tries):
    """What fails once passes with its name said; many, what fails twice and what may lose nothing do not pass."""
    (tmp_path / "tests").mkdir()
    (tmp_path / f"tests/{name}.py").write_text(TRIES.format(often=often, freed=freed))
    monkeypatch.setattr(testrun, "TOP", tmp_path)
    monkeypatch.setattr(sys, "argv", ["test", "--system"])
    code = testrun.main()
    said = capfd.readouterr().out.splitlines()
    assert said[-1] == says and code == (", 0 failed" not in says), said
    assert "".join(str(len(path.read_text())) for path in sorted(tmp_path.glob("tests/seen*"))) == tries
    late = f"passed only at the second try: tests/{name}.py::test_tries[1]"
    assert (late in said) == (name == "test_a" and 1 in often and len(often) < 4), said


def test_a_late_run(tmp_path):
    """Every way of being late is begun, and what is right passes."""
    names = "onlookers,tests,pauses" + ("" if "AIRSCREW_SANITIZED" in os.environ else ",programs")
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", f"--basetemp={tmp_path / 'late'}",
                           TOP / "tests" / "test_m_events.py", "-k", "a_stop"],
                          env={**os.environ, "AIRSCREW_LATE": names}, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.fixture(name="small")
def small_fixture(tmp_path):
    """A tree with our Makefile and tools/build, which has a few files to install."""
    tree_of = tmp_path / "tree"
    (tree_of / "tools").mkdir(parents=True)
    shutil.copy(TOP / "Makefile", tree_of)
    shutil.copy(TOP / "tools/build", tree_of / "tools")
    (tree_of / "unit.in").write_text("ExecStart=@bindir@/program\n")
    (tree_of / "meson.build").write_text('''
project('small')
install_data('unit.in', install_dir: 'share/airscrew/samples/a')
install_data('meson.build', install_dir: 'bin', rename: 'program')
install_symlink('other', install_dir: 'bin', pointing_to: 'program')
configure_file(input: 'unit.in', output: 'unit', configuration: {'bindir': get_option('prefix') / 'bin'}, install_dir: 'lib')
''')
    subprocess.run(["meson", "setup", "build/main"], cwd=tree_of, check=True, capture_output=True)
    return tree_of


def make(folder, *words):
    return subprocess.run(["make", "-s", *words], cwd=folder, capture_output=True, text=True, timeout=280, check=False)


@pytest.mark.parametrize("destination", ["", "relative", "absolute"])
def test_what_is_installed_is_taken_away_again(small, tmp_path, destination):
    """Ours and nothing else; what is relative counts from where make runs."""
    prefix = tmp_path / "prefix with a space" if not destination else "/opt/air"
    place = {"": "", "relative": "relative", "absolute": tmp_path / "there"}[destination]
    root = prefix if not destination else small / place / "opt/air"
    words = [f"PREFIX={prefix}", f"DESTDIR={place}"]
    done = make(small, "install", *words)
    assert done.returncode == 0, done.stderr
    assert (root / "lib/unit").read_text() == f"ExecStart={prefix}/bin/program\n"
    assert (root / "bin/other").is_symlink() and (root / "share/airscrew/samples/a/unit.in").exists()
    (root / "bin/of-others").write_text("")
    done = make(small, "uninstall", *words)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in root.rglob("*") if not path.is_dir()] == ["of-others"]
    assert not (root / "share/airscrew").exists() and (root / "lib").exists()
