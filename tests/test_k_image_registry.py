# SPDX-License-Identifier: Apache-2.0
"""The proxy with Debian's docker-registry: what is pulled, from whom, and what is said if not."""
import base64
import hashlib
import json
import os
import ssl
import subprocess
import tarfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from bus import Bus
from certificates import HOSTS, Authority
from gotools import gotool
from modules import big_module, example
from registry import (CONFIG, CONTENT, DOCKER, GZIP, INDEX, OCI, PASSWORD, TAR, USER, WASM, Asker,
                      Registry, digest_of, layout, metrics, skopeo, tar, zstd)
from stack import BIN, Stack, free_port, held
from wait import patience, wait_until

ADD = example("add")
OTHER = example("fib")
ENTRY = (CONFIG, {"architecture": "wasm", "os": "wasi", "config": {"Entrypoint": ["/app.wasm"]}})
TOOL = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@pytest.fixture(scope="module")
def open_stack(tmp_path_factory):
    """Broker, a registry without passwords, and a proxy that may speak plain HTTP to it."""
    own = Stack(tmp_path_factory.mktemp("open"))
    try:
        own.start_broker()
        own.registry = Registry(own)
        own.start_proxy(PROXY_PLAIN_HTTP=own.registry.host, PROXY_CHUNK_SIZE="50000",
                        PROXY_IMAGE_MAX="100MiB")
        yield own
    finally:
        own.close()


@pytest.fixture
def there(open_stack):
    # What the test before has heard the end of: the proxy may still be about to count it.
    wait_until(lambda: metrics(open_stack)["images"] == 0, what="the end of the jobs of the test before")
    with Bus(open_stack, "asker") as bus:
        open_stack.asker = Asker(bus)
        yield open_stack
    open_stack.all_alive()


def noise(size, seed=1):
    """Something of that size that begins like a module."""
    return ADD[:8] + big_module(1, seed)[0][8:size]


@pytest.mark.parametrize("layer,config,kind", [
    (WASM, "application/vnd.wasm.config.v0+json", OCI),
    (CONTENT, "application/vnd.wasm.config.v1+json", OCI),
    (CONTENT, "application/vnd.oci.empty.v1+json", OCI),
    ("application/vnd.module.wasm.content.layer.v1+wasm",
     "application/vnd.module.wasm.config.v1+json", OCI),
    ("application/vnd.bytecodealliance.wasm.component.layer.v0+wasm", CONFIG, OCI),
    (WASM, "application/vnd.docker.container.image.v1+json", DOCKER),
    (TAR, CONFIG, OCI),  # what oras calls a file that nobody gave a type
], ids=lambda value: value.split("/")[-1])
def test_each_type_of_artifact(there, layer, config, kind):
    title = ["add.wasm"] if layer == TAR else []
    there.registry.push("types/add", "v1", (layer, ADD, *title), config=(config, {}), kind=kind)
    assert there.asker.get(there.registry.name("types/add", "v1")) == ADD


@pytest.mark.parametrize("media_type,packed,kind", [
    (TAR, False, OCI), (GZIP, True, OCI), (TOOL, True, DOCKER), (GZIP, False, OCI)], ids=str)
def test_a_module_in_a_tar_layer(there, media_type, packed, kind):
    lower = tar({"etc/motd": b"hello", "app.wasm": OTHER}, packed)
    upper = tar({"./bin/": tarfile.TarInfo(), "./app.wasm": ADD, "zz": b"behind it"}, packed)
    there.registry.push("tar/add", "v1", (media_type, lower), (media_type, upper), config=ENTRY,
                        kind=kind)
    assert there.asker.get(there.registry.name("tar/add", "v1")) == ADD


def test_which_of_several_modules(there):
    there.registry.push("several/raw", "v1", (WASM, ADD, "add.wasm"), (WASM, OTHER, "fib.wasm"))
    name = there.registry.name("several/raw", "v1")
    error = there.asker.refusal(name)
    assert "2 WebAssembly modules" in error and "add.wasm, fib.wasm" in error and '"#"' in error
    assert there.asker.get(f"{name}#fib.wasm") == OTHER
    assert there.asker.get(f"{name}#{digest_of(ADD)}") == ADD
    assert "no WebAssembly module" in there.asker.refusal(f"{name}#none.wasm")
    there.registry.push("several/tar", "v1", (TAR, tar({"a.wasm": ADD, "lib/b.wasm": OTHER})))
    name = there.registry.name("several/tar", "v1")
    assert '"a.wasm" and "lib/b.wasm": say which one' in there.asker.refusal(name)
    assert there.asker.get(f"{name}#lib/b.wasm") == OTHER
    assert there.asker.get(f"{name}#/a.wasm") == ADD


