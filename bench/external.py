# SPDX-License-Identifier: Apache-2.0
"""A task on an external runtime beside that runtime alone."""
import os
import pathlib
import shutil
import statistics
import subprocess
import time

from measure import TOP, example, seconds


def run(report, new_stack, scale):
    node = shutil.which("node")
    if node is None:
        report.table("external runtime", ["what"], [["not measured: node is not installed here"]])
        return
    runtime = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"airscrew-node-{os.getpid()}"
    runtime.write_text(f'#!/bin/sh\nexec {node} --no-warnings {TOP}/tests/runtimes/node.mjs "$@"\n')
    runtime.chmod(0o700)
    try:
        stack, alone, ours = new_stack(PROPLET_EXTERNAL_WASM_RUNTIME=str(runtime)), [], []
        module = example("hello-world")
        task = stack.create(module.read_bytes(), engine="external")
        stack.timed(task)
        for _ in range(30 // scale):
            begin = time.perf_counter()
            subprocess.run([runtime, "run", module], stdout=subprocess.DEVNULL, check=True)
            alone.append(time.perf_counter() - begin)
            ours.append(stack.timed(task))
    finally:
        runtime.unlink()
    bare, task = statistics.median(alone), statistics.median(ours)
    report.table("external runtime (node's WASI)", ["what", "time", "ratio"], [
        ["the runtime alone, from a shell", seconds(bare), "1"],
        ["a task, start to Completed", seconds(task), f"{task / bare:.2f}"]],
        bars=[("node alone", bare, seconds(bare), True), ("a task on it", task, seconds(task), False)])
