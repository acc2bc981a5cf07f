# SPDX-License-Identifier: Apache-2.0
"""TLS between the real programs, a broker that asks for certificates, and everybody else."""
import http.server
import json
import re
import socket
import ssl
import subprocess
import threading

import pytest

from api import COMPLETED
from certificates import HOSTS, Authority, openssl
from modules import TOP, example, leb
from stack import BIN, clean_environment, free_port
from wait import patience, wait_until

ADD = TOP / "examples/add/build/add.wasm"


class Papers:
    """All the certificates that the tests know, good and bad."""

    def __init__(self, folder):
        self.folder = folder
        self.ours = Authority(folder, "ours")
        self.foreign = Authority(folder, "foreign")
        self.server = self.ours.issue("server", HOSTS)
        self.expired = self.ours.issue("expired", HOSTS, -3, -2)
        self.elsewhere = self.ours.issue("elsewhere", "DNS:other.test")
        self.stranger = self.foreign.issue("stranger", HOSTS)
        self.manager = self.ours.issue("manager")
        self.worker = self.ours.issue("worker-1")
        self.person = self.ours.issue("person")
        self.late = self.ours.issue("late", None, -3, -2)
        self.early = self.ours.issue("early", HOSTS, 1, 2)
        self.for_clients = self.ours.issue("for-clients", HOSTS, usage="clientAuth")
        self.for_servers = self.ours.issue("for-servers", HOSTS, usage="serverAuth")
        self.words = folder / "words.pem"
        self.words.write_text("only words\n")
        self.words.chmod(0o600)
        self.open_key = folder / "open.key"
        self.open_key.write_text(self.server.key.read_text())
        self.open_key.chmod(0o640)
        self.locked_key = folder / "locked.key"
        openssl("pkey", "-in", self.server.key, "-aes128", "-passout", "pass:word",
                "-out", self.locked_key)
        self.locked_key.chmod(0o600)

    def keys(self):
        """A line out of the middle of each private key."""
        return [path.read_text().splitlines()[1] for path in self.folder.glob("*/*.key")]


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    return Papers(tmp_path_factory.mktemp("papers"))


def listener(papers, made=None, mutual=True):
    made = made or papers.server
    return ["user root", f"certfile {made.cert}", f"keyfile {made.key}",
            f"cafile {papers.ours.cert}", f"require_certificate {'true' if mutual else 'false'}"]


def mqtt(prefix, stack, papers, own=None, ca=True, scheme="mqtts", host="localhost"):
    settings = {f"{prefix}_MQTT_ADDRESS": f"{scheme}://{host}:{stack.mqtt_port}"}
    if ca:
        settings[f"{prefix}_MQTT_TLS_CA_CERT"] = papers.ours.cert if ca is True else ca
    if own:
        settings[f"{prefix}_MQTT_TLS_CLIENT_CERT"] = own.cert
        settings[f"{prefix}_MQTT_TLS_CLIENT_KEY"] = own.key
    return settings


def https(made, ca=None):
    settings = {"MANAGER_HTTP_SERVER_CERT": made.cert, "MANAGER_HTTP_SERVER_KEY": made.key}
    return {**settings, **({"MANAGER_HTTP_SERVER_CA": ca} if ca else {})}


def trusting(papers, own=None):
    context = ssl.create_default_context(cafile=papers.ours.cert)
    if own:
        context.load_cert_chain(own.cert, own.key)
    return context


def start_manager(stack, papers, **more):
    stack.tls = trusting(papers)
    stack.start_manager(**{**mqtt("MANAGER", stack, papers, papers.manager),
                           **https(papers.server), **more})


def cli(stack, *arguments, scheme="https", code=0, **environment):
    command = [BIN / "propeller-cli", "-m", f"{scheme}://localhost:{stack.http_port}", *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=patience(),
                          stdin=subprocess.DEVNULL,
                          env={**clean_environment(), **{k: str(v) for k, v in environment.items()}})
    assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def says(process, words, seconds=20):
    wait_until(lambda: words in process.text(), seconds, f"{words!r} in the log of {process.name}")


@pytest.fixture
def whole(stack, papers):
    """Both legs over TLS: the broker takes only clients with certificates, the manager is https."""
    stack.start_broker(*listener(papers))
    start_manager(stack, papers)
    stack.start_proplet(**mqtt("PROPLET", stack, papers, papers.worker))
    return stack


