# SPDX-License-Identifier: Apache-2.0
"""Workers that are not ours, played by a script: what they say is as Propeller's say it."""
import json

from wait import wait_until

RUST = {"os": "linux", "cpu_arch": "x86_64", "environment": "binary", "hostname": "edge",
        "total_memory_bytes": 8 << 30, "proplet_version": "0.5.0",
        "wasm_runtime": "wasmtime-internal"}
CHIP = {"description": "ESP32-S3 embed-proplet", "tags": ["embedded", "esp32s3", "zephyr"],
        "environment": "embedded", "os": "zephyr", "hostname": "esp32s3", "cpu_arch": "xtensa",
        "proplet_version": "0.1.0", "wasm_runtime": "wamr"}


def listening(stack):
    """Once the manager hears what is said: it answers requests before it has found the broker."""
    wait_until(lambda: "\npropeller_mqtt_up 1\n" in stack.rest.expect(200, "GET", "/metrics").body.decode(),
               30, "the manager at the broker")


class Peer:
    """Announces itself and listens on the channel-wide topics: `started` and `stopped`."""

    def __init__(self, bus, proplet_id="old-one", metadata=None, space="default"):
        self.bus, self.id, self.space = bus, proplet_id, space
        self.metadata = RUST if metadata is None else metadata
        self.started, self.stopped = [], []
        bus.handlers.append(self.hear)

    def announce(self):
        """Once, and all of it is read: a `create` that came late would end what has been started since."""
        listening(self.bus.stack)
        self.bus.say("control/proplet/create", {
            "proplet_id": self.id, "namespace": self.space, "metadata": self.metadata})
        for _ in range(2):  # what changes first may be a beat of before
            before = self.view().get("last_alive_at")
            self.beat()
            wait_until(lambda before=before: self.view().get("last_alive_at") != before, 30, self.id)
        view = self.view()
        assert view["alive"] and view["metadata"] == self.metadata, view
        return self

    def view(self):
        return self.bus.stack.proplet_view(self.id)

    def beat(self):
        self.bus.say("control/proplet/alive", {
            "proplet_id": self.id, "status": "alive", "namespace": self.space})

    def hear(self, path, payload):
        if path == "control/manager/start":
            command = json.loads(payload)
            if command.get("proplet_id") in (None, self.id):
                self.started.append(command)
        elif path == "control/manager/stop":
            self.stopped.append(json.loads(payload))

    def wait_start(self, task_id):
        return wait_until(lambda: next((c for c in self.started if c["id"] == task_id), None),
                          30, f"the start of {task_id}")
