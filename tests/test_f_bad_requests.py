# SPDX-License-Identifier: Apache-2.0
"""Requests that are wrong, and what is refused because it is not run yet."""
import base64
import json
import socket

import pytest

from modules import example
from wait import patience

JSON = {"Content-Type": "application/json"}
REFUSED = [
    ("schedule", "* * * * *"), ("latent", True), ("depends_on", ["a"]), ("broadcast", True),
    ("mode", "train"), ("kind", "federated"),
]


@pytest.mark.parametrize("field,value", REFUSED)
def test_what_is_not_run_yet(rest, field, value):
    before = rest.get("/tasks?limit=1").json["total"]
    answer = rest.expect(422, "POST", "/tasks", {"name": "x", field: value})
    assert field in answer.error
    assert answer.json.get("field") == field
    assert rest.get("/tasks?limit=1").json["total"] == before, "nothing was stored"


@pytest.mark.parametrize("field,value", REFUSED)
def test_what_is_not_run_yet_in_an_update(rest, field, value):
    task = rest.create("x")
    answer = rest.expect(422, "PUT", f"/tasks/{task['id']}", {field: value})
    assert field in answer.error and answer.json.get("field") == field


@pytest.mark.parametrize("fields", [
    {"encrypted": True}, {"encrypted": True, "file": "AGFz"},
])
def test_encryption_comes_later(rest, fields):
    assert rest.expect(422, "POST", "/tasks", {"name": "x", **fields}).error


def test_a_file_and_an_image(rest):
    file = base64.b64encode(example("add")).decode()
    answer = rest.expect(400, "POST", "/tasks", {"name": "x", "file": file, "image_url": "http://h/x.wasm"})
    assert answer.json["field"] == "image_url" and "file" in answer.error


@pytest.mark.parametrize("field,value", [
    ("latent", False), ("broadcast", False), ("encrypted", False), ("kind", "standard"),
    ("schedule", None), ("depends_on", None), ("mode", None), ("image_url", None), ("schedule", ""),
    ("depends_on", []),
])
def test_saying_no_is_allowed(rest, field, value):
    rest.create("x", **{field: value})


@pytest.mark.parametrize("body,says", [
    ({}, "name"), ({"name": ""}, "name"), ({"name": None}, "name"), ({"name": 7}, "name"),
    ({"name": "x" * 300}, "name"), ({"name": "x", "inputs": "1"}, "inputs"),
    ({"name": "x", "inputs": [{}]}, "inputs"), ({"name": "x", "inputs": [None]}, "inputs"),
    ({"name": "x", "cli_args": [{}]}, "cli_args"), ({"name": "x", "env": []}, "env"),
    ({"name": "x", "env": {"A": 1}}, "env"), ({"name": "x", "env": {"A=B": "1"}}, "env"),
    ({"name": "x", "env": {"": "1"}}, "env"), ({"name": "x", "env": {"A=": "b"}}, "env"),
    ({"name": "x", "daemon": "yes"}, "daemon"), ({"name": "x", "engine": "v8"}, "engine"),
    ({"name": "x", "engine": 1}, "engine"), ({"name": "x", "invoke": 3}, "invoke"),
    ({"name": "x", "limits": 3}, "limits"), ({"name": "x", "restart": "sometimes"}, "restart"),
    ({"name": "x", "restart": True}, "restart"), ({"name": "x", "restart_limit": 0}, "restart_limit"),
    ({"name": "x", "required_tags": "gpu"}, "required_tags"), ({"name": "x", "namespace": 1}, "namespace"),
    ({"name": "x", "min_memory_bytes": -1}, "min_memory_bytes"),
    ({"name": "x", "image_url": 1}, "image_url"), ({"name": "x", "image_url": "h", "digest": "x"}, "digest"),
    ({"name": "x", "limits": {"memory_bytes": -1}}, "memory_bytes"),
    ({"name": "x", "limits": {"memory_bytes": 1 << 60}}, "memory_bytes"),
    ({"name": "x", "limits": {"wall_seconds": "long"}}, "wall_seconds"),
    ({"name": "x", "limits": {"wall_seconds": -5}}, "wall_seconds"),
    ({"name": "x", "limits": {"fuel": 1.5}}, "fuel"),
    ({"name": "x", "limits": {"gas": -1}}, "gas"),
    ({"name": "x", "limits": {"output_bytes": 1 << 40}}, "output_bytes"),
    ({"name": "x", "priority": 101}, "priority"), ({"name": "x", "priority": -1}, "priority"),
    ({"name": "x", "priority": "high"}, "priority"), ({"name": "x", "metadata": [1]}, "metadata"),
    ({"name": "x", "proplet_id": 7}, "proplet_id"), ({"name": "x", "stdin": 7}, "stdin"),
    ({"name": "x", "stdin": "x" * (600 << 10)}, "stdin"),
    ({"name": "x", "inputs": ["1"] * 5000}, "inputs"),
])
def test_wrong_fields_are_named(rest, body, says):
    answer = rest.call("POST", "/tasks", body)
    assert answer.status in (400, 413, 422), answer
    assert says in answer.error, answer.error
    (fault,) = answer.json["errors"]
    assert fault["pointer"].startswith(f"#/{answer.json['field']}") and says in fault["pointer"], answer