def test_a_whole_task(whole, papers):
    done = cli(whole, "--ca", papers.ours.cert, "tasks", "run", ADD, "--invoke", "add", 10, 20)
    assert done.stdout == "30\n"
    assert f"listening address=https://127.0.0.1:{whole.http_port}" in whole.manager.text()
    listed = cli(whole, "tasks", "list", "-o", "json", PROPELLER_CA=papers.ours.cert)
    assert [task["state"] for task in json.loads(listed.stdout)["tasks"]] == [COMPLETED]
    logs = whole.manager.text() + whole.proplet().text() + done.stderr
    assert "PRIVATE KEY" not in logs
    assert not [key for key in papers.keys() if key in logs]


def test_a_large_module(whole):
    """Up over https, down in chunks over mqtts."""
    name = b"padding"
    padding = bytes([len(name)]) + name + bytes(range(256)) * 32 * 1024
    module = example("add") + b"\0" + leb(len(padding)) + padding
    done = whole.rest.run("add", module, inputs=[20, 22])
    assert (done["state"], done["results"]) == (COMPLETED, "42"), done


def test_it_comes_back_when_the_broker_does(whole, papers):
    for _ in range(2):
        whole.broker.kill()
        says(whole.proplet(), "the connection to the broker ended")
        whole.start_broker(*listener(papers))
        task = whole.rest.create("add", example("add"), inputs=[1, 2])
        wait_until(lambda task=task: whole.rest.call("POST", f"/tasks/{task['id']}/start").status == 200,
                   what="a worker that was heard again")
        assert whole.rest.wait(task["id"])["results"] == "3"


def test_the_worked_example_of_the_docs(stack):
    """What docs/settings.md shows is typed in as it stands there, but for ports and folders."""
    text = (TOP / "docs/settings.md").read_text()
    script, config = (re.search(pattern, text, re.S).group(1) for pattern in (
        r"```sh\n(umask.*?)```", r"```toml\n(\[manager\][^`]*tls_ca_cert.*?)```"))
    broker = (TOP / "deploy/mosquitto/airscrew.conf").read_text()
    rules = stack.folder / "airscrew.acl"
    rules.write_text((TOP / "deploy/mosquitto/airscrew.acl").read_text())
    rules.chmod(0o600)
    subprocess.run(["bash", "-e", "-c", script], cwd=stack.folder, check=True, capture_output=True)
    settings = re.sub(r'"([\w-]+\.(?:crt|key))"', rf'"{stack.folder}/\1"', config)
    path = stack.folder / "example.toml"
    path.write_text(settings.replace("8883", str(stack.mqtt_port)))
    broker = broker.replace("/etc/mosquitto/certs", str(stack.folder)).replace("/etc/mosquitto/airscrew.acl", str(rules))
    own = "persistence", "set_tcp_nodelay", "max_inflight", "max_queued", "listener"  # of the tests
    stack.start_broker("user root", *(line for line in broker.splitlines() if not line.startswith(own)))
    for name, program, prefix in [("manager", "propeller-manager", "MANAGER"),
                                  ("worker-1", "proplet", "PROPLET")]:
        stack.spawn(name, [BIN / program], {
            f"{prefix}_CONFIG_FILE": path, "MANAGER_HTTP_PORT": str(stack.http_port),
            f"{prefix}_STATE_DIR": str(stack.folder / name)})
    says(stack.manager, "a new worker proplet=worker-1")
    done = cli(stack, *[part for flag, name in (("ca", "ca.crt"), ("cert", "anna.crt"), ("key", "anna.key"))
                        for part in (f"--{flag}", stack.folder / name)],
               "tasks", "run", TOP / "examples/hello-world/build/hello.wasm")
    assert done.stdout == "Hello, world!\n"


# --- settings that cannot work end the start ------------------------------------------------------


def at_start(program, tmp_path, **settings):
    prefix = "MANAGER" if program == "propeller-manager" else "PROPLET"
    names = ("DOMAIN_ID", "CHANNEL_ID", "CLIENT_ID", "CLIENT_KEY")
    usual = {f"{prefix}_{name}": "x" for name in names}
    usual[f"{prefix}_STATE_DIR"] = tmp_path / "state"
    environment = {**clean_environment(), **usual, **settings}
    return subprocess.run([BIN / program], capture_output=True, text=True, timeout=patience(), cwd=tmp_path,
                          env={k: str(v) for k, v in environment.items()}, stdin=subprocess.DEVNULL)


