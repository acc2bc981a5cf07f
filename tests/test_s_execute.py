# SPDX-License-Identifier: Apache-2.0
"""propeller-executor: the right values in three modes by REST and gRPC, and what is refused."""
import base64
import hashlib
import json
import math
import socket
import struct
import threading

import pytest

from executor import (ABORTED, ADD, EXHAUSTED, FIB, INVALID, MODES, NOT_FOUND, OK, PRECONDITION,
                      UNAVAILABLE, DEADLINE, Ask, Executor, f32, mixed)
from modules import wat
from receipts import hash_of
from receipts import proto_field as field
from wait import wait_until

WAYS = ("rest", "grpc")


@pytest.fixture(scope="module")
def executor(shared_stack):
    return Executor(shared_stack).ready()


@pytest.fixture(scope="module")
def shared_stack(tmp_path_factory):
    from stack import Stack
    own = Stack(tmp_path_factory.mktemp("executor"))
    yield own
    own.close()


@pytest.fixture(params=WAYS)
def way(request, executor):
    own = executor.way(request.param)
    yield own
    own.close()
    assert executor.process.alive, executor.process.text()[-4000:]


VECTORS = [
    (ADD, "add", ("5", "3"), [("int32", 8)]),
    (ADD, "add", ("NQ==", "Mw=="), [("int32", 8)]),
    (ADD, "add", ("0x10", "-1"), [("int32", 15)]),
    (ADD, "add", ("+7", "010"), [("int32", 17)]),
    (ADD, "add", ("4294967295", "0"), [("int32", -1)]),
    (FIB, "fib", ("0",), [("int32", 1)]),
    (FIB, "fib", ("5",), [("int32", 8)]),
    (FIB, "fib", ("10",), [("int32", 89)]),
    (FIB, "fib", ("20",), [("int32", 10946)]),
    (FIB, "fib", ("25",), [("int32", 121393)]),
    ("mixed", "mul64", ("-3", "7"), [("int64", -21)]),
    ("mixed", "mul64", ("18446744073709551615", "1"), [("int64", -1)]),
    ("mixed", "divf", ("1", "3"), [("float64", 0.3333333333333333)]),
    ("mixed", "divf", ("1", "0"), [("float64", math.inf)]),
    ("mixed", "divf", ("-inf", "1"), [("float64", -math.inf)]),
    ("mixed", "halff", ("0.1",), [("float32", f32(0.05))]),
    ("mixed", "same64", ("0x1p-2",), [("float64", 0.25)]),
    ("mixed", "void", (), []),
    ("mixed", "many", ("7", "0.1"), [("float64", 0.1), ("int32", 7), ("int64", -5), ("float32", 1.5)]),
]


def module_of(module):
    return mixed() if module == "mixed" else module


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
def test_values(way, mode):
    for module, function, inputs, expected in VECTORS:
        came = way.call(Ask(module_of(module), function, inputs, mode))
        assert came.code == OK, (function, inputs, came)
        got = [(kind, f32(number) if kind == "float32" else number) for kind, number in came.values]
        assert got == expected, (function, inputs)
        assert came.inputs == list(inputs) and came.request_id == "r1"
        assert came.gas is not None and came.metadata["airscrew-attester"] == "sample"


def test_fib_30_costs_the_same_in_all_modes(way):
    """The last of the published vectors; the interpreter needs a moment for it."""
    came = [way.call(Ask(FIB, "fib", ("30",), mode)) for mode in MODES.values()]
    assert [one.numbers for one in came] == [[1346269]] * 3
    assert len({one.gas for one in came}) == 1


