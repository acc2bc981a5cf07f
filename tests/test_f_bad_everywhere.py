# SPDX-License-Identifier: Apache-2.0
"""Bad input against every program that serves: manager, executor (REST and gRPC), proxy; and the table
that says where each kind is tested, which a test holds against the tests that there are."""
import base64
import ast
import re
import socket
import ssl

import grpc
import pytest

from api import Rest
from certificates import HOSTS, Authority
from executor import ADD, OK, UNAVAILABLE, Ask, ByGrpc, Executor
from stack import TOP, Stack, free_port
from wait import patience, wait_until

# What clients get wrong, or right for them: each kind, and the tests that do it.
TESTED = {
    "an SSE client that never reads": ["test_m_events::test_who_never_reads_holds_nobody_up"],
    "stale If-Match": ["test_f_bad_surface::test_if_match", "test_f_bad_surface::test_a_weak_tag_changes_nothing"],
    "reused Idempotency-Key with another body": ["test_m_once::test_another_body_under_the_same_key",
                                                 "test_m_once::test_bad_keys"],
    "wrong role": ["test_k_roles::test_every_operation_for_every_role", "test_k_roles::test_bad_files",
                   "test_f_bad_everywhere::test_wrong_tokens_of_the_executor"],
    "expired certificates": ["test_a_tls::test_refusals", "test_a_tls::test_managers_that_the_client_refuses",
                             "test_a_tls::test_a_certificate_of_the_client",
                             "test_f_bad_everywhere::test_certificates_of_clients_of_the_executor"],
    "foreign certificates": ["test_a_tls::test_refusals", "test_a_tls::test_managers_that_the_client_refuses",
                             "test_a_tls::test_a_certificate_of_the_client",
                             "test_f_bad_everywhere::test_certificates_of_clients_of_the_executor",
                             "test_k_image_registry::test_tls_with_an_own_authority"],
    "slow-loris": ["test_f_bad_surface::test_slow_senders_hold_nobody_up",
                   "test_f_bad_everywhere::test_slow_senders", "test_r_grpc_hostile::test_half_open_connections_end",
                   "test_r_grpc_hostile::test_request_that_does_not_go_on"],
    "5,000 idle connections": ["test_f_bad_surface::test_five_thousand_idle_connections",
                               "test_f_bad_everywhere::test_idle_connections",
                               "test_r_grpc_hostile::test_500_idle_connections",
                               "test_r_grpc_hostile::test_too_many_connections"],
    "CL/TE smuggling forms": ["test_f_bad_surface::test_smuggling", "test_f_bad_everywhere::test_smuggling"],
    "a backup of a newer schema": ["test_q_backup::test_bad_backups_are_refused"],
    "a torn backup": ["test_q_backup::test_bad_backups_are_refused", "test_q_backup::test_archives_of_others_write_nothing"],
    "unknown content types": ["test_f_bad_surface::test_content_types",
                              "test_f_bad_everywhere::test_content_types_of_the_executor",
                              "test_r_grpc_hostile::test_garbage"],
    "ids with control characters": ["test_f_bad_surface::test_ids_with_control_characters",
                                    "test_f_bad_everywhere::test_paths_with_control_characters"],
    "HTML in every text field": ["test_f_bad_surface::test_html_comes_back_as_text",
                                 "test_f_bad_surface::test_html_in_errors", "test_f_bad_surface::test_html_of_a_guest",
                                 "test_f_bad_everywhere::test_html_to_the_executor"],
}


