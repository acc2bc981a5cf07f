# SPDX-License-Identifier: Apache-2.0
"""Guests that misbehave: each fails for its own reason and the worker does not notice."""
import pytest

from api import COMPLETED, FAILED
from modules import example, guest, wat
from stack import measure

ENGINES = ["multipass", "singlepass", "interp"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("export,inputs,says", [
    ("unreachable", [], "unreachable"),
    ("divide", ["0"], "division by zero"),
    ("outside", [], "out of bounds"),
    ("overflow", [], "stack"),
])
def test_traps(rest, engine, export, inputs, says):
    done = rest.run("traps", guest("traps"), invoke=export, inputs=inputs, engine=engine)
    assert done["state"] == FAILED
    assert says in done["error"].lower(), done["error"]


def test_a_trap_has_a_backtrace(rest):
    done = rest.run("crash", example("crash"), cli_args=["trap"])
    assert done["state"] == FAILED
    for name in ("third", "second", "first", "main"):
        assert name in done["error"], done["error"]
    assert done["stderr"] == "about to fail\n"


@pytest.mark.parametrize("engine", ENGINES)
def test_memory_bomb(up, rest, engine):
    done = rest.run("explode", guest("bomb"), engine=engine, limits={"memory_bytes": 64 << 20})
    assert done["state"] == FAILED and done["error"], done
    assert up.proplet().rss_bytes() < 1 << 30


@pytest.mark.parametrize("limit,pages", [(64 << 20, 1024), (1 << 20, 16), (256 << 20, 4096)])
def test_memory_up_to_its_limit(rest, limit, pages):
    inside = rest.run("pages", guest("bomb"), inputs=[pages - 1], limits={"memory_bytes": limit})
    assert inside["results"] == str(pages)
    outside = rest.run("pages", guest("bomb"), inputs=[pages], limits={"memory_bytes": limit})
    assert outside["results"] == "1" or outside["state"] == FAILED


def test_default_memory_limit(rest):
    done = rest.run("pages", guest("bomb"), inputs=[4096])
    assert done.get("results") == "1" or done["state"] == FAILED, "256 MiB by default"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("module", ["loop", "nap"])
def test_wall_limit(rest, engine, module):
    done, seconds = measure(lambda: rest.run("_start", guest(module), engine=engine, invoke="_start",
                                             limits={"wall_seconds": 1}))
    assert done["state"] == FAILED, done
    assert seconds > 0.9
    assert "limit of 1" in done["error"]


@pytest.mark.parametrize("engine", ENGINES)
def test_fuel(rest, engine):
    enough = rest.run("fib", example("fib"), inputs=[15], engine=engine, limits={"fuel": 1000000})
    assert enough["results"] == "610" and 0 < enough["fuel_used"] < 1000000
    short = rest.run("fib", example("fib"), inputs=[15], engine=engine, limits={"fuel": 1000})
    assert short["state"] == FAILED and "fuel" in short["error"]
    endless = rest.run("spin", guest("loop"), engine=engine, limits={"fuel": 100000})
    assert endless["state"] == FAILED and "fuel" in endless["error"]


def test_gas_is_the_same_in_every_engine(rest):
    ran = [rest.run("fib", example("fib"), inputs=[15], engine=engine, limits={"gas": 10 ** 6}) for engine in ENGINES]
    assert {task["results"] for task in ran} == {"610"}
    (used,) = {task["gas_used"] for task in ran}
    assert 0 < used < 10 ** 6 and all("fuel_used" not in task for task in ran)
    for engine in ENGINES:
        exact = rest.run("fib", example("fib"), inputs=[15], engine=engine, limits={"gas": used})
        assert exact["results"] == "610" and exact["gas_used"] == used
        short = rest.run("fib", example("fib"), inputs=[15], engine=engine, limits={"gas": used - 1})
        assert short["state"] == FAILED and short["gas_used"] == used - 1
        assert short["error"] == f"out of gas: all {used - 1} units were used"


def test_fuel_is_the_same_in_every_engine(rest):
    used = {engine: rest.run("fib", example("fib"), inputs=[12], engine=engine,
                             limits={"fuel": 10 ** 9})["fuel_used"] for engine in ENGINES}
    assert len(set(used.values())) == 1, used


def test_many_misbehave_at_once(up, rest):
    kinds = [("unreachable", "traps"), ("overflow", "traps"), ("explode", "bomb")] * 8
    ids = [rest.create(export, guest(module), limits={"memory_bytes": 16 << 20})["id"]
           for export, module in kinds]
    good = [rest.create("add", example("add"), inputs=[n, n])["id"] for n in range(20)]
    for task_id in ids + good:
        rest.start(task_id)
    assert all(rest.wait(task_id)["state"] == FAILED for task_id in ids)
    assert [rest.wait(i)["results"] for i in good] == [str(2 * n) for n in range(20)]
    up.all_alive()


ZEROS = wat("""(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 0) "\\10\\00\\00\\00\\00\\00\\01\\00") ;; 64 KiB of zeros from 16 on
  (func (export "_start") (local $n i32)
    (loop $again
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $n) (i32.const 256))))))""")


def test_output_that_grows_in_json(rest):
    """Zero bytes take six characters each: what no message could carry is cut, and says so."""
    done = rest.run("zeros", ZEROS, limits={"output_bytes": 16 << 20})
    assert (done["state"], done["truncated"]) == (COMPLETED, True)
    assert set(done["stdout"]) == {"\0"} and 1 << 20 <= len(done["stdout"]) < 16 << 20


def test_worker_is_well_afterwards(rest):
    assert rest.run("add", example("add"), inputs=[2, 2])["state"] == COMPLETED