@pytest.mark.parametrize("body,pointer", [
    ({"limits": {"memory_bytes": -1}}, "#/limits/memory_bytes"), ({"inputs": [1, "2", None]}, "#/inputs/2"),
    ({"env": {"A/B~\u00fc\"": 1}}, "#/env/A~1B~0%C3%BC%22"), ({"env": {"x" * 300: 1}}, "#/env"),
    ({"dirs": [{"host": "/a"}, {"host": "b"}]}, "#/dirs/1/host"), ({"monitoring_profile": {"interval": []}}, "#/monitoring_profile/interval"),
    ({"schedule": "* * * * *"}, "#/schedule"), ({"file": 7}, "#/file"), ({"file": "bm8gbW9kdWxl"}, "#/file"),
])
def test_a_problem_points_at_the_member(rest, body, pointer):
    answer = rest.call("POST", "/tasks?limit=1", {"name": "x", **body})
    assert answer.status in (400, 422) and answer.error
    assert answer.json["errors"] == [{"detail": answer.json["detail"], "pointer": pointer}]
    assert answer.json["field"] == pointer.split("/")[1] and answer.json["instance"] == "/tasks"


@pytest.mark.parametrize("path,headers,part,name", [
    ("/tasks?limit=0", {}, "parameter", "limit"), ("/tasks?offset=-1", {}, "parameter", "offset"),
    ("/tasks?cursor=x", {}, "parameter", "cursor"), ("/tasks?metadata=7", {}, "parameter", "metadata"),
    ("/proplets?status=x", {}, "parameter", "status"), ("/tasks/7?wait=x", {}, "parameter", "wait"),
    ("/events?type=x", {}, "parameter", "type"), ("/events?task=x", {}, "parameter", "task"),
    ("/tasks/7/start", {"Idempotency-Key": ""}, "header", "Idempotency-Key"), ("/tasks", {"Content-Type": "text/plain"}, "header", "Content-Type"),
])
def test_a_problem_names_the_parameter_or_header(rest, path, headers, part, name):
    answer = rest.call("POST" if headers else "GET", path, headers=headers)
    assert answer.status == 400 and answer.error
    assert answer.json["errors"] == [{"detail": answer.json["detail"], part: name}]
    assert answer.json["field"] == name and answer.json["instance"] == path.split("?")[0]


def test_what_is_about_nothing_of_the_request_says_so(rest):
    for method, path, body in (("GET", "/tasks/none", None), ("POST", "/tasks", b"{"), ("PATCH", "/tasks", None)):
        answer = rest.call(method, path, body, {"Content-Type": "application/json"})
        assert answer.status >= 400 and answer.error and answer.json["instance"] == path
        assert "errors" not in answer.json and "field" not in answer.json


