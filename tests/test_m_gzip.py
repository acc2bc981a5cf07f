# SPDX-License-Identifier: Apache-2.0
"""Answers as gzip: for who asks, for what is long enough, and with tags of their own."""
import gzip
import json
import socket

import pytest

from api import Rest
from executor import ADD, OK, Ask, Executor
from wait import patience

GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture(name="long", scope="module")
def long_fixture(shared):
    """The path of a task whose view is longer than the least that is packed."""
    return f"/tasks/{shared.rest.create('long', env={'A': 'text ' * 400})['id']}"


def both(rest, path, method="GET"):
    plain, packed = rest.call(method, path), rest.call(method, path, headers=GZIP)
    assert plain.status == packed.status
    return plain, packed


def unpacked(answer):
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(answer.body)
    return gzip.decompress(answer.body)


@pytest.mark.parametrize("path", ["/tasks", "/tasks?cursor=", "/openapi.yaml"])
def test_the_same_in_fewer_bytes(shared, long, path):
    plain, packed = both(shared.rest, path)
    assert unpacked(packed) == plain.body and len(packed.body) < len(plain.body) / 2, long
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert plain.headers["content-type"] == packed.headers["content-type"]


def test_metrics_and_problems(shared):
    text = unpacked(shared.rest.get("/metrics", headers=GZIP)).decode()
    assert "process_cpu_seconds_total" in text
    answer = shared.rest.get("/none/" + "x" * 3000, headers=GZIP)
    assert answer.status == 404 and json.loads(unpacked(answer))["status"] == 404


@pytest.mark.parametrize("path", ["/version", "/health", "/tasks/none"])
def test_what_is_short_stays(shared, path):
    for answer in both(shared.rest, path):
        assert "content-encoding" not in answer.headers and "vary" not in answer.headers


@pytest.mark.parametrize("wish,taken", [("gzip;q=0", False), ("identity", False), ("br, deflate", False), ("", False),
                                        ("*", True), ("br, gzip;q=0.1", True)])
def test_wishes(shared, long, wish, taken):
    answer = shared.rest.get(long, headers={"Accept-Encoding": wish})
    assert ("content-encoding" in answer.headers) == taken and answer.headers["vary"] == "Accept-Encoding"


def test_head_is_get_without_the_body(shared, long):
    got, head = (shared.rest.call(method, long, headers=GZIP) for method in ("GET", "HEAD"))
    assert head.body == b"" and got.body
    for name in ("content-length", "content-encoding", "etag", "vary", "content-type"):
        assert got.headers[name] == head.headers[name], name


def test_each_form_has_its_tag(shared, long):
    """A strong tag names one sequence of bytes (RFC 9110, 8.8.1)."""
    plain, packed = both(shared.rest, long)
    tags = plain.headers["etag"], packed.headers["etag"]
    assert tags[1] == tags[0][:-1] + '-gzip"'
    for headers, own, other in (({}, *tags), (GZIP, *reversed(tags))):
        same = shared.rest.get(long, headers={**headers, "If-None-Match": own})
        assert (same.status, same.body, same.headers["etag"], same.headers["vary"]) == (304, b"", own, "Accept-Encoding")
        assert "content-encoding" not in same.headers
        assert same.headers["content-length"] == (packed if headers else plain).headers["content-length"]
        assert shared.rest.get(long, headers={**headers, "If-None-Match": other}).status == 200
        assert shared.rest.get(long, headers={**headers, "If-None-Match": f"{other}, {own}"}).status == 304


def test_a_change_may_name_either(shared):
    """Whoever has seen one of them has seen the task as it is."""
    rest = shared.rest
    path = f"/tasks/{rest.create('x', env={'A': 'text ' * 400})['id']}"
    for number, headers in enumerate((GZIP, {}, GZIP)):
        tag = rest.get(path, headers=headers).headers["etag"]
        assert rest.call("PUT", path, {"name": f"n{number}"}, headers={"If-Match": tag}).status == 200
        assert rest.call("PUT", path, {"name": "late"}, headers={"If-Match": tag}).status == 412


def test_a_range_is_not_cut_out_of_it(shared, long):
    """There are none: all of it is the answer."""
    answer = shared.rest.get(long, headers={**GZIP, "Range": "bytes=0-9"})
    assert answer.status == 200 and json.loads(unpacked(answer))["name"] == "long"


def test_streams_are_not_packed(shared):
    with socket.create_connection(("127.0.0.1", shared.http_port), timeout=patience()) as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
        answer = b""
        while b"retry:" not in answer:
            answer += connection.recv(65536)
    assert b"ontent-Encoding" not in answer


def test_many_on_one_connection(shared, long):
    """Packed and plain ones in turns, each whole."""
    connection = shared.rest.connect(patience())
    for number in range(40):
        headers = GZIP if number % 2 else {"Accept-Encoding": "identity"}
        connection.request("GET", long, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert json.loads(gzip.decompress(body) if number % 2 else body)["name"] == "long"
    connection.close()


def test_the_executor_packs_too(shared):
    own = Executor(shared).ready()
    assert own.way("rest").call(Ask(ADD, "add", ("5", "3"))).code == OK
    text = unpacked(Rest(own.http_port).get("/openapi.yaml", headers=GZIP))
    assert text == Rest(own.http_port).get("/openapi.yaml").body
