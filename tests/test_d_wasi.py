# SPDX-License-Identifier: Apache-2.0
"""WASI preview 1: arguments, environment, stdin, output, exit code, clocks."""
import base64

import pytest

from api import COMPLETED, FAILED
from modules import example, guest
from stack import measure


@pytest.mark.parametrize("engine", ["multipass", "singlepass", "interp"])
def test_all_that_a_command_sees(rest, engine):
    done = rest.run("seer", guest("wasi"), engine=engine, cli_args=["one", "two words", ""],
                    env={"A": "1", "LONG": "x" * 1000, "UNICODE": "é☃"}, stdin="abc")
    assert done["state"] == COMPLETED, done
    lines = done["stdout"].splitlines()
    assert lines[:1] == ["argc 4"]
    assert lines[2:5] == ["argv[1] one", "argv[2] two words", "argv[3] "]
    assert {"env A=1", "env LONG=" + "x" * 1000, "env UNICODE=é☃"} <= set(lines)
    assert lines[-1] == f"stdin 3 bytes, sum {sum(b'abc')}"
    assert done["stderr"] == "a word on stderr\n"
    assert done["results"] == done["stdout"]


def test_inputs_of_a_command_become_arguments(rest):
    done = rest.run("seer", guest("wasi"), cli_args=["first"], inputs=["second", 3])
    assert "argv[1] first\nargv[2] second\nargv[3] 3\n" in done["stdout"]


def test_the_environment_of_the_worker_stays_outside(rest):
    done = rest.run("seer", guest("wasi"))
    assert "PROPLET_CLIENT_KEY" not in done["stdout"] and "PATH=" not in done["stdout"]


@pytest.mark.parametrize("code", [1, 3, 42, 125])
def test_exit_code(rest, code):
    done = rest.run("crash", example("crash"), cli_args=["exit", str(code)])
    assert (done["state"], done["exit_code"]) == (FAILED, code)
    assert str(code) in done["error"]
    assert done["stderr"] == "about to fail\n"


def test_exit_zero_is_completed(rest):
    done = rest.run("crash", example("crash"), cli_args=["exit", "0"])
    assert (done["state"], done["exit_code"]) == (COMPLETED, 0)


def test_stdin_goes_through(rest):
    text = "line one\nline two ☃\n" * 500
    done = rest.run("cat", example("cat"), stdin=text)
    assert done["stdout"] == text
    assert done["stderr"] == f"{len(text.encode())} bytes\n"


def test_bytes_that_are_no_text(rest):
    done = rest.run("bytes", guest("bytes"))
    assert done["state"] == COMPLETED
    assert base64.b64decode(done["stdout_base64"]) == b"a\xff\xfe\0b"
    assert done["stdout"].startswith("a\ufffd")


def test_output_is_cut_and_says_so(rest):
    done = rest.run("flood", guest("flood"), cli_args=["3"])
    assert done["state"] == COMPLETED
    assert done["truncated"] is True
    assert len(done["stdout"]) == 1 << 20
    assert done["stderr"] == "end\n"


def test_output_below_the_limit_is_whole(rest):
    done = rest.run("flood", guest("flood"), cli_args=["3"], limits={"output_bytes": 4 << 20})
    assert not done.get("truncated")
    assert done["stdout"] == "x" * (3 << 20)


def test_a_hundred_megabytes_of_output(up, rest):
    done = rest.run("flood", guest("flood"), cli_args=["100"])
    assert done["state"] == COMPLETED and done["truncated"] is True
    assert len(done["stdout"]) == 1 << 20
    assert up.proplet().rss_bytes() < 1 << 30


def test_sleep_takes_its_time(rest):
    task = rest.create("sleeper", example("sleeper"), cli_args=["0.5"])
    _, seconds = measure(lambda: (rest.start(task["id"]), rest.wait(task["id"])))
    assert seconds >= 0.5
    assert rest.task(task["id"])["stdout"] == "slept 0.5 seconds\n"


def test_a_sleeper_burns_no_cpu(up, rest):
    before = up.proplet().cpu_seconds()
    rest.run("nap", guest("nap"), inputs=["1000"])
    assert up.proplet().cpu_seconds() - before < 0.7
