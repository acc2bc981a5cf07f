# SPDX-License-Identifier: Apache-2.0
"""Debian's docker-registry on loopback, images pushed into it, and who asks the proxy for them."""
import base64
import gzip
import hashlib
import http.client
import io
import json
import os
import ssl
import subprocess
import tarfile
import threading

from api import Rest
from stack import free_port
from wait import patience, wait_until

WASM = "application/wasm"
CONTENT = "application/vnd.wasm.content.layer.v1+wasm"
TAR = "application/vnd.oci.image.layer.v1.tar"
GZIP = TAR + "+gzip"
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
USER, PASSWORD = "ann", "correct-horse-battery"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar(files, packed=False):
    """An archive of {path: bytes}, or of {path: TarInfo} for what is no file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                content.name = path
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(path)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), 1) if packed else out.getvalue()


def zstd(data):
    return subprocess.run(["zstd", "--quiet", "--stdout"], input=data, capture_output=True, check=True).stdout


class Registry:
    def __init__(self, stack, name="registry", auth=None, certificate=None):
        self.port, self.certificate = free_port(), certificate
        self.host = f"127.0.0.1:{self.port}"
        self.basic = None
        self.folder = stack.folder / name
        self.folder.mkdir()
        config = {
            "version": 0.1, "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "data")},
                        "delete": {"enabled": True}},
            "http": {"addr": self.host, "secret": "only for uploads"}}
        if certificate:
            config["http"]["tls"] = {"certificate": str(certificate.cert), "key": str(certificate.key)}
        if auth == "basic":
            self.basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            users = subprocess.run(["htpasswd", "-Bbn", USER, PASSWORD], capture_output=True, check=True)
            (self.folder / "users").write_bytes(users.stdout)
            auth = {"htpasswd": {"realm": "here", "path": str(self.folder / "users")}}
        if auth:
            config["auth"] = auth
        (self.folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
        self.process = stack.spawn(name, ["docker-registry", "serve", self.folder / "config.yml"],
                                   {"OTEL_TRACES_EXPORTER": "none"})
        wait_until(self.answers, 20, "the registry")

    def answers(self):
        assert self.process.alive, self.process.text()[-2000:]
        try:
            return self.call("GET", "/v2/")[0] in (200, 401)
        except (OSError, http.client.HTTPException):
            return False

    def call(self, method, path, body=None, kind=None, token=None):
        """(status, headers, body)"""
        if self.certificate:
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection(self.host, timeout=patience(), context=context)
        else:
            connection = http.client.HTTPConnection(self.host, timeout=patience())
        headers = {"Content-Type": kind} if kind else {}
        authorization = f"Bearer {token}" if token else self.basic
        if authorization:
            headers["Authorization"] = authorization
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def push_blob(self, repository, data, token=None):
        status, headers, body = self.call("POST", f"/v2/{repository}/blobs/uploads/", token=token)
        assert status == 202, (status, body)
        place = headers["Location"].split(self.host, 1)[-1]
        mark = "&" if "?" in place else "?"
        status, _, body = self.call("PUT", f"{place}{mark}digest={digest_of(data)}", data,
                                    "application/octet-stream", token)
        assert status == 201, (status, body)
        return {"digest": digest_of(data), "size": len(data)}

    def push_manifest(self, repository, tag, manifest, kind=OCI, token=None):
        text = json.dumps({"schemaVersion": 2, "mediaType": kind, **manifest}).encode()
        status, _, body = self.call("PUT", f"/v2/{repository}/manifests/{tag or digest_of(text)}",
                                    text, kind, token)
        assert status == 201, (status, body)
        return {"mediaType": kind, "digest": digest_of(text), "size": len(text)}

    def push(self, repository, tag, *layers, config=None, kind=OCI, token=None):
        """Layers are (type, bytes) or (type, bytes, title); config is (type, object)."""
        config_type, content = config or ("application/vnd.wasm.config.v0+json", {})
        described = []
        for media_type, data, *title in layers:
            layer = {"mediaType": media_type, **self.push_blob(repository, data, token)}
            if title:
                layer["annotations"] = {"org.opencontainers.image.title": title[0]}
            described.append(layer)
        text = json.dumps(content).encode()
        return self.push_manifest(repository, tag, {
            "config": {"mediaType": config_type, **self.push_blob(repository, text, token)},
            "layers": described}, kind, token)

    def name(self, repository, tag="latest"):
        return f"{self.host}/{repository}:{tag}"


def layout(folder, module, media_type=WASM):
    """An OCI layout on disk with one image, for tools that copy it."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(data):
        (blobs / digest_of(data)[7:]).write_bytes(data)
        return {"digest": digest_of(data), "size": len(data)}

    config = json.dumps({"architecture": "wasm", "os": "wasip1", "rootfs": {
        "type": "layers", "diff_ids": [digest_of(module)]}}).encode()
    manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI,
                           "config": {"mediaType": CONFIG, **blob(config)},
                           "layers": [{"mediaType": media_type, **blob(module)}]}).encode()
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
        {"mediaType": OCI, **blob(manifest), "annotations": {
            "org.opencontainers.image.ref.name": "v1"}}]}))
    return folder


