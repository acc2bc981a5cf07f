# SPDX-License-Identifier: Apache-2.0
"""Receipts of version 2 as the executor gives them, held against spec/receipt.md in Python; and the CLI."""
import base64
import hashlib
import json
import struct
import subprocess

import pytest

import receipts
from executor import ABORTED, ADD, EXHAUSTED, FIB, MODES, OK, Ask, Executor, mixed
from stack import BIN, Stack, clean_environment


@pytest.fixture(scope="module")
def executor(tmp_path_factory):
    own = Stack(tmp_path_factory.mktemp("executor"))
    yield Executor(own).ready()
    own.close()


def profile_2(nonce=b""):
    options = [("airscrew-profile", "2")]
    return tuple(options + ([("airscrew-nonce", nonce.hex())] if nonce else []))


def bits32(number):
    return struct.pack(">i", number).hex()


def said(executor, came, module, function, inputs, outputs, mode, nonce, limit, trap=None):
    info = executor.rest.get("/api/info").json
    return {"nonce": nonce.hex(), "wasm": hashlib.sha256(module).hexdigest(), "function": function, "inputs": inputs,
            "outputs": outputs, "trap": trap, "mode": mode, "gas_limit": limit, "gas_used": came.gas,
            "engine": info["engine"], "program": f"propeller-executor {info['version']}"}


def check(receipt, expected):
    """JSON or binary: the statement is the expected one, the report is about its root."""
    statement = receipts.statement(expected)
    if isinstance(receipt, bytes):
        size = struct.unpack(">I", receipt[4:8])[0]
        assert receipt[:4] == b"ASR\x02" and receipt[8:8 + size] == statement
        return
    assert base64.b64decode(receipt["statement"]) == statement
    assert receipt["leaf"] == receipts.leaf(statement).hex()
    if receipt["size"] == 1:
        assert receipt["root"] == receipt["leaf"] and receipt["path"] == []
    root = bytes.fromhex(receipt["root"])
    assert receipt["sample"] is True and receipt["tee"] == "sample"
    assert base64.b64decode(receipt["report"]) == receipts.sample_report(receipts.report_data(root, receipt["size"]))


@pytest.mark.parametrize("function,inputs", [("many", ("7", "0.1")), ("divf", ("0", "0")), ("divf", ("-1", "0")), ("void", ()),
                                             ("same32", ("-0",)), ("same32", ("0.1",)), ("mul64", ("-3037000499", "3037000499"))])
def test_an_answer_of_version_1_and_its_request(executor, tmp_path, function, inputs):
    """As they went over the wire, given to the CLI."""
    asked = executor.way("rest").body(Ask(mixed(), function, inputs, MODES["multipass"], timestamp=-5))
    answer = executor.rest.call("POST", "/v1/dtvm/execute", asked)
    assert answer.status == 200
    (tmp_path / "request.json").write_text(json.dumps(asked))

    def verified(text, code=0):
        (tmp_path / "answer.json").write_text(text)
        done = subprocess.run([BIN / "propeller-cli", "verify", "answer.json", "--request", "request.json", "--allow-sample", "-o", "json"],
                              cwd=tmp_path, capture_output=True, text=True, timeout=60, env=clean_environment())
        assert done.returncode == code, done
        return json.loads(done.stdout)["reason"]

    assert verified(answer.body.decode()) == "not-attested"
    other = json.loads(answer.body.decode())
    other["result"]["outputValues"] = [{"type": "VALUE_TYPE_INT32", "int32Value": 1}]
    assert verified(json.dumps(other), 8) == "outputs-mismatch"


@pytest.mark.parametrize("way_name", ["rest", "grpc"])
@pytest.mark.parametrize("mode", MODES)
def test_a_receipt_says_what_happened(executor, way_name, mode):
    way = executor.way(way_name)
    came = way.call(Ask(ADD, "add", ("5", "-3"), MODES[mode], options=profile_2(b"once")))
    assert came.numbers == [2] and came.attestation == "" and came.report_data == ""
    check(came.receipt, said(executor, came, ADD, "add", [["i32", bits32(5)], ["i32", bits32(-3)]],
                             [["i32", bits32(2)]], mode, b"once", 10**10))
    came = way.call(Ask(FIB, "fib", ("10",), MODES[mode], limit=1000, options=profile_2()))
    assert came.code == EXHAUSTED and came.gas == 1000
    check(came.receipt, said(executor, came, FIB, "fib", [["i32", bits32(10)]], [], mode, b"", 1000, "out of gas"))
    came = way.call(Ask(mixed(), "div", ("1", "0"), MODES[mode], options=profile_2()))
    assert came.code == ABORTED
    check(came.receipt, said(executor, came, mixed(), "div", [["i32", bits32(1)], ["i32", bits32(0)]], [], mode, b"",
                             10**10, "integer divide by zero"))
    way.close()


