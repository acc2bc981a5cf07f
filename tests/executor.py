# SPDX-License-Identifier: Apache-2.0
"""A running propeller-executor, and calls of it by REST and by gRPC that come out the same.

gRPC is Google's own client (grpcio), with stubs that protoc makes of our spec/*.proto.
"""
import base64
import functools
import importlib
import struct
import sys
import tempfile
from dataclasses import dataclass, field

from api import Rest
from modules import wat
from stack import BIN, TOP, free_port
from wait import PATIENCE, wait_until

MODES = {"interp": 0, "singlepass": 1, "multipass": 2}
ADD = base64.b64decode("AGFzbQEAAAABBwFgAn9/AX8DAgEABwcBA2FkZAAACgkBBwAgACABags=")
FIB = base64.b64decode("AGFzbQEAAAABCgJgAX8AYAF/AX8DAgEBBQMBAAEHBwEDZmliAAAKHgEcACAAQQJIBH9BAQUg"
                       "AEEBaxAAIABBAmsQAGoLCwsHAQBBAAsBeA==")
MIXED = """(module (memory (export "memory") 1)
 (func (export "mul64") (param i64 i64) (result i64) local.get 0 local.get 1 i64.mul)
 (func (export "divf") (param f64 f64) (result f64) local.get 0 local.get 1 f64.div)
 (func (export "halff") (param f32) (result f32) local.get 0 f32.const 0.5 f32.mul)
 (func (export "same32") (param f32) (result f32) local.get 0)
 (func (export "same64") (param f64) (result f64) local.get 0)
 (func (export "void"))
 (func (export "id32") (param i32) (result i32) local.get 0)
 (func (export "div") (param i32 i32) (result i32) local.get 0 local.get 1 i32.div_s)
 (func (export "trap") unreachable)
 (func (export "outside") (result i32) i32.const -4 i32.load)
 (func (export "many") (param i32 f64) (result f64 i32 i64 f32)
   local.get 1 local.get 0 i64.const -5 f32.const 1.5)
 (func (export "loop") loop br 0 end)
 (func $deep (export "deep") call $deep)
 (func (export "bomb") (result i32)
   (local $n i32)
   block loop (br_if 1 (i32.eq (memory.grow (i32.const 256)) (i32.const -1)))
     (local.set $n (i32.add (local.get $n) (i32.const 1))) br 0 end end
   local.get $n))"""
TYPES = {"VALUE_TYPE_INT32": "int32Value", "VALUE_TYPE_INT64": "int64Value",
         "VALUE_TYPE_FLOAT32": "float32Value", "VALUE_TYPE_FLOAT64": "float64Value"}

# gRPC's codes
OK, CANCELLED, UNKNOWN, INVALID, DEADLINE, NOT_FOUND = 0, 1, 2, 3, 4, 5
EXHAUSTED, PRECONDITION, ABORTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 8, 9, 10, 12, 13, 14


@functools.lru_cache
def mixed():
    return wat(MIXED)


@dataclass
class Came:
    """What came of a call, whichever way it went."""
    code: int
    message: str = ""
    values: list = field(default_factory=list)  # (type, number)
    inputs: list = field(default_factory=list)
    gas: int = None
    request_id: str = ""
    attestation: str = ""
    report_data: str = ""
    receipt: object = None  # bytes by gRPC, JSON by REST
    metadata: dict = field(default_factory=dict)

    @property
    def numbers(self):
        assert self.code == OK, (self.code, self.message)
        return [number for _, number in self.values]


@dataclass
class Ask:
    """A request; what is None is not sent."""
    module: object = None  # bytes, or base64 as it shall be
    function: str = None
    inputs: tuple = ()
    mode: int = None
    limit: int = None
    use_limit: bool = True
    version: str = "1.0"
    request_id: str = "r1"
    timestamp: int = None
    execution: bool = True
    options: tuple = ()  # (name, value) of metadata or headers

    @property
    def bytecode(self):
        return base64.b64encode(self.module).decode() if isinstance(self.module, bytes) else self.module


def number_of(kind, text):
    if isinstance(text, str) and text in ("NaN", "Infinity", "-Infinity"):
        return float(text.lower().replace("infinity", "inf"))
    return float(text) if "FLOAT" in kind else int(text)


