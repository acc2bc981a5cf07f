# SPDX-License-Identifier: Apache-2.0
"""Wrong and hostile requests at the manager's surface: each row says what must not happen.

Which kinds there are, and where each is tested, is the table of test_f_bad_everywhere.py.
"""
import re
import resource
import socket

import pytest

from api import COMPLETED
from modules import example, wat
from wait import patience, wait_until

ADD = example("add")
IDLE = 5000
IDLE_SECONDS = 60  # of lib/http/server.c: who holds others up would do so for that long
HTML = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def raw(up, data, answered=False):
    """What comes back until the other end is silent or hangs up; its silence begins after the first
    word where it has to be `answered`."""
    answer = b""
    with socket.create_connection(("127.0.0.1", up.http_port), timeout=patience()) as connection:
        try:
            connection.sendall(data)
            connection.settimeout(patience() if answered else 1)
            while piece := connection.recv(65536):
                answer += piece
                connection.settimeout(1)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass
    return answer


STALE = '"00000000000000000000000000000000"'


@pytest.mark.parametrize("tag,status", [
    (STALE, 412), (f"{STALE}, W/{STALE}", 412), ("W/*", 412), ("nonsense", 412), ("", 412), ('"', 412),
    ("x" * 4000, 412), ("*", 200), (None, 200),
], ids=range(9))
def test_if_match(rest, tag, status):
    task = rest.create("x")
    path = f"/tasks/{task['id']}"
    answer = rest.call("PUT", path, {"name": "y"}, headers={} if tag is None else {"If-Match": tag})
    assert answer.status == status, answer
    if status == 412:
        assert answer.json["type"] == "/problems/stale" and answer.error
        assert rest.call("DELETE", path, headers={"If-Match": tag}).status == 412
    assert rest.task(task["id"])["name"] == ("y" if status == 200 else "x")


def test_a_weak_tag_changes_nothing(rest):
    """If-Match compares strongly (RFC 9110, 13.1.1); If-None-Match weakly."""
    task = rest.create("x")
    path = f"/tasks/{task['id']}"
    tag = rest.get(path).headers["etag"]
    assert rest.call("PUT", path, {"name": "y"}, headers={"If-Match": f"W/{tag}"}).status == 412
    same = rest.get(path, headers={"If-None-Match": f"W/{tag}"})
    assert same.status == 304 and same.body == b"" and same.headers["etag"] == tag
    assert rest.call("PUT", path, {"name": "y"}, headers={"If-Match": f'"x", {tag}'}).status == 200
    assert rest.get(path, headers={"If-None-Match": tag}).status == 200


@pytest.mark.parametrize("method,path,kind", [
    (method, path, kind)
    for method, path in (("POST", "/tasks"), ("PUT", "/tasks/{id}"), ("PUT", "/tasks/{id}/upload"))
    for kind in ("text/plain", "text/html", "application/xml", "application/x-www-form-urlencoded", "image/png",
                 "application/jsonx-", "x" * 3000, "multipart/form-data", "multipart/form-data; boundary=",
                 "multipart/form-data; boundary=" + "b" * 5000, "\x01", ";;;", "application/wasm, text/html")
], ids=range(39))
def test_content_types(rest, method, path, kind):
    task = rest.create("x")
    answer = rest.call(method, path.replace("{id}", task["id"]), b"--b\r\n\r\nnothing\r\n--b--\r\n",
                       headers={"Content-Type": kind})
    assert answer.status in (400, 415, 422), answer
    assert "digest" not in rest.task(task["id"])


CONTROL = ["%00", "%0a", "%0d%0aX-Injected:%20yes", "%1b%5b31m", "%7f", "a%00b", "%09", "..%2f..%2fetc%2fpasswd",
           "%ff%fe", "%c0%80", "%e2%80%ae", "x" * 300, "%25%30%30", "' OR 1=1 --".replace(" ", "%20")]