def bad_pairs(papers, cert, key, ca=None):
    """(settings, the one that is named, words) for a certificate and its key."""
    good = papers.server
    missing = papers.folder / "missing.pem"
    return [
        ({cert: good.cert}, cert, f"together with {key}"),
        ({key: good.key}, key, f"together with {cert}"),
        ({cert: missing, key: good.key}, cert, "No such file"),
        ({cert: papers.words, key: good.key}, cert, "does not hold certificates"),
        ({cert: good.cert, key: missing}, key, "No such file"),
        ({cert: good.cert, key: papers.words}, key, "does not hold a private key"),
        ({cert: good.cert, key: papers.manager.key}, key, "is not the key of the certificate"),
        ({cert: good.cert, key: papers.open_key}, key, "chmod 600"),
        ({cert: good.cert, key: papers.locked_key}, key, "encrypted"),
    ] + ([({ca: missing}, ca, "No such file"),
          ({ca: papers.words}, ca, "does not hold certificates")] if ca else [])


@pytest.mark.parametrize("program,prefix", [("propeller-manager", "MANAGER"), ("proplet", "PROPLET")])
def test_bad_files_for_mqtt(program, prefix, papers, tmp_path):
    names = [f"{prefix}_MQTT_TLS_{name}" for name in ("CLIENT_CERT", "CLIENT_KEY", "CA_CERT")]
    for settings, named, words in bad_pairs(papers, *names):
        done = at_start(program, tmp_path, **settings)
        assert done.returncode == 2, (settings, done)
        assert f"setting {named}: " in done.stderr and words in done.stderr, (settings, done)
        assert not [key for key in papers.keys() if key in done.stderr]


@pytest.mark.parametrize("name", ["PROPLET_FETCH_CA", "PROPLET_HTTP_TLS_CA_CERT"])
def test_bad_files_for_fetching(name, papers, tmp_path):
    done = at_start("proplet", tmp_path, **{name: papers.words})
    assert done.returncode == 2 and "does not hold certificates" in done.stderr, done


def test_bad_files_for_http(papers, tmp_path):
    names = [f"MANAGER_HTTP_SERVER_{name}" for name in ("CERT", "KEY", "CA")]
    alone = ({names[2]: papers.ours.cert}, names[2], "client certificates need https")
    for settings, named, words in [*bad_pairs(papers, *names), alone]:
        done = at_start("propeller-manager", tmp_path, **settings)
        assert done.returncode == 2, (settings, done)
        assert f"setting {named}: " in done.stderr and words in done.stderr, (settings, done)


@pytest.mark.parametrize("program,name,instead", [
    ("propeller-manager", "MANAGER_MQTT_TLS_INSECURE_SKIP_VERIFY", "MANAGER_MQTT_TLS_CA_CERT"),
    ("proplet", "PROPLET_MQTT_TLS_INSECURE_SKIP_VERIFY", "PROPLET_MQTT_TLS_CA_CERT"),
    ("proplet", "PROPLET_HTTP_TLS_INSECURE_SKIP_VERIFY", "PROPLET_FETCH_CA"),
])
@pytest.mark.parametrize("value", ["true", "1"])
def test_nothing_is_taken_unverified(program, name, instead, value, tmp_path):
    done = at_start(program, tmp_path, **{name: value})
    assert done.returncode == 2
    assert f"setting {name}: " in done.stderr and f"set {instead}" in done.stderr, done


@pytest.mark.parametrize("value", ["false", ""])
def test_what_asks_for_verification_is_fine(value, stack, papers):
    stack.start_broker(*listener(papers))
    stack.start_manager(MANAGER_MQTT_TLS_INSECURE_SKIP_VERIFY=value,
                        **mqtt("MANAGER", stack, papers, papers.manager))
    says(stack.manager, "connected to the broker")


def test_settings_from_a_file(stack, papers):
    stack.start_broker(*listener(papers))
    config = stack.folder / "proplet.toml"
    config.write_text(f'[proplet]\nmqtt_address = "localhost:{stack.mqtt_port}"\n'
                      f'mqtt_tls_ca_cert = "{papers.ours.cert}"\n'
                      f'mqtt_tls_client_cert = "{papers.worker.cert}"\n'
                      f'mqtt_tls_client_key = "{papers.worker.key}"\n'
                      'mqtt_tls_insecure_skip_verify = false\n')
    start_manager(stack, papers)
    stack.start_proplet(PROPLET_CONFIG_FILE=config, PROPLET_MQTT_ADDRESS=None)
    config.write_text("[proplet]\nmqtt_tls_insecure_skip_verify = true\n")
    done = at_start("proplet", stack.folder, PROPLET_CONFIG_FILE=config)
    assert done.returncode == 2 and "INSECURE_SKIP_VERIFY" in done.stderr