def test_an_index_is_followed(there):
    registry = there.registry
    entries = []
    for architecture, system, module in [("amd64", "linux", noise(90)), ("wasm", "wasip2", OTHER),
                                         ("wasm", "wasip1", ADD)]:
        entry = registry.push("index/add", None, (WASM, module))
        entries.append({**entry, "platform": {"architecture": architecture, "os": system}})
    name = registry.name("index/add", "v1")
    registry.push_manifest("index/add", "v1", {"manifests": entries}, INDEX)
    assert there.asker.get(name) == ADD
    registry.push_manifest("index/add", "v1", {"manifests": entries[:2]}, INDEX)
    assert there.asker.get(name) == OTHER
    registry.push_manifest("index/add", "v1", {"manifests": entries[:1]}, INDEX)
    assert there.asker.get(name) == noise(90)
    arm = {**entries[0], "platform": {"architecture": "arm64", "os": "linux"}}
    registry.push_manifest("index/add", "v1", {"manifests": [entries[0], arm]}, INDEX)
    assert "only for amd64/linux, arm64/linux" in there.asker.refusal(name)


def test_tags_and_digests_are_honoured(there):
    """Propeller's proxy takes `latest` whatever it is asked for."""
    registry = there.registry
    first = registry.push("tags/add", "v1", (WASM, ADD))
    registry.push("tags/add", "latest", (WASM, OTHER))
    assert there.asker.get(registry.name("tags/add", "v1")) == ADD
    assert there.asker.get(f"{registry.host}/tags/add") == OTHER
    assert there.asker.get(f"{registry.host}/tags/add@{first['digest']}") == ADD
    assert there.asker.get(f"{registry.host}/tags/add:latest@{first['digest']}") == ADD
    registry.push("tags/add", "v1", (WASM, OTHER))  # a tag moves
    assert there.asker.get(registry.name("tags/add", "v1")) == OTHER
    assert there.asker.get(f"{registry.host}/tags/add@{first['digest']}") == ADD


def test_what_is_not_there(there):
    registry = there.registry
    registry.push("absent/add", "v1", (WASM, ADD))
    error = there.asker.refusal(registry.name("absent/add", "v2"))
    assert "no such image (404 MANIFEST_UNKNOWN)" in error and "absent/add:v2" in error
    assert "no such image" in there.asker.refusal(registry.name("absent/nothing"))
    assert "something else" in there.asker.refusal(f"{registry.host}/absent/add@{'sha256:' + '0' * 64}") \
        or "no such image" in there.asker.errors[f"{registry.host}/absent/add@{'sha256:' + '0' * 64}"]


