# SPDX-License-Identifier: Apache-2.0
"""lib/rpc and the clients that people use: grpcurl, grpcio, gRPC's own interoperability client, curl's kind."""
import json
import signal
import socket
import ssl
import time

import grpc
import pytest
from certificates import HOSTS, Authority
from gotools import grpcurl, run
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from google.protobuf.descriptor_pool import DescriptorPool
from h2wire import CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Wire, frame, message, request
from rpcserver import Echo, Server
from wait import PATIENCE, patience, wait_until

SERVICES = ["airscrew.test.Echo", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection", "grpc.testing.TestService"]
CODES = {code.value[0]: code for code in grpc.StatusCode}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    own = Server(tmp_path_factory.mktemp("grpc"))
    yield own
    own.end()


@pytest.fixture
def echo(server):
    with server.channel() as channel:
        yield Echo(channel)


@pytest.fixture
def start(tmp_path):
    """start(limit=1, ...): a server of the test's own."""
    servers = []

    def one(**limits):
        servers.append(Server(tmp_path, **limits))
        return servers[-1]
    yield one
    for own in servers:
        own.end()


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"x", b"\0" * 5, b"y" * 70000, bytes(range(256)) * 16384],
                         ids=["empty", "one", "five", "70 kB", "4 MiB"])
def test_echo(echo, payload):
    answer = echo.say(payload=payload)
    assert answer.payload == payload
    assert (answer.path, answer.nonce) == ("/airscrew.test.Echo/Say", b"")


def test_paths_may_share_a_handler(echo):
    assert echo.say(method="SayToo").path == "/airscrew.test.Echo/SayToo"


def test_answer_from_another_thread(echo):
    calls = [echo.say_later(thread=True, payload=str(number).encode()) for number in range(200)]
    assert [call.result(60).payload for call in calls] == [str(number).encode() for number in range(200)]


def test_metadata_both_ways(echo):
    metadata = [("airscrew-nonce", "first"), ("airscrew-nonce", "second"), ("airscrew-nonce-bin", b"\0\1\xff")]
    answer, call = echo.method("Say").with_call(echo.echo.Order(), metadata=metadata, timeout=60)
    assert (answer.nonce, answer.binary) == (b"first", b"\0\1\xff")
    trailing = dict(call.trailing_metadata())
    assert trailing["airscrew-raw-bin"] == b"\0\1\xff" and trailing["airscrew-peer"].startswith("127.0.0.1:")


@pytest.mark.parametrize("code", range(1, 17))
def test_status(echo, code):
    words = "100 %\n\u00fc \u20ac \U0001f600"
    error = echo.refusal(status=code, message=words)
    assert error.code() == CODES[code]
    assert error.details() == words
    assert dict(error.trailing_metadata())["airscrew-raw-bin"] == b"\0\1\xff"


def test_a_handler_may_refuse_what_it_cannot_read(server):
    with server.channel() as channel:
        call = channel.unary_unary("/airscrew.test.Echo/Say")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\xff\xff", timeout=60)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "the request is not an Order"


# --- what is not there ---------------------------------------------------------------------------


@pytest.mark.parametrize("path, words", [("/airscrew.test.Echo/Nothing", "no method"),
                                         ("/airscrew.test.Nothing/Say", "no service"),
                                         ("/Say", "no service"), ("/a/b/c", "no service")])
def test_unimplemented(server, path, words):
    with server.channel() as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(path)(b"", timeout=60)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert words in caught.value.details() and path in caught.value.details()


def test_compression_is_refused_with_what_is_known(server):
    with server.channel(None, ("grpc.default_compression_algorithm", grpc.Compression.Gzip.value)) as channel, \
            pytest.raises(grpc.RpcError) as caught:
        Echo(channel).say(payload=b"x" * 10000)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "gzip" in caught.value.details()


def test_several_messages_for_a_unary_method(server):
    with server.channel() as channel, pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary("/airscrew.test.Echo/Raw")(iter([b"1", b"2"]), timeout=60)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_no_message_for_a_unary_method(server):
    with server.channel() as channel, pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary("/airscrew.test.Echo/Raw")(iter([]), timeout=60)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("headers, status", [
    ({"method": "GET"}, "405"), ({"content_type": "application/json"}, "415"),
    ({"content_type": "application/grpc-web"}, "415"), ({"content_type": None}, "415")])
def test_who_does_not_speak_grpc(server, headers, status):
    with Wire(server.port) as wire:
        wire.call(**headers)
        frames = wire.answer()
        assert wire.headers(frames) == [{":status": status, "content-type": "text/plain",
                                         **({"allow": "POST"} if status == "405" else {})}]
        assert frames[-1][3].startswith(b"This is a gRPC server")


