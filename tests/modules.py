# SPDX-License-Identifier: Apache-2.0
"""Modules for the tests: the sources in tests/guests and examples, compiled when first asked for."""
import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import wasmtime

TOP = Path(__file__).resolve().parent.parent
FOLDER = TOP / "tests" / "guests"


@functools.lru_cache
def guest(name):
    """The bytes of tests/guests/NAME.wat or NAME.c."""
    text = FOLDER / f"{name}.wat"
    if text.exists():
        return wat(text.read_text())
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.wasm"
        subprocess.run(["clang", "--target=wasm32-wasi", "-O1", "-Wall", "-Wl,--strip-debug",
                        FOLDER / f"{name}.c", "-o", out], check=True)
        return out.read_bytes()


def has_component_target():
    """Whether the Rust on PATH can build components: `rustup target add wasm32-wasip2`."""
    if shutil.which("rustc") is None or shutil.which("cargo") is None:
        return False
    asked = subprocess.run(["rustc", "--print", "target-libdir", "--target", "wasm32-wasip2"],
                           capture_output=True, text=True)
    return asked.returncode == 0 and Path(asked.stdout.strip()).exists()


@functools.lru_cache
def component(name):
    """The bytes of tests/guests/NAME.rs, or of the crate tests/guests/NAME, as a component."""
    if not has_component_target():
        pytest.skip("no Rust for components here: rustup target add wasm32-wasip2")
    source = FOLDER / f"{name}.rs"
    if source.exists():
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.wasm"
            subprocess.run(["rustc", "--target=wasm32-wasip2", "-O", source, "-o", out], check=True)
            return out.read_bytes()
    manifest = ["--locked", "--manifest-path", FOLDER / name / "Cargo.toml"]
    if subprocess.run(["cargo", "fetch", *manifest]).returncode != 0:
        pytest.skip("the crates registry is out of reach")
    target = TOP / "build" / "guests"
    subprocess.run(["cargo", "build", "--release", "--target=wasm32-wasip2", "--target-dir", target,
                    *manifest], check=True)
    return (target / "wasm32-wasip2" / "release" / f"{name}.wasm").read_bytes()


@functools.lru_cache
def python_component(name):
    """The bytes of tests/guests/NAME/NAME.py with its interpreter: some 18 MB."""
    folder = FOLDER / name
    with tempfile.TemporaryDirectory() as out:
        shutil.copy(folder / f"{name}.py", out)
        subprocess.run([Path(sys.prefix) / "bin" / "componentize-py", "-d", folder / f"{name}.wit", "-w", name,
                        "componentize", name, "-p", out, "-o", "out.wasm"], check=True, cwd=out)
        return (Path(out) / "out.wasm").read_bytes()


def example(name):
    """The bytes of examples/NAME/build/*.wasm."""
    (path,) = (TOP / "examples" / name / "build").glob("*.wasm")
    return path.read_bytes()


@functools.lru_cache
def wat(text):
    return bytes(wasmtime.wat2wasm(text))


def leb(value):
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def section(number, content):
    return bytes([number]) + leb(len(content)) + content


def big_module(megabytes, seed=1):
    """A valid module of that size: `answer` returns the last byte of its data, which is noise."""
    import random
    data = random.Random(seed).randbytes(megabytes << 20)
    pages = (len(data) >> 16) + 1
    last = len(data) - 1
    code = b"\x00\x41" + sleb(last) + b"\x2d\x00\x00\x0b"
    module = b"\0asm\1\0\0\0"
    module += section(1, b"\x01\x60\x00\x01\x7f")
    module += section(3, b"\x01\x00")
    module += section(5, b"\x01\x00" + leb(pages))
    module += section(7, b"\x01\x06answer\x00\x00")
    module += section(10, b"\x01" + leb(len(code)) + code)
    module += section(11, b"\x01\x00\x41\x00\x0b" + leb(len(data)) + data)
    return module, data[last]


def sleb(value):
    """A non-negative number as signed LEB128."""
    out = bytearray()
    while True:
        low = value & 0x7F
        value >>= 7
        if value == 0 and not low & 0x40:
            out.append(low)
            return bytes(out)
        out.append(low | 0x80)
