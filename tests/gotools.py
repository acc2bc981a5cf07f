# SPDX-License-Identifier: Apache-2.0
"""The tests' programs in Go (tools/gotools): grpcurl, ghz, h2spec, oras, grpc-interop, grpc-echo."""
import functools
import json
import subprocess
from pathlib import Path

from wait import LONG, patience

TOP = Path(__file__).resolve().parent.parent


@functools.cache
def folder():
    done = subprocess.run([TOP / "tools" / "gotools", "--where"], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def gotool(name):
    """Its path."""
    path = folder() / name
    assert path.exists(), f"{path} is missing: run `make setup`"
    return path


def run(name, *arguments, seconds=60, stdin=None):
    """What is left of it when it has ended: returncode, stdout, stderr."""
    return subprocess.run([gotool(name), *map(str, arguments)], capture_output=True, text=True,
                          timeout=patience(seconds), input=stdin, check=False)


def grpcurl(port, *words, data=None, flags=("-plaintext",), host="127.0.0.1"):
    """grpcurl FLAGS [-d DATA] HOST:PORT WORDS: its CompletedProcess. data: what JSON can say."""
    given = [] if data is None else ["-d", json.dumps(data)]
    return run("grpcurl", "-connect-timeout", LONG, *flags, *given, f"{host}:{port}", *words)
