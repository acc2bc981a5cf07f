# SPDX-License-Identifier: Apache-2.0
"""lib/rpc against those who do not mean it well: whatever they do, others are served, and memory stays bounded."""
import itertools
import json
import os
import random
import re
import resource
import socket
import struct
import time

import grpc
import pytest
from certificates import HOSTS, Authority
from gotools import run
from h2wire import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, PING, PREFACE,
                    PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, Wire, frame, header, integer, message, request)
from rpcserver import Echo, Server
from wait import stays, wait_until

EXPECTED_FAILURES = []  # of h2spec --strict: none of its 146
KEEP = message(b"\x32\x01k")  # an Order that is kept
SAY = "/airscrew.test.Echo/Say"
MB = 1024 * 1024


@pytest.fixture
def start(tmp_path):
    servers = []

    def one(**limits):
        servers.append(Server(tmp_path, **limits))
        return servers[-1]
    yield one
    for own in servers:
        with own.channel() as channel:  # again where a limit of a second ends what a slow machine began
            wait_until(lambda echo=Echo(channel): accepted(echo, 10), 30, "an answer for somebody else")
        own.end()


@pytest.fixture
def server(start):
    return start()


def serves(server):
    with server.channel() as channel:
        assert Echo(channel).say(payload=b"still here").payload == b"still here"


def test_h2spec(server):
    done = run("h2spec", "--strict", "-h", "127.0.0.1", "-p", server.port, "-o", 10, seconds=280)
    failed = sorted(set(re.findall(r"^ *\u00d7 \d+: (.*)$", done.stdout, re.M)))
    assert failed == EXPECTED_FAILURES, done.stdout
    assert "146 tests, 146 passed, 0 skipped, 0 failed" in done.stdout, done.stdout[-400:]


# --- bytes that are no HTTP/2 -----------------------------------------------------------------------


def test_garbage(server):
    """At the beginning, and in place of frames."""
    numbers = random.Random(4)
    for number in range(150):
        with Wire(server.port, preface=number % 3 == 0) as wire:
            try:
                wire.send(numbers.randbytes(numbers.choice([1, 9, 24, 100, 5000])))
                wire.socket.shutdown(socket.SHUT_WR)
                assert wire.ended()
            except OSError:
                pass  # reset: as good
    with Wire(server.port, preface=False) as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.ended()


@pytest.mark.parametrize("sent", ["nothing", "half a preface", "a preface only"])
def test_half_open_connections_end(start, sent):
    server = start(handshake=1)
    begin = time.monotonic()
    with Wire(server.port, preface=False) as wire:
        wire.send({"nothing": b"", "half a preface": PREFACE[:10], "a preface only": PREFACE}[sent])
        assert wire.ended()
    assert time.monotonic() - begin > 0.7


def test_half_open_tls(start, tmp_path):
    own = Authority(tmp_path).issue("server", HOSTS)
    server = Server(tmp_path, handshake=1, cert=own.cert, key=own.key)
    try:
        with Wire(server.port, preface=False) as wire:
            wire.send(b"\x16\x03\x01\x02\x00\x01")  # a ClientHello that does not go on
            assert wire.ended()
    finally:
        server.end()


# --- connections -------------------------------------------------------------------------------------


def test_500_idle_connections(server):
    wires = [Wire(server.port) for _ in range(500)]
    for wire in wires:
        wire.call()
    for wire in wires:
        assert wire.headers(wire.answer())[-1]["grpc-status"] == "0"
    assert server.process.rss_bytes() < 64 * MB
    before = server.process.cpu_seconds()
    assert stays(lambda: server.process.alive, 1)
    assert server.process.cpu_seconds() - before < 0.3
    serves(server)
    for wire in wires:
        wire.socket.close()


def test_idle_connection_is_told(start):
    server = start(idle=3)
    with Wire(server.port) as wire:
        wire.call()
        frames = wire.until(lambda *_: False)
    told = [int.from_bytes(one[3][4:8], "big") for one in frames if one and one[0] == GOAWAY]
    assert frames[-1] is None and told and set(told) == {0}, frames