def cases_of(file):
    tree = ast.parse((TOP / "tests" / f"{file}.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_table_names_tests_that_there_are():
    named = [name.split("::") for names in TESTED.values() for name in names]
    assert [f"{file}::{test}" for file, test in named if test not in cases_of(file)] == []


# --- every program that speaks HTTP/1.1 ------------------------------------------------------------

BEGIN = {"manager": ("POST", "/tasks"), "executor": ("POST", "/v1/dtvm/execute"), "proxy": ("GET", "/metrics")}
IDLE_SECONDS = 60  # of lib/http/server.c: who holds others up would do so for that long
HTML = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


class Served:
    """One of them: its port, its process, and whether it answers."""

    def __init__(self, name, port, process):
        self.name, self.port, self.process = name, port, process
        self.rest = Rest(port)

    def works(self):
        assert self.process.alive, self.process.text()[-4000:]
        return self.rest.get("/health", timeout=IDLE_SECONDS / 2).status == 200

    def raw(self, data, timeout=1):
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience()) as connection:
            connection.settimeout(timeout)
            try:
                connection.sendall(data)
                while piece := connection.recv(65536):
                    answer += piece
            except (BrokenPipeError, ConnectionResetError, TimeoutError):
                pass
        return answer


@pytest.fixture(scope="module")
def all_of_them(tmp_path_factory):
    own = Stack(tmp_path_factory.mktemp("served"))
    try:
        own.start()
        own.start_proxy()
        executor = Executor(own).ready()
        own.executor = executor
        own.served = {"manager": Served("manager", own.http_port, own.manager),
                      "proxy": Served("proxy", own.proxy_port, own.processes["proxy"]),
                      "executor": Served("executor", executor.http_port, executor.process)}
        yield own
    finally:
        own.close()


@pytest.fixture(params=BEGIN)
def served(request, all_of_them):
    one = all_of_them.served[request.param]
    yield one
    assert one.works()


AMBIGUOUS = [
    b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n", b"Content-Length: %d\r\nContent-Length: 0\r\n\r\n",
    b"Content-Length: 0, %d\r\n\r\n", b"Content-Length: +0\r\n\r\n", b"Content-Length: 0x0\r\n\r\n",
    b"Content-Length : %d\r\n\r\n", b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
]


@pytest.mark.parametrize("head", AMBIGUOUS, ids=range(len(AMBIGUOUS)))
def test_smuggling(served, head):
    """Where readers could disagree about the end of a request, nothing behind it is answered. (Some
    of libmicrohttpd's own refusals have their head twice, and are the last of their connection.)"""
    method, path = BEGIN[served.name]
    inner = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = served.raw(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
                        + (head % len(inner) if b"%d" in head else head) + inner)
    assert answer == b"" or re.match(rb"HTTP/1\.[01] (4\d\d|501|505)", answer), answer
    assert set(re.findall(rb"HTTP/1\.[01] (\d+)", answer)) <= {answer[9:12]}, answer


def test_slow_senders(served):
    """A head and a body that come byte by byte, a hundred of each."""
    method, path = BEGIN[served.name]
    slow = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(100)]
    for number, connection in enumerate(slow):
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\n".encode()
                           + (b"Content-Length: 1000\r\n\r\n{" if number % 2 else b"X: "))
    for _ in range(3):
        for connection in slow:
            try:
                connection.sendall(b" ")
            except OSError:
                pass  # it may have had enough of this one
        assert served.works()
    for connection in slow:
        connection.close()


def test_idle_connections(served):
    """Five hundred that say nothing: all of them are held, or the newest are hung up on."""
    before = served.process.rss_bytes()
    idle = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(500)]
    try:
        wait_until(served.works, 20, "an answer beside idle connections")
        assert served.process.rss_bytes() - before < 100 << 20
    finally:
        for connection in idle:
            connection.close()


@pytest.mark.parametrize("text", ["%00", "%0a", "%0d%0aX-Injected:%20yes", "%1b%5b31m", "%7f", "%ff%fe", "%c0%80",
                                  "..%2f..%2fetc%2fpasswd", "x" * 300])
def test_paths_with_control_characters(served, text):
    for path in (f"/health/{text}", f"/{text}", f"/metrics?x={text}"):
        answer = served.rest.get(path)
        assert answer.status in (200, 400, 404), (path, answer)
        assert "x-injected" not in answer.headers and b"root:" not in answer.body
        if answer.status != 200:
            assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", answer.body), answer
    assert "\x1b" not in served.process.text()