@pytest.mark.parametrize("path,instance", [
    (b"//elsewhere.example/a", "/%2Felsewhere.example/a"), (b"http://elsewhere.example/a", "/a"),
    (b'/<script>"\\', "/%3Cscript%3E%22%5C"), (b"/a%2", "/a%252"), (b"/a%2F..%00?b=c", "/a%2F..%00"),
    (b"/\xff\xc3\xbc", "/%FF%C3%BC"), (b"/" + 3000 * b"a", "/" + 508 * "a"), (b"/" + 3000 * b"|", "/" + 170 * "%7C"),
])
def test_an_instance_leads_nowhere_else(up, path, instance):
    """Whatever is asked for, as it is sent: a client library would not."""
    with socket.create_connection(("127.0.0.1", up.http_port), timeout=patience()) as connection:
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404")
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["instance"] == instance


@pytest.mark.parametrize("body", [
    b"", b"{", b"nonsense", b"[]", b"null", b"7", b'"text"', b'{"name":"x"} trailing',
    b'{"name":"x",}', b"{'name':'x'}", b'{"name":"\xff\xfe"}', b'{"name":"a\\u0000b"}',
    b"\x00" * 100, b'{"name": ' + b"1" * 10000 + b"}",
    b'{"name":"x","inputs":' + b"[" * 10000 + b"]" * 10000 + b"}",
    b'{"name":"x","metadata":' + b'{"a":' * 10000 + b"1" + b"}" * 10000 + b"}",
    b"[" * 10000,
], ids=range(17))
def test_bad_json(rest, body):
    answer = rest.call("POST", "/tasks", body, headers=JSON)
    assert answer.status == 400, answer
    assert answer.error


def test_a_body_of_another_type(rest):
    answer = rest.call("POST", "/tasks", b"name=x",
                       headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status in (400, 415) and answer.error


def test_a_name_twice_is_no_crash(rest):
    answer = rest.call("POST", "/tasks", b'{"name":"a","name":"b"}', headers=JSON)
    assert answer.status in (201, 400)


@pytest.mark.parametrize("members", [
    '"file":"AGFz","file":"bQEAAAA="', '"file":"AGFzbQEAAAA=","file":null', '"file":"AGFzbQEAAAA=","fil\\u0065":"x"',
    '"\\u0066ile":"AGFzbQEAAAA="',
])
def test_a_module_is_whole_or_none(rest, members):
    """Twice, where parsers disagree which one counts; and where its name is hidden."""
    answer = rest.call("POST", "/tasks", b'{"name":"x",' + members.encode() + b"}", headers=JSON)
    assert answer.status == 400 and answer.json["field"] == "file" and '"file"' in answer.error


def test_unknown_members_are_ignored(rest):
    assert "colour" not in rest.create("x", colour="red")


def test_metadata_over_a_megabyte(rest):
    answer = rest.call("POST", "/tasks", {"name": "x", "metadata": {"big": "x" * (1 << 21)}})
    assert answer.status in (400, 413) and answer.error


def raw(up, data):
    with socket.create_connection(("127.0.0.1", up.http_port), timeout=patience()) as connection:
        connection.settimeout(2)
        try:
            connection.sendall(data)
            return connection.recv(65536)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            return b""  # hung up on, or still waiting for the rest of it


@pytest.mark.parametrize("data", [
    b"GARBAGE\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    b"POST /tasks HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"POST /tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /tasks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200000 + b"\r\n\r\n",
    bytes(range(256)) * 100,
    b"GET /tasks/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
], ids=range(12))
def test_bytes_that_are_no_http(up, data):
    answer = raw(up, data)
    assert b"HTTP/1.1 200" not in answer and b"root:" not in answer
    assert up.rest.get("/health").status == 200


def test_connections_that_say_nothing(up):
    idle = [socket.create_connection(("127.0.0.1", up.http_port)) for _ in range(200)]
    assert up.rest.get("/health").status == 200
    for connection in idle:
        connection.close()


def test_a_body_where_none_belongs(rest):
    task = rest.create("x", example("add"))
    answer = rest.call("GET", f"/tasks/{task['id']}", b"x" * 100000)
    assert answer.status in (200, 400, 413)


def test_everything_still_works(rest):
    assert rest.run("add", example("add"), inputs=[1, 2])["results"] == "3"
