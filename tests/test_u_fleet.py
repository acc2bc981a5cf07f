# SPDX-License-Identifier: Apache-2.0
"""docs/fleet.md as it stands there, in a folder and with a broker of its own: certificates, rules,
settings; one more worker, one that is locked out, certificates that are renewed."""
import os
import re
import signal
import socket
import ssl
import subprocess

import pytest

from modules import TOP
from stack import BIN, clean_environment
from wait import patience, wait_until

PAGE = (TOP / "docs/fleet.md").read_text()
HELLO = TOP / "examples/hello-world/build/hello.wasm"


def blocks(heading, language):
    part = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)[1]
    return re.findall(rf"^```{language}\n(.*?)^```", part, re.M | re.S)


class Fleet:
    """The folder of the one who has the authority; the machines are processes here."""

    def __init__(self, stack):
        self.stack, self.folder = stack, stack.folder / "vault"
        self.folder.mkdir()

    def shell(self, text):
        text = text.replace("DNS:hub.factory", "DNS:localhost,IP:127.0.0.1").replace("seq 1 50", "seq 1 2")
        text = text.replace("https://hub.factory:7070", f"https://localhost:{self.stack.http_port}").replace("hello.wasm", str(HELLO))
        done = subprocess.run(["bash", "-e", "-c", "umask 077\n" + text], cwd=self.folder, capture_output=True, text=True, timeout=300, check=False,
                              env={**clean_environment(), "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.folder),
                                   "XDG_CONFIG_HOME": str(self.folder), "SAMPLES": str(TOP / "deploy/mosquitto")})
        assert done.returncode == 0, text + done.stdout + done.stderr
        return done.stdout

    def start_broker(self):
        text = (TOP / "deploy/mosquitto/airscrew.conf").read_text() + "crlfile /etc/mosquitto/certs/ca.crl\n"
        for there, here in (("listener 8883", f"listener {self.stack.mqtt_port} 127.0.0.1"), ("/etc/mosquitto/certs/", f"{self.folder}/"),
                            ("/etc/mosquitto/airscrew.acl", f"{self.folder}/airscrew.acl")):
            text = text.replace(there, here)
        config = self.folder / "airscrew.conf"
        config.write_text(text + ("user root\n" if os.getuid() == 0 else ""))
        program = "/usr/sbin/mosquitto" if os.path.exists("/usr/sbin/mosquitto") else "mosquitto"
        self.stack.spawn("broker", [program, "-c", config])
        wait_until(self.stack.broker_answers, 10, "the broker", pause=0.005)

    def reload_broker(self):
        """What `systemctl reload mosquitto` does."""
        before = self.stack.broker.text().count("Reloading config")
        self.stack.broker.signal(signal.SIGHUP)
        wait_until(lambda: self.stack.broker.text().count("Reloading config") > before, 10, "the broker's reload")

    def settings(self, heading, worker="worker-1"):
        text = "".join(blocks(heading, "toml"))
        text = text.replace("hub.factory:8883", f"localhost:{self.stack.mqtt_port}").replace("0.0.0.0", "127.0.0.1").replace("worker-1", worker)
        text = re.sub(r"/run/credentials/proplet.service/worker", f"{self.folder}/{worker}", text)
        text = re.sub(r"/run/credentials/[\w.-]+/|/etc/propeller/", f"{self.folder}/", text)
        path = self.folder / f"{heading[0]}-{worker}.toml"
        path.write_text(text)
        return path

    def start_hub(self):
        path = self.settings("2. The hub")
        for name, program, prefix in (("manager", "propeller-manager", "MANAGER"), ("proxy", "propeller-proxy", "PROXY")):
            self.stack.spawn(name, [BIN / program], {f"{prefix}_CONFIG_FILE": path, f"{prefix}_STATE_DIR": self.folder / name,
                                                     f"{prefix}_HTTP_PORT": str(self.stack.http_port if name == "manager" else 0)})
            self.connected(name)
        wait_until(lambda: "listening address=" in self.stack.manager.text(), what="the manager's address")

    def start_worker(self, name, machine=None):
        return self.stack.spawn(machine or name, [BIN / "proplet"], {"PROPLET_CONFIG_FILE": self.settings("3. A worker", name), "PROPLET_STATE_DIR": self.folder / name,
                                                          "PROPLET_LIVELINESS_INTERVAL": "1"})

    def is_connected(self, name):
        return re.search("(?<!not )connected to the broker", self.stack.processes[name].text())

    def connected(self, name):
        wait_until(lambda: self.is_connected(name), 20, f"{name} at its broker")

    def alive(self):
        return set(self.shell("propeller-cli proplets list --filter alive=true -o id").split())

    def served(self):
        """The broker's certificate, as a client with one of its own sees it."""
        context = ssl.create_default_context(cafile=self.folder / "ca.crt")
        context.load_cert_chain(self.folder / "manager.crt", self.folder / "manager.key")
        with socket.create_connection(("localhost", self.stack.mqtt_port), patience()) as plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
            return ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True)).strip()


