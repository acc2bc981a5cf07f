# SPDX-License-Identifier: Apache-2.0
"""Finds the official suite where tools/setup has put it: run.py SPECTEST [FILE.json ...]"""
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def folder():
    """Its version is in there, too."""
    cache = os.environ.get("AIRSCREW_CACHE") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airscrew"
    return Path(cache) / "wasm-spec-1.9.0"


def main():
    if not (folder() / "i32.json").exists():
        sys.exit(f"{folder()} is not there: run `tools/setup test`")
    spectest = sys.argv[1]
    os.execv(spectest, [spectest, str(folder()), str(HERE / "excluded.txt"), *sys.argv[2:]])


if __name__ == "__main__":
    main()