def test_too_many_connections(start):
    server = start(connections_max=10)
    wires = [Wire(server.port) for _ in range(10)]
    for wire in wires:
        wire.call()
        wire.answer()
    with Wire(server.port, preface=False) as wire:
        assert wire.goaway() == ENHANCE_YOUR_CALM
    for wire in wires:
        wire.socket.close()
    wait_until(lambda: answered(server), 30, "room for another connection")


def answered(server):
    with Wire(server.port, preface=False) as wire:
        try:
            wire.send(PREFACE, frame(SETTINGS))
            wire.call()
            return wire.until(lambda kind, flags, stream, _: stream == 1 and flags & END_STREAM)[-1] is not None
        except OSError:
            return False


def test_no_descriptors_left(start):
    """It does not spin, and goes on when there are some again."""
    server = start()
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 5, limits[1]))
    wires = [Wire(server.port) for _ in range(20)]
    wait_until(lambda: "no more connections" in server.process.text(), 30, "the warning")
    assert server.process.text().count("no more connections") < 50
    for wire in wires:
        wire.socket.close()
    wait_until(lambda: answered(server), 30, "connections again")
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, limits)


def test_silent_client_is_asked_whether_it_lives(start):
    server = start(keepalive=3)
    with Wire(server.port) as wire:
        wire.call(path=SAY, payload=KEEP[5:])
        asked = wire.until(lambda kind, flags, *_: kind == PING and not flags & ACK)[-1]
        assert asked is not None
        assert wire.ended()  # no answer
    with Wire(server.port) as wire:
        wire.call(path=SAY, payload=KEEP[5:])
        for _ in range(2):
            asked = wire.until(lambda kind, flags, *_: kind == PING and not flags & ACK)[-1]
            wire.send(frame(PING, ACK, 0, asked[3]))


# --- work for nothing --------------------------------------------------------------------------------


def block():
    return frame(HEADERS, END_HEADERS, 1, request(path=SAY))


NUISANCES = {
    "resets": lambda n: frame(HEADERS, END_HEADERS, 2 * n + 1, request()) +
    frame(RST_STREAM, 0, 2 * n + 1, struct.pack(">I", 8)),
    "resets of kept calls": lambda n: frame(HEADERS, END_HEADERS, 2 * n + 1, request(path=SAY)) +
    frame(DATA, END_STREAM, 2 * n + 1, KEEP) + frame(RST_STREAM, 0, 2 * n + 1, struct.pack(">I", 8)),
    "pings": lambda n: frame(PING, 0, 0, b"12345678"),
    "settings": lambda n: frame(SETTINGS, 0, 0, struct.pack(">HI", 3, n)),
    "empty data": lambda n: (block() if n == 0 else b"") + frame(DATA, 0, 1),
    "priorities": lambda n: frame(PRIORITY, 0, 2 * n + 1, struct.pack(">IB", 0, 1)),
}


@pytest.mark.parametrize("name", NUISANCES)
def test_nuisances_end_the_connection(server, name):
    with Wire(server.port, close=True) as wire:
        sent = 0
        try:
            while sent < 200_000:
                wire.send(b"".join(NUISANCES[name](sent + n) for n in range(100)))
                sent += 100
        except OSError:
            pass
        assert sent < 200_000
        try:
            assert wire.ended()
        except ConnectionError:
            pass
    assert server.process.rss_bytes() < 64 * MB


def test_a_few_resets_are_fine(server):
    with Wire(server.port) as wire:
        for n in range(300):
            wire.send(NUISANCES["resets"](n))
        wire.call(stream=1001, payload=b"fine")
        assert wire.headers(wire.answer(1001))[-1]["grpc-status"] == "0"


def test_busy_clients_are_no_nuisance(server):
    """gRPC for Go sends a PING for nearly every answer, to measure its line; others give up every other call."""
    done = run("ghz", "--insecure", "--timeout", "60s", "--connect-timeout", "60s", "--call", "airscrew.test.Echo.Raw",
               "-d", "{}", "-c", 4, "--connections", 1, "-n", 6000, "-O", "json", f"127.0.0.1:{server.port}")
    answer = json.loads(done.stdout)
    assert answer["statusCodeDistribution"]["OK"] >= 6000 - 4, answer
    with Wire(server.port) as wire:
        for n in range(2000):
            wire.call(stream=4 * n + 1)
            wire.answer(4 * n + 1)
            wire.send(NUISANCES["resets"](2 * n + 1), frame(PING, 0, 0, bytes(8)))
        wire.call(stream=10001, payload=b"fine")
        assert wire.headers(wire.answer(10001))[-1]["grpc-status"] == "0"
    assert "makes work" not in server.process.text()