def test_what_is_refused_has_no_receipt(executor):
    for name in ("rest", "grpc"):
        way = executor.way(name)
        for ask in (Ask(ADD, "sub", ("1", "2")), Ask(ADD, "add", ("1",)), Ask("AAAA", "add")):
            ask.options = profile_2()
            came = way.call(ask)
            assert came.code != OK and came.receipt is None and came.gas is None
        way.close()


def test_receipts_do_not_depend_on_the_way(executor):
    came = [executor.way(name).call(Ask(ADD, "add", ("5", "3"), 1, options=profile_2(b"n"))) for name in ("rest", "grpc")]
    statement = base64.b64decode(came[0].receipt["statement"])
    assert statement in came[1].receipt


# --- the command line ------------------------------------------------------------------------------


@pytest.fixture
def cli(executor, tmp_path):
    (tmp_path / "fib.wasm").write_bytes(FIB)
    (tmp_path / "add.wasm").write_bytes(ADD)
    (tmp_path / "mixed.wasm").write_bytes(mixed())

    def run(*arguments, code=0, url=f"http://127.0.0.1:{executor.http_port}"):
        done = subprocess.run([BIN / "propeller-cli", *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              cwd=tmp_path, stdin=subprocess.DEVNULL,
                              env={**clean_environment(), "PROPELLER_EXECUTOR_URL": url, "HOME": str(tmp_path)})
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done
    return run


def test_cli_execute(cli):
    assert cli("execute", "fib.wasm", "fib", 30).stdout == "1346269\n"
    assert cli("execute", "add.wasm", "add", 5, -3, "--mode", "singlepass").stdout == "2\n"
    assert cli("execute", "mixed.wasm", "many", 7, 0.1).stdout == "0.1 7 -5 1.5\n"
    assert cli("execute", "mixed.wasm", "divf", "1", "3", "--mode=multipass").stdout == "0.3333333333333333\n"
    assert cli("execute", "mixed.wasm", "void").stdout == "\n"
    answer = json.loads(cli("execute", "fib.wasm", "fib", "10", "-o", "json").stdout)
    assert answer["values"] == ["89"] and answer["gas_used"] == 1589 and answer["attester"] == "sample"


def test_cli_verifies(cli, tmp_path):
    """A sample proves nothing, and nobody is told otherwise."""
    words = ("execute", "fib.wasm", "fib", 10, "--verify", "--receipt", "r.json", "--nonce", "0a0b")
    done = cli(*words, code=8)
    assert "NOT ATTESTED" in done.stderr
    done = cli(*words, "--allow-sample")
    assert done.stdout == "89\n" and "NOT ATTESTED" in done.stderr
    done = cli("verify", "r.json", "--nonce", "0a0b", "--wasm", "fib.wasm", "--allow-sample", "-o", "json")
    assert json.loads(done.stdout)["receipt"]["outputs"] == ["i32:89"]
    cli("verify", "r.json", "--nonce", "0a0c", "--allow-sample", code=8)
    receipt = json.loads((tmp_path / "r.json").read_text())
    receipt["statement"] = base64.b64encode(
        base64.b64decode(receipt["statement"]).replace(b"\0\0\0\x59", b"\0\0\0\x5a")).decode()
    (tmp_path / "r.json").write_text(json.dumps(receipt))
    cli("verify", "r.json", "--allow-sample", code=8)


def test_cli_failures(cli, tmp_path):
    done = cli("execute", "fib.wasm", "fib", 30, "--gas", 100, "--receipt", "r.json", code=1)
    assert "out of gas" in done.stderr and done.stdout == ""
    done = cli("verify", "r.json", "--allow-sample", "-o", "json")
    assert json.loads(done.stdout)["receipt"]["trap"] == "out of gas"
    assert "unreachable" in cli("execute", "mixed.wasm", "trap", code=1).stderr
    assert "fib" in cli("execute", "fib.wasm", "fob", 1, code=3).stderr
    assert "argument 1" in cli("execute", "fib.wasm", "fib", "5abc", code=2).stderr
    assert "--mode" in cli("execute", "fib.wasm", "fib", 1, "--mode", "fast", code=2).stderr
    assert "--gas" in cli("execute", "fib.wasm", "fib", 1, "--gas", "-1", code=2).stderr
    assert "no-such.wasm" in cli("execute", "no-such.wasm", "fib", code=3).stderr
    assert "--executor" in cli("execute", "fib.wasm", "fib", 1, url="http://127.0.0.1:1", code=6).stderr


def test_cli_finds_the_executor_of_up(cli, executor, tmp_path):
    folder = tmp_path / ".local/state/propeller/up"
    folder.mkdir(parents=True)
    (folder / "up.json").write_text(json.dumps({"executor_url": f"http://127.0.0.1:{executor.http_port}"}))
    assert cli("execute", "fib.wasm", "fib", 10, url="").stdout == "89\n"