# --- who is not taken for the broker, and whom the broker does not take ---------------------------


@pytest.mark.parametrize("scheme", ["mqtts", "tls", "ssl", "tcp", "mqtt", "MQTTS"])
def test_schemes(scheme, stack, papers):
    """With an authority it is TLS whatever the scheme says."""
    stack.start_broker(*listener(papers))
    settings = mqtt("PROPLET", stack, papers, papers.worker, scheme=scheme)
    stack.start_proplet(ready=False, **settings)
    says(stack.proplet(), "connected to the broker")


def test_the_systems_authorities(stack, papers):
    stack.start_broker(*listener(papers, mutual=False))
    settings = mqtt("PROPLET", stack, papers, ca=False)
    stack.start_proplet(ready=False, **settings)
    says(stack.proplet(), "MQTT_TLS_CA_CERT names the authorities")
    stack.start_proplet("worker-2", ready=False, SSL_CERT_FILE=papers.ours.cert, **settings)
    says(stack.proplet("worker-2"), "connected to the broker")


REFUSALS = {
    "expired": (dict(made="expired"), "certificate has expired"),
    "not valid yet": (dict(made="early"), "not yet valid"),
    "a client's, not a server's": (dict(made="for_clients"), "purpose"),
    "another host": (dict(made="elsewhere"), "host name does not match: it is not made for localhost"),
    "another number": (dict(made="elsewhere", host="127.0.0.1"),
                       "host name does not match: it is not made for 127.0.0.1"),
    "a stranger": (dict(made="stranger"), "MQTT_TLS_CA_CERT names"),
    "an authority that we do not know": (dict(ca="stranger"), "MQTT_TLS_CA_CERT names"),
    "no certificate of ours": (dict(own=None), "set MQTT_TLS_CLIENT_CERT and MQTT_TLS_CLIENT_KEY"),
    "a foreign one of ours": (dict(own="stranger"), "our certificate"),
    "an expired one of ours": (dict(own="late"), "certificate"),
    "one of ours that is not valid yet": (dict(own="early"), "certificate"),
    "a server's of ours": (dict(own="for_servers"), "certificate"),
    "no TLS there": (dict(plain=True), "is this its port for TLS?"),
}


@pytest.mark.parametrize("prefix", ["MANAGER", "PROPLET"])
@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(prefix, case, stack, papers):
    more, words = REFUSALS[case]
    made = getattr(papers, more.get("made", "server"))
    own = more.get("own", "worker")
    stack.start_broker(*([] if more.get("plain") else listener(papers, made)))
    settings = mqtt(prefix, stack, papers, getattr(papers, own) if own else None,
                    host=more.get("host", "localhost"),
                    ca=papers.foreign.cert if more.get("ca") else True)
    if prefix == "MANAGER":
        stack.start_manager(ready=False, **settings)
    else:
        stack.start_proplet(ready=False, **settings)
    process = stack.processes["manager" if prefix == "MANAGER" else "worker-1"]

    def reasons():
        said = re.findall(r"no connection to the broker.*reason=\"(.*)\"", process.text())
        return [line for line in said if not line.startswith("no answer within")]  # a broker that was busy
    for line in wait_until(reasons, 20, "a refusal"):
        assert words in line, process.text()
    assert "connected to the broker host" not in process.text()


# --- https ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("made,flags,words", [
    ("server", [], "unable to get local issuer certificate"),
    ("server", ["foreign"], "unable to get local issuer certificate"),
    ("stranger", ["ours"], "unable to get local issuer certificate"),
    ("expired", ["ours"], "certificate has expired"),
    ("early", ["ours"], "not yet valid"),
    ("for_clients", ["ours"], "unsuitable certificate purpose"),
    ("elsewhere", ["ours"], "matches target host name"),
])
def test_managers_that_the_client_refuses(made, flags, words, stack, papers):
    stack.start_manager(ready=False, **https(getattr(papers, made)))
    says(stack.manager, "listening address=https://")
    authorities = [part for name in flags for part in ("--ca", getattr(papers, name).cert)]
    done = cli(stack, "health", *authorities, code=6)
    assert words in done.stderr, done.stderr
    assert "propeller-cli up" not in done.stderr