@pytest.mark.parametrize("text", CONTROL, ids=range(len(CONTROL)))
def test_ids_with_control_characters(up, text):
    rest = up.rest
    for method, path in [("GET", f"/tasks/{text}"), ("DELETE", f"/tasks/{text}"), ("POST", f"/tasks/{text}/start"),
                         ("GET", f"/tasks/{text}/results"), ("GET", f"/proplets/{text}"),
                         ("DELETE", f"/proplets/{text}"), ("GET", f"/proplets/{text}/metrics")]:
        answer = rest.call(method, path)
        assert answer.status in (400, 404), (method, path, answer)
        assert answer.error and "x-injected" not in answer.headers
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", answer.body)
    assert rest.get(f"/tasks?offset={text}").status == 400
    assert rest.get(f"/events?task={text}").status == 400
    assert rest.get("/tasks?limit=1%00").status == 400, "what is behind a zero is not hidden"
    assert "\x1b" not in up.manager.text()


FIELDS = {"name": HTML, "invoke": HTML, "stdin": HTML, "namespace": HTML, "proplet_id": HTML,
          "image_url": HTML, "cli_args": [HTML], "inputs": [HTML],
          "required_tags": [HTML], "env": {f"A{HTML.replace('=', '')}": HTML}, "metadata": {HTML: HTML},
          "dirs": [{"host": f"/x{HTML}", "guest": HTML}]}


def texts_of(value):
    """All the strings in it."""
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in texts_of(part)]
    return [text for part in value for text in texts_of(part)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("field", FIELDS)
def test_html_comes_back_as_text(rest, field):
    body = {"name": "x", field: FIELDS[field]}
    task = rest.expect(201, "POST", "/tasks", body)
    assert task.headers["content-type"] == "application/json"
    assert HTML in texts_of(task.json[field])
    for path in (f"/tasks/{task.json['id']}", "/tasks?limit=1", f"/tasks/{task.json['id']}/placement",
                 f"/tasks/{task.json['id']}/results"):
        answer = rest.expect(200, "GET", path)
        assert answer.headers["content-type"] == "application/json" and answer.json is not None
    rest.call("DELETE", f"/tasks/{task.json['id']}")


@pytest.mark.parametrize("body", [
    {"name": "x", "engine": HTML}, {"name": "x", "restart": HTML}, {"name": "x", "kind": HTML},
    {"name": "x", "digest": HTML, "image_url": "h"}, {"name": "x", "file": HTML}, {"name": HTML + "\n"},
    {"name": "x", "monitoring_profile": {"interval": HTML}},
], ids=range(7))
def test_html_in_errors(rest, body):
    answer = rest.call("POST", "/tasks", body)
    assert answer.status in (400, 422) and answer.error
    assert answer.headers["content-type"] == "application/problem+json"


def test_html_of_a_guest(rest):
    text = HTML.replace('"', "")
    guest = wat(f'''(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1) (data (i32.const 16) "{text}")
      (func (export "_start") (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const {len(text)}))
        (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))''')
    done = rest.run("x", guest)
    assert done["state"] == COMPLETED and done["stdout"] == text
    assert rest.get(f"/tasks/{done['id']}").headers["content-type"] == "application/json"


SMUGGLED = b"DELETE /tasks/{id} HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("head", [
    b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    b"Content-Length: 0\r\nContent-Length: %(size)d\r\n\r\n", b"Content-Length: %(size)d\r\nContent-Length: 0\r\n\r\n",
    b"Content-Length: 0, %(size)d\r\n\r\n", b"Content-Length: +0\r\n\r\n", b"Content-Length: 0x0\r\n\r\n",
    b"Content-Length : %(size)d\r\n\r\n",
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n", b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
], ids=range(15))
def test_smuggling(up, head):
    """Where readers could disagree about the end of a request, nothing behind it is looked at."""
    task = up.rest.create("x")["id"]
    inner = SMUGGLED.replace(b"{id}", task.encode())
    data = b"POST /tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" \
        + (head % {b"size": len(inner)} if b"%(size)" in head else head) + inner
    answer = raw(up, data)
    first = answer.split(b"\r\n", 1)[0]
    assert first == b"" or re.match(rb"HTTP/1\.[01] (4\d\d|501|505)", first), answer
    assert b" 204 " not in answer and b" 201 " not in answer
    assert up.rest.get(f"/tasks/{task}").status == 200