BAD = {  # what is sent: (headers, frames after them, the status that comes back)
    "no te": ({"te": None}, [(message(), END_STREAM)], 13),
    "bad timeout": ({"grpc_timeout": "1s"}, [(message(), END_STREAM)], 3),
    "long timeout": ({"grpc_timeout": "100000000S"}, [(message(), END_STREAM)], 3),
    "bad bin": ({"x_bin": "A_-B"}, [(message(), END_STREAM)], 3),
    "flag 2": ({}, [(message(flag=2), END_STREAM)], 13),
    "compressed by nothing": ({}, [(message(flag=1), END_STREAM)], 13),
    "compressed by gzip": ({"grpc_encoding": "gzip"}, [(message(flag=1), END_STREAM)], 12),
    "cut prefix": ({}, [(b"\0\0\0", END_STREAM)], 13),
    "cut message": ({}, [(message(b"abc")[:-1], END_STREAM)], 13),
    "two messages": ({}, [(message(b"abc") + b"\0", END_STREAM)], 12),
    "no message": ({}, [(b"", END_STREAM)], 12),
    "too large": ({}, [(b"\0\xff\xff\xff\xff", 0)], 8),
    "bad health": ({"path": "/grpc.health.v1.Health/Check"}, [(message(b"\xff"), END_STREAM)], 13),
    "health, not UTF-8": ({"path": "/grpc.health.v1.Health/Check"}, [(message(b"\x0a\x01\xff"), END_STREAM)], 13),
    "reflection, cut": ({"path": "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"},
                        [(message(b"abc")[:-1], END_STREAM)], 13),
    "reflection, large": ({"path": "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"},
                          [(message(b"x" * 5000), END_STREAM)], 8),
}
GOOD = {
    "timeout of 8 digits": ({"grpc_timeout": "99999999H"}, [(message(b"abc"), END_STREAM)], 0),
    "unpadded bin": ({"x_bin": "AQ"}, [(message(b"abc"), END_STREAM)], 0),
    "padded bin": ({"x_bin": "AQ=="}, [(message(b"abc"), END_STREAM)], 0),
    "in single bytes": ({}, [(bytes([byte]), 0) for byte in message(b"abc")] + [(b"", END_STREAM)], 0),
    "identity": ({"grpc_encoding": "identity"}, [(message(b"abc"), END_STREAM)], 0),
    "+proto": ({"content_type": "application/grpc+proto"}, [(message(b"abc"), END_STREAM)], 0),
}


@pytest.mark.parametrize("name", [*BAD, *GOOD])
def test_requests_by_hand(server, name):
    headers, pieces, status = {**BAD, **GOOD}[name]
    with Wire(server.port) as wire:
        wire.send(frame(HEADERS, END_HEADERS, 1, request(**headers)),
                  *(frame(DATA, flags, 1, piece) for piece, flags in pieces))
        blocks = wire.headers(wire.answer())
    assert blocks[0][":status"] == "200" and blocks[0]["content-type"] == "application/grpc"
    assert blocks[0]["grpc-accept-encoding"] == "identity"
    assert blocks[-1]["grpc-status"] == str(status), blocks
    assert status == 0 or len(blocks) == 1 and blocks[0]["grpc-message"]


# --- time ----------------------------------------------------------------------------------------


def test_deadline_is_told_and_kept(echo):
    assert 0 < echo.say(seconds=60).left_ms <= 61000 * PATIENCE  # grpcio rounds long times up
    before = echo.counts().cancelled
    begin = time.monotonic()
    call = echo.say_later(seconds=3, keep="deadline")
    wait_until(lambda: echo.counts().kept == 1 or call.done(), 30, "the call at the server")
    assert call.exception(60).code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - begin > 2.9
    wait_until(lambda: echo.counts().cancelled == before + 1, 30, "the handler to hear of it")
    assert echo.counts().kept == 0


def test_server_answers_at_the_deadline(server):
    """To a client that does not count the time itself."""
    with Wire(server.port) as wire:
        word = b"\x32\x01d"  # keep: "d"
        begin = time.monotonic()
        wire.send(frame(HEADERS, END_HEADERS, 1, request(path="/airscrew.test.Echo/Say", grpc_timeout="200m")),
                  frame(DATA, END_STREAM, 1, message(word)))
        assert wire.headers(wire.answer())[-1]["grpc-status"] == "4"
        assert time.monotonic() - begin > 0.1


def test_deadline_of_a_request_that_never_ends(server):
    with Wire(server.port) as wire:
        wire.send(frame(HEADERS, END_HEADERS, 1, request(grpc_timeout="100m")), frame(DATA, 0, 1, message(b"abc")[:-1]))
        assert wire.headers(wire.answer())[-1]["grpc-status"] == "4"


