# SPDX-License-Identifier: Apache-2.0
"""What only gRPC has: three names, another layout, cancellation, deadlines, TLS, reflection, drain."""
import base64
import json
import struct
import threading

import grpc
import pytest

from certificates import HOSTS, Authority
from executor import (ABORTED, ADD, CANCELLED, DEADLINE, EXHAUSTED, FIB, INVALID, OK, UNAVAILABLE, UNIMPLEMENTED, Ask,
                      ByGrpc, Executor, mixed, stubs)
from gotools import grpcurl
from receipts import hash_of
from receipts import proto_field as field
from stack import Stack
from wait import wait_until


@pytest.fixture(scope="module")
def executor(tmp_path_factory):
    own = Stack(tmp_path_factory.mktemp("executor"))
    yield Executor(own, "--wall-seconds=600").ready()
    own.close()


def test_the_name_that_clients_have_on_the_wire(executor):
    way = ByGrpc(executor.grpc_port, service="DTVMTeeServiceStub")
    assert way.call(Ask(ADD, "add", ("5", "3"))).numbers == [8]
    way.close()


# --- the later layout ------------------------------------------------------------------------------


@pytest.fixture
def later(executor):
    _, _, messages, services = stubs()
    channel = grpc.insecure_channel(f"localhost:{executor.grpc_port}")
    stub = services.WASMVMTeeServiceStub(channel)

    def call(module, function, *inputs, **more):
        request = messages.WASMVMExecutionRequest()
        request.execution.bytecode = base64.b64encode(module).decode()
        request.execution.fn_name = function
        request.execution.request_id = "later"
        for name, value in inputs:
            one = request.execution.inputs.add()
            if hasattr(getattr(one, name), "values"):
                getattr(one, name).values.extend(value)
            else:
                setattr(one, name, value)
        for name, value in more.items():
            setattr(request.execution, name, value)
        try:
            response = stub.Execute(request, 60)
        except grpc.RpcError as error:
            return error.code().value[0], error.details()
        return OK, response
    yield call
    channel.close()


def test_the_later_layout(later):
    for inputs in ((("int32_value", 5), ("int32_value", 3)), (("uint32_value", 5), ("uint8_value", 3)),
                   (("int8_value", 5), ("int16_value", 3)), (("uint16_value", 7), ("bool_value", True))):
        code, response = later(ADD, "add", *inputs)
        assert code == OK and response.request_id == "later"
        assert [value.int32_value for value in response.result.output_values] == [8]
        assert len(response.result.inputs) == 2
    code, response = later(mixed(), "many", ("int32_value", 7), ("float64_value", 0.1))
    assert [value.WhichOneof("value") for value in response.result.output_values] == [
        "float64_value", "int32_value", "int64_value", "float32_value"]
    assert later(mixed(), "mul64", ("uint64_value", 2**64 - 1), ("int64_value", 1), is_force_interpreter=True)[0] == OK


def test_the_later_layout_has_its_own_report_data(later):
    code, response = later(ADD, "add", ("int32_value", 5), ("int32_value", 3), version="1.0")
    assert code == OK
    execution = b"".join([field(1, "1.0"), field(2, "later"), field(3, base64.b64encode(ADD).decode()),
                          field(4, "add"), field(5, b"\x30\x05"), field(5, b"\x30\x03")])
    assert response.result.report_data == hash_of([execution]) + hash_of([b"\x30\x08"])


@pytest.mark.parametrize("value, code, words", [
    (("string_value", "5"), UNIMPLEMENTED, "only numbers"),
    (("bytes_value", b"5"), UNIMPLEMENTED, "only numbers"),
    (("int32_array", [5]), UNIMPLEMENTED, "only numbers"),
    (("int8_value", 200), INVALID, "out of range"),
    (("int64_value", 5), INVALID, "i32"),
    (("float32_value", 5), INVALID, "argument 1"),
])
def test_what_the_later_layout_refuses(later, value, code, words):
    came, message = later(ADD, "add", value, ("int32_value", 3))
    assert came == code and words in message


# --- time ------------------------------------------------------------------------------------------


def running(executor):
    return executor.metric("propeller_executor_calls_running")


def test_a_client_that_goes_stops_its_call(executor):
    way = executor.way("grpc")
    for mode in range(3):
        future = way.stub.Execute.future(way.request(Ask(mixed(), "loop", (), mode, limit=2**62)), 600)
        wait_until(lambda: running(executor) == 1)
        future.cancel()
        wait_until(lambda: running(executor) == 0)
    future = way.stub.Execute.future(way.request(Ask(mixed(), "loop", (), 2, limit=2**62)), 600)
    wait_until(lambda: running(executor) == 1)
    way.close()  # the whole connection
    wait_until(lambda: running(executor) == 0)
    assert future.code().value[0] == CANCELLED


def test_a_deadline_is_kept(executor):
    way = executor.way("grpc")
    assert way.call(Ask(mixed(), "loop", (), 2, limit=2**62), timeout=0.3).code == DEADLINE
    wait_until(lambda: running(executor) == 0)
    assert way.call(Ask(ADD, "add", ("5", "3"))).numbers == [8]
    way.close()