def test_nan_is_the_same_in_all_modes(way):
    for function, inputs in (("divf", ("0", "0")), ("same64", ("nan",)), ("same32", ("nan",))):
        for mode in MODES.values():
            came = way.call(Ask(mixed(), function, inputs, mode))
            (number,) = came.numbers
            assert math.isnan(number)
            if way.name == "grpc":
                assert struct.pack(">d", number)[:2] in (b"\x7f\xf8", b"\xff\xf8")[:1], function


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
def test_traps_have_names_and_cost(way, mode):
    for function, inputs, code, name in (
            ("div", ("1", "0"), ABORTED, "integer divide by zero"),
            ("div", ("-2147483648", "-1"), ABORTED, "integer overflow"),
            ("trap", (), ABORTED, "unreachable"),
            ("outside", (), ABORTED, "out of bounds memory access"),
            ("deep", (), EXHAUSTED, "call stack exhausted")):
        came = way.call(Ask(mixed(), function, inputs, mode))
        assert (came.code, came.message) == (code, name)
        assert came.gas > 0 and came.report_data == "" and came.receipt is None


def test_no_runtime_config_is_the_interpreter(way):
    assert way.call(Ask(ADD, "add", ("5", "3"))).numbers == [8]


# --- gas -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
def test_gas(way, mode):
    whole = way.call(Ask(FIB, "fib", ("10",), mode)).gas
    assert whole == 1589
    assert way.call(Ask(FIB, "fib", ("10",), mode, limit=whole)).numbers == [89]
    for limit in (whole - 1, 1, 0):
        came = way.call(Ask(FIB, "fib", ("10",), mode, limit=limit))
        assert came.code == EXHAUSTED and came.message.startswith("out of gas"), came
        assert came.gas == limit
    unused = way.call(Ask(FIB, "fib", ("10",), mode, limit=0, use_limit=False))
    assert unused.numbers == [89] and unused.gas == whole


def test_a_loop_ends_at_the_limit(way):
    for mode in MODES.values():
        came = way.call(Ask(mixed(), "loop", (), mode, limit=100000))
        assert came.code == EXHAUSTED and came.gas == 100000


# --- what is refused -------------------------------------------------------------------------------

IMPORTS = '(module (import "env" "f" (func)) (func (export "f") call 0))'
START_TRAPS = '(module (func $s unreachable) (start $s) (func (export "f")))'
BAD = [
    ("no execution", Ask(execution=False), INVALID, "execution is missing"),
    ("nothing in it", Ask(), INVALID, "bytecode is empty"),
    ("unknown mode", Ask(ADD, "add", ("1", "2"), 7), INVALID, "mode"),
    ("negative mode", Ask(ADD, "add", ("1", "2"), -1), INVALID, "mode"),
    ("bad base64", Ask("AGFz*mQ=", "add", ("1", "2")), INVALID, "not base64"),
    ("base64 cut", Ask("AGFzbQE", "add", ("1", "2")), INVALID, "not base64"),
    ("base64 of nothing much", Ask(base64.b64encode(b"hello").decode(), "add"), INVALID, "WebAssembly module"),
    ("truncated", Ask(ADD[:20], "add", ("1", "2")), INVALID, ""),
    ("missing function", Ask(ADD, "sub", ("1", "2")), NOT_FOUND, "add"),
    ("no function", Ask(ADD, None, ("1", "2")), NOT_FOUND, "add"),
    ("not a function", Ask("mixed", "memory"), NOT_FOUND, "mul64"),
    ("too few", Ask(ADD, "add", ("1",)), INVALID, "takes 2 arguments"),
    ("too many", Ask(ADD, "add", ("1", "2", "3")), INVALID, "takes 2 arguments"),
    ("junk behind", Ask(ADD, "add", ("5abc", "3")), INVALID, "argument 1"),
    ("overflow", Ask(ADD, "add", ("5", "99999999999")), INVALID, "argument 2"),
    ("underflow", Ask(ADD, "add", ("-9999999999", "3")), INVALID, "out of range"),
    ("empty", Ask(ADD, "add", ("", "3")), INVALID, "argument 1"),
    ("NaN for an integer", Ask(ADD, "add", ("nan", "3")), INVALID, "argument 1"),
    ("infinity for an integer", Ask(ADD, "add", ("1", "inf")), INVALID, "argument 2"),
    ("too large a float", Ask("mixed", "same32", ("1e39",)), INVALID, "out of range"),
    ("negative limit", Ask(ADD, "add", ("1", "2"), limit=-1), INVALID, "negative"),
    ("imports", Ask(wat(IMPORTS), "f"), INVALID, "env"),
    ("a start that traps", Ask(wat(START_TRAPS), "f"), ABORTED, "unreachable"),
    ("unknown profile", Ask(ADD, "add", ("1", "2"), options=(("airscrew-profile", "3"),)), INVALID,
     "airscrew-profile"),
    ("a nonce of profile 1", Ask(ADD, "add", ("1", "2"), options=(("airscrew-nonce", "00"),)), INVALID,
     "airscrew-nonce"),
    ("half a nonce", Ask(ADD, "add", ("1", "2"), options=(
        ("airscrew-profile", "2"), ("airscrew-nonce", "abc"))), INVALID, "airscrew-nonce"),
    ("too long a nonce", Ask(ADD, "add", ("1", "2"), options=(
        ("airscrew-profile", "2"), ("airscrew-nonce", "00" * 65))), INVALID, "airscrew-nonce"),
]