def skopeo(*arguments):
    done = subprocess.run(["skopeo", "--insecure-policy", *map(str, arguments)], timeout=120,
                          capture_output=True, text=True, env={**os.environ, "HOME": "/nonexistent"})
    assert done.returncode == 0, done.stderr
    return done.stdout


class Asker:
    """Asks on the topic as a worker does; the image, or why it does not come."""

    def __init__(self, bus):
        self.bus, self.changed = bus, threading.Condition()
        self.chunks, self.errors = {}, {}
        self.order = []  # (name, index) as they came
        self.answered = set()
        bus.handlers.append(self.hear)

    def hear(self, path, payload):
        if path != "registry/server":
            return
        message = json.loads(payload)
        name = message["app_name"]
        with self.changed:
            if "error" in message:
                assert set(message) == {"app_name", "error"}, message
                self.errors[name] = message["error"]
            else:
                assert set(message) == {"app_name", "chunk_idx", "total_chunks", "data"}, message
                self.order.append((name, message["chunk_idx"]))
                self.chunks.setdefault(name, {})[message["chunk_idx"]] = (
                    message["total_chunks"], base64.b64decode(message["data"], validate=True))
            self.changed.notify_all()

    def ask(self, name, times=1):
        """`times` requests as fast as they go. While the proxy is not done with an answer, another
        request for it would be part of the same job, and get the same."""
        if name in self.answered:
            wait_until(lambda: metrics(self.bus.stack)["images"] == 0, what="the end of the proxy's jobs")
        with self.changed:
            self.chunks.pop(name, None)
            self.errors.pop(name, None)
        for _ in range(times - 1):
            self.bus.client.publish(self.bus.stack.topic("registry/proplet"),
                                    json.dumps({"app_name": name}), qos=1)
        self.bus.say("registry/proplet", {"app_name": name})

    def heard(self):
        """The numbers of all chunks so far; some come twice where a worker asks again."""
        with self.changed:
            return {index for _, index in self.order}

    def image(self, name):
        chunks = self.chunks.get(name, {})
        totals = {total for total, _ in chunks.values()}
        if len(totals) == 1 and totals == {len(chunks)}:
            return b"".join(data for _, (_, data) in sorted(chunks.items()))
        return None

    def wait(self, name, seconds=20):
        """(the module, None) or (None, the error)"""
        with self.changed:
            done = self.changed.wait_for(
                lambda: name in self.errors or self.image(name) is not None, patience(seconds))
            self.answered.add(name)
            assert done, f"nothing came for {name} within {patience(seconds):g} s"
            return (None, self.errors[name]) if name in self.errors else (self.image(name), None)

    def get(self, name, seconds=20):
        self.ask(name)
        module, error = self.wait(name, seconds)
        assert error is None, error
        return module

    def refusal(self, name, seconds=20):
        self.ask(name)
        module, error = self.wait(name, seconds)
        assert module is None, f"{name} came"
        return error


def metrics(stack):
    """The proxy's own numbers, all of them whole."""
    lines = Rest(stack.proxy_port).expect(200, "GET", "/metrics").body.decode().splitlines()
    own = "propeller_proxy_"
    return {name.removeprefix(own): int(value) for name, value in
            (line.split() for line in lines if line.startswith(own))}