def test_a_certificate_of_the_client(stack, papers):
    stack.start_manager(ready=False, **https(papers.server, papers.ours.cert))
    says(stack.manager, "listening address=https://")
    ca = ["--ca", papers.ours.cert]

    def show(made):
        return ["--cert", made.cert, "--key", made.key]
    assert cli(stack, "tasks", "list", *ca, *show(papers.person))
    assert cli(stack, "tasks", "list", PROPELLER_CA=papers.ours.cert,
               PROPELLER_CERT=papers.person.cert, PROPELLER_KEY=papers.person.key)
    done = cli(stack, "tasks", "list", *ca, code=5)
    assert "no client certificate" in done.stderr and "--cert FILE" in done.stderr
    assert "refused" in cli(stack, "tasks", "list", *ca, *show(papers.stranger), code=5).stderr
    assert "expired" in cli(stack, "tasks", "list", *ca, *show(papers.late), code=5).stderr
    for bad in (papers.early, papers.for_servers):
        cli(stack, "tasks", "list", *ca, *show(bad), code=5)
    assert cli(stack, "tasks", "list", *ca, *show(papers.for_clients))
    stack.tls = trusting(papers)
    for path in ["/health", "/tasks", "/nothing"]:
        answer = stack.rest.get(path)
        assert answer.status == 401 and answer.error, path
    stack.tls = trusting(papers, papers.person)
    assert stack.rest.get("/health").status == 200


class Shelf(http.server.BaseHTTPRequestHandler):
    """A web server that has one module."""

    def do_GET(self):
        module = example("add")
        self.send_response(200)
        self.send_header("Content-Length", str(len(module)))
        self.end_headers()
        self.wfile.write(module)

    def log_message(self, *_):
        pass


@pytest.fixture
def shelf(papers):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers.server.cert, papers.server.key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"localhost:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_modules_from_https(stack, papers, shelf):
    stack.start_broker()
    stack.start_manager()
    stack.start_proplet("good", PROPLET_FETCH_HOSTS=shelf, PROPLET_HTTP_TLS_CA_CERT=papers.ours.cert)
    stack.start_proplet("wrong", PROPLET_FETCH_HOSTS=shelf, PROPLET_FETCH_CA=papers.foreign.cert)
    stack.start_proplet("usual", PROPLET_FETCH_HOSTS=shelf)

    def run(proplet):
        return stack.rest.run("add", None, inputs=[1, 2], image_url=f"https://{shelf}/add.wasm",
                              proplet_id=proplet)
    assert run("good")["results"] == "3"
    for proplet in ["wrong", "usual"]:
        assert "unable to get local issuer certificate" in run(proplet)["error"]


def test_the_token_is_asked_for_all_the_same(stack, papers):
    """Off loopback TLS does not take its place."""
    done = at_start("propeller-manager", stack.folder, MANAGER_HTTP_HOST="0.0.0.0",
                    **https(papers.server, papers.ours.cert))
    assert done.returncode == 2 and "MANAGER_HTTP_TOKEN" in done.stderr


def test_plain_http_to_the_tls_port(stack, papers):
    stack.tls = trusting(papers)
    stack.start_manager(**https(papers.server))
    done = cli(stack, "health", scheme="http", code=6)
    assert "begins with https://" in done.stderr, done.stderr
    for said in [b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 64, b"\x16\x03\x01\xff\xff" + b"x" * 64]:
        with socket.create_connection(("127.0.0.1", stack.http_port), timeout=patience()) as raw:
            try:
                raw.sendall(said)
                raw.shutdown(socket.SHUT_WR)
                assert b"200" not in raw.recv(4096)
            except OSError as error:
                assert not isinstance(error, TimeoutError)
    assert stack.rest.get("/health").status == 200


def test_https_to_a_plain_port(stack):
    stack.start_manager(ready=True)
    done = cli(stack, "health", code=6)
    assert "begins with http://" in done.stderr, done.stderr


def test_flags_for_tls_want_tls(stack, papers):
    stack.http_port = free_port()
    done = cli(stack, "health", "--ca", papers.ours.cert, scheme="http", code=2)
    assert "https://" in done.stderr
    done = cli(stack, "health", "--cert", papers.person.cert, code=2)
    assert "--cert" in done.stderr and "PROPELLER_KEY" in done.stderr
    done = cli(stack, "health", PROPELLER_CA=papers.words, code=2)
    assert "PROPELLER_CA" in done.stderr and "does not hold certificates" in done.stderr