@pytest.mark.parametrize("ask, code, words", [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(way, ask, code, words):
    if ask.module == "mixed":
        ask.module = mixed()
    came = way.call(ask)
    assert came.code == code and words in came.message, came
    assert came.report_data == "" and came.attestation == ""


def test_a_module_of_64_mb(way):
    came = way.call(Ask("A" * (64 << 20), "add"), timeout=120)
    assert came.code == EXHAUSTED, came
    assert way.call(Ask(ADD, "add", ("5", "3"))).numbers == [8]


def test_a_memory_bomb_stays_below_the_limit(way, executor):
    for mode in MODES.values():
        (steps,) = way.call(Ask(mixed(), "bomb", (), mode)).numbers
        assert steps == 15  # 256 MiB in steps of 16 MiB, and the first page
    huge = wat('(module (memory 65536) (func (export "f")))')
    came = way.call(Ask(huge, "f"))
    assert came.code == EXHAUSTED and came.report_data == ""


# --- evidence --------------------------------------------------------------------------------------


def test_report_data_is_that_of_the_published_rule(way):
    for timestamp in (None, 1700000000, -5):
        came = way.call(Ask(ADD, "add", ("5", "3"), timestamp=timestamp))
        execution = b"".join([field(1, "1.0"), field(2, "r1"),
                              field(3, base64.b64encode(ADD).decode()), field(4, "add"), field(5, "5"),
                              field(5, "3"), field(6, timestamp or 0)])
        assert came.report_data == hash_of([execution]) + hash_of([b"\x08\x01\x10\x08"])
        attestation = json.loads(came.attestation)
        assert attestation["sample"] is True
        assert base64.b64decode(attestation["report"]["reportData"]).hex() == came.report_data


def test_nothing_is_executed_without_a_tee(stack):
    own = Executor(stack, attester=None).ready()
    for name in WAYS:
        way = own.way(name)
        came = way.call(Ask(ADD, "add", ("5", "3")))
        assert came.code == PRECONDITION and "--attester" in came.message, came
        assert came.values == [] and came.gas is None
        way.close()
    assert own.rest.get("/api/info").json["attester"] == "none"
    assert own.rest.get("/v1/certificates").status == 503


# --- time, queue, end ------------------------------------------------------------------------------


def adds(way):
    """False where the machine is so busy that even this takes longer than the wall limit."""
    came = way.call(Ask(ADD, "add", ("5", "3")))
    assert came.code == DEADLINE or came.numbers == [8], came
    return came.code == OK


def test_the_wall_limit(stack):
    own = Executor(stack, "--wall-seconds=500ms").ready()
    for name in WAYS:
        way = own.way(name)
        for mode in MODES.values():
            came = way.call(Ask(mixed(), "loop", (), mode, limit=2**62))
            assert came.code == DEADLINE, came
            wait_until(lambda: adds(way), what="a call after that")
        way.close()


def send_loop(own):
    """A connection whose call runs, or waits, until it is closed."""
    body = json.dumps(own.way("rest").body(Ask(mixed(), "loop", (), 2, limit=2**62))).encode()
    head = f"POST /v1/dtvm/execute HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    client = socket.create_connection(("127.0.0.1", own.http_port))
    client.sendall(head.encode() + body)
    return client


def occupy(own, count, results, limit=2**62):
    """Threads whose calls run until they are stopped, or have used up their gas."""
    def one():
        way = own.way("rest")
        results.append(way.call(Ask(mixed(), "loop", (), 2, limit=limit), timeout=240))
    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_a_full_queue_says_so(stack):
    own = Executor(stack, "--workers=1", "--queue=1", "--wall-seconds=600").ready()
    first = send_loop(own)
    wait_until(lambda: own.metric("propeller_executor_calls_running") == 1)
    results = []
    threads = occupy(own, 1, results, limit=1000)
    wait_until(lambda: own.metric("propeller_executor_calls_waiting") == 1)
    for name in WAYS:
        way = own.way(name)
        came = way.call(Ask(ADD, "add", ("5", "3")))
        assert came.code == EXHAUSTED and "try again" in came.message
        assert came.metadata.get("retry-after" if name == "rest" else "retry-after-ms")
        way.close()
    assert results == []
    first.close()
    threads[0].join()
    assert [(came.code, came.gas) for came in results] == [(EXHAUSTED, 1000)]  # it waited, and had its turn
    assert own.way("rest").call(Ask(ADD, "add", ("5", "3"))).numbers == [8]


@pytest.mark.parametrize("how", ["close", "reset", "half"])
def test_a_client_that_goes_stops_its_call(stack, how):
    """libmicrohttpd does not see it, and would let the call run to its time limit."""
    own = Executor(stack, "--workers=1", "--wall-seconds=600").ready()
    for waiting in (0, 1):  # one runs, and in the second round another one waits behind it
        clients = []
        for count in range(waiting + 1):
            clients.append(send_loop(own))
            wait_until(lambda: own.metric("propeller_executor_calls_running") == 1
                       and own.metric("propeller_executor_calls_waiting") == count)
        for client in reversed(clients):
            if how == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if how == "half":
                client.shutdown(socket.SHUT_WR)
            else:
                client.close()
        wait_until(lambda: own.metric("propeller_executor_calls_running") == 0
                   and own.metric("propeller_executor_calls_waiting") == 0)
        for client in clients:
            client.close()
    assert own.way("rest").call(Ask(ADD, "add", ("5", "3"))).numbers == [8]
    assert own.process.stop() == 0


def test_drain_finishes_what_runs(stack):
    own = Executor(stack, "--drain=200", "--wall-seconds=200").ready()
    results = []
    threads = occupy(own, 1, results, limit=2 * 10**9)
    wait_until(lambda: own.metric("propeller_executor_calls_running") == 1 or results)
    assert own.process.stop(200) == 0
    threads[0].join()
    assert results[0].code == EXHAUSTED and results[0].gas == 2 * 10**9


def test_drain_has_an_end(stack):
    own = Executor(stack, "--workers=2", "--drain=300ms", "--wall-seconds=600").ready()
    results = []
    threads = occupy(own, 2, results)
    wait_until(lambda: own.metric("propeller_executor_calls_running") == 2)
    assert own.process.stop() == 0
    for thread in threads:
        thread.join()
    assert [came.code for came in results] == [UNAVAILABLE] * 2


def test_memory_stays_flat(executor):
    way = executor.way("rest")
    def some(count):
        for i in range(count):
            assert way.call(Ask(ADD, "add", (str(i), "3"), i % 3)).numbers == [i + 3]
            assert way.call(Ask(mixed(), "trap", (), i % 3)).code == ABORTED
    some(300)
    grown = []
    while not grown or (grown[-1] >= 4 << 20 and len(grown) < 5):  # a leak grows each time, what a thread keeps for itself once
        before = executor.process.rss_bytes()
        some(1000)
        grown.append(executor.process.rss_bytes() - before)
    assert grown[-1] < 4 << 20, grown


def test_single_dash_flags_and_the_old_name(stack):
    import executor as module
    import subprocess
    from stack import BIN
    done = subprocess.run([BIN / "sev_snp_server", "-port", "0", "-http-port=0", "-attester", "sample",
                           "-self-test"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "all is well" in done.stdout, done.stdout + done.stderr
    assert module.MODES