def test_given_up_calls_count_while_they_are_worked_on(start):
    """Else resets would be a way around the limit of calls."""
    server = start(streams_max=5)
    order = b"\x32\x01k\x38\x01"  # stubborn
    with Wire(server.port) as wire, server.channel() as channel:
        echo = Echo(channel)
        for n in range(5):
            wire.call(stream=2 * n + 1, path=SAY, payload=order)
        wait_until(lambda: echo.counts().kept == 5, 30, "5 kept calls")
        wire.call(stream=11, path=SAY, payload=order)  # HTTP/2 itself refuses a sixth stream
        assert wire.answer(11)[-1][0] == RST_STREAM
        for n in range(5):
            wire.send(frame(RST_STREAM, 0, 2 * n + 1, struct.pack(">I", 8)))
        wire.call(stream=13, path=SAY, payload=order)
        end = wire.headers(wire.answer(13))[-1]
        assert (end["grpc-status"], end["grpc-message"][:7]) == ("8", "5 calls")
        echo.release("k")
        streams = itertools.count(15, 2)

        def again():  # the other loop hears of it a little later
            number = next(streams)
            wire.call(stream=number)
            return wire.headers(wire.answer(number))[-1]["grpc-status"] == "0"
        wait_until(again, 30, "room for calls again")


def test_calls_outlive_their_connection(start):
    """A handler that is still at work when all is gone, also at the end of the server."""
    server = start()
    with Wire(server.port) as wire:
        for n in range(50):
            wire.call(stream=2 * n + 1, path=SAY, payload=b"\x32\x01k\x38\x01")
        with server.channel() as channel:
            wait_until(lambda: Echo(channel).counts().kept == 50, 30, "50 kept calls")
    with server.channel() as channel:
        assert Echo(channel).release("k").answered == 50


# --- headers -----------------------------------------------------------------------------------------


def test_large_headers(server):
    with Wire(server.port) as wire:
        wire.call(x_large="v" * 8000)
        assert wire.headers(wire.answer())[-1]["grpc-status"] == "0"
        wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, request(
            x_large="v" * 15000, **{f"n{n}": "" for n in range(60)})))
        end = wire.headers(wire.answer(3))[-1]
        assert (end["grpc-status"], "limit is 16384" in end["grpc-message"]) == ("8", True)
        wire.call(stream=5)
        assert wire.headers(wire.answer(5))[-1]["grpc-status"] == "0"


def test_header_bomb(server):
    """One byte for each of thousands of headers: an entry of the dynamic table, over and over."""
    entry = header("x-bomb", "v" * 3900, first=0x40)
    bomb = request() + entry + integer(62, 7, 0x80) * 10000
    with Wire(server.port) as wire:
        wire.send(frame(HEADERS, END_HEADERS, 1, bomb))
        assert wire.ended()
    assert server.process.rss_bytes() < 64 * MB


def test_endless_headers(server):
    with Wire(server.port, close=True) as wire:
        piece = b"".join(header(f"x-{n}", "v" * 100) for n in range(140))
        try:
            wire.send(frame(HEADERS, 0, 1, request()))
            for _ in range(1000):
                wire.send(frame(CONTINUATION, 0, 1, piece))
        except OSError:
            pass
        else:
            raise AssertionError("16 MB of headers were taken")
    assert server.process.rss_bytes() < 64 * MB


def test_many_names(server):
    with Wire(server.port) as wire:
        wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, request() + b"".join(
            header(f"n{n}", "") for n in range(1000))))
        assert wire.headers(wire.answer())[-1]["grpc-status"] == "8"


# --- memory ------------------------------------------------------------------------------------------


def test_too_large_a_message(start):
    server = start(message_max=1000)
    with server.channel() as channel:
        echo = Echo(channel)
        assert len(echo.say(payload=b"x" * 990).payload) == 990
        error = echo.refusal(payload=b"x" * 1001)
        assert error.code().name == "RESOURCE_EXHAUSTED" and "limit is 1000" in error.details()