def test_problems_say_what_was_asked(served):
    answer = served.rest.get("/none/%20such?secret=1")
    assert answer.status == 404 and answer.error and answer.json["instance"] == "/none/%20such"
    assert b"secret" not in answer.body


# --- the executor ----------------------------------------------------------------------------------

EXECUTE = "/v1/dtvm/execute"


@pytest.mark.parametrize("change,pointer", [
    ({"execution": 5}, "#/execution"), ({"execution": {"fnName": 5}}, "#/execution/fnName"),
    ({"execution": {"fn_name": 5}}, "#/execution/fn_name"), ({"execution": {"inputs": ["1", 2]}}, "#/execution/inputs/1"),
    ({"execution": {"bytecode": "!"}}, "#/execution/bytecode"), ({"runtime_config": {"gasLimit": {"limit": "x"}}}, "#/runtime_config/gasLimit/limit"),
    ({"execution": {"bytecode": base64.b64encode(ADD).decode(), "fnName": "add", "inputs": ["1", "x"]}}, "#/execution/inputs/1"),
    ({"execution": {"bytecode": base64.b64encode(ADD).decode(), "fnName": "add", "inputs": ["1"]}}, "#/execution/inputs"),
])
def test_problems_of_the_executor_point_at_the_member(all_of_them, change, pointer):
    answer = all_of_them.served["executor"].rest.call("POST", EXECUTE, {"execution": {}, **change})
    assert answer.status == 400 and answer.error and answer.json["instance"] == EXECUTE
    assert answer.json["errors"] == [{"detail": answer.json["detail"], "pointer": pointer}]


@pytest.mark.parametrize("query,headers,fault", [
    ("", {"airscrew-profile": "9"}, {"header": "airscrew-profile"}), ("?profile=9", {}, {"parameter": "profile"}),
    ("?profile=2&nonce=xyz", {}, {"parameter": "nonce"}), ("?profile=2", {"airscrew-nonce": "x"}, {"header": "airscrew-nonce"}),
])
def test_problems_of_the_executor_name_the_option(all_of_them, query, headers, fault):
    answer = all_of_them.served["executor"].rest.call("POST", EXECUTE + query, {"execution": {}}, headers)
    assert answer.status == 400 and answer.error
    assert answer.json["errors"] == [{"detail": answer.json["detail"], **fault}]


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "application/xml", "application/x-www-form-urlencoded",
                                  "application/jsonx", "multipart/form-data; boundary=x", "x" * 3000, ";;;", "\x01"],
                         ids=range(9))
def test_content_types_of_the_executor(all_of_them, kind):
    one = all_of_them.served["executor"]
    answer = one.rest.call("POST", "/v1/dtvm/execute", b"<a/>", headers={"Content-Type": kind})
    assert answer.status in (400, 415), answer
    assert answer.error
    assert one.works()


@pytest.mark.parametrize("field", ["version", "request_id", "function", "inputs", "module"])
@pytest.mark.parametrize("way", ["rest", "grpc"])
def test_html_to_the_executor(all_of_them, field, way):
    """It comes back as text of a JSON answer or of a status, and no page is made of it."""
    ask = Ask(ADD, "add", ("5", "3"))
    setattr(ask, field, (HTML, "3") if field == "inputs" else HTML)
    own = all_of_them.executor.way(way)
    came = own.call(ask)
    own.close()
    assert (came.code == OK) == (field in ("request_id", "version")), came
    if way == "rest":
        assert came.metadata["content-type"] in ("application/json", "application/problem+json"), came.metadata
    if came.code == OK and field == "request_id":
        assert came.request_id == HTML