class ByRest:
    name = "rest"

    def __init__(self, port, **more):
        self.rest = Rest(port, **more)

    def close(self):
        pass

    @staticmethod
    def body(ask):
        if not ask.execution:
            return {}
        execution = {"version": ask.version, "requestId": ask.request_id, "bytecode": ask.bytecode,
                     "fnName": ask.function, "inputs": list(ask.inputs)}
        if ask.timestamp is not None:
            execution["timestamp"] = str(ask.timestamp)
        body = {"execution": {k: v for k, v in execution.items() if v is not None}}
        if ask.mode is not None or ask.limit is not None:
            body["runtimeConfig"] = {"mode": ask.mode or 0}
        if ask.limit is not None:
            body["runtimeConfig"]["gasLimit"] = {"useGasLimit": ask.use_limit, "limit": str(ask.limit)}
        return body

    def call(self, ask, timeout=60):
        answer = self.rest.call("POST", "/v1/dtvm/execute", self.body(ask), dict(ask.options), timeout)
        gas = answer.headers.get("gas-used")
        came = Came(0, gas=int(gas) if gas else None, metadata=answer.headers)
        if answer.status == 200:
            result = answer.json["result"]
            came.values = [(value["type"][11:].lower(), number_of(value["type"], value[TYPES[value["type"]]]))
                           for value in result.get("outputValues", [])]
            came.inputs = result.get("inputs", [])
            came.request_id = answer.json.get("requestId", "")
            came.attestation = result.get("attestation", "")
            came.report_data = result.get("reportData", "")
        else:
            came.message = answer.error
            if answer.status == 413:  # refused before there was a request
                came.code = EXHAUSTED
                return came
            came.code = answer.json["code"]
            assert answer.json["detail"] == answer.json["message"]
            assert answer.json.get("gasUsed") == gas
        came.receipt = answer.json.get("receipt")
        return came


@functools.lru_cache
def stubs():
    """(dtvm_pb2, dtvm_pb2_grpc, wasm_pb2, wasm_pb2_grpc), freshly made of spec/*.proto."""
    from grpc_tools import protoc
    spec = TOP / "spec"
    with tempfile.TemporaryDirectory(prefix="airscrew-stubs-") as folder:
        assert protoc.main(["protoc", f"-I{spec}", f"--python_out={folder}", f"--grpc_python_out={folder}",
                            str(spec / "dtvm.proto"), str(spec / "wasm.proto")]) == 0
        sys.path.insert(0, folder)
        try:
            return tuple(importlib.import_module(name)
                         for name in ("dtvm_pb2", "dtvm_pb2_grpc", "wasm_pb2", "wasm_pb2_grpc"))
        finally:
            sys.path.remove(folder)


class ByGrpc:
    name = "grpc"

    def __init__(self, port, credentials=None, service="WASMVMTeeServiceStub"):
        import grpc
        self.grpc = grpc
        options = [("grpc.enable_http_proxy", 0), ("grpc.max_send_message_length", -1)]
        target = f"localhost:{port}"
        self.channel = (grpc.secure_channel(target, credentials, options) if credentials
                        else grpc.insecure_channel(target, options))
        self.messages, services, *_ = stubs()
        self.stub = getattr(services, service)(self.channel)

    def close(self):
        self.channel.close()

    def request(self, ask):
        request = self.messages.WASMVMExecutionRequest()
        if ask.execution:
            request.execution.SetInParent()
            for name, value in (("version", ask.version), ("request_id", ask.request_id),
                                ("bytecode", ask.bytecode), ("fn_name", ask.function),
                                ("timestamp", ask.timestamp)):
                if value is not None:
                    setattr(request.execution, name, value)
            request.execution.inputs.extend(ask.inputs)
        if ask.mode is not None:
            request.runtime_config.mode = ask.mode
        if ask.limit is not None:
            request.runtime_config.gas_limit.use_gas_limit = ask.use_limit
            request.runtime_config.gas_limit.limit = ask.limit
        return request

    def call(self, ask, timeout=60):
        metadata = [(name.lower(), value) for name, value in ask.options]
        try:
            response, call = self.stub.Execute.with_call(self.request(ask), timeout * PATIENCE,
                                                         metadata=metadata)
        except self.grpc.RpcError as error:
            trailers = dict(error.trailing_metadata() or ())
            gas = trailers.get("gas-used")
            return Came(error.code().value[0], error.details(), gas=int(gas) if gas else None,
                        receipt=trailers.get("receipt-bin"), metadata=trailers)
        trailers = dict(call.trailing_metadata())
        result = response.result
        values = [(self.messages.ValueType.Name(value.type)[11:].lower(),
                   getattr(value, value.WhichOneof("value"))) for value in result.output_values]
        return Came(0, "", values, list(result.inputs), int(trailers["gas-used"]), response.request_id,
                    result.attestation, result.report_data, response.receipt or None, trailers)


class Executor:
    """One process on a Stack."""

    def __init__(self, stack, *flags, attester="sample", name="executor", **environment):
        self.stack, self.name = stack, name
        self.grpc_port, self.http_port = free_port(), free_port()
        flags = [f"--grpc-port={self.grpc_port}", f"--http-port={self.http_port}", *flags]
        if attester:
            flags.append(f"--attester={attester}")
        self.process = stack.spawn(name, [BIN / "propeller-executor", *flags],
                                   {key: str(value) for key, value in environment.items()})

    @property
    def rest(self):
        return Rest(self.http_port)

    def ready(self):
        def answers():
            assert self.process.alive, self.process.text()[-4000:]
            try:
                return self.rest.get("/health").status == 200
            except OSError:
                return False
        wait_until(answers, 60, "the executor's /health")
        return self

    def way(self, name):
        return ByRest(self.http_port) if name == "rest" else ByGrpc(self.grpc_port)

    def metric(self, name):
        for line in self.rest.get("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        raise AssertionError(f"no metric {name}")


def f32(number):
    """As a float32 has it."""
    return struct.unpack("f", struct.pack("f", number))[0]