@pytest.mark.parametrize("layers,says", [
    ([("text/plain", b"hello"), ("application/json", b"{}")], "its layers are: text/plain, application/json"),
    ([(WASM, b"no module at all")], "is none"),
    ([(WASM, b"")], "is none"),
    ([(GZIP, tar({"app.wasm": b""}, True))], "is none"),
    ([(GZIP, tar({"etc/passwd": b"x"}, True))], "none of the files"),
    ([(GZIP, b"\x1f\x8bnonsense")], "no sound tar archive"),
    ([(GZIP, tar({"../app.wasm": ADD}, True))], "none of the files"),
    ([(GZIP, tar({"bomb": bytes(210 << 20)}, True))], "unpacks to more than"),
    ([(TAR + "+zstd", b"\x28\xb5\x2f\xfd")], "ends too early"),
    ([(TAR + "+zstd", b"\x28\xb5\x2f\xfd\0\x80\1\0\0")], "a zstd window over 32 MiB"),
    ([(TAR + "+zstd", zstd(tar({"bomb": bytes(210 << 20)})))], "unpacks to more than"),
    ([(TAR + "+xz", b"\xfd7zXZ")], "its layers are"),
    ([(WASM + "+encrypted", ADD)], "encrypted"),
    ([], "its layers are: nothing"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_images_without_a_module(there, layers, says):
    there.registry.push("bad/one", "v1", *layers)
    error = there.asker.refusal(there.registry.name("bad/one", "v1"))
    assert says in error and "bad/one:v1" in error, error


def test_links_are_not_followed(there):
    link = tarfile.TarInfo()
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    there.registry.push("bad/link", "v1", (TAR, tar({"app.wasm": link})), config=ENTRY)
    assert "is a link" in there.asker.refusal(there.registry.name("bad/link", "v1"))


@pytest.mark.parametrize("name,says", [
    ("Upper/Case", "not the name of a repository"), ("a b", "not the name of a repository"),
    ("x:y:z", "not a tag"), ("r.example/a@sha256:1", "not a digest"), ("http://r.example/a", "web address"),
    ("a" * 1500, "1 to 1024 characters"),
], ids=lambda value: value[:20])
def test_names_that_are_none(there, name, says):
    assert says in there.asker.refusal(name)


def test_requests_that_are_none(there):
    for nonsense in (b"", b"{", b"[]", b"{}", b'{"app_name":7}', b'{"app_name":""}', b"\xff"):
        there.asker.bus.say("registry/proplet", nonsense)
    there.registry.push("after/it", "v1", (WASM, ADD))
    assert there.asker.get(there.registry.name("after/it", "v1")) == ADD


def test_chunks_are_as_propellers(there):
    module = noise(120001)
    there.registry.push("chunks/add", "v1", (WASM, module))
    name = there.registry.name("chunks/add", "v1")
    assert there.asker.get(name) == module
    assert [(total, len(data)) for total, data in there.asker.chunks[name].values()] == [
        (3, 50000), (3, 50000), (3, 20001)]
    assert [index for which, index in there.asker.order if which == name] == [0, 1, 2]


def test_pushed_by_skopeo(there, tmp_path):
    name = there.registry.name("skopeo/add", "v1")
    skopeo("copy", "--dest-tls-verify=false", f"oci:{layout(tmp_path / 'in', ADD)}:v1", f"docker://{name}")
    assert there.asker.get(name) == ADD
    files = tmp_path / "files"
    files.write_bytes(tar({"app.wasm": OTHER}))
    skopeo("copy", "--dest-tls-verify=false", f"oci:{layout(tmp_path / 'tar', files.read_bytes(), TAR)}:v1",
           f"docker://{name}")
    assert there.asker.get(name) == OTHER


@pytest.mark.parametrize("level", [1, 19])
def test_packed_by_skopeo_with_zstd(there, tmp_path, level):
    name = there.registry.name("skopeo/zstd", f"v{level}")
    module = noise(3 << 20)
    files = tar({"etc/motd": b"hello", "app.wasm": module})
    skopeo("copy", "--dest-tls-verify=false", "--dest-compress-format=zstd", f"--dest-compress-level={level}",
           f"oci:{layout(tmp_path / 'in', files, TAR)}:v1", f"docker://{name}")
    (layer,) = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}"))["layers"]
    assert layer["mediaType"] == TAR + "+zstd"
    assert there.asker.get(name) == module


def test_pushed_by_oras(there, tmp_path):
    """As its users do it: a file of a type, and a folder."""
    def push(name, *what):
        done = subprocess.run([gotool("oras"), "push", "--plain-http", there.registry.name(name, "v1"), *what], cwd=tmp_path,
                              capture_output=True, text=True, timeout=120, env={**os.environ, "HOME": str(tmp_path)})
        assert done.returncode == 0, done.stderr
        return there.registry.name(name, "v1")
    (tmp_path / "add.wasm").write_bytes(ADD)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "other.wasm").write_bytes(OTHER)
    assert there.asker.get(push("oras/typed", f"add.wasm:{WASM}")) == ADD
    assert there.asker.get(push("oras/untyped", "add.wasm")) == ADD
    assert there.asker.get(push("oras/folder", "app")) == OTHER
    both = push("oras/both", f"add.wasm:{WASM}", f"app/other.wasm:{WASM}")
    assert "add.wasm" in there.asker.refusal(both)
    assert there.asker.get(f"{both}#add.wasm") == ADD


def test_a_module_comes_from_the_cache(there):
    there.registry.push("cache/add", "v1", (WASM, noise(70000)))
    name = there.registry.name("cache/add", "v1")
    before = metrics(there)
    assert there.asker.get(name) == noise(70000)
    blob = digest_of(noise(70000))
    assert there.registry.call("DELETE", f"/v2/cache/add/blobs/{blob}")[0] == 202
    assert there.asker.get(name) == noise(70000)
    after = metrics(there)
    assert after["pulls_total"] - before["pulls_total"] == 1
    assert after["cache_hits_total"] - before["cache_hits_total"] == 1
    # The same name again, once the file has been damaged: it is noticed, and the registry asked.
    file = next((there.folder / "state-proxy").glob(f"**/*.{blob[7:]}"))
    file.write_bytes(b"x" * file.stat().st_size)
    assert "no such image" in there.asker.refusal(name)
    there.registry.push_blob("cache/add", noise(70000))
    assert there.asker.get(name) == noise(70000)


def test_one_pull_serves_all_who_ask(there):
    module, _ = big_module(8, seed=7)
    there.registry.push("many/add", "v1", (WASM, module))
    name = there.registry.name("many/add", "v1")
    before = metrics(there)
    with held(there.registry.process):  # until all have asked
        there.asker.ask(name, 20)
        assert "not the name" in there.asker.refusal("Behind/All"), "it takes one after the other"
    assert metrics(there)["requests_total"] == before["requests_total"] + 21
    assert there.asker.wait(name)[0] == module
    wait_until(lambda: metrics(there)["images"] == 0, 20, "the end of the job")
    after = metrics(there)
    assert after["pulls_total"] - before["pulls_total"] == 1
    assert after["chunks_sent_total"] - before["chunks_sent_total"] == -(-len(module) // 50000), "not once for each"


def test_memory_is_bounded(there):
    """A module of 50 MB, in a tar and gzip, is never in memory as a whole."""
    module, _ = big_module(50)
    there.registry.push("large/raw", "v1", (WASM, module))
    there.registry.push("large/tar", "v1", (GZIP, tar({"app.wasm": module}, True)), config=ENTRY)
    for repository in ("large/raw", "large/tar"):
        name = there.registry.name(repository, "v1")
        got = there.asker.get(name, 60)
        assert hashlib.sha256(got).digest() == hashlib.sha256(module).digest()
        there.asker.chunks.clear()
    assert there.processes["proxy"].rss_bytes() < 40 << 20


# Who we are.


def start_proxy(stack, **settings):
    stack.start_proxy(**settings)
    return settings


def nowhere(stack, bus, *secrets):
    """Not in a log, not on the wire, not in the process's arguments or files."""
    for secret in secrets:
        for process in stack.processes.values():
            assert secret not in process.text(), f"{secret} is in the log of {process.name}"
        with bus.lock:
            assert not any(secret.encode() in payload for _, _, payload in bus.heard)


@pytest.fixture
def guarded(stack):
    """A registry with a password."""
    stack.start_broker()
    stack.registry = Registry(stack, auth="basic")
    stack.registry.push("team/add", "v1", (WASM, ADD))
    with Bus(stack, "asker") as bus:
        stack.bus, stack.asker = bus, Asker(bus)
        yield stack


def test_a_password_is_given(guarded):
    host = guarded.registry.host
    start_proxy(guarded, PROXY_PLAIN_HTTP=host, PROXY_REGISTRY_URL=host, PROXY_REGISTRY_USERNAME=USER,
                PROXY_REGISTRY_PASSWORD=PASSWORD)
    assert guarded.asker.get(guarded.registry.name("team/add", "v1")) == ADD
    assert "no such image" in guarded.asker.refusal(guarded.registry.name("team/add", "v2"))
    nowhere(guarded, guarded.bus, PASSWORD, guarded.registry.basic.split()[1])


@pytest.mark.parametrize("settings,says", [
    ({}, "no user name and password are set for it"),
    ({"PROXY_REGISTRY_PASSWORD": "another-secret", "PROXY_REGISTRY_USERNAME": USER},
     "to the credential that is set for it"),
    ({"PROXY_REGISTRY_PASSWORD": PASSWORD, "PROXY_REGISTRY_USERNAME": USER,
      "PROXY_REGISTRY_URL": "other.example"}, "no user name and password are set for it"),
    ({"PROXY_REGISTRY_PASSWORD": PASSWORD, "PROXY_REGISTRY_USERNAME": USER,
      "PROXY_AUTHENTICATE": "false"}, "no user name and password are set for it"),
    ({"PROXY_REGISTRY_TOKEN": "another-secret"}, "to the credential that is set for it"),
], ids=["none", "wrong", "elsewhere", "off", "token"])
def test_a_password_that_does_not_help(guarded, settings, says):
    host = guarded.registry.host
    start_proxy(guarded, PROXY_PLAIN_HTTP=host, **{"PROXY_REGISTRY_URL": host, **settings})
    error = guarded.asker.refusal(guarded.registry.name("team/add", "v1"))
    assert says in error and "401" in error, error
    nowhere(guarded, guarded.bus, PASSWORD, "another-secret")


def test_what_docker_login_has_left(guarded):
    host = guarded.registry.host
    code = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    config = guarded.folder / "config.json"
    config.write_text(json.dumps({"auths": {"other.example": {"auth": "YTpi"}, host: {"auth": code}}}))
    config.chmod(0o644)
    guarded.start_proxy(ready=False, PROXY_PLAIN_HTTP=host, PROXY_REGISTRY_CONFIG=config)
    proxy = guarded.processes["proxy"]
    assert proxy.exit_code() == 2 and "chmod 600" in proxy.text()
    config.chmod(0o600)
    start_proxy(guarded, PROXY_PLAIN_HTTP=host, PROXY_REGISTRY_CONFIG=config)
    assert guarded.asker.get(guarded.registry.name("team/add", "v1")) == ADD
    nowhere(guarded, guarded.bus, PASSWORD, code)


# A helper as docker knows them; what it knows is in a file, and so is what it was asked.
HELPER = """#!/bin/sh
read server
echo "$1 $server ${{PROXY_CLIENT_KEY-without}}" >> {folder}/asked
exec cat {folder}/knows
"""


def test_what_a_credential_helper_knows(guarded, tmp_path):
    host, config = guarded.registry.host, guarded.folder / "config.json"
    helper = tmp_path / "docker-credential-our-own"
    helper.write_text(HELPER.format(folder=tmp_path))
    helper.chmod(0o755)
    knows, asked = tmp_path / "knows", tmp_path / "asked"
    where = {"PROXY_PLAIN_HTTP": host, "PROXY_REGISTRY_CONFIG": config, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    name = guarded.registry.name("team/add", "v1")

    def begin(content):
        config.write_text(json.dumps(content))
        config.chmod(0o600)
        guarded.start_proxy(**where)

    begin({"auths": {host: {}}, "credHelpers": {host: "our-own"}})
    knows.write_text(json.dumps({"ServerURL": host, "Username": USER, "Secret": "another-secret"}))
    assert "to the credential that is set for it" in guarded.asker.refusal(name)
    knows.write_text(json.dumps({"ServerURL": host, "Username": USER, "Secret": PASSWORD}))  # it may change
    assert guarded.asker.get(name) == ADD
    assert asked.read_text().splitlines() == [f"get {host} without"] * 2
    helper.write_text("#!/bin/sh\necho another-secret\nexit 1\n")
    assert f"docker-credential-our-own failed for {host}" in guarded.asker.refusal(name)
    guarded.processes["proxy"].stop()

    helper.write_text(HELPER.format(folder=tmp_path))
    begin({"credsStore": "our-own"})
    assert guarded.asker.get(name) == ADD
    helper.unlink()  # it is for all registries: this one may need nothing
    assert "no user name and password are set for it" in guarded.asker.refusal(name)
    assert "there is no program docker-credential-our-own" in guarded.processes["proxy"].text()
    nowhere(guarded, guarded.bus, PASSWORD, "another-secret", guarded.registry.basic.split()[1])


@pytest.mark.parametrize("content", [{"credsStore": "../our-own"}, {"credHelpers": {"r.example": "/bin/own"}}], ids=str)
def test_credential_helpers_that_are_no_names(stack, content):
    config = stack.folder / "config.json"
    config.write_text(json.dumps(content))
    config.chmod(0o600)
    done = subprocess.run([BIN / "propeller-proxy"], env=stack.environment("PROXY", "proxy", {"PROXY_REGISTRY_CONFIG": config}),
                          capture_output=True, text=True, timeout=patience())
    assert done.returncode == 2 and "by NAME alone" in done.stderr, done.stderr


class TokenService:
    """Gives signed tokens to whoever has the password, or to all, as docker's token service does."""

    def __init__(self, authority, folder, open_to_all=False):
        self.key = authority.issue("tokens")
        self.open, self.asked = open_to_all, []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                service.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.auth = {"token": {"realm": f"http://{self.host}/token", "service": "our registry",
                               "issuer": "tests", "rootcertbundle": str(authority.cert)}}

    def token(self, scope):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        def text(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

        kind, name, actions = scope.split(":")
        now = int(time.time())
        cert = x509.load_pem_x509_certificate(self.key.cert.read_bytes())
        head = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(
            cert.public_bytes(serialization.Encoding.DER)).decode()]}
        body = {"iss": "tests", "sub": USER, "aud": "our registry", "iat": now, "nbf": now - 10,
                "exp": now + 300, "jti": str(now), "access": [
                    {"type": kind, "name": name, "actions": actions.split(",")}]}
        signed = ".".join(text(json.dumps(part).encode()) for part in (head, body))
        key = serialization.load_pem_private_key(self.key.key.read_bytes(), None)
        r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{text(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def answer(self, request):
        query = parse_qs(urlsplit(request.path).query)
        given = request.headers.get("Authorization")
        self.asked.append((query, given))
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        allowed = given == wanted or (self.open and given is None)
        body = json.dumps({"token": self.token(query["scope"][0])} if allowed else {}).encode()
        request.send_response(200 if allowed else 401)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize("open_to_all", [False, True], ids=["password", "anonymous"])
def test_a_token_service(stack, open_to_all):
    service = TokenService(Authority(stack.folder), stack.folder, open_to_all)
    try:
        stack.start_broker()
        stack.registry = Registry(stack, auth=service.auth)
        stack.registry.push("team/add", "v1", (WASM, ADD), token=service.token("repository:team/add:pull,push"))
        plain = f"{stack.registry.host},{service.host}"
        known = {} if open_to_all else {"PROXY_REGISTRY_URL": stack.registry.host, "PROXY_REGISTRY_USERNAME": USER,
                                        "PROXY_REGISTRY_PASSWORD": PASSWORD}
        start_proxy(stack, PROXY_PLAIN_HTTP=plain, **known)
        with Bus(stack, "asker") as bus:
            assert Asker(bus).get(stack.registry.name("team/add", "v1")) == ADD
            query, given = service.asked[0]
            assert query == {"service": ["our registry"], "scope": ["repository:team/add:pull"]}
            assert (given is None) == open_to_all
            nowhere(stack, bus, PASSWORD)
    finally:
        service.close()


def test_a_token_service_that_is_not_named_gets_nothing(stack):
    service = TokenService(Authority(stack.folder), stack.folder)
    try:
        stack.start_broker()
        stack.registry = Registry(stack, auth=service.auth)
        host = stack.registry.host
        start_proxy(stack, PROXY_PLAIN_HTTP=host, PROXY_REGISTRY_URL=host, PROXY_REGISTRY_USERNAME=USER,
                    PROXY_REGISTRY_PASSWORD=PASSWORD)
        with Bus(stack, "asker") as bus:
            error = Asker(bus).refusal(stack.registry.name("team/add", "v1"))
            assert "plain HTTP is spoken only to those" in error and service.host in error
        assert service.asked == []
    finally:
        service.close()


def test_tls_with_an_own_authority(stack):
    authority, other = Authority(stack.folder), Authority(stack.folder, "other")
    stack.start_broker()
    stack.registry = Registry(stack, certificate=authority.issue("registry", HOSTS))
    stack.registry.push("team/add", "v1", (WASM, ADD))
    name = stack.registry.name("team/add", "v1")
    for settings, says in [({"PROXY_REGISTRY_CA": authority.cert}, None), ({}, "certificate"),
                           ({"PROXY_REGISTRY_CA": other.cert}, "certificate"),
                           ({"PROXY_REGISTRY_CA": authority.cert, "PROXY_PLAIN_HTTP": stack.registry.host},
                            "answered 400")]:
        start_proxy(stack, **settings)
        with Bus(stack, "asker") as bus:
            if says is None:
                assert Asker(bus).get(name) == ADD
            else:
                assert says in Asker(bus).refusal(name)
        assert stack.processes["proxy"].stop() == 0


@pytest.mark.parametrize("head,says", [
    ({"Location": "http://{plain}/v2/team/add/manifests/v1"}, "leads from https to something else"),
    ({"WWW-Authenticate": 'Bearer realm="http://{plain}/token"'}, "a token service without https"),
], ids=["redirect", "realm"])
def test_from_https_nothing_leads_to_http(stack, head, says):
    """Not even to whom plain HTTP may be spoken otherwise."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers.get("Authorization"))
            self.send_response(302 if "Location" in head else 401)
            for name, value in head.items():
                self.send_header(name, value.replace("{plain}", stack.registry.host))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    authority = Authority(stack.folder)
    made = authority.issue("registry", HOSTS)
    stack.start_broker()
    stack.registry = Registry(stack)
    stack.registry.push("team/add", "v1", (WASM, ADD))
    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.cert, made.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_address[1]}"
    try:
        start_proxy(stack, PROXY_REGISTRY_CA=authority.cert, PROXY_PLAIN_HTTP=stack.registry.host,
                    PROXY_REGISTRY_URL=host, PROXY_REGISTRY_USERNAME=USER, PROXY_REGISTRY_PASSWORD=PASSWORD)
        with Bus(stack, "asker") as bus:
            assert says in Asker(bus).refusal(f"{host}/team/add:v1")
        assert asked == [None]
    finally:
        server.shutdown()
        server.server_close()


def test_plain_http_has_to_be_named(stack):
    stack.start_broker()
    stack.registry = Registry(stack)
    stack.registry.push("team/add", "v1", (WASM, ADD))
    start_proxy(stack, PROXY_PLAIN_HTTP="127.0.0.1,localhost")
    with Bus(stack, "asker") as bus:
        assert "plain HTTP has to be named" in Asker(bus).refusal(stack.registry.name("team/add", "v1"))


@pytest.mark.parametrize("settings,says", [
    ({"PROXY_REGISTRY_USERNAME": "a"}, "PROXY_REGISTRY_PASSWORD"),
    ({"PROXY_REGISTRY_TOKEN": "a"}, "PROXY_REGISTRY_URL"),
    ({"PROXY_PLAIN_HTTP": "http://r.example"}, "PROXY_PLAIN_HTTP"),
    ({"PROXY_PLAIN_HTTP": "r.example:0"}, "PROXY_PLAIN_HTTP"),
    ({"PROXY_REGISTRY_CA": "/nonexistent"}, "PROXY_REGISTRY_CA"),
    ({"PROXY_REGISTRY_CONFIG": "/nonexistent"}, "PROXY_REGISTRY_CONFIG"),
    ({"PROXY_CHUNK_SIZE": "20MiB"}, "PROXY_CHUNK_SIZE"),
    ({"PROXY_MQTT_QOS": "0"}, "PROXY_MQTT_QOS"),
    ({"PROXY_DOMAIN_ID": None}, "PROXY_DOMAIN_ID"),
    ({"PROXY_MQTT_TLS_INSECURE_SKIP_VERIFY": "true"}, "PROXY_MQTT_TLS_INSECURE_SKIP_VERIFY"),
], ids=str)
def test_settings_that_cannot_be(stack, settings, says):
    stack.start_proxy(ready=False, **settings)
    proxy = stack.processes["proxy"]
    assert proxy.exit_code() == 2
    assert says in proxy.text()


def test_help_names_every_setting():
    from stack import BIN
    done = subprocess.run([BIN / "propeller-proxy", "--help"], capture_output=True, text=True, timeout=patience())
    assert done.returncode == 0 and "PROXY_REGISTRY_PASSWORD" in done.stdout