def test_a_drain_lets_calls_end(stack):
    own = Executor(stack, "--drain=200", "--wall-seconds=200").ready()
    way = own.way("grpc")
    future = way.stub.Execute.future(way.request(Ask(mixed(), "loop", (), 2, limit=2 * 10**9)), 240)
    wait_until(lambda: running(own) == 1 or future.done())
    assert own.process.stop(200) == 0
    assert future.code().value[0] == EXHAUSTED
    assert dict(future.trailing_metadata())["gas-used"] == str(2 * 10**9)
    assert way.call(Ask(ADD, "add", ("5", "3")), timeout=5).code in (UNAVAILABLE, DEADLINE)
    way.close()


def test_many_at_once(executor):
    """Each gets its own answer, whatever the mode; and the executor is as it was."""
    way = executor.way("grpc")
    wrong = []

    def some(first):
        for i in range(first, first + 25):
            came = way.call(Ask(ADD, "add", (str(i), "1"), i % 3, options=(
                ("airscrew-profile", "2"), ("airscrew-nonce", f"{i:08x}"))))
            if came.numbers != [i + 1] or struct.pack(">I", i) not in came.receipt:
                wrong.append((i, came))
    threads = [threading.Thread(target=some, args=(100 * n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    way.close()


# --- messages --------------------------------------------------------------------------------------


def raw(executor, request):
    channel = grpc.insecure_channel(f"localhost:{executor.grpc_port}")
    try:
        channel.unary_unary("/dtvm.WASMVMTeeService/Execute")(request, timeout=60)
        return OK, ""
    except grpc.RpcError as error:
        return error.code().value[0], error.details()
    finally:
        channel.close()


@pytest.mark.parametrize("request_bytes, words", [
    (b"", "execution is missing"), (b"\x0a\xff", "no message"), (b"\xff" * 50, "no message"),
    (b"\x0a\x05\x22\x03a\x00b", "zero byte"), (b"\x0a\x03\x22\x01\xff", "not UTF-8"),
])
def test_messages_that_are_none(executor, request_bytes, words):
    code, message = raw(executor, request_bytes)
    assert code == INVALID and words in message


def test_grpcurl_needs_no_proto_file(executor):
    """By reflection; and health."""
    listed = grpcurl(executor.grpc_port, "list").stdout
    for service in ("dtvm.WASMVMTeeService", "dtvm.DTVMTeeService", "wasm.WASMVMTeeService", "grpc.health.v1.Health"):
        assert service in listed, listed
    request = {"execution": {"bytecode": base64.b64encode(FIB).decode(), "fn_name": "fib", "inputs": ["30"]},
               "runtime_config": {"mode": "WASMVM_MODE_MULTIPASS", "gas_limit": {"use_gas_limit": True, "limit": "10"}}}
    done = grpcurl(executor.grpc_port, "dtvm.WASMVMTeeService/Execute", data=request)
    assert done.returncode == 64 + EXHAUSTED and "out of gas" in done.stderr, done.stderr
    request["runtime_config"]["gas_limit"]["limit"] = "1000000000"
    done = grpcurl(executor.grpc_port, "dtvm.DTVMTeeService/Execute", data=request)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"]["outputValues"] == [{"type": "VALUE_TYPE_INT32", "int32Value": 1346269}]
    done = grpcurl(executor.grpc_port, "grpc.health.v1.Health/Check")
    assert json.loads(done.stdout) == {"status": "SERVING"}


# --- TLS -------------------------------------------------------------------------------------------


def test_tls_and_client_certificates(stack, tmp_path):
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    server, client, other = authority.issue("server", HOSTS), authority.issue("client"), stranger.issue("client")
    own = Executor(stack, f"--grpc-server-cert={server.cert}", f"--grpc-server-key={server.key}",
                   f"--grpc-server-ca={authority.cert}").ready()

    def call(certificate):
        pair = {} if certificate is None else {"private_key": certificate.key.read_bytes(),
                                               "certificate_chain": certificate.cert.read_bytes()}
        way = ByGrpc(own.grpc_port, grpc.ssl_channel_credentials(authority.cert.read_bytes(), **pair))
        came = way.call(Ask(ADD, "add", ("5", "3")), timeout=60)
        way.close()
        return came
    assert call(client).numbers == [8]
    assert call(None).code == UNAVAILABLE and call(other).code == UNAVAILABLE


def test_rest_by_https_with_a_token(stack, tmp_path):
    import ssl
    from executor import ByRest
    authority = Authority(tmp_path)
    server = authority.issue("server", HOSTS)
    own = Executor(stack, f"--http-server-cert={server.cert}", f"--http-server-key={server.key}",
                   EXECUTOR_HTTP_TOKEN="secret-1")
    context = ssl.create_default_context(cafile=authority.cert)
    wait_until(lambda: "an executor begins" in own.process.text())
    assert ByRest(own.http_port, tls=context, token="secret-1").call(Ask(ADD, "add", ("5", "3"))).numbers == [8]
    answer = ByRest(own.http_port, tls=context, token="other").rest.call("POST", "/v1/dtvm/execute", {})
    assert answer.status == 401


def test_traps_are_aborted_with_their_receipt(executor):
    way = executor.way("grpc")
    came = way.call(Ask(mixed(), "trap", (), 1, options=(("airscrew-profile", "2"),)))
    assert came.code == ABORTED and came.receipt.startswith(b"ASR\x02") and came.gas == 1
    way.close()