def test_memory_of_all(start):
    """What is announced counts, also when it never comes; what is over the limit is refused, then taken again."""
    server = start(memory_max=4 * MB, connection_memory=2 * MB, message_max=MB)
    head = message(b"x" * 1000000)[:5]
    wires = [Wire(server.port) for _ in range(4)]
    statuses = []
    for n in range(8):
        wire, stream = wires[n % 4], 2 * (n // 4) + 1
        wire.send(frame(HEADERS, END_HEADERS, stream, request()), frame(DATA, 0, stream, head))
    for n in range(8):  # a ping comes back after what was before it
        wires[n % 4].send(frame(PING, 0, 0, b"%08d" % n))
        seen = wires[n % 4].until(lambda kind, flags, _, payload, n=n: kind == PING and payload == b"%08d" % n)
        statuses += [block["grpc-status"] for block in wires[n % 4].headers(seen)]
    assert statuses and set(statuses) == {"8"}
    with server.channel() as channel:
        assert Echo(channel).say(payload=b"small").payload == b"small"
    for wire in wires:
        wire.socket.close()
    with server.channel() as channel:
        wait_until(lambda: accepted(Echo(channel), 900000), 30, "memory again")


def accepted(echo, size):
    try:
        return len(echo.say(payload=b"x" * size).payload) == size
    except grpc.RpcError:
        return False


def test_memory_of_a_connection(start):
    server = start(memory_max=64 * MB, connection_memory=2 * MB, message_max=MB)
    head = message(b"x" * 1000000)[:5]
    with Wire(server.port) as wire:
        for stream in (1, 3, 5):
            wire.send(frame(HEADERS, END_HEADERS, stream, request()), frame(DATA, 0, stream, head))
        end = wire.headers(wire.answer(5))[-1]
        assert (end["grpc-status"], "this connection" in end["grpc-message"]) == ("8", True)
        serves(server)


def test_slow_reader(start):
    """Answers of 200 MB that nobody takes: memory is bounded, the others are served, and it ends."""
    server = start(stall=2, memory_max=32 * MB, connection_memory=16 * MB)
    order = b"\x10" + integer_of(4 * MB)
    with Wire(server.port, settings=struct.pack(">HI", 4, 0x7fffffff)) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7fff0000 - 65535)))
        wire.send(*(frame(HEADERS, END_HEADERS, 2 * n + 1, request(path=SAY)) +
                    frame(DATA, END_STREAM, 2 * n + 1, message(order)) for n in range(50)))
        serves(server)
        assert server.process.rss_bytes() < 128 * MB
        wait_until(lambda: server.process.rss_bytes() < 40 * MB, 30, "the memory to be free again")


def test_reader_without_window(start):
    """HTTP/2's own way to be slow: the client never opens the window."""
    server = start(stall=1)
    order = b"\x10" + integer_of(MB)
    with Wire(server.port, settings=struct.pack(">HI", 4, 10)) as wire:
        wire.call(path=SAY, payload=order)
        assert wire.answer()[-1][0] == RST_STREAM
        wire.call(stream=3, payload=b"")
        assert wire.headers(wire.answer(3))[-1]["grpc-status"] == "0"


def test_request_that_does_not_go_on(start):
    server = start(stall=1)
    with Wire(server.port) as wire:
        wire.send(frame(HEADERS, END_HEADERS, 1, request()), frame(DATA, 0, 1, message(b"x" * 100)[:50]))
        assert wire.headers(wire.answer())[-1]["grpc-status"] == "4"


def test_slow_but_steady_reader(server):
    """Back-pressure, not loss: all of a large answer arrives at one who reads in small pieces."""
    size = 8 * MB
    with Wire(server.port, settings=struct.pack(">HI", 4, 0x7fffffff)) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        wire.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7fff0000 - 65535)))
        wire.call(path=SAY, payload=b"\x10" + integer_of(size))
        frames = wire.answer()
    assert sum(len(one[3]) for one in frames if one[0] == DATA) > size
    assert wire.headers(frames)[-1]["grpc-status"] == "0"


def integer_of(value):
    """A varint of Protocol Buffers."""
    out = []
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