def test_cancel_reaches_the_handler(echo):
    before = echo.counts().cancelled
    calls = [echo.say_later(keep="cancel") for _ in range(20)]
    wait_until(lambda: echo.counts().kept == 20, 30, "20 kept calls")
    for call in calls:
        assert call.cancel()
    wait_until(lambda: echo.counts().cancelled == before + 20, 30, "20 cancelled calls")
    assert echo.counts().kept == 0


def test_a_client_that_goes_is_heard_of(server, echo):
    before = echo.counts().cancelled
    with server.channel() as other:
        call = Echo(other).say_later(keep="gone")
        wait_until(lambda: echo.counts().kept == 1, 30, "a kept call")
    assert call.cancelled() or call.exception(60) is not None
    wait_until(lambda: echo.counts().cancelled == before + 1, 30, "the handler to hear of it")


def test_kept_calls_are_answered(echo):
    calls = [echo.say_later(keep="later") for _ in range(50)]
    wait_until(lambda: echo.counts().kept == 50, 30, "50 kept calls")
    assert not any(call.done() for call in calls)
    echo.release("later")
    assert all(call.result(60).path for call in calls)


# --- others' clients -----------------------------------------------------------------------------


def test_grpcurl_lists_and_calls(server):
    done = grpcurl(server.port, "list")
    assert done.stdout.split() == SERVICES, done.stderr
    done = grpcurl(server.port, "describe", "airscrew.test.Order")
    assert "uint32 size = 2;" in done.stdout, done.stderr
    done = grpcurl(server.port, "airscrew.test.Echo/Say", data={"payload": "aGVsbG8="})
    assert json.loads(done.stdout)["payload"] == "aGVsbG8=", done.stderr
    done = grpcurl(server.port, "airscrew.test.Echo/Say", data={"status": 9, "message": "not now"})
    assert "Code: FailedPrecondition" in done.stderr and "Message: not now" in done.stderr
    done = grpcurl(server.port, "grpc.health.v1.Health/Check", data={"service": "airscrew.test.Echo"})
    assert json.loads(done.stdout) == {"status": "SERVING"}


def test_reflection_of_grpcio(server):
    """v1alpha, and by file, symbol and member."""
    with server.channel() as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert sorted(database.get_services()) == SERVICES
        pool = DescriptorPool(database)
        assert [m.name for m in pool.FindServiceByName("airscrew.test.Echo").methods][:2] == ["Say", "SayToo"]
        assert pool.FindFileByName("interop.proto").package == "grpc.testing"
        assert database.FindFileContainingSymbol("airscrew.test.Order.size").name == "echo.proto"
        assert database.FindFileContainingSymbol("grpc.health.v1.HealthCheckResponse.SERVING") is not None
        for wrong in ("airscrew.test.Nothing", "", "airscrew"):
            with pytest.raises(KeyError):
                database.FindFileContainingSymbol(wrong)


@pytest.mark.parametrize("case", ["empty_unary", "large_unary", "cancel_after_begin", "timeout_on_sleeping_server",
                                  "unimplemented_method", "unimplemented_service", "status_code_and_message",
                                  "special_status_message"])
def test_interoperability(server, case):
    done = run("grpc-interop", "-server_host", "127.0.0.1", "-server_port", server.port, "-test_case", case)
    assert done.returncode == 0, done.stderr


# --- health and the end --------------------------------------------------------------------------


def test_health(start):
    server, status = start(), health_pb2.HealthCheckResponse
    with server.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)

        def check(name=""):
            return stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=60).status
        assert check() == check("airscrew.test.Echo") == check("grpc.health.v1.Health") == status.SERVING
        with pytest.raises(grpc.RpcError) as caught:
            check("nothing")
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        watched = stub.Watch(health_pb2.HealthCheckRequest())
        unknown = stub.Watch(health_pb2.HealthCheckRequest(service="nothing"))
        assert next(unknown).status == status.SERVICE_UNKNOWN
        assert next(watched).status == status.SERVING
        server.process.signal(signal.SIGUSR1)
        assert next(watched).status == status.NOT_SERVING
        assert check() == status.NOT_SERVING
        server.process.signal(signal.SIGUSR2)
        assert next(watched).status == status.SERVING
        server.process.signal(signal.SIGTERM)
        assert next(watched).status == status.NOT_SERVING
        with pytest.raises(grpc.RpcError) as caught:
            next(watched)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert server.process.stop() == 0