def test_wrong_tokens_of_the_executor(stack):
    own = Executor(stack, EXECUTOR_HTTP_TOKEN="secret-1").ready()
    for token in (None, "", "secret", "secret-11", "SECRET-1", "secret-1\t"):
        answer = Rest(own.http_port, token).call("POST", "/v1/dtvm/execute", {})
        assert answer.status == 401 and answer.error, (token, answer)
    assert Rest(own.http_port, "secret-1").call("POST", "/v1/dtvm/execute", {}).status == 400


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """Certificates of clients, by what is wrong with them."""
    folder = tmp_path_factory.mktemp("papers")
    ours, foreign = Authority(folder, "ours"), Authority(folder, "foreign")
    return {"ca": ours, "server": ours.issue("server", HOSTS), "good": ours.issue("good"),
            "for clients": ours.issue("for-clients", usage="clientAuth"), "none": None,
            "expired": ours.issue("expired", None, -3, -2), "not valid yet": ours.issue("early", None, 1, 2),
            "foreign": foreign.issue("foreign"), "for servers": ours.issue("for-servers", usage="serverAuth")}


@pytest.fixture(scope="module")
def guarded(papers, tmp_path_factory):
    own = Stack(tmp_path_factory.mktemp("guarded"))
    server, ca = papers["server"], papers["ca"].cert
    flags = [f"--{way}-server-{what}={path}" for way in ("http", "grpc")
             for what, path in (("cert", server.cert), ("key", server.key), ("ca", ca))]
    executor = Executor(own, *flags)
    wait_until(lambda: "an executor begins" in executor.process.text(), 20, "an executor")
    try:
        yield executor
    finally:
        own.close()


@pytest.mark.parametrize("which", ["good", "for clients", "none", "expired", "not valid yet", "foreign", "for servers"])
@pytest.mark.parametrize("way", ["rest", "grpc"])
def test_certificates_of_clients_of_the_executor(guarded, papers, way, which):
    made, ca = papers[which], papers["ca"].cert
    welcome = which in ("good", "for clients")
    if way == "grpc":
        pair = {"private_key": made.key.read_bytes(), "certificate_chain": made.cert.read_bytes()} if made else {}
        own = ByGrpc(guarded.grpc_port, grpc.ssl_channel_credentials(ca.read_bytes(), **pair))
        came = own.call(Ask(ADD, "add", ("5", "3")), timeout=60)
        own.close()
        assert came.code == (OK if welcome else UNAVAILABLE), came
        return
    context = ssl.create_default_context(cafile=ca)
    if made:
        context.load_cert_chain(made.cert, made.key)
    try:
        status = Rest(guarded.http_port, tls=context).get("/health").status
    except OSError:
        status = None
    assert status == 200 if welcome else status in (None, 401)


@pytest.mark.parametrize("made", ["expired", "not valid yet", "foreign", "for clients", "another host"])
def test_executors_that_a_client_refuses(stack, papers, made, tmp_path):
    """propeller-cli execute: by https, and the certificate is always looked at."""
    from versions import cli
    from stack import BIN
    host = "localhost" if made != "another host" else "127.0.0.1"
    folder = tmp_path / "made"
    folder.mkdir()
    bad = {"expired": lambda: papers["ca"].issue("x-expired", HOSTS, -3, -2),
           "not valid yet": lambda: papers["ca"].issue("x-early", HOSTS, 1, 2),
           "foreign": lambda: Authority(folder).issue("server", HOSTS),
           "for clients": lambda: papers["ca"].issue("x-client", HOSTS, usage="clientAuth"),
           "another host": lambda: papers["ca"].issue("x-host", "DNS:localhost")}[made]()
    own = Executor(stack, f"--http-server-cert={bad.cert}", f"--http-server-key={bad.key}")
    wait_until(lambda: "an executor begins" in own.process.text(), 20, "an executor")
    add = tmp_path / "add.wasm"
    add.write_bytes(ADD)
    done = cli(BIN, None, "execute", add, "add", 5, 3, "--executor", f"https://{host}:{own.http_port}",
               "--ca", papers["ca"].cert, code=6)
    assert done.stdout == "" and "ertificate" in done.stderr, done


def test_nobody_listens_without_a_certificate_that_fits_its_key(stack, papers):
    own = Executor(stack, f"--http-server-cert={papers['server'].cert}", f"--http-server-key={papers['good'].key}",
                   name=f"bad-{free_port()}")
    assert own.process.exit_code() == 2
    assert "is not the key of the certificate" in own.process.text()
