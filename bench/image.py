# SPDX-License-Identifier: Apache-2.0
"""Images from a registry to verified bytes in the worker, beside skopeo's copy of the same image to a
folder, in turns; what proxy and worker need meanwhile. Without docker-registry and skopeo nothing."""
import hashlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from measure import TOP, example, megabytes, seconds

SIZES = (5, 50, 200)  # MB
OCI = "application/vnd.oci.image.manifest.v1+json"


class Registry:
    """Debian's docker-registry, with its files in a folder of build/."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="airscrew-registry-", dir=TOP / "build"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.host = "127.0.0.1:%d" % probe.getsockname()[1]
        config = {"version": 0.1, "log": {"level": "error", "accesslog": {"disabled": True}},
                  "storage": {"filesystem": {"rootdirectory": str(self.folder / "data")}},
                  "http": {"addr": self.host}}
        (self.folder / "config.yml").write_text(json.dumps(config))
        self.process = subprocess.Popen(["docker-registry", "serve", self.folder / "config.yml"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "OTEL_TRACES_EXPORTER": "none"})
        deadline = time.monotonic() + 20
        while not self.answers():
            assert time.monotonic() < deadline and self.process.poll() is None, "no registry"

    def answers(self):
        try:
            return self.call("GET", "/v2/").status == 200
        except OSError:
            return False

    def call(self, method, path, data=None, kind="application/octet-stream"):
        url = path if path.startswith("http") else f"http://{self.host}{path}"
        request = urllib.request.Request(url, method=method, data=data, headers={"Content-Type": kind} if data else {})
        return urllib.request.urlopen(request, timeout=120)

    def push_blob(self, name, data, kind):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        place = self.call("POST", f"/v2/{name}/blobs/uploads/").headers["Location"]
        self.call("PUT", f"{place}&digest={urllib.parse.quote(digest)}", data)
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    def push(self, name, module):
        layer = self.push_blob(name, module, "application/wasm")
        config = self.push_blob(name, b"{}", "application/vnd.wasm.config.v0+json")
        manifest = {"schemaVersion": 2, "mediaType": OCI, "config": config, "layers": [layer]}
        self.call("PUT", f"/v2/{name}/manifests/v1", json.dumps(manifest).encode(), OCI)
        return f"{self.host}/{name}:v1"

    def end(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder)


def padded(size):
    """add.wasm with so many random bytes behind it, in a section that no engine looks at."""
    text = os.urandom(size)
    body = b"\x07padding" + text
    count, leb = len(body), b""
    while count >= 128:
        leb, count = leb + bytes([count & 127 | 128]), count >> 7
    return example("add").read_bytes() + b"\0" + leb + bytes([count]) + body


def forget_peak(pid):
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid):
    """kB"""
    for line in open(f"/proc/{pid}/status", encoding="utf-8"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def skopeo(image, folder):
    place = folder / "copy"
    begin = time.perf_counter()
    subprocess.run(["skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false",
                    f"docker://{image}", f"dir:{place}"], check=True, capture_output=True)
    took = time.perf_counter() - begin
    shutil.rmtree(place)
    return took


def pull(stack, image):
    task = stack.call("POST", "/tasks", {"name": "bench", "image_url": image, "invoke": "add", "inputs": ["1", "2"]})["id"]
    took = stack.timed(task)
    stack.call("DELETE", f"/tasks/{task}")
    return took


def one_size(registry, stacks, size, rounds):
    """Median seconds of skopeo and of each stack, and the peaks of proxy and worker."""
    times, peaks = {name: [] for name in ("skopeo", *stacks)}, {}
    for number in range(rounds):
        image = registry.push(f"bench/{size}-{number}", padded(size << 20))
        for name, stack in stacks.items():
            for child in ("proxy", "proplet-1"):
                forget_peak(stack.pids[child])
            times[name].append(pull(stack, image))
            for child in ("proxy", "proplet-1"):
                key = name, child
                peaks[key] = max(peaks.get(key, 0), peak(stack.pids[child]))
        times["skopeo"].append(skopeo(image, registry.folder))
    return {name: statistics.median(values) for name, values in times.items()}, peaks


def run(report, new_stack, scale):
    if not shutil.which("docker-registry") or not shutil.which("skopeo"):
        print("\nimages: left out, there is no docker-registry or no skopeo")
        return
    registry, rows, bars = Registry(), [], []
    try:
        settings = {"PROXY_PLAIN_HTTP": registry.host, "PROPLET_MODULE_MAX": "512MiB"}
        stacks = {"in the open": new_stack(**settings),
                  "sealed": new_stack(keep=True, flags=["--encrypted"], **settings)}
        for size in SIZES[:1] if scale > 1 else SIZES:
            times, peaks = one_size(registry, stacks, size, max(1, 3 // scale))
            reference = times["skopeo"]
            for name, value in times.items():
                memory = [megabytes(peaks[name, child]) for child in ("proxy", "proplet-1")] if name in stacks else ["", ""]
                rows.append([f"{size} MB, {name}", seconds(value), f"{value / reference:.2f}", *memory])
                bars.append((rows[-1][0], value, rows[-1][1], name == "skopeo"))
    finally:
        registry.end()
    report.table("images: registry to a task's result", ["what", "time", "ratio", "proxy, peak", "worker, peak"], rows, bars=bars,
                 note="start to Completed of a task whose image is new to proxy and worker: pull, verify, send over MQTT, verify, compile and "
                      "run; beside `skopeo copy` to a folder. Peaks are resident memory (VmHWM), of the worker with its module in it.")