@pytest.fixture(name="fleet")
def fleet_fixture(stack):
    fleet = Fleet(stack)
    make, functions, begin = blocks("1. Certificates and keys", "sh")
    fleet.shell(make)
    (fleet.folder / "issue.sh").write_text(functions)
    fleet.shell(begin)
    for token in blocks("2. The hub", "sh"):
        fleet.shell(token)
    fleet.start_broker()
    fleet.start_hub()
    for name in ("worker-1", "worker-2"):
        fleet.start_worker(name)
    for name in ("worker-1", "worker-2"):
        fleet.connected(name)
    return fleet


def test_from_nothing_to_a_task_and_to_one_worker_more_and_one_less(fleet):
    stack = fleet.stack
    context = blocks("3. A worker", "sh")[0].splitlines()[0]
    fleet.shell(context)
    wait_until(lambda: fleet.alive() == {"worker-1", "worker-2"}, 30, "both workers")
    assert fleet.shell(blocks("3. A worker", "sh")[0]).endswith("Hello, world!\n")

    fleet.shell(blocks("One more worker", "sh")[0])
    fleet.reload_broker()
    fleet.start_worker("worker-51")
    wait_until(lambda: "worker-51" in fleet.alive(), 30, "the new worker")
    assert "connection to the broker ended" not in stack.manager.text()

    fleet.shell(blocks("A worker is lost or stolen", "sh")[0])
    fleet.reload_broker()
    wait_until(lambda: fleet.alive() == {"worker-1", "worker-51"}, 60, "the end of worker-2's heartbeats")
    assert stack.processes["worker-2"].alive  # it stands, and nobody hears it
    stack.processes["worker-2"].stop()
    thief = fleet.start_worker("worker-2", "thief")
    wait_until(lambda: "no connection to the broker" in thief.text(), 20, "a refusal")
    assert not fleet.is_connected("thief")
    fleet.shell("propeller-cli proplets delete worker-2")
    assert fleet.shell("propeller-cli tasks run hello.wasm") == "Hello, world!\n"


def test_the_brokers_certificate_is_renewed(fleet):
    old = fleet.served()
    fleet.shell(". ./issue.sh\nissue broker DNS:hub.factory")
    fleet.reload_broker()
    assert fleet.served() not in (old, "") and fleet.served() in (fleet.folder / "broker.crt").read_text()
    assert "connection to the broker ended" not in fleet.stack.manager.text()


def test_the_services_are_handed_what_the_settings_name():
    """Each path below /run/credentials is one that the drop-in above it loads, for a unit that is ours."""
    for heading, of in (("2. The hub", "propeller-manager"), ("3. A worker", "proplet")):
        loaded = set(re.findall(r"^LoadCredential=([\w.]+):", "".join(blocks(heading, "ini")), re.M))
        named = set(re.findall(rf"/run/credentials/{of}\.service/([\w.]+)", "".join(blocks(heading, "toml"))))
        assert loaded == named and (TOP / f"deploy/systemd/{of}.service.in").exists()
