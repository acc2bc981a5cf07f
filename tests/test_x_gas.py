# SPDX-License-Identifier: Apache-2.0
"""Generated modules, plain and metered, in every engine mode: one outcome, and one number of gas."""
import json
import os
import subprocess
from pathlib import Path

import pytest

from stack import BIN, TOP

DIFFERENTIAL = BIN.parent / ("main" if BIN.parent.name == "build" else "") / "tests" / "gas" / "differential"
pytestmark = pytest.mark.timeout(1800)  # the first one may have to build the generator
MODULES = int(os.environ.get("AIRSCREW_GAS_MODULES", "60" if os.environ.get("AIRSCREW_SANITIZED") else "300"))
SEED = int(os.environ.get("AIRSCREW_GAS_SEED", "1"))


@pytest.fixture(scope="module")
def generate():
    built = subprocess.run([TOP / "tests" / "generate" / "build.sh"], capture_output=True, text=True, check=True)
    return Path(built.stdout.strip())


def compare(path):
    done = subprocess.run([DIFFERENTIAL, path], capture_output=True, text=True, timeout=600 + MODULES)
    assert done.returncode == 0, f"exit code {done.returncode}, seed {SEED}:\n{done.stderr[-4000:]}"
    return json.loads(done.stdout)


def test_all_modes_and_the_plain_module_agree(generate, tmp_path):
    path = tmp_path / "modules"
    with path.open("wb") as out:
        subprocess.run([generate, str(SEED), str(MODULES)], stdout=out, check=True, timeout=300)
    seen = compare(path)
    print(seen)
    assert seen["modules"] == MODULES
    assert seen["refused"] == seen["not_singlepass"] == seen["host"] == 0
    for kind in ("returned", "trapped", "out_of_gas", "call_depth"):  # each is seen often enough to mean something
        assert seen[kind] >= MODULES, seen


def test_the_same_seed_gives_the_same_modules(generate):
    first, again, other = (subprocess.run([generate, seed, "5"], capture_output=True, check=True).stdout
                           for seed in ("3", "3", "4"))
    assert first == again != other