def test_drain_lets_calls_end(start):
    server = start()
    with server.channel() as channel:
        echo = Echo(channel)
        calls = [echo.say_later(keep=f"k{number}") for number in range(10)]
        wait_until(lambda: echo.counts().kept == 10, 30, "10 kept calls")
        with Wire(server.port) as wire:
            wire.call(payload=b"\x32\x01w", path="/airscrew.test.Echo/Say")
            wait_until(lambda: echo.counts().kept == 11, 30, "11 kept calls")
            server.process.signal(signal.SIGTERM)
            assert wire.goaway() == 0
            # Nobody releases them: the drain ends after its time, and the calls are told so.
            assert wire.headers(wire.answer())[-1]["grpc-status"] == "14"
            assert wire.ended()
        for call in calls:
            assert call.exception(60).code() == grpc.StatusCode.UNAVAILABLE
        assert server.process.stop() == 0


def test_no_new_calls_while_it_drains(start):
    """Neither one that was on its way, nor one that begins later: that one may also be left alone, which is said."""
    server = start(drain_ms=int(1000 * patience()))
    last, ended = [], set()

    def settled(kind, flags, stream, payload):
        if kind == GOAWAY:
            last.append(int.from_bytes(payload[:4], "big"))
        elif flags & END_STREAM:
            ended.add(stream)
        return 5 in ended and (7 in ended or last and last[-1] < 7)
    with Wire(server.port) as wire:
        wire.call(payload=b"\x32\x01w", path="/airscrew.test.Echo/Say")
        wire.call(stream=3)
        assert wire.headers(wire.answer(3))[-1]["grpc-status"] == "0"
        wire.send(frame(HEADERS, 0, 5, request()))
        server.process.signal(signal.SIGTERM)
        assert wire.goaway() == 0
        wire.send(frame(CONTINUATION, END_HEADERS, 5), frame(DATA, END_STREAM, 5, message()))
        wire.call(stream=7)
        frames = wire.until(settled)
        assert frames[-1] is not None and {block["grpc-status"] for block in wire.headers(frames)} == {"14"}
        wait_until(lambda: not listens(server), 30, "the end of its port")
    assert server.process.stop() == 0


def listens(server):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", server.port)) == 0


def test_idle_connections_do_not_hold_the_drain(start):
    server = start(drain_ms=int(1000 * patience()))
    wires = [Wire(server.port) for _ in range(20)]
    for wire in wires:
        wire.call()
        wire.answer()
    assert server.process.stop() == 0
    assert "too long" not in server.process.text()
    for wire in wires:
        assert wire.ended()
        wire.socket.close()


# --- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


def client(authority, certificate=None):
    return grpc.ssl_channel_credentials(authority.cert.read_bytes(),
                                        *((certificate.key.read_bytes(), certificate.cert.read_bytes())
                                          if certificate else ()))


def test_tls(start, authority):
    own = authority.issue("server", HOSTS)
    server = start(cert=own.cert, key=own.key)
    with server.channel(client(authority)) as channel:
        payload = bytes(range(256)) * 8192
        assert Echo(channel).say(payload=payload).payload == payload
    done = grpcurl(server.port, "list", flags=["-cacert", authority.cert], host="localhost")
    assert done.stdout.split() == SERVICES, done.stderr
    for version, alpn, good in [(ssl.TLSVersion.TLSv1_3, ["h2"], True), (ssl.TLSVersion.TLSv1_2, ["h2"], False),
                                (ssl.TLSVersion.TLSv1_3, ["http/1.1"], False)]:
        assert shakes_hands(server, authority, version, alpn) == good, (version, alpn)


def shakes_hands(server, authority, version, alpn):
    context = ssl.create_default_context(cafile=authority.cert)
    context.maximum_version = version
    context.set_alpn_protocols(alpn)
    wire = Wire(server.port, preface=False)
    try:
        with context.wrap_socket(wire.socket, server_hostname="localhost") as secure:
            return secure.selected_alpn_protocol() == "h2"
    except (ssl.SSLError, OSError):
        return False
    finally:
        wire.socket.close()


def test_mutual_tls(start, authority, tmp_path):
    own, known = authority.issue("mutual", HOSTS), authority.issue("client")
    stranger = Authority(tmp_path, "stranger").issue("stranger")
    server = start(cert=own.cert, key=own.key, ca=authority.cert)
    with server.channel(client(authority, known)) as channel:
        assert Echo(channel).say(payload=b"known").payload == b"known"
    for certificate in (None, stranger):
        with server.channel(client(authority, certificate)) as channel:
            assert Echo(channel).refusal().code() == grpc.StatusCode.UNAVAILABLE


def test_plain_and_tls_do_not_mix(start, authority):
    own = authority.issue("plain", HOSTS)
    server = start(cert=own.cert, key=own.key)
    with Wire(server.port) as wire:
        assert wire.ended()
    with server.channel(client(authority)) as channel:
        assert Echo(channel).say(payload=b"x").payload == b"x"