@pytest.mark.parametrize("data,status", [
    (b"GET /health HTTP/1.1\r\n\r\n", (400,)),
    (b"TRACE /health HTTP/1.1\r\nHost: x\r\n\r\n", (405,)), (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", (400, 404, 405)),
    (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", (400, 404, 405)), (b"FOO /tasks HTTP/1.1\r\nHost: x\r\n\r\n", (405, 501)),
    (b"get /health HTTP/1.1\r\nHost: x\r\n\r\n", (405, 501)), (b"GET http://evil/health HTTP/1.1\r\nHost: x\r\n\r\n", (200,)),
    (b"GET HTTPS://x:1/health?a HTTP/1.1\r\nHost: x\r\n\r\n", (200,)),
    (b"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", (302,)), (b"GET http://x?a HTTP/1.1\r\nHost: x\r\n\r\n", (302,)),
    (b"GET http:/health HTTP/1.1\r\nHost: x\r\n\r\n", (404,)),
    (b"GET /health HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n", (400,)),
], ids=range(12))
def test_odd_requests(up, data, status):
    answer = raw(up, data, answered=True)
    assert int(answer.split(b" ")[1]) in status, answer


def test_slow_senders_hold_nobody_up(up):
    """A byte now and then, of a head and of a body: a hundred of each."""
    heads = [socket.create_connection(("127.0.0.1", up.http_port)) for _ in range(200)]
    for number, connection in enumerate(heads):
        connection.sendall(b"POST /tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                           + (b"Content-Length: 1000\r\n\r\n{" if number % 2 else b"X: "))
    for _ in range(5):
        for connection in heads:
            try:
                connection.sendall(b" ")
            except OSError:
                pass  # it may have had enough of this one
        up.rest.expect(201, "POST", "/tasks", {"name": "x"}, timeout=IDLE_SECONDS / 2)
    for connection in heads:
        connection.close()


def test_five_thousand_idle_connections(up):
    """Fewer where the limit of descriptors is low; then the test says how many it were."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(IDLE, hard - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, IDLE + 500)), hard))
    idle = []
    try:
        before = up.manager.rss_bytes()
        for _ in range(count):
            idle.append(socket.create_connection(("127.0.0.1", up.http_port)))
        print(f"{count} idle connections")
        done = up.rest.run("add", ADD, inputs=[1, 2])
        assert done["state"] == COMPLETED
        assert up.manager.rss_bytes() - before < 400 << 20
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_until(lambda: up.rest.get("/health").status == 200)


def test_numbers_that_fit_nowhere(rest):
    """Whole numbers of any size are JSON; what they are good for is another question."""
    huge = 10 ** 30
    task = rest.expect(201, "POST", "/tasks", {"name": "x", "metadata": {"n": huge}, "inputs": [7, huge]}).json
    assert task["metadata"]["n"] == 1e30 and task["inputs"] == ["7", "1e+30"]
    beside = {"name": "x", "metadata": {"n": huge, "m": 2 ** 53 + 1}, "inputs": [2 ** 53 + 1, -(2 ** 63)]}
    task = rest.expect(201, "POST", "/tasks", beside).json
    assert task["metadata"]["m"] == 2 ** 53 + 1 and task["inputs"] == [str(2 ** 53 + 1), str(-(2 ** 63))]
    assert rest.call("POST", "/tasks", {"name": "x", "priority": huge}).status == 400
    assert rest.call("POST", "/tasks", b'{"name":"x","n":1e999}', headers={"Content-Type": "application/json"}).status == 400


def test_many_small_values(up):
    """Of a body of 4 MB a parser makes some hundred: so it is refused before."""
    body = b'{"name":"x","metadata":{"a":[{}' + b",{}" * 1_300_000 + b"]}}"
    before = up.manager.rss_bytes()
    for _ in range(4):
        answer = up.rest.call("POST", "/tasks", body, headers={"Content-Type": "application/json"})
        assert answer.status == 413 and "values" in answer.error
    assert up.manager.rss_bytes() - before < 100 << 20


def test_everything_still_works(rest):
    assert rest.run("add", ADD, inputs=[1, 2])["results"] == "3"
