# SPDX-License-Identifier: Apache-2.0
"""Typed inputs and results, in every engine; and inputs that do not fit."""
import math
import struct

import pytest

from api import COMPLETED, FAILED
from modules import guest

ENGINES = ["multipass", "singlepass", "interp"]


def f32(text):
    return struct.unpack("<f", struct.pack("<f", float(text)))[0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind,values", [
    ("i32", ["0", "-1", "2147483647", "-2147483648"]),
    ("i64", ["9223372036854775807", "-9223372036854775808", "0"]),
])
def test_integers_come_back(rest, engine, kind, values):
    for value in values:
        done = rest.run("values", guest("values"), invoke=kind, inputs=[value], engine=engine)
        assert (done["state"], done.get("results")) == (COMPLETED, value), done


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("value", ["0.1", "-0", "1e300", "5e-324", "3.141592653589793", "100", "inf",
                                   "-inf", "123456789012345680"])
def test_f64_round_trip(rest, engine, value):
    done = rest.run("values", guest("values"), invoke="f64", inputs=[value], engine=engine)
    assert done["state"] == COMPLETED, done
    got = float(done["results"])
    assert struct.pack("<d", got) == struct.pack("<d", float(value))
    assert len(done["results"]) <= len(repr(float(value))), "not the shortest form"


@pytest.mark.parametrize("value", ["0.1", "3.4028235e38", "1e-45", "16777216", "-2.5"])
def test_f32_round_trip(rest, value):
    done = rest.run("values", guest("values"), invoke="f32", inputs=[value])
    assert done["state"] == COMPLETED, done
    assert f32(done["results"]) == f32(value)
    assert len(done["results"]) <= 13, "not the shortest form of an f32"


@pytest.mark.parametrize("engine", ENGINES)
def test_nan_is_canonical(rest, engine):
    done = rest.run("values", guest("values"), invoke="nan32", engine=engine)
    assert done["results"] == str(0x7FC00000)
    done = rest.run("values", guest("values"), invoke="nan", engine=engine)
    assert math.isnan(float(done["results"])) and "-" not in done["results"]


def test_all_results_are_there(rest):
    done = rest.run("values", guest("values"), invoke="four", inputs=[1, "-2", 0.5, "0.25"])
    assert done["results"] == "1,-2,0.5,0.25"


@pytest.mark.parametrize("kind,value,result", [
    ("i32", "4294967295", "-1"), ("i32", "0xff", "255"), ("i64", "18446744073709551615", "-1"),
    ("i64", "0x10", "16"), ("f64", "1e3", "1000"), ("f64", "nan", "nan"), ("f64", "1e21", "1e+21"),
])
def test_other_ways_to_write_a_number(rest, kind, value, result):
    done = rest.run("values", guest("values"), invoke=kind, inputs=[value])
    assert (done["state"], done.get("results")) == (COMPLETED, result), done


def test_an_export_without_results_gives_stdout(rest):
    done = rest.run("values", guest("values"), invoke="nothing")
    assert (done["state"], done["results"], done["exit_code"]) == (COMPLETED, "", 0), done


@pytest.mark.parametrize("kind,value,says", [
    ("i32", "5abc", "5abc"),
    ("i32", "", "i32"),
    ("i32", "4294967296", "4294967296"),
    ("i32", "-2147483649", "-2147483649"),
    ("i32", "1.5", "1.5"),
    ("i32", " 1", "i32"),
    ("i64", "-9223372036854775809", "-9223372036854775809"),
    ("i64", "18446744073709551616", "18446744073709551616"),
    ("f64", "1e400", "1e400"),
    ("f64", "1,5", "1,5"),
    ("f32", "1e39", "1e39"),
    ("f32", "one", "one"),
])
def test_an_input_that_does_not_fit(rest, kind, value, says):
    done = rest.run("values", guest("values"), invoke=kind, inputs=[value])
    assert done["state"] == FAILED, done
    assert says in done["error"], done["error"]


@pytest.mark.parametrize("inputs", [[], ["1"], ["1", "2", "3"]])
def test_wrong_number_of_inputs(rest, inputs):
    from modules import example
    done = rest.run("add", example("add"), inputs=inputs)
    assert done["state"] == FAILED
    assert "2" in done["error"] and str(len(inputs)) in done["error"], done["error"]


def test_missing_export_lists_what_there_is(rest):
    done = rest.run("nobody", guest("exports"), invoke="omega")
    assert done["state"] == FAILED
    assert "omega" in done["error"]
    for name in ("alpha", "main", "run", "_start"):
        assert name in done["error"], done["error"]


@pytest.mark.parametrize("name,fields,results", [
    ("alpha", {}, "1"),             # the name of the task is the first choice
    ("someone", {}, "2"),           # then main, run, _start
    ("alpha", {"invoke": "run"}, "3"),
    ("alpha", {"cli_args": ["--invoke", "run"]}, "3"),
    ("someone", {"cli_args": ["--invoke", "alpha"]}, "1"),
])
def test_which_export_is_called(rest, name, fields, results):
    done = rest.run(name, guest("exports"), **fields)
    assert (done["state"], done.get("results")) == (COMPLETED, results), done


def test_invoke_of_cli_args_must_exist(rest):
    done = rest.run("alpha", guest("exports"), cli_args=["--invoke", "omega"])
    assert done["state"] == FAILED and "omega" in done["error"]


def test_an_export_that_is_no_function(rest):
    done = rest.run("alpha", guest("exports"), invoke="memory")
    assert done["state"] == FAILED and "memory" in done["error"]


def test_initialize_runs_first(rest):
    done = rest.run("value", guest("initialize"))
    assert (done["state"], done.get("results")) == (COMPLETED, "42"), done
