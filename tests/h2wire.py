# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 by hand (RFC 9113), for what no client would send: frames as bytes, headers without compression."""
import socket
import struct
import time

import hpack
from wait import patience

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 1, 4, 1
NO_ERROR, ENHANCE_YOUR_CALM = 0, 11


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def integer(value, prefix, first=0):
    """RFC 7541 section 5.1."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def header(name, value, first=0):
    """A literal, not indexed; `first` 0x40: indexed."""
    name, value = name.encode(), value.encode()
    return bytes([first]) + integer(len(name), 7) + name + integer(len(value), 7) + value


def request(path="/airscrew.test.Echo/Raw", method="POST", content_type="application/grpc", **more):
    """A block of headers; x_y="1" adds "x-y: 1"; te=None leaves te out."""
    headers = {":method": method, ":scheme": "http", ":path": path, ":authority": "test",
               "content-type": content_type, "te": "trailers",
               **{name.replace("_", "-"): value for name, value in more.items()}}
    return b"".join(header(name, value) for name, value in headers.items() if value is not None)


def message(payload=b"", flag=0):
    return struct.pack(">BI", flag, len(payload)) + payload


class Wire:
    """One connection. Reads frames as (kind, flags, stream, payload).

    `close`: the kernel takes little of what is sent ahead of the server (else some megabytes).
    """

    def __init__(self, port, preface=True, settings=b"", close=False):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=patience())
        if close:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.decoder = hpack.Decoder(max_header_list_size=1 << 20)
        self.decoded = {}
        if preface:
            self.send(PREFACE, frame(SETTINGS, payload=settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *parts):
        self.socket.sendall(b"".join(parts))

    def call(self, stream=1, payload=b"", **headers):
        """A whole call."""
        self.send(frame(HEADERS, END_HEADERS, stream, request(**headers)),
                  frame(DATA, END_STREAM, stream, message(payload)))

    def fill(self, size):
        """False at the end of the connection."""
        while len(self.buffer) < size:
            try:
                got = self.socket.recv(65536)
            except ConnectionError:
                return False
            if not got:
                return False
            self.buffer += got
        return True

    def read(self):
        """The next frame; None: the connection ended."""
        if not self.fill(9):
            return None
        size = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big")
        if not self.fill(9 + size):
            return None
        payload, self.buffer = self.buffer[9:9 + size], self.buffer[9 + size:]
        if kind == HEADERS:  # in the order in which they come, as HPACK needs it
            self.decoded[id(payload)] = (payload, dict(self.decoder.decode(payload)))
        return kind, flags, stream, payload

    def until(self, wanted):
        """All frames up to the first for which wanted(kind, flags, stream, payload), or to the end (None)."""
        seen, deadline = [], time.monotonic() + patience()
        while time.monotonic() < deadline:
            seen.append(self.read())
            if seen[-1] is None or wanted(*seen[-1]):
                return seen
        raise AssertionError(f"not in time; seen: {seen[-5:]}")

    def answer(self, stream=1):
        """Its frames, to its end."""
        return [one for one in self.until(lambda kind, flags, number, _: number == stream and (
            kind == RST_STREAM or kind in (HEADERS, DATA) and flags & END_STREAM))
            if one is None or one[2] == stream]

    def headers(self, frames):
        """Each block of headers among these frames, as a dictionary."""
        return [self.decoded[id(one[3])][1] for one in frames if one and one[0] == HEADERS]

    def goaway(self):
        """The error code of the GOAWAY that comes; None: the connection ended without."""
        last = self.until(lambda kind, *_: kind == GOAWAY)[-1]
        return last and int.from_bytes(last[3][4:8], "big")

    def ended(self):
        """Reads to the end of the connection."""
        return self.until(lambda *_: False)[-1] is None
