# SPDX-License-Identifier: Apache-2.0
"""Propeller's programs as scripts that replay the shapes of its recorded messages: the Go manager,
the Go proxy, the Rust worker. Each hangs on a Bus that hears the whole channel."""
import base64
import json
import uuid

from peers import listening


class Manager:
    """The Go manager: one channel-wide topic for everybody, modules inside the message."""

    def __init__(self, bus):
        self.bus = bus

    def start(self, name, module=None, **change):
        """Publishes a start as Go serialises it; returns the task's id. None leaves a member out."""
        message = {
            "id": str(uuid.uuid4()), "name": name, "state": 0, "cli_args": None, "broadcast": False,
            "daemon": False, "latent": False, "encrypted": False, "monitoring_profile": None,
            "proplet_id": "worker-1"}
        if module is not None:
            message["file"] = base64.b64encode(module).decode()
        message.update(change)
        for optional in ("image_url", "file", "inputs", "env", "proplet_id"):
            if message.get(optional) is None:
                message.pop(optional, None)
        self.bus.say("control/manager/start", message, qos=2)
        return message["id"]

    def stop(self, task_id):
        self.bus.say("control/manager/stop", {"id": task_id, "broadcast": False,
                                              "proplet_id": "worker-1"}, qos=2)

    def results(self, task_id):
        return [m for m in self.bus.messages("control/proplet/results") if m["task_id"] == task_id]

    def wait(self, task_id, seconds=30):
        return self.bus.wait_for("control/proplet/results", lambda m: m["task_id"] == task_id, seconds)


class Proxy:
    """The Go proxy: takes a request by its `app_name`, answers all workers in JSON chunks."""

    def __init__(self, bus, images=None, chunk_bytes=512000):
        self.bus, self.images, self.chunk_bytes = bus, images or {}, chunk_bytes
        bus.handlers.append(self.hear)

    @property
    def asked(self):
        return self.bus.messages("registry/proplet")

    def chunks(self, name, module, chunk_bytes=None):
        size = chunk_bytes or self.chunk_bytes
        parts = [module[at:at + size] for at in range(0, len(module), size)]
        return [{"app_name": name, "chunk_idx": index, "total_chunks": len(parts),
                 "data": base64.b64encode(part).decode()} for index, part in enumerate(parts)]

    def send(self, *chunks):
        for chunk in chunks:
            self.bus.say("registry/server", chunk, qos=2)

    def hear(self, path, payload):
        if path != "registry/proplet":
            return
        name = json.loads(payload)["app_name"]
        if name in self.images:  # a failed fetch says nothing
            self.bus.aside(self.send, *self.chunks(name, self.images[name]))


class OldWorker:
    """A worker as Propeller has them: channel-wide topics, inline modules, no boot, no attempt."""

    def __init__(self, bus, answer, name="old-one"):
        self.bus, self.answer, self.name = bus, answer, name
        self.started, self.stopped = [], []
        self.thread = None
        bus.handlers.append(self.hear)

    def announce(self):
        listening(self.bus.stack)
        self.bus.say("control/proplet/create", {
            "proplet_id": self.name, "namespace": "default", "metadata": {
                "os": "linux", "cpu_arch": "x86_64", "environment": "binary",
                "total_memory_bytes": 1 << 30, "proplet_version": "0.5.0"}})
        self.beat()

    def beat(self):
        self.bus.say("control/proplet/alive", {"proplet_id": self.name, "status": "alive",
                                               "namespace": "default"})

    def hear(self, path, payload):
        if path == "control/manager/stop":
            self.stopped.append(json.loads(payload))
        if path != "control/manager/start":
            return
        command = json.loads(payload)
        if command.get("proplet_id") not in (None, self.name):
            return
        self.started.append(command)
        if self.answer is not None:
            self.thread = self.bus.aside(self.reply, command)

    def reply(self, command):
        self.bus.say("control/proplet/results", {
            "task_id": command["id"], "proplet_id": self.name, **self.answer(command)})
