# SPDX-License-Identifier: Apache-2.0
"""Puts every public TOML 1.0 case through a decoder: cases.py DECODER [CASE ...]

Speaks TAP, one case each. What is valid must come out as its JSON says, what is invalid must be
refused with exit code 1 and a message that has a line and a column.
"""
import json
import math
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, time
from pathlib import Path

REFUSAL = re.compile(r"stdin:[1-9]\d*:[1-9]\d*: \S")
FEWEST = 550  # cases in the list of version 1.6.0: 556; a list that lost many proves nothing


def cases_folder():
    """Where tools/setup puts them; its version is in there, too."""
    cache = os.environ.get("AIRSCREW_CACHE") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airscrew"
    return Path(cache) / "toml-test-1.6.0"


def instant(kind, text):
    """A value that is equal for all ways of writing one date or time, to the microsecond."""
    text = re.sub(r"(\.\d{6})\d*", r"\1", text.upper().replace(" ", "T"))
    return time.fromisoformat(text) if kind == "time-local" else datetime.fromisoformat(text)


def same_scalar(kind, ours, theirs):
    if kind == "float":
        a, b = float(ours), float(theirs)
        return a == b or (math.isnan(a) and math.isnan(b))
    if kind in ("datetime", "datetime-local", "date-local", "time-local"):
        return instant(kind, ours) == instant(kind, theirs)
    return ours == theirs


def is_scalar(value):
    return isinstance(value, dict) and set(value) == {"type", "value"} and isinstance(
        value["type"], str)


def same(ours, theirs):
    if type(ours) is not type(theirs):
        return False
    if is_scalar(theirs):
        return (is_scalar(ours) and ours["type"] == theirs["type"]
                and same_scalar(ours["type"], ours["value"], theirs["value"]))
    if isinstance(theirs, dict):
        return set(ours) == set(theirs) and all(same(ours[k], theirs[k]) for k in theirs)
    return len(ours) == len(theirs) and all(map(same, ours, theirs))


def judge(decoder, folder, case):
    """What is wrong, or None."""
    path = folder / case
    done = subprocess.run([decoder], input=path.read_bytes(), capture_output=True, timeout=60)
    errors = done.stderr.decode(errors="replace")
    if case.startswith("invalid/"):
        if done.returncode != 1:
            return f"exit code {done.returncode}, it should be refused with 1: {errors}"
        return None if REFUSAL.match(errors) else f"no place in the message: {errors}"
    if done.returncode != 0:
        return f"exit code {done.returncode}: {errors}"
    wanted = json.loads(path.with_suffix(".json").read_text())
    ours = json.loads(done.stdout)
    return None if same(ours, wanted) else f"is {ours}, should be {wanted}"


def main():
    decoder, *names = sys.argv[1:]
    folder = cases_folder()
    listing = folder / "files-toml-1.0.0"
    if not listing.exists():
        print(f"Bail out! {folder} is not there: run `make setup`")
        print("not ok 1 - the public cases are there")
        return 1
    listed = [line for line in listing.read_text().split() if line.endswith(".toml")]
    names = names or listed
    if len(listed) < FEWEST:
        print(f"not ok 1 - only {len(listed)} cases are listed")
        return 1
    print(f"1..{len(names)}")
    with ThreadPoolExecutor(2) as pool:
        flaws = list(pool.map(lambda name: judge(decoder, folder, name), names))
    for number, (name, flaw) in enumerate(zip(names, flaws), 1):
        print(f"{'ok' if flaw is None else 'not ok'} {number} - {name}")
        if flaw is not None:
            print(f"# {flaw}".replace("\n", " "))
    return 1 if any(flaws) else 0


if __name__ == "__main__":
    sys.exit(main())
