# SPDX-License-Identifier: Apache-2.0
"""The server of tests/rpc as a process, its messages, and channels to it (grpcio)."""
import functools
import importlib
import sys
import tempfile
from pathlib import Path

import grpc
from grpc_tools import protoc
from stack import BIN, Process
from wait import PATIENCE, wait_until

SOURCES = Path(__file__).resolve().parent / "rpc"
BUILT = BIN.parent / ("main" if BIN.parent.name == "build" else "") / "tests" / "rpc"
# grpcio would ask a proxy of the environment, and merge channels that look the same.
OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1),
           ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@functools.cache
def messages():
    """(echo_pb2, interop_pb2), freshly made."""
    with tempfile.TemporaryDirectory(prefix="airscrew-protos-") as folder:
        assert protoc.main(["protoc", f"-I{SOURCES}", f"--python_out={folder}",
                            str(SOURCES / "echo.proto"), str(SOURCES / "interop.proto")]) == 0
        sys.path.insert(0, folder)
        try:
            return tuple(importlib.import_module(name) for name in ("echo_pb2", "interop_pb2"))
        finally:
            sys.path.remove(folder)


class Server:
    """`limits`: message_max=1000 becomes --message-max 1000."""

    def __init__(self, folder, **limits):
        words = [word for name, value in limits.items()
                 for word in (f"--{name.replace('_', '-')}", str(value))]
        folder = Path(tempfile.mkdtemp(prefix="server-", dir=folder))
        self.process = Process("rpc_server", [BUILT / "rpc_server", BUILT / "rpc_server.pb", *words], folder)
        self.port = wait_until(self.printed_port, 60, "the server's port")

    def printed_port(self):
        assert self.process.alive, self.process.text()
        line = self.process.text().partition("\n")[0]
        return int(line) if line.isdigit() else 0

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def channel(self, credentials=None, *options):
        options = [*OPTIONS, *options]
        return (grpc.secure_channel(f"localhost:{self.port}", credentials, options) if credentials
                else grpc.insecure_channel(self.address, options))

    def end(self):
        if self.process.alive:
            code = self.process.stop()
            assert code == 0, f"ended with {code}: {self.process.text()[-4000:]}"
        else:
            assert self.process.ended_by_test, f"died: {self.process.text()[-4000:]}"


class Echo:
    """Calls of echo.proto over one channel."""

    def __init__(self, channel):
        self.echo, self.interop = messages()
        self.channel = channel

    def method(self, name, answer=None):
        return self.channel.unary_unary(
            f"/airscrew.test.Echo/{name}", request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=(answer or self.echo.Answer).FromString)

    def say(self, seconds=60, method="Say", metadata=(), **order):
        return self.method(method)(self.echo.Order(**order), timeout=seconds * PATIENCE, metadata=metadata)

    def say_later(self, seconds=None, metadata=(), **order):
        """A future."""
        return self.method("Say").future(self.echo.Order(**order), timeout=seconds, metadata=metadata)

    def counts(self, keep="", method="Count"):
        return self.method(method, self.echo.Counts)(self.echo.Word(keep=keep), timeout=60 * PATIENCE)

    def release(self, keep):
        return self.counts(keep, "Release")

    def refusal(self, **words):
        """The error of a call that must fail."""
        try:
            answer = self.say(**words)
        except grpc.RpcError as error:
            return error
        raise AssertionError(f"it was answered: {answer!r:.200}")
